//! How is a signal carried to another node? Links, their table, and the tasks that serve them.

mod accept;
mod admission;
mod backlog;
mod connect;
mod driver;
mod establish;
mod handshake;
mod inbound;
mod link;
mod names;
mod relations;
mod send;
mod table;

use std::sync::Arc;

pub(crate) use accept::serve;
pub(crate) use admission::Handshakes;
pub(crate) use backlog::BusyLimit;
pub use backlog::SendBacklog;
pub(crate) use connect::be_named;
pub(crate) use link::Link;
pub(crate) use table::Net;

/// The way from a process to a related one.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    /// Both live on this node.
    Local,
    /// Over this connection, and over no later one to the same node.
    Link(Arc<Link>),
}

impl Via {
    /// The same way? A link that was set up anew is another one.
    pub(crate) fn is(&self, other: &Via) -> bool {
        match (self, other) {
            (Via::Local, Via::Local) => true,
            (Via::Link(one), Via::Link(two)) => Arc::ptr_eq(one, two),
            (Via::Local, Via::Link(_)) | (Via::Link(_), Via::Local) => false,
        }
    }
}
