//! The containers that decoding has open, and how each of them ends.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{iter, mem};

use smallvec::SmallVec;

use crate::atom::Atom;
use crate::error::DecodeErrorKind as Kind;
use crate::fun::InternalFun;
use crate::list::List;
use crate::map::{DuplicateKey, Map};
use crate::read::Step;
use crate::record::{DuplicateField, Record};
use crate::term::Term;
use crate::tuple::Tuple;

/// A container that still waits for terms, with what it has.
///
/// Two bytes of input (a tuple of one element) open one of them, and the stack takes three times
/// their size while it doubles. At 32 bytes that keeps decoding within 64 bytes of memory for one
/// of input; what is larger is boxed.
pub(super) enum Frame {
    Tuple {
        owed: u32,
        terms: Vec<Term>,
    },
    /// At least one element.
    List {
        /// How many elements are due; after them, the tail.
        owed: u32,
        terms: Vec<Term>,
    },
    /// At least one element and then the tail.
    Improper {
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

/// Pushes, in a form in which the compiler sees that nothing can fail where there is room, and so
/// writes the value where it stays. All vectors here have room for what is owed to them.
#[inline(always)]
pub(super) fn push<T>(values: &mut Vec<T>, value: T) {
    if values.len() < values.capacity() {
        values.push(value);
    } else {
        push_slow(values, value);
    }
}

/// Puts a term where `[]` is, which needs no dropping: so nothing can fail here either.
#[inline(always)]
pub(super) fn put(place: &mut Term, term: Term) {
    mem::forget(mem::replace(place, term));
}

#[cold]
#[inline(never)]
fn push_slow<T>(values: &mut Vec<T>, value: T) {
    values.push(value);
}

/// The containers that are open.
pub(super) struct Open {
    pub(super) frames: SmallVec<[Frame; 8]>,
    /// The term asked for, once nothing is open.
    pub(super) root: Term,
}

impl Default for Open {
    fn default() -> Self {
        Self {
            frames: SmallVec::new(),
            root: Term::nil(),
        }
    }
}

impl Open {
    /// Opens a container within the one opened last.
    #[inline(always)]
    pub(super) fn push(&mut self, frame: Frame) {
        if self.frames.len() < self.frames.capacity() {
            self.frames.push(frame);
        } else {
            self.push_slow(frame);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_slow(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// Ends the container opened last, which has been emptied. It stays where it is until then: to move what was just written in parts is slow.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        mem::forget(self.frames.pop());
    }

    // Functions of their own, so that the compiler sees the term to its place: it arrives in
    // registers and is written once.

    #[inline(never)]
    pub(super) fn add_tuple(&mut self, tuple: Tuple) {
        self.add(Term::Tuple(tuple));
    }

    #[inline(never)]
    pub(super) fn add_list(&mut self, terms: List) {
        self.add(Term::List(terms));
    }

    #[inline(never)]
    pub(super) fn add_map(&mut self, map: Map) {
        self.add(Term::Map(map));
    }

    /// Gives a term to the container that waits for it.
    #[inline(always)]
    pub(super) fn add(&mut self, term: Term) {
        match self.frames.last_mut() {
            Some(Frame::Tuple { owed, terms }) => {
                push(terms, term);
                *owed = owed.saturating_sub(1);
            }
            Some(top @ Frame::List { owed: 0, .. }) => top.add_tail(term),
            Some(Frame::List { owed, terms }) => {
                push(terms, term);
                *owed = owed.saturating_sub(1);
            }
            Some(Frame::Map { owed, pairs }) => {
                match pairs.last_mut() {
                    Some((_, value)) if *owed & 1 == 1 => put(value, term),
                    _ => push(pairs, (term, Term::nil())),
                }
                *owed = owed.saturating_sub(1);
            }
            Some(Frame::Fun(fun)) => {
                fun.free.push(term);
                fun.owed = fun.owed.saturating_sub(1);
            }
            Some(Frame::Record(record)) => {
                record.values.push(term);
                record.owed = record.owed.saturating_sub(1);
            }
            // It has all its terms.
            Some(Frame::Improper { .. }) => {}
            None => put(&mut self.root, term),
        }
    }

    /// The elements of the list whose tail is next.
    pub(super) fn at_tail(&mut self) -> Option<&mut Vec<Term>> {
        match self.frames.last_mut() {
            Some(Frame::List { owed: 0, terms }) => Some(terms),
            _ => None,
        }
    }

    /// Makes the list whose tail was next wait for so many more elements.
    pub(super) fn lengthen(&mut self, more: u32) {
        if let Some(Frame::List { owed, .. }) = self.frames.last_mut() {
            *owed = more;
        }
    }
}

impl Frame {
    #[inline(never)]
    fn add_tail(&mut self, tail: Term) {
        if let Self::List { terms, .. } = self {
            let mut terms = mem::take(terms);
            // Else one more term could double the memory.
            terms.reserve_exact(1);
            terms.push(tail);
            *self = Self::Improper { terms };
        }
    }
}

#[inline(always)]
pub(super) fn end_map(pairs: Vec<(Term, Term)>) -> Step<Map> {
    Map::from_pairs(pairs).map_err(|DuplicateKey| Kind::DuplicateKey)
}

/// A fun that waits for its free variables.
pub(super) struct OpenFun {
    pub(super) owed: u32,
    pub(super) fun: InternalFun,
    pub(super) free: Vec<Term>,
}

impl OpenFun {
    pub(super) fn end(self) -> Term {
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
    pub(super) fn end(self) -> Step<Term> {
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
