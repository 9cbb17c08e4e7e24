//! One registration at one epmd, which ends with either.

use crate::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A node's registration at an epmd that runs now. The node is registered for as long as this value
/// lives, and epmd with it: epmd forgets the name as soon as the connection closes that this guard
/// holds.
///
/// Registering again after [`lost`](Self::lost) is the owner's business; a
/// [`Registration`](crate::Registration) does it by itself.
#[must_use = "dropping the guard gives the registration up at once"]
#[derive(Debug)]
pub struct Lease {
    pub(super) stream: TcpStream,
    pub(super) addr: SocketAddr,
    pub(super) creation: u32,
    pub(super) timeout: Duration,
}

impl Lease {
    /// The creation that epmd proposes for this life of the node. OTP documents values from 4 up;
    /// an epmd older than OTP 23 gives 1 to 3.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.creation
    }

    /// The address of the epmd that holds the name.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
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
    /// [`Error::Timeout`] when epmd does not react within the client's timeout. The connection is
    /// closed even so. An epmd that has gone away has forgotten the name, which is no error.
    ///
    /// # Cancel safety
    /// Dropping the future gives the registration up without waiting.
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
