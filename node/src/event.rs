//! Who comes and goes? Node events, for whoever subscribes.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use erland_dist::{NodeName, ProtocolError};
use erland_etf::Atom;
use tokio::sync::mpsc;

use crate::error::{Chain, HandshakeFailure};
use crate::sync::Mutex;

/// Something that happened to the node's connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A node is connected; nothing from it has been delivered yet.
    NodeUp {
        /// Its name.
        node: Atom,
    },
    /// A node is no longer connected; every link and monitor to it has been told.
    NodeDown {
        /// Its name.
        node: Atom,
        /// Why.
        reason: NodeDownReason,
    },
    /// Somebody dialled this node and was turned away.
    Refused {
        /// Who it claimed to be, if it came to that.
        peer: Option<NodeName>,
        /// Where it dialled from.
        addr: SocketAddr,
        /// The exact cause.
        error: HandshakeFailure,
    },
    /// A sender found no room on the connection to a node; told once until there is room again.
    /// Only in [`Node::busy_events`](crate::Node::busy_events).
    DistBusy {
        /// Its name.
        node: Atom,
    },
    /// After [`DistBusy`](NodeEvent::DistBusy): there is room again, and who found none should try
    /// again; or the connection is no more. Only in
    /// [`Node::busy_events`](crate::Node::busy_events).
    DistReady {
        /// Its name.
        node: Atom,
    },
}

/// Why a connection ended; `net_kernel:monitor_nodes/2` has the same kinds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NodeDownReason {
    /// This node disconnected.
    Disconnect,
    /// The peer closed the connection.
    ConnectionClosed,
    /// Nothing was read for `net_ticktime`.
    NetTickTimeout,
    /// The connection broke.
    Io(Arc<io::Error>),
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// The peer came back before this node noticed that it was gone.
    Replaced,
    /// The node that gave this one its name is down: see
    /// [`named_by`](crate::NodeBuilder::named_by).
    NameLost,
    /// This node shut down.
    Shutdown,
}

impl fmt::Display for NodeDownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeDownReason::Disconnect => f.write_str("disconnect"),
            NodeDownReason::ConnectionClosed => f.write_str("connection_closed"),
            NodeDownReason::NetTickTimeout => f.write_str("net_tick_timeout"),
            NodeDownReason::Io(error) => write!(f, "connection broken: {error}"),
            NodeDownReason::Protocol(error) => write!(f, "protocol error: {}", Chain(error)),
            NodeDownReason::Replaced => f.write_str("replaced by a new connection"),
            NodeDownReason::NameLost => f.write_str("this node has lost its name"),
            NodeDownReason::Shutdown => f.write_str("shutdown"),
        }
    }
}

impl From<io::Error> for NodeDownReason {
    fn from(error: io::Error) -> NodeDownReason {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => NodeDownReason::ConnectionClosed,
            _ => NodeDownReason::Io(Arc::new(error)),
        }
    }
}

/// The events of a node from the moment of subscription on, in order, none left out.
///
/// They are kept until they are taken: a subscriber that stops reading should be dropped.
#[derive(Debug)]
pub struct NodeEvents(mpsc::UnboundedReceiver<NodeEvent>);

impl NodeEvents {
    /// The next event; `None` once the node has shut down.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<NodeEvent> {
        self.0.recv().await
    }
}

/// The subscribers of a node.
#[derive(Debug)]
pub(crate) struct EventHub {
    /// `None` once the node has shut down.
    subscribers: Mutex<Option<Vec<mpsc::UnboundedSender<NodeEvent>>>>,
}

impl EventHub {
    pub(crate) fn new() -> EventHub {
        EventHub {
            subscribers: Mutex::new(Some(Vec::new())),
        }
    }

    pub(crate) fn subscribe(&self) -> NodeEvents {
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Some(subscribers) = &mut *self.subscribers.lock() {
            subscribers.push(sender);
        }
        NodeEvents(receiver)
    }

    pub(crate) fn emit(&self, event: &NodeEvent) {
        if let Some(subscribers) = &mut *self.subscribers.lock() {
            subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
        }
    }

    /// Ends every subscription, now and later.
    pub(crate) fn close(&self) {
        *self.subscribers.lock() = None;
    }
}
