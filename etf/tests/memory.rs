//! What decoding costs in memory: never more than 64 bytes for a byte of input, whatever the input
//! claims, and nothing at all where nothing is needed.
//!
//! The allocator counts for each thread, and the old and the new block while a block grows.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod common;

use std::sync::Arc;

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
#[cfg(feature = "zlib")]
use erland_etf::from_slice_with;
use erland_etf::{
    Atom, AtomTable, Limits, NodeId, Pid, RawTerm, Reader, Reference, Term, Writer, atom,
    from_bytes, to_vec,
};

use common::corpus;

/// How many bytes more than now this takes at its worst.
fn peak<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let mut result = None;
    let taken = measure(|| result = Some(run()));
    (usize::try_from(taken.bytes_max).unwrap(), result.unwrap())
}

const PER_BYTE: usize = 64;

/// Roughly the size of each input.
const LEN: usize = 1 << 17;

fn list(len: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(len).unwrap().to_be_bytes();
    [108, a, b, c, d]
}

/// A list of as many of these terms as fit.
fn list_of(element: &[u8]) -> Vec<u8> {
    let len = LEN / element.len();
    [&list(len), &element.repeat(len)[..], &[106]].concat()
}

/// Headers, each of which claims a part of what is left to claim.
fn bomb(header: impl Fn(usize) -> Vec<u8>, claim: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = 1 << 20;
    loop {
        let next = header(claim(left));
        if left <= next.len() {
            return bytes;
        }
        left -= next.len();
        bytes.extend(next);
    }
}

fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let map = |len: usize| [&[116], &list(len)[1..]].concat();
    let tuple = |len: usize| [&[105], &list(len)[1..]].concat();
    let record = |len: usize| [&[67], &list(len)[1..], &[1, 82, 0, 82, 0]].concat();
    let all = |left: usize| left.saturating_sub(6);
    let nils = vec![106; LEN];
    let names: Vec<u8> = (0..100).flat_map(|index| [82, index]).collect();
    vec![
        (
            "list of 4 billion",
            [&list(u32::MAX as usize)[..], &[106]].concat(),
        ),
        (
            "each list claims the rest",
            bomb(|len| list(len).to_vec(), all),
        ),
        (
            "each list claims half the rest",
            bomb(|len| list(len).to_vec(), |left| left / 2),
        ),
        (
            "each tuple claims the rest",
            bomb(tuple, |left| all(left).min((1 << 24) - 1)),
        ),
        ("each map claims the rest", bomb(map, |left| all(left) / 2)),
        ("each map claims half the rest", bomb(map, |left| left / 4)),
        ("each record claims the rest", bomb(record, |left| left / 3)),
        (
            "list of a thousandth, nested",
            bomb(|len| list(len).to_vec(), |left| left / 1000),
        ),
        ("tuples of one, open", [104, 1].repeat(LEN / 2)),
        (
            "tuples of one, no longer open",
            [&[104, 1].repeat(LEN / 2)[..], &[106]].concat(),
        ),
        // The stack of open containers has just doubled.
        (
            "one tuple of one too many, open",
            [104, 1].repeat(LEN / 2 + 2),
        ),
        ("tuples of two, open", [104, 2].repeat(LEN / 2)),
        ("lists of one, open", list(1).repeat(LEN / 5)),
        ("maps of one, open", map(1).repeat(LEN / 5)),
        (
            "maps of one, open at the value",
            [&map(1)[..], &[106]].concat().repeat(LEN / 6),
        ),
        (
            "a list that goes on in its tail",
            [&list(LEN)[..], &nils, &list(1), &[106, 106]].concat(),
        ),
        (
            "a list in many parts",
            [[&list(1)[..], &[106]].concat().repeat(LEN / 6), vec![106]].concat(),
        ),
        (
            "a list in parts of ten",
            [
                [&list(10)[..], &[106; 10]].concat().repeat(LEN / 15),
                vec![106],
            ]
            .concat(),
        ),
        (
            "a list with bytes as tail",
            [&list(LEN)[..], &nils, &[107, 255, 255], &nils[..65_535]].concat(),
        ),
        (
            "an improper list",
            [&list(LEN)[..], &nils, &[97, 1]].concat(),
        ),
        ("a tuple", [&tuple(LEN)[..], &nils].concat()),
        ("a map with one key", [&map(LEN / 2)[..], &nils].concat()),
        ("nils", list_of(&[106])),
        ("atoms of the message", list_of(&[82, 0])),
        ("atoms", list_of(&[119, 0])),
        (
            "long atoms",
            list_of(&[&[119, 15][..], &[b'a'; 15]].concat()),
        ),
        (
            "longer atoms",
            list_of(&[&[119, 40][..], &[b'a'; 40]].concat()),
        ),
        (
            "latin1 atoms",
            list_of(&[&[115, 15][..], &[0xe9; 15]].concat()),
        ),
        ("empty binaries", list_of(&[109, 0, 0, 0, 0])),
        (
            "binaries",
            list_of(&[&[109, 0, 0, 0, 15][..], &[7; 15]].concat()),
        ),
        (
            "sliced binaries",
            list_of(&[&[109, 0, 0, 0, 64][..], &[7; 64]].concat()),
        ),
        ("bit strings", list_of(&[77, 0, 0, 0, 1, 1, 128])),
        (
            "long bit strings",
            list_of(&[&[77, 0, 0, 0, 15, 1][..], &[255; 15]].concat()),
        ),
        ("strings", list_of(&[107, 0, 1, 1])),
        (
            "large integers",
            list_of(&[&[110, 17, 0][..], &[7; 17]].concat()),
        ),
        (
            "pids of two nodes",
            list_of(
                &[
                    88, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 88, 82, 0, 0, 0, 0, 0, 0, 0, 0,
                    0, 0, 0, 0, 2,
                ][..15],
            ),
        ),
        (
            "old pids of two nodes",
            list_of(&[
                104, 2, 103, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 103, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                2,
            ]),
        ),
        (
            "references of two nodes",
            list_of(&[
                104, 2, 90, 0, 0, 82, 0, 0, 0, 0, 1, 90, 0, 0, 82, 0, 0, 0, 0, 2,
            ]),
        ),
        (
            "ports of two nodes",
            list_of(&[104, 2, 102, 82, 0, 0, 0, 0, 0, 1, 102, 82, 0, 0, 0, 0, 0, 2]),
        ),
        ("exports", list_of(&[113, 82, 0, 82, 0, 97, 0])),
        ("empty records", list_of(&[67, 0, 0, 0, 0, 0, 82, 0, 82, 0])),
        (
            "records",
            list_of(&[&record(100)[..], &names, &[106; 100]].concat()),
        ),
        (
            "funs",
            list_of(&[
                112, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 82, 0, 97, 1, 97, 2, 103, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ]),
        ),
        (
            "funs in funs",
            [
                112, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 1, 82, 0, 97, 1, 97, 2, 103, 82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ]
            .repeat(LEN / 48),
        ),
        ("local", list_of(&[121, 0, 0, 0, 0, 106])),
        ("maps", list_of(&[116, 0, 0, 0, 1, 106, 106])),
        (
            "empty tuples and maps",
            list_of(&[104, 2, 104, 0, 116, 0, 0, 0, 0]),
        ),
    ]
}

fn atom_table() -> Arc<AtomTable> {
    let atoms = (0..=255).map(|index: u8| Atom::new(&index.to_string()).unwrap());
    Arc::new(atoms.collect::<Vec<_>>().into())
}

#[test]
fn never_more_than_64_bytes_for_one() {
    let atoms = atom_table();
    let unlimited = Limits::default().with_max_heap(usize::MAX);
    let made = inputs()
        .into_iter()
        .map(|(name, bytes)| (name.into(), bytes));
    // Without the version byte.
    let real = corpus().into_iter().filter(|(_, bytes)| !bytes.is_empty());
    let real = real.map(|(name, bytes)| (name, bytes[1..].to_vec()));
    for (name, bytes) in made.chain(real) {
        let most = bytes.len() * PER_BYTE;
        let raw = RawTerm::with_atoms(bytes.into(), Arc::clone(&atoms));
        let (copied, _) = peak(|| {
            let mut reader = Reader::new(raw.bytes()).with_atoms(raw.atoms());
            reader.read_term(&unlimited).map(drop)
        });
        let (sliced, _) = peak(|| raw.to_term_with(&unlimited).map(drop));
        for bytes in [copied, sliced] {
            assert!(
                bytes <= most,
                "{name}: {} for one",
                bytes / raw.bytes().len()
            );
        }
        let (validated, _) = peak(|| raw.reader().validate().map(drop));
        assert!(
            validated <= copied.max(sliced),
            "{name}: {validated} to validate, {copied} to decode"
        );
        let (skipped, result) = peak(|| raw.reader().skip().map(drop));
        assert_eq!(skipped, 0, "{name}: skipping takes no memory: {result:?}");
    }
}

/// The limit counts terms, not the stack of open containers, which the input bounds; while a list
/// grows or a map is sorted, there is more than in the end.
#[test]
fn max_heap_is_kept() {
    let atoms = atom_table();
    for (name, bytes) in inputs() {
        let stack = bytes.len() * if name.contains("open") { 48 } else { 0 };
        let raw = RawTerm::with_atoms(bytes.into(), Arc::clone(&atoms));
        for max_heap in [0, 1000, 100_000, 1_000_000] {
            let limits = Limits::default().with_max_heap(max_heap);
            let (taken, _) = peak(|| raw.to_term_with(&limits).map(drop));
            assert!(
                taken <= max_heap * 5 / 2 + stack,
                "{name}: {taken} of {max_heap}"
            );
        }
    }
}

/// Terms each kind of which takes memory of its own: what the limit counts for them is what they
/// take, or more.
#[test]
fn a_term_takes_no_more_than_its_limit() {
    let node = |index: u32| NodeId::new(Atom::new(&format!("{index:0255}")).unwrap(), index + 4);
    let bytes = |tag: &[u8], len: usize| [tag, &vec![0xff; len][..]].concat();
    let mut terms = Vec::new();
    for len in [1, 14, 15, 48, 49, 62, 63, 64, 255, 1000] {
        let long = u32::try_from(len).unwrap().to_be_bytes();
        terms.push(bytes(&[&[109], &long[..]].concat(), len));
        terms.push(bytes(&[&[107], &long[2..]].concat(), len));
        terms.push(bytes(&[&[77], &long[..], &[3]].concat(), len));
        if let Ok(len) = u8::try_from(len) {
            terms.push(bytes(&[110, len, 1], len.into()));
            terms.push([&[119, len][..], "a".repeat(len.into()).as_bytes()].concat());
        }
    }
    let tail = |tail: &[u8]| [&list(1)[..], &bytes(&[109, 0, 0, 3, 232], 1000), tail].concat();
    terms.extend([
        tail(&[106]),
        tail(&[97, 1]),
        tail(&[104, 0]),
        tail(&[104, 1, 97, 1]),
    ]);
    terms.push(tail(&[107, 0, 1, 7]));
    for index in 0..6 {
        let mut one = BytesMut::new();
        let mut writer = Writer::new(&mut one);
        writer.tuple_header(2);
        writer.pid(&Pid::new(node(index), 1, 2));
        writer.reference(&Reference::new(node(index + 1), &[1, 2, 3]).unwrap());
        terms.push(one.to_vec());
    }
    // Many of each, and some of all.
    let mut inputs: Vec<Vec<u8>> = terms.iter().map(|term| list_of(term)).collect();
    let all = terms.concat().repeat(20);
    inputs.push([&list(terms.len() * 20)[..], &all, &[106]].concat());
    inputs.extend(terms);
    for bytes in inputs {
        let decode = |max_heap| {
            let limits = Limits::default().with_max_heap(max_heap);
            Reader::new(&bytes).read_term(&limits)
        };
        // The smallest limit with which it is accepted.
        let (mut refused, mut accepted) = (0_usize, 1 << 26);
        while refused + 1 < accepted {
            let max_heap = refused.midpoint(accepted);
            match decode(max_heap) {
                Ok(_) => accepted = max_heap,
                Err(error) => {
                    assert!(error.is_limit(), "{error}");
                    refused = max_heap;
                }
            }
        }
        let mut term = None;
        let taken = measure(|| term = decode(accepted).ok()).bytes_current;
        assert!(term.is_some());
        let start = &bytes[..bytes.len().min(12)];
        assert!(
            usize::try_from(taken).unwrap() <= accepted,
            "{start:?}: {taken} of {accepted}"
        );
    }
}

#[test]
fn pids_of_known_nodes_take_no_memory() {
    let name = "a_rather_long_name@host.example.org";
    let (ours, theirs) = (
        NodeId::new(Atom::new(name).unwrap(), 1),
        NodeId::new(atom!("b@b"), 2),
    );
    let mut bytes = BytesMut::new();
    let mut writer = Writer::new(&mut bytes);
    for index in 0..1000 {
        writer.pid(&Pid::new(ours.clone(), index, 0));
        writer.pid(&Pid::new(theirs.clone(), index, 0));
    }
    let read = |reader: &mut Reader<'_>, count| {
        for _ in 0..count {
            reader.read_pid().unwrap();
        }
    };
    // One node is given, the other one is remembered after its first pid.
    let mut reader = Reader::new(&bytes).with_node(&ours);
    read(&mut reader, 2);
    assert_eq!(peak(|| read(&mut reader, 1998)).0, 0);
    // Even the first pid of the node that is given.
    let mut reader = Reader::new(&bytes).with_node(&ours);
    assert_eq!(peak(|| read(&mut reader, 1)).0, 0);
}

#[test]
fn slices_are_no_copies() {
    let bytes = Bytes::from(to_vec(&Term::binary(vec![7; LEN])).unwrap());
    let (taken, term) = peak(|| from_bytes(&bytes).unwrap());
    assert!(taken < 200, "{taken}");
    assert_eq!(term.as_binary().map(<[u8]>::len), Some(LEN));
}

#[test]
fn encoding_makes_room_once() {
    let term = Term::list((0..10_000).map(|index| Term::tuple([index.into(), atom!("ok").into()])));
    let len = term.encoded_len().unwrap();
    let (taken, bytes) = peak(|| to_vec(&term).unwrap());
    assert_eq!(bytes.len(), len + 1);
    assert_eq!(taken, len + 1);
    let mut out = BytesMut::new();
    let (taken, _) = peak(|| term.encode(&mut out).unwrap());
    assert_eq!(taken, len);
}

/// What a compressed term claims costs nothing, and what comes out of it a few times its size.
#[cfg(feature = "zlib")]
#[test]
fn compressed_terms_take_what_comes_out() {
    let limits = Limits::default().with_max_inflated(usize::MAX);
    let stream = miniz_oxide::deflate::compress_to_vec_zlib(&[106], 9);
    let claims_4_gib = [&[131, 80, 255, 255, 255, 255][..], &stream].concat();
    assert!(claims_4_gib.len() < 20);
    // The tables of the decompressor, and next to nothing more.
    let (tables, result) = peak(|| from_slice_with(&claims_4_gib, &limits));
    assert!(result.is_err());
    assert!(tables < 16 * 1024, "{tables}");
    // A bomb, with the true size and with a larger one.
    let zeros = vec![0; 16 * LEN];
    let plain = to_vec(&Term::binary(&zeros)).unwrap();
    let stream = miniz_oxide::deflate::compress_to_vec_zlib(&plain[1..], 9);
    assert!(plain.len() > 500 * stream.len());
    for size in [plain.len() as u32 - 1, u32::MAX] {
        let bytes = [&[131, 80], &size.to_be_bytes()[..], &stream].concat();
        let (taken, _) = peak(|| from_slice_with(&bytes, &limits).map(drop));
        assert!(taken < 4 * plain.len() + 16 * 1024, "{taken}");
        // Past the limit nothing is made.
        let (taken, result) = peak(|| from_slice_with(&bytes, &limits.with_max_inflated(LEN)));
        assert!(result.unwrap_err().is_limit());
        assert_eq!(taken, 0);
    }
}
