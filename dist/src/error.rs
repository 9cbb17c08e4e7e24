//! What can end an established link, and what can keep a signal from being sent?
//!
//! [`ProtocolError`] is the peer's fault and closes the link; [`EncodeError`] is the caller's and
//! leaves the link as it was. Errors of the handshake live with the handshake.

use core::fmt;

use erland_etf::DecodeError;
use thiserror::Error;

use crate::control::Op;
use crate::flags::Flags;
use crate::frame::FrameTooLarge;

/// The peer broke the protocol on an established link; the link cannot go on.
///
/// Only frames, headers and control tuples are judged. A payload that does not decode is no
/// protocol error: the receiver of the message hears of it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The peer announced a frame over [`max_frame`](crate::ConnectionLimits::max_frame).
    #[error(transparent)]
    FrameTooLarge(#[from] FrameTooLarge),
    /// A frame of the peer does not follow the protocol.
    #[error("peer sent a malformed {frame}")]
    Malformed {
        /// Which kind of frame it was.
        frame: FrameKind,
        /// What is wrong with it.
        #[source]
        kind: FrameFault,
    },
    /// The peer's unfinished fragment sequences exceed what the receiver stores.
    #[error("peer's unfinished fragment sequences exceed the limit on {0}")]
    FragmentBudget(FragmentBudget),
}

/// The kinds of frame of an established link (OTP "Distribution Protocol", "Protocol between
/// Connected Nodes", and "External Term Format", "Distribution Header").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Pass-through: a type byte and terms with version bytes of their own.
    PassThrough,
    /// A message behind a normal distribution header (68).
    Header,
    /// The first fragment of a message (69).
    FirstFragment,
    /// A later fragment of a message (70).
    Fragment,
    /// A frame that ends, or goes wrong, before its kind is known.
    Unknown,
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FrameKind::PassThrough => "pass-through frame",
            FrameKind::Header => "message",
            FrameKind::FirstFragment => "first fragment",
            FrameKind::Fragment => "fragment",
            FrameKind::Unknown => "frame",
        })
    }
}

/// Which of the budgets for unfinished fragment sequences was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FragmentBudget {
    /// [`max_sequences`](crate::ConnectionLimits::max_sequences).
    Sequences,
    /// [`max_fragment_bytes`](crate::ConnectionLimits::max_fragment_bytes).
    Bytes,
    /// [`max_frame`](crate::ConnectionLimits::max_frame), which a reassembled message may not
    /// exceed either.
    Message,
}

impl fmt::Display for FragmentBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FragmentBudget::Sequences => "their number",
            FragmentBudget::Bytes => "stored bytes",
            FragmentBudget::Message => "the size of one message",
        })
    }
}

/// What is wrong with a frame.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// The frame ends within its distribution header.
    #[error("it ends within the distribution header")]
    Truncated,
    /// Another byte stands where 131 must.
    #[error("it has version {0} where 131 is expected")]
    Version(u8),
    /// After 131 follows none of 68, 69 and 70.
    #[error("{0} is not a distribution header")]
    HeaderTag(u8),
    /// A fragment came although `FRAGMENTS` was not negotiated.
    #[error("fragments were not negotiated")]
    FragmentsNotNegotiated,
    /// The header has atom references although `DIST_HDR_ATOM_CACHE` was not negotiated.
    #[error("the atom cache was not negotiated")]
    AtomCacheNotNegotiated,
    /// A header refers to a cache slot that no header has filled.
    #[error("atom cache slot {slot} is empty")]
    EmptyCacheSlot {
        /// Segment × 256 + index within the segment.
        slot: u16,
    },
    /// A new cache entry is not an atom: not UTF-8, or of more than 255 characters.
    #[error("the entry for atom cache slot {slot} is no atom")]
    CacheAtom {
        /// Segment × 256 + index within the segment.
        slot: u16,
    },
    /// Sequence id 0, which is never valid for a message of more than one fragment.
    #[error("the sequence id is 0")]
    SequenceZero,
    /// A first fragment has the sequence id of a message that is not finished.
    #[error("sequence {sequence} is already in progress")]
    SequenceInUse {
        /// The sequence id.
        sequence: u64,
    },
    /// A later fragment belongs to no message in progress.
    #[error("sequence {sequence} is not in progress")]
    UnknownSequence {
        /// The sequence id.
        sequence: u64,
    },
    /// A fragment is not the next one of its message.
    #[error("fragment {received} came where {expected} is next")]
    FragmentOrder {
        /// The fragment id that is next.
        expected: u64,
        /// The fragment id that came.
        received: u64,
    },
    /// A first fragment announces no fragments at all.
    #[error("the fragment id is 0")]
    FragmentZero,
    /// The control message is at fault.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// What is wrong with a control message (OTP "Distribution Protocol", "Protocol between Connected
/// Nodes").
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ControlError {
    /// The control message is not a tuple that begins with a non-negative integer.
    #[error("the control message is no tuple with an operation")]
    NotControl(#[source] DecodeError),
    /// An element does not decode, or is of the wrong type.
    #[error("element {element} of {op} is malformed")]
    Element {
        /// The operation.
        op: Op,
        /// Position in the tuple as in Erlang's `element/2`; the operation itself is 1.
        element: u32,
        /// How it fails to decode.
        #[source]
        error: DecodeError,
    },
    /// An element decodes, but has a value that the operation does not allow.
    #[error("element {element} of {op} has a value that is not allowed")]
    Value {
        /// The operation.
        op: Op,
        /// Position in the tuple as in Erlang's `element/2`.
        element: u32,
    },
    /// The tuple has more or fewer elements than the operation has.
    #[error("{op} has {arity} elements")]
    Arity {
        /// The operation.
        op: Op,
        /// Elements of the tuple, the operation included.
        arity: u32,
    },
    /// An element is a pid or reference of a node that it may not be of: a sender of a third node,
    /// or a receiver that is not here.
    #[error("element {element} of {op} is not of {expected}")]
    WrongNode {
        /// The operation.
        op: Op,
        /// Position in the tuple as in Erlang's `element/2`.
        element: u32,
        /// Whose it must be.
        expected: Owner,
    },
    /// `UNLINK_ID` with the id 0.
    #[error("{op} has the id 0")]
    UnlinkIdZero {
        /// The operation.
        op: Op,
    },
    /// `NODE_LINK`, which no release accepts, or `UNLINK` on a link with `UNLINK_ID`, which OTP 26
    /// and later refuse.
    #[error("{op} is not in use")]
    NotInUse {
        /// The operation.
        op: Op,
    },
    /// The operation has a payload, the frame has none.
    #[error("{op} has no payload")]
    PayloadMissing {
        /// The operation.
        op: Op,
    },
    /// A tuple with an operation unknown to this implementation does not decode.
    #[error("the tuple of unknown operation {op} is malformed")]
    Unknown {
        /// The operation's number.
        op: u64,
        /// How it fails to decode.
        #[source]
        error: DecodeError,
    },
}

/// Whose a pid or reference in a control message must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The node that sent it, in whatever incarnation.
    Peer,
    /// This node, in whatever incarnation: signals for an earlier one are answered or ignored.
    Here,
    /// This node in its present incarnation.
    HereNow,
    /// Any node but this one in its present incarnation.
    Elsewhere,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Owner::Peer => "the sending node",
            Owner::Here => "this node",
            Owner::HereNow => "this node's present incarnation",
            Owner::Elsewhere => "another node than this",
        })
    }
}

/// A signal cannot be put on the wire; nothing was written and the link is as before.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// A term of the control message cannot be encoded.
    #[error("the control message cannot be encoded")]
    Term(#[from] erland_etf::EncodeError),
    /// The payload refers to atoms, the link has no atom cache for them, and the payload does not
    /// decode, so it cannot be rewritten.
    #[error("the payload cannot be rewritten without atom cache")]
    Payload(#[source] DecodeError),
    /// The message is longer than the 4-byte length of a frame can say.
    #[error("a frame of {len} bytes is over the protocol's limit of 4 GiB")]
    FrameTooLarge {
        /// Length of the frame without its prefix.
        len: u64,
    },
    /// The signal has a payload (a message or an exit reason), none was given.
    #[error("{op} needs a payload")]
    PayloadMissing {
        /// The operation.
        op: Op,
    },
    /// The signal has no payload, but one was given.
    #[error("{op} has no payload")]
    PayloadUnexpected {
        /// The operation.
        op: Op,
    },
    /// The peer did not negotiate what the signal needs, and no older form says the same.
    #[error("the peer does not support {missing}")]
    NotNegotiated {
        /// The flags that are missing.
        missing: Flags,
    },
}
