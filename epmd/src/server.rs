//! How to be the epmd of a host, or of a test: a server that any program can embed.
//!
//! It answers as the daemon of OTP does (`epmd_srv.c` of OTP 25 to 29), so that nodes of OTP can
//! use it. Where it differs, a bound is the reason: for connections, for names, for the time that
//! one request may take. See [`Server`].

mod accept;
mod connection;
mod handle;
mod lease;
mod listener;
mod metrics;
mod reply;
mod settings;
mod shared;
mod throttle;
mod watch;

pub use handle::ServerHandle;
pub use metrics::Metrics;
pub use watch::{NameEvent, Watch};

use crate::names::Table;
use ipnet::IpNet;
use listener::Listener;
pub use listener::listen;
use settings::Settings;
use shared::Shared;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// An epmd that has its port but does not serve yet.
///
/// What a connection may cost has a bound:
///
/// | what | bound | beyond it |
/// |---|---|---|
/// | registered nodes | [`with_max_names`](Self::with_max_names) | result 1, as for a taken name |
/// | connections that wait and are not registered nodes | [`with_max_connections`](Self::with_max_connections) | closed without a reply |
/// | time for a request to arrive, counted from accept, and again for its reply to be read | [`with_idle_timeout`](Self::with_idle_timeout) | closed |
/// | bytes kept of a request | 3,060, taken as they arrive | closed without a reply |
/// | bytes kept of replies that are not read, of all connections | [`with_max_unread`](Self::with_max_unread) | reset |
///
/// The first two are separate so that look-ups are served even when there is no room for another
/// node. [`start`](Self::start) lowers both when the file limit of the process is below their sum.
/// Each refusal is counted in [`Metrics`] and logged, at most one line every ten seconds.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    addrs: Vec<SocketAddr>,
    settings: Settings,
}

impl Server {
    /// Listens on the given addresses.
    ///
    /// An epmd has one port: where a later address has the port 0, it means the port that the
    /// first address got. A socket for an IPv6 address takes IPv6 only, so that `[::]` and
    /// `0.0.0.0` go together, as with the daemon of OTP.
    ///
    /// # Errors
    /// Those of the system: the port may be taken. An empty list is an invalid input.
    ///
    /// # Cancel safety
    /// It never waits; it is `async` because it needs the runtime.
    pub async fn bind(addrs: &[SocketAddr]) -> io::Result<Self> {
        let mut listeners: Vec<TcpListener> = Vec::with_capacity(addrs.len());
        for &addr in addrs {
            let mut addr = addr;
            if let (0, Some(first)) = (addr.port(), listeners.first()) {
                addr.set_port(first.local_addr()?.port());
            }
            listeners.push(listen(addr)?);
        }
        Self::from_listeners(listeners)
    }

    /// Takes sockets that listen already, as from a service manager (socket activation).
    ///
    /// NAMES and DUMP announce the port of the first.
    ///
    /// # Errors
    /// Those of the system, such as when one is no listening socket. An empty list is an invalid
    /// input.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn from_listeners(listeners: Vec<TcpListener>) -> io::Result<Self> {
        if listeners.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "an epmd needs an address to listen on",
            ));
        }
        let addrs = listeners.iter().map(TcpListener::local_addr);
        let addrs = addrs.collect::<io::Result<_>>()?;
        let listeners = listeners.into_iter().map(Listener::new);
        Ok(Self {
            listeners: listeners.collect::<io::Result<_>>()?,
            addrs,
            settings: Settings::default(),
        })
    }

    /// Sets how many nodes can be registered at once; 20,000 unless set. A further one gets the
    /// result 1, which is what the protocol has for a refusal, and the log names the limit.
    ///
    /// Each registered node takes one file descriptor.
    #[must_use]
    pub fn with_max_names(mut self, max_names: usize) -> Self {
        self.settings.max_names = max_names;
        self
    }

    /// Sets how many connections may be open beside those of the registered nodes, waiting for the
    /// rest of their requests or for their replies to be read; 1,024 unless set. A further one is
    /// closed without a reply, unless its request is there when it is accepted: that is answered at
    /// once.
    ///
    /// A node whose registration was refused may keep its connection open, as with the daemon of
    /// OTP; such connections count here, and are closed when there is no room for others.
    #[must_use]
    pub fn with_max_connections(mut self, max_connections: usize) -> Self {
        self.settings.max_connections = max_connections;
        self
    }

    /// Sets how many bytes of replies may wait for their peers to read them, over all connections;
    /// 64 MiB unless set. What the system takes at once does not count. A connection whose reply
    /// finds no room is reset, unless no other waits: a single list is sent whatever its length.
    #[must_use]
    pub fn with_max_unread(mut self, max_unread: usize) -> Self {
        self.settings.max_unread = max_unread;
        self
    }

    /// Sets how long a request may take to arrive, counted from accept, and how long its reply may
    /// be left unread; 60 seconds unless set (`-packet_timeout` of the daemon of OTP, which counts
    /// from the last byte, so that a slow peer can hold a connection for hours). A connection that
    /// asked for a registration may keep silent for ever.
    #[must_use]
    pub fn with_idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.settings.idle_timeout = idle_timeout;
        self
    }

    /// Sets whether a peer on this host may end the server (KILL) or drop a registration (STOP);
    /// unless set it may not, and such a request is closed without a reply.
    ///
    /// For a daemon. KILL is then answered `OK`, after which the server
    /// [ends](ServerHandle::ended); but `NO`, and nothing ends, while nodes are registered. STOP is
    /// closed without a reply. [`with_relaxed_command_check`](Self::with_relaxed_command_check)
    /// allows both at any time.
    #[must_use]
    pub fn with_admin(mut self, admin: bool) -> Self {
        self.settings.admin = admin;
        self
    }

    /// Sets whether KILL is obeyed though nodes are registered, and STOP at all
    /// (`-relaxed_command_check` of the daemon of OTP); only together with
    /// [`with_admin`](Self::with_admin).
    #[must_use]
    pub fn with_relaxed_command_check(mut self, relaxed: bool) -> Self {
        self.settings.relaxed = relaxed;
        self
    }

    /// Serves peers with these address prefixes only; unless set, all.
    ///
    /// A peer with a loopback address (127.0.0.0/8, `::1`) is always served: nodes of this host
    /// need not be listed, and cannot be locked out. Any other is closed at accept without a byte.
    /// An IPv4 peer of a socket that takes both families is compared as IPv4.
    #[must_use]
    pub fn with_allow(mut self, allow: impl IntoIterator<Item = IpNet>) -> Self {
        self.settings.allow = Some(allow.into_iter().collect());
        self
    }

    /// Waits so long before each connection is accepted (`-delay_accept` of the daemon of OTP): an
    /// aid to simulate a busy server. Zero unless set.
    #[must_use]
    pub fn with_delay_accept(mut self, delay: Duration) -> Self {
        self.settings.delay_accept = delay;
        self
    }

    /// Waits so long before each reply (`-delay_write` of the daemon of OTP): an aid to simulate a
    /// busy server. Zero unless set. Other connections are served meanwhile.
    #[must_use]
    pub fn with_delay_write(mut self, delay: Duration) -> Self {
        self.settings.delay_write = delay;
        self
    }

    /// Sets how many given up names are remembered, see
    /// [`Table::with_max_unused`]; [`MAX_UNUSED`](crate::names::MAX_UNUSED) unless set.
    #[must_use]
    pub fn with_max_unused(mut self, max_unused: usize) -> Self {
        self.settings.max_unused = max_unused;
        self
    }

    /// The addresses on which the server listens, in the order of [`bind`](Self::bind).
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Serves until the returned handle is dropped or [stopped](ServerHandle::stop), or a KILL is
    /// accepted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use = "dropping the handle stops the server"]
    pub fn start(self) -> ServerHandle {
        let Self {
            listeners,
            addrs,
            mut settings,
        } = self;
        settings.fit(settings::file_limit());
        tracing::info!(
            ?addrs,
            max_names = settings.max_names,
            max_connections = settings.max_connections,
            "epmd serves"
        );
        let port = addrs.first().map_or(0, SocketAddr::port);
        let table = Table::with_max_unused(settings.max_unused);
        let shared = Arc::new(Shared::new(table, port, settings));
        let done = accept::spawn(listeners, Arc::clone(&shared));
        ServerHandle::new(shared, addrs, done)
    }
}
