//! The nodes read of last, so that the identifiers of one node share its `NodeId`.

use crate::ident::NodeId;

use super::token::NodeParts;

/// More than most messages name.
const NODES: usize = 4;

/// The nodes read of last, the others of which identifiers were read.
#[derive(Clone)]
pub(crate) struct Nodes {
    nodes: [Option<NodeId>; NODES],
    /// Which of them the next one takes the place of.
    next: usize,
}

impl Nodes {
    pub(crate) const fn new() -> Self {
        Self {
            nodes: [const { None }; NODES],
            next: 0,
        }
    }

    #[inline]
    pub(crate) fn get(&self, node: &NodeParts<'_>) -> Option<&NodeId> {
        self.nodes
            .iter()
            .map_while(Option::as_ref)
            .find(|known| known.creation() == node.creation && node.name == *known.name())
    }

    pub(crate) fn add(&mut self, node: NodeId) -> NodeId {
        if let Some(place) = self.nodes.get_mut(self.next) {
            *place = Some(node.clone());
        }
        self.next = self.next.wrapping_add(1) % NODES;
        node
    }
}
