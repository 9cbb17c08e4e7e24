//! What a client may ask of epmd.

use super::{MAX_NAME_CHARS, MAX_REQUEST, NodeEntry, RawEntry, byte, check_name};
use crate::error::{Malformed, RequestError};
use bytes::BufMut;
use nom::number::streaming::be_u16;
use nom::{IResult, Parser};

const ALIVE2_REQ: u8 = 120;
const PORT2_REQ: u8 = 122;
const NAMES_REQ: u8 = 110;
const DUMP_REQ: u8 = 100;
const KILL_REQ: u8 = 107;
const STOP_REQ: u8 = 115;

/// Bytes in an ALIVE2_REQ without name and extra field, the code counted.
const ALIVE2_FIXED: usize = 13;

/// A PORT2_REQ may name one character less than can be registered: `epmd_srv.c` counts the
/// terminating NUL when it checks the length.
const MAX_LOOKUP_CHARS: usize = MAX_NAME_CHARS - 1;

/// A request to epmd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// ALIVE2_REQ: register a node for as long as this connection lives.
    Alive2(NodeEntry),
    /// PORT2_REQ: on which port does the node of this name listen?
    Port2 {
        /// The node's name up to the `@`.
        name: String,
    },
    /// NAMES_REQ: which nodes are registered?
    Names,
    /// DUMP_REQ: which nodes are registered, and which were?
    Dump,
    /// KILL_REQ: end the daemon.
    Kill,
    /// STOP_REQ: drop the registration of a node.
    Stop {
        /// The node's name up to the `@`, in any encoding: it is only compared.
        name: Vec<u8>,
    },
}

impl Request {
    /// The request as it is sent, length included.
    ///
    /// # Errors
    /// When a daemon would find the request malformed or refuse the name for its form.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![0, 0];
        match self {
            Self::Alive2(entry) => {
                out.put_u8(ALIVE2_REQ);
                entry.write(&mut out)?;
                // A request without name and extra field is too small for `epmd_srv.c`.
                if out.len() <= 2 + ALIVE2_FIXED {
                    return Err(Malformed::NameEmpty);
                }
            }
            Self::Port2 { name } => {
                if name.is_empty() {
                    return Err(Malformed::NameEmpty);
                }
                check_name(name, MAX_LOOKUP_CHARS)?;
                out.put_u8(PORT2_REQ);
                out.put_slice(name.as_bytes());
            }
            Self::Names => out.put_u8(NAMES_REQ),
            Self::Dump => out.put_u8(DUMP_REQ),
            Self::Kill => out.put_u8(KILL_REQ),
            Self::Stop { name } => {
                if name.is_empty() {
                    return Err(Malformed::NameEmpty);
                }
                out.put_u8(STOP_REQ);
                out.put_slice(name);
            }
        }
        let length = out.len() - 2;
        match u16::try_from(length) {
            Ok(announced) if length <= MAX_REQUEST => {
                out[..2].copy_from_slice(&announced.to_be_bytes());
                Ok(out)
            }
            _ => Err(Malformed::TooLong),
        }
    }

    /// The request at the start of `input`, which is all that the client has sent so far; `None`
    /// means that more must arrive.
    ///
    /// One connection carries one request, so bytes beyond it are an error as they are with the
    /// daemon of OTP.
    ///
    /// # Errors
    /// [`RequestError`] says whether the connection is to be closed or the request refused.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, RequestError> {
        let Ok((rest, length)) = length(input) else {
            return Ok(None);
        };
        if length == 0 {
            return Err(Malformed::LengthZero.into());
        }
        if length > MAX_REQUEST {
            return Err(Malformed::TooLong.into());
        }
        if rest.len() > length {
            return Err(Malformed::Excess.into());
        }
        if rest.len() < length {
            return Ok(None);
        }
        Self::body(rest).map(Some)
    }

    fn body(packet: &[u8]) -> Result<Self, RequestError> {
        let (body, code) = byte(packet).map_err(|_| Malformed::Truncated)?;
        match code {
            ALIVE2_REQ => {
                if packet.len() <= ALIVE2_FIXED {
                    return Err(Malformed::Truncated.into());
                }
                // What follows the extra field is ignored, as the daemon does.
                let (_, raw) = RawEntry::parse(body).map_err(|_| Malformed::Truncated)?;
                if raw.name.contains(&0) {
                    return Err(Malformed::NameNul.into());
                }
                let high = raw.high;
                raw.check()
                    .map(Self::Alive2)
                    .map_err(|reason| RequestError::Unregistrable { high, reason })
            }
            PORT2_REQ => {
                let name = body.strip_suffix(&[0]).unwrap_or(body);
                let name = std::str::from_utf8(name).map_err(|_| Malformed::NameNotUtf8)?;
                if name.is_empty() {
                    return Err(Malformed::NameEmpty.into());
                }
                check_name(name, MAX_LOOKUP_CHARS)?;
                Ok(Self::Port2 {
                    name: name.to_owned(),
                })
            }
            NAMES_REQ => Ok(Self::Names),
            DUMP_REQ => Ok(Self::Dump),
            KILL_REQ => Ok(Self::Kill),
            // "packet too small for request STOP_REQ" in `epmd_srv.c`.
            STOP_REQ if body.is_empty() => Err(Malformed::NameEmpty.into()),
            STOP_REQ => Ok(Self::Stop {
                name: body.to_vec(),
            }),
            other => Err(Malformed::UnknownCode(other).into()),
        }
    }
}

fn length(input: &[u8]) -> IResult<&[u8], usize> {
    be_u16.map(usize::from).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive2(body: &[u8]) -> Result<Option<Request>, RequestError> {
        let mut packet = vec![0, u8::try_from(body.len() + 1).expect("short"), ALIVE2_REQ];
        packet.extend_from_slice(body);
        Request::decode(&packet)
    }

    #[test]
    fn waits_for_the_whole_request_and_no_further() {
        let bytes = Request::Port2 { name: "foo".into() }
            .encode()
            .expect("valid");
        for end in 0..bytes.len() {
            assert_eq!(Request::decode(&bytes[..end]), Ok(None));
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Request::decode(&longer), Err(Malformed::Excess.into()));
    }

    #[test]
    fn length_has_both_limits() {
        assert_eq!(Request::decode(&[0, 0]), Err(Malformed::LengthZero.into()));
        assert_eq!(
            Request::decode(&[0x0b, 0xf2]),
            Err(Malformed::TooLong.into()),
            "3058"
        );
        assert_eq!(Request::decode(&[0x0b, 0xf1]), Ok(None), "3057");
        assert_eq!(
            Request::Stop {
                name: vec![b'a'; MAX_REQUEST]
            }
            .encode(),
            Err(Malformed::TooLong)
        );
    }

    #[test]
    fn one_trailing_nul_of_a_lookup_is_tolerated() {
        let foo = Request::Port2 { name: "foo".into() };
        assert_eq!(Request::decode(b"\0\x05zfoo\0"), Ok(Some(foo)));
        assert_eq!(
            Request::decode(b"\0\x06zfoo\0\0"),
            Err(Malformed::NameNul.into())
        );
        assert_eq!(
            Request::decode(b"\0\x02z\0"),
            Err(Malformed::NameEmpty.into())
        );
    }

    #[test]
    fn a_stop_has_a_name() {
        let empty = Request::Stop { name: Vec::new() };
        assert_eq!(empty.encode(), Err(Malformed::NameEmpty));
        assert_eq!(
            Request::decode(b"\0\x01s"),
            Err(Malformed::NameEmpty.into())
        );
    }

    #[test]
    fn a_lookup_takes_one_character_less_than_a_registration() {
        let long = "a".repeat(MAX_NAME_CHARS);
        assert!(
            Request::Alive2(NodeEntry::new(long.clone(), 1))
                .encode()
                .is_ok()
        );
        assert_eq!(
            Request::Port2 { name: long }.encode(),
            Err(Malformed::NameTooLong)
        );
    }

    #[test]
    fn an_empty_name_needs_an_extra_field() {
        assert_eq!(
            alive2(&[0, 1, 77, 0, 0, 6, 0, 6, 0, 0, 0, 0]),
            Err(Malformed::Truncated.into())
        );
        let entry = match alive2(&[0, 1, 77, 0, 0, 6, 0, 6, 0, 0, 0, 1, b'x']) {
            Ok(Some(Request::Alive2(entry))) => entry,
            other => panic!("{other:?}"),
        };
        assert_eq!((entry.name.as_str(), entry.extra.as_ref()), ("", &b"x"[..]));
    }

    #[test]
    fn overruns_and_nul_close_but_a_bad_name_is_refused() {
        let overrun = [0, 1, 77, 0, 0, 6, 0, 6, 0, 9, b'a', b'b', b'c', 0, 0];
        assert_eq!(alive2(&overrun), Err(Malformed::Truncated.into()));
        let nul = [0, 1, 77, 0, 0, 6, 0, 6, 0, 3, b'a', 0, b'b', 0, 0];
        assert_eq!(alive2(&nul), Err(Malformed::NameNul.into()));
        let not_utf8 = [0, 1, 77, 0, 0, 5, 0, 5, 0, 2, 0xff, 0xfe, 0, 0];
        assert_eq!(
            alive2(&not_utf8),
            Err(RequestError::Unregistrable {
                high: 5,
                reason: Malformed::NameNotUtf8
            })
        );
    }

    #[test]
    fn junk_behind_the_extra_field_is_ignored() {
        let decoded = alive2(&[
            4, 210, 77, 0, 0, 6, 0, 6, 0, 3, b'f', b'o', b'o', 0, 0, 1, 2,
        ]);
        assert_eq!(
            decoded,
            Ok(Some(Request::Alive2(NodeEntry::new("foo", 1234))))
        );
    }
}
