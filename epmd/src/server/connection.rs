//! How one connection is served that could not be answered at once: its request is yet to arrive,
//! or its reply does not fit into the socket.

use super::lease::{Lease, poll_ended};
use super::metrics::Event;
use super::reply::{Origin, Refusal, Reply, Then, reply};
use super::shared::{RequestSlot, Shared};
use crate::message::MAX_REQUEST;
use socket2::SockRef;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Room for the longest request and one byte more, so that what is too much shows.
pub(super) const BUFFER: usize = 2 + MAX_REQUEST + 1;

/// How long a reply that is on its way may take after the server was stopped.
const STOP_DEADLINE: Duration = Duration::from_secs(1);

/// A connection with a task of its own.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) accepted: Instant,
    pub(super) slot: RequestSlot,
}

/// Where a connection stands when it gets its task.
#[derive(Debug)]
pub(super) enum Stage {
    /// This arrived of its request.
    Request(Vec<u8>),
    /// Its reply is to be sent.
    Reply(Reply),
}

/// Serves a connection to its end.
///
/// A name is held, perhaps for years, by a task of its own that has no room for a request.
pub(super) async fn serve(connection: Connection, stage: Stage) {
    if let Some(lease) = connection.converse(stage).await {
        tokio::spawn(lease.hold());
    }
}

/// Counts and logs that a connection ends unserved; at debug level, since anybody who reaches the
/// port can cause it.
pub(super) fn report(refusal: &Refusal, peer: SocketAddr, shared: &Shared) {
    let event = match refusal {
        Refusal::Closed => Some(Event::Closed),
        Refusal::Stopped => None,
        Refusal::Late => Some(Event::Late),
        Refusal::Unread | Refusal::NoRoom => Some(Event::Unread),
        Refusal::Malformed(_) => Some(Event::Malformed),
        Refusal::NotLocal => Some(Event::NotLocal),
        Refusal::NotOffered => Some(Event::NotOffered),
        Refusal::Io(_) => Some(Event::Broken),
    };
    if let Some(event) = event {
        shared.counters.count(event);
    }
    tracing::debug!(%peer, %refusal, "epmd closes a connection unserved");
}

impl Connection {
    async fn converse(self, stage: Stage) -> Option<Lease> {
        match self.request_and_reply(stage).await {
            Ok(Then::Hold(name)) => {
                let shared = self.slot.shared();
                Some(Lease::new(name, self.stream, shared))
            }
            Ok(Then::Linger) => {
                let shared = self.slot.shared();
                tokio::select! {
                    () = poll_fn(|cx| poll_ended(&self.stream, cx)) => {}
                    () = shared.until_ending() => {}
                    () = shared.until_crowded() => {}
                }
                None
            }
            Ok(Then::End) => {
                self.slot.shared().end();
                None
            }
            Ok(Then::Close) => None,
            Err(refusal) => {
                report(&refusal, self.peer, self.slot.shared());
                None
            }
        }
    }

    async fn request_and_reply(&self, stage: Stage) -> Result<Then, Refusal> {
        let Reply { bytes, then } = match stage {
            Stage::Request(received) => self.request(received).await?,
            Stage::Reply(reply) => reply,
        };
        let shared = self.slot.shared();
        let Some(_room) = shared.keep(bytes.capacity()) else {
            return Err(self.cut(Refusal::NoRoom));
        };
        let settings = &shared.settings;
        if !settings.delay_write.is_zero() {
            sleep(settings.delay_write).await;
        }
        let stopped = async {
            shared.until_ending().await;
            sleep(STOP_DEADLINE).await;
        };
        tokio::select! {
            written = timeout(settings.idle_timeout, self.write(&bytes)) => {
                written.map_err(|_| self.cut(Refusal::Unread))??;
            }
            () = stopped => return Err(self.cut(Refusal::Stopped)),
        }
        Ok(then)
    }

    /// Has the connection reset when it is closed: what was sent of a list would pass for all of it.
    fn cut(&self, refusal: Refusal) -> Refusal {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(peer = %self.peer, %error, "epmd cannot reset a connection");
        }
        refusal
    }

    /// Reads until there is a request, or certainly none, for as long as all of it may take.
    async fn request(&self, mut received: Vec<u8>) -> Result<Reply, Refusal> {
        let shared = self.slot.shared();
        let deadline = self.accepted + shared.settings.idle_timeout;
        let from = Origin {
            socket: SockRef::from(&self.stream),
            peer: self.peer,
        };
        let reading = async {
            loop {
                self.read(&mut received).await?;
                if let Some(reply) = reply(&received, &from, shared)? {
                    return Ok(reply);
                }
            }
        };
        tokio::select! {
            replied = timeout_at(deadline, reading) => replied.map_err(|_| Refusal::Late)?,
            () = shared.until_ending() => Err(Refusal::Stopped),
        }
    }

    /// Adds what has arrived. The memory that it takes is no more than that.
    async fn read(&self, received: &mut Vec<u8>) -> Result<(), Refusal> {
        loop {
            self.stream.readable().await?;
            let mut buffer = [0; BUFFER];
            let room = BUFFER.saturating_sub(received.len());
            match self.stream.try_read(&mut buffer[..room]) {
                Ok(0) => return Err(Refusal::Closed),
                Ok(read) => {
                    received.extend_from_slice(&buffer[..read]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The reply goes to the system whole, hence as one segment if it is small.
    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
