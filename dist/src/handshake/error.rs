//! How can a handshake fail, and whose fault is it? [`HandshakeError`] tells as much as the wire
//! allows to know, and [`Stage`] at which message it happened.

use core::fmt;

use smallvec::SmallVec;
use thiserror::Error;

use super::message::MessageTag;
use crate::{Flags, NodeName, NodeNameError};

/// Why a handshake failed. The text completes "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer lacks flags that are mandatory. A peer that dialled us was told `not_allowed`.
    #[error("find in the peer the mandatory flags {missing}")]
    PeerIncompatible {
        /// Where it showed: [`Stage::SendName`], [`Stage::Complement`] or [`Stage::Challenge`].
        stage: Stage,
        /// What the peer lacks of [`Flags::MANDATORY`].
        missing: Flags,
    },
    /// The peer sent a well-formed message that it may not send.
    #[error("accept the peer's message while {} was due: {kind}", .stage.due())]
    PeerMisbehaved {
        /// What was due.
        stage: Stage,
        /// What the peer did.
        kind: Misbehaviour,
    },
    /// The peer sent bytes that are no message.
    #[error("read {}: {kind}", .stage.due())]
    Malformed {
        /// What was due.
        stage: Stage,
        /// What is wrong with it.
        kind: MalformedKind,
    },
    /// The peer answered our name with a status that no release of OTP up to 29 sends.
    #[error("get in at the peer: its status is `{0}`")]
    Rejected(StatusText),
    /// The peer answered our name with `not_allowed`.
    ///
    /// Which of the two reasons it has, it does not say; a node of OTP logs it.
    #[error(
        "be allowed in by the peer: it has an allow list without this node, \
         or it requires a flag that is not among ours ({our_flags})"
    )]
    NotAllowed {
        /// What we announced.
        our_flags: Flags,
    },
    /// The node that was reached is not the one that was dialled.
    #[error("reach {dialled:?}: the node there is {answered:?}")]
    NameMismatch {
        /// The node that was dialled.
        dialled: NodeName,
        /// The name in the challenge.
        answered: NodeName,
    },
    /// The peer closed the connection after our challenge reply, which is all that a node with
    /// another cookie does. So could a node that went down at this moment.
    #[error(
        "be authenticated by the peer: it closed the connection on our challenge reply, \
         probably because its cookie for this node is another one"
    )]
    CookieRefusedProbably,
    /// The peer's digest is wrong: it has another cookie.
    ///
    /// The stage is [`Stage::Reply`] or [`Stage::Ack`].
    #[error("authenticate the peer: {} does not match our cookie for it", .0.due())]
    BadCookie(Stage),
    /// The peer closed the connection.
    #[error("get past {}: the peer closed the connection{}", .0.due(), .0.closed_hint())]
    Closed(Stage),
    /// The time for the handshake ran out.
    #[error("get past {} in time{}", .0.due(), .0.timed_out_hint())]
    TimedOut(Stage),
    /// The caller's own step does not fit what is due. Nothing was written and nothing changed.
    #[error("take a step of the handshake while {} was due", .0.due())]
    OutOfTurn(Stage),
}

impl HandshakeError {
    /// What was due when the handshake failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            HandshakeError::PeerIncompatible { stage, .. }
            | HandshakeError::PeerMisbehaved { stage, .. }
            | HandshakeError::Malformed { stage, .. }
            | HandshakeError::BadCookie(stage)
            | HandshakeError::Closed(stage)
            | HandshakeError::TimedOut(stage)
            | HandshakeError::OutOfTurn(stage) => *stage,
            HandshakeError::Rejected(_) | HandshakeError::NotAllowed { .. } => Stage::Status,
            HandshakeError::NameMismatch { .. } => Stage::Challenge,
            HandshakeError::CookieRefusedProbably => Stage::Ack,
        }
    }
}

/// What is due next in a handshake: a message of the peer, or a step of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Initiator: the peer's status.
    Status,
    /// Initiator: our own answer to the status `alive`.
    AnswerAlive,
    /// Initiator: the peer's challenge.
    Challenge,
    /// Initiator: the peer's challenge ack.
    Ack,
    /// Acceptor: the peer's name.
    SendName,
    /// Acceptor: our own decision whether to let the peer in.
    Decision,
    /// Acceptor: the peer's answer to our status `alive`.
    AliveAnswer,
    /// Acceptor: the complement of a peer that speaks the handshake before OTP 23.
    Complement,
    /// Acceptor: the peer's challenge reply.
    Reply,
    /// Acceptor: our own challenge ack.
    Finish,
    /// Nothing: the handshake has ended, well or badly.
    Over,
}

impl Stage {
    fn due(self) -> &'static str {
        match self {
            Stage::Status => "the peer's status",
            Stage::AnswerAlive => "our answer to the peer's status `alive`",
            Stage::Challenge => "the peer's challenge",
            Stage::Ack => "the peer's challenge ack",
            Stage::SendName => "the peer's name",
            Stage::Decision => "our decision on the peer's name",
            Stage::AliveAnswer => "the peer's answer to our status `alive`",
            Stage::Complement => "the complement of the peer's old name message",
            Stage::Reply => "the peer's challenge reply",
            Stage::Finish => "our challenge ack",
            Stage::Over => "the end of the handshake",
        }
    }

    /// When a node of OTP closes at this stage (`dist_util`, OTP 25 to 29).
    fn closed_hint(self) -> &'static str {
        match self {
            Stage::Status => {
                ", as it does on a name it finds malformed or while it serves two other attempts \
                 of this node"
            }
            Stage::AliveAnswer => ", as it does when it gave the attempt up",
            Stage::Reply => {
                ", as it does when it dialled another name, requires a flag that we lack or gave \
                 the attempt up"
            }
            Stage::AnswerAlive
            | Stage::Challenge
            | Stage::Ack
            | Stage::SendName
            | Stage::Decision
            | Stage::Complement
            | Stage::Finish
            | Stage::Over => "",
        }
    }

    fn timed_out_hint(self) -> &'static str {
        match self {
            Stage::Status => ": a node that expects TLS would stay silent, too",
            Stage::AnswerAlive
            | Stage::Challenge
            | Stage::Ack
            | Stage::SendName
            | Stage::Decision
            | Stage::AliveAnswer
            | Stage::Complement
            | Stage::Reply
            | Stage::Finish
            | Stage::Over => "",
        }
    }
}

/// What is due, such as "the peer's challenge".
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.due())
    }
}

/// What a peer did that it may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// It sent a message that has its place elsewhere in the handshake.
    OutOfOrder(MessageTag),
    /// It calls itself by the name of this node. It was told `nok`, as OTP does.
    ClaimsOurName,
    /// It gives this node a name, which was not asked for.
    NamedUnasked,
    /// It answers the request for a name with a status that gives none.
    NotNamed,
    /// It gives this node a name on another host than the one in the request.
    NamedElsewhere,
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misbehaviour::OutOfOrder(tag) => write!(f, "it is a {tag}"),
            Misbehaviour::ClaimsOurName => f.write_str("it claims the name of this node"),
            Misbehaviour::NamedUnasked => {
                f.write_str("it gives this node a name, which was not asked for")
            }
            Misbehaviour::NotNamed => f.write_str("it does not give the name it was asked for"),
            Misbehaviour::NamedElsewhere => {
                f.write_str("it gives this node a name on another host")
            }
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedKind {
    /// It ends before its last field does.
    Truncated,
    /// It goes on after its last field, which only `send_name` and `challenge` may.
    TrailingBytes,
    /// Its first byte is no tag of the handshake.
    UnknownTag(u8),
    /// It is the `challenge` of OTP 22 and older, with tag `n`.
    OldHandshake,
    /// It is an answer to `alive`, but neither `true` nor `false`.
    UnknownAnswer,
    /// The node name in it is none.
    BadName(NodeNameError),
}

impl fmt::Display for MalformedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MalformedKind::Truncated => f.write_str("it ends early"),
            MalformedKind::TrailingBytes => f.write_str("it goes on after its end"),
            MalformedKind::UnknownTag(tag) => write!(f, "its tag {tag:#04x} is unknown"),
            MalformedKind::OldHandshake => {
                f.write_str("it is of the handshake before OTP 23 (tag `n`)")
            }
            MalformedKind::UnknownAnswer => f.write_str("it is neither `true` nor `false`"),
            MalformedKind::BadName(error) => write!(f, "failed to {error}"),
        }
    }
}

/// The beginning of a status that is not known here, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusText(SmallVec<[u8; StatusText::KEPT]>);

impl StatusText {
    /// Longer than every status of OTP 29, short enough for a log line.
    const KEPT: usize = 32;

    pub(super) fn new(text: &[u8]) -> StatusText {
        StatusText(text.iter().copied().take(StatusText::KEPT).collect())
    }

    /// At most the first 32 bytes of the status.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes in ASCII, all others escaped: the text is safe to log.
impl fmt::Display for StatusText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}
