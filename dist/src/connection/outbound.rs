//! How do signals become bytes? The outbound half of an established link.
//!
//! Everything that carries a header leaves in the order in which it was pushed, because that is
//! the order in which the atom cache changed: whole messages, first fragments and, with them,
//! ticks. Later fragments carry none. They go out between the others, a few at a time, so that a
//! large message delays nobody but its own sender.

use alloc::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use erland_etf::{Atom, AtomRefs, Pid, RefWriter};

use super::room::OutboundLimits;
use super::{Framing, PayloadRef};
use crate::atom_cache::OutboundAtomCache;
use crate::control::{Control, Op, Place, encode};
use crate::error::EncodeError;
use crate::flags::Flags;
use crate::fragment::{Held, Sequences};
use crate::header::{FIRST_FRAGMENT, HEADER, PASS_THROUGH, RefsLen, VERSION};
use crate::send_buffer::SendBuffer;
use crate::tick::TICK;

/// The longest that comes before the control message: the lead of a first fragment, and 255 new
/// entries of 255 characters.
const MOST_HEADER: u64 = 2 + 8 + 8 + 1 + 128 + 255 * (1 + 2 + 4 * 255);

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
/// outbound.transmit(&mut segments);
/// assert!(outbound.is_empty());
/// assert_eq!(outbound.pending(), 4); // until it is known to be written
/// outbound.sent(4);
/// assert_eq!(outbound.pending(), 0);
/// ```
#[derive(Debug)]
pub struct Outbound {
    flags: Flags,
    framing: Framing,
    pub(super) fragments: bool,
    pub(super) limits: OutboundLimits,
    /// Present if the cache was negotiated: without it there is nothing that writes an entry.
    cache: Option<OutboundAtomCache>,
    buffer: SendBuffer,
    pub(super) sequences: Sequences,
    /// What was handed out and is not known to be written, in order.
    handed: VecDeque<Handed>,
    /// Of these, the bytes of each kind.
    queue_handed: usize,
    bulk_handed: usize,
    pushed: u64,
    pub(super) relieved: bool,
    /// The control message at hand; a field for its capacity.
    control: BytesMut,
}

/// Bytes that were handed out.
#[derive(Clone, Copy, Debug)]
struct Handed {
    len: usize,
    /// They are later fragments.
    bulk: bool,
}

/// A signal whose control message is in bytes: all that is left is to build its frame.
struct Encoded<'a> {
    sender: Option<&'a Pid>,
    place: Place,
    payload: Option<&'a Bytes>,
}

/// Every atom is written in full.
struct Plain;

impl AtomRefs for Plain {
    fn position(&mut self, _: &Atom) -> Option<u8> {
        None
    }
}

impl Outbound {
    /// The outbound half of a link on which both sides have `flags`.
    pub fn new(flags: Flags) -> Outbound {
        Outbound::with_limits(flags, OutboundLimits::default())
    }

    /// [`new`](Outbound::new) with other limits.
    pub fn with_limits(flags: Flags, limits: OutboundLimits) -> Outbound {
        Outbound {
            flags,
            framing: Framing::of(flags),
            fragments: flags.contains(Flags::FRAGMENTS),
            cache: OutboundAtomCache::negotiated(flags, limits.cache_slots),
            sequences: Sequences::new(limits.fragment_size),
            limits,
            buffer: SendBuffer::default(),
            handed: VecDeque::new(),
            queue_handed: 0,
            bulk_handed: 0,
            pushed: 0,
            relieved: false,
            control: BytesMut::new(),
        }
    }

    /// What was negotiated.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// How many atoms a payload may refer to without being rewritten when it is pushed: 0 on a
    /// link without atom cache.
    pub fn most_refs(&self) -> usize {
        self.cache.as_ref().map_or(0, OutboundAtomCache::most_refs)
    }

    /// Appends a signal.
    ///
    /// `sender` is the process that sends it, even if the signal does not show it. Signals of one
    /// process stay in order: what it pushes while a large message of its own is unfinished waits
    /// until that is finished. Signals without a sender wait for nothing, so two of them, one of
    /// which is large, may change places.
    ///
    /// A payload below 4 KiB is copied, from there on kept as it is. One that refers to atoms is
    /// rewritten if the link has no cache for them.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the signal cannot be said on this link, or the payload is missing or one
    /// too many. Nothing is appended then.
    pub fn push(
        &mut self,
        sender: Option<&Pid>,
        control: &Control,
        payload: Option<PayloadRef<'_>>,
    ) -> Result<(), EncodeError> {
        let plain;
        let payload = match payload {
            Some(payload) if payload.atoms.len() > self.most_refs() => {
                plain = payload.to_plain()?;
                Some(PayloadRef::from(&plain))
            }
            other => other,
        };
        if let Some(sender) = sender
            && self.sequences.holds(sender)
        {
            return self.hold(sender, control, payload);
        }
        let flags = self.flags;
        self.control.clear();
        let op = match &mut self.cache {
            Some(cache) => {
                cache.begin(payload.map_or(&[], |payload| payload.atoms));
                encode(control, flags, RefWriter::new(&mut self.control, cache))?
            }
            None => encode(
                control,
                flags,
                RefWriter::new(&mut self.control, &mut Plain),
            )?,
        };
        let encoded = Encoded {
            sender,
            place: op.place(),
            payload: payload.map(|payload| payload.bytes),
        };
        check_payload(op, encoded.payload)?;
        self.check_len(&encoded, self.control.len())?;
        let control = core::mem::take(&mut self.control);
        self.put(&encoded, &control);
        self.control = control;
        Ok(())
    }

    /// Appends a tick.
    pub fn push_tick(&mut self) {
        self.buffer.tail(TICK.len()).extend_from_slice(&TICK);
        self.count(TICK.len());
    }

    /// Bytes pushed and not yet reported as [`sent`](Outbound::sent), those handed out by
    /// [`transmit`](Outbound::transmit) included, and with an estimate of what held signals take.
    pub fn pending(&self) -> usize {
        self.queued()
            .saturating_add(self.bulk())
            .saturating_add(self.held())
    }

    /// Of these, the bytes in the one queue of the link: whole messages, first fragments, ticks.
    pub fn queued(&self) -> usize {
        self.buffer.len().saturating_add(self.queue_handed)
    }

    /// Of these, the bytes of later fragments.
    pub fn bulk(&self) -> usize {
        self.sequences.rest().saturating_add(self.bulk_handed)
    }

    /// Of these, the bytes of signals that wait behind unfinished messages of their senders.
    pub fn held(&self) -> usize {
        self.sequences.held()
    }

    /// Whether there is nothing left for [`transmit`](Outbound::transmit) to hand out.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.sequences.len() == 0
    }

    /// Moves one turn of segments to the back of `into`, in the order in which they are to be
    /// written: everything that is queued, then a few later fragments of unfinished messages.
    ///
    /// What is pushed after it is written after it, so the next turn should be asked for only when
    /// this one is written.
    pub fn transmit(&mut self, into: &mut VecDeque<Bytes>) {
        self.transmit_queue(into);
        let mut budget = self.limits.bulk_per_turn.max(1);
        while budget > 0 {
            let before = self.sequences.rest();
            let Some(turn) = self.sequences.next(into) else {
                return;
            };
            budget = budget.saturating_sub(turn.len.min(self.sequences.fragment_size()));
            self.pushed = self.pushed.saturating_add(turn.len as u64);
            self.hand_out(turn.len, true);
            let mark = self.limits.high_water;
            self.relieved |= before > mark && self.sequences.rest() <= mark;
            if let Some(sender) = turn.finished {
                self.relieved = true;
                if let Some(sender) = sender {
                    self.release(&sender);
                }
                // Later fragments of a message that began just now may not overtake its first one.
                self.transmit_queue(into);
            }
        }
    }

    /// Reports `len` bytes as written to the transport.
    pub fn sent(&mut self, mut len: usize) {
        let before = self.queued();
        while let Some(front) = self.handed.front_mut() {
            let part = front.len.min(len);
            front.len = front.len.saturating_sub(part);
            let handed = if front.bulk {
                &mut self.bulk_handed
            } else {
                &mut self.queue_handed
            };
            *handed = handed.saturating_sub(part);
            len = len.saturating_sub(part);
            if front.len > 0 {
                break;
            }
            self.handed.pop_front();
        }
        let low_water = self.limits.high_water / 2;
        self.relieved |= before >= low_water && self.queued() < low_water;
    }

    /// Bytes of frames that were begun since the link came up, ticks included: what
    /// [`Ticker`](crate::Ticker) takes for written.
    pub fn pushed_total(&self) -> u64 {
        self.pushed
    }

    /// Bytes that the next [`transmit`](Outbound::transmit) hands out first.
    #[cfg(feature = "testing")]
    pub(crate) fn untransmitted(&self) -> usize {
        self.buffer.len()
    }

    /// The atoms that the peer has been told of, with their slots.
    #[cfg(feature = "testing")]
    pub(crate) fn cached(&self) -> impl Iterator<Item = (u16, &Atom)> {
        self.cache.iter().flat_map(OutboundAtomCache::told)
    }

    /// Keeps a signal until its sender's unfinished message is finished.
    fn hold(
        &mut self,
        sender: &Pid,
        control: &Control,
        payload: Option<PayloadRef<'_>>,
    ) -> Result<(), EncodeError> {
        let mut bytes = BytesMut::new();
        let op = encode(control, self.flags, RefWriter::new(&mut bytes, &mut Plain))?;
        let encoded = Encoded {
            sender: Some(sender),
            place: op.place(),
            payload: payload.map(|payload| payload.bytes),
        };
        check_payload(op, encoded.payload)?;
        self.check_len(&encoded, bytes.len())?;
        let held = Held {
            control: bytes.freeze(),
            payload: payload.map(PayloadRef::to_raw),
            in_tuple: op.place() == Place::InTuple,
        };
        self.sequences.hold(sender, held);
        Ok(())
    }

    /// Lets signals of a sender go whose message is finished, until one of them is a message in
    /// fragments again.
    fn release(&mut self, sender: &Pid) {
        while let Some(held) = self.sequences.release(sender) {
            let payload = held.payload.as_ref();
            if let Some(cache) = &mut self.cache {
                cache.begin(payload.map_or(&[], |payload| payload.atoms()));
            }
            let encoded = Encoded {
                sender: Some(sender),
                place: if held.in_tuple {
                    Place::InTuple
                } else {
                    Place::After
                },
                payload: payload.map(|payload| payload.bytes()),
            };
            if self.put(&encoded, &held.control) {
                return;
            }
        }
    }

    /// Whether a message goes out in fragments.
    fn is_bulk(&self, encoded: &Encoded<'_>, control: usize) -> bool {
        let payload = encoded.payload.map_or(0, Bytes::len);
        self.fragments
            && encoded.place == Place::After
            && payload > 0
            && control.saturating_add(payload) > self.sequences.fragment_size()
    }

    /// No frame is longer than its length can say, whatever its header will be.
    fn check_len(&self, encoded: &Encoded<'_>, control: usize) -> Result<(), EncodeError> {
        let payload = if self.is_bulk(encoded, control) {
            self.sequences.fragment_size()
        } else {
            encoded.payload.map_or(0, Bytes::len)
        };
        frame_len(control, payload).map(drop)
    }

    /// Appends the frame of a signal, whose control message is in these bytes and whose atoms the
    /// cache has collected; the first frame of it, if it takes more. Whether it does.
    fn put(&mut self, encoded: &Encoded<'_>, control: &[u8]) -> bool {
        if self.framing == Framing::PassThrough {
            self.put_pass_through(encoded, control);
            return false;
        }
        let bulk = self.is_bulk(encoded, control.len());
        let refs = match &self.cache {
            Some(cache) => cache.header_len(),
            None => RefsLen::default(),
        };
        let payload = encoded.payload.cloned().unwrap_or_default();
        let (lead, first) = if bulk {
            (
                2 + 8 + 8,
                self.sequences.fragment_size().saturating_sub(control.len()),
            )
        } else {
            (2, payload.len())
        };
        let mut rest = payload;
        let part = rest.split_to(first.min(rest.len()));
        let before = lead + refs.bytes() + control.len();
        let tail = self.buffer.tail(TICK.len() + before);
        // `check_len` has seen to it.
        tail.put_u32((before + part.len()) as u32);
        if bulk {
            let id = self.sequences.next_id();
            tail.put_slice(&[VERSION, FIRST_FRAGMENT]);
            tail.put_u64(id);
            tail.put_u64(self.sequences.later_fragments(rest.len()).saturating_add(1));
            write_refs(self.cache.as_mut(), tail);
            tail.extend_from_slice(control);
            self.sequences.open(id, rest, encoded.sender);
        } else {
            tail.put_slice(&[VERSION, HEADER]);
            write_refs(self.cache.as_mut(), tail);
            tail.extend_from_slice(control);
        }
        self.buffer.push(&part);
        self.count(TICK.len() + before + part.len());
        bulk
    }

    fn put_pass_through(&mut self, encoded: &Encoded<'_>, control: &[u8]) {
        let version = encoded.place == Place::After && encoded.payload.is_some();
        let before = 2 + control.len() + usize::from(version);
        let payload = encoded.payload.map_or(0, Bytes::len);
        let tail = self.buffer.tail(TICK.len() + before);
        tail.put_u32((before + payload) as u32);
        tail.put_slice(&[PASS_THROUGH, VERSION]);
        tail.extend_from_slice(control);
        if version {
            tail.put_u8(VERSION);
        }
        if let Some(payload) = encoded.payload {
            self.buffer.push(payload);
        }
        self.count(TICK.len() + before + payload);
    }

    fn transmit_queue(&mut self, into: &mut VecDeque<Bytes>) {
        let len = self.buffer.transmit(into);
        self.hand_out(len, false);
    }

    fn hand_out(&mut self, len: usize, bulk: bool) {
        if len == 0 {
            return;
        }
        if bulk {
            self.bulk_handed = self.bulk_handed.saturating_add(len);
        } else {
            self.queue_handed = self.queue_handed.saturating_add(len);
        }
        match self.handed.back_mut() {
            Some(back) if back.bulk == bulk => back.len = back.len.saturating_add(len),
            _ => self.handed.push_back(Handed { len, bulk }),
        }
    }

    fn count(&mut self, len: usize) {
        self.pushed = self.pushed.saturating_add(len as u64);
    }
}

/// Writes the references of the message at hand; on a link without cache, that there are none.
fn write_refs(cache: Option<&mut OutboundAtomCache>, tail: &mut BytesMut) {
    match cache {
        Some(cache) => cache.write_header(tail),
        None => tail.put_u8(0),
    }
}

fn check_payload(op: Op, payload: Option<&Bytes>) -> Result<(), EncodeError> {
    match (op.place(), payload) {
        (Place::Nowhere, None) => Ok(()),
        (Place::Nowhere, Some(_)) => Err(EncodeError::PayloadUnexpected { op }),
        (Place::InTuple | Place::After, Some(payload)) if !payload.is_empty() => Ok(()),
        (Place::InTuple | Place::After, _) => Err(EncodeError::PayloadMissing { op }),
    }
}

/// The most that a frame with these parts can come to.
fn frame_len(control: usize, payload: usize) -> Result<u32, EncodeError> {
    let len = (control as u64)
        .saturating_add(payload as u64)
        .saturating_add(MOST_HEADER);
    u32::try_from(len).map_err(|_| EncodeError::FrameTooLarge { len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_longer_than_its_length_can_say_is_refused() {
        let most = u32::MAX as usize - MOST_HEADER as usize - 100;
        assert_eq!(frame_len(100, most), Ok(u32::MAX));
        let len = 1 << 32;
        let error = EncodeError::FrameTooLarge { len };
        assert_eq!(frame_len(100, most + 1), Err(error));
    }
}
