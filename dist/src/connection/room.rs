//! Who has to wait? The rule that keeps the memory of a link bounded and its senders apart.

use erland_etf::Pid;

use super::outbound::Outbound;
use crate::fragment::FRAGMENT_SIZE;

/// How much the outbound half of a link takes at a time.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundLimits {
    /// Bytes above which messages are to wait: of what waits in the one queue of the link, and of
    /// what waits behind the unfinished message of one sender.
    ///
    /// Default: 1 MiB, OTP's `dist_buf_busy_limit`.
    pub high_water: usize,
    /// Messages in fragments that may be under way at the same time, however large they are. More
    /// may begin while what is left of all of them is at most [`high_water`](Self::high_water).
    ///
    /// Default: 4.
    pub sequences: usize,
    /// Bytes of later fragments that [`transmit`](Outbound::transmit) hands out in one turn, at
    /// least one fragment. Whatever is pushed meanwhile waits for these to be written.
    ///
    /// Default: 256 KiB, four fragments.
    pub bulk_per_turn: usize,
    /// Bytes of control message and payload in one fragment; a message with more of them goes out
    /// in fragments.
    ///
    /// Default: 64 KiB, as in OTP.
    pub fragment_size: usize,
    /// Slots of the peer's atom cache that are used. 0 sends every atom in full.
    ///
    /// Default: 2,048, all there are.
    pub cache_slots: u16,
}

impl Default for OutboundLimits {
    fn default() -> OutboundLimits {
        OutboundLimits {
            high_water: 1024 * 1024,
            sequences: 4,
            bulk_per_turn: 4 * FRAGMENT_SIZE,
            fragment_size: FRAGMENT_SIZE,
            cache_slots: crate::atom_cache::SLOTS,
        }
    }
}

impl Outbound {
    /// Whether a message of `sender` with a payload of `len` bytes may be pushed now, or should
    /// wait for room. [`push`](Outbound::push) takes it in any case: exits, links, monitors and
    /// ticks never wait, and are not to be asked for.
    ///
    /// A message that goes out whole waits while the queue of the link is over the high-water
    /// mark, or that mark is passed by what waits behind its own sender's unfinished message. A
    /// message in fragments waits while its sender has an unfinished one, while the queue is over
    /// the mark (its first fragment goes there), and while enough of them are under way. So the
    /// large message of one process holds up no small one of another.
    ///
    /// The answer changes when bytes are written and when a message is finished: see
    /// [`relieved`](Outbound::relieved).
    pub fn room_for(&self, sender: Option<&Pid>, len: usize) -> bool {
        let limits = &self.limits;
        let held = sender.and_then(|sender| self.sequences.held_for(sender));
        if self.queued() >= limits.high_water {
            return false;
        }
        if self.fragments && len > self.sequences.fragment_size() {
            let many = self.sequences.len() >= limits.sequences;
            return held.is_none() && !(many && self.sequences.rest() > limits.high_water);
        }
        held.is_none_or(|held| held < limits.high_water)
    }

    /// Whether somebody for whom there was no room should ask again; asked, it forgets.
    ///
    /// It becomes true when the queue of the link falls below half the high-water mark, when a
    /// message is finished, and when what is left of unfinished messages falls to the mark.
    pub fn relieved(&mut self) -> bool {
        core::mem::take(&mut self.relieved)
    }
}
