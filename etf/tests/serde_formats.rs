//! What becomes of this crate's types in other formats, in what serde buffers, and of types that
//! use every attribute of serde.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;

use bytes::Bytes;
use erland_etf::serde::{
    Config, Cons, ErrorKind, Nothing, Proplist, Record, from_slice, from_term, to_term, to_vec,
};
use erland_etf::{
    Atom, AtomTable, Binary, BitString, ExportFun, Float, Integer, Local, NodeId, Pid, Port,
    RawTerm, Reference, Term, atom,
};
use num_bigint::BigInt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn node() -> NodeId {
    NodeId::new(atom!("a node of a longer name@host.example"), 77)
}

/// One term of every kind, inside each other.
fn terms() -> Vec<Term> {
    let big: BigInt = BigInt::from(1) << 200;
    let local = Local::new(Bytes::from_static(&[1, 2, 3, 4, 97, 5])).unwrap();
    let record = erland_etf::Record::new(atom!("m"), atom!("r"), true, [(atom!("f"), 1.into())]);
    let leaves = vec![
        Term::from(0),
        Term::from(-1),
        Term::from(u64::MAX),
        Term::from(i128::MIN),
        Term::from(-big),
        Term::from(Float::new(1.0).unwrap()),
        Term::from(Float::new(-0.0).unwrap()),
        Term::from(true),
        Term::from(atom!("ok")),
        Term::from(atom!("undefined")),
        Term::from(atom!("nil")),
        Term::from(atom!("\u{e9}\u{436}")),
        Term::binary(""),
        Term::binary("text \"quoted\" \\"),
        Term::binary("a long \"text\" ".repeat(30)),
        Term::binary([255, 0]),
        BitString::new(Binary::from(&[1, 64][..]), 3)
            .unwrap()
            .into(),
        Pid::new(node(), 1, 2).into(),
        Port::new(node(), u64::MAX).into(),
        Reference::new(node(), &[1, 2, 3, 4, 5]).unwrap().into(),
        ExportFun {
            module: atom!("lists"),
            function: atom!("map"),
            arity: 2,
        }
        .into(),
        record.unwrap().into(),
        local.into(),
        Term::nil(),
        Term::string("ab"),
        Term::tuple([]),
    ];
    let map = leaves
        .iter()
        .map(|term| (Term::from((term.clone(),)), term.clone()));
    vec![
        Term::list(leaves.clone()),
        Term::tuple(leaves.clone()),
        Term::improper(leaves.clone(), atom!("tail")),
        Term::map(map).unwrap(),
        Term::map([
            (Term::from(atom!("$atom")), Term::from(1)),
            (1.into(), 2.into()),
        ])
        .unwrap(),
    ]
    .into_iter()
    .chain(leaves)
    .collect()
}

#[track_caller]
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("JSON");
    assert_eq!(
        &serde_json::from_str::<T>(&text).expect(&text),
        value,
        "{text}"
    );
    let json = serde_json::to_value(value).expect("JSON");
    assert_eq!(
        &serde_json::from_value::<T>(json).expect(&text),
        value,
        "{text}"
    );
    let bytes = to_vec(value).expect("encoded");
    assert_eq!(&from_slice::<T>(&bytes).expect("decoded"), value);
    let term = to_term(value).expect("a term");
    assert_eq!(erland_etf::to_vec(&term).expect("encoded"), bytes);
    assert_eq!(&from_term::<T>(&term).expect("from a term"), value);
}

#[test]
fn every_term_comes_back_from_json() {
    for term in terms() {
        there_and_back(&term);
    }
}

#[test]
fn native_types_come_back_from_json() {
    there_and_back(&Pid::new(node(), 1, 2));
    there_and_back(&Port::new(node(), 9));
    there_and_back(&Reference::new(node(), &[1, 2, 3]).unwrap());
    there_and_back(&Integer::from(u128::MAX));
    there_and_back(&Integer::from(BigInt::from(-1) << 3000));
    there_and_back(&atom!("a name longer than fourteen bytes"));
    there_and_back(&Binary::from(&[1, 2, 255][..]));
    there_and_back(&Float::new(2.5).unwrap());
    there_and_back(&Cons(atom!("alias"), Reference::new(node(), &[1]).unwrap()));
    there_and_back(&Proplist(BTreeMap::from([(String::from("a"), 1)])));
}

#[test]
fn the_readable_form() {
    let cases = [
        (
            Term::from((atom!("ok"), Term::string("a"))),
            r#"{"$tuple":[{"$atom":"ok"},[97]]}"#,
        ),
        (
            Term::from(u128::MAX),
            r#"{"$integer":"340282366920938463463374607431768211455"}"#,
        ),
        (Term::binary("x"), r#"{"$binary":"x"}"#),
        (Term::binary([255]), r#"{"$binary":[255]}"#),
        (Term::improper([1.into()], 2), r#"{"$improper":[[1],2]}"#),
        (
            Term::map([(1.into(), 2.into())]).unwrap(),
            r#"{"$map":[[1,2]]}"#,
        ),
        (
            Pid::new(NodeId::new(atom!("a@b"), 1), 10, 0).into(),
            r#"{"$pid":["a@b",10,0,1]}"#,
        ),
    ];
    for (term, text) in cases {
        assert_eq!(serde_json::to_string(&term).unwrap(), text);
    }
    for wrong in [
        r#"{"$tuple":1}"#,
        r#"{"$pid":["a@b",10,0]}"#,
        r#"{"$pid":["a@b",-1,0,1]}"#,
        r#"{"$integer":"x"}"#,
        r#"{"$external":[255]}"#,
        r#"{"$what":1}"#,
        r#"{"$map":[[1,2],[1,3]]}"#,
    ] {
        assert!(serde_json::from_str::<Term>(wrong).is_err(), "{wrong}");
    }
    assert!(serde_json::from_str::<Pid>(r#"{"$atom":"ok"}"#).is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Unit(()),
    Flag(bool),
    Number(i64),
    Text(String),
    Pid(Pid),
    Pair(i64, Color),
    Named { color: Color, at: Option<Point> },
    Other(Term),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Color {
    Red,
    DarkBlue,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f32,
}

#[test]
fn untagged_enums() {
    let values = [
        Untagged::Unit(()),
        Untagged::Flag(false),
        Untagged::Number(-5),
        Untagged::Text("h\u{e9}".into()),
        Untagged::Pid(Pid::new(node(), 1, 2)),
        Untagged::Pair(1, Color::DarkBlue),
        Untagged::Named {
            color: Color::Red,
            at: None,
        },
        Untagged::Named {
            color: Color::Red,
            at: Some(Point { x: 1.5, y: 2.5 }),
        },
        Untagged::Other(Term::binary([255])),
        Untagged::Other(Term::from(i128::MAX)),
        Untagged::Other(Reference::new(node(), &[1]).unwrap().into()),
        Untagged::Other(Term::list([Term::binary("text"), atom!("an_atom").into()])),
        Untagged::Other(
            Term::map([(
                1.into(),
                Term::list([atom!("nil").into(), Term::binary("undefined")]),
            )])
            .unwrap(),
        ),
    ];
    for value in values {
        let mut configs = vec![Config::new()];
        if value != Untagged::Unit(()) {
            // A buffer holds `nil` as a `None`, which is no `()`.
            configs.push(Config::new().with_nothing(Nothing::Nil));
        }
        for config in configs {
            let bytes = config.to_vec(&value).unwrap();
            assert_eq!(config.from_slice::<Untagged>(&bytes).unwrap(), value);
        }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Internal {
    Start,
    Move {
        to: IpAddr,
        color: Color,
        char: char,
    },
    Wrapped(Point2),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point2 {
    x: i32,
    #[serde(flatten)]
    rest: BTreeMap<String, Term>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A,
    B(u8),
    C(u8, u8),
    D { x: u8 },
}

#[test]
fn tagged_enums_and_flatten() {
    let rest = BTreeMap::from([
        ("a".into(), Term::from(atom!("atom"))),
        ("b".into(), Term::binary("binary")),
        ("c".into(), Pid::new(node(), 1, 2).into()),
    ]);
    let values = [
        Internal::Start,
        Internal::Move {
            to: "::1".parse().unwrap(),
            color: Color::DarkBlue,
            char: '\u{e9}',
        },
        Internal::Wrapped(Point2 { x: 1, rest }),
    ];
    for value in values {
        let bytes = to_vec(&value).unwrap();
        assert_eq!(from_slice::<Internal>(&bytes).unwrap(), value);
    }
    // As Erlang would write it: the tag is an atom.
    let bytes = b"\x83t\0\0\0\x01w\x04typew\x05start";
    assert_eq!(from_slice::<Internal>(bytes).unwrap(), Internal::Start);
    let values = [
        Adjacent::A,
        Adjacent::B(1),
        Adjacent::C(1, 2),
        Adjacent::D { x: 3 },
    ];
    for value in values {
        let bytes = to_vec(&value).unwrap();
        assert_eq!(from_slice::<Adjacent>(&bytes).unwrap(), value);
    }
}

#[test]
fn keys_as_atoms() {
    let config = Config::new().with_atom_keys(true);
    let map = BTreeMap::from([(String::from("a"), 1_u8)]);
    let bytes = config.to_vec(&map).unwrap();
    assert_eq!(bytes, b"\x83t\0\0\0\x01w\x01aa\x01");
    assert_eq!(from_slice::<BTreeMap<String, u8>>(&bytes).unwrap(), map);
    let long = BTreeMap::from([("x".repeat(256), 1_u8)]);
    assert!(matches!(
        config.to_vec(&long).unwrap_err().kind(),
        ErrorKind::Atom(_)
    ));
}

#[test]
fn anything_into_json() {
    let term = Term::map([
        (Term::from(atom!("name")), Term::binary("joe")),
        (
            Term::from(atom!("tags")),
            Term::list([atom!("a").into(), atom!("undefined").into()]),
        ),
        (Term::binary("pair"), Term::from((1, true))),
    ]);
    let value: serde_json::Value = from_term(&term.unwrap()).unwrap();
    let expected = serde_json::json!({"name": "joe", "tags": ["a", null], "pair": [1, true]});
    assert_eq!(value, expected);
}

#[test]
fn what_is_borrowed_is_part_of_the_input() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        #[serde(borrow)]
        bytes: &'a [u8],
        keys: HashMap<&'a str, &'a [u8]>,
    }

    let bytes = b"\x83t\0\0\0\x03w\x04textm\0\0\0\x02hiw\x05bytesm\0\0\0\x01\xffw\x04keys\
        t\0\0\0\x02w\x01am\0\0\0\0m\0\0\0\x01bm\0\0\0\x01x";
    let value: Borrowed<'_> = from_slice(bytes).unwrap();
    assert_eq!((value.text, value.bytes), ("hi", &[255][..]));
    assert_eq!(value.keys, HashMap::from([("a", &b""[..]), ("b", b"x")]));
    let input = bytes.as_ptr_range();
    for part in [value.text.as_bytes(), value.bytes, value.keys["b"]] {
        assert!(input.contains(&part.as_ptr()));
    }
}

#[test]
fn messages_with_an_atom_table() {
    // {ok, <a@b.1.2>, rest} by references to the atoms of a header.
    let atoms = AtomTable::from(vec![atom!("ok"), atom!("a@b"), atom!("field")]);
    let mut bytes = b"h\x03R\0XR\x01\0\0\0\x01\0\0\0\x02\0\0\0\x07t\0\0\0\x01R\x02R\x01".to_vec();
    bytes.extend(b"behind");
    let raw = RawTerm::with_atoms(bytes.into(), atoms.into());

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        field: Atom,
    }

    let pid = Pid::new(NodeId::new(atom!("a@b"), 7), 1, 2);
    type Message<'a, T> = (&'a str, Pid, T);
    let (tag, from, inner): (Atom, Pid, Inner) = raw.decode().unwrap();
    assert_eq!(
        (tag, from, inner),
        (
            atom!("ok"),
            pid.clone(),
            Inner {
                field: atom!("a@b")
            }
        )
    );
    let (_, whole, part): (Atom, Term, RawTerm) = raw.decode().unwrap();
    assert_eq!(whole, pid.clone().into());
    assert_eq!(part.to_term().unwrap().to_string(), "#{field => a@b}");
    let error = raw.decode::<Message<'_, Inner>>().unwrap_err();
    assert!(
        error.to_string().contains("atom instead of binary"),
        "{error}"
    );
    let again = RawTerm::encode(&("x", pid)).unwrap();
    assert_eq!(again.decode::<(String, Pid)>().unwrap().0, "x");
}

#[test]
fn limits_hold_for_terms_inside() {
    let bytes = to_vec(&(1, vec![String::from("a longer text"); 100])).unwrap();
    let config = Config::new().with_limits(erland_etf::Limits::DEFAULT.with_max_heap(100));
    assert!(config.from_slice::<(u8, Term)>(&bytes).is_err());
    assert!(config.from_slice::<(u8, Vec<Term>)>(&bytes).is_ok());
}

#[test]
fn records_of_other_shapes() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "pair")]
    struct Pair(u8, u8);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "one")]
    struct One(u8);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "none")]
    struct Unit;

    let back = |bytes: &[u8]| bytes[1..].escape_ascii().to_string();
    let pair = to_vec(&Record(Pair(1, 2))).unwrap();
    assert_eq!(
        back(&pair),
        b"h\x03w\x04paira\x01a\x02".escape_ascii().to_string()
    );
    assert_eq!(from_slice::<Record<Pair>>(&pair).unwrap().0, Pair(1, 2));
    let one = to_vec(&Record(One(1))).unwrap();
    assert_eq!(back(&one), b"h\x02w\x03onea\x01".escape_ascii().to_string());
    assert_eq!(from_slice::<Record<One>>(&one).unwrap().0, One(1));
    let unit = to_vec(&Record(Unit)).unwrap();
    assert_eq!(back(&unit), b"h\x01w\x04none".escape_ascii().to_string());
    assert_eq!(from_slice::<Record<Unit>>(&unit).unwrap().0, Unit);
    let option = to_vec(&Record(Some(Pair(1, 2)))).unwrap();
    assert_eq!(option, pair);
    assert_eq!(
        from_slice::<Record<Option<Pair>>>(&pair).unwrap().0,
        Some(Pair(1, 2))
    );
    let none = to_vec(&Record(None::<Pair>)).unwrap();
    assert_eq!(from_slice::<Record<Option<Pair>>>(&none).unwrap().0, None);
    // Another tag, another length, another type.
    assert!(from_slice::<Record<One>>(&pair).is_err());
    assert!(from_slice::<Record<Pair>>(b"\x83h\x03w\x05pairxa\x01a\x02").is_err());
    assert!(from_slice::<Record<Pair>>(b"\x83h\x02w\x04paira\x01").is_err());
    assert!(from_slice::<Record<Pair>>(b"\x83h\x04w\x04paira\x01a\x01a\x01").is_err());
    assert!(from_slice::<Record<Pair>>(b"\x83j").is_err());
    assert!(matches!(
        to_vec(&Record(1)).unwrap_err().kind(),
        ErrorKind::Wrapper("Record")
    ));
}

#[test]
#[cfg(feature = "zlib")]
fn compressed_terms() {
    use erland_etf::serde::from_slice_owned;
    use erland_etf::{DecodeErrorKind, EncodeOptions};

    let value = vec![String::from("text"); 100];
    let term = to_term(&value).unwrap();
    let bytes = EncodeOptions::new().compressed(6).to_vec(&term).unwrap();
    assert_eq!(bytes[1], 80);
    assert_eq!(from_slice_owned::<Vec<String>>(&bytes).unwrap(), value);
    // What may borrow cannot be inflated.
    let error = from_slice::<Vec<String>>(&bytes).unwrap_err();
    assert_eq!(
        error.kind(),
        &ErrorKind::Decode(DecodeErrorKind::Compressed)
    );
    assert_eq!(
        from_slice_owned::<Vec<String>>(&to_vec(&value).unwrap()).unwrap(),
        value
    );
    let small = Config::new().with_limits(erland_etf::Limits::DEFAULT.with_max_inflated(10));
    assert!(
        small
            .from_slice_owned::<Vec<String>>(&bytes)
            .unwrap_err()
            .is_limit()
    );
}
