//! How is a node dialled? Resolve, connect, shake hands, each with its own deadline and error.

use std::sync::Arc;

use bytes::BytesMut;
use erland_dist::{
    Flags, GivenName, HandshakeError, Initiator, InitiatorStep, LengthPrefix, Misbehaviour,
    Negotiated, NodeName, Stage,
};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::establish::establish;
use super::handshake::{Channel, ChannelError};
use super::link::Link;
use super::table::Attempt;
use crate::config::Config;
use crate::epmds::Epmds;
use crate::error::{Chain, ConnectError, HandshakeFailure};
use crate::node::{Node, NodeInner};
use crate::resolve::{Seeker, node_address};
use crate::transport::{BoxedTransport, tcp};

/// A connection that was dialled and accepted by the peer.
struct Dialled {
    transport: BoxedTransport,
    received: BytesMut,
    negotiated: Negotiated,
}

/// A name from another node, and the connection over which it came: the one it stands and falls
/// with.
pub(crate) struct Named {
    pub(crate) given: GivenName,
    connection: Dialled,
}

/// Starts an attempt. The table aborts it when the peer's own attempt takes over.
pub(super) fn start(node: Node, link: Arc<Link>, attempt: Attempt) -> AbortHandle {
    let runtime = node.inner().runtime.clone();
    runtime.spawn(run(node, link, attempt)).abort_handle()
}

async fn run(node: Node, link: Arc<Link>, attempt: Attempt) {
    let inner = node.inner();
    let failure = match dial(inner, &link, attempt).await {
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
            inner.net.yielded(&link, attempt);
            sleep(inner.config.setup_timeout).await;
            ConnectError::PeerNeverDialled
        }
        Err(failure) => failure,
    };
    // Whoever waits is told; a process that sends to a node that is down is none of the log's
    // business.
    tracing::debug!(node = ?link.peer, error = %Chain(&failure), "cannot connect");
    inner.net.attempt_failed(inner, &link, attempt, &failure);
}

/// `None` when the peer's own attempt takes precedence.
async fn dial(
    node: &NodeInner,
    link: &Arc<Link>,
    attempt: Attempt,
) -> Result<Option<Dialled>, ConnectError> {
    let config = &node.config;
    let peer = NodeName::try_from(link.peer.clone())?;
    if !config.allowed.allows(&peer) {
        return Err(ConnectError::NotOnAllowList);
    }
    let mut channel = open(node.into(), &peer).await?;
    // From here on the peer may count on this attempt, and refuse its own for it.
    if !node.net.tells_name(link, attempt) {
        return Err(HandshakeFailure::Overtaken.into());
    }
    let initiator = Initiator::start(
        node.identity(),
        peer.clone(),
        config.cookies.of(&peer),
        node.random_u32(),
        LengthPrefix::Two,
        &mut channel.out,
    );
    // The peer believes that we are connected. If this attempt still is what we have to do with
    // it, its connection is stale (`net_kernel`, `is_pending`).
    shake_hands(channel, initiator, || node.net.is_dialling(link, attempt)).await
}

async fn open(seeker: Seeker<'_>, peer: &NodeName) -> Result<Channel, ConnectError> {
    let addr = node_address(seeker, peer).await?;
    let wait = seeker.config.setup_timeout;
    let dial_error = |source| ConnectError::Dial {
        addr,
        source: Arc::new(source),
    };
    let transport = match timeout(wait, tcp::dial(addr)).await {
        Ok(dialled) => dialled.map_err(dial_error)?,
        Err(elapsed) => return Err(dial_error(elapsed.into())),
    };
    Ok(Channel::new(transport, wait))
}

async fn shake_hands(
    mut channel: Channel,
    mut initiator: Initiator,
    is_pending: impl Fn() -> bool,
) -> Result<Option<Dialled>, ConnectError> {
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
                let pending = is_pending();
                initiator
                    .answer_alive(pending, &mut channel.out)
                    .map_err(HandshakeFailure::from)?;
                if !pending {
                    channel
                        .flush()
                        .await
                        .map_err(|error| failure(error, &initiator))?;
                    return Err(HandshakeFailure::Overtaken.into());
                }
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

/// Dials a node to be given a name by it, before there is a node here.
pub(crate) async fn be_named(
    config: &Config,
    placeholder: &NodeName,
    peer: &NodeName,
    challenge: u32,
) -> Result<Named, ConnectError> {
    if !config.allowed.allows(peer) {
        return Err(ConnectError::NotOnAllowList);
    }
    let (epmds, own) = (&Epmds::default(), None);
    let seeker = Seeker { config, epmds, own };
    let mut channel = open(seeker, peer).await?;
    let initiator = Initiator::start_nameless(
        placeholder,
        Flags::HONOURED,
        peer.clone(),
        config.cookies.of(peer),
        challenge,
        LengthPrefix::Two,
        &mut channel.out,
    );
    let dialled = shake_hands(channel, initiator, || true).await?;
    let (connection, given) = match dialled {
        Some(mut connection) => match connection.negotiated.given.take() {
            Some(given) => (connection, given),
            None => return Err(not_named()),
        },
        None => return Err(not_named()),
    };
    Ok(Named { given, connection })
}

/// The state machine finds this itself: it asked for a name and is not done without one.
fn not_named() -> ConnectError {
    let error = HandshakeError::PeerMisbehaved {
        stage: Stage::Status,
        kind: Misbehaviour::NotNamed,
    };
    HandshakeFailure::Protocol(error).into()
}

impl Named {
    /// Brings up the link to the node that gave the name.
    pub(crate) fn establish(self, node: &Node) {
        let Dialled {
            transport,
            received,
            negotiated,
        } = self.connection;
        let (link, attempt) = node.inner().net.named_by(negotiated.peer.atom());
        establish(node, &link, attempt, transport, received, &negotiated);
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
