//! What does a small message cost its sender, with the atom cache and with empty headers?
//!
//! A message is encoded, pushed, and taken out again in batches. Printed is the best of many
//! rounds, so that a busy machine shows less.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use erland_dist::{Control, Flags, Outbound, OutboundLimits, PayloadRef};
use erland_etf::{Atom, MessageAtoms, NodeId, Pid, Term, atom};

const BATCH: u32 = 2_000;
const ROUNDS: u32 = 300;

fn main() {
    let here = NodeId::new(atom!("sender@host.example.org"), 1);
    let there = NodeId::new(atom!("receiver@host.example.org"), 2);
    let (from, to) = (Pid::new(here, 1, 0), Pid::new(there, 2, 0));
    let by_pid = Control::Send {
        from: Some(from.clone()),
        to,
        token: None,
    };
    let by_name = Control::RegSend {
        from: from.clone(),
        name: atom!("a_registered_name"),
        token: None,
    };
    println!("atoms in payload | to      | empty header | with cache | difference (ns)");
    for atoms in 0..=6_u32 {
        for (to, control) in [("pid", &by_pid), ("name", &by_name)] {
            let term = message(atoms);
            let plain = best(|| plain(&from, control, &term));
            let cached = best(|| cached(&from, control, &term));
            println!(
                "{atoms:16} | {to:7} | {plain:12.1} | {cached:10.1} | {:+.1}",
                cached - plain
            );
        }
    }
}

/// `{Atom, …, 1, <<"some text">>}`.
fn message(atoms: u32) -> Term {
    let names = [
        "ok",
        "$gen_call",
        "a_longer_atom_of_a_program",
        "error",
        "undefined",
        "get",
    ];
    let names = names.iter().take(atoms as usize);
    let atoms = names.map(|name| Term::from(Atom::new(name).expect("a short name")));
    Term::tuple(atoms.chain([Term::from(1), Term::binary("some text")]))
}

fn plain(from: &Pid, control: &Control, term: &Term) -> u32 {
    let mut limits = OutboundLimits::default();
    limits.cache_slots = 0;
    let mut outbound = Outbound::with_limits(Flags::HONOURED, limits);
    run(&mut outbound, |outbound| {
        let mut out = BytesMut::with_capacity(term.encoded_len().expect("it has a length"));
        term.encode(&mut out).expect("it is encoded");
        let bytes: Bytes = out.freeze();
        let payload = Some(PayloadRef::from(&bytes));
        outbound
            .push(Some(from), control, payload)
            .expect("it is pushed");
    })
}

fn cached(from: &Pid, control: &Control, term: &Term) -> u32 {
    let mut outbound = Outbound::new(Flags::HONOURED);
    let mut scratch = BytesMut::with_capacity(4096);
    run(&mut outbound, |outbound| {
        // How long it will be is not known before: so it is copied when it is, as the node does.
        let mut atoms = MessageAtoms::default();
        scratch.clear();
        term.encode_with(&mut atoms, &mut scratch)
            .expect("it is encoded");
        let (bytes, atoms) = (Bytes::copy_from_slice(&scratch), atoms.into_vec());
        let payload = Some(PayloadRef::new(&bytes, &atoms));
        outbound
            .push(Some(from), control, payload)
            .expect("it is pushed");
    })
}

/// Nanoseconds of one batch.
fn run(outbound: &mut Outbound, mut send: impl FnMut(&mut Outbound)) -> u32 {
    let mut segments = VecDeque::new();
    let begin = Instant::now();
    for _ in 0..BATCH {
        send(black_box(outbound));
    }
    let spent = begin.elapsed();
    outbound.transmit(&mut segments);
    black_box(segments);
    spent.subsec_nanos()
}

fn best(batch: impl Fn() -> u32) -> f64 {
    let best = (0..ROUNDS).map(|_| batch()).min().unwrap_or(0);
    f64::from(best) / f64::from(BATCH)
}
