//! What the server does on one connection.
//!
//! One request, one reply, close; or, after an ALIVE2_REQ, a lease: the connection stays open and
//! its end, or any byte on it, gives the name up. What is not in the documentation is taken from
//! the daemon (`do_request` and `do_read` of `epmd_srv.c`).

use super::Shared;
use crate::error::{Malformed, RequestError};
use crate::message::{Alive2Response, MAX_REQUEST, NodeEntry, Port2Response, Request};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    stopped: watch::Receiver<()>,
}

/// A name that was registered for a connection, however that ends.
struct Lease {
    name: String,
    shared: Arc<Shared>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.table().unregister(&self.name);
        tracing::debug!(name = ?self.name, "epmd: the node is gone");
    }
}

/// What arrived on a connection.
enum Incoming {
    Request(Request),
    /// An ALIVE2_REQ for a name that can never be registered.
    Unregistrable {
        high: u16,
    },
}

/// Why a connection ends without a reply.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the peer closed the connection first")]
    Closed,
    #[error("the server stops")]
    Stopped,
    #[error("the request did not arrive or its reply was not read in time")]
    Idle,
    #[error("the request is malformed: {0}")]
    Malformed(Malformed),
    #[error("only a peer on this host may ask that")]
    NotLocal,
    #[error("an embedded epmd cannot be ended or changed by a request")]
    NotOffered,
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        shared: Arc<Shared>,
        stopped: watch::Receiver<()>,
    ) -> Self {
        Self {
            stream,
            peer,
            shared,
            stopped,
        }
    }

    pub(super) async fn serve(mut self) {
        let served = match self.read().await {
            Ok(incoming) => self.answer(incoming).await,
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = served {
            // At debug level only: anybody who reaches the port can cause it.
            tracing::debug!(peer = %self.peer, %refusal, "epmd closes a connection unserved");
        }
    }

    /// Reads until there is a request, or certainly none.
    async fn read(&mut self) -> Result<Incoming, Refusal> {
        // Room for the longest request and one byte more, so that what is too much shows.
        let mut buffer = vec![0; 2 + MAX_REQUEST + 1];
        let mut filled = 0;
        loop {
            match Request::decode(&buffer[..filled]) {
                Ok(Some(request)) => return Ok(Incoming::Request(request)),
                Ok(None) => {}
                Err(RequestError::Unregistrable { high, reason }) => {
                    tracing::debug!(peer = %self.peer, %reason, "epmd refuses a name");
                    return Ok(Incoming::Unregistrable { high });
                }
                Err(RequestError::Malformed(malformed)) => {
                    return Err(Refusal::Malformed(malformed));
                }
            }
            let read = timeout(
                self.shared.idle_timeout,
                self.stream.read(&mut buffer[filled..]),
            );
            let read = tokio::select! {
                read = read => read.map_err(|_| Refusal::Idle)??,
                _ = self.stopped.changed() => return Err(Refusal::Stopped),
            };
            if read == 0 {
                return Err(Refusal::Closed);
            }
            filled += read;
        }
    }

    async fn answer(&mut self, incoming: Incoming) -> Result<(), Refusal> {
        let local = self.is_local();
        let request = match incoming {
            Incoming::Request(request) => request,
            Incoming::Unregistrable { high } if local => return self.refuse(high).await,
            Incoming::Unregistrable { .. } => return Err(Refusal::NotLocal),
        };
        match request {
            Request::Alive2(_) | Request::Dump if !local => Err(Refusal::NotLocal),
            Request::Alive2(entry) => self.register(entry).await,
            Request::Port2 { name } => {
                let found = self.shared.table().find(&name).cloned();
                let response =
                    found.map_or(Port2Response::NotFound { result: 1 }, Port2Response::Found);
                self.reply_and_close(&response.encode().map_err(Refusal::Malformed)?)
                    .await
            }
            Request::Names => {
                let names = self.shared.table().names(self.shared.port);
                self.reply_and_close(&names.encode()).await
            }
            Request::Dump => {
                let dump = self.shared.table().dump(self.shared.port);
                self.reply_and_close(&dump.encode()).await
            }
            Request::Kill | Request::Stop { .. } => Err(Refusal::NotOffered),
        }
    }

    /// Whether the peer is on this host, by the daemon's rule: it has a loopback address, or the
    /// very address that it connected to.
    fn is_local(&self) -> bool {
        // An IPv6 socket that takes IPv4 as well shows the address of the peer as IPv4-mapped.
        let peer = self.peer.ip().to_canonical();
        let here = self
            .stream
            .local_addr()
            .map(|addr| addr.ip().to_canonical());
        peer.is_loopback() || here.is_ok_and(|here| here == peer)
    }

    async fn register(&mut self, entry: NodeEntry) -> Result<(), Refusal> {
        let (name, port, high) = (entry.name.clone(), entry.port, entry.high);
        let registered = self.shared.table().register(entry, fd(&self.stream), now());
        let Ok(creation) = registered else {
            tracing::debug!(peer = %self.peer, ?name, "epmd refuses a name: it is taken");
            return self.refuse(high).await;
        };
        tracing::debug!(?name, port, creation, "epmd: a node is registered");
        let lease = Lease {
            name,
            shared: Arc::clone(&self.shared),
        };
        self.write(&Alive2Response::registered(high, creation).encode())
            .await?;
        let held = self.hold().await;
        // Before the connection closes, so that whoever sees it closed finds the name free.
        drop(lease);
        held
    }

    /// The daemon keeps the connection of a refused node open, and leaves it to the node to close
    /// it.
    async fn refuse(&mut self, high: u16) -> Result<(), Refusal> {
        self.write(&Alive2Response::refused(high).encode()).await?;
        self.hold().await
    }

    /// Waits for the end of a connection that asked for a registration: any byte on it is one.
    async fn hold(&mut self) -> Result<(), Refusal> {
        let mut byte = [0];
        tokio::select! {
            ended = self.stream.read(&mut byte) => ended.map(drop).map_err(Refusal::Io),
            _ = self.stopped.changed() => Err(Refusal::Stopped),
        }
    }

    async fn reply_and_close(&mut self, reply: &[u8]) -> Result<(), Refusal> {
        self.write(reply).await?;
        Ok(self.stream.shutdown().await?)
    }

    /// The reply goes to the system whole, hence as one segment if it is small.
    async fn write(&mut self, reply: &[u8]) -> Result<(), Refusal> {
        let written = timeout(self.shared.idle_timeout, self.stream.write_all(reply)).await;
        Ok(written.map_err(|_| Refusal::Idle)??)
    }
}

/// Seconds since 1970, of which the table makes the first creation of a name. That they overflow
/// in 2106 does no harm.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only that it differs from last time matters"
)]
fn now() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs() as u32)
}

/// What DUMP shows of a connection.
#[cfg(unix)]
fn fd(stream: &TcpStream) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(stream)
}

/// What DUMP shows of a connection, where connections have no small numbers.
#[cfg(not(unix))]
fn fd(_stream: &TcpStream) -> i32 {
    -1
}
