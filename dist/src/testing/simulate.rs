//! Does a link keep its promises whatever the transport does? One simulated conversation.

use core::time::Duration;

use erland_etf::{Atom, NodeId, RawTerm};

use super::beam::FIRST_SLOT;
use super::model::{self, Nodes};
use super::pair::{Happening, Left, Pair, Settings, Side};
use super::rng::Rng;
use super::stream::{Expected, ExpectedPayload, Stream, Wrong, senders};
use super::wire::Fault;
use crate::connection::{ConnectionLimits, Event, OutboundLimits, PayloadRef};
use crate::control::Control;
use crate::error::{EncodeError, ProtocolError};
use crate::flags::Flags;

/// How a simulated conversation went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it was made from.
    pub seed: u64,
    /// The flags of the link.
    pub flags: Flags,
    /// The fault in one of the streams, with the side that sent that stream.
    pub fault: Option<(Side, Fault)>,
    /// Messages sent by both sides.
    pub sent: usize,
    /// Messages received by both sides.
    pub delivered: usize,
    /// Ticks received by both sides.
    pub ticks: usize,
    /// What the receiver of the faulty stream made of it, if it noticed.
    pub error: Option<ProtocolError>,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
}

/// A promise of the link that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A message left that was not the next one of its sender.
    Order {
        /// The sender.
        side: Side,
    },
    /// A message left with another payload than it was sent with.
    Changed {
        /// The sender.
        side: Side,
    },
    /// A message that was to go out whole left behind something that was sent after it, or behind
    /// more later fragments than were handed out already.
    Place {
        /// The sender.
        side: Side,
    },
    /// What left was no frame that a peer could read.
    Unsound {
        /// The sender.
        side: Side,
        /// What a peer would make of it.
        error: ProtocolError,
    },
    /// In the end something was left: bytes, unfinished messages, held signals, or an atom cache
    /// of which the two sides did not think the same.
    Left {
        /// The sender.
        side: Side,
    },
    /// A message came that differs from the one that was next, before any fault.
    Content {
        /// The receiver.
        side: Side,
        /// Which message of its stream.
        index: usize,
    },
    /// A message came that was never sent, without any fault.
    Invented {
        /// The receiver.
        side: Side,
    },
    /// A payload came where the operation has none, or the other way round.
    Payload {
        /// The receiver.
        side: Side,
    },
    /// Messages sent before any fault did not come.
    Lost {
        /// The receiver.
        side: Side,
        /// How many came.
        delivered: usize,
        /// How many had to come.
        expected: usize,
    },
    /// A side saw a protocol error in a stream without fault.
    Error {
        /// The side.
        side: Side,
        /// What it saw.
        error: ProtocolError,
    },
    /// A side took the other for dead though it was not, or heard of a close that never was.
    Closed {
        /// The side.
        side: Side,
    },
    /// A side did not notice that nothing came any more.
    NotDown {
        /// The side.
        side: Side,
    },
    /// The encoder accepted what the link cannot say, or the other way round.
    Encode {
        /// The sender.
        side: Side,
        /// What it answered.
        result: Result<(), EncodeError>,
    },
}

/// Runs the conversation made from `seed` and checks it.
///
/// Both sides send signals of all kinds at random times, in the forms of this implementation and
/// in those of a BEAM; the transport splits, merges and delays; one stream may have a fault.
/// Promised is: without a fault everything arrives, in order and unchanged, and no side takes the
/// other for dead; with one, everything sent before it does, and after it come typed errors or
/// well-formed events, never a panic.
pub fn simulate(seed: u64) -> Report {
    let mut rng = Rng::new(seed);
    let flags = flags(&mut rng);
    let ticktime = Duration::from_secs(rng.between(4, 60));
    let delay = Duration::from_millis(rng.pick(&[0, 1, 30, 400]).unwrap_or(0));
    let nodes = (
        node(&mut rng, "a@host"),
        node(&mut rng, "node_b@some.host.example.org"),
    );
    let fault = fault(&mut rng, ticktime);
    let fault_of = |side| fault.and_then(|(at, fault)| (at == side).then_some(fault));
    // Small ones cost less to simulate, and interleave as well.
    let size = match rng.below(12) {
        0 => 64 * 1024,
        _ => rng.pick(&[1, 30, 200, 1_000]).unwrap_or(1),
    };
    let with_beam = rng.one_in(2);
    let slots = rng.pick(&[8, 9, 20, 255, 300, 2_048]).unwrap_or(8);
    let outbound = OutboundLimits {
        fragment_size: size,
        bulk_per_turn: size.saturating_mul(rng.between(1, 4) as usize),
        cache_slots: if with_beam {
            slots.min(FIRST_SLOT)
        } else {
            slots
        },
        ..OutboundLimits::default()
    };
    let large = (size as u64)
        .saturating_mul(rng.between(1, 50))
        .min(150_000);
    let slots = outbound.cache_slots;
    let pair = Pair::new(Settings {
        seed: rng.next_u64(),
        flags,
        nodes: nodes.clone(),
        limits: ConnectionLimits::default(),
        outbound,
        ticktime,
        piece: rng.pick(&[1, 7, 60, 2_000, 100_000]).unwrap_or(1),
        delay,
        window: rng.pick(&[100, 10_000, 256 * 1024]).unwrap_or(100),
        fault_a: fault_of(Side::A),
        fault_b: fault_of(Side::B),
    });
    let (node_a, node_b) = nodes;
    let stream = |from: &NodeId, to: &NodeId, fault, count| {
        let (from, to) = (from.clone(), to.clone());
        let senders = senders(&from, count);
        Stream::new(Nodes { from, to }, senders, fault)
    };
    let count = rng.between(1, 6) as u32;
    let mut run = Run {
        pair,
        flags,
        with_beam,
        large,
        slots: slots.into(),
        a: stream(&node_a, &node_b, fault_of(Side::A), count),
        b: stream(&node_b, &node_a, fault_of(Side::B), count),
        ticks: 0,
        error: None,
        violation: None,
    };
    run.converse(&mut rng, ticktime);
    run.settle(ticktime);
    Report {
        seed,
        flags,
        fault,
        sent: run.a.sent.saturating_add(run.b.sent),
        delivered: run.a.delivered.saturating_add(run.b.delivered),
        ticks: run.ticks,
        error: run.error,
        elapsed: run.pair.now(),
        violation: run.violation,
    }
}

fn node(rng: &mut Rng, name: &str) -> NodeId {
    let name = Atom::new(name).unwrap_or(Atom::inline("nonode@nohost"));
    NodeId::new(name, rng.between(1, u64::from(u32::MAX)) as u32)
}

/// Flags that change what travels: framing first, then forms.
fn flags(rng: &mut Rng) -> Flags {
    let framing = rng.pick(&[
        Flags::from_bits(0),
        Flags::FRAGMENTS,
        Flags::DIST_HDR_ATOM_CACHE,
        Flags::DIST_HDR_ATOM_CACHE | Flags::FRAGMENTS,
    ]);
    let forms = [
        Flags::SEND_SENDER,
        Flags::EXIT_PAYLOAD,
        Flags::UNLINK_ID,
        Flags::DIST_MONITOR,
        Flags::DIST_MONITOR_NAME,
        Flags::SPAWN,
        Flags::ALIAS,
        Flags::ALTACT_SIG,
        Flags::BIG_SEQTRACE_LABELS,
    ];
    forms
        .into_iter()
        .filter(|_| !rng.one_in(3))
        .fold(framing.unwrap_or_default(), |flags, form| flags | form)
}

fn fault(rng: &mut Rng, ticktime: Duration) -> Option<(Side, Fault)> {
    let side = if rng.one_in(2) { Side::A } else { Side::B };
    let far = if rng.one_in(4) { 100_000 } else { 2_000 };
    let at = rng.below(far);
    let fault = match rng.below(8) {
        0 | 1 => Fault::Corrupt {
            at,
            mask: rng.between(1, 255) as u8,
        },
        2 => Fault::Truncate {
            at,
            len: rng.between(1, 300),
        },
        3 => Fault::Cut { at },
        4 => Fault::Stall { at, time: None },
        5 => Fault::Stall {
            at,
            // Short of what makes the other side give up.
            time: Some(ticktime / 2),
        },
        _ => return None,
    };
    Some((side, fault))
}

struct Run {
    pair: Pair,
    flags: Flags,
    /// Some messages are of a BEAM.
    with_beam: bool,
    /// The size of large payloads.
    large: u64,
    /// Slots of each side's cache.
    slots: u64,
    a: Stream,
    b: Stream,
    ticks: usize,
    error: Option<ProtocolError>,
    violation: Option<Violation>,
}

impl Run {
    /// Both sides talk for a while.
    fn converse(&mut self, rng: &mut Rng, ticktime: Duration) {
        for _ in 0..rng.between(1, 60) {
            let side = if rng.one_in(2) { Side::A } else { Side::B };
            if self.pair.is_open(side) {
                self.say_something(rng, side);
            }
            let pause = match rng.below(10) {
                0 => ticktime.as_micros() as u64,
                1..=4 => 0,
                _ => 50_000,
            };
            let pause = Duration::from_micros(rng.below(pause.saturating_add(1)));
            self.pair.run_until(self.pair.now() + pause);
            self.observe();
        }
        for side in [Side::A, Side::B] {
            while self.pair.is_open(side) && !self.stream(side).open.is_empty() {
                self.go_on(side, 0);
            }
        }
    }

    fn say_something(&mut self, rng: &mut Rng, side: Side) {
        let fragments = self.flags.contains(Flags::FRAGMENTS);
        let cache = self.flags.contains(Flags::DIST_HDR_ATOM_CACHE);
        let open = self.stream(side).open.len();
        match rng.below(3) {
            0 if open > 0 => {
                let which = rng.below(open as u64) as usize;
                self.go_on(side, which);
            }
            1 if self.with_beam && (fragments || cache) => {
                let stream = self.stream_mut(side);
                let nodes = stream.nodes.clone();
                let message = stream.beam.message(rng, &nodes, cache, fragments);
                let which = stream.open.len();
                stream.open.push(message);
                self.go_on(side, which);
            }
            _ => self.say(rng, side),
        }
    }

    /// A signal in the form that the outbound half gives it.
    fn say(&mut self, rng: &mut Rng, side: Side) {
        let flags = self.flags;
        let nodes = self.stream(side).nodes.clone();
        let sender = rng.pick(&self.stream(side).senders);
        // Now and then nobody in particular says something.
        let sender = sender.filter(|_| !rng.one_in(8));
        let from = match &sender {
            Some(sender) => sender.clone(),
            None => model::pid(rng, &nodes.from),
        };
        let control = model::control(rng, &nodes, &from);
        let heard = model::heard(&control, flags);
        let strict = heard
            .as_ref()
            .is_some_and(|heard| model::is_in_tuple(heard, flags));
        let content = control
            .has_payload()
            .then(|| model::payload(rng, &nodes, strict, self.large, self.slots));
        let payload = content
            .as_ref()
            .map(|content| PayloadRef::new(&content.bytes, &content.atoms));
        let most_refs = self.pair.outbound(side).most_refs();
        let result = self.pair.send(side, sender.as_ref(), &control, payload);
        match (result, heard) {
            (Ok(end), Some(control)) => {
                let payload = match content {
                    None => ExpectedPayload::None,
                    Some(content) => match content.term {
                        // It was rewritten.
                        Some(term) if content.atoms.len() > most_refs => {
                            ExpectedPayload::Term(term)
                        }
                        _ => ExpectedPayload::Bytes(content.bytes, content.atoms),
                    },
                };
                let expected = Expected {
                    control,
                    payload,
                    end,
                };
                self.stream_mut(side).expect(sender.as_ref(), expected);
            }
            (Err(EncodeError::NotNegotiated { .. }), None) => {}
            (result, _) => {
                let result = result.map(|_| ());
                self.violate(Violation::Encode { side, result });
            }
        }
    }

    /// The next frame of an unfinished message of the BEAM.
    fn go_on(&mut self, side: Side, which: usize) {
        let stream = self.stream_mut(side);
        if which >= stream.open.len() {
            return;
        }
        let mut message = stream.open.remove(which);
        if let Some(frame) = message.frames.pop_front() {
            if message.frames.is_empty() {
                let expected = Expected {
                    control: message.control,
                    payload: ExpectedPayload::Term(message.payload),
                    end: None,
                };
                stream.expect(None, expected);
            } else {
                stream.open.push(message);
            }
            self.pair.send_raw(side, &frame);
        }
    }

    /// Lets everything arrive, and everybody notice what there is to notice.
    fn settle(&mut self, ticktime: Duration) {
        let stalled = [Side::A, Side::B].map(|side| match self.stream(side).fault {
            Some(Fault::Stall { at, time: None }) => at < self.pair.carried(side),
            Some(_) | None => false,
        });
        self.pair.run_until(self.pair.now() + ticktime * 3);
        self.observe();
        // A slow transport takes as long as it takes.
        let mut rounds = 10_000;
        while rounds > 0 && self.is_busy() {
            rounds -= 1;
            self.pair.run_until(self.pair.now() + ticktime);
            self.observe();
        }
        self.pair.run_until(self.pair.now() + ticktime);
        self.observe();
        let harmless = [self.a.fault, self.b.fault]
            .into_iter()
            .all(|fault| matches!(fault, None | Some(Fault::Stall { time: Some(_), .. })));
        let settled = |run: &Run, side| run.stream(side).is_done() && run.pair.is_settled(side);
        // There may be a tick under way.
        let mut rounds = 100;
        while harmless && rounds > 0 && !(settled(self, Side::A) && settled(self, Side::B)) {
            rounds -= 1;
            self.pair
                .run_until(self.pair.now() + Duration::from_millis(900));
            self.observe();
        }
        for (side, stalled) in [Side::A, Side::B].into_iter().zip(stalled) {
            let stream = self.stream(side);
            let must = stream.due();
            let delivered = stream.delivered;
            let receiver = side.other();
            // A receiver that gave up on account of the other stream reads no more.
            let undisturbed = self.stream(receiver).fault.is_none();
            if delivered < must && undisturbed {
                self.violate(Violation::Lost {
                    side: receiver,
                    delivered,
                    expected: must,
                });
            }
            if stalled && self.pair.is_open(receiver) {
                self.violate(Violation::NotDown { side: receiver });
            }
            if harmless && !settled(self, side) {
                self.violate(Violation::Left { side });
            }
        }
    }

    /// Whether there is something to be written that can be written.
    fn is_busy(&self) -> bool {
        let sides = [Side::A, Side::B];
        sides.iter().all(|side| self.pair.is_open(*side))
            && (sides.iter()).any(|side| self.pair.outbound(*side).pending() > 0)
    }

    fn observe(&mut self) {
        for side in [Side::A, Side::B] {
            while let Some(left) = self.pair.left(side) {
                self.left(side, left);
            }
        }
        while let Some((side, happening)) = self.pair.happened() {
            let fault = self.stream(side.other()).fault;
            let anything = self.a.fault.or(self.b.fault);
            match happening {
                Happening::Event(Event::Tick) => self.ticks += 1,
                Happening::Event(Event::UnknownControl { .. }) => {
                    if !self.damaged(side) {
                        self.violate(Violation::Invented { side });
                    }
                }
                Happening::Event(Event::Deliver { control, payload }) => {
                    self.delivered(side, &control, payload.as_ref());
                }
                Happening::Failed(error) => match fault {
                    Some(Fault::Corrupt { .. } | Fault::Truncate { .. }) => {
                        self.error = Some(error);
                    }
                    Some(Fault::Cut { .. } | Fault::Stall { .. }) | None => {
                        self.violate(Violation::Error { side, error });
                    }
                },
                Happening::Down | Happening::Closed => match anything {
                    // A length that grew leaves the receiver waiting, but never silent: down
                    // comes only of a stall or of the other side having given up.
                    Some(Fault::Stall { time: Some(_), .. }) | None => {
                        self.violate(Violation::Closed { side });
                    }
                    Some(_) => {}
                },
            }
        }
    }

    fn delivered(&mut self, side: Side, control: &Control, payload: Option<&RawTerm>) {
        if control.has_payload() != payload.is_some() {
            self.violate(Violation::Payload { side });
        }
        let damaged = self.damaged(side);
        let stream = self.stream_mut(side.other());
        let index = stream.delivered;
        match stream.arrived(control, payload) {
            Some(true) => {}
            Some(false) => self.violate(Violation::Content { side, index }),
            // Whatever came out of damaged bytes can be looked at.
            None if damaged => drop(payload.map(RawTerm::to_term)),
            None => self.violate(Violation::Invented { side }),
        }
    }

    /// Something left a side.
    fn left(&mut self, side: Side, left: Left) {
        match left {
            Left::Event(Event::Deliver { control, payload }, end) => {
                let stream = self.stream_mut(side);
                if let Err(wrong) = stream.left(&control, payload.as_ref(), end) {
                    self.violate(match wrong {
                        Wrong::Order => Violation::Order { side },
                        Wrong::Content => Violation::Changed { side },
                        Wrong::Place => Violation::Place { side },
                    });
                }
            }
            Left::Event(Event::Tick, _) => {}
            Left::Event(Event::UnknownControl { .. }, _) => {
                self.violate(Violation::Order { side });
            }
            Left::Unsound(error) => self.violate(Violation::Unsound { side, error }),
        }
    }

    /// Whether bytes that `side` receives may not be those that were sent.
    fn damaged(&self, side: Side) -> bool {
        matches!(
            self.stream(side.other()).fault,
            Some(Fault::Corrupt { .. } | Fault::Truncate { .. })
        )
    }

    fn violate(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    fn stream(&self, side: Side) -> &Stream {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    fn stream_mut(&mut self, side: Side) -> &mut Stream {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
