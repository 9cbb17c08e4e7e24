//! The program `epmd`, ours and OTP's, run by the same means: as a daemon and as a command.

use std::fmt::{self, Display};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::built::built;
use crate::child::{self, Output};
use crate::deadline::within;
use crate::epmd_requests::names;
use crate::ports::free_port;
use crate::release::{Release, Slot, release};
use crate::sockets::addresses_of;

/// Whose `epmd`.
#[derive(Clone, Copy, Debug)]
pub enum EpmdKind {
    /// That of an OTP release.
    Otp(&'static Release),
    /// That of the package `erland-epmd`.
    Ours,
}

/// What a command printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Standard output.
    pub stdout: String,
    /// Standard error, without the time in its lines.
    pub stderr: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
}

impl EpmdKind {
    /// OTP 25's, and that of the newest release.
    pub fn otps() -> [EpmdKind; 2] {
        [Slot::Otp25, Slot::Newest].map(|slot| EpmdKind::Otp(release(slot)))
    }

    /// OTP 25's, that of the newest release, and [ours](EpmdKind::measured).
    pub fn all() -> Vec<EpmdKind> {
        let mut kinds = Self::otps().to_vec();
        kinds.push(Self::measured());
        kinds
    }

    /// Ours. With `ERLAND_EPMD_OTP_ALONE` set, that of the newest release in its place: the tests
    /// must pass with it, or ask for what OTP itself does not do.
    pub fn measured() -> EpmdKind {
        match std::env::var_os("ERLAND_EPMD_OTP_ALONE") {
            Some(_) => EpmdKind::Otp(release(Slot::Newest)),
            None => {
                // Built before the first deadline runs.
                our_path();
                EpmdKind::Ours
            }
        }
    }

    /// The words of the command.
    ///
    /// Ours is built first, or is the one that `ERLAND_EPMD_PROGRAM` names.
    pub fn command(self) -> Vec<String> {
        match self {
            EpmdKind::Otp(release) => release.program("epmd"),
            EpmdKind::Ours => {
                let path = our_path().to_str().expect("a path in UTF-8");
                vec![path.to_owned()]
            }
        }
    }

    /// Runs `epmd` with these arguments and variables to its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started or does not end.
    pub async fn run(self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let command = self.command();
        let mut child = Command::new(&command[0]);
        child
            .args(&command[1..])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        clean(&mut child, environment);
        let what = format!("the end of {self} {arguments:?}");
        let output = within(&what, child.output()).await;
        Ran::of(&output.expect("epmd can be run"))
    }
}

impl Ran {
    fn of(output: &std::process::Output) -> Ran {
        Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: without_time(&String::from_utf8_lossy(&output.stderr)),
            code: output.status.code(),
        }
    }
}

/// `epmd: Sat Nov 21 12:10:27 2026: text` without the time, which must look like one.
fn without_time(text: &str) -> String {
    let mut masked = String::new();
    for line in text.split_inclusive('\n') {
        let rest = line.strip_prefix("epmd: ").filter(|rest| {
            let shape: String = rest
                .chars()
                .take(26)
                .map(|c| match c {
                    'a'..='z' | 'A'..='Z' => 'a',
                    '0'..='9' => '0',
                    _ => c,
                })
                .collect();
            // A day below ten is padded with a blank.
            let shape = shape.replace("aaa  0", "aaa 00");
            shape == "aaa aaa 00 00:00:00 0000: "
        });
        match rest {
            Some(rest) => {
                masked.push_str("epmd: TIME: ");
                masked.push_str(&rest[26..]);
            }
            None => masked.push_str(line),
        }
    }
    masked
}

impl Display for EpmdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EpmdKind::Otp(release) => write!(f, "OTP {}'s epmd", release.number),
            EpmdKind::Ours => write!(f, "erland's epmd"),
        }
    }
}

fn our_path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("ERLAND_EPMD_PROGRAM") {
        Some(path) => path.into(),
        None => built("erland-epmd", "epmd"),
    })
}

/// Only the variables of the test, whatever the tester's shell has.
fn clean(command: &mut Command, environment: &[(&str, &str)]) {
    for name in [
        "ERL_EPMD_PORT",
        "ERL_EPMD_ADDRESS",
        "ERL_EPMD_RELAXED_COMMAND_CHECK",
    ] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
}

/// An `epmd` that runs in the foreground on a port of its own. Dropped, it is killed.
#[derive(Debug)]
pub struct EpmdDaemon {
    kind: EpmdKind,
    port: u16,
    child: Child,
    output: Output,
}

impl EpmdDaemon {
    /// Starts it on the loopback with more flags, and waits until it can be connected to.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn start(kind: EpmdKind, flags: &[&str]) -> EpmdDaemon {
        let arguments = [&["-address", "127.0.0.1"], flags].concat();
        Self::start_anywhere(kind, &arguments, &[]).await
    }

    /// Starts it with exactly these flags and variables on a free port, on another one when that
    /// is taken before epmd gets there.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn start_anywhere(
        kind: EpmdKind,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> EpmdDaemon {
        for _ in 0..4 {
            match Self::try_start(kind, free_port(), flags, environment).await {
                Ok(daemon) => return daemon,
                // So it ends where another one runs.
                Err(ran) if ran.code == Some(0) && ran.stderr.is_empty() => {}
                Err(ran) => panic!("{kind} {flags:?} ended: {ran:?}"),
            }
        }
        panic!("{kind} {flags:?} found every port taken");
    }

    /// Starts it with exactly these flags and variables besides `-port`.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub async fn start_with(
        kind: EpmdKind,
        port: u16,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> EpmdDaemon {
        match Self::try_start(kind, port, flags, environment).await {
            Ok(daemon) => daemon,
            Err(ran) => panic!("{kind} {flags:?} ended: {ran:?}"),
        }
    }

    /// Starts it as [`start_with`](EpmdDaemon::start_with) does, and waits until it can be
    /// connected to.
    ///
    /// # Errors
    ///
    /// How it ended, when it ended instead.
    pub async fn try_start(
        kind: EpmdKind,
        port: u16,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<EpmdDaemon, Ran> {
        let words = kind.command();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(["-port", &port.to_string()])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        clean(&mut command, environment);
        let mut child = command.spawn().expect("epmd can be run");
        // epmd does not tell when it is ready: asked every few milliseconds until it answers.
        let mut again = tokio::time::interval(Duration::from_millis(3));
        let what = format!("the start of {kind} with {flags:?} {environment:?}");
        let loopback = [SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
        let ended = within(&what, async {
            // Another process may have taken the port meanwhile: then this one ends.
            while TcpStream::connect(&loopback[..]).await.is_err()
                || child.id().is_none_or(|pid| addresses_of(pid).is_empty())
            {
                if child.try_wait().is_ok_and(|status| status.is_some()) {
                    return true;
                }
                again.tick().await;
            }
            false
        })
        .await;
        if ended {
            let output = child.wait_with_output().await.expect("an ended process");
            return Err(Ran::of(&output));
        }
        let output = Output::default();
        output.follow(child.stdout.take().expect("piped"), |_| false, || ());
        output.follow(child.stderr.take().expect("piped"), |_| false, || ());
        Ok(EpmdDaemon {
            kind,
            port,
            child,
            output,
        })
    }

    /// Waits until it answers a NAMES request: then it has bound all its addresses.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn serves(&self) {
        let answer = within("an answer to NAMES", async {
            let mut connection = TcpStream::connect(self.addr()).await?;
            connection.write_all(&names()).await?;
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).await.map(|_| answer)
        });
        let answer = answer.await.expect("an answer to NAMES");
        assert!(answer.len() >= 4, "{} answered {answer:?}", self.kind);
    }

    /// Whose it is.
    pub fn kind(&self) -> EpmdKind {
        self.kind
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address on the loopback.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The id of its process.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("epmd still runs")
    }

    /// What it has printed.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Waits for its end; the exit code, `None` after a signal.
    pub async fn ended(&mut self) -> Option<i32> {
        let what = format!("the end of {}", self.kind);
        let status = within(&what, self.child.wait()).await;
        status.expect("a child can be waited for").code()
    }

    /// Sends it a signal (`HUP`, `TERM`).
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub async fn signal(&self, name: &str) {
        child::signal(&self.child, name).await;
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(mut self) {
        // Only fails for a process already gone.
        let _ = self.child.kill().await;
        self.output.closed().await;
    }
}
