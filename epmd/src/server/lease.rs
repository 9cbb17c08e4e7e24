//! How is a name held? By an open connection that says nothing: its end, or any byte on it, gives
//! the name up.
//!
//! There is one of these for each registered node, mostly asleep, so it keeps as little as it can:
//! the socket, the name, no buffer and no timer.

use super::shared::{Name, Shared, Slot};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;

/// The connection of a registered node. What is declared first is dropped first: whoever sees the
/// connection closed finds the name free, and the server has ended when the connection is closed.
#[derive(Debug)]
pub(super) struct Lease {
    name: Name,
    stream: TcpStream,
    _slot: Slot,
}

impl Lease {
    pub(super) fn new(name: Name, stream: TcpStream, shared: &Arc<Shared>) -> Self {
        Self {
            name,
            stream,
            _slot: Slot::new(shared),
        }
    }

    /// Waits until the name is given up.
    ///
    /// Not an `async fn`, nor are the two things it waits for: the future has no room for copies
    /// of what it holds, and with its task fits into 256 bytes.
    #[expect(clippy::manual_async_fn, reason = "an argument would be stored twice")]
    pub(super) fn hold(self) -> impl Future<Output = ()> {
        async move {
            loop {
                // Before the question, so that a change between the two is not missed.
                let mut changed = pin!(self.name.shared().changed());
                if self.name.is_pointless() {
                    break;
                }
                let stream = &self.stream;
                let ended = poll_fn(move |cx| match poll_ended(stream, cx) {
                    Poll::Ready(()) => Poll::Ready(true),
                    Poll::Pending => changed.as_mut().poll(cx).map(|()| false),
                });
                if ended.await {
                    break;
                }
            }
        }
    }
}

/// Waits for the end of a connection, or for any byte on it.
pub(super) fn poll_ended(stream: &TcpStream, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        // Unlike `readable`, this keeps no place in a list of waiters.
        if std::task::ready!(stream.poll_read_ready(cx)).is_err() {
            return Poll::Ready(());
        }
        match stream.try_read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output<A, F>(_: &impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// What surrounds it in a task of the runtime takes 96 bytes.
    #[test]
    fn a_lease_with_its_task_fits_into_256_bytes() {
        let size = output(&Lease::hold);
        assert!(size <= 160, "{size}");
    }
}
