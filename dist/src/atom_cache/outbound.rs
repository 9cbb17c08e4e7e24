//! Which slot does an atom have at the peer? The outbound atom cache of a connection.
//!
//! The peer only stores what headers tell it to; which atom goes where is decided here. Every atom
//! can have every slot, so that atoms of one message never compete for one; when all slots are
//! taken, the hand of a clock passes over those used since it came by last, and the atom it stops
//! at loses its slot.
//!
//! What a header says takes effect when its frame is read, so frames must leave in the order in
//! which [`write_header`](OutboundAtomCache::write_header) was called.
//!
//! A cache exists on links that negotiated it and on no other: a BEAM without a cache table dies
//! of an entry (OTP 25 to 29).

use alloc::vec::Vec;

use bytes::BytesMut;
use erland_etf::{Atom, AtomRefs};
use hashbrown::HashTable;

use super::SLOTS;
use crate::flags::Flags;
use crate::header::{CacheRef, RefsLen, put_cache_refs, put_known_refs};

/// The most references in one header.
const MOST_REFS: u16 = 255;

/// What is known of a slot of the peer.
#[derive(Debug)]
struct Slot {
    atom: Atom,
    hash: u32,
    /// The last message that used it; 0 for none.
    message: u64,
    /// Its position in the header of that message.
    position: u8,
    /// Used since the hand of the clock came by, by a message after the one that brought the atom:
    /// what passes through once displaces nothing that is in use.
    recent: bool,
    /// A header has told the peer. False from when the atom got the slot until the header of its
    /// message is written; longer if that message is given up.
    told: bool,
}

/// The slots of the peer, and the references of the message at hand.
#[derive(Debug)]
pub(crate) struct OutboundAtomCache {
    slots: Vec<Slot>,
    /// How many of the peer's slots are used.
    capacity: u16,
    /// From the atom to its slot.
    index: HashTable<u16>,
    /// Where the clock looks next for a slot to be given to another atom.
    hand: usize,
    /// The number of the message at hand. Begins at 1, so that no slot seems used.
    message: u64,
    /// The slots of the message at hand in the order of its header.
    refs: Vec<u16>,
    /// What the header of the message at hand takes.
    len: RefsLen,
    /// The slots of the message before it: most messages use the same atoms in the same order, and
    /// to compare with the one that was here last costs less than a hash.
    last: Vec<u16>,
}

impl OutboundAtomCache {
    /// The cache of a link with `flags`, if it has one, over the first `slots` slots of the peer.
    pub(crate) fn negotiated(flags: Flags, slots: u16) -> Option<OutboundAtomCache> {
        if !flags.contains(Flags::DIST_HDR_ATOM_CACHE) || slots == 0 {
            return None;
        }
        Some(OutboundAtomCache {
            slots: Vec::new(),
            capacity: slots.min(SLOTS),
            index: HashTable::new(),
            hand: 0,
            message: 0,
            refs: Vec::new(),
            len: RefsLen::default(),
            last: Vec::new(),
        })
    }

    /// How many atoms one message can refer to: never more than there are slots, so that a slot
    /// which the message uses is never the one to go.
    pub(crate) fn most_refs(&self) -> usize {
        self.capacity.min(MOST_REFS).into()
    }

    /// Begins the next message. The references in its payload mean `atoms`, of which there are at
    /// most [`most_refs`](Self::most_refs); a message before it that got no header is given up.
    pub(crate) fn begin(&mut self, atoms: &[Atom]) {
        self.message = self.message.saturating_add(1);
        core::mem::swap(&mut self.refs, &mut self.last);
        self.refs.clear();
        self.len = RefsLen::default();
        for atom in atoms {
            // Positions are given: an atom that is there twice is listed twice.
            let slot = match self.expected(atom) {
                Some(slot) => slot,
                None => self.slot(atom),
            };
            self.list(slot);
        }
    }

    /// What the header of the message at hand takes.
    pub(crate) fn header_len(&self) -> RefsLen {
        self.len
    }

    /// Appends number, flags and references of the message at hand. The peer's cache changes when
    /// it reads this.
    pub(crate) fn write_header(&mut self, out: &mut BytesMut) {
        if put_known_refs(self.len, &self.refs, out) {
            return;
        }
        put_cache_refs(self.len, entries(&self.refs, &self.slots), out);
        for slot in &self.refs {
            if let Some(slot) = self.slots.get_mut(usize::from(*slot)) {
                slot.told = true;
            }
        }
    }

    /// The slots that the peer has been told of.
    #[cfg(feature = "testing")]
    pub(crate) fn told(&self) -> impl Iterator<Item = (u16, &Atom)> {
        let slots = self.slots.iter().zip(0..);
        slots.filter_map(|(slot, number)| slot.told.then_some((number, &slot.atom)))
    }

    /// The slot of an atom, if the message before had the atom in the place that is next.
    #[inline]
    fn expected(&self, atom: &Atom) -> Option<u16> {
        let number = *self.last.get(self.refs.len())?;
        let slot = self.slots.get(usize::from(number))?;
        (slot.atom == *atom).then_some(number)
    }

    /// The slot of an atom: the one it has, or one that it gets now.
    fn slot(&mut self, atom: &Atom) -> u16 {
        let hash = atom.quick_hash();
        match self.find(hash, atom) {
            Some(slot) => slot,
            None => self.enter(hash, atom),
        }
    }

    fn find(&self, hash: u32, atom: &Atom) -> Option<u16> {
        let slots = &self.slots;
        let is_it = |slot: &u16| {
            let slot = slots.get(usize::from(*slot));
            slot.is_some_and(|slot| slot.hash == hash && slot.atom == *atom)
        };
        self.index.find(spread(hash), is_it).copied()
    }

    /// Gives an atom a slot: a fresh one, or that of an atom of which nothing was heard for long.
    fn enter(&mut self, hash: u32, atom: &Atom) -> u16 {
        let entry = Slot {
            atom: atom.clone(),
            hash,
            message: 0,
            position: 0,
            recent: false,
            told: false,
        };
        let number = if self.slots.len() < usize::from(self.capacity) {
            // Below the capacity, which is a `u16`.
            let number = self.slots.len() as u16;
            self.slots.push(entry);
            number
        } else {
            let number = self.victim();
            if let Some(slot) = self.slots.get_mut(usize::from(number)) {
                let old = core::mem::replace(slot, entry);
                let is_it = |slot: &u16| *slot == number;
                if let Ok(found) = self.index.find_entry(spread(old.hash), is_it) {
                    found.remove();
                }
            }
            number
        };
        let slots = &self.slots;
        self.index.insert_unique(spread(hash), number, |slot| {
            let slot = slots.get(usize::from(*slot));
            slot.map_or(0, |slot| spread(slot.hash))
        });
        number
    }

    /// The next slot that is not in use by the message at hand nor was used since the hand came by.
    fn victim(&mut self) -> u16 {
        loop {
            let number = self.hand;
            self.hand = if number.saturating_add(1) < self.slots.len() {
                number.saturating_add(1)
            } else {
                0
            };
            // There is one: the message refers to fewer atoms than there are slots, or it would
            // not ask for one more, and the second time round nothing else is recent.
            if let Some(slot) = self.slots.get_mut(number)
                && slot.message != self.message
                && !core::mem::replace(&mut slot.recent, false)
            {
                return number as u16;
            }
        }
    }

    /// Puts a slot into the header of the message at hand; returns its position there.
    fn list(&mut self, number: u16) -> u8 {
        // At most `most_refs` are listed.
        let position = self.refs.len() as u8;
        self.refs.push(number);
        if let Some(slot) = self.slots.get_mut(usize::from(number)) {
            // One that is listed twice is told twice, which does no harm.
            self.len.add((!slot.told).then(|| slot.atom.as_bytes()));
            slot.recent = slot.message != 0;
            slot.message = self.message;
            slot.position = position;
        }
        position
    }
}

impl AtomRefs for OutboundAtomCache {
    fn position(&mut self, atom: &Atom) -> Option<u8> {
        if let Some(number) = self.expected(atom)
            && self.refs.len() < self.most_refs()
            && let Some(slot) = self.slots.get(usize::from(number))
        {
            if slot.message == self.message {
                return Some(slot.position);
            }
            return Some(self.list(number));
        }
        let hash = atom.quick_hash();
        let known = self.find(hash, atom);
        if let Some(slot) = known.and_then(|number| self.slots.get(usize::from(number)))
            && slot.message == self.message
        {
            return Some(slot.position);
        }
        if self.refs.len() >= self.most_refs() {
            return None;
        }
        let number = known.unwrap_or_else(|| self.enter(hash, atom));
        Some(self.list(number))
    }
}

/// The references of a message.
fn entries<'a>(
    refs: &'a [u16],
    slots: &'a [Slot],
) -> impl Iterator<Item = CacheRef<'a>> + Clone + 'a {
    refs.iter().filter_map(|number| {
        let slot = slots.get(usize::from(*number))?;
        let new = (!slot.told).then(|| slot.atom.as_bytes());
        Some(CacheRef { slot: *number, new })
    })
}

/// All 64 bits of the table's hash from the 32 that a slot keeps: the table takes low bits for the
/// place and the highest ones to tell entries apart.
fn spread(hash: u32) -> u64 {
    u64::from(hash) | u64::from(hash) << 32
}
