//! Which atom does a cache reference stand for? The atom caches of a connection: the inbound one
//! here, the outbound one in `outbound.rs`.
//!
//! The sender of a direction owns 8 segments of 256 slots and says in the header of a message
//! which slots the message uses and what new atoms go into them (OTP "External Term Format",
//! "Distribution Header"). The terms of the message then name its atoms by their position in that
//! header, not by slot: the list of a message's atoms is its table.

mod outbound;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use erland_etf::Atom;

use crate::error::FrameFault;
use crate::header::{CacheRef, cache_refs};

pub(crate) use outbound::OutboundAtomCache;

const SEGMENTS: usize = 8;
const SEGMENT_LEN: usize = 256;

/// The slots of a direction.
pub(crate) const SLOTS: u16 = (SEGMENTS * SEGMENT_LEN) as u16;

/// The atoms a peer has put into its cache for this connection.
///
/// Segments are made when first used: a peer that sends empty headers costs nothing.
#[derive(Debug, Default)]
pub(crate) struct InboundAtomCache {
    segments: [Option<Box<[Option<Atom>]>>; SEGMENTS],
}

impl InboundAtomCache {
    /// Reads the references of a header, applies its updates and appends the atoms of the message
    /// to `table`. Returns what follows the references.
    ///
    /// Updates before an error stay applied; the connection ends with the error anyway.
    pub(crate) fn read_header<'a>(
        &mut self,
        input: &'a [u8],
        table: &mut Vec<Atom>,
    ) -> Result<&'a [u8], FrameFault> {
        cache_refs(input, |entry| {
            table.push(self.resolve(entry)?);
            Ok(())
        })
    }

    fn resolve(&mut self, entry: CacheRef<'_>) -> Result<Atom, FrameFault> {
        let slot = entry.slot;
        let Some(text) = entry.new else {
            return self
                .get(slot)
                .cloned()
                .ok_or(FrameFault::EmptyCacheSlot { slot });
        };
        let atom = core::str::from_utf8(text)
            .ok()
            .and_then(|text| Atom::new(text).ok())
            .ok_or(FrameFault::CacheAtom { slot })?;
        if let Some(place) = self.place(slot) {
            *place = Some(atom.clone());
        }
        Ok(atom)
    }

    /// The atom in a slot, if there is one.
    pub(crate) fn get(&self, slot: u16) -> Option<&Atom> {
        let [segment, index] = slot.to_be_bytes();
        self.segments
            .get(usize::from(segment))?
            .as_deref()?
            .get(usize::from(index))?
            .as_ref()
    }

    /// The slot to write to; there is one for every slot that a header can name.
    fn place(&mut self, slot: u16) -> Option<&mut Option<Atom>> {
        let [segment, index] = slot.to_be_bytes();
        self.segments
            .get_mut(usize::from(segment))?
            .get_or_insert_with(|| vec![None; SEGMENT_LEN].into_boxed_slice())
            .get_mut(usize::from(index))
    }
}
