//! Binds the port.

use crate::addresses::{BadList, Listen, listen_on};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Why there is no port to serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error(transparent)]
    List(#[from] BadList),
    /// Another daemon has the port. This one is not needed then, which is no failure.
    #[error("there is already a epmd running at port {port} on ipaddr {address}")]
    Taken { port: u16, address: IpAddr },
    #[error("failed to bind on ipaddr {address}: {reason}")]
    Failed { address: IpAddr, reason: String },
    #[error("unable to bind any address")]
    Nothing,
}

/// Listens on the port at every address that the list asks for; port 0 becomes the same free port
/// at all of them.
pub(crate) fn bind(list: Option<&str>, port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut port = port;
    let mut listeners = Vec::new();
    for Listen { address, implicit } in listen_on(list)? {
        match listen(SocketAddr::new(address, port)) {
            Ok((listener, bound)) => {
                port = bound;
                listeners.push(listener);
            }
            // A system without IPv6 says one or the other.
            Err(error) if !supported(&error) => {
                tracing::debug!(%address, %error, "no socket of this family");
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(BindError::Taken { port, address });
            }
            Err(error) => {
                let reason = reason(&error);
                let failed = BindError::Failed { address, reason };
                if !implicit || error.kind() != io::ErrorKind::AddrNotAvailable {
                    return Err(failed);
                }
                tracing::error!("{failed}");
            }
        }
    }
    if listeners.is_empty() {
        return Err(BindError::Nothing);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = erland_epmd::listen(address)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

#[cfg(unix)]
fn supported(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let missing = [Errno::EAFNOSUPPORT, Errno::EPROTONOSUPPORT];
    !error
        .raw_os_error()
        .is_some_and(|number| missing.contains(&Errno::from_raw(number)))
}

#[cfg(not(unix))]
fn supported(_: &io::Error) -> bool {
    true
}

/// The system's text without Rust's number behind it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}
