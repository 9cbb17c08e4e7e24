//! The containers that decoding has open, and how each of them ends.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::iter;

use crate::atom::Atom;
use crate::error::DecodeErrorKind as Kind;
use crate::fun::InternalFun;
use crate::list::List;
use crate::read::Step;
use crate::record::{DuplicateField, Record};
use crate::term::Term;

/// A container that still waits for terms, with what it has.
///
/// Two bytes of input (a tuple of one element) open one of them, and the stack takes three times
/// their size while it doubles. At 32 bytes that keeps decoding within 64 bytes of memory for one
/// of input; what is larger is boxed.
pub(super) enum Frame {
    /// Nothing is open: the next term is the one asked for.
    Root,
    Tuple {
        owed: u32,
        terms: Vec<Term>,
    },
    /// At least one element; once it has all, the tail comes.
    List {
        owed: u32,
        terms: Vec<Term>,
    },
    /// Keys and values count one each. A key waits in its pair with `[]` as value.
    Map {
        owed: u32,
        pairs: Vec<(Term, Term)>,
    },
    Fun(Box<OpenFun>),
    Record(Box<OpenRecord>),
}

const _: () = assert!(size_of::<Frame>() <= 32);

/// Counts one term off what is owed; whether there is more.
#[inline(always)]
pub(super) fn counted(owed: &mut u32) -> bool {
    *owed = owed.saturating_sub(1);
    *owed > 0
}

#[inline(always)]
pub(super) fn end_list(terms: Vec<Term>, tail: Term) -> Term {
    if tail.is_nil() {
        Term::List(terms.into())
    } else {
        end_improper(terms, tail)
    }
}

#[inline(never)]
fn end_improper(mut terms: Vec<Term>, tail: Term) -> Term {
    // Else one more term could double the memory.
    terms.reserve_exact(1);
    match List::improper(terms, tail) {
        Ok(list) => Term::List(list),
        Err(tail) => tail,
    }
}

/// A fun that waits for its free variables.
pub(super) struct OpenFun {
    pub(super) owed: u32,
    pub(super) fun: InternalFun,
    pub(super) free: Vec<Term>,
}

impl OpenFun {
    pub(super) fn close(self) -> Term {
        Term::from(InternalFun {
            free: self.free.into(),
            ..self.fun
        })
    }
}

/// A record that waits for its values.
pub(super) struct OpenRecord {
    pub(super) owed: u32,
    pub(super) module: Atom,
    pub(super) name: Atom,
    pub(super) exported: bool,
    pub(super) names: Vec<Atom>,
    pub(super) values: Vec<Term>,
}

impl OpenRecord {
    pub(super) fn close(self) -> Step<Term> {
        let fields = iter::zip(self.names, self.values);
        Record::new(self.module, self.name, self.exported, fields)
            .map(Term::from)
            .map_err(|DuplicateField| Kind::DuplicateField)
    }
}

/// Room for this many more. By a quarter at least, so that a chain of short lists is not copied for
/// each; by no more, so that growing stays within 64 bytes of memory for a byte of input.
pub(super) fn grow(terms: &mut Vec<Term>, more: usize) {
    if terms.capacity().saturating_sub(terms.len()) < more {
        terms.reserve_exact(more.max(terms.len() / 4));
    }
}
