//! Does nesting that somebody else chooses end in an error, on a stack of 1 MiB?

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::collections::BTreeMap;
use std::thread;

use erland_etf::serde::{Config, Error, ErrorKind, from_slice, from_term, to_term, to_vec};
use erland_etf::{RawTerm, Term};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

const DEEP: usize = 1_000_000;

/// Where each kind of container is tried. A stack of 1 MiB has 35 bytes for each level.
const DEEP_OF_EACH: usize = 30_000;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(test);
    thread.expect("a thread").join().expect("no panic");
}

/// What is `depth` times around nil.
fn around(depth: usize, before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut bytes = vec![131];
    bytes.extend(before.repeat(depth));
    bytes.push(106);
    bytes.extend(after.repeat(depth));
    bytes
}

const LIST: (&[u8], &[u8]) = (&[108, 0, 0, 0, 1], &[106]);
const TUPLE: (&[u8], &[u8]) = (&[104, 1], &[]);
/// The value of a map, and the key of one.
const VALUE: (&[u8], &[u8]) = (&[116, 0, 0, 0, 1, 97, 1], &[]);
const KEY: (&[u8], &[u8]) = (&[116, 0, 0, 0, 1], &[97, 1]);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Lists(Vec<Lists>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tuples(Option<Box<(Tuples,)>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Maps(BTreeMap<u8, Maps>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    More(Box<Choice>),
    Pair(Box<Choice>, u8),
    End,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    List(Vec<Untagged>),
    Map(BTreeMap<String, Untagged>),
}

/// Takes no bytes of its own, however often it is around itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Endless(Option<Box<Endless>>);

fn is_depth(error: &Error) -> bool {
    error.is_limit() && matches!(error.kind(), ErrorKind::DepthLimit(128))
}

#[test]
fn recursive_types_end_at_the_limit() {
    on_a_small_stack(|| {
        let lists = around(DEEP, LIST.0, LIST.1);
        assert!(is_depth(&from_slice::<Lists>(&lists).unwrap_err()));
        assert!(is_depth(&from_slice::<Untagged>(&lists).unwrap_err()));
        assert!(is_depth(
            &from_slice::<serde_json::Value>(&lists).unwrap_err()
        ));
        let tuples = around(DEEP, TUPLE.0, TUPLE.1);
        assert!(is_depth(&from_slice::<Tuples>(&tuples).unwrap_err()));
        assert!(is_depth(
            &from_slice::<serde_json::Value>(&tuples).unwrap_err()
        ));
        let maps = around(DEEP, VALUE.0, VALUE.1);
        assert!(is_depth(&from_slice::<Maps>(&maps).unwrap_err()));
        let node = around(DEEP, b"t\0\0\0\x01w\x04next", b"");
        assert!(is_depth(&from_slice::<Node>(&node).unwrap_err()));
        let more = around(DEEP, b"h\x02w\x04More", b"");
        assert!(is_depth(&from_slice::<Choice>(&more).unwrap_err()));
        let pair = around(DEEP, b"h\x03w\x04Pair", b"a\x01");
        assert!(is_depth(&from_slice::<Choice>(&pair).unwrap_err()));
        assert!(is_depth(&from_slice::<Endless>(b"\x83a\x01").unwrap_err()));
    });
}

#[test]
fn the_limit_is_exact_and_can_be_set() {
    let nested = |depth| around(depth, LIST.0, LIST.1);
    // The innermost list is a level too.
    assert!(from_slice::<Lists>(&nested(127)).is_ok());
    assert!(is_depth(&from_slice::<Lists>(&nested(128)).unwrap_err()));
    let config = Config::new().with_max_depth(300);
    assert!(config.from_slice::<Lists>(&nested(299)).is_ok());
    let error = config.from_slice::<Lists>(&nested(300)).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::DepthLimit(300));
    // Levels beside each other are none.
    let wide = vec![vec![vec![7_u16]; 100]; 100];
    assert_eq!(
        from_slice::<Vec<Vec<Vec<u16>>>>(&to_vec(&wide).unwrap()).unwrap(),
        wide
    );
}

#[test]
fn what_is_ignored_is_skipped_at_any_depth() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Known {
        known: u8,
    }

    on_a_small_stack(|| {
        for shape in [LIST, TUPLE, VALUE, KEY] {
            let depth = if shape == TUPLE { DEEP } else { DEEP_OF_EACH };
            let bytes = around(depth, shape.0, shape.1);
            from_slice::<IgnoredAny>(&bytes).expect("skipped");
            let mut map = b"\x83t\0\0\0\x02w\x05otherX".to_vec();
            map.pop();
            map.extend(&bytes[1..]);
            map.extend(b"w\x05knowna\x07");
            assert_eq!(from_slice::<Known>(&map).unwrap(), Known { known: 7 });
        }
    });
}

#[test]
fn terms_have_no_limit_in_our_own_format() {
    on_a_small_stack(|| {
        let depths = [(DEEP, TUPLE), (DEEP_OF_EACH, LIST), (DEEP_OF_EACH, VALUE)];
        for (depth, (before, after)) in depths {
            let bytes = around(depth, before, after);
            let term: Term = from_slice(&bytes).expect("a term");
            assert_eq!(to_vec(&term).unwrap(), bytes);
            let raw: RawTerm = from_slice(&bytes).expect("a raw term");
            assert_eq!(to_vec(&raw).unwrap(), bytes);
            assert!(to_term(&term).unwrap() == term);
            assert!(from_term::<Term>(&term).unwrap() == term);
        }
    });
}

#[test]
fn terms_in_other_formats_end_at_a_limit() {
    on_a_small_stack(|| {
        let term = |depth, (before, after): (&[u8], &[u8])| {
            from_slice::<Term>(&around(depth, before, after)).expect("a term")
        };
        for shape in [LIST, TUPLE, VALUE, KEY] {
            let depth = if shape == TUPLE { DEEP } else { DEEP_OF_EACH };
            let deep = serde_json::to_string(&term(depth, shape)).expect_err("too deep");
            assert!(
                deep.to_string().contains("nested deeper than 128 levels"),
                "{deep}"
            );
            let fits = term(127, shape);
            serde_json::to_string(&fits).expect("within the limit");
            let back = term(30, shape);
            let text = serde_json::to_string(&back).unwrap();
            assert_eq!(serde_json::from_str::<Term>(&text).unwrap(), back);
        }
        let text = format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP));
        assert!(serde_json::from_str::<Term>(&text).is_err());
        // Where the other format has no limit of its own, ours holds.
        let mut value = serde_json::Value::Array(Vec::new());
        for _ in 0..500 {
            value = serde_json::Value::Array(vec![value]);
        }
        let error = serde_json::from_value::<Term>(value).unwrap_err();
        assert!(error.to_string().contains("nested deeper"), "{error}");
    });
}
