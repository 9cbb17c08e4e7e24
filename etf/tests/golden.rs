//! Terms and their bytes as OTP 29.1.1 made them (`term_to_binary/1`, releases noted where another
//! one did), run both ways: the bytes decode to the term, the term encodes to the bytes.
//!
//! Bytes that only older releases make are decoded, and encode to the bytes of newer ones.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use bytes::{Bytes, BytesMut};
use erland_etf::{
    Atom, BitString, ExportFun, Float, InternalFun, List, Local, NodeId, Pid, Port, RawTerm,
    Record, Reference, Term, Tuple, atom, from_bytes, from_slice, to_vec,
};
use num_bigint::BigInt;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| *digit != ' ')
        .map(|digit| digit.to_digit(16).unwrap() as u8)
        .collect();
    let (pairs, rest) = digits.as_chunks();
    assert!(rest.is_empty(), "odd number of digits in {text}");
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

fn float(value: f64) -> Term {
    Float::new(value).unwrap().into()
}

fn bits(bytes: &[u8], last_bits: u8) -> Term {
    BitString::new(bytes.into(), last_bits).unwrap().into()
}

fn power(exponent: u32) -> BigInt {
    BigInt::from(1) << exponent
}

fn export(module: Atom, function: Atom, arity: u8) -> Term {
    let fun = ExportFun {
        module,
        function,
        arity,
    };
    fun.into()
}

fn reference(node: &NodeId, words: &[u32]) -> Term {
    Reference::new(node.clone(), words).unwrap().into()
}

/// Bytes with the version, and their term.
struct Vector {
    bytes: Vec<u8>,
    term: Term,
}

fn vector(bytes: &str, term: impl Into<Term>) -> Vector {
    vector_of(hex(bytes), term)
}

fn vector_of(bytes: Vec<u8>, term: impl Into<Term>) -> Vector {
    let term = term.into();
    Vector { bytes, term }
}

/// What OTP 26 to 29 emit, and so does the encoder.
fn emitted() -> Vec<Vector> {
    // pdvec@127.0.0.1
    let node = NodeId::new(atom!("pdvec@127.0.0.1"), 0x6b00_cfca);
    let nodrv = NodeId::new(atom!("pdnr@127.0.0.1"), 0x6b00_d027);
    vec![
        vector("836100", 0),
        vector("8361ff", 255),
        vector("836200000100", 256),
        vector("8362ffffffff", -1),
        vector("83627fffffff", i32::MAX),
        vector("836e040000000080", 1_i64 << 31),
        vector("836280000000", i32::MIN),
        vector("836e040101000080", i64::from(i32::MIN) - 1),
        vector("836e080000000000000000 80", power(63)),
        vector("836e080100000000000000 80", i64::MIN),
        vector("836e08 01 01000000000000 80", -power(63) - 1),
        vector("836e0900000000000000000001", power(64)),
        vector("836e0901000000000000000001", -power(64)),
        vector_of(
            [hex("836eff00"), vec![0; 254], vec![0x80]].concat(),
            power(2039),
        ),
        vector_of(
            [hex("836f0000010000"), vec![0; 255], vec![1]].concat(),
            power(2040),
        ),
        vector("83463ff8000000000000", float(1.5)),
        vector("83460000000000000000", float(0.0)),
        vector("83468000000000000000", float(-0.0)),
        vector("837703666f6f", atom!("foo")),
        vector("837700", atom!("")),
        vector("837702c3a9", atom!("é")),
        vector("837702d0b6", atom!("ж")),
        vector_of(
            [hex("83760104"), "ж".repeat(130).into_bytes()].concat(),
            Atom::new(&"ж".repeat(130)).unwrap(),
        ),
        vector_of(
            [hex("8377ff"), vec![b'a'; 255]].concat(),
            Atom::new(&"a".repeat(255)).unwrap(),
        ),
        vector("836800", Tuple::default()),
        vector("836801770161", (atom!("a"),)),
        vector_of(
            [hex("8368ff"), hex("6101").repeat(255)].concat(),
            Term::tuple((0..255).map(|_| 1.into())),
        ),
        vector_of(
            [hex("836900000100"), hex("6101").repeat(256)].concat(),
            Term::tuple((0..256).map(|_| 1.into())),
        ),
        vector("836a", Term::nil()),
        vector("836b0003616263", Term::string("abc")),
        vector(
            "836b0003616263",
            Term::list([97.into(), 98.into(), 99.into()]),
        ),
        vector(
            "836c00000002610162000001006a",
            Term::list([1.into(), 256.into()]),
        ),
        vector(
            "836c00000001770161770162",
            Term::improper([atom!("a").into()], atom!("b")),
        ),
        vector("836c0000000161016102", Term::improper([1.into()], 2)),
        vector("836c000000016a6a", Term::list([Term::nil()])),
        vector_of(
            [hex("836bffff"), vec![7; 65_535]].concat(),
            List::from_bytes(vec![7; 65_535]),
        ),
        vector_of(
            [hex("836c00010000"), hex("6107").repeat(65_536), hex("6a")].concat(),
            List::from_bytes(vec![7; 65_536]),
        ),
        vector_of(
            [hex("836c00010000"), hex("6107").repeat(65_536), hex("6a")].concat(),
            Term::list((0..65_536).map(|_| 7.into())),
        ),
        vector("836d00000000", Term::binary([])),
        vector("836d00000003010203", Term::binary([1, 2, 3])),
        vector_of(
            [hex("836d00000064"), vec![b'a'; 100]].concat(),
            Term::binary([b'a'; 100]),
        ),
        vector("834d00000002030140", bits(&[1, 0x40], 3)),
        vector("837400000000", Term::map([]).unwrap()),
        vector(
            "8374000000017701616101",
            Term::map([(atom!("a").into(), 1.into())]).unwrap(),
        ),
        // With the option deterministic, which sorts; so does a map here.
        vector(
            "83740000000277016161027701626101",
            Term::map([(atom!("b").into(), 1.into()), (atom!("a").into(), 2.into())]).unwrap(),
        ),
        vector(
            "8358770f7064766563403132372e302e302e310000000a000000006b00cfca",
            Pid::new(node.clone(), 10, 0),
        ),
        vector(
            "835a0003770f7064766563403132372e302e302e316b00cfca00033f71353400015a79606b",
            reference(&node, &[0x0003_3f71, 0x3534_0001, 0x5a79_606b]),
        ),
        // alias()
        vector(
            "835a0005770f7064766563403132372e302e302e316b00cfca00033f75353500015a79606b\
             0000050300000000",
            reference(&node, &[0x0003_3f75, 0x3535_0001, 0x5a79_606b, 0x503, 0]),
        ),
        vector(
            "8378770f7064766563403132372e302e302e3100000000000000006b00cfca",
            Port::new(node.clone(), 0),
        ),
        // fun lists:map/2
        vector(
            "837177056c6973747377036d61706102",
            export(atom!("lists"), atom!("map"), 2),
        ),
        // A fun with one free variable, 5.
        vector(
            "83700000004901acd8d83c82740a59f38621a576ce7ae7000000000000000177046e726563 6100\
             620566c6c158770e70646e72403132372e302e302e3100000000000000006b00d0276105",
            InternalFun {
                module: atom!("nrec"),
                arity: 1,
                uniq: hex("acd8d83c82740a59f38621a576ce7ae7").try_into().unwrap(),
                index: 0,
                old_index: 0,
                old_uniq: 0x0566_c6c1,
                pid: Pid::new(nodrv, 0, 0),
                free: vec![5.into()].into(),
            },
        ),
        // -record #person{name, age=7}, exported
        vector(
            "8343000000020177046e7265637706706572736f6e77046e616d65770361676577036a6f656107",
            Record::new(
                atom!("nrec"),
                atom!("person"),
                true,
                [
                    (atom!("name"), atom!("joe").into()),
                    (atom!("age"), 7.into()),
                ],
            )
            .unwrap(),
        ),
        vector(
            "8343000000010077046e7265637704707269767701786101",
            Record::new(
                atom!("nrec"),
                atom!("priv"),
                false,
                [(atom!("x"), 1.into())],
            )
            .unwrap(),
        ),
        vector(
            "8343000000000077046e7265637705656d707479",
            Record::new(atom!("nrec"), atom!("empty"), false, []).unwrap(),
        ),
        // self() with the option local, then inside a tuple.
        vector(
            "837953d36999586a0000000a0000000000000000",
            Local::new(hex("53d36999586a0000000a0000000000000000").into()).unwrap(),
        ),
        vector(
            "8368027953d36999586a0000000a00000000000000006101",
            (
                Local::new(hex("53d36999586a0000000a0000000000000000").into()).unwrap(),
                1,
            ),
        ),
        // A tail that is no list but has terms inside.
        vector(
            "836c00000001 6101 6801 7400000001 6102 6103",
            Term::improper([1.into()], (Term::map([(2.into(), 3.into())]).unwrap(),)),
        ),
    ]
}

/// What older releases emit, or OTP when asked to.
fn accepted() -> Vec<Vector> {
    let node = |creation| NodeId::new(atom!("a@b"), creation);
    vec![
        // {minor_version, 0}
        vector(
            "8363312e3530303030303030303030303030303030303030652b30300000000000",
            float(1.5),
        ),
        // OTP 25, and {minor_version, 1}
        vector("83640003666f6f", atom!("foo")),
        vector("83640001e9", atom!("é")),
        vector("837303666f6f", atom!("foo")),
        vector("837302e9ff", atom!("éÿ")),
        vector("83760003666f6f", atom!("foo")),
        vector("8365770361406200000001 01", reference(&node(1), &[1])),
        vector("83667703614062 00000001 01", Port::new(node(1), 1)),
        vector(
            "83597703614062 0fffffff 6b00cfca",
            Port::new(node(0x6b00_cfca), 0x0fff_ffff),
        ),
        vector(
            "83677703614062 00000001 00000000 03",
            Pid::new(node(3), 1, 0),
        ),
        vector(
            "8372 0003 7703614062 01 0003ffff 00000002 00000003",
            reference(&node(1), &[0x3_ffff, 2, 3]),
        ),
        // Old formats around Latin-1 names.
        vector(
            "8367 64 0003 614062 00000001 00000000 03",
            Pid::new(node(3), 1, 0),
        ),
        vector(
            "8358 73 03 61 40 e9 00000001 00000000 00000004",
            Pid::new(NodeId::new(atom!("a@é"), 4), 1, 0),
        ),
    ]
}

#[test]
fn emitted_terms_go_both_ways() {
    for Vector { bytes, term } in emitted() {
        assert_eq!(from_slice(&bytes), Ok(term.clone()));
        assert_eq!(to_vec(&term).unwrap(), bytes, "{term}");
    }
}

#[test]
fn older_forms_decode_and_encode_in_the_newer_form() {
    for Vector { bytes, term } in accepted() {
        assert_eq!(from_slice(&bytes).as_ref(), Ok(&term));
        let newer = to_vec(&term).unwrap();
        assert_ne!(newer, bytes);
        assert_eq!(from_slice(&newer), Ok(term));
    }
}

/// Sharing the input changes nothing but where the bytes are.
#[test]
fn sliced_is_as_copied() {
    for Vector { bytes, term } in emitted().into_iter().chain(accepted()) {
        let bytes = Bytes::from(bytes);
        assert_eq!(from_bytes(&bytes).as_ref(), Ok(&term));
        let raw = RawTerm::new(bytes.slice(1..));
        assert_eq!(raw.to_term(), Ok(term));
        assert_eq!(raw.validate(), Ok(()));
        let mut copy = BytesMut::new();
        raw.encode_into(&mut copy).unwrap();
        let decoded = from_slice(&[&[131], &copy[..]].concat());
        assert_eq!(decoded, raw.to_term());
    }
}

/// The length announced is the length written, and nothing is written over.
#[test]
fn encoded_len_is_exact() {
    for Vector { term, .. } in emitted().into_iter().chain(accepted()) {
        let mut out = BytesMut::from(&b"before"[..]);
        term.encode(&mut out).unwrap();
        assert_eq!(out.len(), 6 + term.encoded_len().unwrap(), "{term}");
        assert_eq!(&out[..6], b"before");
    }
}
