//! Which bytes a Rust value is, and that it is itself again afterwards.
//!
//! `interop-tests/tests/serde.rs` has live nodes make the same bytes.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use erland_etf::serde::{
    Charlist, Config, Cons, ElixirStruct, Keyword, Nothing, Pairs, Proplist, Record, from_slice,
    to_vec,
};
use erland_etf::{Atom, Binary, Integer, NodeId, Pid, Reference, Term, atom};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The bytes with the version in front are the value, both ways.
#[track_caller]
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, bytes: &[u8]) {
    let bytes = [&[131], bytes].concat();
    let encoded = to_vec(&value).expect("encoded");
    assert_eq!(
        encoded.escape_ascii().to_string(),
        bytes.escape_ascii().to_string()
    );
    assert_eq!(from_slice::<T>(&bytes).expect("decoded"), value);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Stop,
    Wait(u32),
    Move(i32, i32),
    SetName { name: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    age: Option<u8>,
}

#[test]
fn scalars() {
    golden(true, b"w\x04true");
    golden(false, b"w\x05false");
    golden(0_u8, b"a\0");
    golden(255_i64, b"a\xff");
    golden(256_u16, b"b\0\0\x01\0");
    golden(-1_i8, b"b\xff\xff\xff\xff");
    golden(1_i64 << 31, b"n\x04\0\0\0\0\x80");
    golden(u64::MAX, b"n\x08\0\xff\xff\xff\xff\xff\xff\xff\xff");
    golden(i64::MIN, b"n\x08\x01\0\0\0\0\0\0\0\x80");
    golden(u128::MAX, &[&b"n\x10\0"[..], &[255; 16]].concat());
    golden(i128::MIN, &[&b"n\x10\x01"[..], &[0; 15], &[0x80]].concat());
    golden(1.5_f64, b"F\x3f\xf8\0\0\0\0\0\0");
    golden(1.5_f32, b"F\x3f\xf8\0\0\0\0\0\0");
    golden('a', b"m\0\0\0\x01a");
    golden(String::from("h\u{e9}"), b"m\0\0\0\x03h\xc3\xa9");
    golden((), b"w\x09undefined");
    golden(None::<u8>, b"w\x09undefined");
    golden(Some(7_u8), b"a\x07");
}

#[test]
fn containers() {
    golden((1_u8, -1_i8), b"h\x02a\x01b\xff\xff\xff\xff");
    golden([1_u8, 2], b"h\x02a\x01a\x02");
    golden(Vec::<u8>::new(), b"j");
    golden(vec![1_u8, 255], b"k\0\x02\x01\xff");
    golden(vec![1_u64, 255], b"k\0\x02\x01\xff");
    golden(vec![1_u64, 256], b"l\0\0\0\x02a\x01b\0\0\x01\0j");
    golden(vec![256_u64, 1], b"l\0\0\0\x02b\0\0\x01\0a\x01j");
    golden(vec![String::from("a")], b"l\0\0\0\x01m\0\0\0\x01aj");
    golden(
        Pairs(vec![(2_u8, 'b'), (1, 'a')]),
        b"t\0\0\0\x02a\x02m\0\0\0\x01ba\x01m\0\0\0\x01a",
    );
    golden(BTreeMap::from([(1_u8, 2_u8)]), b"t\0\0\0\x01a\x01a\x02");
    golden(
        BTreeMap::from([(String::from("k"), vec![()])]),
        b"t\0\0\0\x01m\0\0\0\x01kl\0\0\0\x01w\x09undefinedj",
    );
}

#[test]
fn structs_and_enums() {
    golden(Command::Stop, b"w\x04stop");
    golden(Command::Wait(5), b"h\x02w\x04waita\x05");
    golden(Command::Move(1, 2), b"h\x03w\x04movea\x01a\x02");
    golden(
        Command::SetName { name: "x".into() },
        b"h\x02w\x08set_namet\0\0\0\x01w\x04namem\0\0\0\x01x",
    );
    golden(
        User {
            name: "joe".into(),
            age: Some(7),
        },
        b"t\0\0\0\x02w\x04namem\0\0\0\x03joew\x03agea\x07",
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "point")]
struct Point {
    x: i32,
    y: Option<i32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "MyApp.User")]
struct ElixirUser {
    id: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Options {
    active: bool,
    packet: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Fields {
    #[serde(with = "erland_etf::serde::record")]
    point: Point,
    #[serde(with = "erland_etf::serde::elixir_struct")]
    user: ElixirUser,
    #[serde(with = "erland_etf::serde::proplist")]
    options: Options,
    #[serde(with = "erland_etf::serde::keyword")]
    keyword: Options,
    #[serde(with = "erland_etf::serde::charlist")]
    text: String,
    #[serde(with = "erland_etf::serde::option::nil")]
    nil: Option<u8>,
    #[serde(with = "erland_etf::serde::option::undefined")]
    undefined: Option<u8>,
}

#[test]
fn wrappers() {
    golden(
        Record(Point { x: 1, y: None }),
        b"h\x03w\x05pointa\x01w\x09undefined",
    );
    golden(
        ElixirStruct(ElixirUser { id: 3 }),
        b"t\0\0\0\x02w\x0a__struct__w\x11Elixir.MyApp.Userw\x02ida\x03",
    );
    let options = || Options {
        active: true,
        packet: 4,
    };
    let list = b"l\0\0\0\x02h\x02w\x06activew\x04trueh\x02w\x06packeta\x04j";
    golden(Proplist(options()), list);
    golden(Keyword(options()), list);
    golden(
        Keyword(BTreeMap::from([(String::from("a"), 1_u8)])),
        b"l\0\0\0\x01h\x02w\x01aa\x01j",
    );
    golden(Charlist(String::from("h\u{e9}")), b"k\0\x02h\xe9");
    golden(Charlist(String::new()), b"j");
    golden(
        Charlist(String::from("\u{436}a")),
        b"l\0\0\0\x02b\0\0\x04\x36a\x61j",
    );
    golden(Cons(atom!("alias"), 1_u8), b"l\0\0\0\x01w\x05aliasa\x01");
    let fields = Fields {
        point: Point { x: 1, y: Some(2) },
        user: ElixirUser { id: 3 },
        options: options(),
        keyword: options(),
        text: "a".into(),
        nil: None,
        undefined: None,
    };
    golden(
        fields,
        &[
            &b"t\0\0\0\x07"[..],
            b"w\x05pointh\x03w\x05pointa\x01a\x02",
            b"w\x04usert\0\0\0\x02w\x0a__struct__w\x11Elixir.MyApp.Userw\x02ida\x03",
            b"w\x07options",
            list,
            b"w\x07keyword",
            list,
            b"w\x04textk\0\x01a",
            b"w\x03nilw\x03nil",
            b"w\x09undefinedw\x09undefined",
        ]
        .concat(),
    );
}

#[test]
fn options() {
    let nil = Config::new().with_nothing(Nothing::Nil);
    assert_eq!(
        nil.to_vec(&(None::<u8>, ())).unwrap(),
        b"\x83h\x02w\x03nilw\x03nil"
    );
    let back: (Option<Atom>, Option<Atom>) =
        nil.from_slice(b"\x83h\x02w\x03nilw\x09undefined").unwrap();
    assert_eq!(back, (None, Some(atom!("undefined"))));
    let out = Config::new().with_none_left_out(true);
    let user = User {
        name: "joe".into(),
        age: None,
    };
    let bytes = b"\x83t\0\0\0\x01w\x04namem\0\0\0\x03joe";
    assert_eq!(out.to_vec(&user).unwrap(), bytes);
    assert_eq!(from_slice::<User>(bytes).unwrap(), user);
    let map = BTreeMap::from([(1_u8, None), (2, Some(3_u8))]);
    assert_eq!(out.to_vec(&map).unwrap(), b"\x83t\0\0\0\x01a\x02a\x03");
    // What cannot be left out.
    assert_eq!(
        out.to_vec(&vec![None::<u8>]).unwrap(),
        b"\x83l\0\0\0\x01w\x09undefinedj"
    );
    assert_eq!(
        out.to_vec(&Record(Point { x: 1, y: None })).unwrap(),
        b"\x83h\x03w\x05pointa\x01w\x09undefined"
    );
}

#[test]
fn native_types() {
    let node = NodeId::new(atom!("a@b"), 7);
    golden(atom!("ok"), b"w\x02ok");
    golden(atom!("undefined"), b"w\x09undefined");
    golden(Binary::from("x"), b"m\0\0\0\x01x");
    golden(Integer::from(1), b"a\x01");
    golden(
        Integer::from(u64::MAX),
        b"n\x08\0\xff\xff\xff\xff\xff\xff\xff\xff",
    );
    golden(
        Pid::new(node.clone(), 1, 2),
        b"Xw\x03a@b\0\0\0\x01\0\0\0\x02\0\0\0\x07",
    );
    golden(
        Reference::new(node, &[1, 2]).unwrap(),
        b"Z\0\x02w\x03a@b\0\0\0\x07\0\0\0\x01\0\0\0\x02",
    );
    golden(Term::from((1, Term::string("ab"))), b"h\x02a\x01k\0\x02ab");
    golden(vec![Term::from(1), Term::from(2)], b"k\0\x02\x01\x02");
}
