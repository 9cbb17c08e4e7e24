//! Which processes live on this node? A sharded table of slots with generations.
//!
//! A pid's id is its slot and its serial the slot's generation, so a pid whose process is gone
//! never finds the successor in its slot. Slots are reused oldest first, so that ids keep varying
//! (`erlang:phash2` reads nothing else of a pid); a slot whose generations are used up is retired.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use erland_etf::{NodeId, Pid};
use tokio::sync::Notify;

use super::signal::Signal;
use super::{Kind, Process};
use crate::sync::RwLock;

const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;
/// A pid of ours must be one that a BEAM of any supported release would accept as its own:
/// 28 bits of id (External Term Format, `NEW_PID_EXT`).
const SLOTS_PER_SHARD: usize = 1 << (28 - SHARD_BITS);

#[derive(Debug)]
pub(crate) struct ProcessTable {
    node: NodeId,
    shards: Box<[RwLock<Shard>]>,
    /// Spreads new processes over the shards.
    next: AtomicUsize,
    /// By [`Kind`]: processes whose task has not ended, those that are saying farewell included.
    live: [AtomicUsize; 2],
    /// Told when the last one of a kind has ended.
    last_one_gone: Notify,
}

#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Slot>,
    free: VecDeque<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    process: Option<Arc<Process>>,
}

/// Every slot of the table is taken: 2^28 processes live at once.
#[derive(Debug)]
pub(crate) struct TableFull;

impl ProcessTable {
    pub(crate) fn new(node: NodeId) -> ProcessTable {
        let shards: Box<[RwLock<Shard>]> = (0..SHARDS).map(|_| RwLock::default()).collect();
        // `<0.0.0>` is nobody: its slot is taken and never given out.
        shards[0].write().slots.push(Slot::default());
        ProcessTable {
            node,
            shards,
            next: AtomicUsize::new(1),
            live: Default::default(),
            last_one_gone: Notify::new(),
        }
    }

    /// Enters a process made from the pid that its slot gives it.
    pub(crate) fn insert(
        &self,
        make: impl FnOnce(Pid) -> Arc<Process>,
    ) -> Result<Arc<Process>, TableFull> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        for step in 0..SHARDS {
            let number = start.wrapping_add(step) % SHARDS;
            let mut shard = self.shards[number].write();
            let index = match shard.free.pop_front() {
                Some(index) => index as usize,
                None if shard.slots.len() < SLOTS_PER_SHARD => {
                    shard.slots.push(Slot::default());
                    shard.slots.len() - 1
                }
                None => continue,
            };
            let id = (index as u32) << SHARD_BITS | number as u32;
            let slot = &mut shard.slots[index];
            let process = make(Pid::new(self.node.clone(), id, slot.generation));
            slot.process = Some(Arc::clone(&process));
            self.live[process.kind as usize].fetch_add(1, Ordering::Relaxed);
            return Ok(process);
        }
        Err(TableFull)
    }

    /// Takes the process out; its pid never finds anything again.
    pub(crate) fn remove(&self, pid: &Pid) {
        let (number, index) = place(pid);
        let mut shard = self.shards[number].write();
        let shard = &mut *shard;
        let Some(slot) = shard.slots.get_mut(index) else {
            return;
        };
        if slot.generation != pid.serial() || slot.process.take().is_none() {
            return;
        }
        // The last generation is never given out twice: the slot is retired instead.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            shard.free.push_back(index as u32);
        }
    }

    /// Queues a signal for a process of this node; hands it back when there is no such process.
    pub(crate) fn push(&self, pid: &Pid, signal: Signal) -> Result<(), Signal> {
        let (number, index) = place(pid);
        let pushed = {
            let shard = self.shards[number].read();
            match shard.slots.get(index) {
                Some(Slot {
                    generation,
                    process: Some(process),
                }) if *generation == pid.serial() && *pid.node() == self.node => {
                    process.mailbox.push(signal)
                }
                _ => Err(signal),
            }
        };
        // The wake-up runs the scheduler's code, so it comes after the shard is released.
        pushed.map(|waker| {
            if let Some(waker) = waker {
                waker.wake();
            }
        })
    }

    pub(crate) fn is_alive(&self, pid: &Pid) -> bool {
        let (number, index) = place(pid);
        let shard = self.shards[number].read();
        shard.slots.get(index).is_some_and(|slot| {
            slot.generation == pid.serial()
                && *pid.node() == self.node
                && slot
                    .process
                    .as_ref()
                    .is_some_and(|process| !process.mailbox.is_closed())
        })
    }

    /// The task of a process has ended: nothing more will come from it.
    pub(crate) fn departed(&self, kind: Kind) {
        if self.live[kind as usize].fetch_sub(1, Ordering::AcqRel) == 1 {
            self.last_one_gone.notify_waiters();
        }
    }

    /// Waits until no process of this kind is left.
    pub(crate) async fn none_left(&self, kind: Kind) {
        loop {
            let mut gone = std::pin::pin!(self.last_one_gone.notified());
            gone.as_mut().enable();
            if self.live[kind as usize].load(Ordering::Acquire) == 0 {
                return;
            }
            gone.await;
        }
    }

    /// The pids of all processes, by slot.
    pub(crate) fn pids(&self) -> Vec<Pid> {
        self.select(|_| true)
    }

    /// The pids of the processes that the user started, by slot.
    pub(crate) fn user_pids(&self) -> Vec<Pid> {
        self.select(|process| process.kind == Kind::User)
    }

    fn select(&self, wanted: impl Fn(&Process) -> bool) -> Vec<Pid> {
        let mut pids = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let processes = shard.slots.iter().filter_map(|slot| slot.process.as_ref());
            pids.extend(
                processes
                    .filter(|process| wanted(process))
                    .map(|process| process.pid.clone()),
            );
        }
        pids.sort_unstable_by_key(|pid| (pid.id(), pid.serial()));
        pids
    }
}

fn place(pid: &Pid) -> (usize, usize) {
    (
        pid.id() as usize % SHARDS,
        (pid.id() >> SHARD_BITS) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use erland_etf::atom;

    fn table() -> ProcessTable {
        ProcessTable::new(NodeId::new(atom!("t@h"), 7))
    }

    #[test]
    fn a_reused_slot_is_not_its_predecessor() {
        let table = table();
        let first = table.insert(Process::for_test).unwrap();
        table.remove(&first.pid);
        // Oldest first: the same slot comes back once its shard's turn comes round.
        let again = (0..SHARDS)
            .map(|_| table.insert(Process::for_test).unwrap())
            .find(|process| process.pid.id() == first.pid.id())
            .unwrap();
        assert_eq!(again.pid.serial(), first.pid.serial() + 1);
        assert!(!table.is_alive(&first.pid));
        assert!(table.is_alive(&again.pid));
        table.remove(&first.pid);
        assert!(table.is_alive(&again.pid), "a stale pid takes nothing out");
        assert_eq!(table.pids().len(), SHARDS);
    }

    #[test]
    fn a_pid_of_another_incarnation_finds_nobody() {
        let table = table();
        let process = table.insert(Process::for_test).unwrap();
        let stale = Pid::new(
            NodeId::new(atom!("t@h"), 8),
            process.pid.id(),
            process.pid.serial(),
        );
        assert!(!table.is_alive(&stale));
        let signal = Signal::Message(1_i64.into());
        assert!(table.push(&stale, signal).is_err());
    }
}
