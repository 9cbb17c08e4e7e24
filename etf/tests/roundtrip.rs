//! Whatever is encoded decodes to the same, from any part of the crate's two ways in and two ways
//! out; whatever is cut short is known to be cut short.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod arbitrary;

use std::sync::Arc;

use arbitrary::{config, term};
use bytes::{Bytes, BytesMut};
use erland_etf::{
    Atom, AtomTable, Limits, RawTerm, Reader, Term, Token, from_bytes, from_slice, to_vec,
};
use proptest::prelude::*;

/// One of the node names of the generated terms, and how it is encoded.
const NODE: &str = "a_long_name@example.org";

fn encoded_node() -> Vec<u8> {
    [&[119, NODE.len() as u8], NODE.as_bytes()].concat()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut rest = bytes;
    let mut result = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            result.extend_from_slice(to);
            rest = after;
        } else {
            result.push(*first);
            rest = after;
        }
    }
    result
}

proptest! {
    #![proptest_config(config(250))]

    #[test]
    fn decoding_reverses_encoding(term in term()) {
        let bytes = to_vec(&term).unwrap();
        let copied = from_slice(&bytes).unwrap();
        prop_assert_eq!(&copied, &term);
        let bytes = Bytes::from(bytes);
        let sliced = from_bytes(&bytes).unwrap();
        prop_assert_eq!(&sliced, &term);
        prop_assert_eq!(to_vec(&sliced).unwrap(), bytes);
    }

    #[test]
    fn the_announced_length_is_written(term in term()) {
        let mut out = BytesMut::new();
        term.encode(&mut out).unwrap();
        prop_assert_eq!(out.len(), term.encoded_len().unwrap());
    }

    /// Every prefix, so that a reader of a stream knows that there is more to wait for.
    #[test]
    fn a_strict_prefix_ends_too_early(term in term()) {
        let bytes = to_vec(&term).unwrap();
        for len in 0..bytes.len() {
            let prefix = &bytes[..len];
            let error = from_slice(prefix).unwrap_err();
            prop_assert!(error.is_eof(), "{error}: {prefix:?}");
            prop_assert!(error.offset() <= len);
            if len > 0 {
                prop_assert!(Reader::new(&prefix[1..]).skip().unwrap_err().is_eof());
            }
        }
    }

    /// Decoding, skipping and tokens end at the same byte, and what follows does not matter.
    #[test]
    fn every_way_through_ends_at_the_same_byte(term in term(), behind in prop::collection::vec(any::<u8>(), 0..9)) {
        let mut out = BytesMut::new();
        term.encode(&mut out).unwrap();
        let len = out.len();
        out.extend_from_slice(&behind);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.skip(), Ok(&out[..len]));
        prop_assert_eq!(reader.position(), len);
        prop_assert_eq!(reader.remaining(), &behind[..]);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.read_term(&Limits::default()), Ok(term));
        prop_assert_eq!(reader.position(), len);
        prop_assert_eq!(RawTerm::new(out.freeze()).validate(), Ok(()));
    }

    /// What a header says is what follows.
    #[test]
    fn headers_count_what_follows(term in term()) {
        let mut out = BytesMut::new();
        term.encode(&mut out).unwrap();
        let mut reader = Reader::new(&out);
        let mut owed = 1_u64;
        while owed > 0 {
            owed -= 1;
            owed += match reader.next_token().unwrap() {
                Token::Tuple(len) => u64::from(len),
                Token::List(len) => u64::from(len) + 1,
                Token::Map(len) => 2 * u64::from(len),
                Token::Fun(fun) => u64::from(fun.free),
                Token::Record(record) => {
                    prop_assert_eq!(record.names().count(), record.len as usize);
                    u64::from(record.len)
                }
                _ => 0,
            };
        }
        prop_assert!(reader.remaining().is_empty());
    }

    /// A term that refers to its message's atoms reads the same, and passed on it refers to none.
    #[test]
    fn cache_references_are_resolved(term in term()) {
        let mut plain = BytesMut::new();
        term.encode(&mut plain).unwrap();
        let cached = replace(&plain, &encoded_node(), &[82, 1]);
        let atoms = vec![Atom::new("unused").unwrap(), Atom::new(NODE).unwrap()];
        let atoms = Arc::new(AtomTable::from(atoms));
        let raw = RawTerm::with_atoms(cached.clone().into(), atoms);
        prop_assert_eq!(raw.to_term(), Ok(term));
        prop_assert_eq!(raw.validate(), Ok(()));
        let mut copy = BytesMut::new();
        raw.encode_into(&mut copy).unwrap();
        prop_assert_eq!(&copy, &plain);
        // Without the atoms, or with too few, there is nothing to resolve them to.
        if cached != plain {
            prop_assert!(RawTerm::new(cached.into()).validate().is_err());
        }
    }

    /// Corrupt bytes: no panic, and all ways agree on whether they are a term.
    #[test]
    fn corrupt_bytes_are_refused_by_all_or_none(
        term in term(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = to_vec(&term).unwrap();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        agree(&bytes)?;
    }

    /// The same for what never was a term, with tags in it.
    #[test]
    fn random_bytes_are_refused_by_all_or_none(
        tags in prop::collection::vec(prop_oneof![67_u8..122, 0_u8..4, any::<u8>()], 0..60),
    ) {
        agree(&[&[131], &tags[..]].concat())?;
    }
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let copied = from_slice(bytes);
    let shared = Bytes::copy_from_slice(bytes);
    prop_assert_eq!(&from_bytes(&shared), &copied);
    if !bytes.starts_with(&[131]) || bytes.starts_with(&[131, 80]) {
        return Ok(());
    }
    let raw = RawTerm::new(shared.slice(1..));
    prop_assert_eq!(raw.validate().is_ok(), copied.is_ok());
    let mut copy = BytesMut::new();
    let copy_result = raw.encode_into(&mut copy);
    let Ok(term) = copied else {
        // Duplicates are not looked for when a term is passed on.
        prop_assert!(copy_result.is_ok() || copy.is_empty());
        return Ok(());
    };
    prop_assert_eq!(copy_result, Ok(()));
    prop_assert_eq!(RawTerm::new(copy.freeze()).to_term(), Ok(term.clone()));
    // What a peer sent can be sent back.
    prop_assert_eq!(from_slice(&to_vec(&term).unwrap()), Ok(term));
    Ok(())
}

/// Boxes and slices of the border sizes.
#[test]
fn large_binaries_are_slices_and_small_ones_copies() {
    for len in [0, 1, 14, 15, 63, 64, 65, 70_000] {
        let bytes = Bytes::from(to_vec(&Term::binary(vec![7; len])).unwrap());
        let term = from_bytes(&bytes).unwrap();
        let binary = term.as_binary().unwrap();
        assert_eq!(binary, vec![7; len]);
        let inside = bytes.as_ptr_range().contains(&binary.as_ptr());
        assert_eq!(inside, len >= 64, "{len}");
        let term = from_slice(&bytes).unwrap();
        let binary = term.as_binary().unwrap();
        assert!(!bytes.as_ptr_range().contains(&binary.as_ptr()));
    }
}
