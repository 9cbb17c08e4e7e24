//! A Rust program as a full node of an Erlang cluster.
//!
//! ```no_run
//! use erland::{Node, Received, Term, atom};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Registers with epmd, or starts one if this machine has none.
//!     let node = Node::builder("rust@127.0.0.1").cookie("secret").start().await?;
//!
//!     // A process: a future with a mailbox. This one is `echo` to every node of the cluster.
//!     let echo = node.spawn(|mut ctx| async move {
//!         while let Received::Message(message) = ctx.recv().await {
//!             println!("got {}", message.to_term().map_or("nonsense".into(), |t| t.to_string()));
//!         }
//!     });
//!     node.register(atom!("echo"), &echo)?;
//!
//!     // The other node is connected by the first thing sent to it.
//!     let shell = (atom!("shell"), atom!("erl@127.0.0.1"));
//!     node.send(shell, Term::from((atom!("hello"), echo))).await?;
//!     node.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # What is where
//!
//! | to | see |
//! |---|---|
//! | start, configure and stop a node | [`Node`], [`NodeBuilder`], [`Epmd`], [`CookieFile`] |
//! | run code as a process | [`Node::spawn`], [`Context`], [`ExitReason`] |
//! | send | [`Context::send`], [`Context::try_send`], [`Dest`], [`Payload`] |
//! | receive | [`Context::recv`], [`Received`] |
//! | link, monitor | [`Context::link`], [`Context::monitor`], [`Down`], [`Exit`] |
//! | see nodes come and go | [`Node::events`], [`NodeEvent`] |
//! | build and take apart terms | [`etf`], [`Term`] |
//! | speak the protocol without this runtime | [`dist`], [`epmd`](mod@epmd) |
//!
//! # What holds everywhere
//!
//! - Signals from one process to another arrive in the order they were sent, local or remote.
//! - Sending to a process or node that does not exist is no error. Links and monitors hear of it:
//!   `noproc`, `noconnection`.
//! - What a peer sends cannot panic, exhaust the stack, or allocate by claim. A payload that does
//!   not decode is an error for its receiver alone.

mod alias;
mod auth;
mod builder;
mod config;
mod cookie_file;
mod dest;
mod epmds;
mod error;
mod event;
mod exit_reason;
mod lease;
mod net;
mod node;
mod payload;
mod ping;
mod process;
mod registry;
mod resolve;
mod send;
mod service;
mod sync;
mod transport;

pub use erland_dist as dist;
pub use erland_epmd as epmd;
pub use erland_etf as etf;

pub use erland_dist::{Cookie, Flags, NodeName, NodeNameError};
pub use erland_etf::{
    Atom, Binary, BitString, DecodeError, Float, Fun, Integer, List, Map, NodeId, Pid, Port,
    RawTerm, Record, Reference, Term, Tuple, atom, term,
};

pub use builder::NodeBuilder;
pub use cookie_file::{CookieFile, CookieFileError};
pub use dest::{Dest, MonitorTarget};
pub use error::{
    ConnectError, HandshakeFailure, PingError, RegisterError, SendError, StartError, TrySendError,
};
pub use event::{NodeDownReason, NodeEvent, NodeEvents};
pub use exit_reason::{ExitReason, IntoExit};
pub use lease::Epmd;
pub use net::SendBacklog;
pub use node::Node;
pub use payload::Payload;
pub use process::Context;
pub use process::received::{Down, DownProcess, Exit, Received};
