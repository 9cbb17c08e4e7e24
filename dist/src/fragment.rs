//! Which fragments make up which message? Reassembly of messages that came in pieces; how they are
//! cut and sent is in `outbound.rs`.
//!
//! OTP "Distribution Protocol", "Protocol for Distribution Fragments": the first fragment carries
//! the header, the whole control message and the number of fragments; the fragments after it count
//! down to 1. Messages of several senders may be in progress at the same time, told apart by their
//! sequence ids. The fragments of one message come in order.
//!
//! Whatever is kept for unfinished messages is charged against [`ConnectionLimits`]; a fragment
//! count claimed by the peer reserves nothing.

#![deny(clippy::arithmetic_side_effects)]

mod outbound;

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::Arc;
use alloc::vec::Vec;

use erland_etf::AtomTable;

use crate::connection::ConnectionLimits;
use crate::control::{Control, Op};
use crate::error::{FragmentBudget, FrameFault};

pub(crate) use outbound::{FRAGMENT_SIZE, Held, Sequences};

/// Charged for every unfinished message, whatever its size: the map entry and the control message.
const OVERHEAD: usize = 256;

/// Why a fragment ends the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FragmentError {
    Malformed(FrameFault),
    Budget(FragmentBudget),
}

impl From<FrameFault> for FragmentError {
    fn from(fault: FrameFault) -> FragmentError {
        FragmentError::Malformed(fault)
    }
}

impl From<FragmentBudget> for FragmentError {
    fn from(budget: FragmentBudget) -> FragmentError {
        FragmentError::Budget(budget)
    }
}

/// What the first fragment of a message says of the message as a whole.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) signal: Signal,
    /// Bytes that keeping this takes, beyond what every message takes.
    pub(crate) weight: usize,
}

/// A control message and what it says of its payload.
#[derive(Debug)]
pub(crate) enum Signal {
    /// There is a payload.
    Payload {
        op: Op,
        control: Control,
        /// The atoms that the payload refers to.
        atoms: Option<Arc<AtomTable>>,
        /// The payload is the exit reason in the control tuple, not what follows it.
        in_tuple: bool,
    },
    /// There is none; bytes after the control message are ignored.
    Bare { control: Control },
    /// Nothing is known of the operation; bytes after the control message are ignored.
    Unknown { op: u64 },
}

#[derive(Debug)]
struct Sequence {
    /// The fragment id that is next.
    next: u64,
    signal: Signal,
    payload: Vec<u8>,
    /// What this sequence is charged, `payload` included.
    charged: usize,
}

/// The unfinished messages of one connection.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    open: BTreeMap<u64, Sequence>,
    charged: usize,
}

impl Reassembly {
    /// Checks the numbers of a first fragment, before anything else in it is looked at.
    pub(crate) fn check_first(&self, sequence: u64, fragment: u64) -> Result<(), FrameFault> {
        if fragment == 0 {
            return Err(FrameFault::FragmentZero);
        }
        if sequence == 0 && fragment != 1 {
            return Err(FrameFault::SequenceZero);
        }
        if self.open.contains_key(&sequence) {
            return Err(FrameFault::SequenceInUse { sequence });
        }
        Ok(())
    }

    /// How many messages are unfinished.
    #[cfg(feature = "testing")]
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Opens a sequence whose first fragment is number `fragment` of more than one.
    pub(crate) fn open(
        &mut self,
        sequence: u64,
        fragment: u64,
        opening: Opening,
        part: &[u8],
        limits: &ConnectionLimits,
    ) -> Result<(), FragmentError> {
        if self.open.len() >= limits.max_sequences {
            return Err(FragmentBudget::Sequences.into());
        }
        let Entry::Vacant(vacant) = self.open.entry(sequence) else {
            return Err(FrameFault::SequenceInUse { sequence }.into());
        };
        let weight = opening.weight.saturating_add(OVERHEAD);
        charge(&mut self.charged, weight, limits)?;
        let entry = vacant.insert(Sequence {
            next: fragment.saturating_sub(1),
            signal: opening.signal,
            payload: Vec::new(),
            charged: weight,
        });
        entry.append(part, &mut self.charged, limits)
    }

    /// Adds a later fragment; returns the message if it was the last one.
    pub(crate) fn next(
        &mut self,
        sequence: u64,
        fragment: u64,
        part: &[u8],
        limits: &ConnectionLimits,
    ) -> Result<Option<(Signal, Vec<u8>)>, FragmentError> {
        let Entry::Occupied(mut entry) = self.open.entry(sequence) else {
            return Err(FrameFault::UnknownSequence { sequence }.into());
        };
        let open = entry.get_mut();
        if fragment != open.next {
            return Err(FrameFault::FragmentOrder {
                expected: open.next,
                received: fragment,
            }
            .into());
        }
        if open.takes_parts() {
            open.append(part, &mut self.charged, limits)?;
        }
        open.next = open.next.saturating_sub(1);
        if open.next > 0 {
            return Ok(None);
        }
        let done = entry.remove();
        self.charged = self.charged.saturating_sub(done.charged);
        let mut payload = done.payload;
        // The vector doubled as fragments came; a term sliced out of the payload would keep the
        // unused part alive.
        payload.shrink_to_fit();
        Ok(Some((done.signal, payload)))
    }
}

impl Sequence {
    /// Whether later fragments are parts of the payload.
    fn takes_parts(&self) -> bool {
        match self.signal {
            Signal::Payload { in_tuple, .. } => !in_tuple,
            Signal::Bare { .. } | Signal::Unknown { .. } => false,
        }
    }

    fn append(
        &mut self,
        part: &[u8],
        charged: &mut usize,
        limits: &ConnectionLimits,
    ) -> Result<(), FragmentError> {
        if self.payload.len().saturating_add(part.len()) > limits.max_frame {
            return Err(FragmentBudget::Message.into());
        }
        charge(charged, part.len(), limits)?;
        self.charged = self.charged.saturating_add(part.len());
        self.payload.extend_from_slice(part);
        Ok(())
    }
}

fn charge(total: &mut usize, bytes: usize, limits: &ConnectionLimits) -> Result<(), FragmentError> {
    let sum = total.saturating_add(bytes);
    if sum > limits.max_fragment_bytes {
        return Err(FragmentBudget::Bytes.into());
    }
    *total = sum;
    Ok(())
}
