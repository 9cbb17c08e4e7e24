//! What a tuple is in memory: one boxed slice of terms.

use alloc::boxed::Box;
use alloc::vec::{self, Vec};
use core::mem;
use core::ops::Deref;

use crate::term::Term;
use crate::{drop, walk};

/// An Erlang tuple: its elements, in a handle of 16 bytes.
///
/// Reads as a slice. Clone, drop, comparison and hash take any depth of nesting without recursion.
///
/// ```
/// use erland_etf::{Term, Tuple, atom};
///
/// let tuple = Tuple::from(vec![Term::from(atom!("ok")), Term::from(1)]);
/// assert_eq!(tuple.len(), 2);
/// assert_eq!(tuple[1].as_i64(), Some(1));
/// ```
#[derive(Default)]
pub struct Tuple(pub(crate) Box<[Term]>);

impl Tuple {
    /// The elements.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Term> {
        mem::take(&mut self.0).into_vec()
    }
}

impl Deref for Tuple {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        &self.0
    }
}

impl From<Vec<Term>> for Tuple {
    /// Does not copy if the vector has no spare capacity.
    fn from(elements: Vec<Term>) -> Self {
        Self(elements.into_boxed_slice())
    }
}

impl FromIterator<Term> for Tuple {
    fn from_iter<I: IntoIterator<Item = Term>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl IntoIterator for Tuple {
    type Item = Term;
    type IntoIter = vec::IntoIter<Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Tuple {
    type Item = &'a Term;
    type IntoIter = core::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Clone for Tuple {
    fn clone(&self) -> Self {
        Self(walk::clone_terms(&self.0))
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        drop::drop_terms(mem::take(&mut self.0));
    }
}
