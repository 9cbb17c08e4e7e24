//! How terms are dropped, however deep they nest.
//!
//! Every container gives up what is inside to the functions here before it is dropped, and they
//! empty the containers they find there before they drop them: so what the compiler drops by itself
//! is never nested.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use crate::fun::Fun;
use crate::term::Term;

/// Down to here by recursion, which is faster than a list of what is still to be dropped. Most
/// messages nest less.
const SHALLOW: u32 = 32;

/// Drops terms that were inside of a container.
#[inline]
pub(crate) fn drop_terms(terms: Box<[Term]>) {
    if !terms.is_empty() {
        shallow(terms, SHALLOW);
    }
}

/// Drops the keys and values of a map.
#[inline]
pub(crate) fn drop_pairs(pairs: Box<[(Term, Term)]>) {
    if !pairs.is_empty() {
        shallow_pairs(pairs, SHALLOW);
    }
}

fn shallow(mut terms: Box<[Term]>, depth: u32) {
    let found = terms
        .iter()
        .fold(Found::Nothing, |found, term| found.max(found_in(term)));
    match found {
        // The loop is none: nothing is left of it.
        Found::Nothing => terms.into_vec().into_iter().for_each(mem::forget),
        Found::Owned => {}
        Found::Nested => {
            for term in &mut terms {
                empty(term, depth);
            }
        }
    }
}

fn shallow_pairs(mut pairs: Box<[(Term, Term)]>, depth: u32) {
    let found = pairs.iter().fold(Found::Nothing, |found, (key, value)| {
        found.max(found_in(key)).max(found_in(value))
    });
    match found {
        Found::Nothing => pairs.into_vec().into_iter().for_each(mem::forget),
        Found::Owned => {}
        Found::Nested => {
            for (key, value) in &mut pairs {
                empty(key, depth);
                empty(value, depth);
            }
        }
    }
}

/// What there is to do about terms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// They own nothing.
    Nothing,
    /// They own memory or count references.
    Owned,
    /// There are terms inside.
    Nested,
}

#[inline(always)]
fn found_in(term: &Term) -> Found {
    let owned = match term {
        Term::Integer(integer) => integer.is_boxed(),
        Term::Float(_) => false,
        Term::Atom(atom) => atom.is_shared(),
        Term::Binary(binary) => binary.is_shared(),
        Term::Tuple(_) | Term::Map(_) | Term::Fun(_) | Term::Record(_) => return Found::Nested,
        Term::List(list) if list.has_terms() => return Found::Nested,
        Term::List(list) => !list.is_inline(),
        Term::BitString(_) | Term::Pid(_) | Term::Port(_) | Term::Reference(_) | Term::Local(_) => {
            true
        }
    };
    if owned { Found::Owned } else { Found::Nothing }
}

/// Drops what is inside of a term, except for what needs no more than dropping the term itself.
#[inline]
fn empty(term: &mut Term, depth: u32) {
    let Some(depth) = depth.checked_sub(1) else {
        return deep(term);
    };
    match term {
        Term::Tuple(tuple) => shallow(mem::take(&mut tuple.0), depth),
        Term::Map(map) => shallow_pairs(mem::take(&mut map.0), depth),
        Term::List(list) => {
            if let Some(terms) = list.take_terms() {
                shallow(terms, depth);
            }
        }
        rare => {
            if let Some(terms) = take_rare(rare) {
                shallow(terms, depth);
            }
        }
    }
}

/// What is inside of a fun or record.
#[inline(never)]
fn take_rare(term: &mut Term) -> Option<Box<[Term]>> {
    match term {
        Term::Fun(fun) => match &mut **fun {
            Fun::Internal(fun) => Some(mem::take(&mut fun.free.0)),
            Fun::Export(_) => None,
        },
        Term::Record(record) => Some(mem::take(&mut record.values_mut().0)),
        _ => None,
    }
}

/// By lists of what is still to be dropped, 16 bytes for each container of one level.
#[inline(never)]
fn deep(term: &mut Term) {
    let mut todo = Todo::default();
    todo.take(term);
    loop {
        if let Some(mut terms) = todo.terms.pop() {
            for term in &mut terms {
                todo.take(term);
            }
        } else if let Some(mut pairs) = todo.pairs.pop() {
            for (key, value) in &mut pairs {
                todo.take(key);
                todo.take(value);
            }
        } else {
            return;
        }
    }
}

#[derive(Default)]
struct Todo {
    terms: Vec<Box<[Term]>>,
    pairs: Vec<Box<[(Term, Term)]>>,
}

impl Todo {
    /// Takes out what is inside of a term.
    #[inline(always)]
    fn take(&mut self, term: &mut Term) {
        match term {
            Term::Tuple(tuple) => self.terms.push(mem::take(&mut tuple.0)),
            Term::Map(map) => self.pairs.push(mem::take(&mut map.0)),
            Term::List(list) => self.terms.extend(list.take_terms()),
            rare => self.terms.extend(take_rare(rare)),
        }
    }
}
