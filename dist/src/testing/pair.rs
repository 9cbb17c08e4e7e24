//! How do two connections talk in memory? Both ends, the wires between them and the clock.

use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use erland_etf::NodeId;

use super::rng::Rng;
use super::wire::{Arrival, Fault, Wire};
use crate::connection::{ConnectionLimits, Event, Inbound, Outbound};
use crate::control::Control;
use crate::error::{EncodeError, ProtocolError};
use crate::flags::Flags;
use crate::tick::{TickAction, Ticker};

/// Segments handed over in one turn.
const SEGMENTS: usize = 64;

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
    /// `net_ticktime` of both sides, with an intensity of 4.
    pub ticktime: Duration,
    /// Largest piece in which bytes arrive.
    pub piece: u64,
    /// Longest time that a piece takes.
    pub delay: Duration,
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
        let end = |peer: &NodeId, fault: Option<Fault>| {
            let ticker = Ticker::new(settings.ticktime, 4, false);
            End {
                outbound: Outbound::new(settings.flags),
                inbound: Inbound::new(settings.flags, peer, settings.limits.clone()),
                received: BytesMut::new(),
                next_check: ticker.interval(),
                ticker,
                read: 0,
                open: true,
                segments: VecDeque::new(),
                wire: Wire::new(settings.piece, settings.delay, fault),
                raw: 0,
            }
        };
        Pair {
            now: Duration::ZERO,
            rng: Rng::new(settings.seed),
            a: end(node_b, settings.fault_a),
            b: end(node_a, settings.fault_b),
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

    /// Sends a signal from `side`; returns the offset at which its bytes end in that stream.
    ///
    /// # Errors
    ///
    /// As [`Outbound::push`].
    pub fn send(
        &mut self,
        side: Side,
        control: &Control,
        payload: Option<&Bytes>,
    ) -> Result<u64, EncodeError> {
        self.end_mut(side).outbound.push(control, payload)?;
        Ok(self.written(side))
    }

    /// Puts bytes into the stream from `side` as they are, behind everything sent before; returns
    /// the offset at which they end. They are on their way at once, whatever the transport takes.
    pub fn send_raw(&mut self, side: Side, bytes: &[u8]) -> u64 {
        let now = self.now;
        let mut rng = self.rng.clone();
        let end = self.end_mut(side);
        end.flush(now, &mut rng, usize::MAX);
        end.wire.put(bytes, now, &mut rng);
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
                self.outbound.transmit(SEGMENTS, &mut self.segments);
            }
            let Some(segment) = self.segments.front_mut() else {
                return;
            };
            let len = segment.len().min(room);
            if len == 0 {
                return;
            }
            self.wire
                .put(segment.get(..len).unwrap_or_default(), now, rng);
            segment.advance(len);
            if segment.is_empty() {
                self.segments.pop_front();
            }
            self.outbound.sent(len);
            room = room.saturating_sub(len);
        }
    }
}
