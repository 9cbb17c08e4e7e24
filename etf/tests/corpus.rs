//! Every term that fuzzing starts from: its prefixes, and its mutations as `validate` sees them.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod common;

use std::sync::Arc;

use erland_etf::{
    AtomTable, DecodeError, DecodeErrorKind, Limits, RawTerm, Reader, atom, from_slice,
};

use common::corpus;

/// Where to cut so many bytes: everywhere if they are few.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len.div_ceil(2000).max(1))
}

#[test]
fn a_prefix_of_a_term_ends_too_early() {
    let mut terms = 0;
    for (name, bytes) in corpus() {
        if from_slice(&bytes).is_err() {
            continue;
        }
        // Without what follows the term. A reader knows no compressed terms; they have tests of
        // their own.
        let Ok(term) = Reader::new(&bytes[1..]).skip() else {
            assert_eq!(bytes[1], b'P', "{name}");
            continue;
        };
        terms += 1;
        let len = 1 + term.len();
        for cut in cuts(len) {
            let error = from_slice(&bytes[..cut]).unwrap_err();
            assert!(
                error.is_eof() && !error.is_limit(),
                "{name}: {error} of {cut}"
            );
            assert!(error.offset() <= cut, "{name}: {error} of {cut}");
            if let Some(bare) = bytes[..cut].get(1..) {
                for result in [Reader::new(bare).skip(), Reader::new(bare).validate()] {
                    assert!(result.unwrap_err().is_eof(), "{name}: {cut}");
                }
            }
        }
    }
    assert!(terms > 150, "{terms} terms");
}

// ---- validate ----

/// What decoding and validating make of a bare term: how long it is, or why it is none.
fn verdicts(raw: &RawTerm) -> [Result<usize, DecodeError>; 2] {
    let unlimited = Limits::default().with_max_heap(usize::MAX);
    let mut decoded = raw.reader();
    let mut validated = raw.reader();
    [
        decoded.read_term(&unlimited).map(|_| decoded.position()),
        validated.validate().map(<[u8]>::len),
    ]
}

#[track_caller]
fn verdict(raw: &RawTerm) -> Result<usize, DecodeError> {
    let [decoded, validated] = verdicts(raw);
    assert_eq!(validated, decoded, "{:?}", raw.bytes());
    decoded
}

fn raw(bytes: impl Into<Vec<u8>>) -> RawTerm {
    let atoms = AtomTable::from(vec![atom!("a"), atom!("b")]);
    RawTerm::with_atoms(bytes.into().into(), Arc::new(atoms))
}

/// One map of these keys, with `[]` as every value.
fn map(keys: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![116, 0, 0, 0, keys.len() as u8];
    for key in keys {
        bytes.extend_from_slice(key);
        bytes.push(106);
    }
    bytes
}

#[test]
fn validate_finds_equal_keys_in_every_form() {
    let twice: &[[&[u8]; 2]] = &[
        [&[97, 1], &[98, 0, 0, 0, 1]],
        [&[97, 1], &[110, 3, 0, 1, 0, 0]],
        [&[110, 1, 1, 0], &[97, 0]],
        [&[119, 1, 97], &[82, 0]],
        [&[100, 0, 1, 97], &[118, 0, 1, 97]],
        [&[115, 1, 0xe9], &[119, 2, 0xc3, 0xa9]],
        [&[109, 0, 0, 0, 1, 7], &[77, 0, 0, 0, 1, 8, 7]],
        [&[77, 0, 0, 0, 1, 1, 0xff], &[77, 0, 0, 0, 1, 1, 0x80]],
        [&[107, 0, 1, 7], &[108, 0, 0, 0, 1, 97, 7, 106]],
        [&[106], &[107, 0, 0]],
        [&[106], &[108, 0, 0, 0, 0, 106]],
        [&[97, 7], &[108, 0, 0, 0, 0, 97, 7]],
        [&[104, 1, 106], &[105, 0, 0, 0, 1, 106]],
        [
            &[103, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 3],
            &[88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        ],
        // In another order.
        [
            &[116, 0, 0, 0, 2, 97, 1, 106, 97, 2, 106],
            &[116, 0, 0, 0, 2, 97, 2, 106, 97, 1, 106],
        ],
    ];
    let many: Vec<[u8; 2]> = (0..100).map(|key| [97, key]).collect();
    for pair in twice {
        let is_twice =
            |bytes| verdict(&raw(bytes)).unwrap_err().kind() == DecodeErrorKind::DuplicateKey;
        assert!(is_twice(map(pair)), "{pair:?}");
        // With others around, and inside of other containers.
        let mut keys: Vec<&[u8]> = many.iter().map(|key| &key[..]).collect();
        keys.retain(|key| *key != pair[0] && *key != pair[1]);
        keys.insert(3, pair[1]);
        keys.push(pair[0]);
        assert!(is_twice(map(&keys)), "{pair:?}");
        assert!(is_twice([&[104, 1], &map(pair)[..]].concat()), "{pair:?}");
        assert!(is_twice(map(&[&[97, 255], &map(pair)])), "{pair:?}");
        assert!(is_twice(
            [&[116, 0, 0, 0, 2, 97, 1][..], &map(pair), &[97, 2, 106]].concat()
        ));
        keys.pop();
        assert!(verdict(&raw(map(&keys))).is_ok(), "{pair:?}");
    }
    // Not equal: 1 and 1.0, 0.0 and -0.0.
    let float = |byte| [70, byte, 0xf0, 0, 0, 0, 0, 0, 0];
    let zeros = [
        [70, 0, 0, 0, 0, 0, 0, 0, 0],
        [70, 0x80, 0, 0, 0, 0, 0, 0, 0],
    ];
    assert!(verdict(&raw(map(&[&[97, 1], &float(0x3f)]))).is_ok());
    assert!(verdict(&raw(map(&[&zeros[0], &zeros[1]]))).is_ok());
}

/// What is wrong first is reported, and a map or record is wrong at its end only.
#[test]
fn validate_reports_what_decode_does() {
    let twice = map(&[&[97, 1], &[97, 1]]);
    let kind = |bytes: Vec<u8>| verdict(&raw(bytes)).unwrap_err().kind();
    let value_wrong = [&[116, 0, 0, 0, 2, 97, 1, 106, 97, 1][..], &[255]].concat();
    assert_eq!(kind(value_wrong), DecodeErrorKind::UnknownTag(255));
    assert_eq!(
        kind([&[104, 2], &twice[..], &[255]].concat()),
        DecodeErrorKind::DuplicateKey
    );
    let record =
        |values: &[u8]| [&[67, 0, 0, 0, 2, 1, 82, 0, 82, 0, 82, 1, 82, 1], values].concat();
    assert_eq!(kind(record(&[106, 106])), DecodeErrorKind::DuplicateField);
    assert_eq!(kind(record(&[106, 255])), DecodeErrorKind::UnknownTag(255));
    assert_eq!(
        kind(record(&[&[106], &twice[..]].concat())),
        DecodeErrorKind::DuplicateKey
    );
    // A map as the last key of a map, and as the last value of a record.
    assert_eq!(
        kind(map(&[&[97, 1], &twice])),
        DecodeErrorKind::DuplicateKey
    );
    assert_eq!(
        kind(map(&[&record(&[106, 106]), &[97, 1]])),
        DecodeErrorKind::DuplicateField
    );
}

#[test]
fn validate_and_decode_agree_on_real_and_on_mutated_terms() {
    // xorshift64
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let (mut sound, mut unsound) = (0, 0);
    for (_, bytes) in corpus() {
        if bytes.len() < 2 {
            continue;
        }
        let _ = verdict(&raw(&bytes[1..]));
        for _ in 0..(20_000 / bytes.len()).clamp(4, 200) {
            let mut bytes = bytes[1..].to_vec();
            for _ in 0..1 + random() % 3 {
                let at = random() % bytes.len();
                match random() % 3 {
                    0 => bytes[at] = random() as u8,
                    1 => bytes[at] ^= 1 << (random() % 8),
                    // A part of it once more: keys and names that are equal.
                    _ => {
                        let from = random() % bytes.len();
                        let len = (1 + random() % 16).min(bytes.len() - from.max(at));
                        bytes.copy_within(from..from + len, at);
                    }
                }
            }
            match verdict(&raw(bytes)) {
                Ok(_) => sound += 1,
                Err(_) => unsound += 1,
            }
        }
    }
    assert!(sound > 5_000 && unsound > 5_000, "{sound} {unsound}");
}
