//! What is refused and what is not: the outcome of `binary_to_term/1` in OTP 29.1.1 for bytes that
//! no encoder makes, observed, and what differs in other releases.
//!
//! What OTP refuses with `badarg` is refused here with a reason.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

#[path = "common/floats.rs"]
mod floats;

use erland_etf::DecodeErrorKind as Kind;
use erland_etf::{
    Atom, BitString, ExportFun, Float, InternalFun, NodeId, Pid, Port, Reader, Record, Reference,
    Term, atom, from_slice, to_vec,
};
use floats::FLOATS;

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

fn decode(bytes: &[u8]) -> Result<Term, Kind> {
    from_slice(bytes).map_err(|error| error.kind())
}

#[track_caller]
fn accepts(bytes: &str, term: impl Into<Term>) {
    let (decoded, term) = (decode(&hex(bytes)), term.into());
    // Equality leaves out what Erlang's does; the encoding has it all.
    assert_eq!(decoded.as_ref().map(to_vec), Ok(to_vec(&term)), "{bytes}");
    assert_eq!(decoded, Ok(term), "{bytes}");
}

#[track_caller]
fn refuses(bytes: &str, kind: Kind) {
    assert_eq!(decode(&hex(bytes)), Err(kind), "{bytes}");
}

fn float(value: f64) -> Term {
    Float::new(value).unwrap().into()
}

/// a@b
fn node(creation: u32) -> NodeId {
    NodeId::new(atom!("a@b"), creation)
}

fn reference(creation: u32, words: &[u32]) -> Term {
    Reference::new(node(creation), words).unwrap().into()
}

#[test]
fn version() {
    refuses("", Kind::Eof);
    refuses("83", Kind::Eof);
    refuses("826a", Kind::Version(130));
    refuses("83836a", Kind::UnknownTag(131));
    accepts("8361010000", 1);
    // A distribution header is no term.
    refuses("8344006101", Kind::UnknownTag(68));
}

#[test]
fn unknown_tags() {
    // Those below 67, FUN_EXT, which is gone since OTP 23, and those that OTP has for itself.
    let unknown = (0..=66)
        .chain([68, 69, 71, 72, 74, 76, 78, 79, 80, 81, 117])
        .chain(122..=255);
    for tag in unknown.chain([73, 75]).chain(83..=87).chain(91..=96) {
        let bytes = [&[131, 104, 1, tag][..], &[0; 64]].concat();
        assert_eq!(decode(&bytes), Err(Kind::UnknownTag(tag)));
    }
    refuses("837500000000", Kind::UnknownTag(117));
    refuses("8300", Kind::UnknownTag(0));
}

#[test]
#[cfg(not(feature = "zlib"))]
fn compressed() {
    // OTP inflates these; without the feature that is refused, but not taken for corrupt.
    refuses("835000000001789ccb0200006b006b", Kind::Compressed);
    refuses("8350", Kind::Compressed);
}

#[test]
#[cfg(feature = "zlib")]
fn compressed() {
    accepts("835000000001789ccb0200006b006b", Term::nil());
    refuses("835000000002789ccb0200006b006b", Kind::CompressedSize);
    refuses("835000000001789c4b64040000c50063", Kind::CompressedSize);
    // What is behind the stream is ignored, and what is behind the term in it.
    accepts("835000000001789ccb0200006b006b010203", Term::nil());
    accepts("835000000003789c4b6464000001280063", 1);
    // 131 has no place inside, and neither has tag 80.
    refuses("835000000002789c6bce0200017200ee", Kind::UnknownTag(131));
    refuses(
        "83500000000e789c0b60606060ac98739a8981219b211b0014d50309",
        Kind::UnknownTag(80),
    );
    // No bytes, too few of them, a wrong checksum, no checksum.
    refuses("835000000000789c030000000001", Kind::CompressedEof);
    refuses("835000000001789c4b040000620062", Kind::CompressedEof);
    refuses("835000000002789c4b64040000c50064", Kind::CompressedData);
    refuses("835000000002789c4b640400", Kind::Eof);
    // Of gzip, and without any header.
    refuses(
        "8350000000021f8b08000000000000034b6404008f78384a02000000",
        Kind::CompressedData,
    );
    refuses("8350000000024b640400", Kind::CompressedData);
    refuses("8350", Kind::Eof);
}

#[test]
fn nested_compressed() {
    refuses("8368015000000001789ccb0200006b006b", Kind::UnknownTag(80));
}

#[test]
fn lists() {
    accepts("836c000000006a", Term::nil());
    accepts("836c000000006101", 1);
    accepts("836c00000000 6c00000000 6101", 1);
    accepts("836b0000", Term::nil());
    accepts("836b000141", Term::string("A"));
    // A list as a tail: [1 | "ab"], [1 | [2 | c]], [1 | []] the long way.
    accepts(
        "836c000000016101 6b00026162",
        Term::list([1.into(), 97.into(), 98.into()]),
    );
    accepts(
        "836c000000016101 6c000000016102 770163",
        Term::improper([1.into(), 2.into()], atom!("c")),
    );
    accepts("836c000000016101 6b0000", Term::list([1.into()]));
    accepts(
        "836c000000016101 6c00000000 6c000000016102 6a",
        Term::list([1.into(), 2.into()]),
    );
}

#[test]
fn bit_strings() {
    refuses("834d0000000100ff", Kind::BitString);
    accepts("834d0000000108ff", Term::binary([255]));
    refuses("834d0000000109ff", Kind::BitString);
    refuses("834d0000000001", Kind::BitString);
    // Bits not used are not looked at.
    let bits = BitString::new(vec![0b1110_0000].into(), 3).unwrap();
    accepts("834d0000000103ff", bits);
}

#[test]
fn floats() {
    refuses("83467ff8000000000000", Kind::Float);
    refuses("83467ff0000000000000", Kind::Float);
    refuses("8346fff0000000000000", Kind::Float);
    accepts("83460000000000000001", float(5e-324));
}

#[test]
fn text_floats() {
    let decode = |text: &str| {
        let padding = vec![0; 31 - text.len()];
        decode(&[&[131, 99], text.as_bytes(), &padding].concat())
    };
    for &(text, value) in FLOATS {
        assert_eq!(decode(text), value.map(float).ok_or(Kind::Float), "{text}");
    }
    // 31 characters without a NUL behind them: OTP reads on, here they are no float.
    assert_eq!(decode("1.50000000000000000000000000000"), Err(Kind::Float));
}

#[test]
fn integers() {
    accepts("836e010005", 5);
    accepts("836e010205", -5);
    accepts("836e01ff05", -5);
    accepts("836e010100", 0);
    accepts("836e0000", 0);
    accepts("836f000000010005", 5);
    accepts("836e0a00 05000000000000000000", 5);
    accepts("836e0901 000000000000008000", i64::MIN);
}

#[test]
fn large_integers() {
    // OTP 25 takes 8 * (2^19 - 1) bytes, OTP 27 and 29 take 8 * (2^16 - 1); zeros count.
    let most = 8 * ((1 << 19) - 1);
    let bytes = |len: u32| {
        [
            &[131, 111],
            &len.to_be_bytes()[..],
            &vec![0; len as usize + 1],
        ]
        .concat()
    };
    assert_eq!(decode(&bytes(most)), Ok(0.into()));
    assert_eq!(
        decode(&bytes(most + 1)),
        Err(Kind::IntegerTooLarge(most + 1))
    );
}

#[test]
fn atoms() {
    refuses("837701ff", Kind::AtomNotUtf8);
    // Overlong, and a surrogate.
    refuses("837702c080", Kind::AtomNotUtf8);
    refuses("837703eda080", Kind::AtomNotUtf8);
    accepts("83770100", atom!("\0"));
    refuses("835200", Kind::AtomCacheRef(0));
}

#[test]
fn long_atoms() {
    let atom = |tag: u8, text: &str| {
        let len = (text.len() as u16).to_be_bytes();
        decode(&[&[131, tag], &len[..], text.as_bytes()].concat())
    };
    let a = |count| "a".repeat(count);
    let smile = |count| "\u{1f600}".repeat(count);
    assert_eq!(atom(118, &a(255)), Ok(Term::atom(&a(255)).unwrap()));
    assert_eq!(atom(118, &a(256)), Err(Kind::AtomTooLong));
    assert_eq!(atom(118, &smile(255)), Ok(Term::atom(&smile(255)).unwrap()));
    assert_eq!(atom(118, &smile(256)), Err(Kind::AtomTooLong));
    assert_eq!(atom(100, &a(255)), Ok(Term::atom(&a(255)).unwrap()));
    assert_eq!(atom(100, &a(256)), Err(Kind::AtomTooLong));
    // Latin-1 counts bytes, of which each is a character.
    let latin1 = [&[131, 115, 255][..], &[0xe9; 255]].concat();
    assert_eq!(decode(&latin1), Ok(Term::atom(&"é".repeat(255)).unwrap()));
}

#[test]
fn tuples() {
    accepts("8369000000016101", (1,));
    accepts("836900000000", Term::tuple([]));
    let nils = |len: u32| {
        [
            &[131, 105],
            &len.to_be_bytes()[..],
            &vec![106; len as usize],
        ]
        .concat()
    };
    let most = (1 << 24) - 1;
    let mut reader = Reader::new(&[]);
    assert!(reader.tuple_header().unwrap_err().is_eof());
    let bytes = nils(most);
    let mut reader = Reader::new(&bytes[1..]);
    assert_eq!(reader.tuple_header(), Ok(most));
    // OTP 25 takes more; a tuple of OTP 29 holds no more.
    assert_eq!(decode(&nils(most + 1)), Err(Kind::TupleTooLarge(most + 1)));
}

#[test]
fn maps() {
    refuses("8374000000026101610161016102", Kind::DuplicateKey);
    accepts(
        "83740000000261016101463ff00000000000006102",
        Term::map([(1.into(), 1.into()), (float(1.0), 2.into())]).unwrap(),
    );
    accepts(
        "8374000000026109610161016102",
        Term::map([(1.into(), 2.into()), (9.into(), 1.into())]).unwrap(),
    );
    // One key in OTP 25, hence refused there.
    accepts(
        "83740000000246000000000000000061014680000000000000006102",
        Term::map([(float(0.0), 1.into()), (float(-0.0), 2.into())]).unwrap(),
    );
    refuses("837480000000", Kind::MapTooLarge(1 << 31));
    refuses("83747fffffff", Kind::Eof);
    // Keys are equal by value, not by bytes: 1 and 1, "a" and "a", foo and foo.
    refuses("837400000002 6101 6a 6200000001 6a", Kind::DuplicateKey);
    refuses(
        "837400000002 6b000161 6a 6c0000000161616a 6a",
        Kind::DuplicateKey,
    );
    refuses(
        "837400000002 7703666f6f 6a 640003666f6f 6a",
        Kind::DuplicateKey,
    );
}

#[test]
fn large_maps() {
    let map = |keys: std::ops::Range<u8>| {
        let pairs: Vec<u8> = keys.clone().rev().flat_map(|key| [97, key, 106]).collect();
        [
            &[131, 116, 0, 0, 0, keys.len() as u8 + 1],
            &pairs[..],
            &[97, 7, 106],
        ]
        .concat()
    };
    assert_eq!(
        decode(&map(8..41)).map(|map| map.as_map().unwrap().len()),
        Ok(34)
    );
    assert_eq!(decode(&map(0..33)), Err(Kind::DuplicateKey));
}

#[test]
fn pids() {
    refuses("83586101000000000000000000000004", Kind::NotAnAtom(97));
    let n = NodeId::new(atom!("a"), 4);
    accepts("8358770161000000010000000000000004", Pid::new(n, 1, 0));
    accepts(
        "83587703614062000000010000000000000000",
        Pid::new(node(0), 1, 0),
    );
    refuses("83677703614062000000010000000004", Kind::Creation(4));
    accepts("83677703614062000000010000000003", Pid::new(node(3), 1, 0));
    accepts(
        "83587703614062ffffffffffffffff00000004",
        Pid::new(node(4), u32::MAX, u32::MAX),
    );
    // NIL_EXT is a node inside of LOCAL_EXT only.
    refuses("83586a000000010000000000000000", Kind::NotAnAtom(106));
}

#[test]
fn references() {
    accepts("835a0000770361406200000004", reference(4, &[]));
    accepts(
        "835a00057703614062000000040000000100000002000000030000000400000005",
        reference(4, &[1, 2, 3, 4, 5]),
    );
    refuses(
        "835a0006770361406200000004000000010000000200000003000000040000000500000006",
        Kind::ReferenceLength(6),
    );
    accepts(
        "835a0003770361406200000004ffffffff0000000200000003",
        reference(4, &[u32::MAX, 2, 3]),
    );
    refuses(
        "83720003770361406201ffffffff0000000200000003",
        Kind::ReferenceWord,
    );
    accepts(
        "837200037703614062010003ffff0000000200000003",
        reference(1, &[0x3_ffff, 2, 3]),
    );
    accepts(
        "837200057703614062010003ffff00000002000000030000000400000005",
        reference(1, &[0x3_ffff, 2, 3, 4, 5]),
    );
    refuses(
        "837200067703614062010003ffff0000000200000003000000040000000500000006",
        Kind::ReferenceLength(6),
    );
    refuses("8372000177036140620400000001", Kind::Creation(4));
    // OTP reads a first word nevertheless, and gets lost.
    refuses("8372000077036140620100000001", Kind::ReferenceLength(0));
    accepts("836577036140620000000101", reference(1, &[1]));
    refuses("836577036140620004000001", Kind::ReferenceWord);
    refuses("836577036140620000000104", Kind::Creation(4));
}

#[test]
fn ports() {
    accepts("836677036140620000000101", Port::new(node(1), 1));
    refuses("836677036140620000000104", Kind::Creation(4));
    accepts(
        "83597703614062ffffffff00000001",
        Port::new(node(1), u64::from(u32::MAX)),
    );
    accepts(
        "83787703614062ffffffffffffffff00000001",
        Port::new(node(1), u64::MAX),
    );
}

#[test]
fn exports() {
    let fun = |arity| ExportFun {
        module: atom!("a"),
        function: atom!("b"),
        arity,
    };
    accepts("8371770161770162 61ff", fun(255));
    accepts("8371770161770162 6e010002", fun(2));
    accepts("8371770161770162 6c000000006102", fun(2));
    // OTP 29 makes a fun of it that cannot be called, OTP 27 crashes.
    refuses("8371770161770162 6200000100", Kind::ExportArity);
    refuses("8371770161770162 62ffffffff", Kind::ExportArity);
    refuses("8371770161770162 46 4000000000000000", Kind::ExportArity);
    refuses("8371770161770162 770161", Kind::ExportArity);
    refuses("8371 6101 770162 6102", Kind::NotAnAtom(97));
    refuses("8371 770161 6101 6102", Kind::NotAnAtom(97));
    refuses("8371 6c00000000770161 770161 6102", Kind::NotAnAtom(108));
}

/// A fun without free variables, of which three fields can be chosen.
fn fun(free: &str, old_index: &str, old_uniq: &str, pid: &str) -> String {
    let header = "8370 00000000 01 00000000000000000000000000000000 00000005";
    format!("{header} {free} 77016d {old_index} {old_uniq} {pid}")
}

#[test]
fn funs() {
    let pid = "58 770161 00000001 00000002 00000003";
    let term = |old_index| InternalFun {
        module: atom!("m"),
        arity: 1,
        uniq: [0; 16],
        index: 5,
        old_index,
        old_uniq: 2,
        pid: Pid::new(NodeId::new(atom!("a"), 3), 1, 2),
        free: vec![].into(),
    };
    // The size is wrong in all of them, and nobody minds.
    accepts(&fun("00000000", "6101", "6102", pid), term(1));
    accepts(&fun("00000000", "62ffffffff", "6102", pid), term(-1));
    accepts(
        &fun("00000000", "6e0600000000000001", "6102", pid),
        term(1 << 40),
    );
    // What an integer of one word is in OTP: 60 bits.
    accepts(
        &fun("00000000", "6e0800ffffffffffffff07", "6102", pid),
        term((1 << 59) - 1),
    );
    refuses(
        &fun("00000000", "6e08000000000000000008", "6102", pid),
        Kind::Fun,
    );
    accepts(
        &fun("00000000", "6e08010000000000000008", "6102", pid),
        term(-(1 << 59)),
    );
    refuses(
        &fun("00000000", "6e0900 000000000000000001", "6102", pid),
        Kind::Fun,
    );
    refuses(&fun("00000000", "6a", "6102", pid), Kind::Fun);
    refuses(&fun("00000000", "6101", "6a", pid), Kind::Fun);
    refuses(&fun("00000000", "6101", "6102", "6101"), Kind::Fun);
    // OTP decodes a term in these places, which may be the tail of an empty list.
    accepts(&fun("00000000", "6c000000006101", "6102", pid), term(1));
    accepts(
        &fun("00000000", "6101", "6102", &format!("6c00000000 {pid}")),
        term(1),
    );
    refuses(
        &fun("00000000", "6101", "6102", &format!("6c00000001 {pid} 6a")),
        Kind::Fun,
    );
    // A fun in place of a field is no recursion.
    refuses(&fun("00000000", "70", "6102", pid), Kind::Fun);
    // The pid in an old format.
    accepts(
        &fun("00000000", "6101", "6102", "67 770161 00000001 00000002 03"),
        term(1),
    );
    let nils = "6a".repeat(255);
    let free = decode(&hex(&fun(
        "000000ff",
        "6101",
        "6102",
        &format!("{pid} {nils}"),
    )));
    assert_eq!(
        free,
        Ok(InternalFun {
            free: vec![Term::nil(); 255].into(),
            ..term(1)
        }
        .into())
    );
    let too_many = fun("00000100", "6101", "6102", &format!("{pid} {nils} 6a"));
    refuses(&too_many, Kind::FunFreeVariables(256));
}

#[test]
fn records() {
    let record = |fields: &[(Atom, i32)]| {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), (*value).into()));
        Record::new(atom!("m"), atom!("r"), false, fields).unwrap()
    };
    accepts(
        "8343 00000001 00 77016d 770172 77016b 6101",
        record(&[(atom!("k"), 1)]),
    );
    // The order of the definition stays.
    let unsorted = decode(&hex(
        "8343 00000002 00 77016d 770172 770162 770161 6101 6102",
    ))
    .unwrap();
    assert_eq!(unsorted, record(&[(atom!("b"), 1), (atom!("a"), 2)]).into());
    assert_ne!(unsorted, record(&[(atom!("a"), 2), (atom!("b"), 1)]).into());
    accepts(
        "8343 00000001 00 6400016d 730172 760001 6b 6101",
        record(&[(atom!("k"), 1)]),
    );
    refuses(
        "8343 00000001 02 77016d 770172 77016b 6101",
        Kind::RecordFlags(2),
    );
    refuses(
        "8343 00000002 00 77016d 770172 77016b 77016b 6101 6102",
        Kind::DuplicateField,
    );
    refuses(
        "8343 00000001 00 77016d 770172 6101 6101",
        Kind::NotAnAtom(97),
    );
    refuses(
        "8343 00000001 00 6101 770172 77016b 6101",
        Kind::NotAnAtom(97),
    );
    refuses(
        "8343 00000001 00 77016d 6a 77016b 6101",
        Kind::NotAnAtom(106),
    );
}

#[test]
fn local() {
    // OTP compares the hash, which a foreign node cannot; the body must be there all the same.
    assert!(decode(&hex("8379 00000000 6101")).is_ok());
    refuses("8379 00000000", Kind::Eof);
    refuses("8379 0000", Kind::Eof);
    // It ends where its body ends.
    let pair = decode(&hex(
        "836802 79 00000000 6802 6101 586a0000000a0000000000000000 6103",
    ))
    .unwrap();
    let [local, three] = pair.as_tuple().unwrap() else {
        panic!("{pair}")
    };
    assert!(matches!(local, Term::Local(local) if local.bytes().len() == 22));
    assert_eq!(*three, 3.into());
    // All identifiers may lack their node, also one LOCAL_EXT further in.
    for inner in [
        "58 6a 00000001 00000002 00000000",
        "78 6a 0000000000000001 00000000",
        "5a 0003 6a 00000000 00000001 00000002 00000003",
        "79 01020304 58 6a 00000001 00000002 00000000",
    ] {
        let term = decode(&hex(&format!("836802 79 00000000 {inner} 6103"))).unwrap();
        assert_eq!(term.as_tuple().unwrap()[1], 3.into());
    }
    // What is no term is none in there either.
    refuses("8379 00000000 00", Kind::UnknownTag(0));
    refuses("8379 00000000 5200", Kind::AtomCacheRef(0));
}

#[test]
fn truncation() {
    for bytes in [
        "8361",
        "8362000000",
        "8377",
        "83770361",
        "836d00000005 01",
        "8346",
        "8368",
        "836802 6101",
    ] {
        refuses(bytes, Kind::Eof);
    }
}

#[test]
fn errors_say_where() {
    // {1, [foo, <bad>]}
    let error = from_slice(&hex("836802 6101 6c00000002 7703666f6f ff 6a")).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (Kind::UnknownTag(255), 15));
    assert_eq!(error.to_string(), "unknown tag 255 at byte 15");
    assert!(!error.is_eof() && !error.is_limit());
}
