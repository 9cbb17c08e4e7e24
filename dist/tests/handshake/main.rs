//! The handshake, from outside: recorded sessions, every message at every stage, both roles against
//! each other.

#![allow(clippy::unwrap_used)]

mod known_answers;
mod naming;
mod old_name;
mod pair;
mod prop;
mod simultaneous;
mod stages;
mod support;
mod visibility;
