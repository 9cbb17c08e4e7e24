//! What does each signal do to the process that receives it? Erlang's rules, one arm per signal.
//!
//! Links follow the table of the Distribution Protocol, "New Link Protocol", locally and remotely
//! alike; exit signals follow the reference manual, "Processes", "Sending Exit Signals".

use std::collections::btree_map::Entry;
use std::task::Waker;

use super::received::Received;
use super::relations::{LinkEntry, WatcherEntry};
use super::signal::{DemonitorSignal, DownSignal, ExitKind, ExitSignal, MonitorSignal, Signal};
use super::{Ended, Inner, Process};
use crate::exit_reason::ExitReason;
use crate::net::Via;
use crate::node::NodeInner;

impl Process {
    /// Works off everything in the mailbox, in order, and leaves `waker` for what comes later.
    ///
    /// Called ahead of the body at every poll of the task, so a signal acts at once, whatever the
    /// body is waiting for. The signals behind one that ends the process stay queued: its exit
    /// answers them.
    ///
    /// Without a waker the task keeps the one it left before.
    pub(super) fn handle_signals(
        &self,
        node: &NodeInner,
        waker: Option<&Waker>,
    ) -> Result<(), Ended> {
        let mut inner = self.inner.lock();
        if let Some(reason) = inner.ended.take() {
            return Err(Ended(reason));
        }
        let mut drained = std::mem::take(&mut inner.drained);
        self.mailbox.drain(&mut drained, waker);
        let before = inner.inbox.len();
        let mut result = Ok(());
        while let Some(signal) = drained.pop_front() {
            if let Err(ended) = inner.handle(self, node, signal) {
                inner.ending = true;
                result = Err(ended);
                break;
            }
        }
        inner.drained = drained;
        if inner.inbox.len() > before
            && let Some(receiver) = inner.receiver.take()
            && !waker.is_some_and(|waker| receiver.will_wake(waker))
        {
            drop(inner);
            receiver.wake();
        }
        result
    }
}

impl Inner {
    fn handle(&mut self, process: &Process, node: &NodeInner, signal: Signal) -> Result<(), Ended> {
        match signal {
            Signal::Message(payload) => self.inbox.push_back(Received::Message(payload)),
            Signal::Exit(exit) => return self.exit(process, *exit),
            Signal::Link { from, via } => return self.linked(process, from, via),
            Signal::Unlink { from, id, via } => {
                // The acknowledgement precedes every other signal of ours to that process.
                node.unlink_ack(&via, &process.pid, &from, id);
                self.unlinked(process, &from, &via);
            }
            Signal::UnlinkAck { from, id, via } => {
                if let Some(relations) = &mut self.relations
                    && relations
                        .links
                        .get(&from)
                        .is_some_and(|link| link.unlinking == Some(id))
                {
                    relations.links.remove(&from);
                    via.forget_link(&process.pid, &from);
                }
            }
            Signal::Monitor(monitor) => {
                let MonitorSignal {
                    watcher,
                    reference,
                    name,
                    via,
                } = *monitor;
                self.relations()
                    .watchers
                    .insert((watcher, reference), WatcherEntry { name, via });
            }
            Signal::Demonitor(demonitor) => {
                let DemonitorSignal { watcher, reference } = *demonitor;
                if let Some(relations) = &mut self.relations {
                    relations.watchers.remove(&(watcher, reference));
                }
            }
            Signal::Down(down) => {
                let DownSignal { reference, reason } = *down;
                // An unknown reference is a monitor that was taken back: exactly one of
                // demonitor and DOWN wins.
                let entry = self
                    .relations
                    .as_mut()
                    .and_then(|all| all.monitors.remove(&reference));
                if let Some(entry) = entry {
                    entry.via.forget_watching(&reference);
                    let reason = reason.into_reason();
                    self.inbox
                        .push_back(Received::down(reference, entry.process, reason));
                }
            }
        }
        Ok(())
    }

    fn linked(&mut self, process: &Process, from: erland_etf::Pid, via: Via) -> Result<(), Ended> {
        match self.relations().links.entry(from.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(LinkEntry::active(via.clone()));
            }
            // An active link stays one; a link we are taking back stays so until the
            // acknowledgement.
            Entry::Occupied(_) => return Ok(()),
        }
        // Only here, where the entry is made: an earlier unlink of the same two may have been
        // worked off between the arrival of this request and now.
        if via.relate_link(&process.pid, &from) {
            return Ok(());
        }
        let kind = ExitKind::ConnectionLost(via);
        let reason = ExitReason::NoConnection.into();
        self.exit(process, ExitSignal { from, reason, kind })
    }

    fn unlinked(&mut self, process: &Process, from: &erland_etf::Pid, via: &Via) {
        let Some(relations) = &mut self.relations else {
            return;
        };
        // While our own unlink request is out, its acknowledgement is what removes the entry.
        if relations
            .links
            .get(from)
            .is_some_and(|link| link.is_active() && link.via.is(via))
        {
            relations.links.remove(from);
            via.forget_link(&process.pid, from);
        }
    }

    fn exit(&mut self, process: &Process, signal: ExitSignal) -> Result<(), Ended> {
        let ExitSignal { from, reason, kind } = signal;
        match &kind {
            ExitKind::Link(via) | ExitKind::ConnectionLost(via) => {
                let Some(relations) = &mut self.relations else {
                    return Ok(());
                };
                // The late exit of an earlier connection must not touch its successor's link.
                let Some(link) = relations.links.get(&from).filter(|link| link.via.is(via)) else {
                    return Ok(());
                };
                let active = link.is_active();
                if active || matches!(kind, ExitKind::ConnectionLost(_)) {
                    relations.links.remove(&from);
                    via.forget_link(&process.pid, &from);
                }
                if !active {
                    return Ok(());
                }
                let reason = reason.into_reason();
                if self.trap_exit {
                    self.inbox.push_back(Received::exit(from, reason));
                    Ok(())
                } else if reason.is_normal() {
                    Ok(())
                } else {
                    Err(Ended(reason))
                }
            }
            ExitKind::Sent => match reason.into_reason() {
                ExitReason::Kill => Err(Ended(ExitReason::Killed)),
                reason if self.trap_exit => {
                    self.inbox.push_back(Received::exit(from, reason));
                    Ok(())
                }
                // `exit(self(), normal)` is the one `normal` that ends a process.
                ExitReason::Normal if from != process.pid => Ok(()),
                reason => Err(Ended(reason)),
            },
        }
    }
}
