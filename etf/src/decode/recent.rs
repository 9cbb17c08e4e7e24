//! The longer atoms and the nodes of a term being decoded, so that those which are there many times
//! share one allocation.

use alloc::boxed::Box;

use crate::atom::Atom;
use crate::ident::NodeId;
use crate::read::NodeParts;

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

/// More than most messages name.
const NODES: usize = 4;

/// The nodes read of last, besides the one that the reader knows.
#[derive(Default)]
pub(super) struct Nodes {
    nodes: [Option<NodeId>; NODES],
    /// Which of them the next one takes the place of.
    next: usize,
}

impl Nodes {
    #[inline]
    pub(super) fn get(&self, node: &NodeParts<'_>) -> Option<&NodeId> {
        self.nodes
            .iter()
            .map_while(Option::as_ref)
            .find(|known| known.creation() == node.creation && node.name == *known.name())
    }

    pub(super) fn add(&mut self, node: NodeId) -> NodeId {
        if let Some(place) = self.nodes.get_mut(self.next) {
            *place = Some(node.clone());
        }
        self.next = self.next.wrapping_add(1) % NODES;
        node
    }
}
