//! What the connections of a server share: the names, the counters, and the signal to end.

use super::metrics::{Counters, Event};
use super::settings::Settings;
use super::throttle::Throttle;
use super::watch::{NameEvent, Watchers};
use crate::message::NodeEntry;
use crate::names::{Registered, RegistrationId, Table, Taken};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) counters: Counters,
    pub(super) throttles: Throttles,
    /// The port that NAMES and DUMP announce.
    pub(super) port: u16,
    state: Mutex<State>,
    /// Connections with a task of their own that are not registered nodes.
    requests: AtomicUsize,
    /// Connections with a task of their own.
    tasks: AtomicUsize,
    /// Bytes of replies that wait for their peers.
    unread: AtomicUsize,
    ending: AtomicBool,
    /// The server ends, or a registration was dropped by a request.
    recheck: Notify,
    /// There is no room for another connection.
    crowded: Notify,
    /// The last task has ended after the server began to.
    emptied: Notify,
}

/// The log lines that peers can cause at a level which is on by default.
#[derive(Debug, Default)]
pub(super) struct Throttles {
    pub(super) accept: Throttle,
    pub(super) crowded: Throttle,
    pub(super) not_allowed: Throttle,
    pub(super) names_full: Throttle,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) table: Table,
    pub(super) watchers: Watchers,
}

/// Why a node was not registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRegistered {
    Taken,
    Full,
}

impl Shared {
    pub(super) fn new(table: Table, port: u16, settings: Settings) -> Self {
        Self {
            settings,
            counters: Counters::default(),
            throttles: Throttles::default(),
            port,
            state: Mutex::new(State {
                table,
                watchers: Watchers::default(),
            }),
            requests: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            unread: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            recheck: Notify::new(),
            crowded: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// A panic elsewhere cannot leave the state half changed, so that poison means nothing here.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a node for as long as the returned value lives.
    pub(super) fn register(
        self: &Arc<Self>,
        entry: NodeEntry,
        fd: i32,
    ) -> Result<(Name, Registered), NotRegistered> {
        let mut state = self.state();
        if state.table.len() >= self.settings.max_names {
            return Err(NotRegistered::Full);
        }
        let registered = state
            .table
            .register(entry, fd, now())
            .map_err(|Taken| NotRegistered::Taken)?;
        state.told(NameEvent::Registered(registered.clone()), &self.counters);
        drop(state);
        let name = Name {
            shared: Arc::clone(self),
            name: Arc::clone(&registered.name),
            id: registered.id,
        };
        Ok((name, registered))
    }

    /// Drops a registration, whoever holds it, and has its connection closed.
    pub(super) fn drop_name(&self, name: &str) -> bool {
        let mut state = self.state();
        let Some(registered) = state.table.remove(name) else {
            return false;
        };
        state.told(NameEvent::Unregistered(registered), &self.counters);
        drop(state);
        self.recheck.notify_waiters();
        true
    }

    /// Returns when [`Name::is_pointless`] may have changed.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.recheck.notified()
    }

    /// Has the server end.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.recheck.notify_waiters();
        self.emptied.notify_waiters();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// Returns once the server is to end.
    pub(super) async fn until_ending(&self) {
        self.until(&self.recheck, || self.is_ending()).await;
    }

    /// Returns once the server is to end or there is no room for another connection.
    pub(super) async fn until_crowded(&self) {
        self.until(&self.crowded, || self.is_crowded()).await;
    }

    /// Returns when the last task has ended, once the server ends.
    pub(super) async fn until_emptied(&self) {
        self.until(&self.emptied, || self.tasks.load(Ordering::SeqCst) == 0)
            .await;
    }

    async fn until(&self, notify: &Notify, reached: impl Fn() -> bool) {
        loop {
            // Before the question, so that a change between the two is not missed.
            let changed = notify.notified();
            if reached() {
                return;
            }
            changed.await;
        }
    }

    /// Whether as many connections are open as may be.
    pub(super) fn is_crowded(&self) -> bool {
        self.requests.load(Ordering::SeqCst) >= self.settings.max_connections
    }

    /// Has connections closed that are open for no good reason.
    pub(super) fn make_room(&self) {
        self.crowded.notify_waiters();
    }

    /// Room for a reply that waits for its peer, if there is any.
    pub(super) fn keep(&self, bytes: usize) -> Option<Unread<'_>> {
        let most = self.settings.max_unread;
        let kept = |now: usize| {
            let sum = now.checked_add(bytes)?;
            (now == 0 || sum <= most).then_some(sum)
        };
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        self.unread.fetch_update(set, fetch, kept).ok()?;
        Some(Unread {
            shared: self,
            bytes,
        })
    }

    pub(super) fn connections(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl State {
    fn told(&mut self, event: NameEvent, counters: &Counters) {
        match event {
            NameEvent::Registered(_) => counters.count(Event::Registered),
            NameEvent::Unregistered(_) => counters.count(Event::Unregistered),
        }
        counters.registered(self.table.len());
        self.watchers.tell(event);
    }
}

/// A name that is registered for as long as this lives, or until it is dropped by a request.
#[derive(Debug)]
pub(super) struct Name {
    shared: Arc<Shared>,
    name: Arc<str>,
    id: RegistrationId,
}

impl Name {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether there is no point in holding the name any more: the server ends, or the name was
    /// dropped by a request.
    pub(super) fn is_pointless(&self) -> bool {
        self.shared.is_ending() || !self.shared.state().table.holds(&self.name, self.id)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if !state.table.holds(&self.name, self.id) {
            return;
        }
        if let Some(registered) = state.table.remove(&self.name) {
            state.told(NameEvent::Unregistered(registered), &self.shared.counters);
            drop(state);
            tracing::debug!(name = ?self.name, "epmd: the node is gone");
        }
    }
}

/// The place of a connection with a task of its own; the server has ended when none is left.
#[derive(Debug)]
pub(super) struct Slot(Arc<Shared>);

impl Slot {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.tasks.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let left = self.0.tasks.fetch_sub(1, Ordering::SeqCst);
        if left == 1 && self.0.is_ending() {
            self.0.emptied.notify_waiters();
        }
    }
}

/// The place of a connection that is not that of a registered node.
#[derive(Debug)]
pub(super) struct RequestSlot(Slot);

impl RequestSlot {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.requests.fetch_add(1, Ordering::SeqCst);
        Self(Slot::new(shared))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        self.shared().requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The room of a reply that waits for its peer.
#[derive(Debug)]
pub(super) struct Unread<'a> {
    shared: &'a Shared,
    bytes: usize,
}

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        self.shared.unread.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// Seconds since 1970, of which the table makes the first creation of a name. That they overflow
/// in 2106 does no harm.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only that it differs from last time matters"
)]
fn now() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() as u32)
}
