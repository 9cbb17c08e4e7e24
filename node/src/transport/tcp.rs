//! How are TCP connections made and accepted?

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use super::BoxedTransport;

/// Unsent bytes above which the kernel takes no more.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_IN_KERNEL: u32 = 128 * 1024;

pub(crate) async fn dial(addr: SocketAddr) -> io::Result<BoxedTransport> {
    ready(TcpStream::connect(addr).await?)
}

pub(crate) fn ready(stream: TcpStream) -> io::Result<BoxedTransport> {
    // Writes are coalesced by the connection task, so Nagle's algorithm would only add its delay.
    stream.set_nodelay(true)?;
    bound_unsent(&stream);
    Ok(Box::new(stream))
}

/// Keeps the kernel's queue short: what is in it is ahead of everything that a process sends next.
///
/// Only what is unsent is bounded. What is on the way is not, so that a long line can be filled.
fn bound_unsent(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_IN_KERNEL) {
        // All works without it, with more delay beside large messages.
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT not set");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

/// Listens on every address; with port 0 the first one chooses and the others follow.
pub(crate) async fn listen(ips: &[IpAddr], port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let mut listeners = Vec::with_capacity(ips.len());
    let mut port = port;
    for ip in ips {
        let listener = TcpListener::bind(SocketAddr::new(*ip, port)).await?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok((listeners, port))
}
