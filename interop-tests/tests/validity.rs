//! Is a control message that makes no sense judged as the live node judges it? A scripted peer says
//! each to a live node and to a node of ours: both close the connection, or both go on and answer
//! the same. Where they differ the table says so.

use bytes::{BufMut, BytesMut};
use erland::dist::{ConnectionLimits, Control, Event, Inbound, SpawnResult, Target};
use erland::{Flags, NodeId, Pid, RawTerm, Reference, Term};
use erland_interop_tests::{Peer, Probe, Watch, World, bare, chain, name_of, on_every_release};

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Closed,
    Survived,
}
use Verdict::{Closed, Survived};

/// One thing to say, and what is to come of it.
struct Case {
    what: &'static str,
    body: Vec<u8>,
    otp: Verdict,
    ours: Verdict,
    /// The answers need not be the same.
    answers_differ: bool,
}

/// Who talks to whom.
struct Cast {
    release: u32,
    /// The node that is spoken to.
    node: NodeId,
    /// A process there.
    to: Pid,
    /// The node that speaks.
    peer: NodeId,
}

impl Cast {
    fn from(&self) -> Term {
        Term::from(Pid::new(self.peer.clone(), 5, 0))
    }

    fn to(&self) -> Term {
        Term::from(self.to.clone())
    }

    /// A process of the node's that nobody is.
    fn dead(&self) -> Term {
        Term::from(Pid::new(self.node.clone(), 32_000, 77))
    }

    /// The process, of an earlier incarnation of the node.
    fn old(&self) -> Term {
        Term::from(Pid::new(
            earlier(&self.node),
            self.to.id(),
            self.to.serial(),
        ))
    }

    fn old_from(&self) -> Term {
        Term::from(Pid::new(earlier(&self.peer), 5, 0))
    }

    fn third(&self) -> Term {
        Term::from(Pid::new(stranger(), 5, 0))
    }

    fn peer_ref(&self) -> Term {
        reference(&self.peer)
    }

    fn their_ref(&self) -> Term {
        reference(&self.node)
    }
}

fn earlier(node: &NodeId) -> NodeId {
    NodeId::new(node.name().clone(), 1)
}

fn stranger() -> NodeId {
    NodeId::new(name_of("third@127.0.0.1"), 7)
}

fn reference(node: &NodeId) -> Term {
    Term::from(Reference::new(node.clone(), &[4711, 1, 2]).expect("three words"))
}

fn int(value: i128) -> Term {
    Term::from(value)
}

fn sym(text: &str) -> Term {
    Term::from(name_of(text))
}

fn token(cast: &Cast) -> Term {
    Term::tuple([int(0), int(17), int(1), cast.from(), int(0)])
}

fn with_header(control: &[Term], payload: Option<&Term>) -> Vec<u8> {
    let mut body = vec![131, 68, 0];
    body.extend_from_slice(&bare(&Term::tuple(control.iter().cloned())));
    if let Some(payload) = payload {
        body.extend_from_slice(&bare(payload));
    }
    body
}

/// Collects cases.
struct Cases(Vec<Case>);

impl Cases {
    fn add(&mut self, what: &'static str, otp: Verdict, ours: Verdict, control: &[Term]) {
        self.raw(what, otp, ours, with_header(control, None));
    }

    fn raw(&mut self, what: &'static str, otp: Verdict, ours: Verdict, body: Vec<u8>) {
        let answers_differ = false;
        self.0.push(Case {
            what,
            body,
            otp,
            ours,
            answers_differ,
        });
    }

    /// Without payload, the same on either side.
    fn bare(&mut self, what: &'static str, verdict: Verdict, control: &[Term]) {
        self.add(what, verdict, verdict, control);
    }

    /// With a payload, the same on either side.
    fn told(&mut self, what: &'static str, verdict: Verdict, control: &[Term]) {
        let body = with_header(control, Some(&sym("hello")));
        self.raw(what, verdict, verdict, body);
    }
}

/// Links and monitors.
fn relations(c: &Cast, cases: &mut Cases) {
    let (from, to, old, third) = (|| c.from(), || c.to(), || c.old(), || c.third());
    let aref = || c.peer_ref();
    cases.bare("LINK", Survived, &[int(1), from(), to()]);
    cases.bare("LINK to the dead", Survived, &[int(1), from(), c.dead()]);
    cases.bare("LINK to the old", Survived, &[int(1), from(), old()]);
    cases.bare(
        "LINK from an old one",
        Survived,
        &[int(1), c.old_from(), to()],
    );
    cases.bare("LINK from a third", Closed, &[int(1), third(), to()]);
    cases.bare("LINK from their own", Closed, &[int(1), to(), to()]);
    cases.bare("LINK from an old own", Closed, &[int(1), old(), to()]);
    cases.bare("LINK to a third", Closed, &[int(1), from(), third()]);
    cases.bare("LINK to us", Closed, &[int(1), from(), from()]);
    cases.bare("LINK from an atom", Closed, &[int(1), sym("a"), to()]);
    // The difference: OTP answers with an exit signal from the atom.
    cases.add(
        "LINK to an atom",
        Survived,
        Closed,
        &[int(1), from(), sym("a")],
    );
    cases.bare("LINK of 2", Closed, &[int(1), from()]);
    cases.bare("LINK of 4", Closed, &[int(1), from(), to(), int(1)]);

    let otp25 = if c.release == 25 { Survived } else { Closed };
    cases.add("UNLINK", otp25, Closed, &[int(4), from(), to()]);
    cases.bare("NODE_LINK", Closed, &[int(5)]);

    for (op, name) in [(35, "UNLINK_ID"), (36, "UNLINK_ID_ACK")] {
        cases.bare(name, Survived, &[int(op), int(7), from(), to()]);
        cases.bare(name, Survived, &[int(op), int((1 << 64) - 1), from(), to()]);
        cases.bare(name, Closed, &[int(op), int(1 << 64), from(), to()]);
        cases.bare(name, Closed, &[int(op), int(-1), from(), to()]);
        cases.bare(name, Closed, &[int(op), sym("a"), from(), to()]);
        cases.bare(name, Closed, &[int(op), int(7), third(), to()]);
        cases.bare(name, Closed, &[int(op), int(7), to(), to()]);
        cases.bare(name, Closed, &[int(op), int(7), from(), old()]);
        cases.bare(name, Closed, &[int(op), int(7), from(), third()]);
        cases.bare(name, Closed, &[int(op), int(7), from(), sym("a")]);
        cases.bare(name, Closed, &[int(op), int(7), from()]);
        cases.bare(name, Survived, &[int(op), int(7), c.old_from(), c.dead()]);
    }
    cases.bare("UNLINK_ID 0", Closed, &[int(35), int(0), from(), to()]);
    cases.bare(
        "UNLINK_ID_ACK 0",
        Survived,
        &[int(36), int(0), from(), to()],
    );

    for (op, name) in [(19, "MONITOR_P"), (20, "DEMONITOR_P")] {
        cases.bare(name, Survived, &[int(op), from(), to(), aref()]);
        cases.bare(name, Survived, &[int(op), from(), c.dead(), aref()]);
        cases.bare(name, Survived, &[int(op), from(), old(), aref()]);
        cases.bare(name, Survived, &[int(op), from(), sym("nobody"), aref()]);
        cases.bare(
            name,
            Survived,
            &[int(op), from(), to(), reference(&stranger())],
        );
        cases.bare(name, Closed, &[int(op), third(), to(), aref()]);
        cases.bare(name, Closed, &[int(op), to(), to(), aref()]);
        cases.bare(name, Closed, &[int(op), sym("a"), to(), aref()]);
        cases.bare(name, Closed, &[int(op), from(), third(), aref()]);
        cases.bare(name, Closed, &[int(op), from(), int(1), aref()]);
        cases.bare(name, Closed, &[int(op), from(), to(), from()]);
        cases.bare(name, Closed, &[int(op), from(), to()]);
        cases.bare(name, Closed, &[int(op), from(), to(), aref(), int(1)]);
    }

    let theirs = || c.their_ref();
    let down = "PAYLOAD_MONITOR_P_EXIT";
    cases.told(down, Survived, &[int(28), from(), to(), theirs()]);
    cases.told(down, Survived, &[int(28), sym("a"), to(), theirs()]);
    cases.told(down, Survived, &[int(28), third(), to(), theirs()]);
    cases.told(down, Survived, &[int(28), from(), old(), theirs()]);
    cases.told(down, Survived, &[int(28), from(), c.dead(), theirs()]);
    cases.told(down, Survived, &[int(28), from(), to(), aref()]);
    cases.told(down, Closed, &[int(28), to(), to(), theirs()]);
    cases.told(down, Closed, &[int(28), int(1), to(), theirs()]);
    cases.told(down, Closed, &[int(28), from(), third(), theirs()]);
    cases.told(down, Closed, &[int(28), from(), from(), theirs()]);
    cases.told(down, Closed, &[int(28), from(), sym("a"), theirs()]);
    cases.told(down, Closed, &[int(28), from(), to(), int(1)]);
    cases.told(down, Closed, &[int(28), from(), to()]);
    let down = "MONITOR_P_EXIT";
    cases.bare(down, Survived, &[int(21), from(), to(), theirs(), sym("r")]);
    cases.bare(
        down,
        Closed,
        &[int(21), from(), third(), theirs(), sym("r")],
    );
    cases.bare(down, Closed, &[int(21), to(), to(), theirs(), sym("r")]);
    cases.bare(down, Closed, &[int(21), from(), to(), theirs()]);
}

/// Messages and exit signals.
fn signals(c: &Cast, cases: &mut Cases) {
    let (from, to, old, third) = (|| c.from(), || c.to(), || c.old(), || c.third());
    let no = || sym("");
    for (op, first) in [(2, no()), (22, from())] {
        cases.told("SEND", Survived, &[int(op), first.clone(), to()]);
        cases.told("SEND", Survived, &[int(op), first.clone(), old()]);
        cases.told("SEND", Survived, &[int(op), first.clone(), third()]);
        cases.told("SEND", Survived, &[int(op), first.clone(), c.dead()]);
        cases.told("SEND", Closed, &[int(op), first.clone(), sym("a")]);
        cases.told("SEND", Closed, &[int(op), first.clone()]);
        cases.told("SEND", Closed, &[int(op), first, to(), int(1)]);
    }
    for (op, first) in [(12, no()), (23, from())] {
        cases.told(
            "SEND_TT",
            Survived,
            &[int(op), first.clone(), to(), token(c)],
        );
        cases.told(
            "SEND_TT",
            Closed,
            &[int(op), first.clone(), sym("a"), token(c)],
        );
        cases.told("SEND_TT", Closed, &[int(op), first, to()]);
    }
    let name = || sym("nobody");
    cases.told("REG_SEND", Survived, &[int(6), from(), no(), name()]);
    cases.told("REG_SEND", Survived, &[int(6), third(), no(), name()]);
    cases.told("REG_SEND", Survived, &[int(6), to(), sym("cookie"), name()]);
    cases.told("REG_SEND", Closed, &[int(6), sym("a"), no(), name()]);
    cases.told("REG_SEND", Closed, &[int(6), from(), no(), to()]);
    cases.told("REG_SEND", Closed, &[int(6), from(), name()]);
    cases.told(
        "REG_SEND_TT",
        Survived,
        &[int(16), from(), no(), name(), token(c)],
    );
    cases.told("REG_SEND_TT", Closed, &[int(16), from(), no(), name()]);
    cases.told("ALIAS_SEND", Survived, &[int(33), from(), c.their_ref()]);
    cases.told("ALIAS_SEND", Survived, &[int(33), from(), c.peer_ref()]);
    cases.told("ALIAS_SEND", Closed, &[int(33), from(), sym("a")]);
    cases.told("ALIAS_SEND", Closed, &[int(33), from(), to()]);
    cases.told("ALIAS_SEND", Closed, &[int(33), from()]);
    cases.told(
        "ALIAS_SEND_TT",
        Survived,
        &[int(34), from(), c.their_ref(), token(c)],
    );
    cases.told("ALIAS_SEND_TT", Closed, &[int(34), from(), c.their_ref()]);

    // Not linked, so none of these hits; {3, …, Reason} and its kin have no payload.
    for (op, before, after, payload) in [
        (3, vec![], vec![sym("r")], false),
        (13, vec![token(c)], vec![sym("r")], false),
        (24, vec![], vec![], true),
        (25, vec![token(c)], vec![], true),
    ] {
        let mut say = |verdict, from: Term, to: Term| {
            let mut all = vec![int(op), from, to];
            all.extend(before.iter().cloned());
            all.extend(after.iter().cloned());
            if payload {
                cases.told("EXIT", verdict, &all);
                all.push(int(1));
                cases.told("EXIT with one more", Closed, &all);
            } else {
                cases.bare("EXIT", verdict, &all);
                all.pop();
                cases.bare("EXIT with one less", Closed, &all);
            }
        };
        say(Survived, from(), to());
        say(Survived, c.old_from(), to());
        say(Survived, from(), c.dead());
        say(Closed, from(), old());
        say(Closed, from(), third());
        say(Closed, from(), from());
        say(Closed, from(), sym("a"));
        say(Closed, third(), to());
        say(Closed, to(), to());
    }
    for (op, before, payload) in [
        (8, vec![], false),
        (18, vec![token(c)], false),
        (26, vec![], true),
        (27, vec![token(c)], true),
    ] {
        let mut say = |verdict, from: Term, to: Term| {
            let mut all = vec![int(op), from, to];
            all.extend(before.iter().cloned());
            if payload {
                cases.told("EXIT2", verdict, &all);
            } else {
                all.push(sym("normal"));
                cases.bare("EXIT2", verdict, &all);
            }
        };
        say(Survived, from(), c.dead());
        say(Survived, c.old_from(), old());
        say(Survived, from(), old());
        say(Closed, from(), third());
        say(Closed, from(), from());
        say(Closed, from(), sym("a"));
        say(Closed, third(), c.dead());
        // Not `to()`: EXIT2 in the name of one of its own processes kills a live node (25 to 29).
        say(Closed, sym("a"), c.dead());
    }
    cases.bare("GROUP_LEADER", Survived, &[int(7), from(), c.dead()]);
    cases.bare("GROUP_LEADER", Closed, &[int(7), sym("a"), to()]);
    cases.bare("GROUP_LEADER", Closed, &[int(7), from(), sym("a")]);
    cases.bare("GROUP_LEADER", Closed, &[int(7), from()]);
}

/// Spawn requests and replies.
fn spawns(c: &Cast, cases: &mut Cases) {
    let (from, to, third) = (|| c.from(), || c.to(), || c.third());
    let function = |arity: i128| Term::tuple([sym("erlang"), sym("node"), int(arity)]);
    // An option that no release knows: no process is made of it.
    let options = || Term::list([sym("no_such_option")]);
    let request = |id: Term, from: Term, leader: Term, function: Term| {
        [int(29), id, from, leader, function, options()]
    };
    let ok = || request(c.peer_ref(), from(), from(), function(0));
    let mut asked = |what, verdict, control: &[Term]| {
        cases.told(what, verdict, control);
        if let Some(case) = cases.0.last_mut() {
            // `badopt` there; `notsup` here, where spawning was not announced.
            case.answers_differ = true;
        }
    };
    asked("SPAWN_REQUEST", Survived, &ok());
    let mut changed = |place: usize, verdict, term: Term| {
        let mut control = ok();
        control[place] = term;
        asked("SPAWN_REQUEST, changed", verdict, &control);
    };
    changed(1, Closed, c.their_ref());
    changed(1, Survived, reference(&stranger()));
    changed(1, Closed, sym("a"));
    changed(2, Closed, to());
    changed(2, Closed, sym("a"));
    changed(3, Survived, to());
    changed(3, Survived, third());
    changed(3, Closed, sym("a"));
    changed(4, Closed, sym("a"));
    changed(4, Closed, Term::tuple([sym("erlang"), sym("node")]));
    changed(4, Closed, Term::tuple([int(1), sym("node"), int(0)]));
    changed(4, Closed, Term::tuple([sym("erlang"), int(1), int(0)]));
    changed(4, Closed, function(1 << 59));
    changed(4, Survived, function((1 << 59) - 1));
    changed(4, Survived, function(-1));
    changed(5, Survived, sym("a"));
    changed(5, Survived, Term::list([sym("link"), int(1)]));
    asked("SPAWN_REQUEST of 5", Closed, &ok()[..5]);
    let mut traced = ok().to_vec();
    traced[0] = int(30);
    asked("SPAWN_REQUEST_TT without token", Closed, &traced);

    let reply = || [int(31), c.their_ref(), to(), int(0), from()];
    cases.bare("SPAWN_REPLY", Survived, &reply());
    for (place, verdict, term) in [
        (1, Survived, reference(&earlier(&c.node))),
        (1, Closed, c.peer_ref()),
        (1, Closed, reference(&stranger())),
        (1, Closed, sym("a")),
        (2, Survived, c.old()),
        (2, Closed, from()),
        (2, Closed, third()),
        (2, Closed, sym("a")),
        (3, Survived, int((1 << 27) - 1)),
        (3, Closed, int(1 << 27)),
        (3, Closed, int(-1)),
        (3, Closed, sym("a")),
        (4, Survived, sym("badopt")),
        (4, Survived, third()),
        (4, Closed, to()),
        (4, Closed, int(1)),
    ] {
        let mut control = reply();
        control[place] = term;
        // A link of a process that nobody asked for would be answered when it ends.
        if place == 3 && verdict == Survived {
            control[4] = sym("badopt");
        }
        cases.bare("SPAWN_REPLY, changed", verdict, &control);
    }
    cases.bare("SPAWN_REPLY of 4", Closed, &reply()[..4]);
    let mut traced = reply().to_vec();
    traced[0] = int(32);
    cases.bare("SPAWN_REPLY_TT without token", Closed, &traced);
}

/// `ALTACT_SIG_SEND` and what no release has. Before OTP 28, 37 is unknown too.
fn later(c: &Cast, cases: &mut Cases) {
    let (from, to) = (|| c.from(), || c.to());
    let mut altact = |verdict, control: &[Term]| {
        let otp = if c.release < 28 { Closed } else { verdict };
        let body = with_header(control, Some(&sym("hello")));
        cases.raw("ALTACT_SIG_SEND", otp, verdict, body);
    };
    let dead = || c.dead();
    altact(Survived, &[int(37), int(0), from(), to()]);
    altact(Survived, &[int(37), int(1), from(), dead()]);
    altact(Survived, &[int(37), int(1), from(), c.old()]);
    altact(Survived, &[int(37), int(2), from(), dead(), token(c)]);
    altact(Survived, &[int(37), int(4), from(), c.their_ref()]);
    altact(Survived, &[int(37), int(9), from(), sym("nobody")]);
    altact(Survived, &[int(37), int(17), from(), dead()]);
    altact(Survived, &[int(37), int(0), from(), dead(), int(1), int(2)]);
    altact(Survived, &[int(37), int(1 << 80), from(), dead()]);
    altact(Survived, &[int(37), int((1 << 62) + 32), from(), dead()]);
    altact(Survived, &[int(37), int(0), c.third(), dead()]);
    altact(Closed, &[int(37), int(-1), from(), dead()]);
    altact(Closed, &[int(37), int(-(1 << 80)), from(), dead()]);
    altact(Closed, &[int(37), sym("a"), from(), dead()]);
    altact(Closed, &[int(37), int(2), from(), dead()]);
    altact(Closed, &[int(37), int(12), from(), c.their_ref()]);
    altact(Closed, &[int(37), int(12), from(), sym("nobody")]);
    altact(Closed, &[int(37), int(4), from(), dead()]);
    altact(Closed, &[int(37), int(8), from(), dead()]);
    altact(Closed, &[int(37), int(0), from(), sym("nobody")]);
    altact(Closed, &[int(37), int(0), from(), c.their_ref()]);
    altact(Closed, &[int(37), int(0), sym("a"), dead()]);
    altact(Closed, &[int(37), int(0), from()]);

    // The difference: OTP closes, erland counts and goes on.
    for op in [0, 9, 10, 11, 14, 15, 17, 38, 255, 1 << 40] {
        cases.add("an unknown op", Closed, Survived, &[int(op), from(), to()]);
    }
    cases.bare("a negative op", Closed, &[int(-1), from(), to()]);
    cases.bare("an atom for an op", Closed, &[sym("a"), from(), to()]);
    cases.bare("no op", Closed, &[]);
}

/// Frames that are no messages.
fn frames(c: &Cast, cases: &mut Cases) {
    let mut raw = |what, body: Vec<u8>| cases.raw(what, Closed, Closed, body);
    raw("one byte", vec![131]);
    raw("another version", vec![130, 68, 0]);
    raw("no header", vec![131, 104, 0]);
    raw("a short header", vec![131, 68, 5, 0]);
    // No cache references: without the cache they kill a live node.
    raw("no control", vec![131, 68, 0]);
    raw("a control cut short", vec![131, 68, 0, 104, 3, 97, 1]);
    raw("a control that is no tuple", vec![131, 68, 0, 97, 1]);
    let mut version = vec![131, 68, 0, 131];
    version.extend(bare(&Term::tuple([int(1), c.from(), c.to()])));
    raw("a version before the control", version);
    let message = [int(6), c.from(), sym(""), sym("nobody")];
    let fragment = |tag: u8, sequence: u64, id: u64| {
        let mut body = vec![131, tag];
        body.extend(sequence.to_be_bytes());
        body.extend(id.to_be_bytes());
        body
    };
    raw("a fragment of nothing", fragment(70, 9, 1));
    let first = |id| {
        let mut body = fragment(69, 9, id);
        body.extend(&with_header(&message, Some(&sym("hello")))[2..]);
        body
    };
    cases.raw("one fragment", Survived, Survived, first(1));
    let mut trailing = with_header(&message, Some(&sym("hello")));
    trailing.extend([1, 2, 3]);
    cases.raw("trailing bytes", Survived, Survived, trailing);
    let mut undecodable = with_header(&message, None);
    undecodable.push(255);
    cases.raw("a bad payload for nobody", Survived, Survived, undecodable);
    cases.raw("a tick", Survived, Survived, Vec::new());
}

/// What the scripted peer announces.
fn flags() -> Flags {
    Flags::HONOURED - Flags::DIST_HDR_ATOM_CACHE
}

/// Says `body`, and finds out by asking for an answer whether the connection still stands. The
/// answers that came before it, in words.
async fn judge(mut peer: Peer, them: &NodeId, body: &[u8]) -> (Verdict, Vec<String>) {
    let asked = peer.reference(99);
    let nobody = [
        int(19),
        Term::from(peer.pid(9)),
        sym("nobody_is_called_this"),
        Term::from(asked.clone()),
    ];
    let mut bytes = Vec::new();
    for body in [body, &with_header(&nobody, None)] {
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(body);
    }
    peer.write(&bytes).await;
    let mut answers = Vec::new();
    while let Some(frame) = peer.frame().await {
        // Without atom cache and large messages, every frame stands for itself.
        let mut inbound = Inbound::new(flags(), &peer.id(), them, ConnectionLimits::default());
        let mut bytes = BytesMut::new();
        bytes.put_u32(frame.len() as u32);
        bytes.put_slice(&frame);
        match inbound.poll(&mut bytes) {
            Ok(Some(Event::Deliver {
                control: Control::MonitorPExit { reference, .. },
                ..
            })) if reference == asked => return (Survived, answers),
            Ok(Some(Event::Deliver { control, payload })) => {
                answers.extend(in_words(&control, payload));
            }
            Ok(_) => {}
            Err(error) => answers.push(chain(&error)),
        }
    }
    (Closed, answers)
}

fn in_words(control: &Control, payload: Option<RawTerm>) -> Option<String> {
    let reason = payload.map(|payload| payload.to_term().expect("a term"));
    let reason = || reason.as_ref().expect("a reason").to_string();
    match control {
        Control::Exit { .. } => Some(format!("EXIT {}", reason())),
        Control::MonitorPExit { from, .. } => Some(match from {
            Target::Pid(_) => format!("DOWN {}", reason()),
            Target::Name(name) => format!("DOWN of {name}: {}", reason()),
        }),
        Control::UnlinkIdAck { id, .. } => Some(format!("ACK {id}")),
        Control::SpawnReply { flags, result, .. } => Some(match result {
            SpawnResult::Pid(_) => format!("SPAWNED {flags}"),
            SpawnResult::Error(reason) => format!("NOT SPAWNED {flags} {reason}"),
        }),
        // What its kernel tells a new connection.
        Control::RegSend { .. } => None,
        other => Some(format!("{other:?}")),
    }
}

fn cases(cast: &Cast) -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    relations(cast, &mut cases);
    signals(cast, &mut cases);
    spawns(cast, &mut cases);
    later(cast, &mut cases);
    frames(cast, &mut cases);
    cases.0
}

on_every_release! {
    async fn what_otp_refuses_is_refused(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let port = erl.eval("element(2, erl_epmd:port_please(\"erl\", {127,0,0,1}))").await;
        let port: u16 = port.parse().expect("the port of the live node");
        let mut probe = Probe::trapping(&rust).await;
        let theirs = probe.learn_pid(&erl, "erland_helper:collector()").await;
        let ours = probe.pid().clone();

        let speak = |to: &Pid, number: usize| {
            let name = format!("odd{number}@127.0.0.1");
            let peer = NodeId::new(name_of(&name), erland_interop_tests::CREATION);
            let cast = Cast {
                release: release.number,
                node: to.node().clone(),
                to: to.clone(),
                peer,
            };
            (name, cast)
        };
        let mut wrong = Vec::new();
        let count = cases(&speak(&ours, 0).1).len();
        let mut unknown = 0;
        for number in 0..count {
            let (name, cast) = speak(&theirs, number);
            let case = cases(&cast).swap_remove(number);
            eprintln!("{number}: {}", case.what);
            let peer = Peer::open_port(port, &name).await;
            let peer = peer.shake_hands(erl.name(), world.cookie(), flags()).await;
            let at_theirs = judge(peer, &cast.node, &case.body).await;

            let (name, cast) = speak(&ours, number);
            let case = cases(&cast).swap_remove(number);
            let peer = Peer::dial_with(&rust, &name, world.cookie(), flags()).await;
            let at_ours = judge(peer, &cast.node, &case.body).await;
            let same = case.answers_differ || at_theirs.1 == at_ours.1 || case.otp != case.ours;
            if (at_theirs.0, at_ours.0) != (case.otp, case.ours) || !same {
                wrong.push(format!(
                    "{} {:?}: OTP {} {at_theirs:?}, ours {at_ours:?}, expected {:?} and {:?}",
                    case.what, case.body, release.number, case.otp, case.ours
                ));
            }
            unknown += u64::from(case.what == "an unknown op");
        }
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
        assert!(count > 200, "{count}");
        assert_eq!(rust.unknown_control_messages(), unknown);
        // Both are as well as before.
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        assert!(rust.is_alive(&ours));
    }

    async fn the_reason_names_the_culprit_and_other_links_stand(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let mut watch = Watch::on(&rust);
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", world.cookie()).await;
        watch.up("odd@127.0.0.1").await;
        let forged = Pid::new(stranger(), 5, 0);
        let to = Pid::new(rust.id().clone(), 5, 0);
        peer.signal(&Term::tuple([int(1), Term::from(forged), Term::from(to)]), None).await;
        let reason = watch.down("odd@127.0.0.1").await.to_string();
        assert_eq!(
            reason,
            "protocol error: peer sent a malformed message: \
             element 2 of LINK is not of the sending node"
        );
        peer.closed().await;
        assert_eq!(rust.nodes(), ["erl@127.0.0.1"]);
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    /// The difference: OTP finds out when the receiver looks at the message and closes the
    /// connection; here the receiver is told, and the connection stands.
    async fn a_payload_that_does_not_decode(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let port = erl.eval("element(2, erl_epmd:port_please(\"erl\", {127,0,0,1}))").await;
        let mut probe = Probe::named(&rust, "evaluator").await;
        let spoil = |peer: &Peer| {
            let message = [int(6), Term::from(peer.pid(5)), sym(""), sym("evaluator")];
            let mut body = with_header(&message, None);
            body.push(255);
            body
        };
        let peer = Peer::open_port(port.parse().expect("a port"), "odd@127.0.0.1").await;
        let mut peer = peer.shake_hands(erl.name(), world.cookie(), flags()).await;
        let body = spoil(&peer);
        peer.write_frame(&body).await;
        erl.eval("erland_helper:reply(0)").await;
        peer.closed().await;

        let mut peer = Peer::dial_with(&rust, "odd@127.0.0.1", world.cookie(), flags()).await;
        let body = spoil(&peer);
        peer.write_frame(&body).await;
        assert!(probe.next().await.to_term().is_err());
        let (verdict, _) = judge(peer, rust.id(), &[]).await;
        assert_eq!(verdict, Survived);
    }
}
