//! A daemon under load: started on a port of its own, looked at through /proc, ended.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::wire;

/// How long a daemon may take until it answers.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// How a peer is started.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: String,
    /// The program and its arguments, to which `-port N` is added.
    pub command: Vec<String>,
}

impl Peer {
    /// `NAME=COMMAND ARGUMENTS…`
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').map(|(name, command)| Self {
            name: name.to_owned(),
            command: command.split_whitespace().map(str::to_owned).collect(),
        });
        parsed
            .filter(|peer| !peer.name.is_empty() && !peer.command.is_empty())
            .ok_or_else(|| format!("{text:?} is no NAME=COMMAND"))
    }
}

/// A running daemon; ends with its value.
#[derive(Debug)]
pub struct Daemon {
    pub peer: String,
    pub port: u16,
    child: Child,
}

impl Daemon {
    pub fn start(peer: &Peer) -> Result<Self, String> {
        let failed = |error: &dyn ToString| format!("{}: {}", peer.name, error.to_string());
        let port = free_port().map_err(|error| failed(&error))?;
        let (program, arguments) = peer.command.split_first().ok_or("no program")?;
        let child = Command::new(program)
            .args(arguments)
            .args(["-port", &port.to_string()])
            .env_remove("ERL_EPMD_PORT")
            .env_remove("ERL_EPMD_ADDRESS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| failed(&error))?;
        let mut daemon = Self {
            peer: peer.name.clone(),
            port,
            child,
        };
        let begin = Instant::now();
        while let Err(reason) = daemon.names() {
            let ended = daemon.child.try_wait().map_err(|error| failed(&error))?;
            if let Some(status) = ended {
                return Err(failed(&format!("ended at once, {status}")));
            }
            if begin.elapsed() > START_DEADLINE {
                return Err(failed(&format!("does not answer: {reason}")));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    /// How many names it lists.
    pub fn names(&self) -> Result<usize, String> {
        let ask = || {
            let mut stream = TcpStream::connect(wire::address(self.port, 0))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(wire::NAMES)?;
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply).map(|_| reply)
        };
        let reply = ask().map_err(|error: std::io::Error| error.to_string())?;
        wire::names(&reply, self.port).map(|names| names.len())
    }

    /// Its resident memory in bytes.
    pub fn resident(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| format!("{path} has no VmRSS"))
    }

    /// The time that its threads have run, in the kernel too.
    pub fn cpu(&self) -> Result<Duration, String> {
        let path = format!("/proc/{}/task", self.child.id());
        let tasks = fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?;
        let mut nanos = 0;
        for task in tasks {
            let path = task.map_err(|error| error.to_string())?.path();
            // A thread may have ended meanwhile.
            let Ok(text) = fs::read_to_string(path.join("schedstat")) else {
                continue;
            };
            let first = text.split_whitespace().next();
            nanos += first.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nothing is left to do if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?
        .local_addr()
        .map(|address| address.port())
}
