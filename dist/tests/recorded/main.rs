//! Sessions of real nodes, replayed: do the handshakes come out byte for byte, does every frame
//! decode, and would the same flags have led to the same forms? What was said is compared with a
//! summary that was read by a person; `scripts/record` makes new ones.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod session;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::{BufMut, Bytes, BytesMut};
use erland_dist::{
    Acceptor, AcceptorStep, ConnectionLimits, Control, Cookie, Event, Flags, Identity, Inbound,
    Initiator, InitiatorStep, LengthPrefix, Negotiated, NodeName, Op, Outbound, OutboundLimits,
    Verdict,
};
use erland_etf::NodeId;
use session::{Session, Side, op_of};

/// What the harness starts nodes with.
const COOKIE: &str = "secret";

#[test]
fn otp_25() {
    replay(25);
}

#[test]
fn otp_27() {
    replay(27);
}

#[test]
fn otp_29() {
    replay(29);
}

fn replay(release: u32) {
    let session = Session::read(release);
    let (a, b) = (session.initiator(), session.acceptor());
    let negotiated = shake_hands(&session);
    assert_eq!(negotiated.flags, a.flags & b.flags);
    let summary = summarize(&session, negotiated.flags);
    let path = session::path(release, "summary");
    if std::env::var_os("ERLAND_SUMMARIES").is_some() {
        std::fs::write(&path, summary).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(
        summary == expected,
        "{}: {}",
        path.display(),
        first_difference(&summary, &expected)
    );
}

fn first_difference(one: &str, other: &str) -> String {
    let lines = one.lines().zip(other.lines()).enumerate();
    lines
        .filter(|(_, (one, other))| one != other)
        .map(|(at, (one, other))| format!("line {}: {one} instead of {other}", at + 1))
        .next()
        .unwrap_or_else(|| "one is longer".to_owned())
}

/// Plays either role against what the other side said; each of our messages must be the one that
/// the real node sent.
fn shake_hands(session: &Session) -> Negotiated {
    let (a, b) = (session.initiator(), session.acceptor());
    let name = |identity: &Identity| identity.name.clone();

    let mut out = BytesMut::new();
    let (us, peer) = (a.clone(), name(&b));
    let cookie = || Cookie::new(COOKIE);
    let mut initiator = Initiator::start(
        us,
        peer,
        cookie(),
        session.initiators_challenge(),
        LengthPrefix::Two,
        &mut out,
    );
    let mut dialled = None;
    for body in session.handshake(Side::Acceptor) {
        match initiator.receive(body, &mut out).unwrap() {
            InitiatorStep::Continue => {}
            InitiatorStep::Done(negotiated) => dialled = Some(negotiated),
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(out, framed(&session.handshake(Side::Initiator)));

    let mut out = BytesMut::new();
    let challenge = session.acceptors_challenge();
    let mut acceptor = Acceptor::new(b, challenge, LengthPrefix::Two);
    let mut accepted = None;
    for body in session.handshake(Side::Initiator) {
        match acceptor.receive(body, &mut out).unwrap() {
            AcceptorStep::Continue => {}
            AcceptorStep::Decide(claim) => {
                assert_eq!(claim.name, name(&a));
                acceptor.decide(Verdict::Ok, cookie(), &mut out).unwrap();
            }
            AcceptorStep::Authenticated => accepted = Some(acceptor.finish(&mut out).unwrap()),
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(out, framed(&session.handshake(Side::Acceptor)));

    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    assert_eq!(dialled.flags, accepted.flags);
    assert_eq!(dialled.peer_creation, session.acceptor().creation);
    assert_eq!(accepted.peer_creation, a.creation);
    dialled
}

fn framed(bodies: &[&[u8]]) -> BytesMut {
    let mut out = BytesMut::new();
    for body in bodies {
        out.put_u16(body.len() as u16);
        out.put_slice(body);
    }
    out
}

/// One side's stream, as the other side reads it.
struct Reading {
    inbound: Inbound,
    /// Says again what was heard, to see whether it takes the same form.
    outbound: Outbound,
    /// The operations of messages that are not complete yet.
    unfinished: HashMap<u64, u8>,
    ticks: u32,
    ops: BTreeMap<u8, u32>,
}

impl Reading {
    fn new(flags: Flags, from: &NodeId, to: &NodeId) -> Reading {
        let mut limits = OutboundLimits::default();
        limits.cache_slots = 0;
        Reading {
            inbound: Inbound::new(flags, to, from, ConnectionLimits::default()),
            outbound: Outbound::with_limits(flags, limits),
            unfinished: HashMap::new(),
            ticks: 0,
            ops: BTreeMap::new(),
        }
    }

    /// What a frame says, in words.
    fn frame(&mut self, body: &[u8], side: char, out: &mut String) {
        let mut bytes = BytesMut::new();
        bytes.put_u32(body.len() as u32);
        bytes.put_slice(body);
        let op = op_of(body, &mut self.unfinished);
        match self.inbound.poll(&mut bytes).unwrap() {
            Some(Event::Tick) => self.ticks += 1,
            Some(Event::Deliver { control, payload }) => {
                let number = op.expect("the frame that completes a message has its operation");
                let op = Op::from_number(u64::from(number)).expect("a known operation");
                *self.ops.entry(number).or_default() += 1;
                let term = payload.as_ref().map(|payload| payload.to_term().unwrap());
                let _ = write!(out, "{side} {number} {op} {}", in_words(&control));
                if let Some(term) = &term {
                    let _ = write!(out, " | {}", shortened(&term.to_string()));
                }
                out.push('\n');
                let raw = payload.map(|payload| plain_payload(&payload));
                assert_eq!(
                    self.said_again(&control, raw.as_ref()),
                    number,
                    "{control:?}"
                );
            }
            Some(Event::UnknownControl { op }) => panic!("an unknown operation {op}"),
            None => {}
        }
        assert!(bytes.is_empty(), "a frame is taken as a whole");
    }

    /// The operation that we should have used.
    fn said_again(&mut self, control: &Control, payload: Option<&Bytes>) -> u8 {
        self.outbound
            .push(None, control, payload.map(Into::into))
            .unwrap();
        let mut segments = std::collections::VecDeque::new();
        while !self.outbound.is_empty() {
            self.outbound.transmit(&mut segments);
        }
        let bytes = segments.make_contiguous().concat();
        self.outbound.sent(bytes.len());
        let first = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        let mut unfinished = HashMap::new();
        op_of(&bytes[4..4 + first], &mut unfinished)
            .or_else(|| unfinished.into_values().next())
            .expect("an operation")
    }
}

/// The payload without references to atoms of its header.
fn plain_payload(payload: &erland_etf::RawTerm) -> Bytes {
    let mut out = BytesMut::new();
    payload.to_term().unwrap().encode(&mut out).unwrap();
    out.freeze()
}

fn summarize(session: &Session, flags: Flags) -> String {
    let id = |identity: Identity| NodeId::new(identity.name.atom().clone(), identity.creation);
    let (a, b) = (id(session.initiator()), id(session.acceptor()));
    let mut there = Reading::new(flags, &a, &b);
    let mut back = Reading::new(flags, &b, &a);
    let mut text = format!("{}\nflags: {flags}\n", session.title);
    for (side, body) in &session.link {
        match side {
            Side::Initiator => there.frame(body, '>', &mut text),
            Side::Acceptor => back.frame(body, '<', &mut text),
        }
    }
    for (side, reading) in [('>', there), ('<', back)] {
        // A message is there as a whole, and the nodes kept each other alive.
        assert!(reading.unfinished.is_empty(), "{:?}", reading.unfinished);
        assert!(reading.ticks > 0);
        let ops: Vec<String> = reading
            .ops
            .iter()
            .map(|(op, count)| format!("{op}: {count}"))
            .collect();
        let _ = writeln!(text, "{side} by operation: {}", ops.join(", "));
    }
    text
}

fn in_words(control: &Control) -> String {
    shortened(&format!("{control:?}"))
}

/// Long texts by their beginning and length.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

/// Names are checked where a session is read.
fn parse(name: &str) -> NodeName {
    NodeName::parse(name).unwrap()
}

/// Where sessions and summaries lie.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}
