//! The longer atoms of a term being decoded, so that those which are there many times share one
//! allocation.

use alloc::boxed::Box;

use crate::atom::Atom;

/// After so many atoms the table is made: it costs as much as a few of them.
const PATIENCE: u32 = 8;

/// Places in the table, a power of two.
const PLACES: usize = 64;

/// A table with one place for each hash of an atom's text; a new atom takes the place of another.
#[derive(Default)]
pub(super) struct Recent {
    seen: u32,
    table: Option<Box<[Option<Atom>; PLACES]>>,
}

impl Recent {
    /// The atom with this text, which has been checked and is too long to be kept inline.
    #[inline(never)]
    pub(super) fn atom(&mut self, text: &[u8]) -> Atom {
        let Some(table) = &mut self.table else {
            self.seen = self.seen.saturating_add(1);
            if self.seen >= PATIENCE {
                self.table = Some(Box::new([const { None }; PLACES]));
            }
            return Atom::from_checked(text);
        };
        let Some(place) = table.get_mut(place(text)) else {
            return Atom::from_checked(text);
        };
        match place {
            Some(atom) if atom.as_bytes() == text => atom.clone(),
            place => place.insert(Atom::from_checked(text)).clone(),
        }
    }
}

/// A hash of the length and the last eight bytes, in which names differ most.
fn place(text: &[u8]) -> usize {
    let last = text
        .last_chunk()
        .map_or(0, |last| u64::from_le_bytes(*last));
    let mixed = (last ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % PLACES
}
