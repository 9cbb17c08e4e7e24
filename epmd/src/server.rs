//! How to be the epmd of a host, or of a test: a server that any program can embed.
//!
//! It answers as the daemon of OTP does, so that nodes of OTP can use it, with two exceptions that
//! suit a guest in somebody else's program: KILL and STOP are not offered, and what it remembers
//! of a connection has a bound.

mod connection;

use crate::message::Names;
use crate::names::Table;
use connection::Connection;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// As many as the daemon of OTP serves at most. A registered node takes one for as long as it
/// lives.
const DEFAULT_MAX_CONNECTIONS: usize = 1024;

/// The daemon's default for `-packet_timeout`.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a reply that is on its way may take after the server was stopped.
const STOP_DEADLINE: Duration = Duration::from_secs(1);

/// The pause after a failed accept. It fails when the process has no file descriptors left, and
/// would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An epmd that has its port but does not serve yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addrs: Vec<SocketAddr>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    max_connections: usize,
    idle_timeout: Duration,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    /// The port that NAMES and DUMP announce.
    port: u16,
    idle_timeout: Duration,
}

impl Shared {
    /// A panic elsewhere cannot leave the table half changed, so that poison means nothing here.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Listens on the given addresses.
    ///
    /// An epmd has one port: where a later address has the port 0, it means the port that the
    /// first address got. `[::]` takes IPv4 as well on systems whose IPv6 sockets do so by
    /// default, such as Linux; there it must not be listed together with `0.0.0.0`.
    ///
    /// # Errors
    /// Those of the system: the port may be taken. An empty list is an invalid input.
    pub async fn bind(addrs: &[SocketAddr]) -> io::Result<Self> {
        let mut server = Self {
            listeners: Vec::with_capacity(addrs.len()),
            addrs: Vec::with_capacity(addrs.len()),
            limits: Limits {
                max_connections: DEFAULT_MAX_CONNECTIONS,
                idle_timeout: DEFAULT_IDLE_TIMEOUT,
            },
        };
        for &addr in addrs {
            let mut addr = addr;
            if let (0, Some(first)) = (addr.port(), server.addrs.first()) {
                addr.set_port(first.port());
            }
            let listener = TcpListener::bind(addr).await?;
            server.addrs.push(listener.local_addr()?);
            server.listeners.push(listener);
        }
        if server.listeners.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(server)
    }

    /// Sets how many connections are served at once, registered nodes included; 1024 unless set. A
    /// further one is closed without a reply, which the log says.
    #[must_use]
    pub fn with_max_connections(mut self, max_connections: usize) -> Self {
        self.limits.max_connections = max_connections;
        self
    }

    /// Sets how long a connection may keep silent before its request is complete, or leave a reply
    /// unread; 60 seconds unless set. A connection that asked for a registration may keep silent
    /// for ever.
    #[must_use]
    pub fn with_idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.limits.idle_timeout = idle_timeout;
        self
    }

    /// The addresses on which the server listens, in the order of [`bind`](Self::bind).
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Serves until the returned handle is dropped or [stopped](ServerHandle::stop).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use = "dropping the handle stops the server"]
    pub fn start(self) -> ServerHandle {
        let Self {
            listeners,
            addrs,
            limits,
        } = self;
        let shared = Arc::new(Shared {
            table: Mutex::new(Table::new()),
            port: addrs.first().map_or(0, SocketAddr::port),
            idle_timeout: limits.idle_timeout,
        });
        let (stop, stopped) = watch::channel(());
        tracing::info!(?addrs, "epmd serves");
        let accepting = Accepting {
            listeners,
            turn: 0,
            connections: JoinSet::new(),
            max_connections: limits.max_connections,
            refused: 0,
            shared: Arc::clone(&shared),
            stopped,
        };
        let task = tokio::spawn(accepting.run());
        ServerHandle {
            shared,
            addrs,
            stop,
            task,
        }
    }
}

/// A running epmd. Dropping the handle stops it, without waiting for the end.
#[derive(Debug)]
pub struct ServerHandle {
    shared: Arc<Shared>,
    addrs: Vec<SocketAddr>,
    /// Nothing is ever sent: its end is the message.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl ServerHandle {
    /// The addresses on which the server listens.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The registered nodes, the newest registration first.
    #[must_use]
    pub fn names(&self) -> Names {
        self.shared.table().names(self.shared.port)
    }

    /// Stops the server: closes the port and all connections, after the replies that are on their
    /// way, and returns when nothing of it is left. Registered nodes see the end of their
    /// connections.
    pub async fn stop(self) {
        drop(self.stop);
        report(self.task.await);
    }
}

/// The task that accepts, and owns all connections.
struct Accepting {
    listeners: Vec<TcpListener>,
    /// The listener that is asked first, so that a busy one does not starve the others.
    turn: usize,
    connections: JoinSet<()>,
    max_connections: usize,
    /// Connections refused since the last one that was not.
    refused: usize,
    shared: Arc<Shared>,
    stopped: watch::Receiver<()>,
}

impl Accepting {
    async fn run(mut self) {
        let mut stopped = self.stopped.clone();
        loop {
            tokio::select! {
                accepted = accept(&self.listeners, &mut self.turn) => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "epmd cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = self.connections.join_next() => report(ended),
                _ = stopped.changed() => break,
            }
        }
        drop(self.listeners);
        let connections = &mut self.connections;
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if timeout(STOP_DEADLINE, all_ended).await.is_err() {
            tracing::warn!(left = connections.len(), "epmd stops with replies unread");
            connections.shutdown().await;
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        if self.connections.len() >= self.max_connections {
            // One line when it begins and one when it is over: a peer must not fill the log.
            if self.refused == 0 {
                tracing::warn!(
                    %peer,
                    max_connections = self.max_connections,
                    "epmd refuses connections: as many as allowed are open"
                );
            }
            self.refused += 1;
            return;
        }
        if self.refused > 0 {
            tracing::warn!(refused = self.refused, "epmd takes connections again");
            self.refused = 0;
        }
        let connection =
            Connection::new(stream, peer, Arc::clone(&self.shared), self.stopped.clone());
        self.connections.spawn(connection.serve());
    }
}

async fn accept(
    listeners: &[TcpListener],
    turn: &mut usize,
) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|cx| {
        for _ in listeners {
            *turn = (*turn + 1) % listeners.len();
            if let Poll::Ready(accepted) = listeners[*turn].poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// No task of the server panics or is aborted unless there is a defect.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a task of epmd failed");
    }
}
