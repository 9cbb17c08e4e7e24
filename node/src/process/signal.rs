//! What can arrive at a process? Every signal, in the one order of its one queue.

use erland_etf::{Atom, Pid, Reference};

use crate::exit_reason::SignalReason;
use crate::net::Via;
use crate::payload::Payload;

/// A signal on its way to a process.
///
/// Exhaustive on purpose: a new kind must fail to compile until every place that handles signals
/// has an answer for it.
#[derive(Debug)]
pub(crate) enum Signal {
    Message(Payload),
    Exit(Box<ExitSignal>),
    /// `from` links to us.
    Link {
        from: Pid,
        via: Via,
    },
    /// `UNLINK_ID`: to be acknowledged with the same id before anything else goes to `from`.
    Unlink {
        from: Pid,
        id: u64,
        via: Via,
    },
    UnlinkAck {
        from: Pid,
        id: u64,
        via: Via,
    },
    Monitor(Box<MonitorSignal>),
    Demonitor(Box<DemonitorSignal>),
    Down(Box<DownSignal>),
}

#[derive(Debug)]
pub(crate) struct ExitSignal {
    pub(crate) from: Pid,
    pub(crate) reason: SignalReason,
    pub(crate) kind: ExitKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ExitKind {
    /// A linked process ended; acts only while the link is active.
    Link(Via),
    /// The connection that carried the link is gone.
    ConnectionLost(Via),
    /// `exit/2`.
    Sent,
}

#[derive(Debug)]
pub(crate) struct MonitorSignal {
    pub(crate) watcher: Pid,
    pub(crate) reference: Reference,
    /// The name the watcher asked for, which the `'DOWN'` must repeat; `None` for a monitor by pid.
    pub(crate) name: Option<Atom>,
    pub(crate) via: Via,
}

#[derive(Debug)]
pub(crate) struct DemonitorSignal {
    pub(crate) watcher: Pid,
    pub(crate) reference: Reference,
}

#[derive(Debug)]
pub(crate) struct DownSignal {
    pub(crate) reference: Reference,
    pub(crate) reason: SignalReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queues hold signals by value: rare ones are boxed so that a message stays small.
    #[test]
    fn a_signal_is_48_bytes() {
        assert_eq!(size_of::<Signal>(), 48);
        assert_eq!(size_of::<Payload>(), 40);
    }
}
