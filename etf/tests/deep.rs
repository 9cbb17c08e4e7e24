//! Nesting is the peer's choice: terms nested a million deep go through everything a term can do,
//! in a debug build, on a thread with a stack of 1 MiB.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::thread;

use erland_etf::{Atom, InternalFun, Loose, NodeId, Pid, Record, Term, Tuple, atom};

/// For the one term that nests every kind of container in every other.
const DEPTH: usize = 1_000_000;

/// For one kind at a time. A stack of 1 MiB has 35 bytes for each level, so nothing can recurse.
const DEPTH_OF_EACH: usize = 30_000;

type Nest = fn(Term) -> Term;

/// One level of nesting in each way there is: as the only thing inside and with more behind it.
const KINDS: [(&str, Nest); 12] = [
    ("tuple", |inner| Term::tuple([inner])),
    ("head of tuple", |inner| Term::tuple([inner, 1.into()])),
    ("list", |inner| Term::list([inner])),
    ("head of list", |inner| Term::list([inner, 1.into()])),
    ("tail", |inner| Term::improper([1.into()], (inner,))),
    ("head of improper list", |inner| {
        Term::improper([inner], atom!("tail"))
    }),
    ("map key", |inner| map(inner, Term::nil())),
    ("map value", |inner| map(Term::nil(), inner)),
    ("fun", |inner| fun(vec![inner])),
    ("head of fun", |inner| fun(vec![inner, 1.into()])),
    ("record", |inner| record([(atom!("f"), inner)])),
    ("head of record", |inner| {
        record([(atom!("f"), inner), (atom!("g"), 1.into())])
    }),
];

fn map(key: Term, value: Term) -> Term {
    Term::map([(key, value)]).unwrap()
}

fn record(fields: impl IntoIterator<Item = (Atom, Term)>) -> Term {
    Record::new(atom!("m"), atom!("r"), true, fields)
        .unwrap()
        .into()
}

fn fun(free: Vec<Term>) -> Term {
    InternalFun {
        module: atom!("m"),
        arity: 0,
        uniq: [1; 16],
        index: 2,
        old_index: 2,
        old_uniq: 3,
        pid: Pid::new(NodeId::new(atom!("a@b"), 4), 1, 0),
        free: Tuple::from(free),
    }
    .into()
}

fn hash(term: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

fn exercise(name: &str, make: impl FnOnce() -> Term + Send) {
    let body = || {
        let term = make();
        let clone = term.clone();
        assert!(term == clone, "{name}: the clone differs");
        assert_eq!(term.cmp(&clone), Ordering::Equal, "{name}");
        assert_eq!(term.standard_cmp(&clone), Ordering::Equal, "{name}");
        assert!(term.loosely_equal(&clone), "{name}");
        assert_eq!(hash(&term), hash(&clone), "{name}");
        assert_eq!(term.phash2(), clone.phash2(), "{name}");
        assert_eq!(hash(&Loose(&term)), hash(&Loose(&clone)), "{name}");
        assert!(term.to_string() == format!("{clone:?}"), "{name}");
        assert!(format!("{term:#}") == format!("{clone:#?}"), "{name}");
        drop(term);
        drop(clone);
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(1 << 20);
        thread.spawn_scoped(scope, body).unwrap().join().unwrap();
    });
}

#[test]
fn each_kind() {
    for (name, nest) in KINDS {
        exercise(name, || {
            (0..DEPTH_OF_EACH).fold(Term::from(7), |inner, _| nest(inner))
        });
    }
}

#[test]
fn all_kinds_in_one() {
    exercise("all kinds", || {
        let kinds = KINDS.iter().cycle().take(DEPTH);
        kinds.fold(Term::from(7), |inner, (_, nest)| nest(inner))
    });
}

#[test]
fn text_of_all_kinds_in_one() {
    // The text of a fun leaves out its free variables, so it would end there.
    let kinds = KINDS.iter().filter(|(name, _)| !name.contains("fun"));
    let kinds = kinds.cycle().take(DEPTH);
    let term = kinds.fold(Term::from(7), |inner, (_, nest)| nest(inner));
    let thread = thread::Builder::new().stack_size(1 << 20);
    let text = thread
        .spawn(move || term.to_string())
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(text.matches('7').count(), 1);
    assert!(text.len() > 3 * DEPTH);
}

#[test]
fn text_of_all_kinds_parses_back() {
    // Funs of a module and native records have no syntax.
    let kinds = KINDS
        .iter()
        .filter(|(name, _)| !name.contains("fun") && !name.contains("record"));
    let kinds = kinds.cycle().take(DEPTH);
    let term = kinds.fold(Term::from(7), |inner, (_, nest)| nest(inner));
    let thread = thread::Builder::new().stack_size(1 << 20);
    let body = move || {
        let line = term.to_string();
        let lines = format!("{term:#}");
        // Nothing is indented past a column, so the text does not grow with the depth squared.
        assert!(lines.len() < 2 * line.len(), "{}", lines.len());
        assert!(lines.parse().as_ref() == Ok(&term), "another term");
        assert!(line.parse() == Ok(term), "another term");
        // What opens and never ends, and what is not in the text of a term.
        for open in [
            "{", "[", "[a|", "#{", "#{a=>", "(", "<<", "<<(", "<<1:", "-(",
        ] {
            let text = open.repeat(DEPTH / 10);
            assert!(text.parse::<Term>().unwrap_err().is_end(), "{open}");
        }
        let text = ["(".repeat(DEPTH), ")".repeat(DEPTH)].join("7");
        assert_eq!(text.parse(), Ok(Term::from(7)));
        let text = ["[1|(".repeat(DEPTH), ")]".repeat(DEPTH)].join("[]");
        let list: Term = text.parse().unwrap();
        assert_eq!(list.as_list().unwrap().len(), DEPTH);
    };
    thread.spawn(body).unwrap().join().unwrap();
}
