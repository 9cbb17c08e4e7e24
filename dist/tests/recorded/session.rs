//! How is a recorded session read? The format is described with the program that writes it,
//! `interop-tests/examples/record.rs`.

use std::collections::HashMap;
use std::path::PathBuf;

use erland_dist::{Flags, Identity};

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Initiator,
    Acceptor,
}

/// What two nodes said to each other.
pub(crate) struct Session {
    pub(crate) title: String,
    handshake: Vec<(Side, Vec<u8>)>,
    pub(crate) link: Vec<(Side, Vec<u8>)>,
}

/// The file of a release.
pub(crate) fn path(release: u32, kind: &str) -> PathBuf {
    super::directory().join(format!("otp{release}.{kind}"))
}

impl Session {
    pub(crate) fn read(release: u32) -> Session {
        let text = std::fs::read_to_string(path(release, "session")).unwrap();
        let mut session = Session {
            title: String::new(),
            handshake: Vec::new(),
            link: Vec::new(),
        };
        let mut established = false;
        for line in text.lines() {
            let side = match line.as_bytes().first() {
                Some(b'>') => Side::Initiator,
                Some(b'<') => Side::Acceptor,
                Some(b'#') => {
                    session.title = line.to_owned();
                    continue;
                }
                _ => {
                    assert_eq!(line, "link");
                    established = true;
                    continue;
                }
            };
            let frame = (side, unhex(&line[2..]));
            if established {
                session.link.push(frame);
            } else {
                session.handshake.push(frame);
            }
        }
        session
    }

    /// The handshake messages of one side.
    pub(crate) fn handshake(&self, side: Side) -> Vec<&[u8]> {
        let of = |frame: &&(Side, Vec<u8>)| frame.0 == side;
        self.handshake
            .iter()
            .filter(of)
            .map(|(_, body)| &body[..])
            .collect()
    }

    /// `N, Flags:64, Creation:32, Length:16, Name`.
    pub(crate) fn initiator(&self) -> Identity {
        let body = self.handshake(Side::Initiator)[0];
        assert_eq!(body[0], b'N');
        identity(&body[1..9], &body[9..13], &body[15..])
    }

    /// `N, Flags:64, Challenge:32, Creation:32, Length:16, Name`, after the status.
    pub(crate) fn acceptor(&self) -> Identity {
        let body = self.challenge();
        identity(&body[1..9], &body[13..17], &body[19..])
    }

    fn challenge(&self) -> &[u8] {
        let bodies = self.handshake(Side::Acceptor);
        assert_eq!((bodies[0], bodies[1][0]), (&b"sok"[..], b'N'));
        bodies[1]
    }

    pub(crate) fn acceptors_challenge(&self) -> u32 {
        number(&self.challenge()[9..13]) as u32
    }

    /// `r, Challenge:32, Digest:128`.
    pub(crate) fn initiators_challenge(&self) -> u32 {
        let bodies = self.handshake(Side::Initiator);
        let reply = bodies.iter().find(|body| body[0] == b'r').unwrap();
        number(&reply[1..5]) as u32
    }
}

fn identity(flags: &[u8], creation: &[u8], name: &[u8]) -> Identity {
    Identity {
        name: super::parse(std::str::from_utf8(name).unwrap()),
        creation: number(creation) as u32,
        flags: Flags::from_bits(number(flags)),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Bytes from hexadecimal digits and runs such as `(61*65536)`.
fn unhex(text: &str) -> Vec<u8> {
    let digits = |pair: &str| u8::from_str_radix(pair, 16).unwrap();
    let (mut bytes, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        if let Some(run) = rest.strip_prefix('(') {
            let (run, behind) = run.split_once(')').unwrap();
            let (byte, count) = run.split_once('*').unwrap();
            bytes.resize(bytes.len() + count.parse::<usize>().unwrap(), digits(byte));
            rest = behind;
        } else {
            bytes.push(digits(&rest[..2]));
            rest = &rest[2..];
        }
    }
    bytes
}

/// The operation of the message that a frame of a link with headers completes; `unfinished` keeps
/// those of the messages under way. Read past the core, to be compared with what the core says.
pub(crate) fn op_of(body: &[u8], unfinished: &mut HashMap<u64, u8>) -> Option<u8> {
    let (tag, rest) = match body {
        [131, tag, rest @ ..] => (*tag, rest),
        [] => return None,
        other => panic!("no header: {other:?}"),
    };
    let fragment = || (number(&rest[..8]), number(&rest[8..16]));
    match tag {
        68 => Some(op_behind_references(rest)),
        69 => {
            let (sequence, id) = fragment();
            let op = op_behind_references(&rest[16..]);
            if id > 1 {
                assert_eq!(unfinished.insert(sequence, op), None);
                return None;
            }
            Some(op)
        }
        70 => {
            let (sequence, id) = fragment();
            if id > 1 {
                assert!(unfinished.contains_key(&sequence));
                return None;
            }
            unfinished.remove(&sequence)
        }
        other => panic!("no header: {other}"),
    }
}

fn op_behind_references(bytes: &[u8]) -> u8 {
    let count = usize::from(bytes[0]);
    let mut at = 1;
    if count > 0 {
        let nibble = |i: usize| bytes[1 + i / 2] >> (4 * (i % 2)) & 15;
        let long = nibble(count) & 1 == 1;
        at += count / 2 + 1;
        for i in 0..count {
            let is_new = nibble(i) & 8 != 0;
            at += match (is_new, long) {
                (false, _) => 1,
                (true, false) => 2 + usize::from(bytes[at + 1]),
                (true, true) => 3 + number(&bytes[at + 1..at + 3]) as usize,
            };
        }
    }
    // A small tuple that begins with a small integer.
    assert_eq!((bytes[at], bytes[at + 2]), (104, 97));
    bytes[at + 3]
}
