//! The program `node` in an OS process of its own, so that it can be killed and frozen.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use tokio::process::Child;

use crate::built::built;
use crate::child::{self, Output};
use crate::deadline::within;

/// A running `node`. Dropped, it is killed.
#[derive(Debug)]
pub struct NodeProgram {
    child: Child,
    output: Output,
}

impl NodeProgram {
    /// Starts it as `name`, registered with the epmd at `epmd`, and waits until it can be reached.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(name: &str, cookie: &str, epmd: SocketAddr) -> NodeProgram {
        Self::start_with(name, cookie, &epmd.to_string(), epmd.port()).await
    }

    /// Starts it as `name`, registered with the epmd on `port` of this host, which it brings if
    /// there is none, and waits until it can be reached.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_auto(name: &str, cookie: &str, port: u16) -> NodeProgram {
        Self::start_with(name, cookie, "auto", port).await
    }

    async fn start_with(name: &str, cookie: &str, epmd: &str, port: u16) -> NodeProgram {
        let program = path().to_str().expect("a path in UTF-8").to_owned();
        let arguments = ["--name", name, "--cookie", cookie, "--epmd", epmd].map(str::to_owned);
        let environment = [
            ("RUST_LOG", "info".to_owned()),
            ("ERL_EPMD_PORT", port.to_string()),
        ];
        let mut child = child::spawn(&[program], &arguments, &environment);
        let output = Output::default();
        output.follow(child.stdout.take().expect("piped"), |_| false, || ());
        output.follow(child.stderr.take().expect("piped"), |_| false, || ());
        output.line_with(&format!("ready {name} ")).await;
        NodeProgram { child, output }
    }

    /// What it has printed: a line per event, and its log.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// `kill -9`: no farewell of any kind. Returns when the process is gone.
    pub async fn kill(&mut self) {
        // Only fails for a process already gone.
        let _ = self.child.start_kill();
        let _ = within("the death of a killed program", self.child.wait()).await;
    }

    /// `kill -STOP`: the process stays, its sockets stay open, nothing answers.
    pub async fn freeze(&self) {
        child::signal(&self.child, "STOP").await;
    }

    /// `kill -CONT`.
    pub async fn thaw(&self) {
        child::signal(&self.child, "CONT").await;
    }

    /// The port on which it listens.
    ///
    /// # Panics
    ///
    /// When it has not told.
    pub async fn port(&self) -> u16 {
        let ready = self.output.line_with("ready ").await;
        let port = ready.rsplit(' ').next().and_then(|port| port.parse().ok());
        port.expect("`ready NAME PORT`")
    }

    /// Closes its standard input, which ends it in good order; whether its status was 0.
    pub async fn stop(mut self) -> bool {
        drop(self.child.stdin.take());
        let status = within("the end of the program", self.child.wait()).await;
        status.is_ok_and(|status| status.success())
    }
}

fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("erland-examples", "node"))
}
