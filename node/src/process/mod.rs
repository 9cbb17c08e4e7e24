//! What is a process? The block that its task, its senders and its [`Context`] share.

pub(crate) mod context;
mod exit;
mod mailbox;
pub(crate) mod received;
pub(crate) mod relations;
pub(crate) mod signal;
mod signals;
pub(crate) mod spawn;
pub(crate) mod table;
mod task;

use std::collections::VecDeque;
use std::task::Waker;

use erland_etf::Pid;

pub use context::Context;
use mailbox::Mailbox;
use received::Received;
use relations::Relations;
use signal::Signal;

use crate::exit_reason::ExitReason;
use crate::sync::Mutex;

/// One process, as the process table holds it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) kind: Kind,
    /// What senders touch.
    pub(crate) mailbox: Mailbox,
    /// What only the process' own task touches, so this lock is never contended: it is there
    /// because the task drains signals while its body, a future of unknown make, holds the
    /// [`Context`].
    inner: Mutex<Inner>,
}

/// Who started a process?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    /// The node itself: it runs until everything else has ended.
    System,
}

#[derive(Debug, Default)]
struct Inner {
    /// The queue swapped out of the mailbox; empty except while it is worked off, and after a
    /// signal ended the process: then the rest waits here to be answered.
    drained: VecDeque<Signal>,
    /// Messages, trapped exits and `'DOWN'`s that `receive` has not taken yet.
    inbox: VecDeque<Received>,
    /// A `receive` that waits under another waker than the task's own (in a `select!` or a
    /// `FuturesUnordered`, say).
    receiver: Option<Waker>,
    /// Absent until the first link, monitor or alias: most processes have none.
    relations: Option<Box<Relations>>,
    trap_exit: bool,
    /// How many more times `receive` may succeed in this poll, so that a process with a full inbox
    /// lets signals and other processes in.
    budget: u16,
    /// The reason that a signal gave while the body itself was working signals off; the task ends
    /// the process as soon as the body lets go.
    ended: Option<ExitReason>,
    /// Set when the process ends; no signal acts on it afterwards.
    ending: bool,
}

/// How many messages a process takes in one poll before it lets others run; a BEAM process is
/// preempted after 4,000 reductions, a receive with its work being some tens of them.
const RECEIVES_PER_POLL: u16 = 128;

impl Process {
    fn new(pid: Pid, kind: Kind, relations: Relations) -> Process {
        let relations = (!relations.is_empty()).then(|| Box::new(relations));
        Process {
            pid,
            kind,
            mailbox: Mailbox::default(),
            inner: Mutex::new(Inner {
                relations,
                ..Inner::default()
            }),
        }
    }

    #[cfg(test)]
    fn for_test(pid: Pid) -> std::sync::Arc<Process> {
        std::sync::Arc::new(Process::new(pid, Kind::User, Relations::default()))
    }
}

impl Inner {
    fn relations(&mut self) -> &mut Relations {
        self.relations.get_or_insert_default()
    }
}

/// A signal ended the process.
#[derive(Debug)]
struct Ended(ExitReason);
