//! How the requests and replies of the EPMD protocol look on the wire.
//!
//! Each message is a value with `encode` and `decode`; nothing here touches a socket. A request is
//! `Length:16 | Code:8 | body`, a reply has no length: it ends where its fields end, or where the
//! daemon closes the connection. Source: "EPMD Protocol" in OTP's chapter "Distribution Protocol",
//! and for what that leaves open the daemon itself (`epmd_srv.c` of OTP 25 to 29).

mod control;
mod request;
mod response;

pub use control::{KillResponse, StopResponse};
pub use request::Request;
pub(crate) use response::encode_names;
pub use response::{Alive2Response, Dump, DumpLine, Names, Port2Response};

use crate::error::Malformed;
use bytes::{BufMut, Bytes};
use nom::bytes::streaming::take;
use nom::number::streaming::{be_u8, be_u16};
use nom::{IResult, Parser};

/// The greatest `Length` of a request. `epmd_srv.c` reads into a buffer of 3 × 1020 bytes and
/// refuses a request that would fill it.
pub const MAX_REQUEST: usize = 3057;

/// The greatest number of characters in a registered name: `MAXSYMLEN` of `epmd_int.h`, the same
/// as for an atom.
pub const MAX_NAME_CHARS: usize = 255;

/// The greatest number of bytes in the extra field, `MAXSYMLEN` of `epmd_int.h` again, here
/// counted in bytes of four per character.
pub const MAX_EXTRA: usize = 1020;

/// The distribution version that every node since OTP 25 registers as highest and as lowest.
const VERSION: u16 = 6;

/// What kind of node registers. OTP itself decides nothing by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeType(pub u8);

impl NodeType {
    /// `M`: an ordinary node, also a hidden one or one that speaks TLS.
    pub const NORMAL: Self = Self(77);
    /// `h`: a hidden node made with the C library `erl_interface`.
    pub const HIDDEN: Self = Self(72);
}

/// One node as epmd knows it: the body of an ALIVE2_REQ and of a positive PORT2_RESP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeEntry {
    /// The node's name up to the `@`.
    pub name: String,
    /// The port on which the node accepts distribution connections.
    pub port: u16,
    /// The kind of node.
    pub node_type: NodeType,
    /// 0 is TCP, over IPv4 and IPv6 alike; nothing else is defined.
    pub protocol: u8,
    /// The highest distribution version that the node speaks.
    pub high: u16,
    /// The lowest distribution version that the node speaks.
    pub low: u16,
    /// Bytes that epmd hands out as they were given; empty with every node of OTP.
    pub extra: Bytes,
}

impl NodeEntry {
    /// An entry as a node of OTP 25 or later writes it: type 77, TCP, versions 6 to 6, nothing
    /// extra.
    #[must_use]
    pub fn new(name: impl Into<String>, port: u16) -> Self {
        Self {
            name: name.into(),
            port,
            node_type: NodeType::NORMAL,
            protocol: 0,
            high: VERSION,
            low: VERSION,
            extra: Bytes::new(),
        }
    }

    /// What the daemon requires of a registration apart from its layout.
    fn check(&self) -> Result<(), Malformed> {
        check_name(&self.name, MAX_NAME_CHARS)?;
        if self.extra.len() > MAX_EXTRA {
            return Err(Malformed::ExtraTooLong);
        }
        Ok(())
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.check()?;
        out.put_u16(self.port);
        out.put_u8(self.node_type.0);
        out.put_u8(self.protocol);
        out.put_u16(self.high);
        out.put_u16(self.low);
        let name = u16::try_from(self.name.len()).map_err(|_| Malformed::NameTooLong)?;
        out.put_u16(name);
        out.put_slice(self.name.as_bytes());
        let extra = u16::try_from(self.extra.len()).map_err(|_| Malformed::ExtraTooLong)?;
        out.put_u16(extra);
        out.put_slice(&self.extra);
        Ok(())
    }
}

/// The fields of an entry before anything but their layout was looked at.
struct RawEntry<'a> {
    port: u16,
    node_type: u8,
    protocol: u8,
    high: u16,
    low: u16,
    name: &'a [u8],
    extra: &'a [u8],
}

impl<'a> RawEntry<'a> {
    fn parse(input: &'a [u8]) -> IResult<&'a [u8], Self> {
        let (input, (port, node_type, protocol, high, low)) =
            (be_u16, be_u8, be_u8, be_u16, be_u16).parse(input)?;
        let (input, name) = counted(input)?;
        let (input, extra) = counted(input)?;
        Ok((
            input,
            Self {
                port,
                node_type,
                protocol,
                high,
                low,
                name,
                extra,
            },
        ))
    }

    fn check(&self) -> Result<NodeEntry, Malformed> {
        let name = std::str::from_utf8(self.name).map_err(|_| Malformed::NameNotUtf8)?;
        let entry = NodeEntry {
            name: name.to_owned(),
            port: self.port,
            node_type: NodeType(self.node_type),
            protocol: self.protocol,
            high: self.high,
            low: self.low,
            extra: Bytes::copy_from_slice(self.extra),
        };
        entry.check()?;
        Ok(entry)
    }
}

/// The code of a message, or the result in a reply.
fn byte(input: &[u8]) -> IResult<&[u8], u8> {
    be_u8(input)
}

/// Bytes behind a 16-bit length.
fn counted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, length) = be_u16(input)?;
    take(length).parse(input)
}

fn check_name(name: &str, max_chars: usize) -> Result<(), Malformed> {
    if name.contains('\0') {
        return Err(Malformed::NameNul);
    }
    if name.chars().count() > max_chars {
        return Err(Malformed::NameTooLong);
    }
    Ok(())
}
