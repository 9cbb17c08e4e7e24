//! Client and server with real sockets on the loopback interface.

mod admin;
mod bounds;
mod client;
mod common;
#[cfg(unix)]
mod exhaustion;
mod operations;
mod registration;
#[cfg(unix)]
mod scale;
mod server;
mod watch;
