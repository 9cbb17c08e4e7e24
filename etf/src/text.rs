//! Terms as text in Erlang's syntax.

mod bits;
mod cursor;
mod error;
mod float;
mod name;
mod number;
mod parse;
mod print;
mod quoted;

pub use error::{ParseError, ParseErrorKind};
