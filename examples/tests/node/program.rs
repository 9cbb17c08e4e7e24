//! The program as a child of the tests, and a node of theirs beside it.

use erland::{Epmd, Node};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than anything here takes; reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long a program that must not end is watched.
pub(crate) const WATCH: Duration = Duration::from_millis(500);

pub(crate) const NAME: &str = "rust@127.0.0.1";
pub(crate) const COOKIE: &str = "secret";

/// A running `node` and what it prints.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
    /// Once it is ready.
    pub(crate) port: u16,
}

impl Program {
    pub(crate) fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command
            .args(["--name", NAME, "--cookie", COOKIE])
            .args(arguments);
        command
    }

    pub(crate) fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("node starts");
        let stdout = child.stdout.take().expect("piped");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
            port: 0,
        }
    }

    pub(crate) async fn line(&mut self) -> Option<String> {
        let line = timeout(DEADLINE, self.lines.next_line())
            .await
            .expect("a line in time");
        line.expect("standard output is open")
    }

    /// The port in the line `ready NAME PORT`.
    pub(crate) async fn ready(&mut self) -> u16 {
        let line = self.line().await.expect("a line");
        let port = line
            .strip_prefix("ready rust@127.0.0.1 ")
            .expect("the line ready");
        self.port = port.parse().expect("a port");
        self.port
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .await;
        assert!(sent.expect("kill is there").success());
    }

    pub(crate) async fn ends_well(mut self) {
        let status = timeout(DEADLINE, self.child.wait())
            .await
            .expect("it ends in time");
        assert!(status.expect("it is a child").success());
    }

    pub(crate) async fn runs_on(&mut self) {
        assert!(
            timeout(WATCH, self.child.wait()).await.is_err(),
            "it must not end"
        );
    }
}

/// A port on which nothing listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// The program without epmd, and a node of this test that knows its address.
pub(crate) async fn pair() -> (Program, Node) {
    let mut command = Program::command(&["--epmd", "none"]);
    command.stdin(Stdio::piped());
    let mut program = Program::start(command);
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, program.ready().await));
    let us = Node::builder("us@127.0.0.1")
        .cookie(COOKIE)
        .epmd(Epmd::None);
    let us = us
        .static_peer(NAME, addr)
        .start()
        .await
        .expect("the node starts");
    (program, us)
}
