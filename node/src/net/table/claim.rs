//! What becomes of a peer that dials us? Its claim of a name, or its request for one, and the entry
//! that stands for its attempt.

use std::sync::Arc;

use erland_dist::{GivenName, HandshakeError, MalformedKind, NodeName, Stage, Standing, Verdict};
use erland_etf::Atom;

use super::{Attempt, Entry, Link, Net, Phase, Table};
use crate::error::ConnectError;
use crate::event::NodeDownReason;
use crate::node::NodeInner;

/// What the acceptor is to answer to a peer's claim.
#[derive(Debug)]
pub(in crate::net) enum Claimed {
    Answer(Verdict),
    /// This node is shutting down: close without a status.
    Stopping,
}

impl Net {
    /// What to answer a peer that claims `name` in a handshake (Distribution Protocol,
    /// "Distribution Handshake", the status message).
    pub(in crate::net) async fn claim(
        &self,
        node: &NodeInner,
        name: &NodeName,
    ) -> (Claimed, Attempt) {
        loop {
            let closing = {
                let mut table = self.table.lock();
                let attempt = table.attempt();
                if table.stopped {
                    return (Claimed::Stopping, attempt);
                }
                let Some(entry) = table.entries.get_mut(name.atom()) else {
                    let link = Link::new(name.atom().clone(), &self.limit);
                    table.accepting(link, attempt);
                    return (Claimed::Answer(Verdict::Ok), attempt);
                };
                match entry.standing() {
                    Some(standing) => {
                        let verdict = Verdict::on(&node.name, name, standing);
                        entry.claimed(verdict, attempt);
                        return (Claimed::Answer(verdict), attempt);
                    }
                    None => Arc::clone(&entry.link),
                }
            };
            closing.gone().await;
        }
    }

    /// A name for a peer on `host` that has none, and its attempt; `None` once the node is shutting
    /// down.
    pub(in crate::net) fn claim_name(
        &self,
        node: &NodeInner,
        host: &str,
    ) -> Result<Option<(GivenName, Attempt)>, HandshakeError> {
        let mut table = self.table.lock();
        if table.stopped {
            return Ok(None);
        }
        let attempt = table.attempt();
        let Table { names, entries, .. } = &mut *table;
        let given = names
            .take(
                host,
                || node.random_u32(),
                |name| *name == node.name || entries.contains_key(name.atom()),
            )
            // The host is so long that with a name it is none.
            .map_err(|error| HandshakeError::Malformed {
                stage: Stage::SendName,
                kind: MalformedKind::BadName(error),
            })?;
        let link = Link::new(given.name.atom().clone(), &self.limit);
        table.accepting(link, attempt);
        Ok(Some((given, attempt)))
    }

    /// The link that an attempt of the peer's may bring up; `None` when it may no longer.
    pub(in crate::net) fn accepting_link(
        &self,
        name: &Atom,
        attempt: Attempt,
    ) -> Option<Arc<Link>> {
        match self.table.lock().entries.get(name) {
            Some(Entry {
                link,
                phase: Phase::Accepting { attempts },
            }) if attempts.contains(&attempt) => Some(Arc::clone(link)),
            _ => None,
        }
    }

    /// An authenticated peer replaces a connection that it no longer has (`alive`): the old one is
    /// taken down whole before the new one may say anything.
    pub(in crate::net) async fn replace(
        &self,
        node: &NodeInner,
        name: &Atom,
        attempt: Attempt,
    ) -> bool {
        loop {
            let old = {
                let mut table = self.table.lock();
                if table.stopped {
                    return false;
                }
                let Some(entry) = table.entries.get_mut(name) else {
                    table.accepting(Link::new(name.clone(), &self.limit), attempt);
                    return true;
                };
                match &mut entry.phase {
                    Phase::Dialling { task, .. } => {
                        task.abort();
                        entry.phase = Phase::accepting(attempt);
                        return true;
                    }
                    Phase::Accepting { attempts } => {
                        attempts.push(attempt);
                        return true;
                    }
                    Phase::Up | Phase::Closing { .. } => Arc::clone(&entry.link),
                }
            };
            if self.begin_down(&old, None, &ConnectError::Disconnected) {
                let reason = Some(NodeDownReason::Replaced);
                self.finish_down(node, &old, reason, Some(attempt)).await;
                return true;
            }
            old.gone().await;
        }
    }
}

impl Entry {
    /// What this node has to do with the peer, for the answer to its claim; `None` while the end
    /// of the last connection is being told.
    fn standing(&self) -> Option<Standing> {
        match &self.phase {
            Phase::Dialling { told: false, .. } => Some(Standing::Preparing),
            Phase::Dialling { told: true, .. } => Some(Standing::Dialling),
            Phase::Accepting { .. } => Some(Standing::Unconnected),
            Phase::Up => Some(Standing::Up),
            Phase::Closing { .. } => None,
        }
    }

    /// What the verdict on a claim means for the entry.
    fn claimed(&mut self, verdict: Verdict, attempt: Attempt) {
        match (verdict, &mut self.phase) {
            (Verdict::Ok | Verdict::OkSimultaneous, Phase::Accepting { attempts }) => {
                attempts.push(attempt);
            }
            (Verdict::Ok | Verdict::OkSimultaneous, phase) => {
                if let Phase::Dialling { task, .. } = phase {
                    task.abort();
                }
                *phase = Phase::accepting(attempt);
            }
            // The entry stays what it is: an attempt at a connection that stands replaces it only
            // once it is authenticated.
            (Verdict::Nok | Verdict::NotAllowed | Verdict::Alive, _) => {}
        }
    }
}
