//! How is a node configured and started?

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use erland_dist::{Cookie, NodeName};
use erland_epmd::NodeEntry;
use erland_etf::NodeId;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::auth::{AllowList, Cookies};
use crate::config::{self, Config};
use crate::cookie_file::CookieFile;
use crate::error::{ConnectError, StartError};
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
    named_by: Option<String>,
    cookie: Option<Cookie>,
    cookie_file: Option<CookieFile>,
    peer_cookies: BTreeMap<String, Cookie>,
    allowed: Vec<String>,
    epmd: Epmd,
    epmd_port: Option<u16>,
    listen: Option<Vec<IpAddr>>,
    port: u16,
    static_peers: HashMap<String, SocketAddr>,
    net_ticktime: Duration,
    tick_intensity: u32,
    dist_buf_busy_limit: usize,
    setup_timeout: Duration,
    shutdown_timeout: Duration,
}

impl NodeBuilder {
    pub(crate) fn new(name: String) -> NodeBuilder {
        NodeBuilder {
            name,
            named_by: None,
            cookie: None,
            cookie_file: None,
            peer_cookies: BTreeMap::new(),
            allowed: Vec::new(),
            epmd: Epmd::Auto,
            epmd_port: None,
            listen: None,
            port: 0,
            static_peers: HashMap::new(),
            net_ticktime: config::NET_TICKTIME,
            tick_intensity: config::TICK_INTENSITY,
            dist_buf_busy_limit: config::DIST_BUF_BUSY_LIMIT,
            setup_timeout: config::SETUP_TIMEOUT,
            shutdown_timeout: config::SHUTDOWN_TIMEOUT,
        }
    }

    /// The secret that all nodes of the cluster share. By default that of the user's
    /// [cookie file](NodeBuilder::cookie_file).
    pub fn cookie(mut self, cookie: impl Into<String>) -> NodeBuilder {
        self.cookie = Some(Cookie::new(cookie));
        self
    }

    /// Where the cookie is read from, and put if there is none, unless one is
    /// [given](NodeBuilder::cookie); by default `~/.erlang.cookie`, see [`CookieFile::from_env`].
    pub fn cookie_file(mut self, file: CookieFile) -> NodeBuilder {
        self.cookie_file = Some(file);
        self
    }

    /// Another cookie for one peer, in both directions, as `erlang:set_cookie/2`. Can be changed
    /// later: [`Node::set_peer_cookie`].
    pub fn peer_cookie(
        mut self,
        peer: impl Into<String>,
        cookie: impl Into<String>,
    ) -> NodeBuilder {
        self.peer_cookies.insert(peer.into(), Cookie::new(cookie));
        self
    }

    /// The only peers that may connect and be connected to, as `net_kernel:allow/1`; by default
    /// all. Each entry is a node, `name@host`, a host, or a name on any host, `name@`. Calls add
    /// up. Other peers are told `not_allowed`.
    ///
    /// The list keeps honest nodes apart. It is no protection: a peer that knows the cookie can
    /// call itself by any name.
    pub fn allow<E: Into<String>>(mut self, entries: impl IntoIterator<Item = E>) -> NodeBuilder {
        self.allowed.extend(entries.into_iter().map(E::into));
        self
    }

    /// Has another node give this one its name: a random one, that no other node of the cluster
    /// has. This node is then to be built as `undefined@host`, and must be on that host to the
    /// mind of its peers. As `erl -name undefined`, it does not listen, is not registered with
    /// epmd, and is connected to that node when [`start`](NodeBuilder::start) returns.
    ///
    /// The name holds as long as the connection to that node. When it goes down, all others are
    /// closed ([`NodeDownReason::NameLost`](crate::NodeDownReason::NameLost)), and none can be
    /// made any more ([`ConnectError::NameLost`]): its processes go on, but the node is to be shut
    /// down and another one started. OTP restarts its distribution then.
    pub fn named_by(mut self, peer: impl Into<String>) -> NodeBuilder {
        self.named_by = Some(peer.into());
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
    ///
    /// The interval, a [part](NodeBuilder::tick_intensity) of it, is rounded up to milliseconds.
    pub fn net_ticktime(mut self, ticktime: Duration) -> NodeBuilder {
        self.net_ticktime = ticktime;
        self
    }

    /// Into how many intervals the tick time is cut, 4 to 1000; 4 by default, as in OTP.
    pub fn tick_intensity(mut self, intensity: u32) -> NodeBuilder {
        self.tick_intensity = intensity;
        self
    }

    /// How many bytes may wait to be sent over one connection before senders have to wait: 1 MiB by
    /// default, as in OTP (`+zdbbl`, which counts in KiB); 1 KiB at least.
    ///
    /// It is compared before a message is taken, so one message may exceed it by its whole length.
    /// A message in fragments (more than 64 KiB) counts with its first one, so that the large
    /// message of one process holds up no small one of another: four such messages may be under
    /// way at a time, and behind its own one a process may queue as much as this limit. Exit
    /// signals, links, monitors and ticks never wait. [`Node::backlog_to`] tells what waits.
    pub fn dist_buf_busy_limit(mut self, bytes: usize) -> NodeBuilder {
        self.dist_buf_busy_limit = bytes;
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
    pub async fn start(mut self) -> Result<Node, StartError> {
        let name = NodeName::parse(&self.name)?;
        let epmd_port = match self.epmd_port {
            Some(port) => port,
            None => default_epmd_port()?,
        };
        let namer = self.namer(&name)?;
        let config = self.config(epmd_port).await?;
        match namer {
            Some(namer) => start_nameless(&name, namer, config).await,
            None => self.start_named(name, config).await,
        }
    }

    /// Who is to give this node its name.
    fn namer(&mut self, name: &NodeName) -> Result<Option<NodeName>, StartError> {
        match (name.name() == UNDEFINED, self.named_by.take()) {
            (false, None) => Ok(None),
            (false, Some(_)) => Err(StartError::HasName),
            (true, None) => Err(StartError::NoNamingNode),
            (true, Some(peer)) => peer_name(peer).map(Some),
        }
    }

    /// What the running node is to know of the settings; checked.
    async fn config(&mut self, epmd_port: u16) -> Result<Config, StartError> {
        if self.net_ticktime.is_zero() || self.net_ticktime > config::MAX_TICKTIME {
            return Err(StartError::NetTicktime);
        }
        if self.dist_buf_busy_limit < config::LEAST_BUSY_LIMIT {
            return Err(StartError::DistBufBusyLimit);
        }
        let mut allowed = AllowList::default();
        for entry in std::mem::take(&mut self.allowed) {
            if !allowed.add(&entry) {
                let entry = entry.into();
                return Err(StartError::Allow { entry });
            }
        }
        let mut peer_cookies = HashMap::new();
        for (peer, cookie) in std::mem::take(&mut self.peer_cookies) {
            peer_cookies.insert(peer_name(peer)?, cookie);
        }
        let own = match self.cookie.take() {
            Some(cookie) => cookie,
            None => {
                let file = self.cookie_file.take();
                read_cookie(file.unwrap_or_else(CookieFile::from_env)).await?
            }
        };
        Ok(Config {
            cookies: Cookies::new(own, peer_cookies),
            allowed,
            epmd: self.epmd,
            epmd_port,
            static_peers: std::mem::take(&mut self.static_peers),
            net_ticktime: self.net_ticktime,
            tick_intensity: self.tick_intensity,
            dist_buf_busy_limit: self.dist_buf_busy_limit,
            setup_timeout: self.setup_timeout,
            shutdown_timeout: self.shutdown_timeout,
        })
    }

    async fn start_named(self, name: NodeName, config: Config) -> Result<Node, StartError> {
        let ips = match self.listen {
            Some(ips) => ips,
            None => default_ips(&name, self.setup_timeout).await,
        };
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
            port: config.epmd_port,
            ips,
            entry: NodeEntry::new(name.name(), port),
        };
        let id = NodeId::new(name.atom().clone(), creation()?);
        let node = NodeInner::start(Handle::current(), name, id, config, port);
        net_kernel::start(&node);

        // Peers that look the name up must find a port that answers, so the listener comes first.
        let handshakes = net::Handshakes::new();
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

/// What OTP calls a node that is to be given a name.
const UNDEFINED: &str = "undefined";

/// Gets the name first: it is in every pid from the first one on.
async fn start_nameless(
    placeholder: &NodeName,
    peer: NodeName,
    config: Config,
) -> Result<Node, StartError> {
    let challenge = getrandom::u32().map_err(|_| StartError::Random)?;
    let named = net::be_named(&config, placeholder, &peer, challenge)
        .await
        .map_err(|source: ConnectError| StartError::Naming { peer, source })?;
    let name = named.given.name.clone();
    tracing::info!(node = ?name, "named");
    let id = NodeId::new(name.atom().clone(), named.given.creation);
    let node = NodeInner::start(Handle::current(), name, id, config, 0);
    net_kernel::start(&node);
    named.establish(&node);
    Ok(node)
}

fn peer_name(peer: String) -> Result<NodeName, StartError> {
    NodeName::parse(&peer).map_err(|source| StartError::PeerName {
        peer: peer.into(),
        source,
    })
}

async fn read_cookie(file: CookieFile) -> Result<Cookie, StartError> {
    let read = tokio::task::spawn_blocking(move || file.read_or_create());
    match read.await {
        Ok(cookie) => Ok(cookie?),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody aborts it: the runtime is shutting down, and this future goes with it.
            Err(_) => std::future::pending().await,
        },
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
