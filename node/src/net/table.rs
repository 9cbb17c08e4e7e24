//! To which nodes are there links, and who is setting one up? One entry per node name.
//!
//! Every change of an entry happens under the table's lock, so that a dialler, an acceptor, the
//! driver and `disconnect` agree on who owns it. An attempt that lost its entry (to the peer's own
//! attempt, say) finds out when it wants to finish and gives up quietly.

use std::collections::HashMap;
use std::sync::Arc;

use erland_dist::Outbound;
use erland_etf::Atom;
use tokio::task::AbortHandle;

use super::backlog::BusyLimit;
use super::connect;
use super::link::Link;
use super::names::NamePool;
use crate::error::ConnectError;
use crate::event::{NodeDownReason, NodeEvent};
use crate::node::NodeInner;
use crate::sync::Mutex;

mod claim;

pub(super) use claim::Claimed;

/// All links of a node.
#[derive(Debug)]
pub(crate) struct Net {
    table: Mutex<Table>,
    limit: Arc<BusyLimit>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Atom, Entry>,
    attempts: u64,
    /// Set by shutdown, and when this node has lost its name: nothing is dialled or accepted any
    /// more.
    stopped: bool,
    /// The names that were given to nodes without one.
    names: NamePool,
    /// The link to the node that gave this one its name, which is lost with it.
    naming: Option<Arc<Link>>,
    name_lost: bool,
}

#[derive(Debug)]
struct Entry {
    link: Arc<Link>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// We dial. Also the wait for the peer's own attempt after its `nok`; the task holds the timer.
    Dialling {
        attempt: Attempt,
        task: AbortHandle,
        /// The peer has been told our name and has not refused it: it may count on this attempt.
        told: bool,
    },
    /// The peer dialled, and its handshake is under way.
    Accepting {
        /// Usually one. A peer that gave an attempt up and dials again is not made to wait until
        /// we notice, and a stranger who claims its name cannot keep it out: whoever proves first
        /// that it knows the cookie gets the link.
        attempts: Vec<Attempt>,
    },
    Up,
    /// Relations are being told; what is sent meanwhile waits for the next connection.
    Closing {
        successor: Option<Arc<Link>>,
    },
}

/// Which attempt an entry belongs to, so that a late one cannot touch its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt(u64);

impl Net {
    pub(crate) fn new(limit: Arc<BusyLimit>) -> Net {
        Net {
            table: Mutex::default(),
            limit,
        }
    }

    pub(crate) fn limit(&self) -> &BusyLimit {
        &self.limit
    }

    /// The link to a node if there is one, up or not.
    pub(super) fn find(&self, name: &Atom) -> Option<Arc<Link>> {
        let table = self.table.lock();
        let entry = table.entries.get(name)?;
        Some(match &entry.phase {
            Phase::Closing {
                successor: Some(next),
            } => Arc::clone(next),
            _ => Arc::clone(&entry.link),
        })
    }

    /// The link to a node that is connected.
    pub(super) fn link_up(&self, name: &Atom) -> Option<Arc<Link>> {
        match self.table.lock().entries.get(name) {
            Some(Entry {
                link,
                phase: Phase::Up,
            }) => Some(Arc::clone(link)),
            Some(_) | None => None,
        }
    }

    /// All links, up or not.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let table = self.table.lock();
        let mut links = Vec::with_capacity(table.entries.len());
        for entry in table.entries.values() {
            links.push(Arc::clone(&entry.link));
            if let Phase::Closing {
                successor: Some(next),
            } = &entry.phase
            {
                links.push(Arc::clone(next));
            }
        }
        links
    }

    /// The link to a node, set up now if there is none; `None` once the node is shutting down.
    pub(super) fn link(&self, node: &NodeInner, name: &Atom) -> Option<Arc<Link>> {
        let mut table = self.table.lock();
        if table.stopped {
            return None;
        }
        if let Some(entry) = table.entries.get_mut(name) {
            return Some(match &mut entry.phase {
                Phase::Closing { successor } => Arc::clone(
                    successor.get_or_insert_with(|| Link::new(name.clone(), &self.limit)),
                ),
                Phase::Dialling { .. } | Phase::Accepting { .. } | Phase::Up => {
                    Arc::clone(&entry.link)
                }
            });
        }
        let link = Link::new(name.clone(), &self.limit);
        table.dial(node, &link);
        Some(link)
    }

    /// Hands the link to a node to `put`, which queues a signal that never waits and says whether
    /// the link was still there. `None` once the node is shutting down.
    pub(crate) fn signal(
        &self,
        node: &NodeInner,
        name: &Atom,
        put: impl Fn(&Link) -> bool,
    ) -> Option<Arc<Link>> {
        loop {
            let link = self.link(node, name)?;
            if put(&link) {
                return Some(link);
            }
        }
    }

    /// Connects, or waits for the attempt that is under way.
    pub(crate) async fn connect(&self, node: &NodeInner, name: &Atom) -> Result<(), ConnectError> {
        match self.link(node, name) {
            Some(link) => link.outcome().await,
            None => Err(self.table.lock().refusal()),
        }
    }

    /// The nodes connected now, in the order of their names.
    pub(crate) fn nodes(&self) -> Vec<Atom> {
        let table = self.table.lock();
        let mut nodes: Vec<Atom> = table
            .entries
            .values()
            .filter(|entry| matches!(entry.phase, Phase::Up))
            .map(|entry| entry.link.peer.clone())
            .collect();
        nodes.sort_unstable();
        nodes
    }

    /// `disconnect_node`: true if there was a connection.
    pub(crate) fn disconnect(&self, node: &NodeInner, name: &Atom) -> bool {
        let link = match self.table.lock().entries.get(name) {
            Some(Entry {
                link,
                phase: Phase::Up,
            }) => Arc::clone(link),
            _ => return false,
        };
        self.take_down(node, &link, NodeDownReason::Disconnect)
    }

    /// Begins to take a link down, and tells everybody in a task of its own. False when somebody
    /// else has begun already.
    pub(super) fn take_down(
        &self,
        node: &NodeInner,
        link: &Arc<Link>,
        reason: NodeDownReason,
    ) -> bool {
        let begun = self.begin_down(link, None, &ConnectError::Disconnected);
        if begun {
            spawn_finish_down(node, link, Some(reason));
        }
        begun
    }

    /// Nothing is taken over this link any more; false when somebody else has begun already, or
    /// when the link does not belong to the `owner` that is given.
    fn begin_down(&self, link: &Arc<Link>, owner: Option<Attempt>, failure: &ConnectError) -> bool {
        self.close_entry(link, owner, failure).is_some()
    }

    /// [`begin_down`](Net::begin_down); says whether the link was up, if it is begun.
    fn close_entry(
        &self,
        link: &Arc<Link>,
        owner: Option<Attempt>,
        failure: &ConnectError,
    ) -> Option<bool> {
        let mut table = self.table.lock();
        let entry = table.entries.get_mut(&link.peer)?;
        if !Arc::ptr_eq(&entry.link, link) || matches!(entry.phase, Phase::Closing { .. }) {
            return None;
        }
        if owner.is_some_and(|owner| !entry.phase.belongs_to(owner)) {
            return None;
        }
        let was_up = matches!(entry.phase, Phase::Up);
        entry.phase = Phase::Closing { successor: None };
        // Under the table's lock: whoever finds the link shut finds its successor in the table.
        link.shut(failure.clone());
        Some(was_up)
    }

    /// Tells the relations, then the observers, and only then makes room for the next connection.
    ///
    /// `heir` is an authenticated attempt of the peer that takes the entry over.
    async fn finish_down(
        &self,
        node: &NodeInner,
        link: &Arc<Link>,
        was_up: Option<NodeDownReason>,
        heir: Option<Attempt>,
    ) {
        link.tell_lost(node).await;
        let was_connected = was_up.is_some();
        if let Some(reason) = was_up {
            tracing::info!(node = ?link.peer, %reason, "node down");
            node.events.emit(&NodeEvent::NodeDown {
                node: link.peer.clone(),
                reason,
            });
        }
        {
            let mut table = self.table.lock();
            table.names.give_back(&link.peer, was_connected);
            let successor = match table.entries.remove(&link.peer) {
                Some(Entry {
                    phase: Phase::Closing { successor },
                    ..
                }) => successor,
                Some(_) | None => None,
            };
            match (heir, successor) {
                (Some(attempt), successor) if !table.stopped => {
                    let link =
                        successor.unwrap_or_else(|| Link::new(link.peer.clone(), &self.limit));
                    table.accepting(link, attempt);
                }
                (None, Some(successor)) if !table.stopped => table.dial(node, &successor),
                (_, Some(successor)) => successor.shut(table.refusal()),
                (_, None) => {}
            }
        }
        link.set_gone();
        self.lose_name(node, link);
    }

    /// If it was this link by which the node has its name, the name may be another node's from now
    /// on: no connection may stand under it. OTP restarts its distribution in this case
    /// (`net_kernel:delete_connection/3`).
    fn lose_name(&self, node: &NodeInner, naming: &Arc<Link>) {
        let others: Vec<Arc<Link>> = {
            let mut table = self.table.lock();
            let is_naming = table
                .naming
                .as_ref()
                .is_some_and(|link| Arc::ptr_eq(link, naming));
            if !is_naming || table.stopped {
                return;
            }
            table.stopped = true;
            table.name_lost = true;
            let mut entries: Vec<&Entry> = table.entries.values().collect();
            entries.sort_unstable_by(|one, other| one.link.peer.cmp(&other.link.peer));
            entries
                .into_iter()
                .map(|entry| {
                    if let Phase::Dialling { task, .. } = &entry.phase {
                        task.abort();
                    }
                    Arc::clone(&entry.link)
                })
                .collect()
        };
        tracing::warn!(node = ?node.name, by = ?naming.peer, "the node that gave this one its name is down");
        for link in others {
            if let Some(was_up) = self.close_entry(&link, None, &ConnectError::NameLost) {
                let reason = was_up.then_some(NodeDownReason::NameLost);
                spawn_finish_down(node, &link, reason);
            }
        }
    }

    /// The entry for the node that has given this one its name, about to be established.
    pub(super) fn named_by(&self, peer: &Atom) -> (Arc<Link>, Attempt) {
        let mut table = self.table.lock();
        let (link, attempt) = (Link::new(peer.clone(), &self.limit), table.attempt());
        table.accepting(Arc::clone(&link), attempt);
        table.naming = Some(Arc::clone(&link));
        (link, attempt)
    }

    /// An attempt of either side failed: those who wait hear it. Nothing happens if the entry is no
    /// longer the attempt's own.
    pub(super) fn attempt_failed(
        &self,
        node: &NodeInner,
        link: &Arc<Link>,
        attempt: Attempt,
        failure: &ConnectError,
    ) {
        {
            let mut table = self.table.lock();
            let stopped = table.stopped;
            if let Some(Entry {
                link: current,
                phase: Phase::Accepting { attempts },
            }) = table.entries.get_mut(&link.peer)
                && Arc::ptr_eq(current, link)
                && let Some(place) = attempts.iter().position(|own| *own == attempt)
            {
                if attempts.len() > 1 {
                    attempts.swap_remove(place);
                    return;
                }
                // A stranger who only claimed the name must not make our own signals vanish: now
                // it is our turn to dial.
                if !stopped && link.is_awaited() {
                    table.dial(node, link);
                    return;
                }
            }
        }
        if self.begin_down(link, Some(attempt), failure) {
            spawn_finish_down(node, link, None);
        }
    }

    /// The handshake is done: the link goes up, unless the attempt lost its entry meanwhile.
    pub(super) fn established(
        &self,
        node: &NodeInner,
        link: &Arc<Link>,
        attempt: Attempt,
        outbound: Outbound,
    ) -> bool {
        let mut table = self.table.lock();
        let Some(entry) = table.entries.get_mut(&link.peer) else {
            return false;
        };
        if !entry.phase.belongs_to(attempt) || !Arc::ptr_eq(&entry.link, link) {
            return false;
        }
        entry.phase = Phase::Up;
        // Under the lock, so that observers hear of the node before anything can arrive from it
        // and before it can be down again.
        node.events.emit(&NodeEvent::NodeUp {
            node: link.peer.clone(),
        });
        link.up(outbound)
    }

    /// The attempt is about to tell the peer our name; false if it is no longer to.
    pub(super) fn tells_name(&self, link: &Arc<Link>, attempt: Attempt) -> bool {
        self.set_told(link, attempt, true)
    }

    /// The peer has refused the attempt for one of its own.
    pub(super) fn yielded(&self, link: &Arc<Link>, attempt: Attempt) {
        // If it is not ours any more, the peer's own attempt has come already.
        let _still_ours = self.set_told(link, attempt, false);
    }

    fn set_told(&self, link: &Arc<Link>, attempt: Attempt, now: bool) -> bool {
        match self.table.lock().entries.get_mut(&link.peer) {
            Some(Entry {
                link: current,
                phase:
                    Phase::Dialling {
                        attempt: own, told, ..
                    },
            }) if Arc::ptr_eq(current, link) && *own == attempt => {
                *told = now;
                true
            }
            _ => false,
        }
    }

    /// Is this attempt of ours still what its entry is for?
    pub(super) fn is_dialling(&self, link: &Arc<Link>, attempt: Attempt) -> bool {
        self.table
            .lock()
            .entries
            .get(&link.peer)
            .is_some_and(|entry| Arc::ptr_eq(&entry.link, link) && entry.phase.belongs_to(attempt))
    }

    /// No more links. Those that are up, or are being set up with something to carry, are to be
    /// finished; every other attempt ends.
    pub(crate) fn stop(&self, node: &NodeInner) -> Vec<Arc<Link>> {
        let mut to_finish = Vec::new();
        let mut idle = Vec::new();
        {
            let mut table = self.table.lock();
            table.stopped = true;
            for Entry { link, phase } in table.entries.values() {
                match phase {
                    Phase::Up => to_finish.push(Arc::clone(link)),
                    Phase::Dialling { .. } | Phase::Accepting { .. } if link.is_awaited() => {
                        to_finish.push(Arc::clone(link));
                    }
                    Phase::Dialling { task, .. } => {
                        task.abort();
                        idle.push(Arc::clone(link));
                    }
                    Phase::Accepting { .. } => idle.push(Arc::clone(link)),
                    Phase::Closing { .. } => {}
                }
            }
        }
        for link in idle {
            if self.begin_down(&link, None, &ConnectError::Stopped) {
                spawn_finish_down(node, &link, None);
            }
        }
        to_finish
    }

    /// Finishes one link of [`stop`](Net::stop): waits until it is up, if it ever is, writes what
    /// it took, and returns once everybody knows that it is down.
    pub(crate) async fn finish(link: &Link) {
        if link.outcome().await.is_ok() {
            link.finish();
        }
        link.gone().await;
    }

    /// Shuts a link whose time to finish is over.
    pub(crate) fn cut(&self, node: &NodeInner, link: &Arc<Link>) {
        self.take_down(node, link, NodeDownReason::Shutdown);
    }
}

impl Phase {
    fn accepting(attempt: Attempt) -> Phase {
        Phase::Accepting {
            attempts: vec![attempt],
        }
    }

    /// Is it this attempt, or one of these, that may bring the link up?
    fn belongs_to(&self, attempt: Attempt) -> bool {
        match self {
            Phase::Dialling { attempt: own, .. } => *own == attempt,
            Phase::Accepting { attempts } => attempts.contains(&attempt),
            Phase::Up | Phase::Closing { .. } => false,
        }
    }
}

/// In a task of its own: whoever took the link down may be aborted meanwhile.
fn spawn_finish_down(node: &NodeInner, link: &Arc<Link>, was_up: Option<NodeDownReason>) {
    let (node, link) = (node.handle(), Arc::clone(link));
    node.clone().inner().runtime.spawn(async move {
        let inner = node.inner();
        inner.net.finish_down(inner, &link, was_up, None).await;
    });
}

impl Table {
    /// Why nothing is dialled any more.
    fn refusal(&self) -> ConnectError {
        if self.name_lost {
            ConnectError::NameLost
        } else {
            ConnectError::Stopped
        }
    }

    fn attempt(&mut self) -> Attempt {
        self.attempts += 1;
        Attempt(self.attempts)
    }

    fn dial(&mut self, node: &NodeInner, link: &Arc<Link>) {
        let attempt = self.attempt();
        let task = connect::start(node.handle(), Arc::clone(link), attempt);
        let told = false;
        let phase = Phase::Dialling {
            attempt,
            task,
            told,
        };
        self.entries.insert(
            link.peer.clone(),
            Entry {
                link: Arc::clone(link),
                phase,
            },
        );
    }

    fn accepting(&mut self, link: Arc<Link>, attempt: Attempt) {
        let phase = Phase::accepting(attempt);
        self.entries
            .insert(link.peer.clone(), Entry { link, phase });
    }
}
