//! The Erlang Port Mapper Daemon: its messages, a client, and a server that fits into any program.
//!
//! An Erlang node listens on a port of its own choice and registers the part of its name before
//! the `@` with the daemon of its host; whoever wants to reach it asks that daemon for the port.
//! OTP documents the messages under "EPMD Protocol" in the chapter "Distribution Protocol".
//!
//! | question | answered by |
//! |---|---|
//! | how a request or a reply looks on the wire | [`message`] |
//! | who is registered, in which order, with which creation | [`names`] |
//! | how to register, look up, list and end | [`Client`], [`Registration`], [`Lease`] (feature `tokio`) |
//! | how to be the daemon | [`Server`], [`ServerHandle`] (feature `tokio`) |
//!
//! Without the feature `tokio` (on by default) what remains is the codec and the table, neither of
//! which touches a socket or a clock.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use erland_epmd::{Client, Error, NodeEntry, Server};
//!
//! let server = Server::bind(&["127.0.0.1:0".parse()?]).await?.start();
//! let client = Client::new(server.local_addrs()[0]);
//!
//! let registration = client.register(&NodeEntry::new("rust", 9100)).await?;
//! assert_eq!(client.lookup("rust").await?.port, 9100);
//!
//! // The name lives exactly as long as the guard does.
//! registration.release().await?;
//! assert!(matches!(client.lookup("rust").await, Err(Error::NotRegistered)));
//! server.stop().await;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```

pub mod message;
pub mod names;

mod error;

#[cfg(feature = "tokio")]
mod client;
#[cfg(feature = "tokio")]
mod server;

#[cfg(feature = "tokio")]
pub use client::{
    Client, Family, KillOutcome, Lease, Registration, RegistrationState, StopOutcome,
};
#[cfg(feature = "tokio")]
pub use error::Error;
pub use error::{Malformed, RequestError};
pub use message::{Names, NodeEntry, NodeType};
#[cfg(feature = "tokio")]
pub use server::{Metrics, NameEvent, Server, ServerHandle, Watch, listen};

/// The port on which the daemon listens unless `ERL_EPMD_PORT` says otherwise.
pub const DEFAULT_PORT: u16 = 4369;
