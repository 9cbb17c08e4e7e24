//! Erlang's terms and their External Term Format.
//!
//! A [`Term`] is any value that Erlang can send. The codec reads and writes it as
//! `term_to_binary/1` and the distribution protocol do ("External Term Format" in the
//! documentation of ERTS), and is made for bytes of a hostile peer: it never panics, never
//! recurses on nesting and never allocates by what a length field claims. The crate knows nothing
//! of nodes, sockets or clocks; it is `no_std` with `alloc`, and has no unsafe code.
//!
//! ```
//! use erland_etf::{Map, Pid, Term, term};
//! # let pid = Pid::new(erland_etf::NodeId::new(erland_etf::atom!("a@b"), 1), 5, 0);
//!
//! // Erlang's spelling, with Rust expressions in parentheses.
//! let reply = term!({ok, (pid), #{name => <<"joe">>, sizes => [1, 2, 3]}});
//!
//! // Taken apart by patterns,
//! if let Some([Term::Pid(pid), Term::Map(map)]) = reply.tagged("ok") {
//!     assert_eq!(map.get_atom("name").and_then(Term::as_str), Some("joe"));
//! #   assert_eq!(pid.id(), 5);
//! }
//! // or moved out as Rust values, with an error that says what was found instead.
//! let (pid, map): (Pid, Map) = reply.try_into_tagged("ok")?;
//! let sizes = map.get_atom("sizes").ok_or("no sizes")?;
//! assert_eq!(Vec::<u8>::try_from(sizes)?, [1, 2, 3]);
//! # assert_eq!(pid.id(), 5);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Terms
//!
//! | Erlang | `Term` | made from | size, beyond the 24 bytes of the term |
//! |---|---|---|---|
//! | `1`, `16#ffffffffffffffffff` | [`Integer`] | `i8` to `i128`, `u8` to `u128`, `isize`, `usize`, `num_bigint::{BigInt, BigUint}` | none up to 128 bits |
//! | `1.5` | [`Float`] | [`Float::new`], `Term::try_from(f64)` | none |
//! | `ok`, `'an atom'`, `true` | [`Atom`] | [`atom!`], [`Atom::new`], `bool` | none up to 14 bytes and for literals, 64 bytes up to 48 (shared) |
//! | `<<1, 2>>` | [`Binary`] | `&str`, `String`, [`Term::binary`], [`Bytes`](bytes::Bytes); `Vec<u8>` into [`Binary`] | none up to 14 bytes, 64 bytes up to 48; longer ones share their bytes |
//! | `<<1, 2:3>>` | [`BitString`] | [`BitString::new`] | boxed |
//! | `<0.10.0>` | [`Pid`] | [`Pid::new`] | shared by node |
//! | `#Port<0.1>` | [`Port`] | [`Port::new`] | shared by node |
//! | `#Ref<0.1.2.3>` | [`Reference`] | [`Reference::new`] | boxed |
//! | `{a, b}` | [`Tuple`] | Rust tuples of up to 12, [`Term::tuple`] | 24 bytes per element |
//! | `[]`, `[a, b]` | [`List`] | `Vec`, slices and arrays (also of `u8`), [`Term::list`], [`Term::nil`] | 24 bytes per element |
//! | `"text"` | [`List`] | [`Term::string`], [`List::from_bytes`] | if all elements are bytes: nothing up to 14 of them, 56 bytes up to 56, 120 up to 120; above, a byte per element |
//! | `[a &#124; b]` | [`List`] | [`Term::improper`], [`List::improper`] | 64 bytes; with more elements, 24 bytes for each and for the tail besides |
//! | `#{k => v}` | [`Map`] | `BTreeMap`, `HashMap`, [`Term::map`], [`Map::from_pairs`] | 48 bytes per pair |
//! | `fun lists:map/2` | [`Fun::Export`] | [`ExportFun`] | boxed |
//! | `fun(X) -> X end` | [`Fun::Internal`] | [`InternalFun`] | boxed |
//! | `#mod:name{k = v}` | [`Record`] (OTP 29) | [`Record::new`] | boxed |
//! | LOCAL_EXT | [`Local`] | [`Local::new`] | boxed |
//!
//! What Rust values become with `From`, terms become with `TryFrom`, by value or by reference, or it
//! is a [`ConvertError`]. Nothing is guessed: `Vec<u8>` is a list, since `u8` is an integer, and text
//! is a binary; [`Term::iodata_to_vec`] and [`Term::chardata_to_string`] take what Erlang code hands
//! to sockets and files. `Option`, `char` and `()` have no conversion, because what stands for
//! nothing, or for a character, is a matter of each protocol.
//!
//! Equality is Erlang's `=:=`; for `==` and the standard order see [`Term`] and [`Loose`].
//! [`Term::phash2`] is the hash that all nodes compute alike. There is no limit on nesting but memory:
//! clone, drop, comparison, hash and text take no more thread stack for deeper terms.
//!
//! # Text
//!
//! `{}` prints a term as `~tw` does, and `{:#}` as `~tp`: strings as such where all characters are
//! printable Latin-1 (what `erl` without `+pc unicode` takes for printable), and lines of 80
//! columns, broken and indented as by OTP 29. Differences: the pairs of a map come in key order, as
//! with `~ktp`; identifiers show the name of their node; the names in `fun m:f/1` are quoted like
//! all atoms; and what starts behind column 160 is not broken any more, so that deep nesting does
//! not fill the text with spaces.
//!
//! [`str::parse`] takes what `erl_scan:string/1` and `erl_parse:parse_term/1` of OTP 29 take, except
//! for binaries whose sizes are far beyond their text. A term without pids, ports, references,
//! funs of a module, native records and [`Local`] terms parses back from either text to an equal
//! term.
//!
//! ```
//! use erland_etf::Term;
//!
//! let term: Term = r#"{ok, [1, 2, #{a => <<"b">>}], "text", 16#ff}."#.parse()?;
//! assert_eq!(term.to_string(), "{ok,[1,2,#{a => <<98>>}],[116,101,120,116],255}");
//! assert_eq!(format!("{term:#}"), r#"{ok,[1,2,#{a => <<"b">>}],"text",255}"#);
//!
//! let error = "{ok, [1, 2}".parse::<Term>().unwrap_err();
//! assert_eq!(error.to_string(), "unexpected '}' at line 1, column 11");
//! # Ok::<(), erland_etf::ParseError>(())
//! ```
//!
//! # Features
//!
//! - `std` (default): conversions of `HashMap`, the nodes that the feature `serde` keeps for a
//!   thread, and the `std` features of the dependencies.
#![cfg_attr(
    feature = "serde",
    doc = "- `serde`: Rust types to and from terms, straight between bytes and values: [`serde`]."
)]
#![cfg_attr(
    not(feature = "serde"),
    doc = "- `serde`: Rust types to and from terms, straight between bytes and values."
)]
//! - `zlib`: compressed terms. [`from_slice`] and [`from_bytes`] inflate them, within
//!   [`Limits::max_inflated`], and [`EncodeOptions`] can compress. Without it they are an error of
//!   a kind of its own.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod access;
mod atom;
mod binary;
mod convert;
mod drop;
mod equal;
mod float;
mod fun;
mod ident;
mod integer;
mod iodata;
mod key;
mod list;
mod local;
mod loose;
mod macros;
mod map;
mod medium;
mod order;
mod phash2;
mod record;
mod term;
mod text;
mod tuple;
mod walk;

// ---- codec: tag, error, limits, read, write, decode, encode, raw ----
mod compress;
mod decode;
mod encode;
mod error;
mod limits;
mod options;
mod raw;
mod read;
mod tag;
mod write;

#[cfg(feature = "serde")]
pub mod serde;

pub use crate::decode::{from_bytes, from_bytes_with, from_slice, from_slice_with};
pub use crate::encode::to_vec;
pub use crate::error::{DecodeError, DecodeErrorKind, EncodeError, TermKind};
pub use crate::limits::Limits;
pub use crate::options::EncodeOptions;
pub use crate::raw::{AtomTable, RawTerm};
pub use crate::read::{
    AtomText, ExportParts, FunParts, NodeParts, PidParts, PortParts, Reader, RecordParts,
    ReferenceParts, Token,
};
pub use crate::write::{AtomRefs, MessageAtoms, RefWriter, Writer};
// ---- end of codec ----

pub use crate::atom::{Atom, AtomError, MAX_ATOM_CHARACTERS};
pub use crate::binary::{Binary, BitString, BitStringError};
pub use crate::convert::ConvertError;
pub use crate::float::Float;
pub use crate::fun::{ExportFun, Fun, InternalFun};
pub use crate::ident::{NodeId, Pid, Port, Reference, ReferenceError};
pub use crate::integer::Integer;
pub use crate::list::{Iter as ListIter, List};
pub use crate::local::Local;
pub use crate::loose::Loose;
pub use crate::map::{DuplicateKey, Iter as MapIter, Map};
pub use crate::record::{DuplicateField, Iter as RecordIter, Record};
pub use crate::term::Term;
pub use crate::text::{ParseError, ParseErrorKind};
pub use crate::tuple::Tuple;

#[doc(hidden)]
pub use crate::macros::private as __private;
