//! Who is registered: the table behind a server, without sockets or a clock.
//!
//! It keeps two lists, as the daemon of OTP does: the registered nodes, and the names that were
//! given up. The second exists for one reason: a node that registers again must get another
//! creation, so that nobody takes its processes for those of its former life.

use crate::message::{Dump, DumpLine, Names, NodeEntry};
use std::collections::VecDeque;

/// How many given up names are remembered: `MAX_UNREG_COUNT` of `epmd_int.h`.
pub const MAX_UNUSED: usize = 1000;

/// The least creation. 0 stands for "any", and 1 to 3 were all that existed before OTP 23, so that
/// a node with one of them could be taken for an old one.
pub const MIN_CREATION: u32 = 4;

/// The name is registered, or cannot be told from one that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("register the name: another node holds it")]
pub struct Taken;

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
/// table.unregister("rust");
/// let second = table.register(NodeEntry::new("rust", 9102), 5, 1_700_000_000)?;
/// assert_eq!(second, first + 1);
/// # Ok::<(), Taken>(())
/// ```
#[derive(Debug, Default)]
pub struct Table {
    /// The newest registration last.
    registered: Vec<Node>,
    /// The longest unused name first.
    unused: VecDeque<Node>,
}

#[derive(Debug)]
struct Node {
    entry: NodeEntry,
    creation: u32,
    fd: i32,
}

impl Table {
    /// A table with no names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a node and gives it a creation.
    ///
    /// `now` is the time in seconds since 1970, from which a name that is not remembered gets its
    /// creation; `fd` names the connection in [`dump`](Self::dump) and means nothing else.
    ///
    /// # Errors
    /// [`Taken`] when a node of this name is registered, which then keeps everything it has.
    pub fn register(&mut self, entry: NodeEntry, fd: i32, now: u32) -> Result<u32, Taken> {
        if self.find(&entry.name).is_some() {
            return Err(Taken);
        }
        let known = self
            .unused
            .iter()
            .position(|node| node.entry.name == entry.name);
        let former = match known.and_then(|at| self.unused.remove(at)) {
            Some(node) => node.creation,
            None => now,
        };
        let creation = former.wrapping_add(1).max(MIN_CREATION);
        self.registered.push(Node {
            entry,
            creation,
            fd,
        });
        Ok(creation)
    }

    /// Gives a name up; `false` if no node of this name is registered.
    pub fn unregister(&mut self, name: &str) -> bool {
        let Some(at) = self
            .registered
            .iter()
            .position(|node| node.entry.name == name)
        else {
            return false;
        };
        if self.unused.len() == MAX_UNUSED {
            self.unused.pop_front();
        }
        self.unused.push_back(self.registered.remove(at));
        true
    }

    /// The registered node of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&NodeEntry> {
        let node = self
            .registered
            .iter()
            .find(|node| node.entry.name == name)?;
        Some(&node.entry)
    }

    /// The registered nodes, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &NodeEntry> {
        self.registered.iter().rev().map(|node| &node.entry)
    }

    /// The reply to a NAMES_REQ of a daemon that listens on `port`.
    #[must_use]
    pub fn names(&self, port: u16) -> Names {
        let entries = self
            .iter()
            .map(|entry| (entry.name.clone(), entry.port))
            .collect();
        Names { port, entries }
    }

    /// The reply to a DUMP_REQ of a daemon that listens on `port`.
    #[must_use]
    pub fn dump(&self, port: u16) -> Dump {
        Dump {
            port,
            active: self.registered.iter().rev().map(Node::dump).collect(),
            unused: self.unused.iter().map(Node::dump).collect(),
        }
    }
}

impl Node {
    fn dump(&self) -> DumpLine {
        DumpLine {
            name: self.entry.name.clone(),
            port: self.entry.port,
            fd: self.fd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 0x6b00_d2ff;

    fn register(table: &mut Table, name: &str) -> Result<u32, Taken> {
        table.register(NodeEntry::new(name, 1), 9, NOW)
    }

    fn listed(table: &Table) -> Vec<&str> {
        table.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn the_newest_registration_comes_first() {
        let mut table = Table::new();
        for name in ["a", "b", "c"] {
            assert!(register(&mut table, name).is_ok());
        }
        assert_eq!(listed(&table), ["c", "b", "a"]);
        assert!(table.unregister("b"));
        assert!(register(&mut table, "b").is_ok());
        assert_eq!(listed(&table), ["b", "c", "a"]);
    }

    #[test]
    fn a_duplicate_leaves_the_first_owner_untouched() {
        let mut table = Table::new();
        assert_eq!(table.register(NodeEntry::new("a", 1), 3, NOW), Ok(NOW + 1));
        assert_eq!(table.register(NodeEntry::new("a", 2), 4, NOW), Err(Taken));
        assert_eq!(table.find("a").map(|entry| entry.port), Some(1));
    }

    #[test]
    fn each_life_of_a_name_has_another_creation() {
        let mut table = Table::new();
        for life in 1..5 {
            assert_eq!(register(&mut table, "a"), Ok(NOW + life));
            assert!(table.unregister("a"));
        }
    }

    #[test]
    fn creations_below_four_do_not_occur() {
        let mut table = Table::new();
        assert_eq!(table.register(NodeEntry::new("early", 1), 3, 0), Ok(4));
        assert_eq!(
            table.register(NodeEntry::new("late", 1), 3, u32::MAX - 1),
            Ok(u32::MAX)
        );
        assert!(table.unregister("late"));
        assert_eq!(table.register(NodeEntry::new("late", 1), 3, NOW), Ok(4));
    }

    #[test]
    fn the_oldest_unused_name_makes_room() {
        let mut table = Table::new();
        for number in 0..=MAX_UNUSED {
            let name = number.to_string();
            assert!(register(&mut table, &name).is_ok());
            assert!(table.unregister(&name));
        }
        let unused = table.dump(1).unused;
        assert_eq!(unused.len(), MAX_UNUSED);
        assert_eq!(unused[0].name, "1");
        assert_eq!(register(&mut table, "0"), Ok(NOW + 1), "forgotten");
        assert_eq!(register(&mut table, "1"), Ok(NOW + 2), "remembered");
    }

    #[test]
    fn a_name_that_nobody_holds_cannot_be_given_up() {
        let mut table = Table::new();
        assert!(!table.unregister("a"));
        assert!(register(&mut table, "a").is_ok());
        assert!(table.unregister("a"));
        assert!(!table.unregister("a"));
        assert_eq!(table.dump(1).unused.len(), 1);
    }
}
