//! Terms as text in Erlang's syntax.

mod print;
