//! What a decoded term costs: how many allocations, and how many bytes are held until it is dropped.
//! Every message pays these; raising one needs a reason.

#![cfg(target_pointer_width = "64")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use allocation_counter::measure;
use bytes::Bytes;
use erland_etf::{
    Atom, Binary, Float, NodeId, Pid, Record, Reference, Term, atom, from_bytes, term, to_vec,
};
use num_bigint::BigInt;

/// At most so many allocations in all, and so many bytes held.
#[track_caller]
fn costs(name: &str, allocations: u64, bytes: i64, term: impl Into<Term>) {
    let term = term.into();
    let input = Bytes::from(to_vec(&term).unwrap());
    // Shared already, so that the first slice of it does not count.
    let _shared = input.clone();
    let mut decoded = None;
    let taken = measure(|| decoded = Some(from_bytes(&input).unwrap()));
    assert_eq!(decoded.as_ref(), Some(&term), "{name}");
    let (count, held) = (taken.count_total, taken.bytes_current);
    assert!(
        count <= allocations && held <= bytes,
        "{name}: {count} allocations, {held} bytes"
    );
    let dropped = measure(|| drop(decoded));
    let left = (
        taken.count_current + dropped.count_current,
        held + dropped.bytes_current,
    );
    assert_eq!(left, (0, 0), "{name}: all is given back");
}

fn node() -> NodeId {
    NodeId::new(atom!("a@b"), 1)
}

fn pid() -> Pid {
    Pid::new(node(), 1, 2)
}

fn reference(word: u32) -> Reference {
    Reference::new(node(), &[word, 1, 2]).unwrap()
}

fn atom_of(len: usize) -> Atom {
    Atom::new(&"a".repeat(len)).unwrap()
}

fn binary_of(len: usize) -> Binary {
    vec![7; len].into()
}

#[test]
fn terms_without_elements() {
    costs("integer", 0, 0, 1);
    costs("integer of 128 bits", 0, 0, u128::MAX);
    costs(
        "negative integer of 128 bits",
        0,
        0,
        -BigInt::from(u128::MAX),
    );
    costs("integer of 129 bits", 2, 56, BigInt::from(1) << 128);
    costs("float", 0, 0, term!(1.5));
    costs("atom of 14 bytes", 0, 0, atom_of(14));
    costs("atom of 15 bytes", 1, 64, atom_of(15));
    costs("atom of 47 bytes", 1, 64, atom_of(47));
    costs("atom of 48 bytes", 2, 80, atom_of(48));
    costs("binary of 14 bytes", 0, 0, binary_of(14));
    costs("binary of 15 bytes", 1, 64, binary_of(15));
    costs("binary of 63 bytes", 2, 111, binary_of(63));
    costs("binary of 64 bytes, a slice", 1, 48, binary_of(64));
    costs("binary of 1 MiB, a slice", 1, 48, binary_of(1 << 20));
    costs("pid", 1, 40, pid());
    costs("reference", 2, 72, reference(1));
    costs("external fun", 1, 88, term!(fun lists:map/2));
    costs("empty containers", 0, 0, term!([]));
    costs("empty containers", 0, 0, term!({}));
    costs("empty containers", 0, 0, term!(#{}));
}

#[test]
fn containers() {
    costs("tuple", 1, 48, term!({a, b}));
    costs("list", 1, 48, term!([a, b]));
    costs("list of 7", 2, 184, term!([a, b, c, d, e, f, g]));
    costs("[Head | Tail]", 1, 48, term!([a | b]));
    costs("improper list", 3, 88, term!([a, b | c]));
    costs("map", 1, 96, term!(#{a => 1, b => 2}));
    costs("string of 14", 0, 0, Term::string(&"a".repeat(14)));
    costs("string of 15", 1, 56, Term::string(&"a".repeat(15)));
    costs("string of 57", 1, 120, Term::string(&"a".repeat(57)));
    costs("string of 121", 1, 32, Term::string(&"a".repeat(121)));
    let record = Record::new(atom!("m"), atom!("r"), true, [(atom!("a"), term!(1))]);
    costs("record", 8, 112, record.unwrap());
    // A pid and a reference of one node share its name.
    let call = term!({(atom!("$gen_call")), {(pid()), [alias | (reference(1))]}, {get, <<"key">>}});
    costs("gen_server call", 8, 288, call);
}

#[test]
fn many_terms() {
    let integers = (0..10_000).map(|value| Term::from(value * 1000));
    costs("10,000 integers", 2, 240_016, Term::list(integers));
    let floats = (0..1000).map(|value| Float::new(f64::from(value)).unwrap().into());
    costs("1,000 floats", 2, 24_016, Term::list(floats));
    let pairs = (0..1000).map(|key| (Term::binary(format!("key{key}")), Term::from(key)));
    costs("map of 1,000", 1, 48_000, Term::map(pairs).unwrap());
    let pairs = (0..5000).map(|word| term!({(pid()), (reference(word))}));
    costs("5,000 {pid, reference}", 10_003, 520_056, Term::list(pairs));
    let deep = (0..1000).fold(term!([]), |inner, _| term!({ (inner) }));
    costs("1,000 tuples in each other", 1007, 24_000, deep);
}
