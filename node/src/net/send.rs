//! How does a message get onto the link to its node? By waiting for room, or not at all.

use std::sync::Arc;

use erland_dist::Control;
use erland_etf::{Atom, Pid};

use super::backlog::SendBacklog;
use super::link::{Link, Offer};
use super::table::Net;
use crate::error::{SendError, TrySendError};
use crate::node::NodeInner;
use crate::payload::Payload;

impl Net {
    /// Sends a message: waits for room, and for nothing else.
    pub(crate) async fn send(
        &self,
        node: &NodeInner,
        name: &Atom,
        sender: &Pid,
        control: &Control,
        payload: &Payload,
    ) -> Result<(), SendError> {
        let mut wire = None;
        // Without a link the node is shutting down: the message vanishes, as it would with any
        // other unreachable node.
        while let Some(link) = self.link(node, name) {
            let wire = match &wire {
                Some(wire) => wire,
                None => {
                    // Who has to wait keeps the message once, not the encoded one as well.
                    if link.is_busy() {
                        link.room(sender, 0).await;
                    }
                    wire.insert(payload.to_wire(link.has_atom_cache())?)
                }
            };
            match link.offer(sender, control, wire) {
                Offer::Taken => return Ok(()),
                Offer::Full => link.room(sender, wire.bytes.len()).await,
                // The table has, or is about to have, the next link.
                Offer::Shut => tokio::task::yield_now().await,
                Offer::Refused(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends a message if there is a connection that has room for it now.
    pub(crate) fn try_send(
        &self,
        name: &Atom,
        sender: &Pid,
        control: &Control,
        payload: &Payload,
    ) -> Result<(), TrySendError> {
        let link = self.link_up(name).ok_or(TrySendError::NoConnection)?;
        // Nothing is encoded for a link that takes nothing.
        if link.is_full(sender) {
            return Err(TrySendError::Busy);
        }
        let wire = payload
            .to_wire(link.has_atom_cache())
            .map_err(TrySendError::Send)?;
        match link.offer(sender, control, &wire) {
            Offer::Taken => Ok(()),
            Offer::Full => Err(TrySendError::Busy),
            Offer::Shut => Err(TrySendError::NoConnection),
            Offer::Refused(error) => Err(TrySendError::Send(error.into())),
        }
    }

    /// What waits to be sent to a node; nothing if there is no connection to it.
    pub(crate) fn backlog_to(&self, name: &Atom) -> SendBacklog {
        self.find(name)
            .map_or_else(SendBacklog::default, |link| link.backlog())
    }

    /// What waits to be sent to all nodes.
    pub(crate) fn backlog(&self) -> SendBacklog {
        let links: Vec<Arc<Link>> = self.links();
        let mut all = SendBacklog {
            times_busy: self.limit().times(),
            ..SendBacklog::default()
        };
        for link in links {
            let one = link.backlog();
            all.bytes += one.bytes;
            all.suspended += one.suspended;
        }
        all
    }
}
