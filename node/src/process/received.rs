//! What does `receive` hand to a process? Messages, trapped exits and `'DOWN'`s.

use erland_etf::{Atom, DecodeError, Pid, Reference, Term, atom};

use crate::exit_reason::ExitReason;
use crate::payload::Payload;

/// Something out of a process' mailbox.
///
/// In Erlang all three are messages, and [`to_term`](Received::to_term) gives them that form; here
/// an exit signal and a `'DOWN'` keep their types, so that a peer cannot fake one by sending a
/// tuple of the same shape.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Received {
    /// A message.
    Message(Payload),
    /// An exit signal, received by a process that traps exits.
    Exit(Exit),
    /// A monitored process ended.
    Down(Down),
}

/// A trapped exit signal: `{'EXIT', From, Reason}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exit {
    /// The process that ended, or that called `exit/2`.
    pub from: Pid,
    /// Its reason.
    pub reason: ExitReason,
}

/// The end of a monitor: `{'DOWN', Reference, process, Process, Reason}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Down {
    /// What [`Context::monitor`](crate::Context::monitor) returned.
    pub reference: Reference,
    /// The process, as the monitor named it.
    pub process: DownProcess,
    /// Why it ended, `noproc` when it never was, or `noconnection`.
    pub reason: ExitReason,
}

/// How a `'DOWN'` names its process: as the monitor did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DownProcess {
    /// Monitored by pid.
    Pid(Pid),
    /// Monitored by name.
    Name {
        /// The registered name.
        name: Atom,
        /// The node it was looked up on.
        node: Atom,
    },
}

impl DownProcess {
    /// The pid, or `{Name, Node}`.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            DownProcess::Pid(pid) => pid.clone().into(),
            DownProcess::Name { name, node } => Term::from((name.clone(), node.clone())),
        }
    }
}

impl Received {
    pub(crate) fn exit(from: Pid, reason: ExitReason) -> Received {
        Received::Exit(Exit { from, reason })
    }

    pub(crate) fn down(reference: Reference, process: DownProcess, reason: ExitReason) -> Received {
        Received::Down(Down {
            reference,
            process,
            reason,
        })
    }

    /// The message as Erlang code would see it.
    ///
    /// # Errors
    ///
    /// It is a message whose bytes do not decode.
    pub fn to_term(&self) -> Result<Term, DecodeError> {
        match self {
            Received::Message(payload) => payload.to_term(),
            Received::Exit(Exit { from, reason }) => {
                Ok(Term::from((atom!("EXIT"), from.clone(), reason.to_term())))
            }
            Received::Down(Down {
                reference,
                process,
                reason,
            }) => Ok(Term::from((
                atom!("DOWN"),
                reference.clone(),
                atom!("process"),
                process.to_term(),
                reason.to_term(),
            ))),
        }
    }
}
