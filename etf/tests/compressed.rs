//! Compressed terms: what goes in comes out, nothing is reserved by claim, and a part is always
//! taken for a part.

#![cfg(feature = "zlib")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod arbitrary;

use std::thread;

use arbitrary::{config, term};
use bytes::Bytes;
use erland_etf::DecodeErrorKind as Kind;
use erland_etf::{EncodeOptions, Limits, Term, from_bytes, from_slice, from_slice_with, to_vec};
use proptest::prelude::*;

fn compressed(term: &Term) -> Vec<u8> {
    EncodeOptions::new().compressed(6).to_vec(term).unwrap()
}

/// A compressed form made of these bytes, which claims `size`.
fn forged(bytes: &[u8], size: u32) -> Vec<u8> {
    let stream = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
    [&[131, 80], &size.to_be_bytes()[..], &stream].concat()
}

#[test]
fn the_form_that_is_no_longer_is_taken() {
    let long = Term::binary([1; 100]);
    let short = compressed(&long);
    assert_eq!(short[..6], [131, 80, 0, 0, 0, 105]);
    assert!(short.len() < 40);
    assert_eq!(from_slice(&short), Ok(long.clone()));
    // Nothing to gain, and not asked for.
    assert_eq!(compressed(&Term::nil()), [131, 106]);
    let plain = to_vec(&long).unwrap();
    let none = EncodeOptions::new().compressed(0);
    assert_eq!(none.to_vec(&long).as_ref(), Ok(&plain));
    assert_eq!(EncodeOptions::new().to_vec(&long), Ok(plain));
    let [nine, more] = [9, 200].map(|level| EncodeOptions::new().compressed(level));
    assert_eq!(nine, more);
    // Of growing lists of one byte, each is plain until compressed is not longer.
    let mut seen_compressed = false;
    for len in 0..60 {
        let term = Term::list((0..len).map(|_| Term::from(7)));
        let (plain, short) = (to_vec(&term).unwrap(), compressed(&term));
        assert!(short.len() <= plain.len());
        assert_eq!(from_slice(&short), Ok(term));
        let is_compressed = short[1] == 80;
        assert!(is_compressed || !seen_compressed, "at {len}");
        seen_compressed = is_compressed;
    }
    assert!(seen_compressed);
}

/// `term_to_binary(lists:duplicate(100, a), [compressed])` in OTP 29.
#[test]
fn what_otp_made() {
    let bytes = [
        131, 80, 0, 0, 1, 0x32, 0x78, 0x9c, 0xcb, 0x61, 0x60, 0x60, 0x48, 0x29, 0x67, 0x4c, 0x1c,
        0x45, 0x44, 0xa2, 0x2c, 0x00, 0x2e, 0x3f, 0x55, 0xff,
    ];
    let term = Term::list((0..100).map(|_| Term::atom("a").unwrap()));
    assert_eq!(from_slice(&bytes), Ok(term.clone()));
    assert_eq!(compressed(&term)[..6], bytes[..6]);
}

#[test]
fn every_part_is_a_part() {
    let bytes: Vec<u8> = (0..2000_u32).map(|n| ((n * n) >> 3) as u8).collect();
    let term = Term::from((Term::binary(bytes), Term::binary([0; 3000])));
    for level in 1..=9 {
        let bytes = EncodeOptions::new()
            .compressed(level)
            .to_vec(&term)
            .unwrap();
        assert_eq!(bytes[1], 80);
        for len in 0..bytes.len() {
            assert!(from_slice(&bytes[..len]).unwrap_err().is_eof(), "{len}");
        }
        assert_eq!(from_slice(&bytes).as_ref(), Ok(&term));
    }
}

#[test]
fn offsets_are_those_of_the_plain_form() {
    let error = |plain: &[u8]| {
        let error = from_slice(&forged(&plain[1..], plain.len() as u32 - 1)).unwrap_err();
        (error.kind(), error.offset())
    };
    // {1, NaN}
    let nan = [&[131, 104, 2, 97, 1, 70, 0x7f, 0xf8], &[0; 6][..]].concat();
    assert_eq!(error(&nan), (Kind::Float, 5));
    let plain = from_slice(&nan).unwrap_err();
    assert_eq!((plain.kind(), plain.offset()), (Kind::Float, 5));
    // A tuple without its second element: more input would not help.
    let open = [131, 104, 2, 97, 1];
    assert_eq!(error(&open).0, Kind::CompressedEof);
    assert!(!from_slice(&forged(&open[1..], 4)).unwrap_err().is_eof());
    let size = from_slice(&forged(&[106], 2)).unwrap_err();
    assert_eq!((size.kind(), size.offset()), (Kind::CompressedSize, 1));
}

#[test]
fn the_limit_is_on_what_is_claimed() {
    let term = Term::binary([0; 1000]);
    let bytes = compressed(&term);
    let decode = |max| from_slice_with(&bytes, &Limits::default().with_max_inflated(max));
    assert_eq!(decode(1005), Ok(term));
    let error = decode(1004).unwrap_err();
    assert_eq!(error.kind(), Kind::InflatedLimit);
    assert!(error.is_limit() && !error.is_eof());
    // By default that is 64 MiB.
    let most = 64 << 20;
    assert_eq!(
        from_slice(&forged(&[106], most)).map_err(|error| error.kind()),
        Err(Kind::CompressedSize)
    );
    assert!(
        from_slice(&forged(&[106], most + 1))
            .unwrap_err()
            .is_limit()
    );
    // The limit on memory holds as well.
    let nils = Term::list((0..1000).map(|_| Term::nil()));
    let limits = Limits::default().with_max_heap(1000);
    let error = from_slice_with(&compressed(&nils), &limits).unwrap_err();
    assert_eq!(error.kind(), Kind::HeapLimit);
}

#[test]
fn a_distance_to_before_the_start_is_corrupt() {
    // A fixed block: a match of length 3 at distance 1, with nothing before it.
    let stream = [0x78, 0x9c, 0x03, 0x02, 0x00, 0, 0, 0, 1];
    let bytes = [&[131, 80, 0, 0, 0, 3][..], &stream].concat();
    assert_eq!(
        from_slice(&bytes).map_err(|error| error.kind()),
        Err(Kind::CompressedData)
    );
}

#[test]
fn on_a_small_stack() {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let term = (0..1_000_000).fold(Term::nil(), |inner, _| Term::tuple([inner]));
        let bytes = compressed(&term);
        assert!(bytes.len() < 20_000);
        assert!(from_slice(&bytes).unwrap() == term);
    });
    thread.unwrap().join().unwrap();
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn round_trip(term in term(), level in 0_u8..10) {
        let bytes = EncodeOptions::new().compressed(level).to_vec(&term).unwrap();
        prop_assert_eq!(from_slice(&bytes), Ok(term.clone()));
        prop_assert_eq!(from_bytes(&Bytes::from(bytes)), Ok(term.clone()));
        // Also where it would not have been chosen.
        let plain = to_vec(&term).unwrap();
        let bytes = forged(&plain[1..], plain.len() as u32 - 1);
        prop_assert_eq!(from_slice(&bytes), Ok(term));
    }

    #[test]
    fn any_stream_is_an_error_at_worst(
        size in prop_oneof![0_u32..200, any::<u32>()],
        mut stream in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        if let [first, second, ..] = &mut stream[..] {
            (*first, *second) = (0x78, 0x9c);
        }
        let bytes = [&[131, 80], &size.to_be_bytes()[..], &stream].concat();
        // Nearly no random bytes have the right checksum.
        prop_assert!(from_slice(&bytes).is_err());
    }
}
