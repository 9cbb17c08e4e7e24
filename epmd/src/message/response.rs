//! What epmd answers.

use super::{NodeEntry, RawEntry, byte};
use crate::error::Malformed;
use bytes::BufMut;
use nom::IResult;
use nom::number::streaming::{be_u8, be_u16, be_u32};
use std::fmt::Write as _;

const ALIVE2_X_RESP: u8 = 118;
const ALIVE2_RESP: u8 = 121;
const PORT2_RESP: u8 = 119;

/// Nodes of this distribution version and above read a creation of 32 bits.
const BIG_CREATION: u16 = 6;

const ACTIVE: &str = "active name     <";
const UNUSED: &str = "old/unused name <";

/// The reply to an ALIVE2_REQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive2Response {
    /// ALIVE2_X_RESP (`v`), for nodes whose highest version is 6 or more.
    Extended {
        /// 0 when the node is registered.
        result: u8,
        /// The creation that epmd proposes.
        creation: u32,
    },
    /// ALIVE2_RESP (`y`), for older nodes.
    Short {
        /// 0 when the node is registered.
        result: u8,
        /// The creation that epmd proposes, 1 to 3.
        creation: u16,
    },
}

impl Alive2Response {
    /// The reply to a node whose highest version is `high` and which is registered.
    #[must_use]
    pub fn registered(high: u16, creation: u32) -> Self {
        if high >= BIG_CREATION {
            Self::Extended {
                result: 0,
                creation,
            }
        } else {
            // Before OTP 23 a creation had two bits, and 0 meant "any".
            let creation = u16::try_from(creation % 3 + 1).unwrap_or(1);
            Self::Short {
                result: 0,
                creation,
            }
        }
    }

    /// The reply to a node whose highest version is `high` and which cannot be registered. The
    /// daemon of OTP always gives the result 1 and the creation 99.
    #[must_use]
    pub fn refused(high: u16) -> Self {
        if high >= BIG_CREATION {
            Self::Extended {
                result: 1,
                creation: 99,
            }
        } else {
            Self::Short {
                result: 1,
                creation: 99,
            }
        }
    }

    /// 0 when the node is registered.
    #[must_use]
    pub fn result(&self) -> u8 {
        match self {
            Self::Extended { result, .. } | Self::Short { result, .. } => *result,
        }
    }

    /// The creation that epmd proposes.
    #[must_use]
    pub fn creation(&self) -> u32 {
        match self {
            Self::Extended { creation, .. } => *creation,
            Self::Short { creation, .. } => u32::from(*creation),
        }
    }

    /// The reply as it is sent. It must leave in one write: `erl_epmd` of OTP takes part of a
    /// reply in its first segment for garbage.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(6);
        match *self {
            Self::Extended { result, creation } => {
                out.put_u8(ALIVE2_X_RESP);
                out.put_u8(result);
                out.put_u32(creation);
            }
            Self::Short { result, creation } => {
                out.put_u8(ALIVE2_RESP);
                out.put_u8(result);
                out.put_u16(creation);
            }
        }
        out
    }

    /// The reply at the start of `input`; `None` means that more must arrive.
    ///
    /// # Errors
    /// [`Malformed::UnknownCode`] when this is another message.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some((rest, code)) = complete(byte(input)) else {
            return Ok(None);
        };
        let parsed = match code {
            ALIVE2_X_RESP => extended(rest),
            ALIVE2_RESP => short(rest),
            other => return Err(Malformed::UnknownCode(other)),
        };
        Ok(complete(parsed).map(|(_, response)| response))
    }
}

/// The reply to a PORT2_REQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port2Response {
    /// The node is registered.
    Found(NodeEntry),
    /// The node is not registered.
    NotFound {
        /// Never 0; the daemon of OTP always gives 1.
        result: u8,
    },
}

impl Port2Response {
    /// The reply as it is sent.
    ///
    /// # Errors
    /// When the entry could not have been registered.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![PORT2_RESP];
        match self {
            Self::Found(entry) => {
                out.put_u8(0);
                entry.write(&mut out)?;
            }
            Self::NotFound { result } => out.put_u8(*result),
        }
        Ok(out)
    }

    /// The reply at the start of `input`; `None` means that more must arrive.
    ///
    /// # Errors
    /// When this is another message, or an entry that could not have been registered.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some((rest, code)) = complete(byte(input)) else {
            return Ok(None);
        };
        if code != PORT2_RESP {
            return Err(Malformed::UnknownCode(code));
        }
        match complete(byte(rest)) {
            None => Ok(None),
            Some((rest, 0)) => match complete(RawEntry::parse(rest)) {
                None => Ok(None),
                Some((_, raw)) => raw.check().map(|entry| Some(Self::Found(entry))),
            },
            Some((_, result)) => Ok(Some(Self::NotFound { result })),
        }
    }
}

/// The reply to a NAMES_REQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The port of epmd itself. `erl_epmd` of OTP takes the reply only if this is the port it
    /// believes epmd to have.
    pub port: u16,
    /// Name and port of each node, the newest registration first.
    pub entries: Vec<(String, u16)>,
}

impl Names {
    /// The reply as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.entries.iter();
        encode_names(
            self.port,
            entries.map(|(name, port)| (name.as_str(), *port)),
        )
    }

    /// The whole reply, as it was received until epmd closed the connection.
    ///
    /// Lines of another form than the documented one are passed over, as `erl_epmd` of OTP does:
    /// they are parts of names that contain line feeds, and anybody on the host of that epmd can
    /// register such a name.
    ///
    /// # Errors
    /// When the heading or the last line is incomplete, or the text is no UTF-8.
    pub fn decode(input: &[u8]) -> Result<Self, Malformed> {
        let (port, text) = split_heading(input)?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(Malformed::Truncated);
        }
        let entry = |line: &str| {
            let (name, port) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
            Some((name.to_owned(), port.parse().ok()?))
        };
        let entries = text.split_terminator('\n').filter_map(entry).collect();
        Ok(Self { port, entries })
    }
}

/// The reply to a DUMP_REQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The port of epmd itself.
    pub port: u16,
    /// The registered nodes, the newest registration first.
    pub active: Vec<DumpLine>,
    /// The nodes that were registered once, the longest gone first.
    pub unused: Vec<DumpLine>,
}

/// One node in a [`Dump`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpLine {
    /// The node's name up to the `@`.
    pub name: String,
    /// The port that the node registered.
    pub port: u16,
    /// The daemon's file descriptor for the connection that registered the node.
    pub fd: i32,
}

impl Dump {
    /// The reply as it is sent. The angle brackets and the NUL behind each line are not in OTP's
    /// documentation, but in what its daemon sends.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::new();
        for DumpLine { name, port, fd } in &self.active {
            write_line(
                &mut text,
                format_args!("{ACTIVE}{name}> at port {port}, fd = {fd}\n\0"),
            );
        }
        for DumpLine { name, port, fd } in &self.unused {
            write_line(
                &mut text,
                format_args!("{UNUSED}{name}>, port = {port}, fd = {fd} \n\0"),
            );
        }
        heading(self.port, &text)
    }

    /// The whole reply, as it was received until epmd closed the connection.
    ///
    /// # Errors
    /// When the heading is incomplete or a line has another form than the daemon of OTP gives it.
    pub fn decode(input: &[u8]) -> Result<Self, Malformed> {
        let (port, text) = split_heading(input)?;
        let mut dump = Self {
            port,
            active: Vec::new(),
            unused: Vec::new(),
        };
        for line in text.split_terminator('\0') {
            if let Some(line) = line.strip_prefix(ACTIVE) {
                dump.active.push(DumpLine::parse(line, "> at port ", "\n")?);
            } else if let Some(line) = line.strip_prefix(UNUSED) {
                dump.unused
                    .push(DumpLine::parse(line, ">, port = ", " \n")?);
            } else {
                return Err(Malformed::Line);
            }
        }
        Ok(dump)
    }
}

impl DumpLine {
    /// From behind the opening angle bracket. The last separator counts, since a name may contain
    /// anything.
    fn parse(line: &str, separator: &str, end: &str) -> Result<Self, Malformed> {
        let parse = || {
            let (name, numbers) = line.strip_suffix(end)?.rsplit_once(separator)?;
            let (port, fd) = numbers.split_once(", fd = ")?;
            Some(Self {
                name: name.to_owned(),
                port: port.parse().ok()?,
                fd: fd.parse().ok()?,
            })
        };
        parse().ok_or(Malformed::Line)
    }
}

fn extended(input: &[u8]) -> IResult<&[u8], Alive2Response> {
    let (input, result) = be_u8(input)?;
    let (input, creation) = be_u32(input)?;
    Ok((input, Alive2Response::Extended { result, creation }))
}

fn short(input: &[u8]) -> IResult<&[u8], Alive2Response> {
    let (input, result) = be_u8(input)?;
    let (input, creation) = be_u16(input)?;
    Ok((input, Alive2Response::Short { result, creation }))
}

/// Fixed-size fields can fail in one way only: there are too few bytes.
fn complete<T>(parsed: IResult<&[u8], T>) -> Option<(&[u8], T)> {
    parsed.ok()
}

/// A NAMES reply, as it is sent.
pub(crate) fn encode_names<'a>(
    port: u16,
    entries: impl Iterator<Item = (&'a str, u16)>,
) -> Vec<u8> {
    let mut text = String::new();
    for (name, port) in entries {
        write_line(&mut text, format_args!("name {name} at port {port}\n"));
    }
    heading(port, &text)
}

/// Writing into a `String` cannot fail.
fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(line);
    debug_assert!(written.is_ok());
}

/// NAMES and DUMP start with the daemon's port in 32 bits.
fn heading(port: u16, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + text.len());
    out.put_u32(u32::from(port));
    out.put_slice(text.as_bytes());
    out
}

fn split_heading(input: &[u8]) -> Result<(u16, &str), Malformed> {
    let parsed: IResult<&[u8], u32> = be_u32(input);
    let (text, port) = complete(parsed).ok_or(Malformed::Truncated)?;
    let port = u16::try_from(port).map_err(|_| Malformed::Port)?;
    let text = std::str::from_utf8(text).map_err(|_| Malformed::NameNotUtf8)?;
    Ok((port, text))
}
