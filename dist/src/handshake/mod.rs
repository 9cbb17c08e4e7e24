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

pub use acceptor::{Acceptor, AcceptorStep, Claim, Verdict};
pub use error::{HandshakeError, MalformedKind, Misbehaviour, Stage, StatusText};
pub use initiator::{Initiator, InitiatorStep};
pub use message::MessageTag;

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
}

impl Negotiated {
    /// `peer_flags` have passed [`compatible`].
    fn new(us: &Identity, peer: NodeName, peer_creation: u32, peer_flags: Flags) -> Negotiated {
        Negotiated {
            peer,
            peer_creation,
            peer_flags,
            flags: us.announced().expand_digest() & peer_flags,
        }
    }
}

/// The peer's flags, digest expanded, if it has all that are mandatory.
fn compatible(announced: Flags, stage: Stage) -> Result<Flags, HandshakeError> {
    let flags = announced.expand_digest();
    let missing = flags.missing_mandatory();
    if missing.is_empty() {
        Ok(flags)
    } else {
        Err(HandshakeError::PeerIncompatible { stage, missing })
    }
}
