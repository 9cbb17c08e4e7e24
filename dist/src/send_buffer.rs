//! What leaves in the order in which it was pushed? The frames of one connection that carry a
//! header, and ticks.
//!
//! Frames are built in a contiguous tail, so that many small messages become one segment; a large
//! payload becomes a segment of its own and is never copied.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Payloads of so many bytes or more are kept as their own segment. Below, a copy into the tail
/// costs less than a segment of its own in a vectored write.
const OWN_SEGMENT: usize = 4 * 1024;

/// The tail becomes a segment at this size, so that a growing backlog is not copied over and over.
const TAIL_LIMIT: usize = 64 * 1024;

/// The tail gets room in steps of this size.
const TAIL_STEP: usize = 8 * 1024;

/// Frames in order.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    segments: VecDeque<Bytes>,
    tail: BytesMut,
    /// Bytes in the segments, without the tail.
    sealed: usize,
}

impl SendBuffer {
    /// The tail, with room for at least `room` more bytes.
    #[inline]
    pub(crate) fn tail(&mut self, room: usize) -> &mut BytesMut {
        if self.tail.len() >= TAIL_LIMIT {
            self.seal();
        }
        if self.tail.capacity().saturating_sub(self.tail.len()) < room {
            self.tail.reserve(room.max(TAIL_STEP));
        }
        &mut self.tail
    }

    /// Appends a payload, by reference if it is large.
    #[inline]
    pub(crate) fn push(&mut self, payload: &Bytes) {
        if payload.len() < OWN_SEGMENT {
            self.tail(payload.len()).extend_from_slice(payload);
        } else {
            self.seal();
            self.sealed = self.sealed.saturating_add(payload.len());
            self.segments.push_back(payload.clone());
        }
    }

    /// Moves everything to the back of `into`; returns how many bytes that are.
    pub(crate) fn transmit(&mut self, into: &mut VecDeque<Bytes>) -> usize {
        self.seal();
        into.append(&mut self.segments);
        core::mem::take(&mut self.sealed)
    }

    /// Bytes that are there.
    pub(crate) fn len(&self) -> usize {
        self.sealed.saturating_add(self.tail.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.tail.is_empty()
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.sealed = self.sealed.saturating_add(self.tail.len());
            self.segments.push_back(self.tail.split().freeze());
        }
    }
}
