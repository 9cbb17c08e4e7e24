//! In which order does a process leave? A fixed one, in chunks that let others run.
//!
//! 1. The mailbox closes and the table forgets the pid: from here on whoever links or monitors
//!    answers `noproc` itself. 2. Names and aliases are given up. 3. Links hear the reason.
//! 4. Watchers hear it. 5. Its own monitors are taken back. 6. Every link, monitor and unlink
//!    request still queued is answered. 7. The rest is dropped.

use std::collections::{VecDeque, btree_map};

use erland_etf::{Pid, Reference};

use super::Process;
use super::relations::{LinkEntry, MonitorEntry, Relations, WatcherEntry};
use super::signal::{MonitorSignal, Signal};
use crate::exit_reason::ExitReason;
use crate::node::NodeInner;
use crate::send::OutgoingReason;

/// How many signals one poll of an exiting process sends.
const CHUNK: usize = 256;

/// The farewell of a process, part done.
#[derive(Debug)]
pub(super) struct Exiting {
    reason: OutgoingReason,
    links: btree_map::IntoIter<Pid, LinkEntry>,
    watchers: btree_map::IntoIter<(Pid, Reference), WatcherEntry>,
    monitors: btree_map::IntoIter<Reference, MonitorEntry>,
    queued: VecDeque<Signal>,
}

impl Exiting {
    /// Steps 1 and 2, and the lists for the others.
    pub(super) fn begin(process: &Process, node: &NodeInner, reason: ExitReason) -> Exiting {
        let late = process.mailbox.close();
        node.processes.remove(&process.pid);
        node.names.forget(&process.pid);
        let (relations, mut queued, inbox) = {
            let mut inner = process.inner.lock();
            inner.ending = true;
            inner.receiver = None;
            (
                inner.relations.take(),
                std::mem::take(&mut inner.drained),
                std::mem::take(&mut inner.inbox),
            )
        };
        drop(inbox);
        queued.extend(late);
        let Relations {
            links,
            monitors,
            watchers,
            aliases,
        } = relations.map(|all| *all).unwrap_or_default();
        for alias in &aliases {
            node.aliases.remove(alias);
        }
        Exiting {
            reason: OutgoingReason::new(reason),
            links: links.into_iter(),
            watchers: watchers.into_iter(),
            monitors: monitors.into_iter(),
            queued,
        }
    }

    /// Steps 3 to 7, one chunk of them; true when all is said.
    pub(super) fn proceed(&mut self, process: &Process, node: &NodeInner) -> bool {
        !(0..CHUNK).all(|_| self.step(process, node))
    }

    /// One signal; false when there is none left.
    fn step(&mut self, process: &Process, node: &NodeInner) -> bool {
        let us = &process.pid;
        if let Some((peer, link)) = self.links.next() {
            if link.is_active() {
                node.exit_to_link(&link.via, us, &peer, &mut self.reason);
            } else {
                link.via.forget_link(us, &peer);
            }
        } else if let Some(((watcher, reference), entry)) = self.watchers.next() {
            let name = entry.name.as_ref();
            node.down(&entry.via, us, name, &watcher, &reference, &mut self.reason);
        } else if let Some((reference, monitor)) = self.monitors.next() {
            node.take_back_monitor(us, &reference, &monitor);
        } else if let Some(signal) = self.queued.pop_front() {
            answer(us, node, signal);
        } else {
            return false;
        }
        true
    }
}

/// What a process that is already gone says to a signal that still found its queue.
fn answer(us: &Pid, node: &NodeInner, signal: Signal) {
    let mut noproc = OutgoingReason::new(ExitReason::NoProc);
    match signal {
        Signal::Link { from, via } => node.exit_to_link(&via, us, &from, &mut noproc),
        Signal::Monitor(monitor) => {
            let MonitorSignal {
                watcher,
                reference,
                name,
                via,
            } = *monitor;
            node.down(&via, us, name.as_ref(), &watcher, &reference, &mut noproc);
        }
        Signal::Unlink { from, id, via } => node.unlink_ack(&via, us, &from, id),
        Signal::Message(_)
        | Signal::Exit(_)
        | Signal::UnlinkAck { .. }
        | Signal::Demonitor(_)
        | Signal::Down(_) => {}
    }
}
