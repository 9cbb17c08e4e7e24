//! Client and server with real sockets on the loopback interface.

mod client;
mod common;
mod operations;
mod registration;
mod server;
