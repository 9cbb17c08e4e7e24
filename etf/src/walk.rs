//! How terms are walked through: clone, drop, equality and hash without recursion.
//!
//! Nesting is a peer's choice, so it may not use up the thread's stack. Every walk keeps its own
//! stack, which starts on the thread's and goes to the heap when terms nest deeper than most do.
//! Order is in `order.rs`, text in `text/print.rs`; they walk with the pieces from here.

use alloc::boxed::Box;
use core::convert::Infallible;
use core::hash::{Hash, Hasher};
use core::{mem, slice};

use smallvec::SmallVec;

use crate::atom::Atom;
use crate::binary::{Binary, BitString};
use crate::float::Float;
use crate::fun::{ExportFun, Fun, InternalFun};
use crate::ident::{Pid, Port, Reference};
use crate::integer::Integer;
use crate::list::{self, List};
use crate::local::Local;
use crate::map::Map;
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;

/// The stack of a walk. Eight levels are more than most messages nest.
pub(crate) type Stack<T> = SmallVec<[T; 8]>;

/// A reference to a [`Term`], or to what could be one: so containers, which are types of their
/// own, are walked through by the same functions as terms.
#[derive(Clone, Copy)]
pub(crate) enum TermRef<'a> {
    Integer(&'a Integer),
    Float(Float),
    Atom(&'a Atom),
    Reference(&'a Reference),
    ExportFun(&'a ExportFun),
    InternalFun(&'a InternalFun),
    Port(&'a Port),
    Pid(&'a Pid),
    Tuple(&'a Tuple),
    Record(&'a Record),
    Map(&'a Map),
    List(&'a List),
    Binary(&'a Binary),
    BitString(&'a BitString),
    Local(&'a Local),
}

impl<'a> From<&'a Term> for TermRef<'a> {
    fn from(term: &'a Term) -> Self {
        match term {
            Term::Integer(integer) => Self::Integer(integer),
            Term::Float(float) => Self::Float(*float),
            Term::Atom(atom) => Self::Atom(atom),
            Term::Binary(binary) => Self::Binary(binary),
            Term::BitString(bits) => Self::BitString(bits),
            Term::Pid(pid) => Self::Pid(pid),
            Term::Port(port) => Self::Port(port),
            Term::Reference(reference) => Self::Reference(reference),
            Term::Tuple(tuple) => Self::Tuple(tuple),
            Term::List(list) => Self::List(list),
            Term::Map(map) => Self::Map(map),
            Term::Fun(fun) => Self::from(&**fun),
            Term::Record(record) => Self::Record(record),
            Term::Local(local) => Self::Local(local),
        }
    }
}

impl<'a> From<&'a Fun> for TermRef<'a> {
    fn from(fun: &'a Fun) -> Self {
        match fun {
            Fun::Export(fun) => Self::ExportFun(fun),
            Fun::Internal(fun) => Self::InternalFun(fun),
        }
    }
}

/// The terms inside one container, one after the other.
pub(crate) enum Children<'a> {
    Terms(slice::Iter<'a, Term>),
    /// Pairs, and the value of the pair whose key was given out last.
    Pairs(slice::Iter<'a, (Term, Term)>, Option<&'a Term>),
}

impl<'a> Children<'a> {
    /// What is inside this term. A list held as bytes has nothing inside in this sense.
    pub(crate) fn of(term: TermRef<'a>) -> Self {
        Self::Terms(match term {
            TermRef::Tuple(tuple) => tuple.iter(),
            TermRef::List(list) => match list.view() {
                list::View::Slice(terms) | list::View::Improper(terms) => terms.iter(),
                list::View::Nil | list::View::Bytes(_) => [].iter(),
            },
            TermRef::Map(map) => return Self::Pairs(map.0.iter(), None),
            TermRef::InternalFun(fun) => fun.free.iter(),
            TermRef::Record(record) => record.values().iter(),
            _ => [].iter(),
        })
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        match self {
            Self::Terms(terms) => terms.next(),
            Self::Pairs(pairs, value) => value.take().or_else(|| {
                let (key, next) = pairs.next()?;
                *value = Some(next);
                Some(key)
            }),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match self {
            Self::Terms(terms) => terms.len(),
            Self::Pairs(pairs, value) => {
                let rest = pairs.len().saturating_mul(2);
                rest.saturating_add(usize::from(value.is_some()))
            }
        };
        (len, Some(len))
    }
}

impl ExactSizeIterator for Children<'_> {}

/// Calls the function with each of these terms and what is inside of them, which it tells: first
/// with a term, then with those inside, then with the next one.
pub(crate) fn visit<'a, I, E>(
    terms: I,
    mut inside: impl FnMut(&'a Term) -> Result<I, E>,
) -> Result<(), E>
where
    I: ExactSizeIterator<Item = &'a Term>,
{
    let mut current = terms;
    let mut stack: Stack<I> = Stack::new();
    loop {
        let Some(term) = current.next() else {
            match stack.pop() {
                Some(outer) => current = outer,
                None => return Ok(()),
            }
            continue;
        };
        let inner = inside(term)?;
        if inner.len() > 0 {
            let outer = mem::replace(&mut current, inner);
            if outer.len() > 0 {
                stack.push(outer);
            }
        }
    }
}

/// Whether there are terms inside this one.
fn has_children(term: &Term) -> bool {
    match term {
        Term::Tuple(_) | Term::List(_) | Term::Map(_) | Term::Fun(_) | Term::Record(_) => {
            !Children::of(term.into()).is_empty()
        }
        _ => false,
    }
}

// ---- clone ----

/// Containers that were cloned with `[]` in place of every container inside: originals on the
/// left, on the right the places to fill.
enum Cloning<'a, 'b> {
    Terms(slice::Iter<'a, Term>, slice::IterMut<'b, Term>),
    /// Also the value of the pair whose key was given out last.
    Pairs(
        slice::Iter<'a, (Term, Term)>,
        slice::IterMut<'b, (Term, Term)>,
        Option<(&'a Term, &'b mut Term)>,
    ),
}

impl Cloning<'_, '_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Terms(from, _) => from.len() == 0,
            Self::Pairs(from, _, value) => from.len() == 0 && value.is_none(),
        }
    }
}

impl<'a, 'b> Iterator for Cloning<'a, 'b> {
    type Item = (&'a Term, &'b mut Term);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Terms(from, to) => Some((from.next()?, to.next()?)),
            Self::Pairs(from, to, value) => value.take().or_else(|| {
                let (from_key, from_value) = from.next()?;
                let (to_key, to_value) = to.next()?;
                *value = Some((from_value, to_value));
                Some((from_key, to_key))
            }),
        }
    }
}

/// A copy of these terms.
pub(crate) fn clone_terms(terms: &[Term]) -> Box<[Term]> {
    let mut clone = clone_outside(terms);
    if terms.iter().any(has_children) {
        fill(Cloning::Terms(terms.iter(), clone.iter_mut()));
    }
    clone
}

/// A copy of these keys and values.
pub(crate) fn clone_pairs(pairs: &[(Term, Term)]) -> Box<[(Term, Term)]> {
    let mut clone = clone_outside_pairs(pairs);
    if pairs
        .iter()
        .any(|(key, value)| has_children(key) || has_children(value))
    {
        fill(Cloning::Pairs(pairs.iter(), clone.iter_mut(), None));
    }
    clone
}

fn fill(outermost: Cloning<'_, '_>) {
    let mut current = outermost;
    let mut stack: Stack<Cloning<'_, '_>> = Stack::new();
    loop {
        let Some((from, to)) = current.next() else {
            match stack.pop() {
                Some(outer) => current = outer,
                None => return,
            }
            continue;
        };
        if !has_children(from) {
            continue;
        }
        *to = clone_container(from);
        let inner = match (Children::of(from.into()), to) {
            (Children::Pairs(from, _), Term::Map(to)) => {
                Cloning::Pairs(from, to.0.iter_mut(), None)
            }
            (Children::Pairs(..), _) => continue,
            (Children::Terms(from), to) => Cloning::Terms(from, terms_mut(to).iter_mut()),
        };
        let outer = mem::replace(&mut current, inner);
        if !outer.is_empty() {
            stack.push(outer);
        }
    }
}

fn clone_outside(terms: &[Term]) -> Box<[Term]> {
    terms.iter().map(clone_or_leave).collect()
}

fn clone_outside_pairs(pairs: &[(Term, Term)]) -> Box<[(Term, Term)]> {
    pairs
        .iter()
        .map(|(key, value)| (clone_or_leave(key), clone_or_leave(value)))
        .collect()
}

fn clone_or_leave(term: &Term) -> Term {
    if has_children(term) {
        Term::nil()
    } else {
        term.clone()
    }
}

fn clone_container(term: &Term) -> Term {
    match term {
        Term::Tuple(tuple) => Term::Tuple(Tuple(clone_outside(tuple))),
        Term::List(list) => Term::List(list.rebuild(clone_outside)),
        Term::Map(map) => Term::Map(Map(clone_outside_pairs(&map.0))),
        Term::Fun(fun) => Term::Fun(Box::new(match &**fun {
            Fun::Internal(fun) => Fun::Internal(fun.rebuild(clone_outside)),
            Fun::Export(fun) => Fun::Export(fun.clone()),
        })),
        Term::Record(record) => Term::Record(Box::new(record.rebuild(clone_outside))),
        other => other.clone(),
    }
}

fn terms_mut(term: &mut Term) -> &mut [Term] {
    match term {
        Term::Tuple(tuple) => &mut tuple.0,
        Term::List(list) => list.terms_mut(),
        Term::Fun(fun) => match &mut **fun {
            Fun::Internal(fun) => &mut fun.free.0,
            Fun::Export(_) => &mut [],
        },
        Term::Record(record) => &mut record.values_mut().0,
        _ => &mut [],
    }
}

// ---- two terms at a time ----

/// Two containers of the same kind and size, of which one element after the other is compared.
pub(crate) enum Pairwise<'a> {
    Terms(slice::Iter<'a, Term>, slice::Iter<'a, Term>),
    Keys(slice::Iter<'a, (Term, Term)>, slice::Iter<'a, (Term, Term)>),
    Values(slice::Iter<'a, (Term, Term)>, slice::Iter<'a, (Term, Term)>),
}

impl<'a> Pairwise<'a> {
    pub(crate) fn terms(a: &'a [Term], b: &'a [Term]) -> Self {
        Self::Terms(a.iter(), b.iter())
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Terms(a, b) => a.len() == 0 || b.len() == 0,
            Self::Keys(a, b) | Self::Values(a, b) => a.len() == 0 || b.len() == 0,
        }
    }
}

impl<'a> Iterator for Pairwise<'a> {
    type Item = (&'a Term, &'a Term);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Terms(a, b) => Some((a.next()?, b.next()?)),
            Self::Keys(a, b) => Some((&a.next()?.0, &b.next()?.0)),
            Self::Values(a, b) => Some((&a.next()?.1, &b.next()?.1)),
        }
    }
}

/// What makes two funs the same piece of code; the process that made them and the old index are no
/// part of it (`fun_cmp` in ERTS, `erl_fun.c`; seen on 25, 27 and 29).
pub(crate) fn entry(fun: &InternalFun) -> impl Eq + Hash + '_ {
    let numbers = (fun.index, fun.old_uniq, fun.arity);
    (&fun.module, numbers, fun.uniq)
}

/// What makes two records the same kind.
pub(crate) fn definition(record: &Record) -> impl Eq + Hash + '_ {
    let names = record.names();
    (record.module(), record.name(), record.is_exported(), names)
}

// ---- hash ----

/// Hashes a term consistently with [`equal`].
pub(crate) fn hash<H: Hasher>(term: TermRef<'_>, state: &mut H) {
    let inside = hash_outside(term, state);
    let Ok(()) = visit(inside, |term| {
        Ok::<_, Infallible>(hash_outside(term.into(), state))
    });
}

/// Hashes the kind of a term, its size and what is no term in it.
fn hash_outside<'a, H: Hasher>(term: TermRef<'a>, state: &mut H) -> Children<'a> {
    state.write_u8(term.rank());
    match term {
        TermRef::Integer(integer) => integer.hash(state),
        TermRef::Float(float) => float.hash(state),
        TermRef::Atom(atom) => atom.hash(state),
        TermRef::Binary(binary) => binary.hash(state),
        TermRef::BitString(bits) => bits.hash(state),
        TermRef::Pid(pid) => pid.hash(state),
        TermRef::Port(port) => port.hash(state),
        TermRef::Reference(reference) => reference.hash(state),
        TermRef::ExportFun(fun) => fun.hash(state),
        TermRef::Local(local) => local.hash(state),
        TermRef::Tuple(tuple) => state.write_usize(tuple.len()),
        TermRef::Map(map) => state.write_usize(map.len()),
        TermRef::InternalFun(fun) => {
            entry(fun).hash(state);
            state.write_usize(fun.free.len());
        }
        TermRef::Record(record) => definition(record).hash(state),
        TermRef::List(list) => {
            state.write_usize(list.len());
            state.write_u8(u8::from(list.is_proper()));
            if let list::View::Bytes(bytes) = list.view() {
                for byte in bytes {
                    let integer = Integer::from(*byte);
                    hash_outside(TermRef::Integer(&integer), state);
                }
            }
        }
    }
    Children::of(term)
}
