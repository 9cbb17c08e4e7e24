//! The task that takes connections, and answers those at once whose request is already there.
//!
//! Most are: a look-up is asked as soon as its connection is open. Such a connection gets no task,
//! no timer and no place among the sockets that the runtime watches.

use super::connection::{BUFFER, Connection, Stage, report, serve};
use super::lease::Lease;
use super::listener::Listener;
use super::metrics::Event;
use super::reply::{Origin, Refusal, Reply, Then, reply};
use super::shared::{Name, RequestSlot, Shared};
use socket2::SockRef;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The pause after an accept that failed because the system has no more to give: it would fail
/// again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Accepting {
    listeners: Vec<Listener>,
    /// The listener that is asked first, so that a busy one does not starve the others.
    turn: usize,
    shared: Arc<Shared>,
    buffer: Box<[u8; BUFFER]>,
    streams: Streams,
}

/// Starts the task. What is returned ends when the server has ended.
pub(super) fn spawn(listeners: Vec<Listener>, shared: Arc<Shared>) -> watch::Receiver<()> {
    let (done, ended) = watch::channel(());
    let accepting = Accepting {
        listeners,
        turn: 0,
        streams: Streams(Arc::clone(&shared)),
        shared,
        buffer: Box::new([0; BUFFER]),
    };
    tokio::spawn(async move {
        accepting.run().await;
        drop(done);
    });
    ended
}

/// Ends the streams of names when it is dropped: when the server has ended, or its runtime, which
/// may be before the task has taken its first step.
struct Streams(Arc<Shared>);

impl Drop for Streams {
    fn drop(&mut self) {
        self.0.state().watchers.end();
    }
}

impl Accepting {
    async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        {
            let mut ending = std::pin::pin!(shared.until_ending());
            loop {
                tokio::select! {
                    biased;
                    () = &mut ending => break,
                    () = self.serve_next() => {}
                }
            }
        }
        drop(self.listeners);
        shared.until_emptied().await;
        drop(self.streams);
        tracing::info!("epmd has ended");
    }

    async fn serve_next(&mut self) {
        let accepted = poll_fn(|cx| {
            for _ in &self.listeners {
                self.turn = (self.turn + 1) % self.listeners.len();
                if let Poll::Ready(accepted) = self.listeners[self.turn].poll_accept(cx) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        });
        match accepted.await {
            Ok((stream, peer)) => {
                let delay = self.shared.settings.delay_accept;
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                self.shared.counters.count(Event::Accepted);
                if self.admits(peer) {
                    self.serve(stream, peer);
                }
            }
            Err(error) => self.failed(&error).await,
        }
    }

    /// The peer may be gone before it is accepted; anything else is a lack of something, most
    /// likely of file descriptors.
    async fn failed(&self, error: &io::Error) {
        self.shared.counters.count(Event::AcceptError);
        let gone = matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
        );
        if let Some(suppressed) = self.shared.throttles.accept.permit() {
            tracing::warn!(%error, suppressed, "epmd cannot accept a connection");
        }
        if !gone {
            sleep(ACCEPT_PAUSE).await;
        }
    }

    fn admits(&self, peer: SocketAddr) -> bool {
        let Shared {
            settings,
            throttles,
            counters,
            ..
        } = &*self.shared;
        if !settings.allows(peer.ip().to_canonical()) {
            counters.count(Event::NotAllowed);
            if let Some(suppressed) = throttles.not_allowed.permit() {
                tracing::warn!(%peer, suppressed, "epmd refuses a peer: its address is not allowed");
            }
            return false;
        }
        true
    }

    /// Whether there is room for a connection that has to wait. What can be answered at once needs
    /// none, so that those who keep silent do not keep out those who ask.
    fn has_room(&self, peer: SocketAddr) -> bool {
        if !self.shared.is_crowded() {
            return true;
        }
        self.shared.counters.count(Event::Crowded);
        self.shared.make_room();
        if let Some(suppressed) = self.shared.throttles.crowded.permit() {
            tracing::warn!(
                %peer,
                max_connections = self.shared.settings.max_connections,
                suppressed,
                "epmd refuses a connection: as many as allowed are open"
            );
        }
        false
    }

    fn serve(&mut self, stream: TcpStream, peer: SocketAddr) {
        let served = match self.answer_at_once(&stream, peer) {
            Ok(Next::Closed) => Ok(()),
            Ok(Next::Hold(name)) => self.hold(stream, name),
            Ok(Next::Task(stage)) if self.has_room(peer) => self.spawn(stream, peer, stage),
            Ok(Next::Task(_)) => Ok(()),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = served {
            report(&refusal, peer, &self.shared);
        }
    }

    /// Reads what is there, and if that is the request, answers it.
    fn answer_at_once(
        &mut self,
        mut stream: &TcpStream,
        peer: SocketAddr,
    ) -> Result<Next, Refusal> {
        let mut read = stream.read(&mut self.buffer[..]);
        if matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            // A peer that has connected and not yet asked is often waiting for this very core. To
            // let it go first costs far less than a task, a timer and a place with the runtime.
            std::thread::yield_now();
            read = stream.read(&mut self.buffer[..]);
        }
        let received = match read {
            Ok(0) => return Err(Refusal::Closed),
            Ok(read) => &self.buffer[..read],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(Next::Task(Stage::Request(Vec::new())));
            }
            Err(error) => return Err(error.into()),
        };
        let from = Origin {
            socket: SockRef::from(stream),
            peer,
        };
        let Some(mut reply) = reply(received, &from, &self.shared)? else {
            return Ok(Next::Task(Stage::Request(received.to_vec())));
        };
        if !self.shared.settings.delay_write.is_zero() {
            return Ok(Next::Task(Stage::Reply(reply)));
        }
        let written = match stream.write(&reply.bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error.into()),
        };
        reply.bytes.drain(..written);
        Ok(match reply {
            Reply { bytes, then } if !bytes.is_empty() => {
                Next::Task(Stage::Reply(Reply { bytes, then }))
            }
            Reply {
                then: Then::Close, ..
            } => Next::Closed,
            Reply {
                then: Then::Hold(name),
                ..
            } => Next::Hold(name),
            Reply {
                then: Then::End, ..
            } => {
                self.shared.end();
                Next::Closed
            }
            // What is left to do has its place in a task.
            reply => Next::Task(Stage::Reply(reply)),
        })
    }

    fn hold(&self, stream: TcpStream, name: Name) -> Result<(), Refusal> {
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let lease = Lease::new(name, stream, &self.shared);
        tokio::spawn(lease.hold());
        Ok(())
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, stage: Stage) -> Result<(), Refusal> {
        let connection = Connection {
            stream: tokio::net::TcpStream::from_std(stream)?,
            peer,
            accepted: Instant::now(),
            slot: RequestSlot::new(&self.shared),
        };
        tokio::spawn(serve(connection, stage));
        Ok(())
    }
}

/// What is left to do for a connection that was just accepted.
enum Next {
    Closed,
    Hold(Name),
    Task(Stage),
}
