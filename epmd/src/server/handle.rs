//! How to see into a running server, and how to end it.

use super::metrics::Metrics;
use super::shared::Shared;
use super::watch::Watch;
use crate::message::Names;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// A running epmd. Dropping the handle stops it, without waiting for the end.
#[derive(Debug)]
pub struct ServerHandle {
    shared: Arc<Shared>,
    addrs: Vec<SocketAddr>,
    /// Nothing is ever sent: its end is the message.
    done: watch::Receiver<()>,
}

impl ServerHandle {
    pub(super) fn new(
        shared: Arc<Shared>,
        addrs: Vec<SocketAddr>,
        done: watch::Receiver<()>,
    ) -> Self {
        Self {
            shared,
            addrs,
            done,
        }
    }

    /// The addresses on which the server listens.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// How many nodes can be registered at once: what was set, or what the file limit of the
    /// process leaves room for.
    #[must_use]
    pub fn max_names(&self) -> usize {
        self.shared.settings.max_names
    }

    /// How many connections are served at once beside those of the registered nodes: what was set,
    /// or what the file limit of the process leaves room for.
    #[must_use]
    pub fn max_connections(&self) -> usize {
        self.shared.settings.max_connections
    }

    /// The registered nodes, the newest registration first.
    #[must_use]
    pub fn names(&self) -> Names {
        self.shared.state().table.names(self.shared.port)
    }

    /// The names that come and go from now on.
    ///
    /// First come the names that are registered when the stream is first asked, the oldest first;
    /// after them each change, none left out and none told twice. A watcher that falls behind by
    /// more than a few hundred changes is told the difference between what it knows and what is: a
    /// name that came and went meanwhile is not mentioned. So that a watcher needs no more memory
    /// than twice the names. The stream ends when the server has ended and all names are gone.
    ///
    /// Independent of the handle: watching does not keep the server running.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch::new(&self.shared)
    }

    /// What happened so far, and what is held now.
    ///
    /// With the feature `metrics` the counters also go to the recorder of the crate `metrics`, as
    /// `epmd_connections_total`, `epmd_requests_total`, `epmd_refused_total` and
    /// `epmd_names_total` with the label `kind`, and the gauge `epmd_names`.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let names = self.shared.state().table.len();
        let connections = self.shared.connections();
        self.shared.counters.snapshot(names, connections)
    }

    /// Waits until the server has ended: it was stopped, or a KILL was accepted, see
    /// [`with_admin`](super::Server::with_admin). The port and all connections are closed then.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future changes nothing.
    pub async fn ended(&self) {
        let mut done = self.done.clone();
        while done.changed().await.is_ok() {}
    }

    /// Stops the server: closes the port and all connections, and returns when nothing of it is
    /// left. Replies that are on their way get one second. Registered nodes see the end of their
    /// connections.
    ///
    /// # Cancel safety
    /// Dropping the future stops the server all the same.
    pub async fn stop(self) {
        self.shared.end();
        self.ended().await;
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.shared.end();
    }
}
