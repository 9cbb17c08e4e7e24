//! Is a peer let in that dials us? What its name means depends on what we have to do with it
//! already.
//!
//! "Distribution Protocol", chapter "Distribution Handshake", the status message, and
//! `net_kernel` (`accept_pending`) of OTP 25 to 29.

use crate::NodeName;

/// Whether a peer is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is no other connection to this peer and no attempt at one.
    Ok,
    /// There is an own attempt, and the peer's name is the greater one: the own attempt is given
    /// up for this one.
    OkSimultaneous,
    /// There is an own attempt, and the own name is the greater one: this one is refused and the
    /// own attempt goes on. The handshake is over.
    Nok,
    /// The peer may not connect. The handshake is over.
    NotAllowed,
    /// The peer is connected already. It is asked whether this attempt replaces that connection.
    Alive,
}

/// What a node has to do with a peer at the moment the peer claims its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing, or another attempt of the peer's that has not proved anything yet.
    Unconnected,
    /// An own attempt whose name the peer has not been told, or that the peer has refused with
    /// `nok`: it can be given up without the peer counting on it. So does OTP 29 while it looks
    /// the host up (`check_pending`).
    Preparing,
    /// An own attempt that has told the peer our name.
    Dialling,
    /// A connection that stands, as far as we know.
    Up,
}

impl Verdict {
    /// What `us` answers to `peer`. Of two attempts at the same time that of the greater name
    /// stays, whichever is older: both sides come to the same answer without asking each other.
    #[must_use]
    pub fn on(us: &NodeName, peer: &NodeName, standing: Standing) -> Verdict {
        match standing {
            Standing::Unconnected => Verdict::Ok,
            Standing::Dialling if us > peer => Verdict::Nok,
            Standing::Preparing | Standing::Dialling => Verdict::OkSimultaneous,
            Standing::Up => Verdict::Alive,
        }
    }
}
