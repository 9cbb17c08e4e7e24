//! At which address does a node listen? Its host, and the port its epmd tells.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use erland_dist::NodeName;
use erland_epmd::Client;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::error::ConnectError;
use crate::node::NodeInner;

/// The version of the distribution protocol since OTP 23, the only one spoken here (Distribution
/// Protocol, "EPMD Protocol").
const VERSION: u16 = 6;

/// The addresses of a host, IPv4 first, as OTP's `inet_tcp` distribution does.
pub(crate) async fn host_addresses(host: &str, wait: Duration) -> io::Result<Vec<IpAddr>> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let found = timeout(wait, lookup_host((host, 0))).await??;
    let mut ips: Vec<IpAddr> = found.map(|addr| addr.ip()).collect();
    ips.sort_by_key(IpAddr::is_ipv6);
    ips.dedup();
    if ips.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(ips)
}

/// Where to dial a node: its static address, or what the epmd of its host says.
pub(crate) async fn node_address(
    node: &NodeInner,
    peer: &NodeName,
) -> Result<SocketAddr, ConnectError> {
    if let Some(addr) = node.config.static_peers.get(peer.as_str()) {
        return Ok(*addr);
    }
    let Some(epmd_port) = node.config.epmd_lookup_port() else {
        return Err(ConnectError::NoAddress);
    };
    let wait = node.config.setup_timeout;
    let ips = host_addresses(peer.host(), wait)
        .await
        .map_err(|source| ConnectError::Resolve {
            host: peer.host().into(),
            source: Arc::new(source),
        })?;
    let mut failure = ConnectError::NoAddress;
    for ip in ips {
        let addr = SocketAddr::new(ip, epmd_port);
        match Client::new(addr)
            .with_timeout(wait)
            .lookup(peer.name())
            .await
        {
            Ok(entry) if !(entry.low..=entry.high).contains(&VERSION) => {
                return Err(ConnectError::Version {
                    lowest: entry.low,
                    highest: entry.high,
                });
            }
            Ok(entry) => return Ok(SocketAddr::new(ip, entry.port)),
            Err(erland_epmd::Error::NotRegistered) => {
                failure = ConnectError::NotRegistered { addr }
            }
            // An epmd that answered knows more than one that did not.
            Err(_) if matches!(failure, ConnectError::NotRegistered { .. }) => {}
            Err(source) => {
                failure = ConnectError::Epmd {
                    addr,
                    source: Arc::new(source),
                }
            }
        }
    }
    Err(failure)
}
