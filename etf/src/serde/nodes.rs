//! The nodes that this thread has read of last, so that their identifiers share a `NodeId`.
//!
//! A pid knows nothing of the value that it is part of: serde hands it bytes and nothing else. So
//! the nodes are kept beside them, four for each thread, until others take their place or the
//! thread ends.

use crate::ident::NodeId;
use crate::read::NodeParts;

/// The node of an identifier.
#[cfg(feature = "std")]
#[inline]
pub(super) fn node(parts: &NodeParts<'_>) -> NodeId {
    use crate::read::Nodes;
    use core::cell::RefCell;

    std::thread_local! {
        static NODES: RefCell<Nodes> = const { RefCell::new(Nodes::new()) };
    }

    NODES
        .try_with(|nodes| match nodes.try_borrow_mut() {
            Ok(mut nodes) => match nodes.get(parts) {
                Some(known) => known.clone(),
                None => nodes.add(new(parts)),
            },
            Err(_) => new(parts),
        })
        // The thread is ending.
        .unwrap_or_else(|_| new(parts))
}

/// The node of an identifier. Without the standard library there is no thread to keep it for.
#[cfg(not(feature = "std"))]
pub(super) fn node(parts: &NodeParts<'_>) -> NodeId {
    new(parts)
}

#[cold]
fn new(parts: &NodeParts<'_>) -> NodeId {
    NodeId::new(parts.name.to_atom(), parts.creation)
}

#[cfg(all(test, feature = "std"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by it")]

    use crate::atom;
    use crate::ident::{NodeId, Pid, Reference};
    use crate::serde::{from_slice, to_vec};

    #[test]
    fn identifiers_of_one_node_share_it() {
        let here = NodeId::new(atom!("a@host"), 1);
        let later = NodeId::new(atom!("a@host"), 2);
        let reference = Reference::new(NodeId::new(atom!("a@host"), 1), &[7, 8, 9]).unwrap();
        let value = (
            Pid::new(here, 1, 2),
            Pid::new(later.clone(), 1, 2),
            reference,
        );
        let bytes = to_vec(&value).unwrap();
        let read = || from_slice::<(Pid, Pid, Reference)>(&bytes).unwrap();
        let (first, second) = (read(), read());
        assert_eq!((&first, &second), (&value, &value));
        assert_eq!(first.1.node(), &later, "another creation, another node");
        for same in [first.2.node(), second.0.node(), second.2.node()] {
            assert!(first.0.node().is(same));
        }
        assert!(first.1.node().is(second.1.node()) && !first.0.node().is(first.1.node()));
    }
}
