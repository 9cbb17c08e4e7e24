//! Who may connect, and with which cookie? What `auth` and `net_kernel:allow/1` keep in OTP.

use std::collections::HashMap;

use erland_dist::{Cookie, NodeName, NodeNameError};

use crate::node::Node;
use crate::sync::RwLock;

/// The node's own cookie, and those for single peers. Each is used both ways.
#[derive(Debug)]
pub(crate) struct Cookies {
    own: RwLock<Cookie>,
    peers: RwLock<HashMap<NodeName, Cookie>>,
}

impl Cookies {
    pub(crate) fn new(own: Cookie, peers: HashMap<NodeName, Cookie>) -> Cookies {
        Cookies {
            own: RwLock::new(own),
            peers: RwLock::new(peers),
        }
    }

    /// The cookie between this node and `peer` (`auth:get_cookie/1`).
    pub(crate) fn of(&self, peer: &NodeName) -> Cookie {
        let of_peer = self.peers.read().get(peer).cloned();
        of_peer.unwrap_or_else(|| self.own.read().clone())
    }
}

impl Node {
    /// Sets the cookie of this node, as `erlang:set_cookie/1`: for every peer that has none of its
    /// own. Connections that stand are not touched.
    pub fn set_cookie(&self, cookie: impl Into<String>) {
        *self.inner().config.cookies.own.write() = Cookie::new(cookie);
    }

    /// Sets the cookie between this node and one peer, as `erlang:set_cookie/2`: it is expected
    /// from the peer and shown to it. For this node's own name, this is [`Node::set_cookie`].
    /// A connection that stands is not touched.
    ///
    /// # Errors
    ///
    /// `peer` is no node name.
    pub fn set_peer_cookie(
        &self,
        peer: &str,
        cookie: impl Into<String>,
    ) -> Result<(), NodeNameError> {
        let peer = NodeName::parse(peer)?;
        if peer == self.inner().name {
            self.set_cookie(cookie);
            return Ok(());
        }
        let mut peers = self.inner().config.cookies.peers.write();
        peers.insert(peer, Cookie::new(cookie));
        Ok(())
    }
}

/// Who may connect; everybody, if it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowList(Vec<Allowed>);

/// One entry, by its shape as `dist_util:split_node/1` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// `name@host`: this node.
    Node(NodeName),
    /// `host`: every node there, also one that is yet to get a name.
    Host(Box<str>),
    /// `name@`: a node of this name on any host.
    Name(Box<str>),
}

impl AllowList {
    /// Adds an entry; false if it has none of the shapes, and so would never allow anybody.
    pub(crate) fn add(&mut self, entry: &str) -> bool {
        let allowed = match entry.split_once('@') {
            None if entry.is_empty() => return false,
            None => Allowed::Host(entry.into()),
            Some((name, "")) if !name.is_empty() => Allowed::Name(name.into()),
            Some(_) => match NodeName::parse(entry) {
                Ok(name) => Allowed::Node(name),
                Err(_) => return false,
            },
        };
        self.0.push(allowed);
        true
    }

    pub(crate) fn allows(&self, peer: &NodeName) -> bool {
        self.any(|allowed| match allowed {
            Allowed::Node(node) => node == peer,
            Allowed::Host(host) => **host == *peer.host(),
            Allowed::Name(name) => **name == *peer.name(),
        })
    }

    /// May a node on this host connect that has no name yet?
    pub(crate) fn allows_nameless(&self, host: &str) -> bool {
        self.any(|allowed| matches!(allowed, Allowed::Host(allowed) if **allowed == *host))
    }

    fn any(&self, allows: impl Fn(&Allowed) -> bool) -> bool {
        self.0.is_empty() || self.0.iter().any(allows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        let mut list = AllowList::default();
        for entry in entries {
            assert!(list.add(entry), "{entry}");
        }
        list
    }

    fn allows(list: &AllowList, peer: &str) -> bool {
        list.allows(&NodeName::parse(peer).expect("a name"))
    }

    #[test]
    fn an_empty_list_allows_everybody() {
        let everybody = AllowList::default();
        assert!(allows(&everybody, "a@h") && everybody.allows_nameless("h"));
    }

    #[test]
    fn entries_are_nodes_hosts_and_names() {
        // `dist_util:is_allowed/2`, exported nowhere, by its clauses.
        let list = list(&["a@h", "far", "x@"]);
        for (peer, allowed) in [
            ("a@h", true),
            ("b@h", false),
            ("a@far", true),
            ("b@far", true),
            ("x@anywhere", true),
            ("far@h", false),
            ("xx@anywhere", false),
        ] {
            assert_eq!(allows(&list, peer), allowed, "{peer}");
        }
        assert!(list.allows_nameless("far"));
        assert!(!list.allows_nameless("h"));
        assert!(!list.allows_nameless("x"));
    }

    #[test]
    fn what_would_allow_nobody_is_no_entry() {
        for entry in ["", "@", "@h", "a@b@c", "a@@"] {
            assert!(!AllowList::default().add(entry), "{entry}");
        }
    }

    #[test]
    fn a_peer_has_its_own_cookie_or_the_nodes() {
        let [one, other] = ["one@h", "other@h"].map(|name| NodeName::parse(name).expect("a name"));
        let peers = HashMap::from([(one.clone(), Cookie::new("first"))]);
        let cookies = Cookies::new(Cookie::new("own"), peers);
        assert!(cookies.of(&one).verify(7, &Cookie::new("first").digest(7)));
        assert!(cookies.of(&other).verify(7, &Cookie::new("own").digest(7)));
    }
}
