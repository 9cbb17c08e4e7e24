//! How do two nodes come to a connection? [`Initiator`] is the side that dialled, [`Acceptor`] the
//! side that was dialled; this file holds what both know.
//!
//! "Distribution Protocol", chapter "Distribution Handshake". Both roles are fed with the bodies of
//! the peer's messages, that is without their length prefix, and write whole messages to a buffer.
//! What is in that buffer is to be sent in any case, also after an error: a refused peer is told so
//! where the protocol has words for it.
//!
//! Nothing here waits, measures time or draws random numbers. The caller brings the deadline
//! (OTP's default is 7 seconds, started anew with each message) and a challenge, which must be
//! unpredictable and drawn anew for each handshake.

mod acceptor;
mod error;
mod initiator;
mod message;
mod verdict;

pub use acceptor::{Acceptor, AcceptorStep, Claim, NameRequest};
pub use error::{HandshakeError, MalformedKind, Misbehaviour, Stage, StatusText};
pub use initiator::{Initiator, InitiatorStep};
pub use message::MessageTag;
pub use verdict::{Standing, Verdict};

use crate::{Flags, NodeName};

/// What a node says of itself in a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: NodeName,
    /// Its incarnation: the creation in all its own pids, ports and references.
    pub creation: u32,
    /// What it announces. [`Flags::NAME_ME`] is left out in any case: a node that has a name does
    /// not ask for one.
    pub flags: Flags,
}

impl Identity {
    fn announced(&self) -> Flags {
        self.flags - Flags::NAME_ME
    }

    /// To a peer that asked for a name: its flag comes back to it, and the connection is hidden
    /// (`dist_util:publish_flag/3`). A node of OTP without the flag in return breaks off.
    fn announced_to_nameless(&self) -> Flags {
        (self.flags - Flags::PUBLISHED) | Flags::NAME_ME
    }
}

/// How long the length before each handshake message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LengthPrefix {
    /// Two bytes: the handshake over TCP.
    Two,
    /// Four bytes: the handshake over TLS, and everything after the handshake.
    Four,
}

/// What two nodes have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The peer's name.
    pub peer: NodeName,
    /// The peer's incarnation.
    pub peer_creation: u32,
    /// What the peer announced, with [`Flags::MANDATORY_25_DIGEST`] expanded.
    pub peer_flags: Flags,
    /// What both announced: the flags of the connection.
    pub flags: Flags,
    /// The name that the peer gave this node, if it asked for one.
    pub given: Option<GivenName>,
}

/// A name for a node that had none, and the incarnation under which it goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// The name.
    pub name: NodeName,
    /// Its creation.
    pub creation: u32,
}

impl Negotiated {
    /// `peer_flags` have passed [`compatible`].
    fn new(announced: Flags, peer: NodeName, peer_creation: u32, peer_flags: Flags) -> Negotiated {
        Negotiated {
            peer,
            peer_creation,
            peer_flags,
            // The request for a name is no capability.
            flags: (announced.expand_digest() & peer_flags) - Flags::NAME_ME,
            given: None,
        }
    }

    /// Whether the connection is a hidden one: it is visible only if both sides announced
    /// [`Flags::PUBLISHED`] (`dist_util:publish_type/1` on what both have).
    ///
    /// OTP lists the peer of a hidden connection among `nodes(hidden)`, keeps it out of `global`
    /// and sends it more ticks, see [`Ticker`](crate::Ticker).
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        !self.flags.contains(Flags::PUBLISHED)
    }
}

/// The peer's flags, digest expanded, if it has all that are mandatory among `known`.
fn compatible(announced: Flags, known: Flags, stage: Stage) -> Result<Flags, HandshakeError> {
    let flags = announced.expand_digest();
    let missing = flags.missing_mandatory() & known;
    if missing.is_empty() {
        Ok(flags)
    } else {
        Err(HandshakeError::PeerIncompatible { stage, missing })
    }
}
