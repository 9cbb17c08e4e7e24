//! Whether two terms are equal: Erlang's `=:=`.
//!
//! The same as being level in the order of map keys, but it need not find out who is smaller: sizes
//! decide first.

use core::{iter, mem};

use crate::list::{self, List};
use crate::term::Term;
use crate::walk::{self, Pairwise, Stack, TermRef};

enum Equality<'a> {
    Known(bool),
    /// It is that of these, and then these.
    Inside(Pairwise<'a>, Option<Pairwise<'a>>),
}

/// Erlang's `=:=`.
pub(crate) fn equal(a: TermRef<'_>, b: TermRef<'_>) -> bool {
    let (mut current, mut stack) = match equality(a, b) {
        Equality::Known(equal) => return equal,
        Equality::Inside(first, second) => (first, Stack::from_iter(second)),
    };
    loop {
        let Some((a, b)) = current.next() else {
            match stack.pop() {
                Some(outer) => current = outer,
                None => return true,
            }
            continue;
        };
        match common_equal(a, b) {
            Some(true) => continue,
            Some(false) => return false,
            None => {}
        }
        match equality(a.into(), b.into()) {
            Equality::Known(true) => {}
            Equality::Known(false) => return false,
            Equality::Inside(first, second) => {
                let outer = mem::replace(&mut current, first);
                if !outer.is_empty() {
                    stack.push(outer);
                }
                stack.extend(second);
            }
        }
    }
}

/// For what is compared most often: without the preparations that a container needs.
#[inline]
pub(crate) fn common_equal(a: &Term, b: &Term) -> Option<bool> {
    match (a, b) {
        (Term::Atom(a), Term::Atom(b)) => Some(a == b),
        (Term::Integer(a), Term::Integer(b)) => Some(a == b),
        _ => None,
    }
}

fn equality<'a>(a: TermRef<'a>, b: TermRef<'a>) -> Equality<'a> {
    use TermRef as T;
    let known = match (a, b) {
        (T::Integer(a), T::Integer(b)) => a == b,
        (T::Float(a), T::Float(b)) => a == b,
        (T::Atom(a), T::Atom(b)) => a == b,
        (T::Binary(a), T::Binary(b)) => a == b,
        (T::BitString(a), T::BitString(b)) => a == b,
        (T::Pid(a), T::Pid(b)) => a == b,
        (T::Port(a), T::Port(b)) => a == b,
        (T::Reference(a), T::Reference(b)) => a == b,
        (T::ExportFun(a), T::ExportFun(b)) => a == b,
        (T::Local(a), T::Local(b)) => a == b,
        (T::Tuple(a), T::Tuple(b)) => return inside_equal(true, a, b),
        (T::List(a), T::List(b)) => return lists_equal(a, b),
        (T::Map(a), T::Map(b)) => {
            if a.len() == b.len() {
                return Equality::Inside(
                    Pairwise::Keys(a.0.iter(), b.0.iter()),
                    Some(Pairwise::Values(a.0.iter(), b.0.iter())),
                );
            }
            false
        }
        (T::InternalFun(a), T::InternalFun(b)) => {
            return inside_equal(walk::entry(a) == walk::entry(b), &a.free, &b.free);
        }
        (T::Record(a), T::Record(b)) => {
            let outside = walk::definition(a) == walk::definition(b);
            return inside_equal(outside, a.values(), b.values());
        }
        _ => false,
    };
    Equality::Known(known)
}

fn inside_equal<'a>(outside: bool, a: &'a [Term], b: &'a [Term]) -> Equality<'a> {
    if outside && a.len() == b.len() {
        Equality::Inside(Pairwise::terms(a, b), None)
    } else {
        Equality::Known(false)
    }
}

fn lists_equal<'a>(a: &'a List, b: &'a List) -> Equality<'a> {
    use list::View as V;
    Equality::Known(match (a.view(), b.view()) {
        (V::Nil, V::Nil) => true,
        (V::Bytes(a), V::Bytes(b)) => a == b,
        (V::Bytes(bytes), V::Slice(terms)) | (V::Slice(terms), V::Bytes(bytes)) => {
            bytes.len() == terms.len()
                && iter::zip(bytes, terms).all(|(byte, term)| term.as_i64() == Some((*byte).into()))
        }
        (V::Slice(a), V::Slice(b)) | (V::Improper(a), V::Improper(b)) => {
            return inside_equal(true, a, b);
        }
        _ => false,
    })
}
