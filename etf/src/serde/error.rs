//! Why a Rust value has no term, and why a term is no Rust value of the type asked for.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

use crate::atom::AtomError;
use crate::compress;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};

/// Why a value could not be serialized or deserialized; one pointer in size.
///
/// Completes "failed to decode a message: …".
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    offset: Option<usize>,
}

/// What is wrong with a value or a term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are no term, or a term of another type than the Rust type takes
    /// ([`DecodeErrorKind::Unexpected`], [`DecodeErrorKind::IntegerOutOfRange`]).
    #[error(transparent)]
    Decode(#[from] DecodeErrorKind),
    /// Some part of the value is larger than the format or OTP takes.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A name of a type, variant or field, or a key, is no atom.
    #[error(transparent)]
    Atom(#[from] AtomError),
    /// The Rust type nests deeper than [`Config::max_depth`](super::Config::max_depth), or a term
    /// deeper than another format is given or takes it.
    #[error("nested deeper than {0} levels")]
    DepthLimit(usize),
    /// A float is infinite or not a number: Erlang has no such floats.
    #[error("float that is not finite")]
    NotFinite,
    /// A binary where text is asked for is not UTF-8.
    #[error("binary that is not UTF-8")]
    NotUtf8,
    /// A list does not end in `[]`, where only a proper list will do.
    #[error("improper list")]
    ImproperList,
    /// A list, tuple or map has more parts than the Rust type takes.
    #[error("{0} parts too many")]
    TooManyParts(usize),
    /// A tuple has another number of elements than the Rust type.
    #[error("tuple of {found} elements instead of {expected}")]
    TupleLength {
        /// What was asked for.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// An atom is another one than the type says: the tag of a record, the name of a unit struct,
    /// the module of an Elixir struct, a boolean, or the atom that stands for nothing.
    #[error("another atom than {0}")]
    OtherAtom(&'static str),
    /// A map is no Elixir struct, for it lacks the key `__struct__`.
    #[error("map without __struct__ instead of an Elixir struct {0}")]
    NoStruct(&'static str),
    /// A wrapper of this module (named) is around a type that it cannot be around.
    #[error("the wrapper {0} cannot be around this type")]
    Wrapper(&'static str),
    /// A key of a keyword list is no atom.
    #[error("key of a keyword list that is no atom")]
    KeywordKey,
    /// What the type itself, or serde for it, has to say.
    #[error("{0}")]
    Message(String),
}

impl Error {
    #[cold]
    pub(super) fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, offset: None }))
    }

    /// The same error with the place where the term starts, unless it has one.
    #[cold]
    pub(super) fn at(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// The same error, whose place is in no input of the caller's.
    #[cold]
    pub(super) fn nowhere(mut self) -> Self {
        self.0.offset = None;
        self
    }

    /// The error of a term that was inflated.
    #[cold]
    pub(super) fn inflated(mut self) -> Self {
        if let ErrorKind::Decode(kind) = self.0.kind {
            let error = DecodeError::new(kind, self.0.offset.unwrap_or_default());
            self.0.kind = compress::inside(error).kind().into();
        }
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where in the input the term starts that is wrong, as far as that is known; always unknown
    /// when serializing.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// Whether the input ended too early.
    #[must_use]
    pub fn is_eof(&self) -> bool {
        self.0.kind == ErrorKind::Decode(DecodeErrorKind::Eof)
    }

    /// Whether a limit on depth or memory was reached.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::DepthLimit(_)
                | ErrorKind::Decode(DecodeErrorKind::HeapLimit | DecodeErrorKind::InflatedLimit)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.offset {
            Some(offset) => write!(f, "{} at byte {offset}", self.0.kind),
            None => self.0.kind.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("offset", &self.0.offset)
            .finish()
    }
}

impl core::error::Error for Error {}

impl From<DecodeError> for Error {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self::new(error.kind().into()).at(error.offset())
    }
}

impl<E: Into<ErrorKind>> From<E> for Error {
    #[cold]
    fn from(error: E) -> Self {
        Self::new(error.into())
    }
}

impl ::serde::ser::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(ErrorKind::Message(message.to_string()))
    }
}

impl ::serde::de::Error for Error {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(ErrorKind::Message(message.to_string()))
    }
}
