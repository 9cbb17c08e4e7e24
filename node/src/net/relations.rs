//! Which relations cross a link? Exactly those hear `noconnection` when it goes down.

use std::collections::{BTreeMap, BTreeSet};

use erland_etf::{Pid, Reference};

/// The relations that cross one link. Ordered, so that what is told does not depend on a hash seed.
#[derive(Debug, Default)]
pub(super) struct RemoteRelations {
    /// Process of ours, process of theirs.
    pub(super) links: BTreeSet<(Pid, Pid)>,
    /// Monitors of ours on theirs, with the process that holds them.
    pub(super) watching: BTreeMap<Reference, Pid>,
    /// Monitors of theirs on ours: watcher, reference, and the process watched.
    pub(super) watched: BTreeMap<(Pid, Reference), Pid>,
    /// Set once, when the link goes down: nothing may be entered that nobody would clear.
    pub(super) closed: bool,
}

impl RemoteRelations {
    /// Everything at once; from here on nothing is entered.
    pub(super) fn close(&mut self) -> RemoteRelations {
        std::mem::replace(
            self,
            RemoteRelations {
                closed: true,
                ..RemoteRelations::default()
            },
        )
    }
}
