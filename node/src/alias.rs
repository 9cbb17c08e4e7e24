//! To which process does an alias lead? References with an owner, for as long as it wants.

use std::collections::HashMap;

use erland_etf::{Pid, Reference};

use crate::sync::RwLock;

/// The active aliases of this node (`erlang:alias/1`).
#[derive(Debug, Default)]
pub(crate) struct AliasTable {
    owners: RwLock<HashMap<Reference, Pid>>,
}

impl AliasTable {
    pub(crate) fn insert(&self, alias: Reference, owner: Pid) {
        self.owners.write().insert(alias, owner);
    }

    pub(crate) fn remove(&self, alias: &Reference) {
        self.owners.write().remove(alias);
    }

    pub(crate) fn owner(&self, alias: &Reference) -> Option<Pid> {
        self.owners.read().get(alias).cloned()
    }
}
