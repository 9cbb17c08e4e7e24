//! Which process has which registered name on this node?

use std::collections::HashMap;

use erland_etf::{Atom, Pid};

use crate::error::RegisterError;
use crate::process::table::ProcessTable;
use crate::sync::RwLock;

/// Local names. A process has at most one, as in Erlang.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    names: RwLock<Names>,
}

#[derive(Debug, Default)]
struct Names {
    by_name: HashMap<Atom, Pid>,
    /// By slot and generation: only pids of this node are ever entered.
    by_pid: HashMap<(u32, u32), Atom>,
}

impl Registry {
    pub(crate) fn register(
        &self,
        name: Atom,
        pid: &Pid,
        processes: &ProcessTable,
    ) -> Result<(), RegisterError> {
        if name == "undefined" {
            return Err(RegisterError::Undefined);
        }
        let mut names = self.names.write();
        // Under the lock that an exiting process takes to give its name up, so a name cannot be
        // given to a process that has already let go.
        if !processes.is_alive(pid) {
            return Err(RegisterError::NoProc);
        }
        if let Some(owner) = names.by_name.get(&name) {
            return Err(RegisterError::Taken {
                owner: owner.clone(),
            });
        }
        if let Some(present) = names.by_pid.get(&(pid.id(), pid.serial())) {
            return Err(RegisterError::HasName {
                name: present.clone(),
            });
        }
        names.by_pid.insert((pid.id(), pid.serial()), name.clone());
        names.by_name.insert(name, pid.clone());
        Ok(())
    }

    pub(crate) fn unregister(&self, name: &Atom) -> bool {
        let mut names = self.names.write();
        match names.by_name.remove(name) {
            Some(pid) => {
                names.by_pid.remove(&(pid.id(), pid.serial()));
                true
            }
            None => false,
        }
    }

    pub(crate) fn whereis(&self, name: &Atom) -> Option<Pid> {
        self.names.read().by_name.get(name).cloned()
    }

    /// Frees the name of a process that exits.
    pub(crate) fn forget(&self, pid: &Pid) {
        let key = (pid.id(), pid.serial());
        // Most processes have no name: look before taking the lock that excludes readers. A
        // registration that is under way sees the closed mailbox or is seen here.
        if !self.names.read().by_pid.contains_key(&key) {
            return;
        }
        let mut names = self.names.write();
        if let Some(name) = names.by_pid.remove(&key) {
            names.by_name.remove(&name);
        }
    }

    pub(crate) fn registered(&self) -> Vec<Atom> {
        let mut names: Vec<Atom> = self.names.read().by_name.keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
