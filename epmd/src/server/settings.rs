//! What a server was told, and what it does unless told.

use crate::names::MAX_UNUSED;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// More nodes than any host is known to run.
const MAX_NAMES: usize = 20_000;

/// As many as the daemon of OTP serves at most, registered nodes included.
const MAX_CONNECTIONS: usize = 1024;

/// 160 lists of 20,000 usual names.
const MAX_UNREAD: usize = 64 << 20;

/// The daemon's default for `-packet_timeout`.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// File descriptors left to the rest of the process.
const RESERVE: usize = 64;

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) max_names: usize,
    pub(super) max_connections: usize,
    pub(super) max_unread: usize,
    pub(super) idle_timeout: Duration,
    /// Whether KILL and STOP are offered at all.
    pub(super) admin: bool,
    pub(super) relaxed: bool,
    /// `None` is everybody.
    pub(super) allow: Option<Vec<IpNet>>,
    pub(super) delay_accept: Duration,
    pub(super) delay_write: Duration,
    pub(super) max_unused: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_names: MAX_NAMES,
            max_connections: MAX_CONNECTIONS,
            max_unread: MAX_UNREAD,
            idle_timeout: IDLE_TIMEOUT,
            admin: false,
            relaxed: false,
            allow: None,
            delay_accept: Duration::ZERO,
            delay_write: Duration::ZERO,
            max_unused: MAX_UNUSED,
        }
    }
}

impl Settings {
    /// Keeps the limits below what the system will give, so that a refusal comes before exhaustion:
    /// without a file descriptor left, not even a look-up could be accepted.
    pub(super) fn fit(&mut self, file_limit: Option<usize>) {
        let Some(file_limit) = file_limit else {
            return;
        };
        let room = file_limit.saturating_sub(RESERVE);
        // Names are held, requests come and go: a few at once are enough for very many nodes.
        let enough = (room / 128).max(64).min((room / 4).max(1));
        let max_connections = self.max_connections.min(enough);
        let max_names = self.max_names.min(room.saturating_sub(max_connections));
        if max_names < self.max_names {
            self.max_names = max_names;
            self.max_connections = max_connections;
            tracing::info!(
                file_limit,
                max_names,
                max_connections,
                "epmd serves fewer than it was set to: the file limit is lower"
            );
        }
    }

    pub(super) fn allows(&self, peer: IpAddr) -> bool {
        match &self.allow {
            None => true,
            Some(_) if peer.is_loopback() => true,
            Some(allow) => allow.iter().any(|net| net.contains(&peer)),
        }
    }
}

/// How many files the process may have open now; `None` is no limit, or not known.
#[cfg(unix)]
pub(super) fn file_limit() -> Option<usize> {
    let (limit, _) =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok()?;
    usize::try_from(limit).ok()
}

/// Sockets are no files here, and have no limit of their own.
#[cfg(not(unix))]
pub(super) fn file_limit() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(max_names: usize, max_connections: usize, file_limit: usize) -> (usize, usize) {
        let mut settings = Settings {
            max_names,
            max_connections,
            ..Settings::default()
        };
        settings.fit(Some(file_limit));
        (settings.max_names, settings.max_connections)
    }

    #[test]
    fn limits_fit_below_the_file_limit() {
        assert_eq!(fitted(20_000, 1024, 100_000), (20_000, 1024));
        assert_eq!(fitted(20_000, 1024, 20_000), (19_781, 155));
        assert_eq!(fitted(20_000, 1024, 1024), (896, 64));
        assert_eq!(fitted(2, 2, 1024), (2, 2));
        assert_eq!(fitted(20_000, 1024, 10), (0, 1));
    }

    #[test]
    fn a_list_of_prefixes_never_shuts_out_the_host_itself() {
        let settings = Settings {
            allow: Some(vec!["10.1.0.0/16".parse().expect("a prefix")]),
            ..Settings::default()
        };
        for (peer, allowed) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.9", true),
            ("::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(settings.allows(peer.parse().expect("an address")), allowed);
        }
    }
}
