//! What does one process tell another across nodes? [`Control`], every control message as a typed
//! value.
//!
//! The same signal has several forms on the wire, depending on what the two nodes negotiated and
//! on whether it is traced: an exit may be operation 3, 13, 24 or 25. A [`Control`] is the signal,
//! not the form. Reading accepts every form (`decode.rs`), writing chooses one by the flags of the
//! link (`encode.rs`). Whether the receiver exists, and what follows from the signal, is for the
//! node to say.

mod decode;
mod encode;
mod op;

use alloc::boxed::Box;

use erland_etf::{Atom, Pid, Reference, Term};

pub(crate) use decode::{Decoded, Ends, Payload, decode};
pub(crate) use encode::encode;
pub use op::Op;
pub(crate) use op::Place;

/// A control message (OTP "Distribution Protocol", "Protocol between Connected Nodes").
///
/// `from` is at the sending node, `to` at the receiving one. A `token` is the sequential trace
/// token that came with the signal, kept so that it can be passed on.
///
/// Signals that end in a message or an exit reason carry it as their *payload*, apart from this
/// value: see [`has_payload`](Control::has_payload). That holds for exit reasons in every form,
/// also where the wire has them inside the tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// `LINK`: set up a link.
    Link {
        /// Who links.
        from: Pid,
        /// The process linked to.
        to: Pid,
    },
    /// `UNLINK`: remove a link, as nodes before OTP 26 without `UNLINK_ID` say it. To be received
    /// only: to send, use [`UnlinkId`](Control::UnlinkId), which takes this form where it must.
    Unlink {
        /// Who unlinks.
        from: Pid,
        /// The process linked to.
        to: Pid,
    },
    /// `UNLINK_ID`: remove a link; to be answered by an acknowledgement with the same id.
    UnlinkId {
        /// Chosen by the sender, never 0.
        id: u64,
        /// Who unlinks.
        from: Pid,
        /// The process linked to.
        to: Pid,
    },
    /// `UNLINK_ID_ACK`: the answer to [`UnlinkId`](Control::UnlinkId).
    UnlinkIdAck {
        /// The id of the request.
        id: u64,
        /// Who acknowledges: the receiver of the request.
        from: Pid,
        /// Who unlinked.
        to: Pid,
    },
    /// `SEND`, `SEND_SENDER`: a message to a process. Payload: the message.
    Send {
        /// The sender; absent in the older forms `SEND` and `SEND_TT`.
        from: Option<Pid>,
        /// The receiver.
        to: Pid,
        /// Sequential trace token.
        token: Option<Box<Term>>,
    },
    /// `REG_SEND`: a message to a registered name. Payload: the message.
    RegSend {
        /// The sender.
        from: Pid,
        /// The name at the receiving node.
        name: Atom,
        /// Sequential trace token.
        token: Option<Box<Term>>,
    },
    /// `EXIT`, `PAYLOAD_EXIT`: a linked process has ended, the link with it. Payload: the reason.
    Exit {
        /// Who ended.
        from: Pid,
        /// The process linked to it.
        to: Pid,
        /// Sequential trace token.
        token: Option<Box<Term>>,
    },
    /// `EXIT2`, `PAYLOAD_EXIT2`: `exit/2` was called. Payload: the reason.
    Exit2 {
        /// Who called it.
        from: Pid,
        /// The process meant.
        to: Pid,
        /// Sequential trace token.
        token: Option<Box<Term>>,
    },
    /// `MONITOR_P`: monitor a process.
    MonitorP {
        /// The watcher.
        from: Pid,
        /// What to monitor.
        target: Target,
        /// The monitor.
        reference: Reference,
    },
    /// `DEMONITOR_P`: give a monitor up.
    DemonitorP {
        /// The watcher.
        from: Pid,
        /// What is monitored.
        target: Target,
        /// The monitor.
        reference: Reference,
    },
    /// `MONITOR_P_EXIT`, `PAYLOAD_MONITOR_P_EXIT`: a monitored process has ended, or was not
    /// there. Payload: the reason.
    MonitorPExit {
        /// What was monitored, as the monitor named it.
        from: Target,
        /// The watcher.
        to: Pid,
        /// The monitor.
        reference: Reference,
    },
    /// `GROUP_LEADER`: give a process another group leader.
    GroupLeader {
        /// The new group leader.
        leader: Pid,
        /// The process that gets it.
        to: Pid,
    },
    /// `SPAWN_REQUEST`: start a process. Payload: the list of arguments.
    SpawnRequest(Box<SpawnRequest>),
    /// `SPAWN_REPLY`: the answer to a [`SpawnRequest`].
    SpawnReply {
        /// The id of the request.
        request: Reference,
        /// Who asked.
        to: Pid,
        /// Bit 0: a link was set up; bit 1: a monitor was set up, with the request's id.
        flags: u32,
        /// The new process, or why there is none.
        result: SpawnResult,
        /// Sequential trace token.
        token: Option<Box<Term>>,
    },
    /// `ALIAS_SEND`: a message to a process alias. Payload: the message.
    AliasSend {
        /// The sender.
        from: Pid,
        /// The alias.
        alias: Reference,
        /// Sequential trace token.
        token: Option<Box<Term>>,
    },
    /// `ALTACT_SIG_SEND` (OTP 28): a message or an exit signal with alternate action. Payload: the
    /// message, or the reason if `exit` is set.
    AltactSend {
        /// It is a priority signal (flag `PRIO`).
        priority: bool,
        /// It is an exit signal as of `exit/2` (flag `EXIT`), not a message.
        exit: bool,
        /// The sender.
        from: Pid,
        /// The receiver (flags `ALIAS` and `NAME` tell which kind).
        to: Destination,
        /// Sequential trace token (flag `TOKEN`).
        token: Option<Box<Term>>,
    },
}

/// A request to start a process: what [`Control::SpawnRequest`] holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnRequest {
    /// Identifies the request, and is the monitor's reference if one is asked for.
    pub request: Reference,
    /// Who asks.
    pub from: Pid,
    /// The group leader of the new process.
    pub group_leader: Pid,
    /// Module of the function.
    pub module: Atom,
    /// Name of the function.
    pub function: Atom,
    /// Arity of the function as the peer states it. Nothing else is known of it: with a number
    /// that is not the length of the argument list the new process ends with `undef`.
    pub arity: i64,
    /// The option list, not judged here: an option that is not known, or no list at all, is
    /// answered with `badopt`.
    pub options: Term,
    /// Sequential trace token.
    pub token: Option<Box<Term>>,
}

/// What a monitor watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A process.
    Pid(Pid),
    /// Whatever process has this registered name when the request arrives.
    Name(Atom),
}

/// Whom an [`AltactSend`](Control::AltactSend) is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A process.
    Pid(Pid),
    /// A registered name.
    Name(Atom),
    /// A process alias.
    Alias(Reference),
}

/// What became of a [`SpawnRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SpawnResult {
    /// The new process.
    Pid(Pid),
    /// Why there is none: `badopt`, `system_limit`, `notsup`, ….
    Error(Atom),
}

/// Flags of `ALTACT_SIG_SEND` (OTP "Distribution Protocol", "ALTACT_SIG_SEND"). Other bits have no
/// meaning yet and are ignored.
mod altact {
    pub(super) const PRIO: u64 = 1;
    pub(super) const TOKEN: u64 = 2;
    pub(super) const ALIAS: u64 = 4;
    pub(super) const NAME: u64 = 8;
    pub(super) const EXIT: u64 = 16;
}

impl Control {
    /// Whether the signal has a payload: a message, an exit reason or a list of arguments.
    pub const fn has_payload(&self) -> bool {
        match self {
            Control::Send { .. }
            | Control::RegSend { .. }
            | Control::Exit { .. }
            | Control::Exit2 { .. }
            | Control::MonitorPExit { .. }
            | Control::SpawnRequest(_)
            | Control::AliasSend { .. }
            | Control::AltactSend { .. } => true,
            Control::Link { .. }
            | Control::Unlink { .. }
            | Control::UnlinkId { .. }
            | Control::UnlinkIdAck { .. }
            | Control::MonitorP { .. }
            | Control::DemonitorP { .. }
            | Control::GroupLeader { .. }
            | Control::SpawnReply { .. } => false,
        }
    }
}
