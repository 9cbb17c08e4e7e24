//! `-systemd`: the sockets come from systemd, which is told how the daemon fares.
//!
//! The messages are those of `epmd_srv.c` and `epmd.c`.

use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::io;
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::os::{
    linux::net::SocketAddrExt as _,
    unix::ffi::OsStrExt as _,
    unix::net::{SocketAddr, UnixDatagram},
};

/// Why the sockets cannot be used; the first text is OTP's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadSockets {
    #[error("systemd provides no sockets")]
    None,
    #[error("cannot obtain sockets from systemd: {0}")]
    Unusable(#[from] io::Error),
}

/// The listening sockets that systemd hands to this process, from descriptor 3 on.
pub(crate) fn sockets() -> Result<Vec<TcpListener>, BadSockets> {
    let mut handed = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(handed.len());
    for index in 0..handed.len() {
        if let Some(listener) = handed.take_tcp_listener(index)? {
            listener.set_nonblocking(true)?;
            listeners.push(listener);
        }
    }
    if listeners.is_empty() {
        return Err(BadSockets::None);
    }
    Ok(listeners)
}

/// The port is served.
pub(crate) fn ready() -> io::Result<()> {
    notify(&[
        NotifyState::Ready,
        NotifyState::Status("Processing port mapping requests..."),
        NotifyState::MainPid(std::process::id()),
    ])
}

/// The daemon ends: of its own will, with 0, or because it cannot serve.
pub(crate) fn exited(status: u32) -> io::Result<()> {
    notify(&[NotifyState::Status("Exited."), NotifyState::Errno(status)])
}

/// As `sd_notify` does it, which knows no socket in the abstract name space (`@name`).
fn notify(states: &[NotifyState<'_>]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Some(name) = socket.as_bytes().strip_prefix(b"@")
    {
        let message: String = states.iter().map(|state| format!("{state}\n")).collect();
        let address = SocketAddr::from_abstract_name(name)?;
        UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address)?;
        return Ok(());
    }
    sd_notify::notify(states)
}
