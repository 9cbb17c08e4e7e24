//! Where can a message or a monitor go? The two kinds of address.

use erland_etf::{Atom, Pid, Reference};

/// The destination of a message, as the left side of Erlang's `!`.
///
/// ```
/// use erland::{Dest, atom};
///
/// let _local: Dest = atom!("logger").into();
/// let _remote: Dest = (atom!("shop"), atom!("erl@127.0.0.1")).into();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dest {
    /// A process, local or remote.
    Pid(Pid),
    /// A name registered on this node.
    Name(Atom),
    /// A name registered on some node: Erlang's `{Name, Node}`.
    NameAt {
        /// The registered name.
        name: Atom,
        /// The node; this node's own name makes it local.
        node: Atom,
    },
    /// A process alias, local or remote (`erlang:alias/1`, OTP 24).
    Alias(Reference),
}

/// What a monitor can watch: `erlang:monitor(process, …)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MonitorTarget {
    /// A process, local or remote.
    Pid(Pid),
    /// A name registered on this node, resolved now.
    Name(Atom),
    /// A name registered on some node, resolved there when the request arrives.
    NameAt {
        /// The registered name.
        name: Atom,
        /// The node; this node's own name makes it local.
        node: Atom,
    },
}

macro_rules! addresses {
    ($($to:ident),*) => {$(
        impl From<Pid> for $to {
            fn from(pid: Pid) -> $to {
                $to::Pid(pid)
            }
        }

        impl From<&Pid> for $to {
            fn from(pid: &Pid) -> $to {
                $to::Pid(pid.clone())
            }
        }

        impl From<Atom> for $to {
            fn from(name: Atom) -> $to {
                $to::Name(name)
            }
        }

        impl From<(Atom, Atom)> for $to {
            fn from((name, node): (Atom, Atom)) -> $to {
                $to::NameAt { name, node }
            }
        }

        impl From<&$to> for $to {
            fn from(other: &$to) -> $to {
                other.clone()
            }
        }
    )*};
}

addresses!(Dest, MonitorTarget);

impl From<Reference> for Dest {
    fn from(alias: Reference) -> Dest {
        Dest::Alias(alias)
    }
}

impl From<&Reference> for Dest {
    fn from(alias: &Reference) -> Dest {
        Dest::Alias(alias.clone())
    }
}
