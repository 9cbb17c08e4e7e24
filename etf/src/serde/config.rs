//! What may be chosen about the mapping, and the functions that do it as chosen.

use alloc::vec::Vec;

use ::serde::de::DeserializeOwned;
use ::serde::{Deserialize, Serialize};
use bytes::BytesMut;

use crate::compress;
use crate::limits::Limits;
use crate::read::Reader;
use crate::term::Term;
use crate::write::Writer;

use super::de::Deserializer;
use super::error::Error;
use super::ser::Serializer;

/// How deep a Rust type may nest unless told otherwise.
const MAX_DEPTH: usize = 128;

/// Which atom stands for [`None`] and for `()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nothing {
    /// `undefined`, as in Erlang.
    #[default]
    Undefined,
    /// `nil`, as in Elixir.
    Nil,
}

impl Nothing {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Nil => "nil",
        }
    }
}

/// How Rust values become terms and terms become Rust values.
///
/// ```
/// use erland_etf::serde::{Config, Nothing};
///
/// let elixir = Config::new().with_nothing(Nothing::Nil);
/// assert_eq!(elixir.to_vec(&(1, None::<i32>))?, b"\x83h\x02a\x01w\x03nil");
/// let (one, none): (i32, Option<i32>) = elixir.from_slice(b"\x83h\x02a\x01w\x03nil")?;
/// assert_eq!((one, none), (1, None));
/// # Ok::<(), erland_etf::serde::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    nothing: Nothing,
    left_out: bool,
    atom_keys: bool,
    max_depth: usize,
    limits: Limits,
    version: bool,
}

impl Config {
    /// What applies when nothing else is said: `undefined` for nothing, 128 levels, the version
    /// byte 131 in front.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            nothing: Nothing::Undefined,
            left_out: false,
            atom_keys: false,
            max_depth: MAX_DEPTH,
            limits: Limits::DEFAULT,
            version: true,
        }
    }

    /// Sets the atom that [`None`] and `()` are written as and that is read as such. Any other atom
    /// is a value.
    #[must_use]
    pub const fn with_nothing(mut self, nothing: Nothing) -> Self {
        self.nothing = nothing;
        self
    }

    /// Sets whether a field or entry whose value is [`None`] is left out of its map
    /// instead (by default it is not).
    ///
    /// Elements of lists and tuples, fields of records and a whole value cannot be left out; there
    /// it is the atom of [`with_nothing`](Self::with_nothing). Reading needs no such setting: serde
    /// takes a missing field of type `Option` for `None`.
    #[must_use]
    pub const fn with_none_left_out(mut self, left_out: bool) -> Self {
        self.left_out = left_out;
        self
    }

    /// Sets whether text is written as an atom where it is the key of a map (by default it is a
    /// binary). The fields of structs are atoms in either case, except that `serde(flatten)` makes
    /// them text.
    ///
    /// Not for keys that somebody else chooses: atoms are never collected in a BEAM.
    #[must_use]
    pub const fn with_atom_keys(mut self, atom_keys: bool) -> Self {
        self.atom_keys = atom_keys;
        self
    }

    /// Sets how many levels of Rust types deep a term may be read: each list, tuple, map or enum
    /// with data is one (128 by default). More is an error; each level takes thread stack.
    #[must_use]
    pub const fn with_max_depth(mut self, levels: usize) -> Self {
        self.max_depth = levels;
        self
    }

    /// How many levels deep a term may be read.
    #[must_use]
    pub const fn max_depth(&self) -> usize {
        self.max_depth
    }

    /// Sets the limits for each [`Term`] inside a type. Other types allocate what they hold, never
    /// by what a length field claims, and have no limit but that.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets whether the version byte 131 is in front of the term (by default it is). Inside
    /// messages of the distribution it is not.
    #[must_use]
    pub const fn with_version(mut self, version: bool) -> Self {
        self.version = version;
        self
    }

    pub(super) const fn nothing(&self) -> Nothing {
        self.nothing
    }

    pub(super) const fn leaves_out(&self) -> bool {
        self.left_out
    }

    pub(super) const fn has_atom_keys(&self) -> bool {
        self.atom_keys
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    // ---- to terms ----

    /// Encodes a value.
    ///
    /// # Errors
    ///
    /// If the value has no term (a float that is not finite, a name that is no atom), if some part
    /// of it is larger than the format or OTP takes, or if its type says so. Not if a value gives a
    /// map two equal keys (`Pairs` and `serde(flatten)` can): that is written, and no decoder of
    /// whole terms takes it.
    pub fn to_vec<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, Error> {
        let mut out = BytesMut::with_capacity(128);
        self.encode(value, &mut out)?;
        Ok(out.into())
    }

    /// Appends an encoded value to a buffer.
    ///
    /// # Errors
    ///
    /// As [`to_vec`](Self::to_vec); then nothing is appended.
    pub fn encode<T: Serialize + ?Sized>(
        &self,
        value: &T,
        out: &mut BytesMut,
    ) -> Result<(), Error> {
        let start = out.len();
        let mut writer = Writer::new(out);
        if self.version {
            writer.version();
        }
        let result = value.serialize(&mut Serializer::new(writer, *self));
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// The term of a value, by way of its bytes.
    ///
    /// # Errors
    ///
    /// As [`to_vec`](Self::to_vec), and past the limits.
    pub fn to_term<T: Serialize + ?Sized>(&self, value: &T) -> Result<Term, Error> {
        let bytes = self.with_version(false).to_vec(value)?;
        Ok(Reader::new(&bytes).read_term(&self.limits)?)
    }

    // ---- from terms ----

    /// Decodes a value, which may borrow from the bytes. Bytes behind the term are ignored, as by
    /// `binary_to_term/1`.
    ///
    /// # Errors
    ///
    /// On bytes that are no term as far as the type looks at them, on terms of another type than
    /// the Rust type takes, and past the limit on depth.
    pub fn from_slice<'de, T: Deserialize<'de>>(&self, bytes: &'de [u8]) -> Result<T, Error> {
        self.read(Reader::new(bytes))
    }

    /// [`from_slice`](Self::from_slice) for a value that borrows nothing, so that the bytes may also
    /// be a compressed term (feature `zlib`). It is inflated within [`Limits::max_inflated`].
    ///
    /// # Errors
    ///
    /// As [`from_slice`](Self::from_slice), and as [`crate::from_slice`] on compressed terms.
    pub fn from_slice_owned<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Error> {
        if self.version
            && let Some(plain) = compress::plain(bytes, &self.limits)?
        {
            let value = self.read(Reader::new(&plain));
            return value.map_err(Error::inflated);
        }
        self.from_slice(bytes)
    }

    /// The value of a term, by way of its bytes.
    ///
    /// # Errors
    ///
    /// As [`from_slice`](Self::from_slice), and on terms that have no bytes
    /// ([`EncodeError`](crate::EncodeError)).
    pub fn from_term<T: DeserializeOwned>(&self, term: &Term) -> Result<T, Error> {
        let mut bytes = BytesMut::new();
        term.encode(&mut bytes)?;
        self.with_version(false).from_slice(&bytes)
    }

    /// Decodes the next term of a reader: where all bytes come in.
    pub(super) fn read<'de, T: Deserialize<'de>>(
        &self,
        mut reader: Reader<'de>,
    ) -> Result<T, Error> {
        if self.version {
            reader.read_version()?;
        }
        T::deserialize(&mut Deserializer::new(reader, *self))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
