//! How can an operation of the node fail? One type per operation; each says at which stage, what
//! is known, and what is only likely.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use erland_dist::{HandshakeError, NodeName, NodeNameError, Stage};
use erland_etf::{Atom, DecodeError, Pid};
use thiserror::Error;

use crate::cookie_file::CookieFileError;

/// Why a node did not start. The text completes "failed to …".
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The name is not of the form `name@host`.
    #[error("use the node name")]
    Name(#[from] NodeNameError),
    /// No cookie was given, and there is none in the user's cookie file either.
    #[error("get a cookie from the cookie file")]
    Cookie(#[from] CookieFileError),
    /// A peer's name, given with a cookie or as the node to get a name from, is none.
    #[error("use the peer's name {peer:?}")]
    PeerName {
        /// The name that was given.
        peer: Box<str>,
        /// What is wrong with it.
        source: NodeNameError,
    },
    /// An entry of the allow list is neither `name@host` nor `host` nor `name@`, and so would
    /// never allow anybody.
    #[error("use {entry:?} on the allow list")]
    Allow {
        /// The entry that was given.
        entry: Box<str>,
    },
    /// The name is `undefined@host`, and no node was named that is to give another.
    #[error("start as `undefined` without a node that gives a name")]
    NoNamingNode,
    /// A node that is to be given a name was started with a name of its own: anything but
    /// `undefined@host`.
    #[error("be given a name beside the own one: it is not `undefined@host`")]
    HasName,
    /// The node that was to give this one its name did not.
    #[error("get a name from {peer:?}")]
    Naming {
        /// That node.
        peer: NodeName,
        /// Why there is no connection to it.
        source: ConnectError,
    },
    /// The environment variable `ERL_EPMD_PORT` is not a port number.
    #[error("use ERL_EPMD_PORT as the port of epmd")]
    EpmdPort,
    /// The tick time is zero or longer than a year.
    #[error("use the net_ticktime")]
    NetTicktime,
    /// The limit of what may wait to be sent is below 1 KiB.
    #[error("accept a dist_buf_busy_limit below 1 KiB")]
    DistBufBusyLimit,
    /// The distribution port could not be opened.
    #[error("listen on port {port} of {ips:?}")]
    Listen {
        /// The addresses.
        ips: Vec<IpAddr>,
        /// The port; 0 stands for any.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The name could not be registered with epmd.
    #[error("register with epmd at {addr}")]
    Register {
        /// The epmd.
        addr: SocketAddr,
        /// Why not; `Refused` means that the name is taken.
        source: erland_epmd::Error,
    },
    /// No epmd answered, or none was wanted, and an embedded one could not be started.
    #[error("start the embedded epmd at {addr}")]
    EmbeddedEpmd {
        /// Where.
        addr: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The operating system gave no random numbers, without which no challenge is safe.
    #[error("get random numbers from the operating system")]
    Random,
}

/// Why there is no connection to a node. The text completes "failed to …".
///
/// Cheap to clone: everybody who waits for the same attempt gets it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name is not of the form `name@host`.
    #[error("use the node name")]
    Name(#[from] NodeNameError),
    /// The host part of the name has no address.
    #[error("resolve the host {host}")]
    Resolve {
        /// The host part.
        host: Box<str>,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The host's epmd did not answer, or not sensibly.
    #[error("ask epmd at {addr}")]
    Epmd {
        /// The epmd.
        addr: SocketAddr,
        /// Why not.
        source: Arc<erland_epmd::Error>,
    },
    /// The host's epmd does not know the name: the node is down, or it has another name.
    #[error("find the node at epmd {addr}: the name is not registered")]
    NotRegistered {
        /// The epmd.
        addr: SocketAddr,
    },
    /// The node speaks another version of the distribution protocol: it is older than OTP 23.
    #[error("find a common version: the node speaks {lowest} to {highest}, this one 6")]
    Version {
        /// Its lowest version, as epmd tells it.
        lowest: u16,
        /// Its highest version.
        highest: u16,
    },
    /// This node uses no epmd, and the peer's address was not given either.
    #[error("find the node: there is no epmd and no static address")]
    NoAddress,
    /// The node's port could not be reached.
    #[error("dial {addr}")]
    Dial {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The handshake failed.
    #[error("shake hands")]
    Handshake(#[from] HandshakeFailure),
    /// Both nodes dialled each other, the peer's attempt was to stay, and it never came.
    #[error("be dialled by the node, which refused our attempt for its own")]
    PeerNeverDialled,
    /// The node is not on the allow list of this one, which therefore does not dial it.
    #[error("dial a node that is not on the allow list of this one")]
    NotOnAllowList,
    /// This node had its name from another node, and has lost the connection to it.
    #[error("connect without a name: the node that gave it is down")]
    NameLost,
    /// The connection was closed while somebody waited for it.
    #[error("stay connected")]
    Disconnected,
    /// This node is shutting down.
    #[error("connect while shutting down")]
    Stopped,
}

/// Why a handshake, dialled or accepted, failed. The text completes "failed to …".
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// What the protocol knows: the stage, and whose fault it is.
    #[error(transparent)]
    Protocol(#[from] HandshakeError),
    /// The connection broke.
    #[error("get past {stage}")]
    Io {
        /// What was due.
        stage: Stage,
        /// The operating system's error.
        source: Arc<io::Error>,
    },
    /// The peer announced a message that no node sends.
    #[error("read a message while {stage} was due: it is longer than any of the handshake")]
    MessageTooLong {
        /// What was due.
        stage: Stage,
    },
    /// The peer is not on the allow list of this node. It was told `not_allowed`.
    #[error("let the peer in: it is not on the allow list of this node")]
    NotOnAllowList,
    /// Too many peers were in a handshake at the same time, and this was the oldest of those from
    /// the address with most of them.
    #[error("get past {stage} before too many others dialled")]
    Crowded {
        /// What was due.
        stage: Stage,
    },
    /// Another connection of the same peer was quicker.
    #[error("keep an attempt that another connection of the same peer has overtaken")]
    Overtaken,
    /// This node is shutting down.
    #[error("accept a connection while shutting down")]
    Stopping,
}

/// Why a message was not sent: it cannot be encoded. The text completes "failed to …".
///
/// A process or node that does not exist is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message is too large, or holds what the destination's node does not know, as a native
    /// record before OTP 29.
    #[error("encode the message")]
    Encode(#[from] erland_dist::EncodeError),
    /// The message came from a peer, is to be forwarded, and is not a term.
    #[error("forward a message that does not decode")]
    Undecodable(#[from] DecodeError),
}

impl From<erland_etf::EncodeError> for SendError {
    fn from(error: erland_etf::EncodeError) -> SendError {
        SendError::Encode(error.into())
    }
}

/// Why a message was not sent without waiting. It was not taken, not even in part. The text
/// completes "failed to …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrySendError {
    /// More is unsent than the limit, or a large message of the same sender is: what
    /// `erlang:send/3` with `nosuspend` answers.
    #[error("send at once: the connection to the node is busy")]
    Busy,
    /// The node is not connected, or not yet: what `erlang:send/3` with `noconnect` answers.
    #[error("send at once: there is no connection to the node")]
    NoConnection,
    /// It could not be sent by waiting either.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Why a name was not registered. The text completes "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another process has the name.
    #[error("take the name: {owner} has it")]
    Taken {
        /// That process.
        owner: Pid,
    },
    /// The process has a name already, and can have only one.
    #[error("take a second name: the process is registered as {name}")]
    HasName {
        /// Its name.
        name: Atom,
    },
    /// There is no such process on this node, or it is exiting.
    #[error("register a process that is not alive on this node")]
    NoProc,
    /// `undefined` is the answer for a free name and cannot be one.
    #[error("register the name undefined")]
    Undefined,
}

/// Why a ping was not answered with `pong`. The text completes "failed to …".
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PingError {
    /// There is no connection.
    #[error("connect")]
    Connect(#[from] ConnectError),
    /// The connection went down, or the node has no `net_kernel`.
    #[error("reach the node's net_kernel")]
    NoAnswer,
    /// The node answered, but not with `yes`: it does not accept this node.
    #[error("be accepted by the node's net_kernel")]
    Refused,
}

/// An error with its sources, on one line: for logs and for texts that people read.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
