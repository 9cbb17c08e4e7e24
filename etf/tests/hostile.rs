//! Bytes made to hurt: nesting a million deep, on a thread with a stack of 1 MiB in a debug build,
//! and lengths that promise what does not come.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::thread;

use bytes::BytesMut;
use erland_etf::{Atom, AtomTable, DecodeErrorKind, Limits, RawTerm, Reader, Term, from_slice};

const DEPTH: usize = 1_000_000;

/// One level of nesting: what comes before what is inside, and what comes after.
type Level = (&'static [u8], &'static [u8]);

/// A module, pid and free variable count of one around two small integers: NEW_FUN_EXT.
const FUN: &[u8] = &[
    112, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 82,
    0, 97, 1, 97, 2, 88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4,
];

/// Every container in every position, and an empty list with a tail, which only looks like one.
const LEVELS: [Level; 11] = [
    (&[104, 1], &[]),
    (&[104, 2], &[106]),
    (&[105, 0, 0, 0, 1], &[]),
    (&[108, 0, 0, 0, 1], &[106]),
    (&[108, 0, 0, 0, 1], &[97, 1]),
    (&[108, 0, 0, 0, 1, 97, 1], &[]),
    (&[108, 0, 0, 0, 0], &[]),
    (&[116, 0, 0, 0, 1], &[106]),
    (&[116, 0, 0, 0, 1, 106], &[]),
    (FUN, &[]),
    (&[67, 0, 0, 0, 1, 1, 82, 0, 82, 0, 82, 0], &[]),
];

/// LOCAL_EXT is not opened, but its end must be found; in it no atom is of the message.
const LOCAL_LEVELS: [Level; 3] = [
    (&[121, 0, 0, 0, 0], &[]),
    (&[121, 0, 0, 0, 0, 104, 1], &[]),
    (&[121, 0, 0, 0, 0, 116, 0, 0, 0, 1], &[106]),
];

fn nested(levels: &[Level], depth: usize) -> RawTerm {
    let mut bytes = Vec::new();
    for (before, _) in levels.iter().cycle().take(depth) {
        bytes.extend_from_slice(before);
    }
    bytes.extend_from_slice(&[97, 1]);
    for level in (0..depth).rev() {
        let (_, after) = levels[level % levels.len()];
        bytes.extend_from_slice(after);
    }
    let atoms = AtomTable::from(vec![Atom::new("a").unwrap()]);
    RawTerm::with_atoms(bytes.into(), atoms.into())
}

fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

/// Through everything that reads or writes terms.
fn all_ways(raw: &RawTerm) {
    let unlimited = Limits::default().with_max_heap(usize::MAX);
    assert_eq!(raw.reader().skip().unwrap(), raw.bytes());
    let term = raw.to_term_with(&unlimited).unwrap();
    let _ = term.contains_record();
    let mut encoded = BytesMut::new();
    term.encode(&mut encoded).unwrap();
    let mut passed_on = BytesMut::new();
    raw.encode_into(&mut passed_on).unwrap();
}

/// All kinds in each other.
#[test]
fn nesting_a_million_deep() {
    on_small_stack(|| all_ways(&nested(&LEVELS, DEPTH)));
    on_small_stack(|| all_ways(&nested(&LOCAL_LEVELS, DEPTH)));
}

/// A stack of 1 MiB has 20 bytes for each of these levels, so nothing can recurse.
#[test]
fn nesting_of_each_kind() {
    for level in LEVELS.into_iter().chain(LOCAL_LEVELS) {
        on_small_stack(move || {
            let raw = nested(&[level], 50_000);
            all_ways(&raw);
            assert_eq!(raw.validate(), Ok(()));
            let mut passed_on = BytesMut::new();
            raw.encode_into(&mut passed_on).unwrap();
            assert_eq!(RawTerm::new(passed_on.freeze()).validate(), Ok(()));
        });
    }
}

/// What is inside of a term that is not opened must still be walked.
#[test]
fn wrapped_fields() {
    on_small_stack(|| {
        // fun a:b/2 with the arity as the tail of a million empty lists.
        let arity = [108, 0, 0, 0, 0].repeat(DEPTH);
        let bytes = [&[131, 113, 119, 1, 97, 119, 1, 98], &arity[..], &[97, 2]].concat();
        assert_eq!(from_slice(&bytes).unwrap().to_string(), "fun a:b/2");
        // The old index of a fun being a fun, and so on.
        let open = [&FUN[..30], &[119, 1, 97]].concat();
        let bytes = [&[131], &open.repeat(50_000)[..]].concat();
        let error = from_slice(&bytes).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Fun);
    });
}

/// A chain of lists, each the tail of the one before, is one list, built in linear time.
#[test]
fn a_list_in_a_million_parts() {
    let mut bytes = vec![131];
    bytes.extend([108, 0, 0, 0, 1, 97, 1].repeat(DEPTH));
    bytes.extend([107, 0, 2, 8, 9]);
    let list = from_slice(&bytes).unwrap();
    let list = list.as_list().unwrap();
    assert!(list.is_proper());
    assert_eq!(list.len(), DEPTH + 2);
    assert_eq!(list.iter().next_back(), Some(&Term::from(9)));
}

// ---- lengths ----

fn kind(bytes: &[u8]) -> DecodeErrorKind {
    let skipped = Reader::new(&bytes[1..]).skip().unwrap_err();
    let error = from_slice(bytes).unwrap_err();
    assert_eq!(error.kind(), skipped.kind());
    error.kind()
}

#[test]
fn promises_of_four_billion() {
    for tag in [108, 109, 111, 116, 105, 77, 67] {
        let error = kind(&[131, tag, 255, 255, 255, 255]);
        assert!(
            matches!(
                error,
                DecodeErrorKind::Eof
                    | DecodeErrorKind::IntegerTooLarge(_)
                    | DecodeErrorKind::MapTooLarge(_)
                    | DecodeErrorKind::TupleTooLarge(_)
            ),
            "{tag}: {error}"
        );
    }
    // The most that a tuple, a map and an integer may promise.
    assert_eq!(kind(&[131, 105, 0, 255, 255, 255]), DecodeErrorKind::Eof);
    assert_eq!(kind(&[131, 116, 127, 255, 255, 255]), DecodeErrorKind::Eof);
    assert_eq!(kind(&[131, 111, 0, 7, 255, 248]), DecodeErrorKind::Eof);
}

/// One header alone may promise what is there; two together may not promise it twice.
#[test]
fn what_is_owed_is_owed_by_all_together() {
    let list = |len: u8| [108, 0, 0, 0, len];
    // 20 bytes follow the second header. Both lists owe them: 10 and 9, and a tail each.
    let fits = [&[131], &list(11)[..], &list(8), &[106; 9], &[106; 11]].concat();
    assert!(from_slice(&fits).is_ok());
    let twice = [&[131], &list(11)[..], &list(9), &[106; 20]].concat();
    assert_eq!(from_slice(&twice).unwrap_err().offset(), 6);
}

#[test]
fn heap_limit() {
    let limit = |bytes: &[u8], max_heap| {
        let limits = Limits::default().with_max_heap(max_heap);
        Reader::new(bytes).read_term(&limits).map(drop)
    };
    let tuple = [&[104, 100], &[106; 100][..]].concat();
    assert!(limit(&tuple, 2399).unwrap_err().is_limit());
    assert_eq!(limit(&tuple, 2400), Ok(()));
    let binary = [&[109, 0, 0, 1, 0], &[7; 256][..]].concat();
    assert!(limit(&binary, 256).unwrap_err().is_limit());
    assert_eq!(limit(&binary, 512), Ok(()));
    // What takes no memory needs none.
    assert_eq!(limit(&[97, 1], 0), Ok(()));
    assert_eq!(limit(&[119, 2, b'o', b'k'], 0), Ok(()));
}
