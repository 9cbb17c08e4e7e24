//! How does a finished handshake become a connection? The same way from either side.

use std::sync::Arc;

use bytes::BytesMut;
use erland_dist::{ConnectionLimits, Inbound, Negotiated, Outbound, OutboundLimits, Ticker};
use erland_etf::NodeId;

use super::driver::{BULK_PER_TURN, Driver};
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
    let mut limits = OutboundLimits::default();
    limits.high_water = inner.config.dist_buf_busy_limit;
    limits.bulk_per_turn = BULK_PER_TURN;
    let outbound = Outbound::with_limits(flags, limits);
    if !inner.net.established(inner, link, attempt, outbound) {
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
