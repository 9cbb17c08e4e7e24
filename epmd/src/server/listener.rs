//! How a listening socket is made, and how a connection is taken from it.
//!
//! A connection is taken without being registered with the runtime: most are answered at once and
//! closed, and would be registered for nothing.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll};

/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// A listening socket as [`Server::bind`](crate::Server::bind) makes it, for
/// [`Server::from_listeners`](crate::Server::from_listeners): in non-blocking mode, free to be bound
/// again at once, and of IPv6 alone if its address is of that family.
///
/// # Errors
/// Those of the system: the port may be taken, or there is no such family.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // On Windows the option would let two servers share a port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A listening socket that the runtime knows.
#[derive(Debug)]
pub(super) struct Listener {
    #[cfg(unix)]
    socket: tokio::io::unix::AsyncFd<TcpListener>,
    #[cfg(not(unix))]
    socket: tokio::net::TcpListener,
}

impl Listener {
    // The reason for the deprecation are types whose descriptor may change; a `TcpListener` keeps
    // its own. The replacement is `unsafe`, which this crate does without.
    #[cfg_attr(unix, allow(deprecated))]
    pub(super) fn new(socket: TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            #[cfg(unix)]
            socket: tokio::io::unix::AsyncFd::with_interest(socket, tokio::io::Interest::READABLE)?,
            #[cfg(not(unix))]
            socket: tokio::net::TcpListener::from_std(socket)?,
        })
    }

    /// The next connection, in non-blocking mode.
    #[cfg(unix)]
    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        loop {
            let mut ready = std::task::ready!(self.socket.poll_read_ready(cx))?;
            if let Ok(accepted) = ready.try_io(|socket| socket.get_ref().accept()) {
                let (stream, peer) = accepted?;
                stream.set_nonblocking(true)?;
                return Poll::Ready(Ok((stream, peer)));
            }
        }
    }

    /// The next connection, in non-blocking mode.
    #[cfg(not(unix))]
    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, peer) = std::task::ready!(self.socket.poll_accept(cx))?;
        Poll::Ready(stream.into_std().map(|stream| (stream, peer)))
    }
}
