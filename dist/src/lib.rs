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
//!
//! ```
//! use bytes::{Buf, BytesMut};
//! use erland_dist::{
//!     Acceptor, AcceptorStep, Cookie, Flags, Identity, Initiator, InitiatorStep, LengthPrefix,
//!     NodeName, Verdict,
//! };
//!
//! /// The next message: its length in two bytes, then its body.
//! fn body(wire: &mut BytesMut) -> Option<BytesMut> {
//!     let length = wire.try_get_u16().ok()?;
//!     Some(wire.split_to(length.into()))
//! }
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let identity = |name| {
//!     NodeName::parse(name).map(|name| Identity { name, creation: 4, flags: Flags::HONOURED })
//! };
//! let (ours, theirs) = (identity("one@localhost")?, identity("two@localhost")?);
//! let cookie = Cookie::new("secret");
//! let (tcp, peer) = (LengthPrefix::Two, theirs.name.clone());
//!
//! // What is on the wire in each direction. Real challenges are random.
//! let (mut there, mut back) = (BytesMut::new(), BytesMut::new());
//! let mut initiator = Initiator::start(ours, peer, cookie.clone(), 17, tcp, &mut there);
//! let mut acceptor = Acceptor::new(theirs, 42, tcp);
//!
//! let (up, accepted) = 'up: {
//!     let mut accepted = None;
//!     loop {
//!         while let Some(body) = body(&mut there) {
//!             match acceptor.receive(&body, &mut back)? {
//!                 AcceptorStep::Continue => {}
//!                 AcceptorStep::Decide(claim) => {
//!                     assert_eq!(claim.name.as_str(), "one@localhost");
//!                     acceptor.decide(Verdict::Ok, cookie.clone(), &mut back)?;
//!                 }
//!                 AcceptorStep::Authenticated => accepted = Some(acceptor.finish(&mut back)?),
//!                 step => panic!("unexpected here: {step:?}"),
//!             }
//!         }
//!         while let Some(body) = body(&mut back) {
//!             match initiator.receive(&body, &mut there)? {
//!                 InitiatorStep::Continue => {}
//!                 InitiatorStep::Done(up) => break 'up (up, accepted),
//!                 step => panic!("unexpected here: {step:?}"),
//!             }
//!         }
//!     }
//! };
//! assert_eq!(up.flags, Flags::HONOURED);
//! assert_eq!(accepted.map(|negotiated| negotiated.flags), Some(up.flags));
//! # Ok(())
//! # }
//! ```

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
    Acceptor, AcceptorStep, Claim, GivenName, HandshakeError, Identity, Initiator, InitiatorStep,
    LengthPrefix, MalformedKind, MessageTag, Misbehaviour, NameRequest, Negotiated, Stage,
    Standing, StatusText, Verdict,
};
pub use name::{NodeName, NodeNameError};

// ---- the established link: frames, headers, control messages, the connection ----

mod atom_cache;
mod connection;
mod control;
mod error;
mod fragment;
mod frame;
mod header;
mod send_buffer;
#[cfg(feature = "testing")]
pub mod testing;
mod tick;

pub use connection::{ConnectionLimits, Event, Inbound, Outbound, OutboundLimits, PayloadRef};
pub use control::{Control, Destination, Op, SpawnRequest, SpawnResult, Target};
pub use error::{
    ControlError, EncodeError, FragmentBudget, FrameFault, FrameKind, Owner, ProtocolError,
};
pub use frame::{FrameTooLarge, split_frame};
pub use tick::{TickAction, Ticker};

// ---- end of the established link ----
