//! What has one side sent, and what of it must the other see? The books of one direction.
//!
//! A message is entered under its sender when it is sent. When it leaves, it must be the next one
//! of its sender; from then on its place in the stream is known, and so is what a fault may do to
//! it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use erland_etf::{Atom, NodeId, Pid, RawTerm, Term};

use super::beam::{Beam, Message};
use super::model::Nodes;
use super::wire::Fault;
use crate::control::Control;

/// One direction of a conversation.
pub(super) struct Stream {
    pub(super) nodes: Nodes,
    /// The processes that send, beside those that send one signal only.
    pub(super) senders: Vec<Pid>,
    pub(super) beam: Beam,
    /// Fragmented messages of the BEAM that are not finished.
    pub(super) open: Vec<Message>,
    /// What each sender has sent that has not left; signals without sender are alone.
    queues: Vec<(Option<Pid>, VecDeque<Expected>)>,
    /// What has left and not arrived.
    under_way: VecDeque<(Expected, u64)>,
    /// How many have arrived before any fault.
    pub(super) delivered: usize,
    pub(super) sent: usize,
    pub(super) fault: Option<Fault>,
}

/// A message that is to come.
pub(super) struct Expected {
    pub(super) control: Control,
    pub(super) payload: ExpectedPayload,
    /// Where its bytes have to end, if that was clear when it was sent.
    pub(super) end: Option<u64>,
}

/// What a payload is to be.
pub(super) enum ExpectedPayload {
    None,
    /// These bytes, with these as the first of its atoms.
    Bytes(Bytes, Vec<Atom>),
    /// This, in whatever bytes.
    Term(Term),
}

impl ExpectedPayload {
    fn is(&self, payload: Option<&RawTerm>) -> bool {
        match (self, payload) {
            (ExpectedPayload::None, None) => true,
            (ExpectedPayload::Bytes(bytes, atoms), Some(payload)) => {
                payload.bytes() == bytes && payload.atoms().starts_with(atoms)
            }
            (ExpectedPayload::Term(term), Some(payload)) => {
                payload.to_term().is_ok_and(|payload| payload == *term)
            }
            (ExpectedPayload::None, Some(_)) | (_, None) => false,
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// No sender has it as its next one.
    Order,
    /// Its payload is another one.
    Content,
    /// It left later or earlier than it had to.
    Place,
}

impl Stream {
    pub(super) fn new(nodes: Nodes, senders: Vec<Pid>, fault: Option<Fault>) -> Stream {
        Stream {
            nodes,
            senders,
            beam: Beam::new(),
            open: Vec::new(),
            queues: Vec::new(),
            under_way: VecDeque::new(),
            delivered: 0,
            sent: 0,
            fault,
        }
    }

    /// Enters a message that was sent.
    pub(super) fn expect(&mut self, sender: Option<&Pid>, expected: Expected) {
        self.sent += 1;
        let queue = sender.and_then(|sender| {
            let mut queues = self.queues.iter_mut();
            queues.find(|(known, _)| known.as_ref() == Some(sender))
        });
        match queue {
            Some((_, queue)) => queue.push_back(expected),
            None => {
                let queue = VecDeque::from([expected]);
                self.queues.push((sender.cloned(), queue));
            }
        }
    }

    /// A message has left, and its bytes end at `end`.
    pub(super) fn left(
        &mut self,
        control: &Control,
        payload: Option<&RawTerm>,
        end: u64,
    ) -> Result<(), Wrong> {
        let is_it = |(_, queue): &(_, VecDeque<Expected>)| {
            queue.front().is_some_and(|next| next.control == *control)
        };
        let which = self.queues.iter().position(is_it).ok_or(Wrong::Order)?;
        let queue = self.queues.get_mut(which).ok_or(Wrong::Order)?;
        let next = queue.1.pop_front().ok_or(Wrong::Order)?;
        if queue.1.is_empty() {
            self.queues.remove(which);
        }
        if !next.payload.is(payload) {
            return Err(Wrong::Content);
        }
        if next.end.is_some_and(|exactly| exactly != end) {
            return Err(Wrong::Place);
        }
        self.under_way.push_back((next, end));
        Ok(())
    }

    /// A message has arrived: whether it is the right one, or `None` if it is none that must come.
    pub(super) fn arrived(&mut self, control: &Control, payload: Option<&RawTerm>) -> Option<bool> {
        let (next, end) = self.under_way.pop_front()?;
        if end > self.intact_until() {
            return None;
        }
        self.delivered += 1;
        Some(next.control == *control && next.payload.is(payload))
    }

    /// How many messages must have arrived once everything had the time to.
    pub(super) fn due(&self) -> usize {
        let intact = self.intact_until();
        let due = self.under_way.iter().take_while(|(_, end)| *end <= intact);
        self.delivered + due.count()
    }

    /// Whether all that was sent has left and arrived.
    pub(super) fn is_done(&self) -> bool {
        self.queues.is_empty() && self.under_way.is_empty()
    }

    /// Offset up to which the receiver must see what was sent.
    fn intact_until(&self) -> u64 {
        match self.fault {
            Some(Fault::Stall { time: Some(_), .. }) | None => u64::MAX,
            Some(fault) => fault.at(),
        }
    }
}

/// The processes of `node` that take part in a conversation.
pub(super) fn senders(node: &NodeId, count: u32) -> Vec<Pid> {
    (1..=count)
        .map(|id| Pid::new(node.clone(), id, id % 2))
        .collect()
}
