//! Where is epmd? The addresses to try, and in which order.

use crate::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

/// Which addresses of a host count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// Those of both families.
    #[default]
    Any,
    /// Those of IPv4 alone, as `inet_tcp` of OTP does it.
    V4,
    /// Those of IPv6 alone, as `inet6_tcp` of OTP does it.
    V6,
}

impl Family {
    fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// What a client was told about where its epmd is.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Addr(SocketAddr),
    Local {
        port: u16,
        family: Family,
    },
    Host {
        host: Arc<str>,
        port: u16,
        family: Family,
    },
}

impl Target {
    /// The addresses in the order in which they are to be tried; at least one.
    async fn addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        match self {
            Self::Addr(addr) => Ok(vec![*addr]),
            Self::Local { port, family } => {
                // The order of `epmd_cli.c`; with one family, what `erl_epmd` does for it.
                let both = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
                let ips = both.into_iter().filter(|ip| family.has(*ip));
                Ok(ips.map(|ip| SocketAddr::new(ip, *port)).collect())
            }
            Self::Host { host, port, family } => {
                let fail = |source| Error::Resolve {
                    host: host.to_string(),
                    source,
                };
                let found = lookup_host((&**host, *port)).await.map_err(fail)?;
                let mut addrs: Vec<SocketAddr> =
                    found.filter(|addr| family.has(addr.ip())).collect();
                // IPv4 first: nodes of OTP register and listen there unless told otherwise.
                addrs.sort_by_key(SocketAddr::is_ipv6);
                addrs.dedup();
                if addrs.is_empty() {
                    return Err(fail(io::ErrorKind::NotFound.into()));
                }
                Ok(addrs)
            }
        }
    }

    /// Connects to the first address that answers. One that keeps silent gets an equal share of
    /// the time that is left, so that it does not cost the others theirs.
    pub(super) async fn connect(
        &self,
        deadline: Instant,
    ) -> Result<(TcpStream, SocketAddr), Error> {
        let addrs = self.addrs().await?;
        let mut failure = Error::Timeout;
        for (left, addr) in (1..=addrs.len() as u32).rev().zip(addrs) {
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match timeout(share, dial(addr)).await {
                Ok(Ok(stream)) => return Ok((stream, addr)),
                Ok(Err(source)) => failure = Error::Connect { addr, source },
                Err(_) => failure = Error::Timeout,
            }
        }
        Err(failure)
    }
}

/// Connects. Where nobody listens on a port out of the range for outgoing connections, the system
/// may choose that very port for our end and connect us to ourselves; a client that tries again
/// and again comes to this, and would hold the port that epmd needs.
async fn dial(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    if stream.local_addr()? == addr {
        stream.set_zero_linger()?;
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}
