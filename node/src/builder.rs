//! How is a node configured and started?

use std::collections::HashMap;
use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use erland_dist::{Cookie, NodeName};
use erland_epmd::NodeEntry;
use erland_etf::NodeId;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::config::{self, Config};
use crate::error::StartError;
use crate::lease::{self, Epmd, Registrar};
use crate::net;
use crate::node::{Node, NodeInner};
use crate::resolve::host_addresses;
use crate::service::net_kernel;
use crate::transport::tcp;

/// The settings of a node that is yet to start; made by [`Node::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct NodeBuilder {
    name: String,
    cookie: Option<Cookie>,
    epmd: Epmd,
    epmd_port: Option<u16>,
    listen: Option<Vec<IpAddr>>,
    port: u16,
    static_peers: HashMap<String, SocketAddr>,
    net_ticktime: Duration,
    tick_intensity: u32,
    setup_timeout: Duration,
    shutdown_timeout: Duration,
}

impl NodeBuilder {
    pub(crate) fn new(name: String) -> NodeBuilder {
        NodeBuilder {
            name,
            cookie: None,
            epmd: Epmd::Auto,
            epmd_port: None,
            listen: None,
            port: 0,
            static_peers: HashMap::new(),
            net_ticktime: config::NET_TICKTIME,
            tick_intensity: config::TICK_INTENSITY,
            setup_timeout: config::SETUP_TIMEOUT,
            shutdown_timeout: config::SHUTDOWN_TIMEOUT,
        }
    }

    /// The secret that all nodes of the cluster share. Required: there is no default that would
    /// be safe.
    pub fn cookie(mut self, cookie: impl Into<String>) -> NodeBuilder {
        self.cookie = Some(Cookie::new(cookie));
        self
    }

    /// Which epmd to register with; [`Epmd::Auto`] by default.
    pub fn epmd(mut self, epmd: Epmd) -> NodeBuilder {
        self.epmd = epmd;
        self
    }

    /// The port on which epmd is asked and, if need be, started; by default `ERL_EPMD_PORT`, or
    /// 4369. [`Epmd::At`] has its own.
    pub fn epmd_port(mut self, port: u16) -> NodeBuilder {
        self.epmd_port = Some(port);
        self
    }

    /// Where to listen. By default on the loopback address if the host part of the name is a
    /// loopback address, otherwise on all addresses of this host.
    pub fn listen(mut self, ip: impl Into<IpAddr>) -> NodeBuilder {
        self.listen.get_or_insert_default().push(ip.into());
        self
    }

    /// The port to listen on; by default the operating system chooses one.
    pub fn port(mut self, port: u16) -> NodeBuilder {
        self.port = port;
        self
    }

    /// The address of a node, which is then dialled without asking an epmd.
    pub fn static_peer(mut self, name: impl Into<String>, addr: SocketAddr) -> NodeBuilder {
        self.static_peers.insert(name.into(), addr);
        self
    }

    /// How long a connection may be silent before its node counts as down: 60 s by default, as in
    /// OTP. It is found between this time and a quarter more; all nodes of a cluster must agree.
    pub fn net_ticktime(mut self, ticktime: Duration) -> NodeBuilder {
        self.net_ticktime = ticktime;
        self
    }

    /// Into how many intervals the tick time is cut, 4 to 1000; 4 by default, as in OTP.
    pub fn tick_intensity(mut self, intensity: u32) -> NodeBuilder {
        self.tick_intensity = intensity;
        self
    }

    /// How long each step of setting up a connection may take: 7 s by default, as in OTP
    /// (`net_setuptime`).
    pub fn setup_timeout(mut self, timeout: Duration) -> NodeBuilder {
        self.setup_timeout = timeout;
        self
    }

    /// How long [`Node::shutdown`] waits for processes to end, and then for what was sent to be
    /// written: 5 s each by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> NodeBuilder {
        self.shutdown_timeout = timeout;
        self
    }

    /// Starts the node: it listens, is registered with epmd and can be reached when this returns.
    ///
    /// Not cancel safe: a dropped future may leave a port open until the runtime ends.
    ///
    /// # Errors
    ///
    /// See [`StartError`]; nothing is left running then.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn start(self) -> Result<Node, StartError> {
        let name = NodeName::parse(&self.name)?;
        let cookie = self.cookie.ok_or(StartError::NoCookie)?;
        let epmd_port = match self.epmd_port {
            Some(port) => port,
            None => default_epmd_port()?,
        };
        let ips = match self.listen {
            Some(ips) => ips,
            None => default_ips(&name, self.setup_timeout).await,
        };
        if self.net_ticktime.is_zero() || self.net_ticktime > config::MAX_TICKTIME {
            return Err(StartError::NetTicktime);
        }
        let (listeners, port) =
            tcp::listen(&ips, self.port)
                .await
                .map_err(|source| StartError::Listen {
                    ips: ips.clone(),
                    port: self.port,
                    source,
                })?;
        tracing::info!(node = ?name, ?ips, port, "listening");

        let registrar = Registrar {
            policy: self.epmd,
            port: epmd_port,
            ips,
            entry: NodeEntry::new(name.name(), port),
        };
        let config = Config {
            cookie,
            epmd: self.epmd,
            epmd_port: registrar.port,
            static_peers: self.static_peers,
            net_ticktime: self.net_ticktime,
            tick_intensity: self.tick_intensity,
            setup_timeout: self.setup_timeout,
            shutdown_timeout: self.shutdown_timeout,
        };
        let id = NodeId::new(name.atom().clone(), creation()?);
        let node = NodeInner::start(Handle::current(), name, id, config, port);
        net_kernel::start(&node);

        // Peers that look the name up must find a port that answers, so the listener comes first.
        let handshakes = Arc::new(Semaphore::new(net::MAX_HANDSHAKES));
        for listener in listeners {
            let serve = net::serve(node.clone(), listener, Arc::clone(&handshakes));
            node.inner().tasks.listener(tokio::spawn(serve));
        }
        match registrar.acquire().await {
            Ok(Some(lease)) => {
                node.inner().tasks.set_epmd_addr(lease.addr());
                let stop = node.inner().tasks.stopping();
                let keeper = tokio::spawn(lease::keep(node.clone(), registrar, lease, stop));
                node.inner().tasks.keeper(keeper);
            }
            Ok(None) => {}
            Err(error) => {
                node.shutdown().await;
                return Err(error);
            }
        }
        Ok(node)
    }
}

/// Random, 32 bits, at least 4: smaller numbers are what the old two-bit creations were (External
/// Term Format, `NEW_PID_EXT`). Chosen once per start, whatever epmd answers, so that it is the
/// same with and without one.
fn creation() -> Result<u32, StartError> {
    loop {
        let creation = getrandom::u32().map_err(|_| StartError::Random)?;
        if creation >= 4 {
            return Ok(creation);
        }
    }
}

async fn default_ips(name: &NodeName, wait: Duration) -> Vec<IpAddr> {
    // A host part that has no address here is a name for others to resolve: then all addresses.
    let own = host_addresses(name.host(), wait).await.unwrap_or_default();
    if own.is_empty() || !own.iter().all(IpAddr::is_loopback) {
        return vec![Ipv4Addr::UNSPECIFIED.into()];
    }
    // `localhost` may have an IPv6 address on a machine that has no IPv6.
    let mut usable = Vec::new();
    for ip in &own {
        if TcpListener::bind((*ip, 0)).await.is_ok() {
            usable.push(*ip);
        }
    }
    if usable.is_empty() { own } else { usable }
}

fn default_epmd_port() -> Result<u16, StartError> {
    match env::var_os("ERL_EPMD_PORT") {
        None => Ok(erland_epmd::DEFAULT_PORT),
        // A typo must not make the node look for its peers in the wrong place.
        Some(port) => port
            .to_str()
            .and_then(|port| port.parse().ok())
            .ok_or(StartError::EpmdPort),
    }
}
