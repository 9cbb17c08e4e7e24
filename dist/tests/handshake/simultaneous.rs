//! Two nodes dial each other at the same time: does exactly one connection survive, whatever the
//! order of things, and is nothing lost that was accepted for sending?
//!
//! Two nodes of the core alone: their handshakes, and of a node's table of links no more than what
//! it has to do with its one peer. What travels is delivered in seeded pieces and at seeded
//! moments, in order on each connection; sockets close with what is in flight.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use erland_dist::testing::Rng;
use erland_dist::{
    Acceptor, AcceptorStep, Initiator, InitiatorStep, LengthPrefix, NodeName, Standing, Verdict,
};

use crate::support::{cookie, identity, name};

const RUNS: u64 = 1_000;
const MESSAGES: u8 = 5;

/// One direction of one connection.
#[derive(Default)]
struct Wire {
    bytes: BytesMut,
    /// The writer has closed; what it wrote before still arrives.
    closed: bool,
}

/// One connection, dialled by the node of this index: `there` goes to the other one.
#[derive(Default)]
struct Socket {
    dialler: usize,
    there: Wire,
    back: Wire,
}

enum Role {
    Initiator(Initiator),
    Acceptor(Acceptor),
    Up,
}

/// One end of a connection at a node.
struct End {
    socket: usize,
    role: Role,
    received: BytesMut,
    /// Asked to replace a connection of the same peer.
    replaces: bool,
}

struct Core {
    index: usize,
    name: NodeName,
    peer: NodeName,
    ends: Vec<End>,
    /// The end, by socket, that the table's entry belongs to, and what it stands for.
    owner: Option<(usize, Standing)>,
    /// Accepted for sending and not sent: there is no connection yet.
    queue: VecDeque<u8>,
    heard: Vec<u8>,
    ups: u32,
    wants_to_dial: bool,
}

impl Core {
    fn standing(&self) -> Standing {
        self.owner
            .map_or(Standing::Unconnected, |(_, standing)| standing)
    }

    fn close(&mut self, socket: usize, sockets: &mut [Socket]) {
        self.ends.retain(|end| end.socket != socket);
        let socket = &mut sockets[socket];
        if socket.dialler == self.index {
            socket.there.closed = true;
        } else {
            socket.back.closed = true;
        }
    }

    fn write(&mut self, socket: usize, bytes: &[u8], sockets: &mut [Socket]) {
        let socket = &mut sockets[socket];
        if socket.dialler == self.index {
            socket.there.bytes.extend_from_slice(bytes);
        } else {
            socket.back.bytes.extend_from_slice(bytes);
        }
    }

    /// Begins an attempt, unless the peer's is on its way or through.
    fn dial(&mut self, sockets: &mut Vec<Socket>) {
        self.wants_to_dial = false;
        if self.owner.is_some() {
            return;
        }
        let socket = sockets.len();
        sockets.push(Socket {
            dialler: self.index,
            ..Socket::default()
        });
        let mut out = BytesMut::new();
        let initiator = Initiator::start(
            identity(self.name.as_str()),
            self.peer.clone(),
            cookie(),
            5,
            LengthPrefix::Two,
            &mut out,
        );
        self.owner = Some((socket, Standing::Dialling));
        self.ends.push(End {
            socket,
            role: Role::Initiator(initiator),
            received: BytesMut::new(),
            replaces: false,
        });
        self.write(socket, &out, sockets);
    }

    fn up(&mut self, socket: usize, sockets: &mut [Socket]) {
        self.owner = Some((socket, Standing::Up));
        self.ups += 1;
        let queued: Vec<u8> = self.queue.drain(..).collect();
        self.write(socket, &queued, sockets);
    }

    fn send(&mut self, message: u8, sockets: &mut [Socket]) {
        match self.owner {
            Some((socket, Standing::Up)) => self.write(socket, &[message], sockets),
            _ => {
                self.queue.push_back(message);
                self.wants_to_dial = true;
            }
        }
    }

    /// The peer has closed this connection.
    fn lost(&mut self, socket: usize, sockets: &mut [Socket]) {
        assert!(
            self.owner != Some((socket, Standing::Up)),
            "a connection that is up was closed"
        );
        self.close(socket, sockets);
        if self.owner.is_some_and(|(owner, _)| owner == socket) {
            self.owner = None;
            self.wants_to_dial |= !self.queue.is_empty();
        }
    }

    fn receive(&mut self, socket: usize, bytes: &[u8], sockets: &mut [Socket]) {
        if !self.ends.iter().any(|end| end.socket == socket)
            && sockets[socket].dialler != self.index
        {
            let acceptor = Acceptor::new(identity(self.name.as_str()), 42, LengthPrefix::Two);
            self.ends.push(End {
                socket,
                role: Role::Acceptor(acceptor),
                received: BytesMut::new(),
                replaces: false,
            });
        }
        let Some(place) = self.ends.iter().position(|end| end.socket == socket) else {
            // Closed from here already.
            return;
        };
        self.ends[place].received.extend_from_slice(bytes);
        while let Some(place) = self.ends.iter().position(|end| end.socket == socket) {
            let mut end = self.ends.swap_remove(place);
            let goes_on = self.step(&mut end, sockets);
            let done = end.received.is_empty();
            match goes_on {
                Some(more) => {
                    self.ends.push(end);
                    if !more || done {
                        return;
                    }
                }
                None => return self.close(socket, sockets),
            }
        }
    }

    /// Takes one message; `Some(false)` when there is no whole one, `None` when it was the last.
    fn step(&mut self, end: &mut End, sockets: &mut [Socket]) -> Option<bool> {
        let socket = end.socket;
        if let Role::Up = end.role {
            self.heard.extend_from_slice(&end.received.split());
            return Some(false);
        }
        let length = end
            .received
            .first_chunk()
            .map(|len| u16::from_be_bytes(*len).into());
        let Some(length) = length.filter(|length: &usize| end.received.len() >= length + 2) else {
            return Some(false);
        };
        end.received.advance(2);
        let body = end.received.split_to(length);
        let mut out = BytesMut::new();
        let goes_on = match &mut end.role {
            Role::Initiator(initiator) => match initiator.receive(&body, &mut out).unwrap() {
                InitiatorStep::Continue => true,
                InitiatorStep::Alive => {
                    // `is_pending`: is this attempt still what the entry is for?
                    let pending = self.owner == Some((socket, Standing::Dialling));
                    initiator.answer_alive(pending, &mut out).unwrap();
                    pending
                }
                InitiatorStep::NotSimultaneous => {
                    if self.owner == Some((socket, Standing::Dialling)) {
                        // The peer's own attempt is on its way: it takes the entry over.
                        self.owner = Some((socket, Standing::Preparing));
                    }
                    false
                }
                InitiatorStep::Done(negotiated) => {
                    assert_eq!(negotiated.peer, self.peer);
                    assert_eq!(self.owner, Some((socket, Standing::Dialling)));
                    end.role = Role::Up;
                    self.up(socket, sockets);
                    true
                }
            },
            Role::Acceptor(acceptor) => match acceptor.receive(&body, &mut out).unwrap() {
                AcceptorStep::Continue => true,
                AcceptorStep::Decide(claim) => {
                    let standing = self.standing();
                    let verdict = Verdict::on(&self.name, &claim.name, standing);
                    acceptor.decide(verdict, cookie(), &mut out).unwrap();
                    match verdict {
                        Verdict::Ok => self.owner = Some((socket, Standing::Unconnected)),
                        Verdict::OkSimultaneous => {
                            let (old, _) = self.owner.unwrap();
                            self.owner = Some((socket, Standing::Unconnected));
                            if self.ends.iter().any(|end| end.socket == old) {
                                self.close(old, sockets);
                            }
                        }
                        Verdict::Alive => end.replaces = true,
                        Verdict::Nok | Verdict::NotAllowed => {}
                    }
                    verdict != Verdict::Nok
                }
                AcceptorStep::Authenticated => {
                    assert!(!end.replaces, "nobody has lost a connection");
                    acceptor.finish(&mut out).unwrap();
                    end.role = Role::Up;
                    self.write(socket, &out.split(), sockets);
                    self.up(socket, sockets);
                    true
                }
                AcceptorStep::GaveUp => false,
                AcceptorStep::NameMe(_) => panic!("both have names"),
            },
            Role::Up => unreachable!("handled above"),
        };
        self.write(socket, &out, sockets);
        goes_on.then_some(true)
    }
}

/// What a run came to: which node's attempt survived, and how many connections there were at all.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    dialler: usize,
    sockets: usize,
    steps: u32,
}

fn run(seed: u64, names: [&str; 2]) -> Outcome {
    let mut rng = Rng::new(seed);
    let mut sockets: Vec<Socket> = Vec::new();
    let mut cores = [0, 1].map(|index: usize| Core {
        index,
        name: name(names[index]),
        peer: name(names[1 - index]),
        ends: Vec::new(),
        owner: None,
        queue: VecDeque::new(),
        heard: Vec::new(),
        ups: 0,
        wants_to_dial: true,
    });
    let mut to_send = [0, 1].map(|_| (0..MESSAGES).collect::<VecDeque<u8>>());
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < 100_000, "seed {seed}: no end");
        let index = usize::from(rng.one_in(2));
        let core = &mut cores[index];
        match rng.below(4) {
            0 if core.wants_to_dial => core.dial(&mut sockets),
            1 => {
                if let Some(message) = to_send[index].pop_front() {
                    core.send(message, &mut sockets);
                }
            }
            _ if !sockets.is_empty() => {
                let socket = usize::try_from(rng.below(sockets.len() as u64)).unwrap();
                let of = &mut sockets[socket];
                let wire = if of.dialler == index {
                    &mut of.back
                } else {
                    &mut of.there
                };
                if wire.bytes.is_empty() {
                    let known = core.ends.iter().any(|end| end.socket == socket);
                    if wire.closed && known {
                        core.lost(socket, &mut sockets);
                    }
                } else {
                    let most = wire.bytes.len().min(40) as u64;
                    let piece = wire
                        .bytes
                        .split_to(usize::try_from(rng.between(1, most)).unwrap());
                    core.receive(socket, &piece, &mut sockets);
                }
            }
            _ => {}
        }
        let quiet = cores
            .iter()
            .all(|core| core.heard.len() == usize::from(MESSAGES) && !core.wants_to_dial);
        let read = sockets.iter().enumerate().all(|(socket, of)| {
            let [dialler, dialled] = [of.dialler, 1 - of.dialler]
                .map(|index| cores[index].ends.iter().any(|end| end.socket == socket));
            (of.back.bytes.is_empty() || !dialler) && (of.there.bytes.is_empty() || !dialled)
        });
        if quiet && read {
            break;
        }
    }
    let owners = [0, 1].map(|index: usize| cores[index].owner);
    let Some((socket, Standing::Up)) = owners[0] else {
        panic!("seed {seed}: not connected: {owners:?}");
    };
    assert_eq!(
        owners[0], owners[1],
        "seed {seed}: the same connection on both sides"
    );
    for core in &cores {
        assert_eq!(core.ups, 1, "seed {seed}: one connection, once");
        let expected: Vec<u8> = (0..MESSAGES).collect();
        assert_eq!(core.heard, expected, "seed {seed}: each message, in order");
        let up = core
            .ends
            .iter()
            .filter(|end| matches!(end.role, Role::Up))
            .count();
        assert_eq!(up, 1, "seed {seed}: one end is up");
    }
    Outcome {
        dialler: sockets[socket].dialler,
        sockets: sockets.len(),
        steps,
    }
}

#[test]
fn one_connection_survives_and_nothing_is_lost() {
    let (mut collisions, mut first, mut second) = (0, 0, 0);
    for seed in 0..RUNS {
        // Both orders of the names.
        let names = if seed % 2 == 0 {
            ["a@h", "b@h"]
        } else {
            ["b@h", "a@h"]
        };
        let outcome = run(seed, names);
        assert_eq!(outcome, run(seed, names), "seed {seed} runs the same again");
        collisions += u32::from(outcome.sockets > 1);
        match outcome.dialler {
            0 => first += 1,
            _ => second += 1,
        }
    }
    // The runs are about what they are named for.
    assert!(
        collisions > 300,
        "{collisions} of {RUNS} runs had two attempts"
    );
    assert!(first > 300 && second > 300, "{first} and {second}");
}

#[test]
fn the_greater_name_keeps_its_attempt() {
    let (a, b) = (name("a@h"), name("b@h"));
    let table = [
        (Standing::Unconnected, Verdict::Ok, Verdict::Ok),
        (
            Standing::Preparing,
            Verdict::OkSimultaneous,
            Verdict::OkSimultaneous,
        ),
        (Standing::Dialling, Verdict::OkSimultaneous, Verdict::Nok),
        (Standing::Up, Verdict::Alive, Verdict::Alive),
    ];
    for (standing, to_greater, to_smaller) in table {
        assert_eq!(Verdict::on(&a, &b, standing), to_greater);
        assert_eq!(Verdict::on(&b, &a, standing), to_smaller);
    }
}
