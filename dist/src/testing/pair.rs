//! How do two connections talk in memory? Both ends, the wires between them and the clock.

use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use erland_etf::{NodeId, Pid};

use super::rng::Rng;
use super::wire::{Arrival, Fault, Wire};
use crate::connection::{ConnectionLimits, Event, Inbound, Outbound, OutboundLimits, PayloadRef};
use crate::control::Control;
use crate::error::{EncodeError, ProtocolError};
use crate::flags::Flags;
use crate::tick::{TickAction, Ticker};

/// One side of a [`Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one.
    A,
    /// The other.
    B,
}

impl Side {
    /// The other side.
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// How a [`Pair`] is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of every choice that the pair makes.
    pub seed: u64,
    /// What both sides have negotiated.
    pub flags: Flags,
    /// The nodes of sides A and B.
    pub nodes: (NodeId, NodeId),
    /// Limits of both sides.
    pub limits: ConnectionLimits,
    /// Limits of what both sides send.
    pub outbound: OutboundLimits,
    /// `net_ticktime` of both sides, with an intensity of 4.
    pub ticktime: Duration,
    /// Largest piece in which bytes arrive.
    pub piece: u64,
    /// Longest time that a piece takes.
    pub delay: Duration,
    /// Bytes under way that the transport takes before the sender must wait.
    pub window: usize,
    /// What goes wrong with the stream that side A sends.
    pub fault_a: Option<Fault>,
    /// What goes wrong with the stream that side B sends.
    pub fault_b: Option<Fault>,
}

/// What happened at a side.
#[derive(Debug)]
pub enum Happening {
    /// An event came out of the bytes of the other side.
    Event(Event),
    /// The other side broke the protocol; the link is closed.
    Failed(ProtocolError),
    /// Nothing came for too long; the link is closed.
    Down,
    /// The other side closed the link.
    Closed,
}

/// What left a side, before any fault.
#[derive(Debug)]
pub(super) enum Left {
    /// These bytes of the stream made an event, up to this offset.
    Event(Event, u64),
    /// They are no frames that a peer could read.
    Unsound(ProtocolError),
}

/// Reads what leaves a side, as a peer without faults between would.
#[derive(Debug)]
struct Tap {
    inbound: Inbound,
    buf: BytesMut,
    /// Bytes of the stream so far.
    carried: u64,
    left: VecDeque<Left>,
}

/// One end of the link.
#[derive(Debug)]
struct End {
    outbound: Outbound,
    inbound: Inbound,
    received: BytesMut,
    ticker: Ticker,
    next_check: Duration,
    read: u64,
    open: bool,
    /// Handed out by `transmit`, not yet on the wire.
    segments: VecDeque<Bytes>,
    /// To the other end.
    wire: Wire,
    /// Put on the wire past the outbound half.
    raw: u64,
    tap: Tap,
}

/// Two connections, wired to each other in memory under a virtual clock.
#[derive(Debug)]
pub struct Pair {
    now: Duration,
    rng: Rng,
    a: End,
    b: End,
    happened: VecDeque<(Side, Happening)>,
}

impl Pair {
    /// A link that was just established, at time 0.
    pub fn new(settings: Settings) -> Pair {
        let (node_a, node_b) = &settings.nodes;
        let end = |here: &NodeId, peer: &NodeId, fault: Option<Fault>| {
            let ticker = Ticker::new(settings.ticktime, 4, false);
            End {
                outbound: Outbound::with_limits(settings.flags, settings.outbound.clone()),
                inbound: Inbound::new(settings.flags, here, peer, settings.limits.clone()),
                received: BytesMut::new(),
                next_check: ticker.interval(),
                ticker,
                read: 0,
                open: true,
                segments: VecDeque::new(),
                wire: Wire::new(settings.piece, settings.delay, settings.window, fault),
                raw: 0,
                tap: Tap {
                    inbound: Inbound::new(settings.flags, peer, here, settings.limits.clone()),
                    buf: BytesMut::new(),
                    carried: 0,
                    left: VecDeque::new(),
                },
            }
        };
        Pair {
            now: Duration::ZERO,
            rng: Rng::new(settings.seed),
            a: end(node_a, node_b, settings.fault_a),
            b: end(node_b, node_a, settings.fault_b),
            happened: VecDeque::new(),
        }
    }

    /// The time of the virtual clock.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Whether a side still holds its end of the link open.
    pub fn is_open(&self, side: Side) -> bool {
        self.end(side).open
    }

    /// The outbound half of a side.
    pub fn outbound(&self, side: Side) -> &Outbound {
        &self.end(side).outbound
    }

    /// Bytes of the stream from `side` so far.
    pub fn written(&self, side: Side) -> u64 {
        let end = self.end(side);
        end.outbound.pushed_total().saturating_add(end.raw)
    }

    /// Bytes that have left a side.
    pub(super) fn carried(&self, side: Side) -> u64 {
        self.end(side).tap.carried
    }

    /// What left a side and was not asked for yet, the oldest first.
    pub(super) fn left(&mut self, side: Side) -> Option<Left> {
        self.end_mut(side).tap.left.pop_front()
    }

    /// Whether nothing is under way from `side`, and both sides agree on its atom cache.
    pub(super) fn is_settled(&self, side: Side) -> bool {
        let (here, there) = (self.end(side), self.end(side.other()));
        here.segments.is_empty()
            && here.outbound.is_empty()
            && here.outbound.pending() == 0
            && there.received.is_empty()
            && there.inbound.unfinished() == 0
            && here
                .outbound
                .cached()
                .all(|(slot, atom)| there.inbound.cached(slot) == Some(atom))
    }

    /// Sends a signal from `side`. If it is queued as a whole, returns the offset at which its
    /// bytes have to end in that stream: behind what is queued or handed out already, and before
    /// all else.
    ///
    /// # Errors
    ///
    /// As [`Outbound::push`].
    pub fn send(
        &mut self,
        side: Side,
        sender: Option<&Pid>,
        control: &Control,
        payload: Option<PayloadRef<'_>>,
    ) -> Result<Option<u64>, EncodeError> {
        let end = self.end_mut(side);
        let before = (end.outbound.bulk(), end.outbound.held());
        end.outbound.push(sender, control, payload)?;
        if (end.outbound.bulk(), end.outbound.held()) != before {
            return Ok(None);
        }
        let handed: usize = end.segments.iter().map(Bytes::len).sum();
        let ahead = handed.saturating_add(end.outbound.untransmitted());
        Ok(Some(end.tap.carried.saturating_add(ahead as u64)))
    }

    /// Puts bytes into the stream from `side` as they are, behind everything sent before; returns
    /// the offset at which they end. They are on their way at once, whatever the transport takes.
    pub fn send_raw(&mut self, side: Side, bytes: &[u8]) -> u64 {
        let now = self.now;
        let mut rng = self.rng.clone();
        let end = self.end_mut(side);
        end.flush(now, &mut rng, usize::MAX);
        end.wire.put(bytes, now, &mut rng);
        end.tap.take(bytes);
        end.raw = end.raw.saturating_add(bytes.len() as u64);
        self.rng = rng;
        self.written(side)
    }

    /// What happened and was not asked for yet, the oldest first.
    pub fn happened(&mut self) -> Option<(Side, Happening)> {
        self.happened.pop_front()
    }

    /// Runs until `until`, with everything that is due on the way.
    pub fn run_until(&mut self, until: Duration) {
        self.flush();
        while let Some(next) = self.next_due().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.turn(Side::A);
            self.turn(Side::B);
            self.flush();
        }
        self.now = self.now.max(until);
    }

    fn next_due(&self) -> Option<Duration> {
        let due = |here: &End, there: &End| {
            let arrival = there.wire.next_arrival();
            let check = Some(here.next_check);
            if here.open {
                arrival.into_iter().chain(check).min()
            } else {
                None
            }
        };
        let a = due(&self.a, &self.b);
        let b = due(&self.b, &self.a);
        a.into_iter().chain(b).min()
    }

    /// Everything that is due at one side.
    fn turn(&mut self, side: Side) {
        let now = self.now;
        while self.end(side).open {
            let mut rng = self.rng.clone();
            let arrival = self.end_mut(side.other()).wire.take(now, &mut rng);
            self.rng = rng;
            match arrival {
                None => break,
                Some(Arrival::Closed) => self.close(side, Happening::Closed),
                Some(Arrival::Bytes(bytes)) => self.receive(side, &bytes),
            }
        }
        let end = self.end_mut(side);
        if !end.open || end.next_check > now {
            return;
        }
        end.next_check += end.ticker.interval();
        let written = end.outbound.pushed_total().saturating_add(end.raw);
        let pending = end.outbound.pending() > 0;
        match end.ticker.check(end.read, written, pending) {
            TickAction::Nothing => {}
            TickAction::Send => end.outbound.push_tick(),
            TickAction::Down => self.close(side, Happening::Down),
        }
    }

    fn receive(&mut self, side: Side, bytes: &[u8]) {
        let end = self.end_mut(side);
        end.read = end.read.saturating_add(bytes.len() as u64);
        let wanted = end.inbound.wanted();
        end.received.reserve(wanted.min(bytes.len()));
        end.received.extend_from_slice(bytes);
        loop {
            let end = self.end_mut(side);
            match end.inbound.poll(&mut end.received) {
                Ok(None) => return,
                Ok(Some(event)) => self.happened.push_back((side, Happening::Event(event))),
                Err(error) => return self.close(side, Happening::Failed(error)),
            }
        }
    }

    fn close(&mut self, side: Side, why: Happening) {
        let end = self.end_mut(side);
        end.open = false;
        end.wire.close();
        self.happened.push_back((side, why));
    }

    fn flush(&mut self) {
        let mut rng = self.rng.clone();
        for side in [Side::A, Side::B] {
            let now = self.now;
            let end = self.end_mut(side);
            if end.open {
                let room = end.wire.room();
                end.flush(now, &mut rng, room);
            }
        }
        self.rng = rng;
    }

    fn end(&self, side: Side) -> &End {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}

impl End {
    /// Writes up to `room` bytes to the wire.
    fn flush(&mut self, now: Duration, rng: &mut Rng, mut room: usize) {
        loop {
            if self.segments.is_empty() {
                self.outbound.transmit(&mut self.segments);
            }
            let Some(segment) = self.segments.front_mut() else {
                return;
            };
            let len = segment.len().min(room);
            if len == 0 {
                return;
            }
            let bytes = segment.get(..len).unwrap_or_default();
            self.wire.put(bytes, now, rng);
            self.tap.take(bytes);
            segment.advance(len);
            if segment.is_empty() {
                self.segments.pop_front();
            }
            self.outbound.sent(len);
            room = room.saturating_sub(len);
        }
    }
}

impl Tap {
    fn take(&mut self, bytes: &[u8]) {
        self.carried = self.carried.saturating_add(bytes.len() as u64);
        self.buf.extend_from_slice(bytes);
        loop {
            match self.inbound.poll(&mut self.buf) {
                Ok(Some(event)) => {
                    let end = self.carried.saturating_sub(self.buf.len() as u64);
                    self.left.push_back(Left::Event(event, end));
                }
                Ok(None) => return,
                Err(error) => {
                    self.left.push_back(Left::Unsound(error));
                    return self.buf.clear();
                }
            }
        }
    }
}
