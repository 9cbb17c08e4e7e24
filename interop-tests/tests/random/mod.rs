//! Any term, from a seeded generator: of every kind, with the borders of each more often than
//! chance would have them.

#![allow(dead_code, reason = "each test uses a part of it")]

use erland::etf::{ExportFun, InternalFun};
use erland::{
    Atom, BitString, Float, Integer, List, Map, NodeId, Pid, Port, Record, Reference, Term, atom,
};
use erland_dist::testing::Rng;

/// What a term may have inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kinds {
    /// The most fields of a native record; none at all if it is `None`.
    pub(crate) record_fields: Option<u64>,
    /// Whether `-0.0` and `0.0` may both be there. OTP 25 takes them for one key.
    pub(crate) negative_zero: bool,
    /// Whether there are pids, ports and references.
    pub(crate) identifiers: bool,
    /// Whether there are local funs.
    pub(crate) local_funs: bool,
}

/// A term nested up to `depth` times.
pub(crate) fn term(rng: &mut Rng, kinds: Kinds, depth: u32) -> Term {
    if depth == 0 || rng.one_in(3) {
        return leaf(rng, kinds);
    }
    let inside = |rng: &mut Rng, most: u64| -> Vec<Term> {
        let len = if rng.one_in(20) { most * 10 } else { most };
        (0..rng.between(0, len))
            .map(|_| term(rng, kinds, depth - 1))
            .collect()
    };
    match rng.below(9) {
        0 | 1 => Term::tuple(inside(rng, 5)),
        2 => Term::list(inside(rng, 5)),
        3 => {
            let elements = inside(rng, 4);
            Term::improper(elements, leaf(rng, kinds))
        }
        4 | 5 => map(rng, kinds, depth),
        6 => match kinds.record_fields {
            Some(most) => {
                let names = ["", "a", "name", "Ünicode", "\u{436}"];
                let len = rng.between(0, most.min(names.len() as u64));
                let fields: Vec<(Atom, Term)> = names
                    .iter()
                    .take(len as usize)
                    .map(|name| {
                        let name = Atom::new(name).expect("a short name");
                        (name, term(rng, kinds, depth - 1))
                    })
                    .collect();
                let (module, name) = (atom(rng), atom(rng));
                Record::new(module, name, rng.one_in(2), fields)
                    .expect("names that differ")
                    .into()
            }
            None => Term::tuple(inside(rng, 5)),
        },
        7 if kinds.local_funs => {
            let free = inside(rng, 3);
            local_fun(rng, free)
        }
        // Bytes with something else between.
        8 => {
            let elements: Vec<Term> = (0..rng.between(1, 30))
                .map(|_| match rng.below(6) {
                    0 => leaf(rng, kinds),
                    _ => Term::from(rng.next_u64() as u8),
                })
                .collect();
            match rng.below(3) {
                0 => Term::improper(elements, leaf(rng, kinds)),
                _ => Term::list(elements),
            }
        }
        _ => leaf(rng, kinds),
    }
}

fn map(rng: &mut Rng, kinds: Kinds, depth: u32) -> Term {
    // Beyond 32 pairs OTP holds maps in another form.
    let most = if rng.one_in(8) { 80 } else { 6 };
    let mut pairs: Vec<(Term, Term)> = (0..rng.between(0, most))
        .map(|_| (term(rng, kinds, depth - 1), term(rng, kinds, depth - 1)))
        .collect();
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.dedup_by(|(a, _), (b, _)| a == b);
    Map::from_pairs(pairs).expect("keys that differ").into()
}

fn leaf(rng: &mut Rng, kinds: Kinds) -> Term {
    match rng.below(if kinds.identifiers { 16 } else { 12 }) {
        0 | 1 => integer(rng),
        2 | 3 => float(rng, kinds.negative_zero),
        4 | 5 => atom(rng).into(),
        6 => {
            let len = rng.below(40) as usize;
            Term::binary(rng.bytes(len))
        }
        7 => {
            let len = rng.between(1, 30) as usize;
            BitString::new(rng.bytes(len).into(), rng.between(1, 7) as u8)
                .expect("1 to 7 bits of a last byte")
                .into()
        }
        8 | 9 => {
            let len = rng.below(14) as usize;
            List::from_bytes(rng.bytes(len)).into()
        }
        10 => Term::nil(),
        11 => ExportFun {
            module: atom(rng),
            function: atom(rng),
            arity: rng.next_u64() as u8,
        }
        .into(),
        12 => pid(rng).into(),
        13 => {
            let id = rng.next_u64() >> rng.below(64);
            Port::new(node(rng), id).into()
        }
        14 => {
            let words: Vec<u32> = (0..rng.between(1, 5))
                .map(|_| rng.next_u64() as u32)
                .collect();
            Reference::new(node(rng), &words).expect("few words").into()
        }
        _ if kinds.local_funs => local_fun(rng, Vec::new()),
        _ => Term::from(7),
    }
}

fn integer(rng: &mut Rng) -> Term {
    match rng.below(5) {
        0 => Term::from(rng.next_u64() as i8),
        1 => {
            // Around the powers of two.
            let power = 1_i128 << rng.below(126);
            let value = power + i128::from(rng.below(3)) - 1;
            Term::from(if rng.one_in(2) { -value } else { value })
        }
        2 => Term::from((rng.next_u64() >> rng.below(64)).cast_signed()),
        3 => Term::from(
            (rng.next_u64() >> rng.below(64))
                .cast_signed()
                .wrapping_neg(),
        ),
        _ => {
            let len = rng.below(60) as usize;
            Integer::from_le_magnitude(rng.one_in(2), &rng.bytes(len)).into()
        }
    }
}

fn float(rng: &mut Rng, negative_zero: bool) -> Term {
    let value = match rng.below(4) {
        0 => f64::from(rng.next_u64() as i8),
        1 => (rng.next_u64() as i64) as f64 / 1000.0,
        2 if negative_zero => -0.0,
        _ => f64::from_bits(rng.next_u64()),
    };
    let value = if value == 0.0 && !negative_zero {
        0.0
    } else {
        value
    };
    Float::new(value).map_or_else(|| Term::from(1), Term::from)
}

fn atom(rng: &mut Rng) -> Atom {
    let alphabet = [
        "a",
        "b",
        "Z",
        "_",
        "é",
        "ÿ",
        "\u{80}",
        "\u{100}",
        "\u{436}",
        "\u{1f600}",
        "\0",
    ];
    let len = match rng.below(30) {
        0 => 255,
        1 => rng.between(13, 60),
        _ => rng.below(6),
    };
    let mut text = String::new();
    // Of one kind of letter mostly: any alone, Latin-1, or anything.
    let letters = match rng.below(3) {
        0 => &alphabet[..4],
        1 => &alphabet[..7],
        _ => &alphabet[..],
    };
    for _ in 0..len {
        text += rng.pick(letters).unwrap_or("a");
    }
    Atom::new(&text).expect("up to 255 characters")
}

fn node(rng: &mut Rng) -> NodeId {
    let name = rng
        .pick(&[atom!("a@host"), atom!("b@host"), atom!("ж@example.org")])
        .unwrap_or(atom!("c@host"));
    NodeId::new(name, rng.between(4, 6) as u32)
}

fn pid(rng: &mut Rng) -> Pid {
    let (id, serial) = (rng.next_u64() >> rng.below(64), rng.below(3));
    Pid::new(node(rng), id as u32, serial as u32)
}

fn local_fun(rng: &mut Rng, free: Vec<Term>) -> Term {
    // The rest follows from the index and the module, as it does for code that was compiled: a
    // runtime takes two funs that differ in the rest only for one.
    let (module, index) = (atom(rng), rng.below(1 << 20) as u32);
    let mut mixed = Rng::new(u64::from(index) ^ u64::from(module.as_bytes().len() as u32) << 32);
    let mut uniq = [0; 16];
    uniq.copy_from_slice(&mixed.bytes(16));
    InternalFun {
        arity: mixed.next_u64() as u8,
        uniq,
        index,
        old_index: i64::from(index),
        old_uniq: mixed.below(1 << 27).cast_signed(),
        pid: pid(rng),
        free: free.into(),
        module,
    }
    .into()
}
