//! A term nested a million deep, in each way that terms nest, through everything that can be done
//! with a term: in a debug build on a thread with a stack of 1 MiB, which has a byte for each level.
//!
//! `deep.rs` and `hostile.rs` nest every kind in every other.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};
use std::thread;

use bytes::{Bytes, BytesMut};
use erland_etf::{Limits, RawTerm, Reader, Term};

const DEPTH: usize = 1_000_000;

/// What comes before what is inside, and what comes after.
fn nested(before: &[u8], after: &[u8]) -> Bytes {
    [&before.repeat(DEPTH), &[106][..], &after.repeat(DEPTH)]
        .concat()
        .into()
}

fn everything(bytes: Bytes) {
    let body = move || {
        let raw = RawTerm::new(bytes.clone());
        assert_eq!(Reader::new(&bytes).skip().unwrap().len(), bytes.len());
        assert_eq!(Reader::new(&bytes).validate().unwrap().len(), bytes.len());
        let unlimited = Limits::default().with_max_heap(usize::MAX);
        let term = raw.to_term_with(&unlimited).unwrap();

        let mut encoded = BytesMut::new();
        term.encode(&mut encoded).unwrap();
        assert_eq!(term.encoded_len(), Ok(encoded.len()));
        assert!(encoded == bytes);
        drop(encoded);
        let mut passed_on = BytesMut::new();
        raw.encode_into(&mut passed_on).unwrap();
        assert!(passed_on == bytes);
        drop((passed_on, raw, bytes));

        let clone = term.clone();
        assert!(clone == term);
        assert_eq!(clone.cmp(&term), Ordering::Equal);
        assert_eq!(clone.standard_cmp(&term), Ordering::Equal);
        assert!(clone.loosely_equal(&term));
        let state = RandomState::new();
        assert_eq!(state.hash_one(&clone), state.hash_one(&term));
        assert_eq!(clone.phash2(), term.phash2());
        assert!(!term.contains_record());
        drop(clone);

        print(&term);
        drop(term);
    };
    let thread = thread::Builder::new().stack_size(1 << 20);
    thread.spawn(body).unwrap().join().unwrap();
}

fn print(term: &Term) {
    let debug = format!("{term:?}");
    let text = term.to_string();
    assert_eq!(text, debug);
    if term.as_fun().is_some() {
        // Its text leaves out its variables, and Erlang does not read it either.
        assert!(text.parse::<Term>().is_err());
    } else {
        assert!(text.len() > 2 * DEPTH);
        assert!(text.parse::<Term>().unwrap() == *term);
    }
}

#[test]
fn tuples() {
    everything(nested(&[104, 1], &[]));
}

#[test]
fn lists() {
    everything(nested(&[108, 0, 0, 0, 1], &[106]));
}

/// `[1 | {[1 | {...}]}]`: a tail that is a list is no nesting.
#[test]
fn improper_tails() {
    everything(nested(&[108, 0, 0, 0, 1, 97, 1, 104, 1], &[]));
}

#[test]
fn map_keys() {
    everything(nested(&[116, 0, 0, 0, 1], &[106]));
}

#[test]
fn map_values() {
    everything(nested(&[116, 0, 0, 0, 1, 106], &[]));
}

/// The size in front of each fun counts all that is inside of it.
#[test]
fn fun_variables() {
    // Behind the size: arity, digest, index, one variable; module, old index and uniq, creator.
    let header = [
        &[1][..],
        &[7; 16],
        &[0, 0, 0, 5, 0, 0, 0, 1],
        &[119, 1, b'm', 97, 1, 97, 2],
        &[
            88, 119, 3, b'a', b'@', b'b', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4,
        ],
    ]
    .concat();
    let mut bytes = Vec::new();
    for level in (0..DEPTH).rev() {
        let inside = 1 + level * (5 + header.len());
        let size = u32::try_from(4 + header.len() + inside).unwrap();
        bytes.push(112);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&header);
    }
    bytes.push(106);
    everything(bytes.into());
}
