//! Erlang External Term Format.
