//! What happens to bytes between two sides? One direction of a transport, with its faults.
//!
//! A stream keeps its bytes and their order, as TCP does; it may split and merge them as it likes
//! and take its time. Faults happen at byte offsets of the stream, so that they can be aimed.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::rng::Rng;

/// Something that goes wrong in one direction of a transport, at a byte offset of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One byte arrives as another one.
    Corrupt {
        /// Offset of the byte.
        at: u64,
        /// What the byte is changed by (exclusive or); not 0.
        mask: u8,
    },
    /// Bytes are missing, the ones after them are not.
    Truncate {
        /// Offset of the first missing byte.
        at: u64,
        /// How many are missing.
        len: u64,
    },
    /// The transport closes: nothing from this byte on arrives, and the other side hears of it.
    Cut {
        /// Offset of the first byte that does not arrive.
        at: u64,
    },
    /// Nothing from this byte on arrives for a while; the other direction goes on.
    Stall {
        /// Offset of the first byte that is held back.
        at: u64,
        /// For how long; `None` is for ever.
        time: Option<Duration>,
    },
}

impl Fault {
    /// The offset up to which the stream is as it should be.
    pub fn at(&self) -> u64 {
        match self {
            Fault::Corrupt { at, .. }
            | Fault::Truncate { at, .. }
            | Fault::Cut { at }
            | Fault::Stall { at, .. } => *at,
        }
    }
}

/// What arrives at the far end.
#[derive(Debug)]
pub(super) enum Arrival {
    Bytes(Vec<u8>),
    Closed,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Wire {
    fault: Option<Fault>,
    /// Largest piece and longest delay of a piece.
    piece: u64,
    delay: Duration,
    /// Bytes that were put in.
    carried: u64,
    /// Bytes under way.
    in_flight: usize,
    queue: VecDeque<(Duration, Arrival)>,
    /// When the last piece arrives: no later one overtakes it.
    last: Duration,
    cut: bool,
    /// Set by a stall without end.
    dead: bool,
    /// What it takes before the sender must wait.
    window: usize,
}

impl Wire {
    pub(super) fn new(piece: u64, delay: Duration, window: usize, fault: Option<Fault>) -> Wire {
        Wire {
            fault,
            piece: piece.max(1),
            delay,
            carried: 0,
            in_flight: 0,
            queue: VecDeque::new(),
            last: Duration::ZERO,
            cut: false,
            dead: false,
            window: window.max(1),
        }
    }

    /// How many bytes can be put in now.
    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.in_flight)
    }

    /// When something arrives next.
    pub(super) fn next_arrival(&self) -> Option<Duration> {
        self.queue.front().map(|(at, _)| *at)
    }

    /// Puts bytes in at the near end.
    pub(super) fn put(&mut self, bytes: &[u8], now: Duration, rng: &mut Rng) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.cut {
            // Large writes stay in larger pieces, so that tiny pieces do not take for ever.
            let least = 1 + rest.len() as u64 / 200;
            let len = rng.between(1, self.piece).max(least).min(rest.len() as u64);
            let (piece, after) = rest.split_at_checked(len as usize).unwrap_or((rest, &[]));
            rest = after;
            self.put_piece(piece, now, rng);
        }
    }

    fn put_piece(&mut self, piece: &[u8], now: Duration, rng: &mut Rng) {
        let start = self.carried;
        self.carried = start.saturating_add(piece.len() as u64);
        let reaches = |at: u64| at < start.saturating_add(piece.len() as u64);
        let offset = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        let delay = Duration::from_micros(rng.below(self.delay.as_micros() as u64 + 1));
        self.last = self.last.max(now + delay);

        let mut bytes = piece.to_vec();
        let was_dead = self.dead;
        match self.fault {
            Some(Fault::Corrupt { at, mask }) if at >= start && reaches(at) => {
                if let Some(byte) = bytes.get_mut(offset(at)) {
                    *byte ^= mask;
                }
            }
            Some(Fault::Truncate { at, len }) if reaches(at) => {
                let from = offset(at).min(bytes.len());
                let to = offset(at.saturating_add(len)).min(bytes.len());
                bytes.drain(from..to.max(from));
            }
            Some(Fault::Cut { at }) if reaches(at) => {
                bytes.truncate(offset(at));
                self.cut = true;
            }
            Some(Fault::Stall { at, time }) if reaches(at) => {
                self.fault = None;
                match time {
                    Some(time) => self.last += time,
                    None => {
                        bytes.truncate(offset(at));
                        self.dead = true;
                    }
                }
            }
            Some(_) | None => {}
        }
        self.in_flight = self.in_flight.saturating_add(bytes.len());
        if was_dead {
            return;
        }
        if !bytes.is_empty() {
            self.queue.push_back((self.last, Arrival::Bytes(bytes)));
        }
        if self.cut {
            self.queue.push_back((self.last, Arrival::Closed));
        }
    }

    /// The near end is closed: the far end hears of it after everything that was put in before.
    pub(super) fn close(&mut self) {
        if !self.cut && !self.dead {
            self.cut = true;
            self.queue.push_back((self.last, Arrival::Closed));
        }
    }

    /// Takes what has arrived at the far end by `now`; pieces may be merged.
    pub(super) fn take(&mut self, now: Duration, rng: &mut Rng) -> Option<Arrival> {
        let arrived = |wire: &Wire| wire.next_arrival().is_some_and(|at| at <= now);
        if !arrived(self) {
            return None;
        }
        let mut bytes = match self.queue.pop_front()?.1 {
            Arrival::Bytes(bytes) => bytes,
            Arrival::Closed => return Some(Arrival::Closed),
        };
        while arrived(self) && !rng.one_in(4) {
            match self.queue.pop_front() {
                Some((_, Arrival::Bytes(more))) => bytes.extend_from_slice(&more),
                Some(closed) => {
                    self.queue.push_front(closed);
                    break;
                }
                None => break,
            }
        }
        self.in_flight = self.in_flight.saturating_sub(bytes.len());
        Some(Arrival::Bytes(bytes))
    }
}
