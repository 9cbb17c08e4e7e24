//! What is an established link? Its two halves, and what they share.
//!
//! The halves are separate from the first byte on: the inbound half belongs to whoever reads the
//! transport, the outbound half to whoever sends (behind a lock, where several do). Neither needs
//! the other: what ticks need of each is a byte count.

mod inbound;
mod outbound;
mod payload;
mod room;

use erland_etf::RawTerm;

use crate::control::Control;
use crate::flags::Flags;

pub use inbound::Inbound;
pub use outbound::Outbound;
pub use payload::PayloadRef;
pub use room::OutboundLimits;

/// What came out of the bytes of a peer.
#[derive(Clone, Debug)]
pub enum Event {
    /// A tick: the peer is alive and has nothing to say.
    Tick,
    /// A signal.
    Deliver {
        /// The signal.
        control: Control,
        /// Its payload, present exactly if [`Control::has_payload`] says so; not decoded yet, so
        /// it may turn out not to be a term.
        payload: Option<RawTerm>,
    },
    /// A control message of an operation that this implementation does not know. It is dropped,
    /// to be logged and counted; the link goes on.
    UnknownControl {
        /// The operation's number.
        op: u64,
    },
}

/// How much a peer may make the receiver store.
///
/// The protocol itself allows frames of 4 GiB and any number of unfinished messages; OTP sets no
/// limits of its own.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Bytes of one frame, and of the payload of one message reassembled from fragments.
    ///
    /// Default: 256 MiB for the payload, and 512 KiB for distribution header and control message
    /// (a header of 255 new atoms of full length has about 256 KiB).
    pub max_frame: usize,
    /// Messages of which some but not all fragments came. One process at the peer has at most one.
    ///
    /// Default: 16,384. Bytes are what [`max_fragment_bytes`](Self::max_fragment_bytes) limits;
    /// this one keeps the number of map entries in proportion.
    pub max_sequences: usize,
    /// Bytes stored for all unfinished messages together, with an estimate of what their control
    /// messages and atoms take. The memory in use may be up to twice as much, since buffers grow
    /// by doubling.
    ///
    /// Default: 1 GiB, four messages of full size at the same time.
    pub max_fragment_bytes: usize,
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            max_frame: 256 * 1024 * 1024 + 512 * 1024,
            max_sequences: 16_384,
            max_fragment_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// How the frames of a link are built (OTP "Distribution Protocol", "Protocol between Connected
/// Nodes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// A type byte, then terms with version bytes of their own: neither of the flags below was
    /// negotiated.
    PassThrough,
    /// Distribution headers: `DIST_HDR_ATOM_CACHE` or `FRAGMENTS` was negotiated.
    Headers,
}

impl Framing {
    fn of(flags: Flags) -> Framing {
        if flags.contains(Flags::DIST_HDR_ATOM_CACHE) || flags.contains(Flags::FRAGMENTS) {
            Framing::Headers
        } else {
            Framing::PassThrough
        }
    }
}
