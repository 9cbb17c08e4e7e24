//! Whose fragment is next? The unfinished messages of the outbound half, and what waits behind
//! them.
//!
//! A message in fragments is spread over time so that it holds nobody up. Its sender is another
//! matter: signals of one process keep their order, so whatever it sends before its message is
//! finished is held here. All messages under way get their turn, one fragment each.
//!
//! Later fragments carry no header and no control message, so they may leave at any time after the
//! first one; that one is no business of this file.

use alloc::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};
use erland_etf::{Pid, RawTerm};

use crate::header::{FRAGMENT, VERSION};

/// Bytes of control message and payload in one fragment: what OTP puts there (`dist.c`,
/// `ERTS_DIST_FRAGMENT_SIZE`, OTP 22 to 29).
pub(crate) const FRAGMENT_SIZE: usize = 64 * 1024;

/// Version, tag and the two numbers.
const CONTINUATION_HEADER: usize = 2 + 8 + 8;

/// Charged for a held signal beside its bytes.
const HELD_OVERHEAD: usize = 128;

/// A signal that waits for its sender's unfinished message.
///
/// Its control message is complete, with atoms written in full. So nothing about it can fail when
/// its time comes, and it takes part in the atom cache only then, by way of its payload.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) control: Bytes,
    pub(crate) payload: Option<RawTerm>,
    /// The payload belongs into the control message, so it cannot go in fragments.
    pub(crate) in_tuple: bool,
}

impl Held {
    fn weight(&self) -> usize {
        let payload = self.payload.as_ref().map_or(0, |raw| raw.bytes().len());
        HELD_OVERHEAD
            .saturating_add(self.control.len())
            .saturating_add(payload)
    }
}

/// A message of which later fragments are still to be sent.
#[derive(Debug)]
struct Sequence {
    id: u64,
    /// The number of the next fragment. The last one is 1.
    fragment: u64,
    rest: Bytes,
    sender: Option<Pid>,
}

/// What waits for the unfinished message of its sender, in order.
#[derive(Debug, Default)]
struct Waiting {
    signals: VecDeque<Held>,
    bytes: usize,
}

/// What a turn of [`Sequences::next`] came to.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Bytes handed out.
    pub(crate) len: usize,
    /// The message is finished; this was its sender.
    pub(crate) finished: Option<Option<Pid>>,
}

/// All unfinished messages of a link.
#[derive(Debug)]
pub(crate) struct Sequences {
    fragment_size: usize,
    /// The next one to send a fragment is the first.
    ring: VecDeque<Sequence>,
    /// Every sender of an unfinished message.
    senders: BTreeMap<Pid, Waiting>,
    last_id: u64,
    rest: usize,
    held: usize,
}

impl Sequences {
    /// No messages yet; their later fragments have so many bytes.
    pub(crate) fn new(fragment_size: usize) -> Sequences {
        Sequences {
            fragment_size: fragment_size.max(1),
            ring: VecDeque::new(),
            senders: BTreeMap::new(),
            last_id: 0,
            rest: 0,
            held: 0,
        }
    }

    /// Bytes of control message and payload in one fragment.
    pub(crate) fn fragment_size(&self) -> usize {
        self.fragment_size
    }

    /// How many fragments so many bytes take that the first one had no room for.
    pub(crate) fn later_fragments(&self, rest: usize) -> u64 {
        rest.div_ceil(self.fragment_size) as u64
    }

    /// An id that no unfinished message has: none has had it yet.
    pub(crate) fn next_id(&mut self) -> u64 {
        // 0 is no id, and 2^64 of them do not run out.
        self.last_id = self.last_id.wrapping_add(1).max(1);
        self.last_id
    }

    /// Adds a message of which the first fragment has been sent and `rest` has not.
    pub(crate) fn open(&mut self, id: u64, rest: Bytes, sender: Option<&Pid>) {
        if let Some(sender) = sender {
            self.senders.entry(sender.clone()).or_default();
        }
        self.rest = self.rest.saturating_add(rest.len());
        self.ring.push_back(Sequence {
            id,
            fragment: self.later_fragments(rest.len()),
            rest,
            sender: sender.cloned(),
        });
    }

    /// Whether signals of this sender are to be held.
    pub(crate) fn holds(&self, sender: &Pid) -> bool {
        // Nearly always there is no unfinished message at all.
        !self.senders.is_empty() && self.senders.contains_key(sender)
    }

    /// Holds a signal, behind all others of its sender, who has an unfinished message.
    pub(crate) fn hold(&mut self, sender: &Pid, signal: Held) {
        let weight = signal.weight();
        let waiting = self.senders.entry(sender.clone()).or_default();
        waiting.signals.push_back(signal);
        waiting.bytes = waiting.bytes.saturating_add(weight);
        self.held = self.held.saturating_add(weight);
    }

    /// The next held signal of a sender whose message is finished. When there is none left, the
    /// sender is free.
    pub(crate) fn release(&mut self, sender: &Pid) -> Option<Held> {
        let waiting = self.senders.get_mut(sender)?;
        let Some(signal) = waiting.signals.pop_front() else {
            self.senders.remove(sender);
            return None;
        };
        let weight = signal.weight();
        waiting.bytes = waiting.bytes.saturating_sub(weight);
        self.held = self.held.saturating_sub(weight);
        Some(signal)
    }

    /// Hands out the next fragment of the message whose turn it is, as two segments.
    pub(crate) fn next(&mut self, into: &mut VecDeque<Bytes>) -> Option<Turn> {
        let mut sequence = self.ring.pop_front()?;
        let part = sequence
            .rest
            .split_to(sequence.rest.len().min(self.fragment_size));
        self.rest = self.rest.saturating_sub(part.len());
        let mut header = BytesMut::with_capacity(CONTINUATION_HEADER.saturating_add(4));
        // At most a fragment and its header.
        header.put_u32(part.len().saturating_add(CONTINUATION_HEADER) as u32);
        header.put_slice(&[VERSION, FRAGMENT]);
        header.put_u64(sequence.id);
        header.put_u64(sequence.fragment);
        let len = header.len().saturating_add(part.len());
        into.push_back(header.freeze());
        into.push_back(part);
        sequence.fragment = sequence.fragment.saturating_sub(1);
        let finished = if sequence.fragment == 0 {
            Some(sequence.sender)
        } else {
            self.ring.push_back(sequence);
            None
        };
        Some(Turn { len, finished })
    }

    /// How many messages are unfinished.
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Payload bytes that later fragments are to carry.
    pub(crate) fn rest(&self) -> usize {
        self.rest
    }

    /// Bytes of all held signals.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Bytes held for one sender; `None` if it has no unfinished message.
    pub(crate) fn held_for(&self, sender: &Pid) -> Option<usize> {
        if self.senders.is_empty() {
            return None;
        }
        self.senders.get(sender).map(|waiting| waiting.bytes)
    }
}
