//! At which address does a node listen? Its host, and the port its epmd tells.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use erland_dist::NodeName;
use erland_epmd::{Client, Error};
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep, timeout};

use crate::config::Config;
use crate::epmds::Epmds;
use crate::error::ConnectError;
use crate::node::NodeInner;

/// The version of the distribution protocol since OTP 23, the only one spoken here (Distribution
/// Protocol, "EPMD Protocol").
const VERSION: u16 = 6;

/// The pause before an epmd that is away is asked again; it doubles each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

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
///
/// When an epmd on which this node has relied before is away, or has just returned, it is asked
/// again and again until `setup_timeout` is used up: another node of that host is about to take
/// its place, and those that were registered are about to be so again. OTP does not wait, but
/// there an epmd does not end with a node. Any other epmd is asked once.
pub(crate) async fn node_address(
    seeker: Seeker<'_>,
    peer: &NodeName,
) -> Result<SocketAddr, ConnectError> {
    let config = seeker.config;
    if let Some(addr) = config.static_peers.get(peer.as_str()) {
        return Ok(*addr);
    }
    let Some(epmd_port) = config.epmd_lookup_port() else {
        return Err(ConnectError::NoAddress);
    };
    let wait = config.setup_timeout;
    let ips = host_addresses(peer.host(), wait)
        .await
        .map_err(|source| ConnectError::Resolve {
            host: peer.host().into(),
            source: Arc::new(source),
        })?;
    let search = Search {
        seeker,
        peer,
        epmds: ips
            .into_iter()
            .map(|ip| SocketAddr::new(ip, epmd_port))
            .collect(),
        started: Instant::now(),
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let (failure, again) = match search.ask().await {
            Ok(addr) => return Ok(addr),
            Err(failed) => failed,
        };
        if !again {
            return Err(failure);
        }
        if search.left() <= pause {
            search.give_up(&failure);
            return Err(failure);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Who looks a node up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeker<'a> {
    pub(crate) config: &'a Config,
    /// The epmds it knows.
    pub(crate) epmds: &'a Epmds,
    /// Its host, and the epmd where it is registered itself; `None` without one.
    pub(crate) own: Option<(&'a str, SocketAddr)>,
}

impl<'a> From<&'a NodeInner> for Seeker<'a> {
    fn from(node: &'a NodeInner) -> Seeker<'a> {
        Seeker {
            config: &node.config,
            epmds: &node.epmds,
            own: node.tasks.epmd_addr().map(|epmd| (node.name.host(), epmd)),
        }
    }
}

/// The look-up of one node.
struct Search<'a> {
    seeker: Seeker<'a>,
    peer: &'a NodeName,
    epmds: Vec<SocketAddr>,
    started: Instant,
}

impl Search<'_> {
    fn left(&self) -> Duration {
        let wait = self.seeker.config.setup_timeout;
        wait.saturating_sub(self.started.elapsed())
    }

    /// Under what the node remembers an epmd. That of its own host has one address where it is
    /// registered and perhaps another where its peers are looked up.
    fn key(&self, epmd: SocketAddr) -> SocketAddr {
        match self.seeker.own {
            Some((host, own)) if self.peer.host() == host => own,
            _ => epmd,
        }
    }

    /// Asks each epmd once; on failure, whether it makes sense to ask again.
    async fn ask(&self) -> Result<SocketAddr, (ConnectError, bool)> {
        let known = self.seeker.epmds;
        let mut failure = ConnectError::NoAddress;
        let mut again = false;
        // One that keeps silent does not cost the others their time.
        let mut shares = u32::try_from(self.epmds.len()).unwrap_or(u32::MAX);
        for &addr in &self.epmds {
            let client = Client::new(addr).with_timeout(self.left() / shares);
            shares = shares.saturating_sub(1).max(1);
            match client.lookup(self.peer.name()).await {
                Ok(entry) => {
                    known.answers(self.key(addr));
                    if !(entry.low..=entry.high).contains(&VERSION) {
                        let version = ConnectError::Version {
                            lowest: entry.low,
                            highest: entry.high,
                        };
                        return Err((version, false));
                    }
                    return Ok(SocketAddr::new(addr.ip(), entry.port));
                }
                Err(Error::NotRegistered) => {
                    again |= known.returned(self.key(addr));
                    known.answers(self.key(addr));
                    failure = ConnectError::NotRegistered { addr };
                }
                Err(source) => {
                    if is_away(&source) {
                        again |= known.away(self.key(addr));
                    }
                    // An epmd that answered knows more than one that did not.
                    if !matches!(failure, ConnectError::NotRegistered { .. }) {
                        failure = ConnectError::Epmd {
                            addr,
                            source: Arc::new(source),
                        };
                    }
                }
            }
        }
        Err((failure, again))
    }

    /// Epmds that stayed away are not waited for a second time.
    fn give_up(&self, failure: &ConnectError) {
        if matches!(failure, ConnectError::Epmd { .. }) {
            for &addr in &self.epmds {
                self.seeker.epmds.forget(self.key(addr));
            }
        }
    }
}

/// Whether there is no epmd, or one that ended in the middle of its reply.
fn is_away(error: &Error) -> bool {
    error.is_no_epmd() || matches!(error, Error::Closed | Error::Io(_))
}
