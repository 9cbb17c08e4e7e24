//! OTP's own epmd, run in the foreground on a private port.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::process::Child;

use crate::child::{self, Output};
use crate::ports::free_port;
use crate::release::Release;

/// A running `epmd`. Dropped, it is killed.
#[derive(Debug)]
pub struct OtpEpmd {
    port: u16,
    child: Child,
    output: Output,
}

impl OtpEpmd {
    /// Starts the epmd of `release` and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn start(release: &Release) -> OtpEpmd {
        Self::start_on(release, free_port()).await
    }

    /// Starts the epmd of `release` on `port` and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it cannot be started there.
    pub async fn start_on(release: &Release, port: u16) -> OtpEpmd {
        // Debug output (level 2) is the only sign that epmd gives of being ready. `-address` keeps it on
        // the loopback.
        let arguments = [
            "-d",
            "-d",
            "-address",
            "127.0.0.1",
            "-port",
            &port.to_string(),
        ];
        let mut child = child::spawn(&release.program("epmd"), &arguments.map(str::to_owned), &[]);
        let output = Output::default();
        output.follow(child.stdout.take().expect("piped"), |_| false, || ());
        output.follow(child.stderr.take().expect("piped"), |_| false, || ());
        output.line_with("entering the main select() loop").await;
        OtpEpmd {
            port,
            child,
            output,
        }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address on the loopback.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What it has printed: every registration and look-up.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(mut self) {
        // Only fails for a process already gone.
        let _ = self.child.kill().await;
        self.output.closed().await;
    }
}
