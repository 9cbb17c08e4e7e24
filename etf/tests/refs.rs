//! Terms whose atoms are references to the header of their message.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use bytes::BytesMut;
use erland_etf::{
    Atom, AtomRefs, AtomTable, MessageAtoms, NodeId, Pid, Port, RawTerm, RefWriter, Reference,
    Term, Writer, atom, term,
};

/// The bytes with references, and the atoms these mean.
fn referring(term: &Term) -> (BytesMut, Vec<Atom>) {
    let (mut atoms, mut bytes) = (MessageAtoms::default(), BytesMut::new());
    term.encode_with(&mut atoms, &mut bytes).unwrap();
    (bytes, atoms.into_vec())
}

/// Reads back what was written with references; returns how many there are.
fn round_trip(term: &Term) -> usize {
    let (bytes, atoms) = referring(term);
    let count = atoms.len();
    let raw = RawTerm::with_atoms(bytes.freeze(), Arc::new(AtomTable::from(atoms)));
    assert_eq!(raw.to_term().unwrap(), *term);
    raw.validate().unwrap();
    // And without references it is what the plain writer writes.
    let (mut rewritten, mut plain) = (BytesMut::new(), BytesMut::new());
    raw.encode_into(&mut rewritten).unwrap();
    term.encode(&mut plain).unwrap();
    assert_eq!(rewritten, plain);
    count
}

fn node() -> NodeId {
    NodeId::new(atom!("some_node@some.host.example"), 7)
}

#[test]
fn identifiers_refer_to_their_nodes() {
    let pid = Pid::new(node(), 1, 2);
    let reference = Reference::new(node(), &[1, 2, 3, 4, 5]).unwrap();
    let term = Term::tuple([Term::from(pid), Term::from(reference), term!(ok)]);
    assert_eq!(round_trip(&term), 2);
    let (bytes, _) = referring(&term);
    assert_eq!(bytes[..5], [104, 3, 88, 82, 0]);
    assert_eq!(bytes[17..22], [90, 0, 5, 82, 0]);
}

/// These are rare enough to be left as they are.
#[test]
fn ports_are_written_in_full() {
    let term = Term::tuple([Term::from(Port::new(node(), 3)), term!(ok)]);
    assert_eq!(round_trip(&term), 1);
}

#[test]
fn every_container_is_walked() {
    let term = term!({
        ok, [error, ok, [ok | improper]],
        #{key => value, {ok, 1} => [#{error => 1.5}]},
        "", "", [1, 2, 3], a_name_of_more_than_fourteen_bytes
    });
    assert_eq!(round_trip(&term), 6);
}

#[test]
fn as_many_as_a_header_can_list() {
    for count in [1, 7, 8, 9, 10, 254, 255, 256, 257, 1000] {
        let atoms = (0..count).map(|number| Atom::new(&format!("atom_{number}")).unwrap());
        let atoms: Vec<Term> = atoms.map(Term::from).collect();
        // Twice, so that all are looked up again.
        let term = Term::list(atoms.iter().chain(&atoms).cloned());
        assert_eq!(round_trip(&term), count.min(255), "{count}");
    }
}

#[test]
fn names_of_the_same_text_are_one() {
    const STATIC: Atom = atom!("a_name_of_more_than_fourteen_bytes");
    let owned = Atom::new(STATIC.as_str()).unwrap();
    assert_eq!(owned.quick_hash(), STATIC.quick_hash());
    let many = (0..20).map(|number| Term::from(Atom::new(&format!("a{number}")).unwrap()));
    let same = [Term::from(STATIC), Term::from(owned)];
    let (_, atoms) = referring(&Term::list(
        same.iter().cloned().chain(many).chain(same.clone()),
    ));
    assert_eq!(atoms.len(), 21);
}

#[test]
fn hashes_are_spread() {
    let mut hashes: Vec<u32> = (0..2000)
        .map(|number| Atom::new(&format!("atom_{number}")).unwrap().quick_hash() % 4096)
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    // So many of 4,096 are expected of 2,000 thrown at random: 1,580.
    assert!(hashes.len() > 1450, "{}", hashes.len());
}

/// Nobody has a position: the writer is the plain one.
#[test]
fn without_positions_atoms_are_written_in_full() {
    struct Nowhere;
    impl AtomRefs for Nowhere {
        fn position(&mut self, _: &Atom) -> Option<u8> {
            None
        }
    }
    let term = term!({ok, [error]});
    let mut nowhere = Nowhere;
    let (mut with, mut plain) = (BytesMut::new(), BytesMut::new());
    term.encode_with(&mut nowhere, &mut with).unwrap();
    term.encode(&mut plain).unwrap();
    assert_eq!(with, plain);

    let pid = Pid::new(node(), 1, 2);
    let (mut with, mut plain) = (BytesMut::new(), BytesMut::new());
    let mut writer = RefWriter::new(&mut with, &mut nowhere);
    writer.tuple_header(3);
    writer.integer(300);
    writer.pid(&pid);
    writer.term(&term).unwrap();
    let mut writer = Writer::new(&mut plain);
    writer.tuple_header(3);
    writer.integer(300);
    writer.pid(&pid);
    writer.term(&term).unwrap();
    assert_eq!(with, plain);
}

#[test]
fn atoms_are_forgotten_for_the_next_message() {
    let mut atoms = MessageAtoms::default();
    for _ in 0..3 {
        for number in 0..20 {
            let atom = Atom::new(&format!("atom_{number}")).unwrap();
            assert_eq!(atoms.position(&atom), Some(number));
        }
        atoms.clear();
        assert!(atoms.as_slice().is_empty());
    }
}
