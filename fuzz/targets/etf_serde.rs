//! Does any input make a Rust type panic that is read by serde, and is what was read the same once
//! it is written and read again? And a `Term` read so: is it the term that decoding gives?

#![no_main]

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use erland_etf::serde::{
    Charlist, Config, Cons, ElixirStruct, ErrorKind, Keyword, Nothing, Proplist, Record,
    from_slice, to_term, to_vec,
};
use erland_etf::{
    Atom, Binary, BitString, DecodeErrorKind, Float, Fun, Integer, List, Local, Map, Pid, Port,
    RawTerm, Reference, Term, Tuple,
};
use erland_fuzz::mutate;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request<'a> {
    Stop,
    Get(u64),
    Put(&'a str, i128),
    Any(Term),
    Lookup {
        table: &'a str,
        keys: Vec<u64>,
        nested: Option<Box<Request<'a>>>,
    },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    id: Option<u128>,
    #[serde(default)]
    a: Option<f64>,
    #[serde(default)]
    b: Vec<Document>,
    #[serde(default, with = "erland_etf::serde::charlist")]
    text: String,
    #[serde(default)]
    tag: Option<Atom>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct All<'a> {
    a: u8,
    #[serde(borrow)]
    b: &'a str,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(i32);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Nothing(()),
    Truth(bool),
    Number(i64),
    Float(f64),
    Text(String),
    Pair(Atom, u8),
    Many(Vec<Untagged>),
    Map(BTreeMap<String, Untagged>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    A { x: i8 },
    B { y: Option<String>, z: Vec<u16> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    a: i64,
    #[serde(flatten)]
    rest: BTreeMap<String, Integer>,
}

/// Reads, writes and reads again, as each of these types.
macro_rules! round {
    ($data:ident, $($type:ty),* $(,)?) => {$(
        if let Ok(value) = from_slice::<$type>($data) {
            let written = to_vec(&value).expect("what was read can be written");
            let again = from_slice::<$type>(&written).expect("what was written can be read");
            assert_eq!(again, value);
            let term = to_term(&value).expect("what was read is a term");
            assert_eq!(erland_etf::from_slice(&written), Ok(term));
        }
    )*};
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    if data.starts_with(&[131, 80]) {
        // Values may borrow from the input, so none is read from one that has to be inflated.
        let error = from_slice::<Term>(data).expect_err("a compressed term");
        let kind = ErrorKind::Decode(DecodeErrorKind::Compressed);
        assert_eq!(*error.kind(), kind);
        return;
    }
    let term = erland_etf::from_slice(data);
    // The same verdict, the same term.
    assert_eq!(from_slice::<Term>(data).ok(), term.clone().ok());
    let _: Result<IgnoredAny, _> = from_slice(data);

    round!(data, bool, (i8, i16, i32, i64, i128), (u8, u16, u32, u64, u128), i128, Vec<u8>, Vec<i64>, [u8; 3], (f32, f64), f64, char, String, &str, (), Option<Term>, Option<Vec<Option<i64>>>, Vec<Term>, (Atom, Term), (Term, Term, Term), BTreeMap<Term, Term>, HashMap<String, Term>, BTreeMap<i64, Vec<Integer>>, Request<'_>, Vec<Request<'_>>, Document, All<'_>, Unit, Wrapped, Untagged, Tagged, Flat, Record<All<'_>>, ElixirStruct<All<'_>>, Proplist<All<'_>>, Proplist<BTreeMap<Atom, Term>>, Keyword<All<'_>>, Keyword<Vec<(Atom, Term)>>, Charlist<String>, Cons<Term, Term>, Vec<Cons<i64, Binary>>, Atom, Integer, Float, Binary, BitString, Pid, Port, Reference, Tuple, List, Map, Fun, erland_etf::Record, Local);

    // From a raw term, which keeps its bytes, and by way of a term.
    let body = data.get(1..).unwrap_or_default();
    let raw = RawTerm::new(Bytes::copy_from_slice(body));
    if let Ok(term) = &term {
        assert_eq!(raw.decode::<Term>().ok().as_ref(), Some(term));
        let passed: RawTerm = from_slice(data).expect("the same verdict");
        assert_eq!(passed.to_term().as_ref(), Ok(term));
        let elixir = Config::new().with_nothing(Nothing::Nil).with_max_depth(16);
        if let Ok(document) = elixir.from_slice::<Document>(data) {
            let again = elixir
                .to_vec(&document)
                .expect("what was read can be written");
            assert_eq!(elixir.from_slice::<Document>(&again).ok(), Some(document));
        }
    }
});
