//! How terms are dropped, however deep they nest.
//!
//! Every container calls this before it is dropped, with what is inside. Whatever is a container
//! there gives up its own box, so that what the compiler drops afterwards is never nested.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use crate::fun::Fun;
use crate::term::Term;

/// Down to here by recursion, which is faster than a list of what is still to be dropped. Most
/// messages nest less.
const SHALLOW: u32 = 32;

/// Empties the containers among these terms.
pub(crate) fn drop_terms(terms: &mut [Term]) {
    inside(terms, SHALLOW);
}

/// Empties the containers among these keys and values.
pub(crate) fn drop_pairs(pairs: &mut [(Term, Term)]) {
    inside_pairs(pairs, SHALLOW);
}

fn inside(terms: &mut [Term], depth: u32) {
    // Most terms have nothing inside: one look at each, without a branch.
    if terms.iter().fold(false, |any, term| any | nests(term)) {
        for term in terms {
            empty(term, depth);
        }
    }
}

fn inside_pairs(pairs: &mut [(Term, Term)], depth: u32) {
    let nests = |any, (key, value): &(Term, Term)| any | nests(key) | nests(value);
    if pairs.iter().fold(false, nests) {
        for (key, value) in pairs {
            empty(key, depth);
            empty(value, depth);
        }
    }
}

/// Whether there may be terms inside this one.
#[inline(always)]
fn nests(term: &Term) -> bool {
    match term {
        Term::List(list) => list.has_terms(),
        Term::Tuple(_) | Term::Map(_) | Term::Fun(_) | Term::Record(_) => true,
        _ => false,
    }
}

/// Drops what is inside of a term, except for what needs no more than dropping the term itself.
fn empty(term: &mut Term, depth: u32) {
    let deeper = depth.checked_sub(1);
    if let (Term::List(list), Some(depth)) = (&mut *term, deeper)
        && let Some(pair) = list.pair_mut()
    {
        return inside(pair, depth);
    }
    match (take(term), deeper) {
        (None, _) => {}
        (Some(Taken::Terms(mut terms)), Some(depth)) => inside(&mut terms, depth),
        (Some(Taken::Pairs(mut pairs)), Some(depth)) => inside_pairs(&mut pairs, depth),
        (Some(taken), None) => drop_deep(taken),
    }
}

/// What was inside of a container.
enum Taken {
    Terms(Box<[Term]>),
    Pairs(Box<[(Term, Term)]>),
}

/// Takes out what is inside of a term.
fn take(term: &mut Term) -> Option<Taken> {
    let terms = match term {
        Term::Tuple(tuple) => mem::take(&mut tuple.0),
        Term::List(list) => match list.pair_mut() {
            Some(pair) => Box::new(pair.each_mut().map(|term| mem::replace(term, Term::nil()))),
            None => list.take_boxed()?,
        },
        Term::Map(map) => return Some(Taken::Pairs(mem::take(&mut map.0))),
        Term::Fun(fun) => match &mut **fun {
            Fun::Internal(fun) => mem::take(&mut fun.free.0),
            Fun::Export(_) => return None,
        },
        Term::Record(record) => mem::take(&mut record.values_mut().0),
        _ => return None,
    };
    Some(Taken::Terms(terms))
}

/// By a list of what is still to be dropped, 24 bytes for each container of one level.
#[cold]
fn drop_deep(taken: Taken) {
    let mut todo = Vec::from([taken]);
    while let Some(taken) = todo.pop() {
        let mut next = |term: &mut Term| {
            if nests(term) {
                todo.extend(take(term));
            }
        };
        match taken {
            Taken::Terms(mut terms) => terms.iter_mut().for_each(&mut next),
            Taken::Pairs(mut pairs) => {
                for (key, value) in &mut pairs {
                    next(key);
                    next(value);
                }
            }
        }
    }
}
