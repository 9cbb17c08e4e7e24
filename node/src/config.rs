//! What can be set on a node, and why are the defaults what they are?

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::{AllowList, Cookies};
use crate::lease::Epmd;

/// OTP's `net_ticktime`: 60 s, so a silent peer is found dead after 60 to 75 s.
pub(crate) const NET_TICKTIME: Duration = Duration::from_secs(60);
/// Longer than anybody means, and far from where clock arithmetic ends.
pub(crate) const MAX_TICKTIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// OTP's `net_tickintensity`: a look at the connection every quarter of the tick time.
pub(crate) const TICK_INTENSITY: u32 = 4;
/// OTP's default `dist_buf_busy_limit`, 1 MiB.
pub(crate) const DIST_BUF_BUSY_LIMIT: usize = 1024 * 1024;
/// The least that OTP's `+zdbbl` takes, 1 KiB.
pub(crate) const LEAST_BUSY_LIMIT: usize = 1024;
/// OTP's `net_setuptime`: each step of setting up a connection may take 7 s.
pub(crate) const SETUP_TIMEOUT: Duration = Duration::from_secs(7);
/// How long `shutdown` waits for processes to end, and then for what was sent to be written.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of a running node.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) cookies: Cookies,
    /// Who may connect, and to whom this node connects.
    pub(crate) allowed: AllowList,
    pub(crate) epmd: Epmd,
    /// The port on which epmd is asked, here and on every other host.
    pub(crate) epmd_port: u16,
    pub(crate) static_peers: HashMap<String, SocketAddr>,
    pub(crate) net_ticktime: Duration,
    pub(crate) tick_intensity: u32,
    pub(crate) dist_buf_busy_limit: usize,
    pub(crate) setup_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
}

impl Config {
    /// The port of the epmd on other hosts; `None` when this node uses none.
    pub(crate) fn epmd_lookup_port(&self) -> Option<u16> {
        match self.epmd {
            Epmd::Auto | Epmd::Embedded => Some(self.epmd_port),
            Epmd::At(addr) => Some(addr.port()),
            Epmd::None => None,
        }
    }
}
