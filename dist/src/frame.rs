//! Where does one frame end and the next begin? Length prefixes, nothing else.
//!
//! Before the connection is up every message carries a length prefix of two bytes (four on TLS,
//! where `{packet, 4}` is forced from the start); afterwards each packet carries four bytes and a
//! length of zero is a tick (OTP "Distribution Protocol", "Distribution Handshake" and "Protocol
//! between Connected Nodes"). What is inside a frame is the business of other files.

#![deny(clippy::arithmetic_side_effects)]

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::handshake::LengthPrefix;

/// The peer announced a frame longer than the receiver accepts.
///
/// Found as soon as the length is known, before any of the frame is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("peer announced a frame of {announced} bytes where at most {limit} are accepted")]
pub struct FrameTooLarge {
    /// Length in the peer's prefix.
    pub announced: u32,
    /// The receiver's limit.
    pub limit: usize,
}

/// What is at the front of a receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// Part of a length prefix, or nothing at all.
    Prefix,
    /// A frame of which bytes are missing: `total` counts prefix and body.
    Partial { total: usize },
    /// A whole frame: a prefix of `prefix_len` bytes and the body, `total` bytes together.
    Whole { prefix_len: usize, total: usize },
}

/// Length of the prefix itself, and the length it announces once it is complete.
fn announced(buf: &[u8], prefix: LengthPrefix) -> (usize, Option<u32>) {
    match prefix {
        LengthPrefix::Two => {
            let bytes = buf.first_chunk::<2>();
            (2, bytes.map(|bytes| u16::from_be_bytes(*bytes).into()))
        }
        LengthPrefix::Four => {
            let bytes = buf.first_chunk::<4>();
            (4, bytes.map(|bytes| u32::from_be_bytes(*bytes)))
        }
    }
}

/// Looks at the front of `buf` without taking anything off it.
pub(crate) fn front(buf: &[u8], prefix: LengthPrefix, max: usize) -> Result<Front, FrameTooLarge> {
    let (prefix_len, Some(announced)) = announced(buf, prefix) else {
        return Ok(Front::Prefix);
    };
    let limit = max;
    let too_large = FrameTooLarge { announced, limit };
    let body = usize::try_from(announced).map_err(|_| too_large)?;
    if body > max {
        return Err(too_large);
    }
    let total = body.checked_add(prefix_len).ok_or(too_large)?;
    Ok(if buf.len() < total {
        Front::Partial { total }
    } else {
        Front::Whole { prefix_len, total }
    })
}

/// Takes one frame off the front of `buf` and returns its body, or `None` if it is not complete.
///
/// The body is a slice of the buffer's memory, not a copy. An empty body is a frame too (a tick,
/// once connected).
///
/// # Errors
///
/// [`FrameTooLarge`] as soon as the prefix announces more than `max` bytes; the buffer is left as
/// it is, since the stream has no later frame boundary to find.
pub fn split_frame(
    buf: &mut BytesMut,
    prefix: LengthPrefix,
    max: usize,
) -> Result<Option<Bytes>, FrameTooLarge> {
    match front(buf, prefix, max)? {
        Front::Prefix | Front::Partial { .. } => Ok(None),
        Front::Whole { prefix_len, total } => {
            let mut frame = buf.split_to(total);
            frame.advance(prefix_len);
            Ok(Some(frame.freeze()))
        }
    }
}
