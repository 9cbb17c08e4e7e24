//! How is a peer let in? A bounded number of handshakes at once, each with a deadline per step.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use erland_dist::{Acceptor, AcceptorStep, HandshakeError, LengthPrefix, NodeName, Verdict};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::establish::establish;
use super::handshake::{Channel, ChannelError};
use super::table::{Attempt, Claimed};
use crate::error::{Chain, ConnectError, HandshakeFailure};
use crate::event::NodeEvent;
use crate::node::{Node, NodeInner};
use crate::transport::tcp;

/// How many strangers may be in a handshake at once; the others wait in the listen queue.
pub(crate) const MAX_HANDSHAKES: usize = 64;
/// A process out of file descriptors gets the same error again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts until its task is aborted.
pub(crate) async fn serve(node: Node, listener: TcpListener, handshakes: Arc<Semaphore>) {
    loop {
        // Closed only with the node itself.
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, addr)) => {
                let node = node.clone();
                node.clone().inner().runtime.spawn(async move {
                    accept(&node, stream, addr).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Who the peer claims to be, and the attempt that stands for it in the table.
struct Claimant {
    name: NodeName,
    attempt: Attempt,
    replaces: bool,
}

async fn accept(node: &Node, stream: TcpStream, addr: SocketAddr) {
    let inner = node.inner();
    let mut claimant = None;
    let Err(failure) = shake_hands(node, stream, &mut claimant).await else {
        return;
    };
    let peer = claimant.as_ref().map(|claimant| claimant.name.clone());
    tracing::warn!(
        %addr,
        peer = peer.as_ref().map(tracing::field::debug),
        error = %format_args!("failed to {}", Chain(&failure)),
        "refused handshake",
    );
    if let Some(Claimant { name, attempt, .. }) = &claimant
        && let Some(link) = inner.net.accepting_link(name.atom(), *attempt)
    {
        let failure = ConnectError::Handshake(failure.clone());
        inner.net.attempt_failed(inner, &link, *attempt, &failure);
    }
    inner.events.emit(&NodeEvent::Refused {
        peer,
        addr,
        error: failure,
    });
}

/// Runs the handshake, and brings the link up at its end. Not every end is a failure: the peer may
/// have given up, or our own attempt may take precedence.
async fn shake_hands(
    node: &Node,
    stream: TcpStream,
    claimant: &mut Option<Claimant>,
) -> Result<(), HandshakeFailure> {
    let inner = node.inner();
    let mut acceptor = Acceptor::new(inner.identity(), inner.random_u32(), LengthPrefix::Two);
    let transport = tcp::ready(stream).map_err(|source| HandshakeFailure::Io {
        stage: acceptor.stage(),
        source: Arc::new(source),
    })?;
    let mut channel = Channel::new(transport, inner.config.setup_timeout);
    loop {
        let body = channel
            .message()
            .await
            .map_err(|error| failure(error, &acceptor))?;
        let step = match acceptor.receive(&body, &mut channel.out) {
            Ok(step) => step,
            Err(error) => {
                // The refusal that the state machine wrote, if any. That it does not get through
                // changes nothing about the cause, which is the error returned.
                let _unsent = channel.flush().await;
                return Err(error.into());
            }
        };
        match step {
            AcceptorStep::Continue => {}
            AcceptorStep::Decide(claim) => {
                let (claimed, attempt) = inner.net.claim(inner, &claim.name).await;
                let replaces = matches!(claimed, Claimed::Answer(Verdict::Alive));
                *claimant = Some(Claimant {
                    name: claim.name,
                    attempt,
                    replaces,
                });
                let verdict = match claimed {
                    Claimed::Answer(verdict) => verdict,
                    Claimed::Stopping => return Err(HandshakeFailure::Stopping),
                };
                acceptor.decide(verdict, inner.config.cookie.clone(), &mut channel.out)?;
                if verdict == Verdict::Nok {
                    channel
                        .flush()
                        .await
                        .map_err(|error| failure(error, &acceptor))?;
                    return Ok(());
                }
            }
            AcceptorStep::Authenticated => {
                return authenticated(node, claimant.as_ref(), acceptor, channel).await;
            }
            AcceptorStep::GaveUp => return Ok(()),
        }
        channel
            .flush()
            .await
            .map_err(|error| failure(error, &acceptor))?;
    }
}

async fn authenticated(
    node: &Node,
    claimant: Option<&Claimant>,
    mut acceptor: Acceptor,
    mut channel: Channel,
) -> Result<(), HandshakeFailure> {
    let inner = node.inner();
    // Nobody is authenticated who has not claimed a name.
    let Some(Claimant {
        name,
        attempt,
        replaces,
    }) = claimant
    else {
        return Err(acceptor.closed().into());
    };
    if *replaces && !inner.net.replace(inner, name.atom(), *attempt).await {
        return Err(HandshakeFailure::Stopping);
    }
    // Before the acknowledgement: with it the peer counts as connected.
    let Some(link) = inner.net.accepting_link(name.atom(), *attempt) else {
        return Err(HandshakeFailure::Overtaken);
    };
    let stage = acceptor.stage();
    let negotiated = acceptor.finish(&mut channel.out)?;
    channel.flush().await.map_err(|error| match error {
        // The peer has our acknowledgement coming, so the handshake itself is over: what
        // failed is the last write of it.
        ChannelError::Closed | ChannelError::TooLong => HandshakeError::Closed(stage).into(),
        ChannelError::TimedOut => HandshakeError::TimedOut(stage).into(),
        ChannelError::Io(source) => HandshakeFailure::Io {
            stage,
            source: Arc::new(source),
        },
    })?;
    let Channel {
        transport,
        received,
        ..
    } = channel;
    establish(node, &link, *attempt, transport, received, &negotiated);
    Ok(())
}

fn failure(error: ChannelError, acceptor: &Acceptor) -> HandshakeFailure {
    let stage = acceptor.stage();
    match error {
        ChannelError::Closed => acceptor.closed().into(),
        ChannelError::TimedOut => acceptor.timed_out().into(),
        ChannelError::Io(source) => HandshakeFailure::Io {
            stage,
            source: Arc::new(source),
        },
        ChannelError::TooLong => HandshakeFailure::MessageTooLong { stage },
    }
}

impl NodeInner {
    /// What this node says of itself in a handshake.
    pub(super) fn identity(&self) -> erland_dist::Identity {
        erland_dist::Identity {
            name: self.name.clone(),
            creation: self.id.creation(),
            flags: erland_dist::Flags::HONOURED,
        }
    }
}
