//! Can the protocol be run without a network? Two connections in memory, for tests and fuzzing.
//!
//! A [`Pair`] wires the outbound half of each side to the inbound half of the other by byte
//! queues, under a virtual clock and with seeded faults. Nothing here is random or waits: the same
//! seed runs the same way on every machine. [`simulate`] runs a whole made-up conversation and
//! checks what both sides saw.

mod beam;
mod model;
mod pair;
mod rng;
mod simulate;
mod stream;
mod wire;

pub use pair::{Happening, Pair, Settings, Side};
pub use rng::Rng;
pub use simulate::{Report, Violation, simulate};
pub use wire::Fault;
