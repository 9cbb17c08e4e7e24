//! What can go wrong, and whose fault it is.
//!
//! [`Malformed`] is a fact about bytes, [`RequestError`] is what a server needs to know about a
//! request that it cannot serve, [`Error`] is what an operation of the client ends with.

#[cfg(feature = "tokio")]
use std::io;
#[cfg(feature = "tokio")]
use std::net::SocketAddr;

/// Why bytes are no EPMD message, or why a value cannot be written as one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// The announced length is 0, so that there is not even a code.
    #[error("the length is 0")]
    LengthZero,
    /// The message is longer than a daemon accepts or a client expects.
    #[error("the message is too long")]
    TooLong,
    /// More bytes arrived than the length announced.
    #[error("there are more bytes than the length announced")]
    Excess,
    /// A field reaches beyond the end of the message.
    #[error("the message ends inside a field")]
    Truncated,
    /// No message has this code.
    #[error("no message has the code {0}")]
    UnknownCode(u8),
    /// A name is empty.
    #[error("the name is empty")]
    NameEmpty,
    /// A name contains a NUL byte.
    #[error("the name contains a NUL byte")]
    NameNul,
    /// A name is not valid UTF-8.
    #[error("the name is not valid UTF-8")]
    NameNotUtf8,
    /// A name has more characters than the message allows.
    #[error("the name is too long")]
    NameTooLong,
    /// The extra field has more than 1020 bytes.
    #[error("the extra field is too long")]
    ExtraTooLong,
    /// A line of a DUMP reply has another form than the daemon of OTP gives it.
    #[error("a line of the reply has an unknown form")]
    Line,
    /// A port is above 65535.
    #[error("the port is above 65535")]
    Port,
    /// The reply to a KILL or STOP is none of those that there are.
    #[error("the reply is none of those that the request has")]
    UnknownReply,
}

/// Why a server cannot serve a request, and what that means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not a request: the daemon closes the connection without a reply.
    #[error("serve a malformed request")]
    Malformed(#[from] Malformed),
    /// An ALIVE2_REQ that is laid out as it should be, with a name or an extra field that the
    /// daemon does not take: it answers with result 1 and keeps the connection open.
    #[error("register the name")]
    Unregistrable {
        /// The highest distribution version of the node, which decides the form of the reply.
        high: u16,
        /// What is wrong with the name or the extra field.
        #[source]
        reason: Malformed,
    },
}

/// Why an operation of the [`Client`](crate::Client) failed. The text completes "failed to …".
#[cfg(feature = "tokio")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host has no address, or none of the wanted family.
    #[error("resolve the host {host}")]
    Resolve {
        /// The name as it was given.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// No connection to epmd could be opened. Where there are several addresses, this tells of the
    /// last one tried.
    #[error("connect to epmd at {addr}")]
    Connect {
        /// The address.
        addr: SocketAddr,
        /// Why not. The kind [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) means that
        /// no epmd listens there; see [`is_no_epmd`](Error::is_no_epmd).
        source: io::Error,
    },
    /// The connection to epmd broke. A daemon that has no file descriptors left resets it.
    #[error("talk to epmd")]
    Io(#[from] io::Error),
    /// The operation took longer than the client's timeout.
    #[error("get an answer from epmd in time")]
    Timeout,
    /// epmd knows no node of that name.
    #[error("find the name in epmd: it is not registered")]
    NotRegistered,
    /// epmd refused the registration. The daemon of OTP gives no reason apart from the result 1,
    /// which nearly always means that another node holds the name.
    #[error("register with epmd: the name is taken (result {result})")]
    Refused {
        /// The result byte of the reply, never 0.
        result: u8,
    },
    /// epmd closed the connection without a reply to a request that it takes only from its own
    /// host, and `addr` is no address of this one: to register, to dump, to kill and to stop.
    #[error("get a reply from epmd at {addr}: it takes this only from its own host")]
    NotLocal {
        /// The address of epmd.
        addr: SocketAddr,
    },
    /// epmd closed the connection without a complete reply. The daemon of OTP does so with
    /// requests that it finds malformed or does not allow.
    #[error("get a reply from epmd: it closed the connection")]
    Closed,
    /// What epmd answered is not the reply to the request: the other end is to blame.
    #[error("understand the reply of epmd")]
    Malformed(#[source] Malformed),
    /// The request cannot be written, as with an empty name: the caller is to blame, and nothing
    /// was sent.
    #[error("write the request to epmd")]
    Request(#[source] Malformed),
}

#[cfg(feature = "tokio")]
impl Error {
    /// Whether no epmd listens at the address.
    #[must_use]
    pub fn is_no_epmd(&self) -> bool {
        matches!(self, Self::Connect { source, .. }
            if source.kind() == io::ErrorKind::ConnectionRefused)
    }
}
