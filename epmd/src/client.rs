//! How to register with an epmd, look a node up, list the nodes, and end it.
//!
//! Each operation is one connection, opened, used and closed, except for a registration, whose
//! connection stays open: epmd takes its end for the end of the node.

mod connection;
mod lease;
mod registration;
mod target;

pub use lease::Lease;
pub use registration::{Registration, RegistrationState};
pub use target::Family;

use crate::error::Error;
use crate::message::{
    Alive2Response, Dump, KillResponse, Names, NodeEntry, Port2Response, Request, StopResponse,
};
use connection::Connection;
use std::net::SocketAddr;
use std::time::Duration;
use target::Target;
use tokio::time::{Instant, timeout_at};

/// How long an operation may take unless [`Client::with_timeout`] says otherwise: as long as
/// `erl_epmd` of OTP waits for the reply to its registration.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of [`Client::kill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillOutcome {
    /// The daemon ends.
    Killed,
    /// The daemon stays, because nodes are registered with it.
    LivingNodes,
}

/// What came of [`Client::stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopOutcome {
    /// The name is no longer registered.
    Stopped,
    /// The name was not registered.
    NotRegistered,
    /// The daemon does not allow it: it was started without `-relaxed_command_check`.
    Refused,
}

/// A client of one epmd.
///
/// It holds no connection; cloning it is cheap. No operation takes longer than the timeout, and
/// none reads more than the reply can have: 4 KiB, or 16 MiB for [`names`](Self::names) and
/// [`dump`](Self::dump).
///
/// Where epmd has several addresses, connections to them are tried one after the other within the
/// one timeout, and the first that opens is used; what the epmd there answers is the result.
///
/// An operation that runs to its end leaves no port of this host in TIME_WAIT: it lets epmd close
/// the connection first. So a client can ask as often and as fast as it likes. Registrations are
/// the exception, since giving a name up means closing first.
#[derive(Clone, Debug)]
pub struct Client {
    target: Target,
    timeout: Duration,
}

impl Client {
    /// A client of the epmd at `addr`, with a timeout of ten seconds.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self::of(Target::Addr(addr))
    }

    /// A client of this host's epmd, with a timeout of ten seconds.
    ///
    /// With [`Family::Any`] it tries `::1` and then `127.0.0.1`, as the command line of OTP's
    /// `epmd` does; with one family the loopback address of that, as `erl_epmd` does for nodes that
    /// use `inet_tcp` or `inet6_tcp`.
    #[must_use]
    pub fn local(port: u16, family: Family) -> Self {
        Self::of(Target::Local { port, family })
    }

    /// A client of the epmd on a host, with a timeout of ten seconds.
    ///
    /// The name is resolved anew by each operation, by the system's resolver and within the
    /// timeout. With [`Family::Any`], addresses of IPv4 come before those of IPv6.
    #[must_use]
    pub fn host(host: &str, port: u16, family: Family) -> Self {
        Self::of(Target::Host {
            host: host.into(),
            port,
            family,
        })
    }

    fn of(target: Target) -> Self {
        Self {
            target,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets how long one operation may take in all, resolving and connecting included.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Registers a node until the returned guard is dropped, and again whenever epmd was
    /// restarted.
    ///
    /// # Errors
    /// Only of the first registration: [`Error::Refused`] when the name is taken,
    /// [`Error::NotLocal`] when epmd is on another host, and what every operation has:
    /// [`Error::Resolve`], [`Error::Connect`], [`Error::Io`], [`Error::Timeout`],
    /// [`Error::Closed`], [`Error::Malformed`] and [`Error::Request`].
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection, upon which epmd forgets the name.
    pub async fn register(&self, entry: &NodeEntry) -> Result<Registration, Error> {
        let lease = self.register_once(entry).await?;
        Ok(Registration::start(self.clone(), entry.clone(), lease))
    }

    /// Registers a node until the returned lease is dropped or epmd goes away, whichever is first.
    ///
    /// # Errors
    /// Those of [`register`](Self::register).
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection, upon which epmd forgets the name.
    pub async fn register_once(&self, entry: &NodeEntry) -> Result<Lease, Error> {
        self.ask(Request::Alive2(entry.clone()), async |mut connection| {
            let reply = connection.reply(Alive2Response::decode).await;
            let response = reply.map_err(|error| connection.explain(error))?;
            if response.result() != 0 {
                return Err(Error::Refused {
                    result: response.result(),
                });
            }
            Ok(Lease {
                addr: connection.addr(),
                creation: response.creation(),
                timeout: self.timeout,
                stream: connection.into_stream(),
            })
        })
        .await
    }

    /// Asks on which port the node with this name, the part before the `@`, can be reached, and
    /// what else it registered.
    ///
    /// # Errors
    /// [`Error::NotRegistered`] when epmd does not know the name; otherwise those that every
    /// operation has (see [`register`](Self::register)).
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub async fn lookup(&self, name: &str) -> Result<NodeEntry, Error> {
        self.locate(name).await.map(|(_, entry)| entry)
    }

    /// As [`lookup`](Self::lookup), together with the address on which the node can be dialled:
    /// its port, at the address of the epmd that answered.
    ///
    /// # Errors
    /// Those of [`lookup`](Self::lookup).
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub async fn locate(&self, name: &str) -> Result<(SocketAddr, NodeEntry), Error> {
        let name = name.to_owned();
        self.ask(Request::Port2 { name }, async |mut connection| {
            let response = connection.reply(Port2Response::decode).await?;
            let ip = connection.addr().ip();
            connection.finish().await;
            match response {
                Port2Response::Found(entry) => Ok((SocketAddr::new(ip, entry.port), entry)),
                Port2Response::NotFound { .. } => Err(Error::NotRegistered),
            }
        })
        .await
    }

    /// Asks which nodes are registered.
    ///
    /// # Errors
    /// Those that every operation has (see [`register`](Self::register)); [`Error::Closed`] when
    /// there was no reply at all.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub async fn names(&self) -> Result<Names, Error> {
        self.ask(Request::Names, async |mut connection| {
            Names::decode(&connection.list().await?).map_err(Error::Malformed)
        })
        .await
    }

    /// Asks which nodes are registered and which were, with the daemon's file descriptors.
    ///
    /// # Errors
    /// [`Error::NotLocal`] when epmd is on another host; otherwise those that every operation has
    /// (see [`register`](Self::register)).
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub async fn dump(&self) -> Result<Dump, Error> {
        self.ask(Request::Dump, async |mut connection| {
            let reply = connection.list().await;
            let reply = reply.map_err(|error| connection.explain(error))?;
            Dump::decode(&reply).map_err(Error::Malformed)
        })
        .await
    }

    /// Asks the daemon to end. It does so if no node is registered or it was started with
    /// `-relaxed_command_check`.
    ///
    /// # Errors
    /// [`Error::NotLocal`] when epmd is on another host, [`Error::Closed`] when it does not offer
    /// this at all, as an [embedded](crate::Server) one does not; otherwise those that every
    /// operation has (see [`register`](Self::register)).
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; the daemon may have ended all the same.
    pub async fn kill(&self) -> Result<KillOutcome, Error> {
        self.ask(Request::Kill, async |mut connection| {
            let reply = connection.reply(KillResponse::decode).await;
            let response = reply.map_err(|error| connection.explain(error))?;
            connection.finish().await;
            Ok(match response {
                KillResponse::Killed => KillOutcome::Killed,
                KillResponse::LivingNodes => KillOutcome::LivingNodes,
            })
        })
        .await
    }

    /// Asks the daemon to forget a name, compared byte by byte; the node itself goes on, and
    /// registers again if it is one of OTP.
    ///
    /// # Errors
    /// [`Error::NotLocal`] when epmd is on another host; otherwise those that every operation has
    /// (see [`register`](Self::register)).
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; the name may be forgotten all the same.
    pub async fn stop(&self, name: impl AsRef<[u8]>) -> Result<StopOutcome, Error> {
        let name = name.as_ref().to_vec();
        self.ask(Request::Stop { name }, async |mut connection| {
            let reply = connection.reply(StopResponse::decode).await;
            let outcome = match reply.map_err(|error| connection.explain(error)) {
                Ok(StopResponse::Stopped) => StopOutcome::Stopped,
                Ok(StopResponse::NotRegistered) => StopOutcome::NotRegistered,
                // That is how the daemon refuses.
                Err(Error::Closed) => return Ok(StopOutcome::Refused),
                Err(error) => return Err(error),
            };
            connection.finish().await;
            Ok(outcome)
        })
        .await
    }

    /// Opens a connection, sends the request, and leaves the rest to `then`, all in time.
    async fn ask<T>(
        &self,
        request: Request,
        then: impl AsyncFnOnce(Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let request = request.encode().map_err(Error::Request)?;
        let now = Instant::now();
        // A timeout beyond what the clock can tell is none.
        let deadline = now.checked_add(self.timeout).unwrap_or(now + FOREVER);
        timeout_at(deadline, async {
            then(Connection::ask(&self.target, &request, deadline).await?).await
        })
        .await
        .unwrap_or(Err(Error::Timeout))
    }
}

/// As long as tokio's own timers last.
const FOREVER: Duration = Duration::from_secs(86_400 * 365 * 30);
