//! One connection: a request, its reply, and an end that leaves no port behind.

use super::target::Target;
use crate::error::{Error, Malformed};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// More than the longest reply to a PORT2_REQ that the daemon of OTP can give (2,054 bytes).
const MAX_REPLY: usize = 4096;

/// More than what a daemon answers to a NAMES_REQ or DUMP_REQ with 15,000 nodes whose names are as
/// long as names can be, or with 400,000 usual ones.
const MAX_LIST: u64 = 16 << 20;

/// How long epmd may take to close the connection after its reply. OTP's does so at once.
const CLOSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    addr: SocketAddr,
    deadline: Instant,
}

impl Connection {
    /// Connects and sends the request.
    pub(super) async fn ask(
        target: &Target,
        request: &[u8],
        deadline: Instant,
    ) -> Result<Self, Error> {
        let (mut stream, addr) = target.connect(deadline).await?;
        stream.write_all(request).await?;
        Ok(Self {
            stream,
            addr,
            deadline,
        })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The reply as soon as it is complete. Waiting for epmd to close the connection as well would
    /// only cost time.
    pub(super) async fn reply<T>(
        &mut self,
        decode: impl Fn(&[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<T, Error> {
        let mut reply = Vec::new();
        loop {
            if let Some(decoded) = decode(&reply).map_err(Error::Malformed)? {
                return Ok(decoded);
            }
            if reply.len() >= MAX_REPLY {
                return Err(Error::Malformed(Malformed::TooLong));
            }
            if self.stream.read_buf(&mut reply).await? == 0 {
                return Err(Error::Closed);
            }
        }
    }

    /// All that epmd sends until it closes the connection.
    pub(super) async fn list(&mut self) -> Result<Vec<u8>, Error> {
        let mut reply = Vec::new();
        (&mut self.stream)
            .take(MAX_LIST + 1)
            .read_to_end(&mut reply)
            .await?;
        match u64::try_from(reply.len()) {
            Ok(0) => Err(Error::Closed),
            Ok(1..=MAX_LIST) => Ok(reply),
            _ => Err(Error::Malformed(Malformed::TooLong)),
        }
    }

    /// Lets epmd close the connection first, as it does after its reply. The end that closes first
    /// keeps the connection in TIME_WAIT for a minute, and a client that asks often would run out
    /// of ports. An epmd that does not close is not waited for: its connection is reset, which
    /// leaves nothing behind.
    pub(super) async fn finish(mut self) {
        let limit = self.deadline.min(Instant::now() + CLOSE);
        let mut ignored = [0; 64];
        let closed = timeout_at(limit, self.stream.read(&mut ignored)).await;
        if !matches!(closed, Ok(Ok(0)))
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, addr = %self.addr, "the connection to epmd ends in TIME_WAIT");
        }
    }

    /// What a close without a reply says about a request that epmd takes only from its own host.
    ///
    /// epmd compares its own address of this connection with ours, and we ours with its.
    pub(super) fn explain(&self, error: Error) -> Error {
        let local = self.stream.local_addr();
        match error {
            Error::Closed if local.is_ok_and(|local| !same_host(local.ip(), self.addr.ip())) => {
                Error::NotLocal { addr: self.addr }
            }
            error => error,
        }
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// The rule of `epmd_srv.c`: the peer has a loopback address, or the same as we.
fn same_host(local: IpAddr, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback() || peer == local.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::same_host;

    #[test]
    fn the_same_host_is_known_by_its_addresses() {
        for (local, peer, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.9.9.9", true),
            ("::1", "::1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::2", false),
        ] {
            let (local, peer) = (local.parse().expect("valid"), peer.parse().expect("valid"));
            assert_eq!(same_host(local, peer), expected, "{local} {peer}");
        }
    }
}
