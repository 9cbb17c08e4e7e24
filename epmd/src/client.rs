//! How to register with an epmd, look a node up, and list the nodes.
//!
//! Each operation is one connection, opened, used and closed, except for a registration, whose
//! connection stays open: epmd takes its end for the end of the node.

use crate::error::{Error, Malformed};
use crate::message::{Alive2Response, Names, NodeEntry, Port2Response, Request};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an operation may take unless [`Client::with_timeout`] says otherwise: as long as
/// `erl_epmd` of OTP waits for the reply to its registration.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// More than the longest reply to a PORT2_REQ that the daemon of OTP can give (2,054 bytes).
const MAX_PORT2_REPLY: usize = 4096;

/// More than a daemon with the usual limit of 1,024 connections, all of them registrations with
/// names of 1,020 bytes, answers to a NAMES_REQ.
const MAX_NAMES_REPLY: u64 = 4 << 20;

/// A client of the epmd at one address.
///
/// It holds no connection; cloning it is free. No operation takes longer than the timeout, and
/// none reads more than the reply can have.
#[derive(Clone, Debug)]
pub struct Client {
    addr: SocketAddr,
    timeout: Duration,
}

impl Client {
    /// A client of the epmd at `addr`, with a timeout of ten seconds.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets how long one operation may take in all, connecting included.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The address of epmd.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Registers a node until the returned guard is dropped.
    ///
    /// # Errors
    /// [`Error::Refused`] when the name is taken; [`Error::Closed`] when epmd does not take
    /// registrations from this host.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection, upon which epmd forgets the name.
    pub async fn register(&self, entry: &NodeEntry) -> Result<Registration, Error> {
        let request = Request::Alive2(entry.clone())
            .encode()
            .map_err(Error::Request)?;
        self.in_time(async {
            let mut stream = self.ask(&request).await?;
            let mut reply = [0; 6];
            let mut filled = 0;
            loop {
                let read = stream.read(&mut reply[filled..]).await?;
                filled += read;
                let decoded = Alive2Response::decode(&reply[..filled]).map_err(Error::Malformed)?;
                match decoded {
                    Some(response) if response.result() == 0 => {
                        let creation = response.creation();
                        return Ok(Registration {
                            stream,
                            creation,
                            timeout: self.timeout,
                        });
                    }
                    Some(response) => {
                        return Err(Error::Refused {
                            result: response.result(),
                        });
                    }
                    None if read == 0 => return Err(Error::Closed),
                    None => {}
                }
            }
        })
        .await
    }

    /// Asks on which port the node with this name, the part before the `@`, can be reached, and
    /// what else it registered.
    ///
    /// # Errors
    /// [`Error::NotRegistered`] when epmd does not know the name.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub async fn lookup(&self, name: &str) -> Result<NodeEntry, Error> {
        let request = Request::Port2 {
            name: name.to_owned(),
        };
        let request = request.encode().map_err(Error::Request)?;
        self.in_time(async {
            let mut stream = self.ask(&request).await?;
            let mut reply = Vec::new();
            // The reply is complete when its fields are; waiting for epmd to close the connection
            // as well would only cost time.
            loop {
                match Port2Response::decode(&reply).map_err(Error::Malformed)? {
                    Some(Port2Response::Found(entry)) => return Ok(entry),
                    Some(Port2Response::NotFound { .. }) => return Err(Error::NotRegistered),
                    None if reply.len() >= MAX_PORT2_REPLY => {
                        return Err(Error::Malformed(Malformed::TooLong));
                    }
                    None => {}
                }
                if stream.read_buf(&mut reply).await? == 0 {
                    return Err(Error::Closed);
                }
            }
        })
        .await
    }

    /// Asks which nodes are registered.
    ///
    /// # Errors
    /// [`Error::Closed`] when there was no reply at all.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub async fn names(&self) -> Result<Names, Error> {
        let request = Request::Names.encode().map_err(Error::Request)?;
        self.in_time(async {
            let stream = self.ask(&request).await?;
            let mut reply = Vec::new();
            stream
                .take(MAX_NAMES_REPLY + 1)
                .read_to_end(&mut reply)
                .await?;
            match u64::try_from(reply.len()) {
                Ok(0) => Err(Error::Closed),
                Ok(1..=MAX_NAMES_REPLY) => Names::decode(&reply).map_err(Error::Malformed),
                _ => Err(Error::Malformed(Malformed::TooLong)),
            }
        })
        .await
    }

    async fn ask(&self, request: &[u8]) -> Result<TcpStream, Error> {
        let mut stream = TcpStream::connect(self.addr).await?;
        stream.write_all(request).await?;
        Ok(stream)
    }

    async fn in_time<T>(
        &self,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        timeout(self.timeout, operation)
            .await
            .unwrap_or(Err(Error::Timeout))
    }
}

/// A node's registration. The node is registered for as long as this value lives, and epmd with
/// it: epmd forgets the name as soon as the connection closes that this guard holds.
///
/// Registering again after [`lost`](Self::lost) is the owner's business, since only the owner
/// knows the entry and how long to wait; nodes of OTP try every two seconds, and keep the creation
/// they had.
#[must_use = "dropping the guard gives the registration up at once"]
#[derive(Debug)]
pub struct Registration {
    stream: TcpStream,
    creation: u32,
    timeout: Duration,
}

impl Registration {
    /// The creation that epmd proposes for this life of the node. OTP documents values from 4 up;
    /// an epmd older than OTP 23 gives 1 to 3.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.creation
    }

    /// Waits until epmd has closed the connection, which means that the name is no longer
    /// registered. Once it has, every further call returns at once.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future changes nothing.
    pub async fn lost(&mut self) {
        // epmd never sends anything on this connection. If something else does, that says nothing
        // about the registration.
        let mut ignored = [0; 64];
        while !matches!(self.stream.read(&mut ignored).await, Ok(0) | Err(_)) {}
    }

    /// Gives the registration up, and returns when epmd has forgotten the name. Dropping the guard
    /// gives it up as well, but epmd may then answer with the name for a moment longer.
    ///
    /// # Errors
    /// [`Error::Timeout`] when epmd does not react. The connection is closed even so.
    pub async fn release(mut self) -> Result<(), Error> {
        let timeout = self.timeout;
        tokio::time::timeout(timeout, async {
            self.stream.shutdown().await?;
            self.lost().await;
            Ok(())
        })
        .await
        .unwrap_or(Err(Error::Timeout))
    }
}
