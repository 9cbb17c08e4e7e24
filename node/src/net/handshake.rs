//! How do handshake messages travel? Small frames, each awaited for a bounded time.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use erland_dist::{LengthPrefix, split_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::transport::BoxedTransport;

/// No handshake message of any OTP release comes near this; nothing larger is ever buffered for a
/// peer that has not proved that it knows the cookie.
const MAX_FRAME: usize = 1024;

/// A connection whose handshake is under way.
pub(super) struct Channel {
    pub(super) transport: BoxedTransport,
    /// Received and not consumed. After the handshake it may hold the first distribution frames.
    pub(super) received: BytesMut,
    /// Written by the state machine and not sent.
    pub(super) out: BytesMut,
    pub(super) step_timeout: Duration,
}

/// Why no handshake message came, or went.
#[derive(Debug)]
pub(super) enum ChannelError {
    Closed,
    TimedOut,
    Io(io::Error),
    TooLong,
}

impl Channel {
    pub(super) fn new(transport: BoxedTransport, step_timeout: Duration) -> Channel {
        Channel {
            transport,
            received: BytesMut::new(),
            out: BytesMut::new(),
            step_timeout,
        }
    }

    /// Sends what the state machine wrote.
    pub(super) async fn flush(&mut self) -> Result<(), ChannelError> {
        let write = async {
            self.transport.write_all_buf(&mut self.out).await?;
            self.transport.flush().await
        };
        match timeout(self.step_timeout, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ChannelError::TimedOut),
        }
    }

    /// The next message. The timer covers the whole of it, so a peer that sends a byte now and
    /// then does not hold the handshake open.
    pub(super) async fn message(&mut self) -> Result<Bytes, ChannelError> {
        let read = async {
            loop {
                match split_frame(&mut self.received, LengthPrefix::Two, MAX_FRAME) {
                    Ok(Some(body)) => return Ok(body),
                    Ok(None) => {}
                    Err(_) => return Err(ChannelError::TooLong),
                }
                self.received.reserve(MAX_FRAME);
                if self.transport.read_buf(&mut self.received).await? == 0 {
                    return Err(ChannelError::Closed);
                }
            }
        };
        match timeout(self.step_timeout, read).await {
            Ok(result) => result,
            Err(_) => Err(ChannelError::TimedOut),
        }
    }
}

impl From<io::Error> for ChannelError {
    fn from(error: io::Error) -> ChannelError {
        match error.kind() {
            // A peer that closes with unread bytes of ours in its queue resets the connection.
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => ChannelError::Closed,
            _ => ChannelError::Io(error),
        }
    }
}
