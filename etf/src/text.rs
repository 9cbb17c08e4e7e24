//! Terms as text in Erlang's syntax.

mod float;
mod print;
