//! How much waits to be sent, and who hears of it? The byte limit of the links of a node, with
//! its counters and events.
//!
//! What counts and who has to wait is decided in `erland_dist::Outbound`; nothing is decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use erland_etf::Atom;

use crate::event::{EventHub, NodeEvent};

/// What waits to be sent to one node, or to all of them: see [`Node::backlog_to`] and
/// [`Node::backlog`].
///
/// [`Node::backlog_to`]: crate::Node::backlog_to
/// [`Node::backlog`]: crate::Node::backlog
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendBacklog {
    /// Bytes of signals that the operating system has not taken yet.
    pub bytes: usize,
    /// How many `send` wait for room now.
    pub suspended: usize,
    /// How often a connection became busy: of this connection, or of all that the node ever had.
    pub times_busy: u64,
}

/// What the links of a node have in common.
#[derive(Debug)]
pub(crate) struct BusyLimit {
    /// Bytes, see [`dist_buf_busy_limit`](crate::NodeBuilder::dist_buf_busy_limit).
    bytes: usize,
    times: AtomicU64,
    pub(crate) events: EventHub,
}

/// What one link keeps of it. Its changes are made under the lock of the link's state, so that
/// the events are in the order of what they tell.
#[derive(Debug)]
pub(super) struct LinkLoad {
    limit: Arc<BusyLimit>,
    busy: AtomicBool,
    times: AtomicU64,
    suspended: AtomicUsize,
}

/// A sender that waits, for as long as it does: its future may be dropped.
#[derive(Debug)]
pub(super) struct Suspended<'a>(&'a LinkLoad);

impl BusyLimit {
    pub(crate) fn new(bytes: usize) -> Arc<BusyLimit> {
        Arc::new(BusyLimit {
            bytes,
            times: AtomicU64::new(0),
            events: EventHub::new(),
        })
    }

    /// How often a link became busy.
    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }
}

impl LinkLoad {
    pub(super) fn new(limit: &Arc<BusyLimit>) -> LinkLoad {
        LinkLoad {
            limit: Arc::clone(limit),
            busy: AtomicBool::new(false),
            times: AtomicU64::new(0),
            suspended: AtomicUsize::new(0),
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.bytes
    }

    /// Has somebody found no room since there last was some?
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Somebody found no room.
    pub(super) fn set_busy(&self, peer: &Atom) {
        if !self.busy.swap(true, Ordering::Relaxed) {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.limit.times.fetch_add(1, Ordering::Relaxed);
            let node = peer.clone();
            self.limit.events.emit(&NodeEvent::DistBusy { node });
        }
    }

    /// There is room again, or no link any more.
    pub(super) fn set_ready(&self, peer: &Atom) {
        if self.busy.swap(false, Ordering::Relaxed) {
            let node = peer.clone();
            self.limit.events.emit(&NodeEvent::DistReady { node });
        }
    }

    pub(super) fn suspend(&self) -> Suspended<'_> {
        self.suspended.fetch_add(1, Ordering::Relaxed);
        Suspended(self)
    }

    pub(super) fn backlog(&self, bytes: usize) -> SendBacklog {
        SendBacklog {
            bytes,
            suspended: self.suspended.load(Ordering::Relaxed),
            times_busy: self.times.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.0.suspended.fetch_sub(1, Ordering::Relaxed);
    }
}
