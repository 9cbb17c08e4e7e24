//! What the server answers, and what becomes of the connection then (`do_request` of
//! `epmd_srv.c`).

use super::metrics::Event;
use super::shared::{Name, NotRegistered, Shared};
use crate::error::{Malformed, RequestError};
use crate::message::{Alive2Response, NodeEntry, Port2Response, Request};
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

/// What becomes of a connection when its reply was sent.
#[derive(Debug)]
pub(super) enum Then {
    Close,
    /// It is the lease of a name.
    Hold(Name),
    /// The node was refused; the daemon leaves it to the node to close the connection.
    Linger,
    /// The server ends.
    End,
}

/// Why a connection ends without a reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the peer closed the connection first")]
    Closed,
    #[error("the server stops")]
    Stopped,
    #[error("the request did not arrive in time")]
    Late,
    #[error("the reply was not read in time")]
    Unread,
    #[error("too much of other replies is not read")]
    NoRoom,
    #[error("the request is malformed: {0}")]
    Malformed(#[from] Malformed),
    #[error("only a peer on this host may ask that")]
    NotLocal,
    #[error("the server was not set to obey that")]
    NotOffered,
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
}

/// The connection that a request came from, as far as it matters to the answer.
pub(super) struct Origin<'a> {
    pub(super) socket: SockRef<'a>,
    pub(super) peer: SocketAddr,
}

impl Origin<'_> {
    /// Whether the peer is on this host, by the daemon's rule: it has a loopback address, or the
    /// very address that it connected to.
    fn is_local(&self) -> bool {
        // An IPv6 socket that takes IPv4 as well shows the address of the peer as IPv4-mapped.
        let peer = self.peer.ip().to_canonical();
        let here = || self.socket.local_addr().ok()?.as_socket();
        peer.is_loopback() || here().is_some_and(|here| here.ip().to_canonical() == peer)
    }

    /// What DUMP shows of the connection.
    #[cfg(unix)]
    fn fd(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&*self.socket)
    }

    /// Connections have no small numbers here.
    #[cfg(not(unix))]
    fn fd(&self) -> i32 {
        -1
    }
}

/// The answer to what arrived on a connection so far; `None` means that more must arrive.
pub(super) fn reply(
    received: &[u8],
    from: &Origin<'_>,
    shared: &Arc<Shared>,
) -> Result<Option<Reply>, Refusal> {
    let request = match Request::decode(received) {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(None),
        Err(RequestError::Malformed(malformed)) => return Err(malformed.into()),
        Err(RequestError::Unregistrable { high, reason }) => {
            if !from.is_local() {
                return Err(Refusal::NotLocal);
            }
            shared.counters.count(Event::Unregistrable);
            tracing::debug!(peer = %from.peer, %reason, "epmd refuses a name");
            return Ok(Some(refused(high)));
        }
    };
    let restricted = !matches!(request, Request::Port2 { .. } | Request::Names);
    if restricted && !from.is_local() {
        return Err(Refusal::NotLocal);
    }
    let closing = |bytes| Reply {
        bytes,
        then: Then::Close,
    };
    let reply = match request {
        Request::Alive2(entry) => register(entry, from, shared),
        Request::Port2 { name } => {
            let found = shared.state().table.find(&name);
            shared.counters.count(match found {
                Some(_) => Event::Found,
                None => Event::NotFound,
            });
            let response =
                found.map_or(Port2Response::NotFound { result: 1 }, Port2Response::Found);
            closing(response.encode()?)
        }
        Request::Names => {
            shared.counters.count(Event::Names);
            closing(shared.state().table.encode_names(shared.port))
        }
        Request::Dump => {
            shared.counters.count(Event::Dump);
            let dump = shared.state().table.dump(shared.port);
            closing(dump.encode())
        }
        Request::Kill => kill(shared)?,
        Request::Stop { name } => closing(stop(&name, shared)?),
    };
    Ok(Some(reply))
}

fn register(entry: NodeEntry, from: &Origin<'_>, shared: &Arc<Shared>) -> Reply {
    let high = entry.high;
    // Only for the log lines below, and names are short.
    let name = entry.name.clone();
    match shared.register(entry, from.fd()) {
        Ok((held, node)) => {
            tracing::debug!(
                name = ?node.name,
                port = node.port,
                creation = node.creation,
                "epmd: a node is registered"
            );
            Reply {
                bytes: Alive2Response::registered(high, node.creation).encode(),
                then: Then::Hold(held),
            }
        }
        Err(NotRegistered::Taken) => {
            shared.counters.count(Event::Duplicate);
            tracing::debug!(peer = %from.peer, ?name, "epmd refuses a name: it is taken");
            refused(high)
        }
        Err(NotRegistered::Full) => {
            shared.counters.count(Event::NamesFull);
            if let Some(suppressed) = shared.throttles.names_full.permit() {
                tracing::warn!(
                    ?name,
                    max_names = shared.settings.max_names,
                    suppressed,
                    "epmd refuses a name: as many nodes as allowed are registered"
                );
            }
            refused(high)
        }
    }
}

fn refused(high: u16) -> Reply {
    Reply {
        bytes: Alive2Response::refused(high).encode(),
        then: Then::Linger,
    }
}

fn kill(shared: &Shared) -> Result<Reply, Refusal> {
    if !shared.settings.admin {
        return Err(Refusal::NotOffered);
    }
    shared.counters.count(Event::Kill);
    let obeys = shared.settings.relaxed || shared.state().table.is_empty();
    let (bytes, then) = if obeys {
        (b"OK".to_vec(), Then::End)
    } else {
        tracing::info!("epmd does not obey KILL: nodes are registered");
        (b"NO".to_vec(), Then::Close)
    };
    Ok(Reply { bytes, then })
}

fn stop(name: &[u8], shared: &Shared) -> Result<Vec<u8>, Refusal> {
    if !(shared.settings.admin && shared.settings.relaxed) {
        return Err(Refusal::NotOffered);
    }
    shared.counters.count(Event::Stop);
    // The daemon compares C strings.
    let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
    let dropped = std::str::from_utf8(name).is_ok_and(|name| shared.drop_name(name));
    tracing::info!(name = %name.escape_ascii(), dropped, "epmd: STOP");
    // The daemon says both about a name that it does not know.
    Ok(if dropped {
        b"STOPPED".to_vec()
    } else {
        b"NOEXISTSTOPPED".to_vec()
    })
}
