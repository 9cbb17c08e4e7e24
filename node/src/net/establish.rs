//! How does a finished handshake become a connection? The same way from either side.

use std::sync::Arc;

use bytes::BytesMut;
use erland_dist::{ConnectionLimits, Inbound, Negotiated, Outbound, Ticker};
use erland_etf::NodeId;

use super::driver::Driver;
use super::link::Link;
use super::table::Attempt;
use crate::node::Node;
use crate::transport::BoxedTransport;

/// Brings the link up and starts its driver; drops the connection if the attempt lost its entry.
pub(super) fn establish(
    node: &Node,
    link: &Arc<Link>,
    attempt: Attempt,
    transport: BoxedTransport,
    received: BytesMut,
    negotiated: &Negotiated,
) {
    let inner = node.inner();
    let flags = negotiated.flags;
    if !inner
        .net
        .established(inner, link, attempt, Outbound::new(flags))
    {
        return;
    }
    tracing::info!(node = ?link.peer, "node up");
    let peer = NodeId::new(negotiated.peer.atom().clone(), negotiated.peer_creation);
    let inbound = Inbound::new(flags, &inner.id, &peer, ConnectionLimits::default());
    let ticker = Ticker::new(
        inner.config.net_ticktime,
        inner.config.tick_intensity,
        negotiated.is_hidden(),
    );
    let driver = Driver::new(
        node.clone(),
        Arc::clone(link),
        transport,
        inbound,
        received,
        ticker,
    );
    inner.runtime.spawn(driver.run());
}
