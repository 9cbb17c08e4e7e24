//! How are TCP connections made and accepted?

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use super::BoxedTransport;

pub(crate) async fn dial(addr: SocketAddr) -> io::Result<BoxedTransport> {
    ready(TcpStream::connect(addr).await?)
}

pub(crate) fn ready(stream: TcpStream) -> io::Result<BoxedTransport> {
    // Writes are coalesced by the connection task, so Nagle's algorithm would only add its delay.
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
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
