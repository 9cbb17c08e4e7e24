//! A registration that outlives the epmd that holds it.

use super::{Client, Lease};
use crate::error::Error;
use crate::message::NodeEntry;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

/// The pause after a loss and after every failed attempt to register again: that of `erl_epmd` of
/// OTP (25 to 29), which begins with it too and never gives up.
const RETRY: Duration = Duration::from_secs(2);

/// How a [`Registration`] stands.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum RegistrationState {
    /// The name is registered.
    Registered {
        /// The epmd that holds it.
        addr: SocketAddr,
    },
    /// epmd has gone away, and the first attempt to register again is still to come.
    Lost,
    /// The last attempt to register again was refused: another node has taken the name meanwhile.
    /// It is tried again until the name is free.
    Refused {
        /// The result byte of the reply, never 0.
        result: u8,
    },
    /// The last attempt to register again failed otherwise: no epmd is there, or it does not
    /// answer. It is tried again.
    Failed {
        /// Why.
        error: Arc<Error>,
    },
}

/// A node's registration, kept for as long as this value lives. When epmd goes away, the node is
/// registered again with the one that comes back, tried every two seconds as nodes of OTP do it.
/// The node keeps its creation: those that later epmds propose are ignored, also as OTP does it.
///
/// A task on the runtime that made the registration does this.
#[must_use = "dropping the guard gives the registration up"]
#[derive(Debug)]
pub struct Registration {
    creation: u32,
    state: watch::Receiver<RegistrationState>,
    /// Dropped, it says the same, except that nobody waits for the answer.
    release: oneshot::Sender<oneshot::Sender<Result<(), Error>>>,
}

impl Registration {
    pub(super) fn start(client: Client, entry: NodeEntry, lease: Lease) -> Self {
        let creation = lease.creation();
        let (tell, state) = watch::channel(RegistrationState::Registered { addr: lease.addr() });
        let (release, released) = oneshot::channel();
        tokio::spawn(keep(client, entry, lease, tell, released));
        Self {
            creation,
            state,
            release,
        }
    }

    /// The creation that epmd proposed when the node registered first, which is that of the node
    /// from then on.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.creation
    }

    /// How the registration stands now.
    #[must_use]
    pub fn state(&self) -> RegistrationState {
        self.state.borrow().clone()
    }

    /// Waits until the registration stands otherwise than when this was last called, or than at
    /// the start. Of several changes since then the last one is told. Never returns when the
    /// runtime is gone.
    ///
    /// # Cancel safety
    /// Cancel safe: a change is not missed.
    pub async fn changed(&mut self) -> RegistrationState {
        if self.state.changed().await.is_err() {
            return pending().await;
        }
        self.state.borrow_and_update().clone()
    }

    /// Gives the name up, and returns when epmd has forgotten it. Dropping the guard gives it up
    /// as well, but epmd may then answer with the name for a moment longer.
    ///
    /// # Errors
    /// [`Error::Timeout`] when epmd does not react within the client's timeout. The connection is
    /// closed even so.
    ///
    /// # Cancel safety
    /// Dropping the future gives the name up without waiting.
    pub async fn release(self) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        if self.release.send(answer).is_err() {
            // The runtime is gone, and the connection with it.
            return Ok(());
        }
        answered.await.unwrap_or(Ok(()))
    }
}

async fn keep(
    client: Client,
    entry: NodeEntry,
    mut lease: Lease,
    state: watch::Sender<RegistrationState>,
    mut release: oneshot::Receiver<oneshot::Sender<Result<(), Error>>>,
) {
    loop {
        tokio::select! {
            () = lease.lost() => {}
            wanted = &mut release => {
                if let Ok(answer) = wanted {
                    // Who no longer waits has nothing to be told.
                    let _ = answer.send(lease.release().await);
                }
                return;
            }
        }
        tracing::warn!(addr = %lease.addr(), name = entry.name, "epmd went away");
        state.send_replace(RegistrationState::Lost);
        lease = tokio::select! {
            lease = regain(&client, &entry, &state) => lease,
            wanted = &mut release => {
                if let Ok(answer) = wanted {
                    let _ = answer.send(Ok(()));
                }
                return;
            }
        };
        tracing::info!(addr = %lease.addr(), name = entry.name, "registered again");
        state.send_replace(RegistrationState::Registered { addr: lease.addr() });
    }
}

async fn regain(
    client: &Client,
    entry: &NodeEntry,
    state: &watch::Sender<RegistrationState>,
) -> Lease {
    loop {
        sleep(RETRY).await;
        let failed = match client.register_once(entry).await {
            Ok(lease) => return lease,
            Err(Error::Refused { result }) => RegistrationState::Refused { result },
            Err(error) => RegistrationState::Failed {
                error: Arc::new(error),
            },
        };
        tracing::debug!(state = ?failed, name = entry.name, "cannot register again yet");
        state.send_replace(failed);
    }
}
