//! How is a node dialled? Resolve, connect, shake hands, each with its own deadline and error.

use std::sync::Arc;

use bytes::BytesMut;
use erland_dist::{Initiator, InitiatorStep, LengthPrefix, Negotiated, NodeName};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::establish::establish;
use super::handshake::{Channel, ChannelError};
use super::link::Link;
use super::table::Attempt;
use crate::error::{Chain, ConnectError, HandshakeFailure};
use crate::node::{Node, NodeInner};
use crate::resolve::node_address;
use crate::transport::{BoxedTransport, tcp};

/// A connection that was dialled and accepted by the peer.
struct Dialled {
    transport: BoxedTransport,
    received: BytesMut,
    negotiated: Negotiated,
}

/// Starts an attempt. The table aborts it when the peer's own attempt takes over.
pub(super) fn start(node: Node, link: Arc<Link>, attempt: Attempt) -> AbortHandle {
    let runtime = node.inner().runtime.clone();
    runtime.spawn(run(node, link, attempt)).abort_handle()
}

async fn run(node: Node, link: Arc<Link>, attempt: Attempt) {
    let failure = match dial(node.inner(), &link).await {
        Ok(Some(Dialled {
            transport,
            received,
            negotiated,
        })) => {
            establish(&node, &link, attempt, transport, received, &negotiated);
            return;
        }
        Ok(None) => {
            // `nok`: the peer's attempt is to stay. If it comes, it takes the entry over and
            // aborts this task; those who wait keep waiting as long as OTP's would.
            sleep(node.inner().config.setup_timeout).await;
            ConnectError::PeerNeverDialled
        }
        Err(failure) => failure,
    };
    // Whoever waits is told; a process that sends to a node that is down is none of the log's
    // business.
    tracing::debug!(node = ?link.peer, error = %Chain(&failure), "cannot connect");
    node.inner()
        .net
        .attempt_failed(node.inner(), &link, attempt, &failure);
}

/// `None` when the peer's own attempt takes precedence.
async fn dial(node: &NodeInner, link: &Link) -> Result<Option<Dialled>, ConnectError> {
    let peer = NodeName::try_from(link.peer.clone())?;
    let addr = node_address(node, &peer).await?;
    let wait = node.config.setup_timeout;
    let dial_error = |source| ConnectError::Dial {
        addr,
        source: Arc::new(source),
    };
    let transport = match timeout(wait, tcp::dial(addr)).await {
        Ok(dialled) => dialled.map_err(dial_error)?,
        Err(elapsed) => return Err(dial_error(elapsed.into())),
    };
    let challenge = node.random_u32();
    let mut channel = Channel::new(transport, wait);
    let mut initiator = Initiator::start(
        node.identity(),
        peer,
        node.config.cookie.clone(),
        challenge,
        LengthPrefix::Two,
        &mut channel.out,
    );
    loop {
        channel
            .flush()
            .await
            .map_err(|error| failure(error, &initiator))?;
        let body = channel
            .message()
            .await
            .map_err(|error| failure(error, &initiator))?;
        match initiator
            .receive(&body, &mut channel.out)
            .map_err(HandshakeFailure::from)?
        {
            InitiatorStep::Continue => {}
            InitiatorStep::Alive => {
                // This attempt exists because we have no connection: the peer's is stale.
                initiator
                    .answer_alive(true, &mut channel.out)
                    .map_err(HandshakeFailure::from)?;
            }
            InitiatorStep::NotSimultaneous => return Ok(None),
            InitiatorStep::Done(negotiated) => {
                let Channel {
                    transport,
                    received,
                    ..
                } = channel;
                return Ok(Some(Dialled {
                    transport,
                    received,
                    negotiated,
                }));
            }
        }
    }
}

fn failure(error: ChannelError, initiator: &Initiator) -> HandshakeFailure {
    let stage = initiator.stage();
    match error {
        ChannelError::Closed => initiator.closed().into(),
        ChannelError::TimedOut => initiator.timed_out().into(),
        ChannelError::Io(source) => HandshakeFailure::Io {
            stage,
            source: Arc::new(source),
        },
        ChannelError::TooLong => HandshakeFailure::MessageTooLong { stage },
    }
}
