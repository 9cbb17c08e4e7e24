//! Which Rust values are which terms, both ways, and what can be wrong with a term that should
//! become a Rust value.
//!
//! Into terms everything goes that always succeeds, by `From`; out of terms by `TryFrom`, from a
//! term or a reference to one. The table is in the crate's documentation.

mod from_term;
mod into_term;

use core::convert::Infallible;

use crate::error::TermKind;

/// Why a term is not the Rust value that was asked for.
///
/// The term itself is not part of it: it may be large, and it may be nobody else's to see. To have
/// it still, convert a reference.
///
/// ```
/// use erland_etf::{ConvertError, TermKind, term};
///
/// let error = String::try_from(term!(ok)).unwrap_err();
/// assert_eq!(error.to_string(), "atom instead of binary");
/// let (expected, found) = (TermKind::Binary, TermKind::Atom);
/// assert_eq!(error, ConvertError::Kind { expected, found });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// It is a term of another type.
    #[error("{found} instead of {expected}")]
    Kind {
        /// What was asked for.
        expected: TermKind,
        /// What there was.
        found: TermKind,
    },
    /// It is an integer outside the range of the type.
    #[error("integer out of range")]
    IntegerOutOfRange,
    /// It is a tuple or list with another number of elements.
    #[error("{found} elements instead of {expected}")]
    Length {
        /// How many were asked for.
        expected: usize,
        /// How many there were.
        found: usize,
    },
    /// It is a tuple that starts with anything else than the tag.
    #[error("tuple with another tag")]
    Tag,
    /// It is an atom, but neither `true` nor `false`.
    #[error("atom that is no boolean")]
    Boolean,
    /// It is a list that does not end in `[]`.
    #[error("improper list")]
    ImproperList,
    /// It is text or a binary with bytes that are not UTF-8, or a list with an integer that is no
    /// character.
    #[error("text that is not Unicode")]
    Text,
    /// It is a floating-point value that is infinite or no number, which Erlang does not have.
    #[error("float that is infinite or not a number")]
    Float,
}

impl From<Infallible> for ConvertError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
