//! What waits to be written, and in which pieces? The outbound bytes of one connection.
//!
//! Frames are built in a contiguous tail, so that many small messages become one segment; a large
//! payload becomes a segment of its own and is never copied. Segments leave in the order in which
//! their bytes were pushed. Water marks are the owner's: it compares them with `pending`.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Payloads of so many bytes or more are kept as their own segment. Below, a copy into the tail
/// costs less than a segment of its own in a vectored write.
const OWN_SEGMENT: usize = 4 * 1024;

/// The tail becomes a segment at this size, so that a growing backlog is not copied over and over.
const TAIL_LIMIT: usize = 64 * 1024;

/// The tail gets room in steps of this size.
const TAIL_STEP: usize = 8 * 1024;

/// Outbound bytes in order.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    segments: VecDeque<Bytes>,
    tail: BytesMut,
    pending: usize,
    pushed: u64,
}

impl SendBuffer {
    /// The tail, with room for at least `room` more bytes. What is appended to it counts only
    /// once [`committed`](Self::committed) is called.
    pub(crate) fn tail(&mut self, room: usize) -> &mut BytesMut {
        if self.tail.capacity().saturating_sub(self.tail.len()) < room {
            self.tail.reserve(room.max(TAIL_STEP));
        }
        &mut self.tail
    }

    /// Bytes that wait in the tail.
    pub(crate) fn tail_len(&self) -> usize {
        self.tail.len()
    }

    /// Counts `len` bytes that were appended to the tail.
    pub(crate) fn committed(&mut self, len: usize) {
        self.count(len);
        if self.tail.len() >= TAIL_LIMIT {
            self.seal();
        }
    }

    /// Appends a payload, by reference if it is large.
    pub(crate) fn push(&mut self, payload: &Bytes) {
        if payload.len() < OWN_SEGMENT {
            self.tail(payload.len()).extend_from_slice(payload);
            self.committed(payload.len());
        } else {
            self.seal();
            self.segments.push_back(payload.clone());
            self.count(payload.len());
        }
    }

    /// Moves up to `max_segments` segments to the back of `into`.
    pub(crate) fn transmit(&mut self, max_segments: usize, into: &mut VecDeque<Bytes>) {
        let ready = self.segments.len().min(max_segments);
        into.extend(self.segments.drain(..ready));
        if ready < max_segments && !self.tail.is_empty() {
            into.push_back(self.tail.split().freeze());
        }
    }

    /// Takes `len` bytes off what is pending: they were written.
    pub(crate) fn sent(&mut self, len: usize) {
        self.pending = self.pending.saturating_sub(len);
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.tail.is_empty()
    }

    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.segments.push_back(self.tail.split().freeze());
        }
    }

    fn count(&mut self, len: usize) {
        self.pending = self.pending.saturating_add(len);
        self.pushed = self.pushed.saturating_add(len as u64);
    }
}
