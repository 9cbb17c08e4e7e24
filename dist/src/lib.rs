//! The Erlang distribution protocol as a pure state machine.
//!
//! Everything here is a function of bytes that came and steps that were taken: there is no socket,
//! no clock, no randomness and no environment. A driver moves the bytes; what they mean, and what
//! is to be answered, is decided here. So every session can be replayed exactly.
//!
//! # The life of a connection
//!
//! 1. A node dials another, and both shake hands: [`Initiator`] is the side that dialled,
//!    [`Acceptor`] the other. Each proves to the other that it knows the [`Cookie`], and they agree
//!    on the [`Flags`] of the connection. Nothing a peer says of itself is proved before that.
//! 2. The handshake leaves a [`Negotiated`] behind. From here the bytes belong to the two halves of
//!    the established link.

#![no_std]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

extern crate alloc;

mod cookie;
mod flags;
mod handshake;
mod name;

pub use cookie::Cookie;
pub use flags::Flags;
pub use handshake::{
    Acceptor, AcceptorStep, Claim, HandshakeError, Identity, Initiator, InitiatorStep,
    LengthPrefix, MalformedKind, MessageTag, Misbehaviour, Negotiated, Stage, StatusText, Verdict,
};
pub use name::{NodeName, NodeNameError};

// ---- the established link: frames, headers, control messages, the connection ----

// ---- end of the established link ----
