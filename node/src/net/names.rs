//! Which names has this node given to nodes that asked for one, and which of them are free again?
//!
//! As `net_kernel` of OTP keeps them (`generate_node_name/2`, `delete_connection/3`): a name whose
//! node has gone is given to the next node of its host, with the next creation.

use std::collections::HashMap;

use erland_dist::{GivenName, NodeName, NodeNameError};
use erland_etf::Atom;

/// OTP's creations begin here: smaller ones are of the old two bits.
const FIRST_CREATION: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct NamePool {
    /// Names in use, with the creation under which their node goes by them.
    given: HashMap<Atom, GivenName>,
    /// By host, the one that was in use last at the end.
    free: HashMap<Box<str>, Vec<GivenName>>,
}

impl NamePool {
    /// A name for a node on `host`, which nobody else has while this one is in use. `random` is
    /// asked for numbers, `is_taken` whether a name is that of a node with another story.
    pub(super) fn take(
        &mut self,
        host: &str,
        mut random: impl FnMut() -> u32,
        is_taken: impl Fn(&NodeName) -> bool,
    ) -> Result<GivenName, NodeNameError> {
        let free = self.free.get_mut(host);
        let reused = free.and_then(|free| {
            let place = free.iter().rposition(|free| !is_taken(&free.name))?;
            Some(free.remove(place))
        });
        let given = match reused {
            Some(given) => given,
            None => loop {
                let number = u64::from(random()) << 32 | u64::from(random());
                let name = NodeName::dynamic(number, host)?;
                if !is_taken(&name) && !self.given.contains_key(name.atom()) {
                    let creation = random().max(FIRST_CREATION);
                    break GivenName { name, creation };
                }
            },
        };
        self.given.insert(given.name.atom().clone(), given.clone());
        Ok(given)
    }

    /// The node of this name has gone, if it was one that got its name here. Only a node that was
    /// connected leaves its name to the next: strangers cannot fill the pool.
    pub(super) fn give_back(&mut self, name: &Atom, was_connected: bool) {
        let Some(mut given) = self.given.remove(name) else {
            return;
        };
        if was_connected {
            given.creation = given.creation.checked_add(1).unwrap_or(FIRST_CREATION);
            let free = self.free.entry(given.name.host().into()).or_default();
            free.push(given);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(pool: &mut NamePool, host: &str) -> GivenName {
        let mut next = 0;
        let random = || {
            next += 1;
            next
        };
        pool.take(host, random, |_| false).expect("a host")
    }

    #[test]
    fn a_name_is_given_once_and_again_with_the_next_creation() {
        let mut pool = NamePool::default();
        let first = take(&mut pool, "h");
        assert_eq!(first.name.as_str(), "1Z141Z7@h");
        assert_eq!(first.creation, FIRST_CREATION);
        let mut numbers = [0, 1, 0, 9, 7].into_iter();
        let other = pool.take("h", || numbers.next().expect("few"), |_| false);
        assert_ne!(other.expect("a host").name, first.name);
        pool.give_back(first.name.atom(), true);
        // Another host's node does not get it.
        assert_ne!(take(&mut pool, "g").name, first.name);
        let again = take(&mut pool, "h");
        assert_eq!((again.name.clone(), again.creation), (first.name, 5));
        // A creation never becomes one of the old ones.
        let last = GivenName {
            name: again.name.clone(),
            creation: u32::MAX,
        };
        pool.given.insert(again.name.atom().clone(), last);
        pool.give_back(again.name.atom(), true);
        assert_eq!(take(&mut pool, "h").creation, FIRST_CREATION);
    }

    #[test]
    fn a_name_that_was_never_used_is_forgotten() {
        let mut pool = NamePool::default();
        let first = take(&mut pool, "h");
        pool.give_back(first.name.atom(), false);
        assert!(pool.given.is_empty() && pool.free.is_empty());
        // Nor is one that was never given.
        pool.give_back(first.name.atom(), true);
        assert!(pool.free.is_empty());
    }

    #[test]
    fn a_name_that_somebody_has_is_not_given() {
        let mut pool = NamePool::default();
        let first = take(&mut pool, "h");
        pool.give_back(first.name.atom(), true);
        let mut numbers = (0..).map(|number| number / 4);
        let given = pool.take(
            "h",
            || numbers.next().expect("many"),
            |name| *name == first.name,
        );
        assert_ne!(given.expect("a host").name, first.name);
    }
}
