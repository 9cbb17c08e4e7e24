//! Whom does a process hear from, and who hears from it? Its links, monitors and aliases.
//!
//! Only data: the rules are in [`signals`](super::signals) and [`context`](super::context). Ordered
//! maps, so that what a process sends when it exits does not depend on a hash seed.

use std::collections::BTreeMap;

use erland_etf::{Atom, Pid, Reference};

use super::received::DownProcess;
use crate::net::Via;

/// The relations of one process, touched only by its own task.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    pub(crate) links: BTreeMap<Pid, LinkEntry>,
    /// The monitors this process holds on others.
    pub(crate) monitors: BTreeMap<Reference, MonitorEntry>,
    /// The monitors others hold on this process. The watcher is part of the key: a reference that
    /// a peer invents must not displace another watcher's.
    pub(crate) watchers: BTreeMap<(Pid, Reference), WatcherEntry>,
    pub(crate) aliases: Vec<Reference>,
}

/// One end of a link (Distribution Protocol, "New Link Protocol").
#[derive(Debug)]
pub(crate) struct LinkEntry {
    pub(crate) via: Via,
    /// The id of our unlink request that is not yet acknowledged; the link is active without one.
    pub(crate) unlinking: Option<u64>,
}

impl LinkEntry {
    pub(crate) fn active(via: Via) -> LinkEntry {
        LinkEntry {
            via,
            unlinking: None,
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.unlinking.is_none()
    }
}

#[derive(Debug)]
pub(crate) struct MonitorEntry {
    /// As the `'DOWN'` names it.
    pub(crate) process: DownProcess,
    /// The process itself, where it was local and known when the monitor was made.
    pub(crate) local: Option<Pid>,
    pub(crate) via: Via,
}

#[derive(Debug)]
pub(crate) struct WatcherEntry {
    /// The name the watcher used, which its `'DOWN'` repeats.
    pub(crate) name: Option<Atom>,
    pub(crate) via: Via,
}

impl Relations {
    /// Enters a local watcher by pid.
    pub(crate) fn watch(&mut self, watcher: Pid, reference: Reference) {
        self.watchers.insert(
            (watcher, reference),
            WatcherEntry {
                name: None,
                via: Via::Local,
            },
        );
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.monitors.is_empty()
            && self.watchers.is_empty()
            && self.aliases.is_empty()
    }
}
