//! Rust types to and from the External Term Format by [serde](https://serde.rs), straight between
//! bytes and values: no [`Term`] is made on the way, and text and bytes may be borrowed.
//!
//! ```
//! use erland_etf::serde::{from_slice, to_vec};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Request<'a> {
//!     Stop,
//!     Lookup { table: &'a str, keys: Vec<u64> },
//! }
//!
//! // {lookup, #{table => <<"users">>, keys => [1, 2]}}
//! let request = Request::Lookup { table: "users", keys: vec![1, 2] };
//! let bytes = to_vec(&request)?;
//! assert_eq!(from_slice::<Request>(&bytes)?, request);
//! assert_eq!(to_vec(&Request::Stop)?, b"\x83w\x04stop");
//! # Ok::<(), erland_etf::serde::Error>(())
//! ```
//!
//! # What is what
//!
//! | Rust | written as | read from |
//! |---|---|---|
//! | `bool` | `true`, `false` | the same |
//! | `i8` to `i128`, `u8` to `u128` | integer | an integer within the type |
//! | `f32`, `f64` | float; not finite is an error | a float, or an integer of exactly that value |
//! | `char` | binary of its UTF-8 | that, or its code point |
//! | `String`, `&str` | binary of its UTF-8 | that; as the key of a map also an atom |
//! | `&[u8]`, `serde_bytes`, [`Binary`](crate::Binary) | binary | a binary |
//! | `None`, `()` | `undefined` or `nil`, as [`Config`] or [`option`] says | that atom |
//! | `Some(x)` | `x` | any other term |
//! | `Vec`, sets | list, `[]` if empty | a proper list |
//! | tuples, arrays, tuple structs | tuple | a tuple of as many |
//! | maps, [`Pairs`] | map | a map; of two equal keys the type decides |
//! | `struct S { f: X }` | `#{f => X}` | a map; keys may be binaries, unknown ones are skipped |
//! | `struct S(X)` | `X` | the same |
//! | `struct S;` | `'S'` | the same |
//! | `enum`: `V` | `'V'` | the same, or a binary |
//! | `enum`: `V(X)` | `{'V', X}` | the same |
//! | `enum`: `V(X, Y)` | `{'V', X, Y}` | the same |
//! | `enum`: `V { f: X }` | `{'V', #{f => X}}` | the same |
//! | [`Record`], [`record`](mod@record) | `{'S', X, Y}` | the same |
//! | [`ElixirStruct`], [`elixir_struct`](mod@elixir_struct) | `#{'__struct__' => 'Elixir.S', f => X}` | the same |
//! | [`Proplist`], [`proplist`](mod@proplist) | `[{f, X}]` | that, with `f` for `{f, true}` |
//! | [`Keyword`], [`keyword`](mod@keyword) | `[{f, X}]` | the same |
//! | [`Charlist`], [`charlist`](mod@charlist) | list of code points | the same |
//! | [`Cons`] | `[X &#124; Y]` | the same |
//! | [`Atom`](crate::Atom), [`Pid`](crate::Pid), [`Integer`](crate::Integer), [`Term`], … | themselves | themselves |
//!
//! Names are changed by serde: `#[serde(rename_all = "snake_case")]`. Reading is strict where the
//! table does not say otherwise: an atom is no text, a tuple no list, a charlist no text. Lists are
//! written as OTP writes them, so a `Vec<u8>` is a STRING_EXT; all forms of a list are read.
//!
//! A wrapper in the table is a type to put around another, and a module of the same name for a
//! field: `#[serde(with = "erland_etf::serde::record")]`.
//!
//! # Depth and memory
//!
//! A type that contains itself is read at most [128 levels](Config::with_max_depth) deep; more is
//! an error. What no type asks for is skipped without recursion. Room is made for no more elements
//! than the input has bytes. How vectors grow is serde's and std's doing: a `Vec` starts with at most
//! 1 MiB and doubles, so that while it is read it may take three times its elements, 72 bytes for a
//! byte of input in a list of `[]` read as `Vec<Term>`. A [`Term`] by itself stays within 64.
//!
//! With the feature `std`, a thread keeps the four nodes whose pids and references it has read last,
//! so that those of one node share a [`NodeId`](crate::NodeId); without it, each has its own.
//!
//! # What serde buffers
//!
//! Untagged and internally tagged enums and `serde(flatten)` make serde read a value into a buffer
//! of its own first. That holds atoms and binaries as text, tuples and lists alike, so a [`Term`]
//! read from it has lists for tuples (atoms and binaries stay what they are), and an enum inside
//! it can have no data. The native types keep their value. Written by `serde(flatten)`, the fields
//! of a struct are binaries: see [`Config::with_atom_keys`]. Improper lists are an error there.
//!
//! # Other formats
//!
//! The types of this crate are serializable to any format. [`Atom`](crate::Atom) is text,
//! [`Binary`](crate::Binary) bytes, [`Float`](crate::Float) a number. All others are their term: in
//! a format that is not human readable its bytes in the External Term Format (without the version),
//! in one that is, such as JSON, what this table says, and come back from it:
//!
//! | term | readable form |
//! |---|---|
//! | integer of 64 bits, float, `true`, `false`, proper list | itself |
//! | larger integer | `{"$integer": "18446744073709551616"}` |
//! | atom | `{"$atom": "ok"}` |
//! | binary | `{"$binary": "text"}`, `{"$binary": [255]}` if that is not UTF-8 |
//! | bit string | `{"$bits": [[1, 64], 3]}`: bytes, and bits used of the last |
//! | tuple, improper list | `{"$tuple": [1, 2]}`, `{"$improper": [[1], 2]}` |
//! | map | `{"$map": [[1, 2]]}`: pairs |
//! | pid | `{"$pid": ["a@b", 10, 0, 1]}`: node, id, serial, creation |
//! | port | `{"$port": ["a@b", 10, 1]}`: node, id, creation |
//! | reference | `{"$reference": ["a@b", [1, 2, 3], 1]}`: node, words, creation |
//! | fun, native record, local term | `{"$external": [113]}`: bytes in the External Term Format |
//!
//! Both ways end at a depth of 128 with an error. Other formats have limits of their own.

mod config;
mod de;
mod error;
mod native;
mod nodes;
mod pairs;
mod readable;
mod ser;
mod wrap;

use alloc::vec::Vec;

use ::serde::de::DeserializeOwned;
use ::serde::{Deserialize, Serialize};
use bytes::{Bytes, BytesMut};

use crate::raw::RawTerm;
use crate::term::Term;

pub use config::{Config, Nothing};
pub use error::{Error, ErrorKind};
pub use pairs::Pairs;
pub use wrap::{
    Charlist, Cons, ElixirStruct, Keyword, Proplist, Record, charlist, elixir_struct, keyword,
    option, proplist, record,
};

/// What the names of Elixir's modules begin with.
const ELIXIR: &str = "Elixir.";

/// Encodes a value, version byte 131 included. [`Config`] has the choices.
///
/// # Errors
///
/// As [`Config::to_vec`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    Config::new().to_vec(value)
}

/// Appends an encoded value to a buffer, version byte 131 included.
///
/// # Errors
///
/// As [`Config::to_vec`]; then nothing is appended.
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut BytesMut) -> Result<(), Error> {
    Config::new().encode(value, out)
}

/// The term of a value, by way of its bytes.
///
/// # Errors
///
/// As [`Config::to_term`].
pub fn to_term<T: Serialize + ?Sized>(value: &T) -> Result<Term, Error> {
    Config::new().to_term(value)
}

/// Decodes a value, which may borrow from the bytes. The first byte is the version, 131; bytes
/// behind the term are ignored.
///
/// # Errors
///
/// As [`Config::from_slice`].
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    Config::new().from_slice(bytes)
}

/// [`from_slice`] for a value that borrows nothing, so that the bytes may also be a compressed term
/// (feature `zlib`).
///
/// # Errors
///
/// As [`Config::from_slice_owned`].
pub fn from_slice_owned<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    Config::new().from_slice_owned(bytes)
}

/// The value of a term, by way of its bytes.
///
/// # Errors
///
/// As [`Config::from_term`].
pub fn from_term<T: DeserializeOwned>(term: &Term) -> Result<T, Error> {
    Config::new().from_term(term)
}

impl RawTerm {
    /// Decodes the term into a value, which may borrow from the bytes.
    ///
    /// # Errors
    ///
    /// As [`Config::from_slice`].
    pub fn decode<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Error> {
        self.decode_with(&Config::new())
    }

    /// [`decode`](Self::decode) with other choices. There is no version byte, whatever they say.
    ///
    /// # Errors
    ///
    /// As [`Config::from_slice`].
    pub fn decode_with<'de, T: Deserialize<'de>>(&'de self, config: &Config) -> Result<T, Error> {
        config.with_version(false).read(self.reader())
    }

    /// The encoded term of a value.
    ///
    /// # Errors
    ///
    /// As [`Config::to_vec`].
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        let bytes = Config::new().with_version(false).to_vec(value)?;
        Ok(Self::new(Bytes::from(bytes)))
    }
}
