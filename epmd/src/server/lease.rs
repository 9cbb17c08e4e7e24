//! How is a name held? By an open connection that says nothing: its end, or any byte on it, gives
//! the name up.
//!
//! There is one of these for each registered node, mostly asleep, so it keeps as little as it can:
//! the socket, the name, no buffer and no timer.

use super::shared::{Name, Slot};
use std::future::poll_fn;
use std::io;
use tokio::net::TcpStream;

/// The connection of a registered node. What is declared first is dropped first: whoever sees the
/// connection closed finds the name free, and the server has ended when the connection is closed.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) name: Name,
    pub(super) stream: TcpStream,
    pub(super) slot: Slot,
}

impl Lease {
    /// Returns when the name is given up.
    pub(super) async fn hold(self) {
        tokio::select! {
            () = until_ended(&self.stream) => {}
            () = self.name.until_dropped() => {}
        }
        drop(self.name);
        drop(self.stream);
        drop(self.slot);
    }
}

/// Waits for the end of a connection, or for any byte on it.
pub(super) async fn until_ended(stream: &TcpStream) {
    loop {
        // Unlike `readable`, this keeps no place in a list of waiters.
        if poll_fn(|cx| stream.poll_read_ready(cx)).await.is_err() {
            return;
        }
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}
