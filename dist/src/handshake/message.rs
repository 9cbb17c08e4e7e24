//! What do the handshake messages look like? Each is written and read here, writer beside parser.
//!
//! "Distribution Protocol", chapter "Distribution Handshake", and `dist_util` of OTP 29. A message
//! is a length and that many bytes, the body: a tag, then its fields. Which message may come when
//! is not decided here, but by the states of the two roles.

#![deny(clippy::arithmetic_side_effects)]

use core::fmt;

use bytes::{BufMut, BytesMut};
use nom::multi::length_data;
use nom::number::complete::{be_u16, be_u32, be_u64, be_u128};
use nom::{IResult, Parser};

use super::error::{HandshakeError, MalformedKind, Misbehaviour, Stage};
use super::{GivenName, Identity, LengthPrefix, Verdict};
use crate::name::latin1;
use crate::{Flags, NodeName, NodeNameError};

/// The first byte of a handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageTag {
    /// `N`: `send_name` or `challenge`.
    Name,
    /// `n`: `send_name` or `challenge` of OTP 22 and older.
    OldName,
    /// `s`: `status`, or the answer to the status `alive`.
    Status,
    /// `c`: `complement`, which follows an old `send_name`.
    Complement,
    /// `r`: `challenge_reply`.
    Reply,
    /// `a`: `challenge_ack`.
    Ack,
}

impl MessageTag {
    const ALL: [MessageTag; 6] = [
        MessageTag::Name,
        MessageTag::OldName,
        MessageTag::Status,
        MessageTag::Complement,
        MessageTag::Reply,
        MessageTag::Ack,
    ];

    const fn byte(self) -> u8 {
        match self {
            MessageTag::Name => b'N',
            MessageTag::OldName => b'n',
            MessageTag::Status => b's',
            MessageTag::Complement => b'c',
            MessageTag::Reply => b'r',
            MessageTag::Ack => b'a',
        }
    }
}

impl fmt::Display for MessageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageTag::Name => "name or challenge",
            MessageTag::OldName => "name or challenge of the handshake before OTP 23",
            MessageTag::Status => "status",
            MessageTag::Complement => "complement",
            MessageTag::Reply => "challenge reply",
            MessageTag::Ack => "challenge ack",
        })
    }
}

/// Why a body is not the message that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    OutOfOrder(MessageTag),
    Malformed(MalformedKind),
}

impl Fault {
    pub(super) fn at(self, stage: Stage) -> HandshakeError {
        match self {
            Fault::OutOfOrder(tag) => HandshakeError::PeerMisbehaved {
                stage,
                kind: Misbehaviour::OutOfOrder(tag),
            },
            Fault::Malformed(kind) => HandshakeError::Malformed { stage, kind },
        }
    }
}

impl From<MalformedKind> for Fault {
    fn from(kind: MalformedKind) -> Fault {
        Fault::Malformed(kind)
    }
}

/// The tag of a body and what follows it.
fn split_tag(body: &[u8]) -> Result<(MessageTag, &[u8]), MalformedKind> {
    let (byte, fields) = body.split_first().ok_or(MalformedKind::Truncated)?;
    let tag = MessageTag::ALL.into_iter().find(|tag| tag.byte() == *byte);
    tag.map(|tag| (tag, fields))
        .ok_or(MalformedKind::UnknownTag(*byte))
}

/// What is wrong with any message at all, when none is due.
pub(super) fn unexpected(body: &[u8]) -> Fault {
    match split_tag(body) {
        Ok((tag, _)) => Fault::OutOfOrder(tag),
        Err(kind) => Fault::Malformed(kind),
    }
}

/// What follows the tag, if it is the one that is due.
fn fields(due: MessageTag, body: &[u8]) -> Result<&[u8], Fault> {
    match split_tag(body)? {
        (tag, fields) if tag == due => Ok(fields),
        // The release is the reason, not the order.
        (MessageTag::OldName, _) if due == MessageTag::Name => {
            Err(MalformedKind::OldHandshake.into())
        }
        (tag, _) => Err(Fault::OutOfOrder(tag)),
    }
}

/// The value of a parser that can only fail for want of bytes, and what follows it.
fn complete<T>(result: IResult<&[u8], T>) -> Result<(&[u8], T), MalformedKind> {
    result.map_err(|_| MalformedKind::Truncated)
}

/// The value of a parser that must leave nothing over.
fn exact<T>(result: IResult<&[u8], T>) -> Result<T, MalformedKind> {
    match complete(result)? {
        ([], value) => Ok(value),
        _ => Err(MalformedKind::TrailingBytes),
    }
}

/// Writes the length and the tag of a message with fields of `fields` bytes, at most some 550.
fn frame(prefix: LengthPrefix, tag: MessageTag, fields: u16, out: &mut BytesMut) {
    let length = fields.saturating_add(1);
    match prefix {
        LengthPrefix::Two => out.put_u16(length),
        LengthPrefix::Four => out.put_u32(u32::from(length)),
    }
    out.put_u8(tag.byte());
}

/// `send_name`, initiator to acceptor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SendName<'a> {
    pub(super) flags: Flags,
    /// `None` in the form before OTP 23, which has it, and the upper half of the flags, in the
    /// complement.
    pub(super) creation: Option<u32>,
    /// A node name, or the host alone if the flags hold `NAME_ME`: so it is not looked at here.
    pub(super) name: &'a [u8],
}

impl SendName<'_> {
    /// Bytes after the name are ignored: they are there for later releases.
    pub(super) fn parse(body: &[u8]) -> Result<SendName<'_>, Fault> {
        match split_tag(body)? {
            (MessageTag::Name, fields) => {
                let mut layout = (be_u64, be_u32, length_data(be_u16));
                let (_later, (flags, creation, name)) = complete(layout.parse(fields))?;
                Ok(SendName {
                    flags: Flags::from_bits(flags),
                    creation: Some(creation),
                    name,
                })
            }
            // The version is of no interest: who sends this form with a complement to come speaks
            // 6 as well (`dist_util:recv_name_old/2`, OTP 29).
            (MessageTag::OldName, fields) => {
                let mut layout = (be_u16, be_u32);
                let (name, (_version, flags)) = complete(layout.parse(fields))?;
                Ok(SendName {
                    flags: Flags::from_bits(flags.into()),
                    creation: None,
                    name,
                })
            }
            (tag, _) => Err(Fault::OutOfOrder(tag)),
        }
    }

    pub(super) fn write(us: &Identity, prefix: LengthPrefix, out: &mut BytesMut) {
        let (name, length) = latin1_field(us.name.as_str());
        frame(prefix, MessageTag::Name, length.saturating_add(14), out);
        out.put_u64(us.announced().bits());
        out.put_u32(us.creation);
        out.put_u16(length);
        out.extend(name);
    }

    /// The request of a node on `host` for a name.
    pub(super) fn write_nameless(
        host: &str,
        flags: Flags,
        prefix: LengthPrefix,
        out: &mut BytesMut,
    ) {
        let (name, length) = latin1_field(host);
        frame(prefix, MessageTag::Name, length.saturating_add(14), out);
        out.put_u64(flags.bits());
        // Without a name there is no incarnation either.
        out.put_u32(0);
        out.put_u16(length);
        out.extend(name);
    }
}

/// `complement`, initiator to acceptor: what the old form of `send_name` has no room for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complement {
    /// The upper half of the flags, the lower half clear.
    pub(super) flags: Flags,
    pub(super) creation: u32,
}

impl Complement {
    pub(super) fn parse(body: &[u8]) -> Result<Complement, Fault> {
        let fields = fields(MessageTag::Complement, body)?;
        let (high, creation) = exact((be_u32, be_u32).parse(fields))?;
        Ok(Complement {
            flags: Flags::from_bits(u64::from(high) << 32),
            creation,
        })
    }
}

/// `challenge`, acceptor to initiator.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) flags: Flags,
    pub(super) challenge: u32,
    pub(super) creation: u32,
    pub(super) name: NodeName,
}

impl Challenge {
    /// Bytes after the name are ignored: they are there for later releases.
    pub(super) fn parse(body: &[u8]) -> Result<Challenge, Fault> {
        let fields = fields(MessageTag::Name, body)?;
        let mut layout = (be_u64, be_u32, be_u32, length_data(be_u16));
        let (_later, (flags, challenge, creation, name)) = complete(layout.parse(fields))?;
        Ok(Challenge {
            flags: Flags::from_bits(flags),
            challenge,
            creation,
            name: NodeName::from_latin1(name).map_err(MalformedKind::BadName)?,
        })
    }

    /// `flags` is what `us` announces to this peer.
    pub(super) fn write(
        us: &Identity,
        flags: Flags,
        challenge: u32,
        prefix: LengthPrefix,
        out: &mut BytesMut,
    ) {
        let (name, length) = latin1_field(us.name.as_str());
        frame(prefix, MessageTag::Name, length.saturating_add(18), out);
        out.put_u64(flags.bits());
        out.put_u32(challenge);
        out.put_u32(us.creation);
        out.put_u16(length);
        out.extend(name);
    }
}

/// The bytes in Latin-1 of a node name or its host, and their number, which is at most 255.
fn latin1_field(text: &str) -> (impl Iterator<Item = u8>, u16) {
    let length = latin1(text).fold(0_u16, |count, _| count.saturating_add(1));
    (latin1(text), length)
}

/// `status`, acceptor to initiator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status<'a> {
    Ok,
    OkSimultaneous,
    Nok,
    NotAllowed,
    Alive,
    /// `named:`, and what follows it: see [`GivenName::parse`].
    Named(&'a [u8]),
    Unknown(&'a [u8]),
}

impl Status<'_> {
    pub(super) fn parse(body: &[u8]) -> Result<Status<'_>, Fault> {
        Ok(match fields(MessageTag::Status, body)? {
            b"ok" => Status::Ok,
            b"ok_simultaneous" => Status::OkSimultaneous,
            b"nok" => Status::Nok,
            b"not_allowed" => Status::NotAllowed,
            b"alive" => Status::Alive,
            text => match text.strip_prefix(b"named:") {
                Some(given) => Status::Named(given),
                None => Status::Unknown(text),
            },
        })
    }
}

impl GivenName {
    /// What follows `named:`. Bytes after the creation are ignored, as in the other messages with
    /// names.
    pub(super) fn parse(fields: &[u8]) -> Result<GivenName, MalformedKind> {
        let mut layout = (length_data(be_u16), be_u32);
        let (_later, (name, creation)) = complete(layout.parse(fields))?;
        let name: &[u8] = name;
        // UTF-8 here, and Latin-1 in all other messages (`dist_util:send_status/2`).
        let name = core::str::from_utf8(name)
            .map_err(|_| MalformedKind::BadName(NodeNameError::NotLatin1))?;
        Ok(GivenName {
            name: NodeName::parse(name).map_err(MalformedKind::BadName)?,
            creation,
        })
    }

    /// The status `named:`.
    pub(super) fn write(&self, prefix: LengthPrefix, out: &mut BytesMut) {
        let name = self.name.as_str().as_bytes();
        // 255 characters of Latin-1 are at most 510 bytes.
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        frame(prefix, MessageTag::Status, length.saturating_add(12), out);
        out.put_slice(b"named:");
        out.put_u16(length);
        out.put_slice(name);
        out.put_u32(self.creation);
    }
}

impl Verdict {
    pub(super) fn write(self, prefix: LengthPrefix, out: &mut BytesMut) {
        let (text, length): (&[u8], u16) = match self {
            Verdict::Ok => (b"ok", 2),
            Verdict::OkSimultaneous => (b"ok_simultaneous", 15),
            Verdict::Nok => (b"nok", 3),
            Verdict::NotAllowed => (b"not_allowed", 11),
            Verdict::Alive => (b"alive", 5),
        };
        frame(prefix, MessageTag::Status, length, out);
        out.put_slice(text);
    }
}

/// The initiator's answer to the status `alive`: whether it goes on with this attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AliveAnswer(pub(super) bool);

impl AliveAnswer {
    pub(super) fn parse(body: &[u8]) -> Result<AliveAnswer, Fault> {
        match fields(MessageTag::Status, body)? {
            b"true" => Ok(AliveAnswer(true)),
            b"false" => Ok(AliveAnswer(false)),
            _ => Err(MalformedKind::UnknownAnswer.into()),
        }
    }

    pub(super) fn write(&self, prefix: LengthPrefix, out: &mut BytesMut) {
        let (text, length): (&[u8], u16) = if self.0 { (b"true", 4) } else { (b"false", 5) };
        frame(prefix, MessageTag::Status, length, out);
        out.put_slice(text);
    }
}

/// `challenge_reply`, initiator to acceptor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) challenge: u32,
    pub(super) digest: [u8; 16],
}

impl Reply {
    pub(super) fn parse(body: &[u8]) -> Result<Reply, Fault> {
        let fields = fields(MessageTag::Reply, body)?;
        let (challenge, digest) = exact((be_u32, be_u128).parse(fields))?;
        Ok(Reply {
            challenge,
            digest: digest.to_be_bytes(),
        })
    }

    pub(super) fn write(&self, prefix: LengthPrefix, out: &mut BytesMut) {
        frame(prefix, MessageTag::Reply, 20, out);
        out.put_u32(self.challenge);
        out.put_slice(&self.digest);
    }
}

/// `challenge_ack`, acceptor to initiator.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) digest: [u8; 16],
}

impl Ack {
    pub(super) fn parse(body: &[u8]) -> Result<Ack, Fault> {
        let fields = fields(MessageTag::Ack, body)?;
        let digest = exact(be_u128.parse(fields))?;
        Ok(Ack {
            digest: digest.to_be_bytes(),
        })
    }

    pub(super) fn write(&self, prefix: LengthPrefix, out: &mut BytesMut) {
        frame(prefix, MessageTag::Ack, 16, out);
        out.put_slice(&self.digest);
    }
}
