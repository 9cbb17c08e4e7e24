//! Who is registered: the table behind a server, without sockets or a clock.
//!
//! It keeps two lists, as the daemon of OTP does: the registered nodes, and the names that were
//! given up. The second exists for one reason: a node that registers again must get another
//! creation, so that nobody takes its processes for those of its former life. Unlike the daemon,
//! whose lists are searched from one end to the other, both are hash tables that remember their
//! order: every operation on one name costs the same whatever the number of names.

use crate::message::{Dump, DumpLine, Names, NodeEntry, NodeType, encode_names};
use bytes::Bytes;
use hashlink::LinkedHashMap;
use std::hash::RandomState;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// How many given up names are remembered at least: `MAX_UNREG_COUNT` of `epmd_int.h`.
pub const MAX_UNUSED: usize = 1000;

/// As many with `epmd -d`: `DEBUG_MAX_UNREG_COUNT` of `epmd_int.h`.
pub const MAX_UNUSED_DEBUG: usize = 5;

/// The least creation. 0 stands for "any", and 1 to 3 were all that existed before OTP 23, so that
/// a node with one of them could be taken for an old one.
pub const MIN_CREATION: u32 = 4;

/// The name is registered, or cannot be told from one that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("register the name: another node holds it")]
pub struct Taken;

/// One registration, as opposed to an earlier or later one of the same name. A table gives each
/// number once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegistrationId(u64);

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The node's name up to the `@`.
    pub name: Arc<str>,
    /// The port on which the node accepts distribution connections.
    pub port: u16,
    /// The creation that the node was given.
    pub creation: u32,
    /// Which registration of the name this is.
    pub id: RegistrationId,
}

/// The registration table.
///
/// ```
/// use erland_epmd::NodeEntry;
/// use erland_epmd::names::{Table, Taken};
///
/// let mut table = Table::new();
/// let first = table.register(NodeEntry::new("rust", 9100), 3, 1_700_000_000)?;
/// assert_eq!(table.register(NodeEntry::new("rust", 9101), 4, 1_700_000_000), Err(Taken));
///
/// table.unregister("rust", first.id);
/// let second = table.register(NodeEntry::new("rust", 9102), 5, 1_700_000_000)?;
/// assert_eq!(second.creation, first.creation + 1);
/// # Ok::<(), Taken>(())
/// ```
#[derive(Debug)]
pub struct Table {
    /// The newest registration last.
    registered: List,
    /// The longest unused name first.
    unused: List,
    max_unused: usize,
    last_id: u64,
}

/// Peers choose the names, so the hash is the keyed one of the standard library.
type List = LinkedHashMap<Arc<str>, Node, RandomState>;

/// What belongs to a name: all of a [`NodeEntry`] but the name itself, which is stored once.
#[derive(Debug)]
struct Node {
    id: RegistrationId,
    /// Empty with every node of OTP.
    extra: Box<[u8]>,
    creation: u32,
    fd: i32,
    port: u16,
    high: u16,
    low: u16,
    node_type: NodeType,
    protocol: u8,
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    /// A table with no names that remembers [`MAX_UNUSED`] given up ones.
    #[must_use]
    pub fn new() -> Self {
        Self::with_max_unused(MAX_UNUSED)
    }

    /// A table with no names that remembers so many given up ones.
    ///
    /// The limit is that of `epmd_srv.c`: it takes effect when a name registers that is not
    /// remembered, and then the longest unused name is forgotten. When many nodes go at once they
    /// are all remembered until others come, so that the table never holds more than the most
    /// names that were registered at once, `max_unused` and one.
    #[must_use]
    pub fn with_max_unused(max_unused: usize) -> Self {
        Self {
            registered: List::default(),
            unused: List::default(),
            max_unused,
            last_id: 0,
        }
    }

    /// Registers a node and gives it a creation.
    ///
    /// `now` is the time in seconds since 1970, from which a name that is not remembered gets its
    /// creation; `fd` names the connection in [`dump`](Self::dump) and means nothing else.
    ///
    /// # Errors
    /// [`Taken`] when a node of this name is registered, which then keeps everything it has.
    pub fn register(&mut self, entry: NodeEntry, fd: i32, now: u32) -> Result<Registered, Taken> {
        if self.registered.contains_key(&*entry.name) {
            return Err(Taken);
        }
        let (name, former) = match self.unused.remove_entry(&*entry.name) {
            Some((name, node)) => (name, node.creation),
            None => {
                if self.unused.len() > self.max_unused {
                    self.unused.pop_front();
                }
                (Arc::from(entry.name), now)
            }
        };
        self.last_id += 1;
        let node = Node {
            id: RegistrationId(self.last_id),
            extra: Box::from(&*entry.extra),
            creation: former.wrapping_add(1).max(MIN_CREATION),
            fd,
            port: entry.port,
            high: entry.high,
            low: entry.low,
            node_type: entry.node_type,
            protocol: entry.protocol,
        };
        let registered = node.registered(&name);
        self.registered.insert(name, node);
        Ok(registered)
    }

    /// Gives a registration up; `false` if it is not in force, be it that its name is free or that
    /// it was registered again.
    pub fn unregister(&mut self, name: &str, id: RegistrationId) -> bool {
        self.holds(name, id) && self.remove(name).is_some()
    }

    /// Gives a name up, whoever holds it; `None` if no node of this name is registered.
    pub fn remove(&mut self, name: &str) -> Option<Registered> {
        let (name, node) = self.registered.remove_entry(name)?;
        let registered = node.registered(&name);
        self.unused.insert(name, node);
        Some(registered)
    }

    /// Whether this registration is in force.
    #[must_use]
    pub fn holds(&self, name: &str, id: RegistrationId) -> bool {
        self.registered.get(name).is_some_and(|node| node.id == id)
    }

    /// What the node of this name registered.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeEntry> {
        let node = self.registered.get(name)?;
        Some(NodeEntry {
            name: name.to_owned(),
            port: node.port,
            node_type: node.node_type,
            protocol: node.protocol,
            high: node.high,
            low: node.low,
            extra: Bytes::copy_from_slice(&node.extra),
        })
    }

    /// How many nodes are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.registered.len()
    }

    /// Whether no node is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registered.is_empty()
    }

    /// The registered nodes, the newest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Registered> {
        let nodes = self.registered.iter().rev();
        nodes.map(|(name, node)| node.registered(name))
    }

    /// The reply to a NAMES_REQ of a daemon that listens on `port`.
    #[must_use]
    pub fn names(&self, port: u16) -> Names {
        let nodes = self.registered.iter().rev();
        let entries = nodes
            .map(|(name, node)| (name.to_string(), node.port))
            .collect();
        Names { port, entries }
    }

    /// The same, as it is sent.
    pub(crate) fn encode_names(&self, port: u16) -> Vec<u8> {
        let nodes = self.registered.iter().rev();
        encode_names(port, nodes.map(|(name, node)| (&**name, node.port)))
    }

    /// The reply to a DUMP_REQ of a daemon that listens on `port`.
    #[must_use]
    pub fn dump(&self, port: u16) -> Dump {
        Dump {
            port,
            active: lines(self.registered.iter().rev()),
            unused: lines(self.unused.iter()),
        }
    }
}

impl Node {
    fn registered(&self, name: &Arc<str>) -> Registered {
        Registered {
            name: Arc::clone(name),
            port: self.port,
            creation: self.creation,
            id: self.id,
        }
    }
}

fn lines<'a>(nodes: impl Iterator<Item = (&'a Arc<str>, &'a Node)>) -> Vec<DumpLine> {
    nodes
        .map(|(name, node)| DumpLine {
            name: name.to_string(),
            port: node.port,
            fd: node.fd,
        })
        .collect()
}
