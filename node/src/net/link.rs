//! What do senders share with the connection to a node? The outbound half, behind one lock.
//!
//! A link exists from the first signal to an unconnected node on: while the connection is being
//! set up it keeps what is sent, in order, and then hands it to the connection. It ends with that
//! connection; the next one is another link.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use bytes::Bytes;
use erland_dist::{Control, EncodeError, Flags, Outbound, PayloadRef};
use erland_etf::{Atom, Pid, Reference};
use tokio::sync::{Notify, watch};

use super::Via;
use super::backlog::{BusyLimit, LinkLoad, SendBacklog};
use super::relations::RemoteRelations;
use crate::error::{Chain, ConnectError};
use crate::exit_reason::ExitReason;
use crate::node::NodeInner;
use crate::payload::Wire;
use crate::process::signal::{DemonitorSignal, ExitKind, Signal};
use crate::sync::Mutex;

/// What an entry of the queue of a link that is not up yet counts beside its payload.
const PENDING_OVERHEAD: usize = 128;
/// How many relations are told of a lost connection before other tasks get a turn.
const FAN_OUT_CHUNK: usize = 1024;

/// The connection to one node, as its senders see it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) peer: Atom,
    state: Mutex<State>,
    relations: Mutex<RemoteRelations>,
    /// Whether the end of the connection is being told; held while something is delivered.
    closed: Mutex<bool>,
    /// Told when somebody for whom there was no room should ask again, and when the link is shut.
    room: Notify,
    load: LinkLoad,
    /// Whether what is encoded from now on may refer to atoms of the connection's cache.
    atom_cache: AtomicBool,
    /// How the set-up ended; `None` while it is under way.
    outcome: watch::Sender<Option<Result<(), ConnectError>>>,
    /// True once everybody has been told that the link is down.
    gone: watch::Sender<bool>,
}

#[derive(Debug)]
enum State {
    Pending(Pending),
    Up(Box<Up>),
    Shut,
}

#[derive(Debug, Default)]
struct Pending {
    queue: VecDeque<(Option<Pid>, Control, Option<Wire>)>,
    bytes: usize,
}

#[derive(Debug)]
struct Up {
    outbound: Outbound,
    driver: Option<Waker>,
    /// The driver has nothing to write: the next push wakes it. While it writes, it looks for
    /// more by itself.
    idle: bool,
    /// No more is accepted; the driver closes the connection when all is written.
    finishing: bool,
}

/// What became of a message offered to a link.
#[derive(Debug)]
pub(super) enum Offer {
    Taken,
    /// Over the limit: wait for room and offer it again.
    Full,
    /// This link is down; the next one may take it.
    Shut,
    Refused(EncodeError),
}

/// What the driver is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Write what it was given.
    Write,
    /// Nothing to write: its waker is kept.
    Wait,
    /// Everything is written and nothing more will come: close.
    Finish,
    /// The link was taken down: drop the connection.
    Drop,
}

impl Link {
    pub(super) fn new(peer: Atom, limit: &Arc<BusyLimit>) -> Arc<Link> {
        Arc::new(Link {
            peer,
            state: Mutex::new(State::Pending(Pending::default())),
            relations: Mutex::default(),
            closed: Mutex::default(),
            room: Notify::new(),
            load: LinkLoad::new(limit),
            atom_cache: AtomicBool::new(false),
            outcome: watch::Sender::new(None),
            gone: watch::Sender::new(false),
        })
    }

    /// Whether a message for this link should be encoded with references to the atom cache. Should
    /// the connection be another one when it is sent, it is rewritten.
    pub(super) fn has_atom_cache(&self) -> bool {
        self.atom_cache.load(Ordering::Relaxed)
    }

    /// Queues a signal of `sender` that never waits; false when the link is down. Signals of one
    /// sender stay in order; those of nobody have none.
    pub(crate) fn push(
        &self,
        sender: Option<&Pid>,
        control: &Control,
        payload: Option<&Wire>,
    ) -> bool {
        let mut state = self.state.lock();
        let (result, driver) = match &mut *state {
            State::Pending(pending) => {
                pending.push(sender.cloned(), control.clone(), payload.cloned());
                (Ok(()), None)
            }
            State::Up(up) if up.finishing => return false,
            State::Up(up) => (up.put(sender, control, payload), up.wake()),
            State::Shut => return false,
        };
        drop(state);
        if let Err(error) = result {
            tracing::warn!(node = ?self.peer, error = %Chain(&error), "signal not sent");
        }
        if let Some(driver) = driver {
            driver.wake();
        }
        true
    }

    /// Offers a message of `sender`, which waits for room.
    pub(super) fn offer(&self, sender: &Pid, control: &Control, payload: &Wire) -> Offer {
        let mut state = self.state.lock();
        match &mut *state {
            State::Pending(pending) if pending.bytes >= self.load.limit() => {
                self.load.set_busy(&self.peer);
                Offer::Full
            }
            State::Pending(pending) => {
                pending.push(Some(sender.clone()), control.clone(), Some(payload.clone()));
                Offer::Taken
            }
            State::Up(up) if up.finishing => Offer::Shut,
            State::Up(up) if !up.outbound.room_for(Some(sender), payload.bytes.len()) => {
                self.load.set_busy(&self.peer);
                Offer::Full
            }
            State::Up(up) => {
                if let Err(error) = up.put(Some(sender), control, Some(payload)) {
                    return Offer::Refused(error);
                }
                let driver = up.wake();
                drop(state);
                if let Some(driver) = driver {
                    driver.wake();
                }
                Offer::Taken
            }
            State::Shut => Offer::Shut,
        }
    }

    /// Waits until an offer of `sender` of so many bytes is worth making again: there is room, or
    /// the link is down.
    ///
    /// Cancel safe: nothing is kept for who waits but a place among the others.
    pub(super) async fn room(&self, sender: &Pid, len: usize) {
        let mut suspended = None;
        loop {
            let mut notified = std::pin::pin!(self.room.notified());
            notified.as_mut().enable();
            if !self.is_full_for(sender, len) {
                return;
            }
            suspended.get_or_insert_with(|| self.load.suspend());
            notified.await;
        }
    }

    /// Would the smallest message of `sender` find no room?
    pub(super) fn is_full(&self, sender: &Pid) -> bool {
        self.is_full_for(sender, 0)
    }

    fn is_full_for(&self, sender: &Pid, len: usize) -> bool {
        let state = self.state.lock();
        let full = match &*state {
            State::Pending(pending) => pending.bytes >= self.load.limit(),
            State::Up(up) => !up.finishing && !up.outbound.room_for(Some(sender), len),
            State::Shut => false,
        };
        if full {
            self.load.set_busy(&self.peer);
        }
        full
    }

    /// Has somebody found no room since there last was some? A hint, without a lock.
    pub(super) fn is_busy(&self) -> bool {
        self.load.is_busy()
    }

    /// What waits to be sent over this link.
    pub(super) fn backlog(&self) -> SendBacklog {
        let bytes = match &*self.state.lock() {
            State::Pending(pending) => pending.bytes,
            State::Up(up) => up.outbound.pending(),
            State::Shut => 0,
        };
        self.load.backlog(bytes)
    }

    /// The connection is there: what was kept goes first. False when the link was shut meanwhile.
    pub(super) fn up(&self, outbound: Outbound) -> bool {
        let mut state = self.state.lock();
        let State::Pending(pending) = &mut *state else {
            return false;
        };
        let mut up = Box::new(Up {
            outbound,
            driver: None,
            idle: true,
            finishing: false,
        });
        let mut refused = Vec::new();
        for (sender, control, payload) in std::mem::take(&mut pending.queue) {
            if let Err(error) = up.put(sender.as_ref(), &control, payload.as_ref()) {
                refused.push(error);
            }
        }
        self.atom_cache
            .store(up.outbound.most_refs() > 0, Ordering::Relaxed);
        *state = State::Up(up);
        self.load.set_ready(&self.peer);
        drop(state);
        for error in refused {
            tracing::warn!(node = ?self.peer, error = %Chain(&error), "message dropped");
        }
        self.outcome.send_replace(Some(Ok(())));
        self.room.notify_waiters();
        true
    }

    /// Does anything or anybody wait for this link to come up?
    pub(super) fn is_awaited(&self) -> bool {
        let queued = match &*self.state.lock() {
            State::Pending(pending) => !pending.queue.is_empty(),
            State::Up(_) | State::Shut => false,
        };
        queued || self.outcome.receiver_count() > 0
    }

    /// Takes no more from here on; what was taken is still written, then the driver closes.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        let State::Up(up) = &mut *state else {
            return;
        };
        up.finishing = true;
        self.load.set_ready(&self.peer);
        let driver = up.wake();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        self.room.notify_waiters();
    }

    /// Takes no more and gives up what is unsent; the driver drops the connection.
    pub(super) fn shut(&self, failure: ConnectError) {
        let state = {
            let mut state = self.state.lock();
            self.load.set_ready(&self.peer);
            std::mem::replace(&mut *state, State::Shut)
        };
        if let State::Up(up) = state
            && let Some(driver) = up.driver
        {
            driver.wake();
        }
        self.room.notify_waiters();
        self.outcome.send_if_modified(|outcome| {
            let unset = outcome.is_none();
            if unset {
                *outcome = Some(Err(failure));
            }
            unset
        });
    }

    /// How the set-up ended, once it has.
    pub(super) async fn outcome(&self) -> Result<(), ConnectError> {
        let mut outcome = self.outcome.subscribe();
        match outcome.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(ConnectError::Stopped)),
            Err(_) => Err(ConnectError::Stopped),
        }
    }

    /// Waits until everybody has been told that this link is down.
    pub(crate) async fn gone(&self) {
        let mut gone = self.gone.subscribe();
        // The sender lives as long as `self`, so this ends only when it is so.
        let _gone = gone.wait_for(|gone| *gone).await;
    }

    pub(super) fn set_gone(&self) {
        self.gone.send_replace(true);
    }

    /// Moves what is to be written to the driver once it has written what it holds, and keeps its
    /// waker.
    pub(super) fn transmit(&self, segments: &mut VecDeque<Bytes>, waker: &Waker) -> Order {
        let mut relieved = false;
        let order = match &mut *self.state.lock() {
            State::Up(up) => {
                match &mut up.driver {
                    Some(driver) => driver.clone_from(waker),
                    none => *none = Some(waker.clone()),
                }
                if segments.is_empty() {
                    up.outbound.transmit(segments);
                    relieved = up.outbound.relieved();
                    if relieved {
                        self.load.set_ready(&self.peer);
                    }
                }
                up.idle = segments.is_empty();
                match (up.idle, up.finishing) {
                    (false, _) => Order::Write,
                    (true, false) => Order::Wait,
                    (true, true) => Order::Finish,
                }
            }
            State::Pending(_) | State::Shut => Order::Drop,
        };
        if relieved {
            self.room.notify_waiters();
        }
        order
    }

    /// Bytes handed to the operating system: there may be room for senders that wait.
    pub(super) fn sent(&self, bytes: usize) {
        let relieved = match &mut *self.state.lock() {
            State::Up(up) => {
                up.outbound.sent(bytes);
                let relieved = up.outbound.relieved();
                if relieved {
                    self.load.set_ready(&self.peer);
                }
                relieved
            }
            State::Pending(_) | State::Shut => false,
        };
        if relieved {
            self.room.notify_waiters();
        }
    }

    /// What the tick timer asks: bytes ever pushed, and whether some are still unsent.
    pub(super) fn progress(&self) -> (u64, bool) {
        match &*self.state.lock() {
            State::Up(up) => (up.outbound.pushed_total(), up.outbound.pending() > 0),
            State::Pending(_) | State::Shut => (0, false),
        }
    }

    /// Not once the link is finishing: our direction may be closed by then.
    pub(super) fn push_tick(&self) {
        if let State::Up(up) = &mut *self.state.lock()
            && !up.finishing
        {
            up.outbound.push_tick();
        }
    }

    /// Bytes of signals that are not sent yet, but for those of large messages under way: the
    /// answers to what the peer asks are among these.
    pub(super) fn unsent_signals(&self) -> usize {
        match &*self.state.lock() {
            State::Up(up) => up.outbound.queued() + up.outbound.held(),
            State::Pending(_) | State::Shut => 0,
        }
    }

    /// The right to deliver what the connection has received; `None` once its end is being told,
    /// so that nothing is heard of a node after it is down.
    pub(super) fn gate(&self) -> Option<MutexGuard<'_, bool>> {
        let gate = self.closed.lock();
        if *gate { None } else { Some(gate) }
    }

    /// Enters a link that crosses; false when this connection is down already.
    pub(crate) fn relate_link(&self, us: &Pid, peer: &Pid) -> bool {
        let mut relations = self.relations.lock();
        if !relations.closed {
            relations.links.insert((us.clone(), peer.clone()));
        }
        !relations.closed
    }

    /// Enters a monitor of ours on theirs; false when this connection is down already.
    pub(crate) fn relate_watching(&self, us: &Pid, reference: &Reference) -> bool {
        let mut relations = self.relations.lock();
        if !relations.closed {
            relations.watching.insert(reference.clone(), us.clone());
        }
        !relations.closed
    }

    /// Enters a monitor of theirs on ours; false when this connection is down already.
    pub(super) fn relate_watched(&self, watcher: &Pid, reference: &Reference, us: &Pid) -> bool {
        let mut relations = self.relations.lock();
        if !relations.closed {
            relations
                .watched
                .insert((watcher.clone(), reference.clone()), us.clone());
        }
        !relations.closed
    }

    pub(crate) fn forget_link(&self, us: &Pid, peer: &Pid) {
        self.relations
            .lock()
            .links
            .remove(&(us.clone(), peer.clone()));
    }

    /// Takes a monitor of ours off; the process that held it.
    pub(crate) fn forget_watching(&self, reference: &Reference) -> Option<Pid> {
        self.relations.lock().watching.remove(reference)
    }

    /// Takes a monitor of theirs off; the process that was watched.
    pub(crate) fn forget_watched(&self, watcher: &Pid, reference: &Reference) -> Option<Pid> {
        self.relations
            .lock()
            .watched
            .remove(&(watcher.clone(), reference.clone()))
    }

    /// Tells every relation that crosses this link that the connection is lost, each once.
    pub(super) async fn tell_lost(self: &Arc<Link>, node: &NodeInner) {
        // Waits for a delivery that is under way; there is none after it.
        *self.closed.lock() = true;
        let lost = self.relations.lock().close();
        let via = Via::Link(Arc::clone(self));
        let mut told = 0_usize;
        for (us, peer) in lost.links {
            let kind = ExitKind::ConnectionLost(via.clone());
            node.signal_exit(&peer, &us, ExitReason::NoConnection.into(), kind);
            breathe(&mut told).await;
        }
        for (reference, us) in lost.watching {
            node.local_down(&us, &reference, ExitReason::NoConnection.into());
            breathe(&mut told).await;
        }
        for ((watcher, reference), us) in lost.watched {
            let signal = DemonitorSignal { watcher, reference };
            let _gone = node
                .processes
                .push(&us, Signal::Demonitor(Box::new(signal)));
            breathe(&mut told).await;
        }
    }
}

async fn breathe(told: &mut usize) {
    *told += 1;
    if told.is_multiple_of(FAN_OUT_CHUNK) {
        tokio::task::yield_now().await;
    }
}

impl Up {
    /// Appends a signal in the form this connection demands.
    fn put(
        &mut self,
        sender: Option<&Pid>,
        control: &Control,
        payload: Option<&Wire>,
    ) -> Result<(), EncodeError> {
        let missing = Flags::NATIVE_RECORDS;
        match payload {
            Some(wire) if wire.has_record && !self.outbound.flags().contains(missing) => {
                if is_message(control) {
                    return Err(EncodeError::NotNegotiated { missing });
                }
                let unencodable = Wire::unencodable();
                let payload = PayloadRef::from(&unencodable.bytes);
                self.outbound.push(sender, control, Some(payload))
            }
            Some(wire) => {
                let payload = PayloadRef::new(&wire.bytes, &wire.atoms);
                self.outbound.push(sender, control, Some(payload))
            }
            None => self.outbound.push(sender, control, None),
        }
    }

    /// The driver's waker, if it waits for something to write; to be woken outside the lock.
    fn wake(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.idle) {
            self.driver.clone()
        } else {
            None
        }
    }
}

impl Pending {
    fn push(&mut self, sender: Option<Pid>, control: Control, payload: Option<Wire>) {
        self.bytes += PENDING_OVERHEAD + payload.as_ref().map_or(0, |wire| wire.bytes.len());
        self.queue.push_back((sender, control, payload));
    }
}

/// A message may be refused; an exit signal or a `'DOWN'` must arrive, whatever its reason.
fn is_message(control: &Control) -> bool {
    matches!(
        control,
        Control::Send { .. } | Control::RegSend { .. } | Control::AliasSend { .. }
    )
}
