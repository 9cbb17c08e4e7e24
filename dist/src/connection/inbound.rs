//! How do bytes become events? The inbound half of an established link.
//!
//! Frames are read where they lie in the receive buffer; only the payload leaves it, as a copy if
//! it is small and as a part of the buffer if it is large. Payloads are not decoded here.

#![deny(clippy::arithmetic_side_effects)]

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::size_of;
use core::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use erland_etf::{Atom, AtomTable, NodeId, RawTerm};

use super::{ConnectionLimits, Event, Framing};
use crate::atom_cache::InboundAtomCache;
use crate::control::{Decoded, Ends, Payload, decode};
use crate::error::{ControlError, FrameFault, FrameKind, ProtocolError};
use crate::flags::Flags;
use crate::fragment::{FragmentError, Opening, Reassembly, Signal};
use crate::frame::{Front, front};
use crate::handshake::LengthPrefix;
use crate::header::{Lead, VERSION, cache_refs, lead};

/// What the receive buffer has room for when no large frame is under way.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Payloads below this size are copied out of the receive buffer, larger ones are split off. A
/// small payload kept for long would otherwise keep the whole buffer alive.
const COPY_BELOW: usize = 1024;

/// What a decoded control message may take per byte of its encoding, to charge unfinished messages
/// with: the most that decoding a term reserves (see `Limits`).
const HEAP_PER_BYTE: usize = 64;

/// The inbound half of a link: turns the bytes of the peer into events.
#[derive(Debug)]
pub struct Inbound {
    framing: Framing,
    fragments: bool,
    /// Present if the cache was negotiated.
    atom_cache: Option<InboundAtomCache>,
    ends: Ends,
    limits: ConnectionLimits,
    reassembly: Reassembly,
    /// The atoms of the message at hand; a field for its capacity.
    table: Vec<Atom>,
    wanted: usize,
    failed: Option<ProtocolError>,
}

/// What a frame turned out to be.
enum Frame {
    /// A tick.
    Tick,
    /// A whole message; its payload is this range of the frame's body.
    Whole(Signal, Range<usize>),
    /// The last fragment of a message.
    Last(Signal, Bytes),
    /// Any other fragment.
    Unfinished,
}

impl Inbound {
    /// The inbound half of a link from `local`, this node, to `peer` on which both sides have
    /// `flags`. Signals that are not between these two nodes are refused where OTP refuses them.
    pub fn new(flags: Flags, local: &NodeId, peer: &NodeId, limits: ConnectionLimits) -> Inbound {
        Inbound {
            framing: Framing::of(flags),
            fragments: flags.contains(Flags::FRAGMENTS),
            atom_cache: flags
                .contains(Flags::DIST_HDR_ATOM_CACHE)
                .then(InboundAtomCache::default),
            ends: Ends::new(flags, local, peer),
            limits,
            reassembly: Reassembly::default(),
            table: Vec::new(),
            wanted: RECEIVE_BUFFER,
            failed: None,
        }
    }

    /// Takes frames off the front of `buf` until one of them makes an event; `None` when the rest
    /// of `buf` is no complete frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] when the peer broke the protocol. The link must be closed; every later
    /// call returns the same error.
    pub fn poll(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.next_event(buf)
            .inspect_err(|error| self.failed = Some(*error))
    }

    /// How many bytes the receive buffer should have room for beyond its content, after
    /// [`poll`](Inbound::poll) returned `None`. Never 0.
    ///
    /// For a frame that does not fit, the buffer doubles as bytes come in: the length that a peer
    /// claims reserves nothing.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// The atom that a slot of the peer's cache stands for.
    #[cfg(feature = "testing")]
    pub(crate) fn cached(&self, slot: u16) -> Option<&Atom> {
        self.atom_cache.as_ref()?.get(slot)
    }

    /// Messages of which some but not all fragments came.
    #[cfg(feature = "testing")]
    pub(crate) fn unfinished(&self) -> usize {
        self.reassembly.len()
    }

    fn next_event(&mut self, buf: &mut BytesMut) -> Result<Option<Event>, ProtocolError> {
        loop {
            let (prefix_len, total) = match front(buf, LengthPrefix::Four, self.limits.max_frame)? {
                Front::Whole { prefix_len, total } => (prefix_len, total),
                Front::Prefix => {
                    self.wanted = wanted(buf.len(), 0);
                    return Ok(None);
                }
                Front::Partial { total } => {
                    self.wanted = wanted(buf.len(), total);
                    return Ok(None);
                }
            };
            match self.read(buf.get(prefix_len..total).unwrap_or_default())? {
                Frame::Tick => {
                    buf.advance(total);
                    return Ok(Some(Event::Tick));
                }
                Frame::Whole(signal, range) => {
                    let payload = take_payload(buf, prefix_len, total, &range);
                    return Ok(Some(event(signal, payload)));
                }
                Frame::Last(signal, payload) => {
                    buf.advance(total);
                    return Ok(Some(event(signal, payload)));
                }
                Frame::Unfinished => buf.advance(total),
            }
        }
    }

    fn read(&mut self, frame: &[u8]) -> Result<Frame, ProtocolError> {
        if frame.is_empty() {
            return Ok(Frame::Tick);
        }
        match self.framing {
            Framing::PassThrough => self.read_pass_through(frame).map_err(|kind| {
                let frame = FrameKind::PassThrough;
                ProtocolError::Malformed { frame, kind }
            }),
            Framing::Headers => {
                let (lead, rest) = lead(frame)?;
                self.read_with_header(frame, lead, rest)
                    .map_err(|error| match error {
                        FragmentError::Budget(budget) => ProtocolError::FragmentBudget(budget),
                        FragmentError::Malformed(kind) => ProtocolError::Malformed {
                            frame: lead.kind(),
                            kind,
                        },
                    })
            }
        }
    }

    /// A frame of `112, 131, Control` and, where there is one, `131, Payload`. Nobody looks at the
    /// first byte.
    fn read_pass_through(&mut self, frame: &[u8]) -> Result<Frame, FrameFault> {
        let body = frame.get(1..).unwrap_or_default();
        self.table.clear();
        let body = version(body)?.ok_or(FrameFault::Truncated)?;
        let decoded = decode(body, &self.table, &self.ends)?;
        let (signal, range) = self.signal(decoded, body.len());
        let range = match signal {
            Signal::Payload {
                in_tuple: false, ..
            } => {
                // The payload has a version byte of its own.
                match version(body.get(range.clone()).unwrap_or_default())? {
                    Some(payload) => body.len().saturating_sub(payload.len())..body.len(),
                    None => body.len()..body.len(),
                }
            }
            Signal::Payload { .. } | Signal::Bare { .. } | Signal::Unknown { .. } => range,
        };
        whole(frame, body, signal, range)
    }

    /// A frame with a distribution header or a fragment header, of which `rest` is what comes
    /// after its first fixed part.
    fn read_with_header(
        &mut self,
        frame: &[u8],
        lead: Lead,
        rest: &[u8],
    ) -> Result<Frame, FragmentError> {
        match lead {
            Lead::Whole => {}
            Lead::First { .. } | Lead::Next { .. } if !self.fragments => {
                return Err(FrameFault::FragmentsNotNegotiated.into());
            }
            Lead::First { sequence, fragment } => {
                self.reassembly.check_first(sequence, fragment)?;
            }
            Lead::Next { sequence, fragment } => {
                let done = self
                    .reassembly
                    .next(sequence, fragment, rest, &self.limits)?;
                return Ok(match done {
                    None => Frame::Unfinished,
                    Some((signal, payload)) => {
                        check_payload(&signal, &payload)?;
                        Frame::Last(signal, payload.into())
                    }
                });
            }
        }
        let body = self.read_references(rest)?;
        let decoded = decode(body, &self.table, &self.ends).map_err(FrameFault::from)?;
        match lead {
            Lead::First { sequence, fragment } if fragment > 1 => {
                let weight = self.weight(&decoded);
                let (signal, range) = self.signal(decoded, body.len());
                let part = body.get(range).unwrap_or_default();
                let opening = Opening { signal, weight };
                self.reassembly
                    .open(sequence, fragment, opening, part, &self.limits)?;
                Ok(Frame::Unfinished)
            }
            Lead::First { .. } | Lead::Next { .. } | Lead::Whole => {
                let (signal, range) = self.signal(decoded, body.len());
                Ok(whole(frame, body, signal, range)?)
            }
        }
    }

    /// Reads the atom cache references into the table.
    fn read_references<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], FrameFault> {
        self.table.clear();
        match &mut self.atom_cache {
            Some(cache) => cache.read_header(input, &mut self.table),
            None => cache_refs(input, |_| Err(FrameFault::AtomCacheNotNegotiated)),
        }
    }

    /// Joins a control message with the atoms of its payload; tells where in the body of
    /// `body_len` bytes the payload is.
    fn signal(&self, decoded: Decoded, body_len: usize) -> (Signal, Range<usize>) {
        let (op, control, range, in_tuple) = match decoded {
            Decoded::Unknown { op } => return (Signal::Unknown { op }, 0..0),
            Decoded::Known {
                op,
                control,
                len,
                payload,
            } => match payload {
                Payload::Nowhere => return (Signal::Bare { control }, 0..0),
                Payload::InTuple(range) => (op, control, range, true),
                Payload::After => (op, control, len..body_len, false),
            },
        };
        let atoms = (!self.table.is_empty()).then(|| Arc::new(AtomTable::from(self.table.clone())));
        let signal = Signal::Payload {
            op,
            control,
            atoms,
            in_tuple,
        };
        (signal, range)
    }

    /// What it takes to keep a decoded control message with the atoms of its payload.
    fn weight(&self, decoded: &Decoded) -> usize {
        let control = match decoded {
            Decoded::Known { len, .. } => len.saturating_mul(HEAP_PER_BYTE),
            Decoded::Unknown { .. } => 0,
        };
        self.table.iter().fold(control, |sum, atom| {
            sum.saturating_add(size_of::<Atom>())
                .saturating_add(atom.as_bytes().len())
        })
    }
}

/// Room to make for the rest of a frame of `total` bytes, prefix included, of which `have` bytes
/// are there; `total` is 0 when it is not known yet.
fn wanted(have: usize, total: usize) -> usize {
    if total <= RECEIVE_BUFFER {
        return RECEIVE_BUFFER.saturating_sub(have);
    }
    total.saturating_sub(have).min(have.max(RECEIVE_BUFFER))
}

/// Takes the version byte off; `None` if there is not a byte behind it.
fn version(term: &[u8]) -> Result<Option<&[u8]>, FrameFault> {
    match term {
        [VERSION, rest @ ..] if !rest.is_empty() => Ok(Some(rest)),
        [VERSION] | [] => Ok(None),
        [other, ..] => Err(FrameFault::Version(*other)),
    }
}

/// A message that is complete with this frame, of which `body` is the end.
fn whole(
    frame: &[u8],
    body: &[u8],
    signal: Signal,
    payload: Range<usize>,
) -> Result<Frame, FrameFault> {
    check_payload(&signal, body.get(payload.clone()).unwrap_or_default())?;
    let before = frame.len().saturating_sub(body.len());
    let range = before.saturating_add(payload.start)..before.saturating_add(payload.end);
    Ok(Frame::Whole(signal, range))
}

fn check_payload(signal: &Signal, payload: &[u8]) -> Result<(), FrameFault> {
    match signal {
        Signal::Payload { op, .. } if payload.is_empty() => {
            Err(FrameFault::Control(ControlError::PayloadMissing {
                op: *op,
            }))
        }
        Signal::Payload { .. } | Signal::Bare { .. } | Signal::Unknown { .. } => Ok(()),
    }
}

/// Takes a frame of `total` bytes off `buf` and returns the part of its body that is the payload.
fn take_payload(
    buf: &mut BytesMut,
    prefix_len: usize,
    total: usize,
    payload: &Range<usize>,
) -> Bytes {
    let start = prefix_len.saturating_add(payload.start);
    let end = prefix_len.saturating_add(payload.end);
    if payload.len() < COPY_BELOW {
        let copy = Bytes::copy_from_slice(buf.get(start..end).unwrap_or_default());
        buf.advance(total);
        return copy;
    }
    let mut frame = buf.split_to(total);
    frame.truncate(end);
    frame.advance(start.min(end));
    frame.freeze()
}

fn event(signal: Signal, payload: Bytes) -> Event {
    match signal {
        Signal::Unknown { op } => Event::UnknownControl { op },
        Signal::Bare { control } => Event::Deliver {
            control,
            payload: None,
        },
        Signal::Payload { control, atoms, .. } => Event::Deliver {
            control,
            payload: Some(match atoms {
                Some(atoms) => RawTerm::with_atoms(payload, atoms),
                None => RawTerm::new(payload),
            }),
        },
    }
}
