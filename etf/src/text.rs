//! Terms as text in Erlang's syntax.

mod bits;
mod cursor;
mod error;
mod float;
mod measure;
mod name;
mod number;
mod parse;
mod pretty;
mod print;
mod quoted;
mod string;

pub use error::{ParseError, ParseErrorKind};
