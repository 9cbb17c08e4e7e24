//! What the tests of the established link share: nodes, hex, frames and a receiver.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

pub mod forms;

use bytes::{BufMut, Bytes, BytesMut};
use erland_dist::{
    ConnectionLimits, Control, EncodeError, Event, Flags, Inbound, Outbound, OutboundLimits,
    PayloadRef, ProtocolError,
};
use erland_etf::{Atom, NodeId, Pid, RawTerm, Reference, Term};

pub const CACHE: Flags = Flags::DIST_HDR_ATOM_CACHE;

/// Every flag that changes the form of what is sent, headers included.
pub fn all_flags() -> Flags {
    Flags::HONOURED | Flags::SPAWN | Flags::ALTACT_SIG
}

/// Bytes from hex digits, spaces ignored, with `"text"` for text.
pub fn hex(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 1 {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'|')
            .map(|digit| (digit as char).to_digit(16).expect("a hex digit") as u8)
            .collect();
        assert_eq!(digits.len() % 2, 0, "{part}");
        out.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    }
    out
}

/// The node that sent the captured packets.
pub fn beam() -> NodeId {
    NodeId::new(Atom::new("pdc29@127.0.0.1").unwrap(), 0x6b00_d0b9)
}

/// The node that received them.
pub fn here() -> NodeId {
    NodeId::new(Atom::new("pdpy29@127.0.0.1").unwrap(), 0x6b00_cfc9)
}

/// The sending process of the captured packets.
pub fn p1() -> Pid {
    Pid::new(beam(), 0x8b, 0)
}

/// The receiving process of the captured packets.
pub fn q() -> Pid {
    Pid::new(here(), 0x65, 0)
}

/// A process of a third node.
pub fn stranger() -> Pid {
    Pid::new(NodeId::new(Atom::new("third@host").unwrap(), 7), 1, 2)
}

pub fn beam_ref() -> Reference {
    Reference::new(beam(), &[0x0001_0203, 0x0405_0607, 0x0809_0a0b]).unwrap()
}

pub fn our_ref() -> Reference {
    Reference::new(here(), &[1, 2, 3, 4, 5]).unwrap()
}

pub fn atom(text: &str) -> Atom {
    Atom::new(text).unwrap()
}

pub fn term(text: &str) -> Term {
    Term::from(atom(text))
}

pub fn encoded(term: &Term) -> Bytes {
    let mut out = BytesMut::new();
    term.encode(&mut out).unwrap();
    out.freeze()
}

/// A frame with this body.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(body.len() as u32);
    out.extend_from_slice(body);
    out
}

/// The body of a frame with an empty header.
pub fn plain(control: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[131, 68, 0], control, payload].concat()
}

/// A control tuple of these terms.
pub fn tuple(elements: impl IntoIterator<Item = Term>) -> Vec<u8> {
    encoded(&Term::tuple(elements)).to_vec()
}

/// The receiving end of a link to [`beam`].
pub struct Receiver {
    pub inbound: Inbound,
    pub buf: BytesMut,
}

impl Receiver {
    pub fn new(flags: Flags) -> Receiver {
        Receiver::with_limits(flags, ConnectionLimits::default())
    }

    pub fn with_limits(flags: Flags, limits: ConnectionLimits) -> Receiver {
        Receiver {
            inbound: Inbound::new(flags, &here(), &beam(), limits),
            buf: BytesMut::new(),
        }
    }

    /// Receives a frame with this body.
    pub fn body(&mut self, body: &[u8]) -> Result<Vec<Event>, ProtocolError> {
        self.bytes(&frame(body))
    }

    /// Receives bytes; returns the events they make.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ProtocolError> {
        self.buf.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(event) = self.inbound.poll(&mut self.buf)? {
            events.push(event);
        }
        Ok(events)
    }

    /// Receives a frame that makes one signal.
    pub fn signal(&mut self, body: &[u8]) -> (Control, Option<RawTerm>) {
        one_signal(self.body(body).expect("a proper frame"))
    }

    /// Receives a frame that makes one signal with a payload.
    pub fn message(&mut self, body: &[u8]) -> (Control, Term) {
        let (control, payload) = self.signal(body);
        let payload = payload.expect("a payload").to_term();
        (control, payload.expect("a term"))
    }
}

pub fn one_signal(mut events: Vec<Event>) -> (Control, Option<RawTerm>) {
    assert_eq!(events.len(), 1, "{events:?}");
    match events.remove(0) {
        Event::Deliver { control, payload } => (control, payload),
        other => panic!("{other:?}"),
    }
}

/// Limits under which every header is empty.
pub fn uncached() -> OutboundLimits {
    let mut limits = OutboundLimits::default();
    limits.cache_slots = 0;
    limits
}

/// What a sender writes for this signal, with an empty header.
pub fn sent(flags: Flags, control: &Control, payload: Option<&Bytes>) -> Vec<u8> {
    try_sent(flags, control, payload).expect("it can be sent")
}

/// The same of a signal that may have no form.
pub fn try_sent(
    flags: Flags,
    control: &Control,
    payload: Option<&Bytes>,
) -> Result<Vec<u8>, EncodeError> {
    let mut outbound = Outbound::with_limits(flags, uncached());
    outbound.push(None, control, payload.map(PayloadRef::from))?;
    Ok(drain(&mut outbound))
}

/// Everything that waits to be written.
pub fn drain(outbound: &mut Outbound) -> Vec<u8> {
    let mut segments = std::collections::VecDeque::new();
    while !outbound.is_empty() {
        outbound.transmit(&mut segments);
    }
    let bytes = segments.make_contiguous().concat();
    outbound.sent(bytes.len());
    bytes
}
