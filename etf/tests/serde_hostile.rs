//! Any value of a rich type comes back as it was; what is wrong is an error and never a panic.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod arbitrary;

use std::collections::BTreeMap;
use std::fmt::Debug;

use arbitrary::config;
use erland_etf::serde::{
    Charlist, Config, Cons, ElixirStruct, ErrorKind, Keyword, Nothing, Proplist, Record,
    from_slice, from_term, to_term, to_vec,
};
use erland_etf::{Atom, Binary, Integer, List, Pid, RawTerm, Reference, Term};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rich {
    numbers: (i8, u16, i64, u64, i128, u128),
    float: f64,
    single: f32,
    flag: bool,
    character: char,
    text: String,
    bytes: Binary,
    list: Vec<u8>,
    texts: Vec<Option<String>>,
    map: BTreeMap<i64, Vec<Choice>>,
    named: BTreeMap<String, Option<Box<Rich>>>,
    nothing: (),
    choice: Choice,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u8>,
    #[serde(with = "erland_etf::serde::charlist")]
    characters: String,
    #[serde(with = "erland_etf::serde::record")]
    record: Point,
    keyword: Keyword<Point>,
    proplist: Proplist<Point>,
    elixir: Option<ElixirStruct<Point>>,
    atom: Atom,
    native: Term,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Unit,
    Newtype(Option<u32>),
    Tuple(u8, String),
    Struct { a: Vec<Choice>, b: bool },
    Empty(),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: Option<i32>,
}

fn point() -> impl Strategy<Value = Point> {
    any::<(i32, Option<i32>)>().prop_map(|(x, y)| Point { x, y })
}

fn choice() -> impl Strategy<Value = Choice> {
    let leaf = prop_oneof![
        Just(Choice::Unit),
        Just(Choice::Empty()),
        any::<Option<u32>>().prop_map(Choice::Newtype),
        any::<(u8, String)>().prop_map(|(a, b)| Choice::Tuple(a, b)),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        (vec(inner, 0..3), any::<bool>()).prop_map(|(a, b)| Choice::Struct { a, b })
    })
}

/// Finite floats only: there are no others in Erlang.
fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |value| value.is_finite())
}

prop_compose! {
    fn rich()(
        numbers in any::<(i8, u16, i64, u64, i128, u128)>(),
        (float, single, flag, character) in (finite(), -1e30_f32..1e30, any::<bool>(), any::<char>()),
        (text, characters, bytes) in any::<(String, String, Vec<u8>)>(),
        list in vec(any::<u8>(), 0..20),
        texts in vec(any::<Option<String>>(), 0..4),
        map in btree_map(any::<i64>(), vec(choice(), 0..3), 0..3),
        keys in vec("[a-z]{0,3}", 0..3),
        (choice, skipped) in (choice(), any::<Option<u8>>()),
        points in (point(), point(), point(), point()),
        (atom, native) in (arbitrary::atom(), arbitrary::term()),
    ) -> Rich {
        Rich {
            numbers, float, single, flag, character, text, characters, list, texts, map, choice,
            skipped, atom, native,
            bytes: bytes.into(),
            named: keys.into_iter().map(|key| (key, None)).collect(),
            nothing: (),
            record: points.0,
            keyword: Keyword(points.1),
            proplist: Proplist(points.2),
            elixir: Some(ElixirStruct(points.3)),
        }
    }
}

fn configs() -> [Config; 3] {
    [
        Config::new(),
        Config::new().with_nothing(Nothing::Nil).with_version(false),
        Config::new().with_none_left_out(true),
    ]
}

#[test]
fn any_value_comes_back() {
    proptest!(config(300), |(first in rich(), second in rich(), key in "[a-z]{4}")| {
        let mut value = first;
        value.named.insert(key, Some(Box::new(second)));
        for config in configs() {
            let bytes = config.to_vec(&value).unwrap();
            let back: Rich = config.from_slice(&bytes).unwrap();
            if config == configs()[2] {
                // An entry left out is no entry with nothing.
                let mut value = value.clone();
                value.named.retain(|_, entry| entry.is_some());
                let mut back = back;
                for rich in [&mut back, &mut value] {
                    for entry in rich.named.values_mut().flatten() {
                        entry.named.clear();
                    }
                }
                prop_assert_eq!(back, value);
            } else {
                prop_assert_eq!(&back, &value);
            }
        }
        // The bytes are those that the codec of terms would choose, but for the order of maps.
        let term = to_term(&value).unwrap();
        prop_assert_eq!(erland_etf::to_vec(&term).unwrap().len(), to_vec(&value).unwrap().len());
        prop_assert_eq!(from_term::<Rich>(&term).unwrap(), value);
    });
}

/// Whatever becomes of it, it is no panic; and what is read can be written.
fn harmless(bytes: &[u8]) {
    fn as_type<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
        for config in configs() {
            match config.from_slice::<T>(bytes) {
                Ok(value) => drop(config.to_vec(&value)),
                Err(error) => drop((error.to_string(), error.offset())),
            }
        }
    }

    as_type::<Rich>(bytes);
    as_type::<Choice>(bytes);
    as_type::<Vec<Option<Point>>>(bytes);
    as_type::<Record<Point>>(bytes);
    as_type::<Proplist<BTreeMap<String, i64>>>(bytes);
    as_type::<Keyword<BTreeMap<Atom, Term>>>(bytes);
    as_type::<ElixirStruct<Point>>(bytes);
    as_type::<Charlist<String>>(bytes);
    as_type::<Cons<Term, Term>>(bytes);
    as_type::<(Pid, Reference, Integer, RawTerm)>(bytes);
    as_type::<(List, f64, char)>(bytes);
    as_type::<serde_json::Value>(bytes);
    as_type::<Term>(bytes);
    as_type::<RawTerm>(bytes);
}

#[test]
fn changed_bytes_do_no_harm() {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    proptest!(config(400), |(value in rich(), changes in changes, cut in any::<prop::sample::Index>())| {
        let mut bytes = to_vec(&value).unwrap();
        harmless(&bytes[..cut.index(bytes.len())]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        harmless(&bytes);
    });
    proptest!(config(400), |(term in arbitrary::term())| {
        harmless(&erland_etf::to_vec(&term).unwrap());
    });
    proptest!(config(400), |(bytes in vec(any::<u8>(), 0..60))| {
        harmless(&[&[131], &bytes[..]].concat());
    });
}

#[test]
fn claims_reserve_nothing() {
    // Each claims four billion elements, or 16 million, and has none.
    for bytes in [
        &b"\x83l\xff\xff\xff\xff"[..],
        b"\x83t\x7f\xff\xff\xff",
        b"\x83i\0\xff\xff\xff",
    ] {
        assert!(from_slice::<Vec<u64>>(bytes).is_err());
        assert!(from_slice::<BTreeMap<u64, u64>>(bytes).is_err());
        assert!(from_slice::<Term>(bytes).is_err());
        assert!(from_slice::<serde_json::Value>(bytes).unwrap_err().is_eof());
    }
}

#[track_caller]
fn refused<T: DeserializeOwned + Debug>(bytes: &[u8], text: &str) {
    let error = from_slice::<T>(&[&[131], bytes].concat()).expect_err("refused");
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_is_strict() {
    refused::<String>(b"w\x02ok", "atom instead of binary at byte 1");
    refused::<String>(b"k\0\x01a", "list instead of binary at byte 1");
    refused::<String>(b"m\0\0\0\x01\xff", "binary that is not UTF-8 at byte 1");
    refused::<Vec<u8>>(b"m\0\0\0\x01a", "binary instead of list at byte 1");
    refused::<Vec<u8>>(b"h\x01a\x01", "tuple instead of list at byte 1");
    refused::<Vec<u8>>(b"l\0\0\0\x01a\x01a\x02", "improper list at byte 8");
    refused::<(u8, u8)>(
        b"h\x03a\x01a\x02a\x03",
        "tuple of 3 elements instead of 2 at byte 1",
    );
    refused::<u8>(
        b"b\0\0\x01\0",
        "invalid value: integer `256`, expected u8 at byte 1",
    );
    refused::<u8>(b"w\x02ok", "atom instead of integer at byte 1");
    refused::<(u8, u8)>(
        b"h\x02a\x01F\0\0\0\0\0\0\0\0",
        "float instead of integer at byte 5",
    );
    refused::<f64>(
        b"n\x07\0\x01\0\0\0\0\0\x20",
        "integer out of range at byte 1",
    );
    refused::<f32>(
        b"F\x7f\xe0\0\0\0\0\0\0",
        "float that is not finite at byte 1",
    );
    refused::<bool>(b"w\x02ok", "another atom than true and false at byte 1");
    refused::<()>(b"w\x03nil", "another atom than undefined at byte 1");
    refused::<char>(b"b\0\0\xd8\0", "integer out of range at byte 1");
    refused::<Choice>(
        b"w\x05Other",
        "unknown variant `Other`, expected one of `Unit`, `Newtype`, `Tuple`, `Struct`, `Empty` at byte 1",
    );
    refused::<Choice>(b"w\x05Tuple", "tuple of 0 elements instead of 3 at byte 1");
    refused::<Choice>(
        b"h\x03w\x07Newtypea\x01a\x02",
        "tuple of 3 elements instead of 2 at byte 1",
    );
    refused::<Point>(b"t\0\0\0\0", "missing field `x` at byte 1");
    refused::<Point>(
        b"t\0\0\0\x02w\x01xa\x01w\x01xa\x01",
        "duplicate field `x` at byte 1",
    );
    refused::<ElixirStruct<Point>>(
        b"t\0\0\0\x01w\x01xa\x01",
        "map without __struct__ instead of an Elixir struct Point at byte 1",
    );
    refused::<Keyword<Point>>(
        b"l\0\0\0\x01w\x01xj",
        "key of a keyword list that is no atom at byte 1",
    );
    refused::<Pid>(b"a\x01", "integer instead of pid at byte 1");
    refused::<Integer>(b"w\x02ok", "atom instead of an integer at byte 1");
    refused::<Vec<u8>>(b"l\0\0\0\x02a\x01", "unexpected end of input at byte 1");
}

#[test]
fn what_is_lenient() {
    fn read<T: DeserializeOwned>(bytes: &[u8]) -> T {
        from_slice(&[&[131], bytes].concat()).expect("read")
    }
    // A float may be an integer of the same value, a list may be in any form.
    assert_eq!(
        read::<(f64, f64)>(b"h\x02a\x01b\xff\xff\xff\xff"),
        (1.0, -1.0)
    );
    let forms: [&[u8]; 5] = [
        b"k\0\x02\x01\x02",
        b"l\0\0\0\x02a\x01a\x02j",
        b"l\0\0\0\x01a\x01l\0\0\0\x01a\x02j",
        b"l\0\0\0\x01a\x01k\0\x01\x02",
        b"l\0\0\0\0k\0\x02\x01\x02",
    ];
    for form in forms {
        assert_eq!(read::<Vec<u8>>(form), [1, 2]);
        assert_eq!(read::<Vec<Option<f64>>>(form), [Some(1.0), Some(2.0)]);
        assert_eq!(read::<Vec<char>>(form), ['\x01', '\x02']);
        assert_eq!(read::<Vec<Term>>(form), [Term::from(1), Term::from(2)]);
        assert_eq!(
            read::<Vec<Integer>>(form),
            [Integer::from(1), Integer::from(2)]
        );
        assert_eq!(read::<Charlist<String>>(form).0, "\x01\x02");
        assert_eq!(read::<serde_json::Value>(form), serde_json::json!([1, 2]));
    }
    // Old forms of atoms; names as binaries; unknown fields; an empty list around an atom.
    assert_eq!(read::<Choice>(b"d\0\x04Unit"), Choice::Unit);
    assert_eq!(read::<Choice>(b"m\0\0\0\x04Unit"), Choice::Unit);
    assert_eq!(read::<Option<u8>>(b"s\x09undefined"), None);
    assert_eq!(read::<Option<u8>>(b"l\0\0\0\0w\x09undefined"), None);
    assert_eq!(
        read::<Point>(b"t\0\0\0\x02m\0\0\0\x01xa\x01w\x01zh\x01h\x01j"),
        Point { x: 1, y: None }
    );
    assert_eq!(
        read::<BTreeMap<String, u8>>(b"t\0\0\0\x01s\x02\xe9aa\x01")["\u{e9}a"],
        1
    );
    // proplists:get_value: atoms are true, the first of a key counts, others are ignored.
    let list =
        b"l\0\0\0\x05w\x01aa\x07h\x02w\x01bw\x05falseh\x02w\x01bw\x04trueh\x03a\x01a\x01a\x01j";
    let options = read::<Proplist<BTreeMap<String, bool>>>(list).0;
    assert_eq!(
        options,
        BTreeMap::from([("a".into(), true), ("b".into(), false)])
    );
}

#[test]
fn values_without_a_term() {
    let kind = |error: erland_etf::serde::Error| error.kind().clone();
    assert_eq!(kind(to_vec(&f64::NAN).unwrap_err()), ErrorKind::NotFinite);
    let keys = Keyword(BTreeMap::from([(1, 2)]));
    assert_eq!(kind(to_vec(&keys).unwrap_err()), ErrorKind::KeywordKey);
    assert!(to_vec(&Proplist(BTreeMap::from([(1, 2)]))).is_ok());
    let raw = RawTerm::new(bytes::Bytes::from_static(&[255]));
    assert!(to_vec(&raw).is_err());
    let mut out = bytes::BytesMut::from(&b"before"[..]);
    assert!(erland_etf::serde::encode(&(1, f64::NAN), &mut out).is_err());
    assert_eq!(out, &b"before"[..]);
}
