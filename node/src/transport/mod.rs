//! What carries a connection? Any ordered byte stream; TCP is the one that nodes find by name.

pub(crate) mod tcp;

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream between two nodes.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// One virtual call per read or write of a whole buffer.
pub(crate) type BoxedTransport = Box<dyn Transport>;
