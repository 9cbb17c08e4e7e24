//! How do signals become bytes? The outbound half of an established link.
//!
//! Messages leave whole and with empty distribution headers, which is legal whatever was
//! negotiated. The order of the bytes is the order of the calls.

use alloc::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::Framing;
use crate::control::{Control, Op, Place, encode};
use crate::error::EncodeError;
use crate::flags::Flags;
use crate::header::{HEADER, PASS_THROUGH, VERSION};
use crate::send_buffer::SendBuffer;
use crate::tick::TICK;

/// Room for a control message in most cases: two pids and a reference with names of 40 bytes.
const CONTROL_ROOM: usize = 512;

/// The outbound half of a link: turns signals into bytes and holds them until they are written.
///
/// ```
/// # use std::collections::VecDeque;
/// # use bytes::Bytes;
/// # use erland_dist::{Flags, Outbound};
/// let mut outbound = Outbound::new(Flags::HONOURED);
/// outbound.push_tick();
///
/// let mut segments = VecDeque::new();
/// outbound.transmit(64, &mut segments);
/// assert!(outbound.is_empty());
/// assert_eq!(outbound.pending(), 4); // until it is known to be written
/// outbound.sent(4);
/// assert_eq!(outbound.pending(), 0);
/// ```
#[derive(Debug)]
pub struct Outbound {
    flags: Flags,
    framing: Framing,
    buffer: SendBuffer,
}

impl Outbound {
    /// The outbound half of a link on which both sides have `flags`.
    pub fn new(flags: Flags) -> Outbound {
        Outbound {
            flags,
            framing: Framing::of(flags),
            buffer: SendBuffer::default(),
        }
    }

    /// What was negotiated.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Appends a signal.
    ///
    /// `payload` is one encoded term without version byte and without atom cache references; it
    /// is trusted to be one. Below 4 KiB it is copied, from there on kept as it is.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the signal cannot be said on this link, or the payload is missing or one
    /// too many. Nothing is appended then.
    pub fn push(&mut self, control: &Control, payload: Option<&Bytes>) -> Result<(), EncodeError> {
        let start = self.buffer.tail_len();
        let payload_len = payload.map_or(0, Bytes::len);
        let flags = self.flags;
        let framing = self.framing;
        let tail = self.buffer.tail(CONTROL_ROOM);
        let written = write_frame(control, payload, flags, framing, tail)
            .and_then(|()| patch_length(tail, start, payload_len));
        match written {
            Ok(len) => {
                self.buffer.committed(len);
                if let Some(payload) = payload {
                    self.buffer.push(payload);
                }
                Ok(())
            }
            Err(error) => {
                tail.truncate(start);
                Err(error)
            }
        }
    }

    /// Appends a tick.
    pub fn push_tick(&mut self) {
        self.buffer.tail(TICK.len()).extend_from_slice(&TICK);
        self.buffer.committed(TICK.len());
    }

    /// Bytes pushed and not yet reported as [`sent`](Outbound::sent), those handed out by
    /// [`transmit`](Outbound::transmit) included. This is what the water marks of a link count.
    pub fn pending(&self) -> usize {
        self.buffer.pending()
    }

    /// Whether there is nothing left for [`transmit`](Outbound::transmit) to hand out.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Moves up to `max_segments` segments to the back of `into`, in the order in which they are
    /// to be written.
    pub fn transmit(&mut self, max_segments: usize, into: &mut VecDeque<Bytes>) {
        self.buffer.transmit(max_segments, into);
    }

    /// Reports `len` bytes as written to the transport.
    pub fn sent(&mut self, len: usize) {
        self.buffer.sent(len);
    }

    /// Bytes pushed since the link came up, ticks included: what [`Ticker`](crate::Ticker) takes
    /// for written.
    pub fn pushed_total(&self) -> u64 {
        self.buffer.pushed()
    }
}

/// Appends everything of a frame that stands before the payload; the length stays open.
fn write_frame(
    control: &Control,
    payload: Option<&Bytes>,
    flags: Flags,
    framing: Framing,
    tail: &mut BytesMut,
) -> Result<(), EncodeError> {
    tail.put_u32(0);
    match framing {
        Framing::PassThrough => tail.put_slice(&[PASS_THROUGH, VERSION]),
        Framing::Headers => tail.put_slice(&[VERSION, HEADER, 0]),
    }
    let op = encode(control, flags, tail)?;
    check_payload(op, payload)?;
    if framing == Framing::PassThrough && op.place() == Place::After {
        tail.put_u8(VERSION);
    }
    Ok(())
}

fn check_payload(op: Op, payload: Option<&Bytes>) -> Result<(), EncodeError> {
    match (op.place(), payload) {
        (Place::Nowhere, None) => Ok(()),
        (Place::Nowhere, Some(_)) => Err(EncodeError::PayloadUnexpected { op }),
        (Place::InTuple | Place::After, Some(payload)) if !payload.is_empty() => Ok(()),
        (Place::InTuple | Place::After, _) => Err(EncodeError::PayloadMissing { op }),
    }
}

/// Writes the length into the frame that begins at `start`; returns how much of it is in `tail`.
fn patch_length(
    tail: &mut BytesMut,
    start: usize,
    payload_len: usize,
) -> Result<usize, EncodeError> {
    let written = tail.len().saturating_sub(start);
    let len = written.saturating_sub(TICK.len()) as u64 + payload_len as u64;
    let prefix = u32::try_from(len).map_err(|_| EncodeError::FrameTooLarge { len })?;
    if let Some(place) = tail
        .get_mut(start..)
        .and_then(|frame| frame.first_chunk_mut())
    {
        *place = prefix.to_be_bytes();
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_longer_than_its_length_can_say_is_refused() {
        let mut tail = BytesMut::from(&[9, 9, 0, 0, 0, 0, 131, 68, 0][..]);
        let most = u32::MAX as usize - 3;
        assert_eq!(patch_length(&mut tail, 2, most), Ok(7));
        assert_eq!(tail[..6], [9, 9, 255, 255, 255, 255]);
        let len = 1 << 32;
        let error = EncodeError::FrameTooLarge { len };
        assert_eq!(patch_length(&mut tail, 2, most + 1), Err(error));
    }
}
