//! What names a node and the pids, ports and references of it.
//!
//! The creation is part of identity everywhere: a pid of an earlier incarnation of a node is
//! another pid.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use crate::atom::Atom;

/// One incarnation of a node: its name and creation, behind one counted pointer of 8 bytes.
///
/// Equality compares pointers first, then contents, so that identifiers which share a `NodeId`
/// compare fast. A clone counts a reference and allocates nothing.
#[derive(Clone)]
pub struct NodeId(Arc<Node>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Node {
    name: Atom,
    creation: u32,
}

impl NodeId {
    /// The node with this name in its incarnation `creation`. Allocates.
    ///
    /// Any atom is a node name here, as on the wire. Creation 0 never matches a running node, 1 to
    /// 3 come from formats before OTP 23.
    #[must_use]
    pub fn new(name: Atom, creation: u32) -> Self {
        Self(Arc::new(Node { name, creation }))
    }

    /// The name of the node, such as `a@example.org`.
    #[must_use]
    pub fn name(&self) -> &Atom {
        &self.0.name
    }

    /// Which incarnation of the node.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.0.creation
    }

    /// Whether it is the same allocation.
    #[cfg(test)]
    #[allow(dead_code, reason = "the tests of some features only")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for NodeId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for NodeId {}

impl Ord for NodeId {
    /// By name, then creation.
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for NodeId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// A process identifier ("External Term Format", NEW_PID_EXT), in 16 bytes.
///
/// Displayed as `<node.id.serial>`, with the node's name where Erlang shows a number that means
/// something on one node only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    node: NodeId,
    id: u32,
    serial: u32,
}

impl Pid {
    /// The process with these numbers on `node`.
    #[must_use]
    pub fn new(node: NodeId, id: u32, serial: u32) -> Self {
        Self { node, id, serial }
    }

    /// The node of the process.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The first number; OTP keeps its own within 28 bits.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The second number.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }
}

impl Ord for Pid {
    /// Erlang's order: serial, id, node name, creation.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.serial, self.id)
            .cmp(&(other.serial, other.id))
            .then_with(|| self.node.cmp(&other.node))
    }
}

impl PartialOrd for Pid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A port identifier ("External Term Format", V4_PORT_EXT), in 16 bytes.
///
/// The derived order is Erlang's: node name, creation, id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    node: NodeId,
    id: u64,
}

impl Port {
    /// The port with this number on `node`.
    #[must_use]
    pub fn new(node: NodeId, id: u64) -> Self {
        Self { node, id }
    }

    /// The node of the port.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The number; OTP keeps its own within 60 bits.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }
}

/// A reference or alias ("External Term Format", NEWER_REFERENCE_EXT): a node and up to
/// [`MAX_WORDS`](Self::MAX_WORDS) words.
///
/// Missing words count as zero for equality, hash and order, as in Erlang; how many there are is
/// kept for encoding.
#[derive(Clone)]
pub struct Reference {
    node: NodeId,
    // Zero from `len` on.
    words: [u32; Reference::MAX_WORDS],
    len: u8,
}

impl Reference {
    /// The most words a reference may have: plain ones have 3, aliases of a process have 5.
    pub const MAX_WORDS: usize = 5;

    /// The reference with these words on `node`, the fastest varying word first as on the wire.
    ///
    /// Without words it gets one that is zero, which is the same reference: OTP (seen on 27 and
    /// 29) takes one without words only as the last thing in a term and refuses the whole term
    /// otherwise.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::TooLong`] if there are more than [`MAX_WORDS`](Self::MAX_WORDS).
    pub fn new(node: NodeId, words: &[u32]) -> Result<Self, ReferenceError> {
        let mut kept = [0; Self::MAX_WORDS];
        kept.get_mut(..words.len())
            .ok_or(ReferenceError::TooLong)?
            .copy_from_slice(words);
        Ok(Self::of(node, kept, words.len()))
    }

    /// The reference with so many of these words, the others being zero.
    #[inline(always)]
    pub(crate) fn of(node: NodeId, words: [u32; Self::MAX_WORDS], len: usize) -> Self {
        let len = len.clamp(1, Self::MAX_WORDS) as u8;
        Self { node, words, len }
    }

    /// The node that made the reference.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The words, in the order of the wire.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        self.words.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Why words are no [`Reference`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// There are more than [`Reference::MAX_WORDS`].
    #[error("a reference has at most 5 words")]
    TooLong,
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words && self.node == other.node
    }
}

impl Eq for Reference {}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.node.hash(state);
        self.words.hash(state);
    }
}

impl Ord for Reference {
    /// Erlang's order: node name, creation, then the words from last to first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.node
            .cmp(&other.node)
            .then_with(|| self.words.iter().rev().cmp(other.words.iter().rev()))
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use std::collections::hash_map::DefaultHasher;

    fn hash(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }

    fn node(creation: u32) -> NodeId {
        NodeId::new(atom!("a@host"), creation)
    }

    #[test]
    fn the_same_node_made_twice_is_equal_and_the_creation_counts() {
        assert_eq!(node(4), node(4));
        assert_eq!(hash(&node(4)), hash(&node(4)));
        assert_ne!(node(4), node(5));
        assert_eq!(Pid::new(node(4), 1, 2), Pid::new(node(4), 1, 2));
        assert_ne!(Pid::new(node(4), 1, 2), Pid::new(node(5), 1, 2));
    }

    #[test]
    fn pids_order_by_serial_then_id_then_node() {
        let other = NodeId::new(atom!("b@host"), 1);
        let ascending = [
            Pid::new(other.clone(), 0, 0),
            Pid::new(node(4), 9, 0),
            Pid::new(node(5), 9, 0),
            Pid::new(other.clone(), 9, 0),
            Pid::new(node(4), 0, 1),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
        let ports = [
            Port::new(node(4), 9),
            Port::new(node(5), 1),
            Port::new(other, 0),
        ];
        assert!(ports.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn missing_words_of_a_reference_are_zero() {
        let reference = |words: &[u32]| Reference::new(node(4), words).unwrap();
        assert_eq!(reference(&[1, 2]), reference(&[1, 2, 0, 0, 0]));
        assert_eq!(hash(&reference(&[1, 2])), hash(&reference(&[1, 2, 0])));
        assert_eq!(reference(&[1, 2, 0]).words(), [1, 2, 0]);
        assert_eq!(reference(&[]).words(), [0]);
        // The last word decides first.
        assert!(reference(&[9, 1]) < reference(&[1, 2]));
        assert!(reference(&[9, 9]) < reference(&[0, 0, 1]));
        let too_long = Reference::new(node(4), &[0; 6]);
        assert_eq!(too_long, Err(ReferenceError::TooLong));
    }
}
