//! What a list is in memory. There is one list type; whether a list came as bytes (STRING_EXT) or
//! as elements (LIST_EXT) never shows.

mod repr;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::{self, Vec};
use core::iter::FusedIterator;
use core::{mem, slice};

use bytes::Bytes;

use crate::binary::Binary;
use crate::integer::Integer;
use crate::term::Term;
use crate::{drop, walk};

use repr::Repr;

pub(crate) use repr::{LIST, Short, bytes_outside};

/// An Erlang list, proper or improper, in a handle of 16 bytes.
///
/// `[]` is the empty list and takes no memory. A list of bytes that arrived as such is kept as
/// bytes ([`from_bytes`](Self::from_bytes) says where); it is equal to, hashes, orders, iterates and prints like the same list held
/// as terms. An improper list such as `[a, b | c]` has the elements `a` and `b` and the
/// [`tail`](Self::tail) `c`. A tail is never a list: one given to [`improper`](Self::improper) is
/// joined, as `[a | [b]]` is `[a, b]`.
///
/// Clone, drop, comparison and hash take any depth of nesting without recursion.
///
/// ```
/// use erland_etf::{Binary, List, Term};
///
/// let bytes = List::from_bytes(Binary::from(&b"ab"[..]));
/// let terms = List::from(vec![Term::from(97), Term::from(98)]);
/// assert_eq!(bytes, terms);
/// assert_eq!(bytes.iter().filter_map(Term::as_i64).sum::<i64>(), 97 + 98);
/// ```
pub struct List(Repr);

/// What a [`List`] holds, for code that treats the forms differently.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// `[]`
    Nil,
    /// A proper list of bytes, not empty.
    Bytes(&'a [u8]),
    /// A proper list, not empty.
    Slice(&'a [Term]),
    /// At least one element, then the tail, which is no list.
    Improper(&'a [Term]),
}

impl List {
    /// The empty list, `[]`.
    #[must_use]
    pub const fn nil() -> Self {
        Self(Repr::Nil)
    }

    /// The proper list of these bytes as integers, what Erlang calls a string. Any length.
    ///
    /// Up to 14 bytes take no memory outside, up to 120 a block of 56 or 120; a
    /// [`Bytes`](bytes::Bytes) or [`Vec`] of more is kept without a copy.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Binary>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Self::nil();
        }
        match Repr::short(bytes.len(), &bytes) {
            Some(short) => Self(short),
            None => Self::from_long_bytes(bytes.to_bytes()),
        }
    }

    /// The same of the first of these bytes, if they are few and not none, without a [`Binary`] on
    /// the way.
    #[inline(always)]
    pub(crate) fn from_short_bytes(len: usize, all: &[u8]) -> Option<Self> {
        Repr::short(len, all).map(Self)
    }

    /// The same of more bytes.
    pub(crate) fn from_long_bytes(bytes: Bytes) -> Self {
        Self(Repr::Bytes(Box::new(bytes)))
    }

    /// The bytes, if this is a short list of them.
    #[inline(always)]
    pub(crate) fn as_short(&self) -> Option<Short<'_>> {
        self.0.as_short()
    }

    /// How many bytes there are, if this is a short list of them.
    #[inline(always)]
    pub(crate) fn short_len(&self) -> Option<u8> {
        self.0.short_len()
    }

    /// Whether there may be containers inside.
    #[inline(always)]
    pub(crate) fn has_terms(&self) -> bool {
        self.0.has_terms()
    }

    /// Whether this owns no memory.
    #[inline(always)]
    pub(crate) fn is_inline(&self) -> bool {
        self.0.is_inline()
    }

    /// The list `[Items | Tail]`.
    ///
    /// A tail that is itself a list is joined, which moves its elements: a decoder that meets a
    /// list as the tail of a list goes on in the same vector, since joining inside out would cost
    /// the square of the depth.
    ///
    /// # Errors
    ///
    /// The tail itself if it is no list and there are no items, because then the whole term is the
    /// tail (a LIST_EXT of length 0 is decoded so; [`Term::improper`] does it).
    pub fn improper(mut items: Vec<Term>, tail: Term) -> Result<Self, Term> {
        match tail {
            Term::List(rest) => {
                if items.is_empty() {
                    return Ok(rest);
                }
                let proper = rest.is_proper();
                match rest.into_terms() {
                    Ok(terms) => items.extend(terms),
                    Err(bytes) => items.extend(bytes.iter().cloned()),
                }
                Ok(if proper {
                    items.into()
                } else {
                    Self::with_tail(items)
                })
            }
            tail if items.is_empty() => Err(tail),
            tail => {
                items.push(tail);
                Ok(Self::with_tail(items))
            }
        }
    }

    /// The list `[Element | Tail]`, if the tail is no list but `[]`.
    #[inline(always)]
    pub(crate) fn pair(element: Term, tail: Term) -> Option<Self> {
        if let Term::List(tail) = &tail {
            let terms = tail.is_empty().then(|| Box::new([element]))?;
            return Some(Self(Repr::One(terms)));
        }
        Some(Self(Repr::Pair(Box::new([element, tail]))))
    }

    /// Of at least one element, then the tail, which is no list.
    fn with_tail(terms: Vec<Term>) -> Self {
        Self(Repr::improper(terms.into_boxed_slice()))
    }

    /// How many elements there are; the tail of an improper list is none.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.view() {
            View::Nil => 0,
            View::Bytes(bytes) => bytes.len(),
            View::Slice(terms) => terms.len(),
            View::Improper(terms) => terms.len() - 1,
        }
    }

    /// Whether this is `[]`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.view(), View::Nil)
    }

    /// Whether the list ends in `[]`.
    #[must_use]
    pub fn is_proper(&self) -> bool {
        !matches!(self.view(), View::Improper(_))
    }

    /// What follows the last element: `[]`, or the tail of an improper list.
    #[must_use]
    pub fn tail(&self) -> &Term {
        match self.view() {
            View::Improper([.., tail]) => tail,
            _ => &NIL,
        }
    }

    /// The element at this position, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Term> {
        match self.view() {
            View::Nil => None,
            View::Bytes(bytes) => bytes.get(index).map(|byte| byte_term(*byte)),
            View::Slice(terms) | View::Improper([terms @ .., _]) => terms.get(index),
            View::Improper([]) => None,
        }
    }

    /// The elements in order, without the tail of an improper list.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter::of(self.view())
    }

    /// The elements as bytes, if the list is proper and each is an integer from 0 to 255.
    ///
    /// Borrowed if the list is held that way, otherwise collected. `[]` gives no bytes, not `None`.
    #[must_use]
    pub fn as_bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self.view() {
            View::Nil => Some(Cow::Borrowed(&[])),
            View::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            View::Slice(terms) => terms
                .iter()
                .map(|term| u8::try_from(term.as_i64()?).ok())
                .collect::<Option<Vec<u8>>>()
                .map(Cow::Owned),
            View::Improper(_) => None,
        }
    }

    /// The elements, if the list is proper.
    #[must_use]
    pub fn into_vec(self) -> Option<Vec<Term>> {
        if !self.is_proper() {
            return None;
        }
        Some(match self.into_terms() {
            Ok(terms) => terms.into_vec(),
            Err(bytes) => bytes.iter().cloned().collect(),
        })
    }

    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        self.0.view()
    }

    /// All terms held, the tail of an improper list last.
    pub(crate) fn terms_mut(&mut self) -> &mut [Term] {
        self.0.terms_mut()
    }

    /// Takes out what [`terms_mut`](Self::terms_mut) shows, if there is something.
    #[inline(always)]
    pub(crate) fn take_terms(&mut self) -> Option<Box<[Term]>> {
        if !self.has_terms() {
            return None;
        }
        mem::replace(&mut self.0, Repr::Nil).into_terms().ok()
    }

    /// The same, or the list itself.
    fn into_terms(mut self) -> Result<Box<[Term]>, Self> {
        mem::replace(&mut self.0, Repr::Nil)
            .into_terms()
            .map_err(Self)
    }

    /// The same list around other terms, which are as many and, at the tail, no list either.
    pub(crate) fn rebuild(&self, make: impl FnOnce(&[Term]) -> Box<[Term]>) -> Self {
        Self(self.0.rebuild(make))
    }
}

impl Default for List {
    fn default() -> Self {
        Self::nil()
    }
}

impl From<Vec<Term>> for List {
    /// Does not copy if the vector has no spare capacity.
    fn from(elements: Vec<Term>) -> Self {
        Self(Repr::slice(elements.into_boxed_slice()))
    }
}

impl FromIterator<Term> for List {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Self {
        elements.into_iter().collect::<Vec<_>>().into()
    }
}

impl IntoIterator for List {
    type Item = Term;
    type IntoIter = vec::IntoIter<Term>;

    /// The elements in order, without the tail of an improper list;
    /// [`into_vec`](Self::into_vec) refuses an improper list.
    fn into_iter(self) -> Self::IntoIter {
        let proper = self.is_proper();
        let mut terms = match self.into_terms() {
            Ok(terms) => terms.into_vec(),
            Err(bytes) => bytes.iter().cloned().collect(),
        };
        if !proper {
            terms.pop();
        }
        terms.into_iter()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Term;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl Clone for List {
    fn clone(&self) -> Self {
        self.rebuild(walk::clone_terms)
    }
}

impl Drop for List {
    #[inline]
    fn drop(&mut self) {
        if let Some(terms) = self.take_terms() {
            drop::drop_terms(terms);
        }
    }
}

/// The elements of a [`List`], by reference; see [`List::iter`].
///
/// The elements of a list held as bytes are references into a table of 256 terms.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Elements<'a>);

impl<'a> Iter<'a> {
    fn of(view: View<'a>) -> Self {
        Self(match view {
            View::Nil | View::Improper([]) => Elements::Terms([].iter()),
            View::Bytes(bytes) => Elements::Bytes(bytes.iter()),
            View::Slice(terms) | View::Improper([terms @ .., _]) => Elements::Terms(terms.iter()),
        })
    }
}

#[derive(Clone, Debug)]
enum Elements<'a> {
    Terms(slice::Iter<'a, Term>),
    Bytes(slice::Iter<'a, u8>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        match &mut self.0 {
            Elements::Terms(terms) => terms.next(),
            Elements::Bytes(bytes) => bytes.next().map(|byte| byte_term(*byte)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Elements::Terms(terms) => terms.size_hint(),
            Elements::Bytes(bytes) => bytes.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Elements::Terms(terms) => terms.next_back(),
            Elements::Bytes(bytes) => bytes.next_back().map(|byte| byte_term(*byte)),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

static NIL: Term = Term::nil();

static BYTES: [Term; 256] = bytes();

const fn bytes() -> [Term; 256] {
    let mut table = [const { Term::nil() }; 256];
    let mut slots: &mut [Term] = &mut table;
    let mut value = 0;
    while let [slot, rest @ ..] = slots {
        // A constant cannot drop a term; there is nothing to drop in the empty list.
        mem::forget(mem::replace(slot, Term::Integer(Integer::small(value))));
        value += 1;
        slots = rest;
    }
    table
}

fn byte_term(byte: u8) -> &'static Term {
    // All 256 indices exist; the fallback only spares a panic path.
    BYTES.get(usize::from(byte)).unwrap_or(&NIL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use std::string::ToString;
    use std::vec;

    fn improper(items: &[u8], tail: impl Into<Term>) -> Term {
        Term::improper(items.iter().map(|item| Term::from(*item)), tail)
    }

    #[test]
    fn a_tail_that_is_a_list_is_joined() {
        let cases = [
            (improper(&[1], Term::nil()), "[1]"),
            (improper(&[1], List::from_bytes(vec![2, 3])), "[1,2,3]"),
            (improper(&[1], Term::list([atom!("a").into()])), "[1,a]"),
            (improper(&[1], improper(&[2], atom!("t"))), "[1,2|t]"),
            (improper(&[], improper(&[2], atom!("t"))), "[2|t]"),
            (improper(&[], Term::nil()), "[]"),
            (improper(&[], atom!("t")), "t"),
        ];
        for (term, text) in cases {
            assert_eq!(term.to_string(), text);
        }
        assert_eq!(List::improper(vec![], Term::from(1)), Err(Term::from(1)));
    }

    #[test]
    fn an_improper_list_shows_its_elements_apart_from_its_tail() {
        let list = List::improper(vec![1.into(), 2.into()], atom!("t").into()).unwrap();
        assert_eq!(list.len(), 2);
        assert!(!list.is_proper() && !list.is_empty());
        assert_eq!(list.tail(), &Term::from(atom!("t")));
        assert!(list.iter().eq([&Term::from(1), &Term::from(2)]));
        assert_eq!(list.get(1), Some(&Term::from(2)));
        assert_eq!(list.get(2), None);
        assert_eq!(list.as_bytes(), None);
        assert!(list.clone().into_iter().eq([Term::from(1), 2.into()]));
        let pair = List::improper(vec![1.into()], atom!("t").into()).unwrap();
        assert!(pair.into_iter().eq([Term::from(1)]));
        assert!(
            List::from_bytes(vec![7; 100])
                .into_iter()
                .eq(vec![Term::from(7); 100])
        );
        assert_eq!(list.into_vec(), None);
    }

    #[test]
    fn every_byte_is_its_own_term() {
        let all: Vec<u8> = (0..=255).collect();
        let list = List::from_bytes(all.clone());
        assert!(list.iter().map(Term::as_i64).eq((0..256).map(Some)));
        assert_eq!(list.as_bytes(), Some(Cow::Borrowed(&all[..])));
        assert_eq!(list.iter().len(), 256);
    }

    #[test]
    fn only_lists_of_bytes_are_bytes() {
        assert_eq!(List::nil().as_bytes().as_deref(), Some(&[][..]));
        let list = |items: [i64; 2]| List::from_iter(items.map(Term::from));
        assert_eq!(list([0, 255]).as_bytes().as_deref(), Some(&[0, 255][..]));
        assert_eq!(list([0, 256]).as_bytes(), None);
        assert_eq!(list([-1, 0]).as_bytes(), None);
    }

    #[test]
    fn nil_has_one_form() {
        for nil in [
            List::from_bytes(vec![]),
            List::from(vec![]),
            List::default(),
        ] {
            assert!(matches!(nil.view(), View::Nil));
            assert!(nil.is_empty() && nil.is_proper());
            assert!(nil.tail().is_nil());
            assert_eq!(nil.iter().next(), None);
            assert_eq!(nil.into_vec(), Some(vec![]));
        }
    }
}
