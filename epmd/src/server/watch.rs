//! Which names come and go, as a stream.
//!
//! Each watcher has a short queue of its own. One that does not keep up loses the queue, not the
//! truth: what it was told is compared with the table, and the difference is what it is told next.

use super::shared::Shared;
use crate::names::{Registered, Table};
use futures_core::Stream;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Events that wait for a watcher before it is told the difference instead.
const QUEUE: usize = 256;

/// A name came or went.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameEvent {
    /// A node is registered.
    Registered(Registered),
    /// A node is registered no longer.
    Unregistered(Registered),
}

/// The names that come and go: see [`ServerHandle::watch`](super::ServerHandle::watch).
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    key: u64,
    /// What this watcher believes, were it to read all of `pending`.
    told: HashMap<Arc<str>, Registered>,
    pending: VecDeque<NameEvent>,
}

/// The queues of all watchers of a server.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    queues: HashMap<u64, Queue>,
    last_key: u64,
    /// The server has ended: nothing comes after what is in the queues.
    ended: bool,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<NameEvent>,
    /// Events are missing, and the table is to be compared.
    behind: bool,
    waker: Option<Waker>,
}

impl Watchers {
    pub(super) fn tell(&mut self, event: NameEvent) {
        for queue in self.queues.values_mut() {
            if queue.events.len() == QUEUE {
                queue.events = VecDeque::new();
                queue.behind = true;
            }
            if !queue.behind {
                queue.events.push_back(event.clone());
            }
            if let Some(waker) = queue.waker.take() {
                waker.wake();
            }
        }
    }

    /// Ends the streams, after what they have yet to tell.
    pub(super) fn end(&mut self) {
        self.ended = true;
        for queue in self.queues.values_mut() {
            if let Some(waker) = queue.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Watch {
    /// A watcher that was told nothing yet, and so has all names before it.
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let mut state = shared.state();
        state.watchers.last_key += 1;
        let key = state.watchers.last_key;
        let queue = Queue {
            behind: true,
            ..Queue::default()
        };
        state.watchers.queues.insert(key, queue);
        drop(state);
        Self {
            shared: Arc::clone(shared),
            key,
            told: HashMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// The next event; `None` when the server has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: an event is only taken when it is returned.
    pub async fn next(&mut self) -> Option<NameEvent> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<NameEvent>> {
        if let Some(event) = self.pending.pop_front() {
            return Poll::Ready(Some(event));
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let state = &mut *state;
        let ended = state.watchers.ended;
        // There is a queue for as long as there is a watcher.
        let Some(queue) = state.watchers.queues.get_mut(&self.key) else {
            return Poll::Ready(None);
        };
        if std::mem::take(&mut queue.behind) {
            self.catch_up(&state.table);
        } else {
            std::mem::swap(&mut self.pending, &mut queue.events);
        }
        for event in &self.pending {
            match event {
                NameEvent::Registered(node) => {
                    self.told.insert(Arc::clone(&node.name), node.clone())
                }
                NameEvent::Unregistered(node) => self.told.remove(&node.name),
            };
        }
        match self.pending.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if ended => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Makes what is pending the difference between what was told and what is.
    fn catch_up(&mut self, table: &Table) {
        let gone = self.told.values();
        let gone = gone.filter(|node| !table.holds(&node.name, node.id));
        let gone = gone.cloned().map(NameEvent::Unregistered);
        self.pending.extend(gone);
        // The oldest first, as if each were told when it happened.
        let known = |node: &Registered| {
            let told = self.told.get(&node.name);
            told.is_some_and(|told| told.id == node.id)
        };
        let come = table.iter().rev().filter(|node| !known(node));
        self.pending.extend(come.map(NameEvent::Registered));
    }
}

impl Stream for Watch {
    type Item = NameEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<NameEvent>> {
        self.get_mut().poll(cx)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.state().watchers.queues.remove(&self.key);
    }
}
