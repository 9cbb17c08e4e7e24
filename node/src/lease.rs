//! How does a node keep its name known? A lease at an epmd: a real one, or one of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use erland_epmd::{Client, NodeEntry, Server, ServerHandle};

use crate::error::{Chain, StartError};
use crate::node::Node;

/// How long a node waits at most before it tries to register again. OTP's nodes do so 2 s after
/// their epmd went away (`erl_epmd`), and half a second before that one of ours has taken its
/// place. A random part of it keeps the nodes of one host from racing each other.
const RETRY: Duration = Duration::from_millis(1500);
/// How long a stopping node waits for epmd to take note that its name is free; the closed socket
/// says so in any case.
const RELEASE: Duration = Duration::from_secs(1);
/// Between an epmd that does not answer and a port that is taken lies another node's start: it has
/// the port, and is about to listen.
const START_ATTEMPTS: usize = 10;
const START_PAUSE: Duration = Duration::from_millis(20);

/// Which epmd a node registers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Epmd {
    /// The one on this host, if it answers; otherwise one of our own is started on its port, for
    /// every node of the host that looks there, `erl` included. It listens where the node listens,
    /// and on the loopback address; it cannot be killed or told to drop a name over the network.
    ///
    /// It ends with its node, however that ends. The other nodes with this policy try to take its
    /// place, each after a random time below two seconds, and register again with whoever was
    /// first, be that OTP's own `epmd`; nodes of OTP do so every two seconds. All keep their
    /// creations. Look-ups wait for it within [`setup_timeout`](crate::NodeBuilder::setup_timeout).
    #[default]
    Auto,
    /// One of our own, as with [`Auto`](Epmd::Auto); starting fails if the port is taken.
    Embedded,
    /// This one, and no other. When it goes away, the node registers again as soon as it is back.
    At(SocketAddr),
    /// None: the node is not registered and finds only peers with a static address.
    None,
}

/// A registered name. Dropping it gives the name up and stops the embedded epmd.
#[derive(Debug)]
pub(crate) struct Lease {
    registration: erland_epmd::Lease,
    server: Option<ServerHandle>,
    addr: SocketAddr,
}

/// What it takes to register, at the start and again whenever epmd goes away.
#[derive(Clone, Debug)]
pub(crate) struct Registrar {
    pub(crate) policy: Epmd,
    pub(crate) port: u16,
    /// Where the node listens, and so where its own epmd listens.
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) entry: NodeEntry,
}

impl Registrar {
    /// Registers; `None` when the node uses no epmd.
    pub(crate) async fn acquire(&self) -> Result<Option<Lease>, StartError> {
        match self.policy {
            Epmd::None => Ok(None),
            Epmd::At(addr) => self.register(addr, None).await.map(Some),
            Epmd::Embedded => {
                let server = self.embed().await?;
                self.register(self.here(), Some(server)).await.map(Some)
            }
            Epmd::Auto => self.find_or_embed(self.here()).await.map(Some),
        }
    }

    /// Registers again. A node that brought an epmd of its own has none left now, and takes
    /// another's rather than stay unknown.
    async fn acquire_again(&self) -> Result<Option<Lease>, StartError> {
        match self.policy {
            Epmd::Embedded => self.find_or_embed(self.here()).await.map(Some),
            Epmd::Auto | Epmd::At(_) | Epmd::None => self.acquire().await,
        }
    }

    fn here(&self) -> SocketAddr {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port)
    }

    async fn find_or_embed(&self, here: SocketAddr) -> Result<Lease, StartError> {
        let mut attempts = START_ATTEMPTS;
        loop {
            match self.register(here, None).await {
                Err(StartError::Register { source, .. }) if source.is_no_epmd() => {}
                registered => return registered,
            }
            attempts -= 1;
            match self.embed().await {
                Ok(server) => return self.register(here, Some(server)).await,
                // Somebody was quicker: register with theirs.
                Err(StartError::EmbeddedEpmd { source, .. })
                    if source.kind() == io::ErrorKind::AddrInUse && attempts > 0 =>
                {
                    tokio::time::sleep(START_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn embed(&self) -> Result<ServerHandle, StartError> {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let addrs: Vec<SocketAddr> = epmd_ips(&self.ips)
            .into_iter()
            .map(|ip| SocketAddr::new(ip, self.port))
            .collect();
        let server = Server::bind(&addrs)
            .await
            .map_err(|source| StartError::EmbeddedEpmd {
                addr: SocketAddr::new(loopback, self.port),
                source,
            })?;
        tracing::info!(port = self.port, "embedded epmd started");
        Ok(server.start())
    }

    async fn register(
        &self,
        addr: SocketAddr,
        server: Option<ServerHandle>,
    ) -> Result<Lease, StartError> {
        // The creation epmd offers is ignored: ours is chosen once and holds without an epmd too.
        match Client::new(addr).register_once(&self.entry).await {
            Ok(registration) => Ok(Lease {
                registration,
                server,
                addr,
            }),
            Err(source) => Err(StartError::Register { addr, source }),
        }
    }
}

/// Where an epmd listens whose node listens at these addresses: there, and always on the loopback
/// address, where nodes of this host register.
fn epmd_ips(node: &[IpAddr]) -> Vec<IpAddr> {
    let mut ips = node.to_vec();
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    if ips.contains(&IpAddr::from(Ipv6Addr::UNSPECIFIED)) && !ips.contains(&any) {
        // The node's socket takes IPv4 as well, where the system has it so; that of epmd never does.
        ips.retain(|ip| *ip != loopback);
        ips.push(any);
    } else if !ips.contains(&loopback) && !ips.contains(&any) {
        ips.push(loopback);
    }
    ips
}

impl Lease {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Gives the name up, and returns once epmd has taken note.
    pub(crate) async fn release(self) {
        match tokio::time::timeout(RELEASE, self.registration.release()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "epmd did not confirm that the name is free"),
            Err(_) => tracing::debug!("epmd did not confirm in time that the name is free"),
        }
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}

/// Keeps the name registered: when epmd goes away, registers again wherever one is found or can be
/// started, with the creation that the node has had from the start. Of the nodes of a host that
/// share an embedded epmd, each waits its own random time below the two seconds that nodes of OTP
/// wait, so that one of them has the port when those of OTP come back. Ends when `stop` says so; the
/// name is free by then.
pub(crate) async fn keep(
    node: Node,
    registrar: Registrar,
    lease: Lease,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    let mut held = lease;
    let epmds = &node.inner().epmds;
    epmds.answers(held.addr);
    loop {
        tokio::select! {
            () = held.registration.lost() => {}
            () = wanted(&mut stop) => return held.release().await,
        }
        tracing::warn!(addr = %held.addr, "epmd went away; registering again");
        epmds.away(held.addr);
        // Its embedded server, if it was ours, has ended with it.
        drop(held);
        tokio::select! {
            lease = regain(&node, &registrar) => held = lease,
            () = wanted(&mut stop) => return,
        }
        tracing::info!(addr = %held.addr, "registered again");
        // Others may not be, for as long as if it had been away until now.
        epmds.answers(held.addr);
        epmds.away(held.addr);
    }
}

/// Registers wherever that becomes possible.
async fn regain(node: &Node, registrar: &Registrar) -> Lease {
    let mut warned = false;
    loop {
        let part = f64::from(node.inner().random_u32()) / f64::from(u32::MAX);
        tokio::time::sleep(RETRY.mul_f64(part)).await;
        match registrar.acquire_again().await {
            Ok(Some(lease)) => return lease,
            // Without an epmd there was no lease to lose.
            Ok(None) => std::future::pending().await,
            Err(error) if warned => {
                tracing::debug!(error = %Chain(&error), "cannot register yet");
            }
            Err(error) => {
                // Once: it is tried every second or so, for as long as it takes.
                tracing::warn!(error = %Chain(&error), "cannot register yet");
                warned = true;
            }
        }
    }
}

/// Waits until the node is to stop.
async fn wanted(stop: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means that the node is gone altogether.
    let _stop = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_this_host_find_the_epmd_wherever_its_node_listens() {
        for (node, epmd) in [
            (&["127.0.0.1"][..], &["127.0.0.1"][..]),
            (&["0.0.0.0"], &["0.0.0.0"]),
            (&["127.0.0.2"], &["127.0.0.2", "127.0.0.1"]),
            (&["::1"], &["::1", "127.0.0.1"]),
            (&["::"], &["::", "0.0.0.0"]),
            (&["::", "0.0.0.0"], &["::", "0.0.0.0"]),
        ] {
            let ips = |texts: &[&str]| -> Vec<IpAddr> {
                let parsed = texts.iter().map(|text| text.parse());
                parsed.collect::<Result<_, _>>().expect("addresses")
            };
            assert_eq!(epmd_ips(&ips(node)), ips(epmd), "{node:?}");
        }
    }
}
