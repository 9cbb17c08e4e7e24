//! How is a peer let in? A bounded number of handshakes at once, each with a deadline per step.
//!
//! Who gets a place among them is decided by `admission`; what a peer that claims a name is
//! answered, by the table of links.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use erland_dist::{
    Acceptor, AcceptorStep, Claim, HandshakeError, LengthPrefix, NameRequest, NodeName, Verdict,
};
use tokio::net::{TcpListener, TcpStream};

use super::admission::{Admission, Handshakes};
use super::establish::establish;
use super::handshake::{Channel, ChannelError};
use super::table::{Attempt, Claimed};
use crate::error::{Chain, ConnectError, HandshakeFailure};
use crate::event::NodeEvent;
use crate::node::{Node, NodeInner};
use crate::transport::tcp;

/// A process out of file descriptors gets the same error again at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts until its task is aborted.
pub(crate) async fn serve(node: Node, listener: TcpListener, handshakes: Arc<Handshakes>) {
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => {
                let Some(admission) = handshakes.admit(addr.ip()).await else {
                    return;
                };
                let node = node.clone();
                node.clone().inner().runtime.spawn(async move {
                    accept(&node, stream, addr, &admission).await;
                    drop(admission);
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

async fn accept(node: &Node, stream: TcpStream, addr: SocketAddr, admission: &Admission) {
    let inner = node.inner();
    let mut claimant = None;
    let mut acceptor = Acceptor::new(inner.identity(), inner.random_u32(), LengthPrefix::Two);
    let result = tokio::select! {
        biased;
        result = shake_hands(node, stream, &mut acceptor, &mut claimant, admission) => result,
        // Nothing has been changed by then but the claim, which is given up below.
        () = admission.sent_away() => Err(HandshakeFailure::Crowded {
            stage: acceptor.stage(),
        }),
    };
    let Err(failure) = result else {
        return;
    };
    let peer = claimant.as_ref().map(|claimant| claimant.name.clone());
    if matches!(failure, HandshakeFailure::Crowded { .. }) {
        // A flood must not flood the log as well.
        tracing::debug!(%addr, ?peer, "too many handshakes at once");
    } else {
        tracing::warn!(
            %addr,
            peer = peer.as_ref().map(tracing::field::debug),
            error = %format_args!("failed to {}", Chain(&failure)),
            "refused handshake",
        );
    }
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
    acceptor: &mut Acceptor,
    claimant: &mut Option<Claimant>,
    admission: &Admission,
) -> Result<(), HandshakeFailure> {
    let inner = node.inner();
    let transport = tcp::ready(stream).map_err(|source| HandshakeFailure::Io {
        stage: acceptor.stage(),
        source: Arc::new(source),
    })?;
    let mut channel = Channel::new(transport, inner.config.setup_timeout);
    loop {
        let body = channel
            .message()
            .await
            .map_err(|error| failure(error, acceptor))?;
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
                match decide(inner, claim, acceptor, &mut channel, claimant).await? {
                    Verdict::Ok | Verdict::OkSimultaneous | Verdict::Alive => {}
                    Verdict::Nok => {
                        return channel
                            .flush()
                            .await
                            .map_err(|error| failure(error, acceptor));
                    }
                    Verdict::NotAllowed => return Err(not_allowed(channel).await),
                }
            }
            AcceptorStep::NameMe(request) => {
                if !name(inner, &request, acceptor, &mut channel, claimant)? {
                    return Err(not_allowed(channel).await);
                }
            }
            AcceptorStep::Authenticated => {
                // What comes now is not to be broken off in the middle.
                if !admission.keep() {
                    return Err(HandshakeFailure::Crowded {
                        stage: acceptor.stage(),
                    });
                }
                return authenticated(node, claimant.as_ref(), acceptor, channel).await;
            }
            AcceptorStep::GaveUp => return Ok(()),
        }
        channel
            .flush()
            .await
            .map_err(|error| failure(error, acceptor))?;
    }
}

/// What a peer that claims a name is told; written, not sent yet.
async fn decide(
    node: &NodeInner,
    claim: Claim,
    acceptor: &mut Acceptor,
    channel: &mut Channel,
    claimant: &mut Option<Claimant>,
) -> Result<Verdict, HandshakeFailure> {
    let cookie = node.config.cookies.of(&claim.name);
    if !node.config.allowed.allows(&claim.name) {
        acceptor.decide(Verdict::NotAllowed, cookie, &mut channel.out)?;
        return Ok(Verdict::NotAllowed);
    }
    let (claimed, attempt) = node.net.claim(node, &claim.name).await;
    let replaces = matches!(claimed, Claimed::Answer(Verdict::Alive));
    *claimant = Some(Claimant {
        name: claim.name,
        attempt,
        replaces,
    });
    match claimed {
        Claimed::Answer(verdict) => {
            acceptor.decide(verdict, cookie, &mut channel.out)?;
            Ok(verdict)
        }
        Claimed::Stopping => Err(HandshakeFailure::Stopping),
    }
}

/// Gives a name to a peer that asks for one; false if it is refused. Written, not sent yet.
fn name(
    node: &NodeInner,
    request: &NameRequest,
    acceptor: &mut Acceptor,
    channel: &mut Channel,
    claimant: &mut Option<Claimant>,
) -> Result<bool, HandshakeFailure> {
    let host = request.placeholder.host();
    if !node.config.allowed.allows_nameless(host) {
        let cookie = node.config.cookies.of(&request.placeholder);
        acceptor.decide(Verdict::NotAllowed, cookie, &mut channel.out)?;
        return Ok(false);
    }
    let Some((given, attempt)) = node.net.claim_name(node, host)? else {
        return Err(HandshakeFailure::Stopping);
    };
    let cookie = node.config.cookies.of(&given.name);
    *claimant = Some(Claimant {
        name: given.name.clone(),
        attempt,
        replaces: false,
    });
    acceptor.give_name(&given, cookie, &mut channel.out)?;
    Ok(true)
}

/// Sends the refusal. That it does not get through changes nothing about the cause.
async fn not_allowed(mut channel: Channel) -> HandshakeFailure {
    let _unsent = channel.flush().await;
    HandshakeFailure::NotOnAllowList
}

async fn authenticated(
    node: &Node,
    claimant: Option<&Claimant>,
    acceptor: &mut Acceptor,
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
