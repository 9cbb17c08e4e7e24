//! Any term, for property tests. Small numbers and few names, so that equal and nearly equal terms
//! turn up often.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use erland_etf::{
    Atom, Binary, BitString, ExportFun, Float, InternalFun, List, Local, Map, NodeId, Pid, Port,
    Record, Reference, Term, Tuple,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};

/// The same cases in every run.
pub(crate) fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(25),
        ..Config::default()
    }
}

pub(crate) fn atom() -> impl Strategy<Value = Atom> {
    let text = prop_oneof![
        4 => "[ab]{0,2}",
        2 => "[a-zA-Z_@ 'é\u{436}\u{1f600}\n]{0,16}",
        1 => "[ab]{14,16}",
        1 => Just("x".repeat(255)),
    ];
    text.prop_map(|text| Atom::new(&text).unwrap())
}

pub(crate) fn integer() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => (-3_i8..4).prop_map(Term::from),
        2 => any::<u8>().prop_map(Term::from),
        1 => any::<i64>().prop_map(Term::from),
        1 => any::<i128>().prop_map(Term::from),
        2 => near_powers(),
    ]
}

/// Around the borders of the representations, and around the floats that have no neighbours.
fn near_powers() -> impl Strategy<Value = Term> {
    let bits = prop::sample::select(std::vec![
        8_u32, 31, 32, 53, 54, 63, 64, 127, 128, 129, 1024
    ]);
    (bits, -1_i8..2, any::<bool>()).prop_map(|(bits, offset, negative)| {
        let value = (num_bigint::BigInt::from(1) << bits) + offset;
        Term::from(if negative { -value } else { value })
    })
}

pub(crate) fn float() -> impl Strategy<Value = Term> {
    let value = prop_oneof![
        4 => (-3_i8..4).prop_map(f64::from),
        1 => Just(-0.0),
        2 => prop::sample::select(std::vec![31, 32, 53, 54, 63, 64, 127, 128, 129, 1023])
            .prop_map(|bits| 2.0_f64.powi(bits)),
        2 => any::<i64>().prop_map(|value| value as f64 / 1000.0),
        1 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ];
    value.prop_map(|value| Float::new(value).unwrap().into())
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(0_u8..3, 0..4),
        1 => vec(any::<u8>(), 0..40),
    ]
}

pub(crate) fn node() -> impl Strategy<Value = NodeId> {
    let name = prop_oneof![
        Just("a@host"),
        Just("b@host"),
        Just("a_long_name@example.org")
    ];
    (name, 1_u32..3).prop_map(|(name, creation)| NodeId::new(Atom::new(name).unwrap(), creation))
}

pub(crate) fn pid() -> impl Strategy<Value = Pid> {
    (node(), 0_u32..3, 0_u32..2).prop_map(|(node, id, serial)| Pid::new(node, id, serial))
}

fn ident() -> impl Strategy<Value = Term> {
    prop_oneof![
        pid().prop_map(Term::from),
        (node(), 0_u64..3).prop_map(|(node, id)| Port::new(node, id).into()),
        (node(), vec(0_u32..3, 0..6))
            .prop_map(|(node, words)| Reference::new(node, &words).unwrap().into()),
    ]
}

/// A term without anything inside that Erlang source can express.
pub(crate) fn literal() -> impl Strategy<Value = Term> {
    prop_oneof![
        4 => integer(),
        3 => float(),
        4 => atom().prop_map(Term::from),
        2 => bytes().prop_map(|bytes| Binary::from(bytes).into()),
        2 => (bytes(), any::<u8>(), 1_u8..8).prop_map(|(mut bytes, last, bits)| {
            bytes.push(last);
            BitString::new(bytes.into(), bits).unwrap().into()
        }),
        2 => bytes().prop_map(|bytes| List::from_bytes(bytes).into()),
        2 => Just(Term::nil()),
        1 => (atom(), atom(), 0_u8..3).prop_map(|(module, function, arity)| {
            ExportFun { module, function, arity }.into()
        }),
    ]
}

fn leaf() -> impl Strategy<Value = Term> {
    prop_oneof![
        8 => literal(),
        2 => ident(),
        // A hash and a small integer, which is as much as it takes to be a term.
        1 => (0_u8..2, 0_u8..3).prop_map(|(hash, value)| {
            Local::new(vec![0, 0, 0, hash, 97, value].into())
                .expect("a hash and a term")
                .into()
        }),
    ]
}

/// Any term that Erlang source can express.
pub(crate) fn source() -> impl Strategy<Value = Term> {
    nested(literal().boxed(), false)
}

/// Any term.
pub(crate) fn term() -> impl Strategy<Value = Term> {
    nested(leaf().boxed(), true)
}

fn nested(leaf: BoxedStrategy<Term>, all: bool) -> impl Strategy<Value = Term> {
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let terms = vec(inner.clone(), 0..4);
        let more = u32::from(all);
        prop_oneof![
            3 => terms.clone().prop_map(|elements| Tuple::from(elements).into()),
            3 => terms.clone().prop_map(|elements| List::from(elements).into()),
            2 => (terms.clone(), inner.clone())
                .prop_map(|(elements, tail)| Term::improper(elements, tail)),
            2 => btree_map(inner.clone(), inner.clone(), 0..4)
                .prop_map(|pairs| Map::from_pairs(pairs.into_iter().collect()).unwrap().into()),
            more => (atom(), any::<bool>(), btree_map(atom(), inner, 0..4)).prop_map(
                |(name, exported, fields)| {
                    let fields = fields.into_iter().rev();
                    Record::new(Atom::new("m").unwrap(), name, exported, fields).unwrap().into()
                }
            ),
            more => (pid(), 0_u32..2, 0_u8..2, terms).prop_map(|(pid, index, uniq, free)| {
                InternalFun {
                    module: Atom::new("m").unwrap(),
                    arity: 0,
                    uniq: [uniq; 16],
                    index,
                    old_index: 0,
                    old_uniq: 5,
                    pid,
                    free: free.into(),
                }
                .into()
            }),
        ]
    })
}
