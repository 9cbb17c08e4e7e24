//! How does a signal reach a process' task? One locked queue, swapped out whole by its one reader.

use std::collections::VecDeque;
use std::task::Waker;

use super::signal::Signal;
use crate::sync::Mutex;

/// Above this many slots a drained queue gives its memory back, so that a burst is not a
/// permanent cost.
pub(super) const KEEP_CAPACITY: usize = 64;

/// The inbound queue of a process: many writers, one reader.
///
/// Only the push that finds the queue empty takes the waker, and its caller wakes after the lock
/// is released, so a burst costs one wake-up.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Signal>,
    /// Present while the reader waits; taken by the push that wakes it.
    waker: Option<Waker>,
    /// Set once, when the process ends: every later push is handed back to its sender.
    closed: bool,
}

impl Mailbox {
    /// Queues `signal`; the caller wakes the returned waker once it holds no lock.
    ///
    /// Hands the signal back when the process is exiting: the sender then answers it as for a
    /// process that does not exist.
    pub(crate) fn push(&self, signal: Signal) -> Result<Option<Waker>, Signal> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(signal);
        }
        state.queue.push_back(signal);
        Ok(state.waker.take())
    }

    /// Swaps everything queued into `drained`, which must be empty, and leaves `waker`, if one is
    /// given, to be woken by the next push.
    pub(crate) fn drain(&self, drained: &mut VecDeque<Signal>, waker: Option<&Waker>) {
        debug_assert!(drained.is_empty());
        if drained.capacity() > KEEP_CAPACITY {
            *drained = VecDeque::new();
        }
        let mut state = self.state.lock();
        std::mem::swap(&mut state.queue, drained);
        match (&mut state.waker, waker) {
            (_, None) => {}
            (Some(present), Some(waker)) => present.clone_from(waker),
            (none, Some(waker)) => *none = Some(waker.clone()),
        }
    }

    /// Wakes the reader, if it waits.
    pub(crate) fn wake(&self) {
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Refuses everything from now on and returns what was still queued.
    pub(crate) fn close(&self) -> VecDeque<Signal> {
        let mut state = self.state.lock();
        state.closed = true;
        state.waker = None;
        std::mem::take(&mut state.queue)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }
}
