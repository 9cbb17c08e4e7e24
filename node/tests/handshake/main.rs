//! How nodes come to a connection, and find out that it is dead: whole nodes over loopback, most of
//! it on virtual time.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod admission;
mod cookie_file;
mod cookies;
mod deadlines;
mod names;
mod raw;
mod simultaneous;
mod ticks;
mod verdicts;
