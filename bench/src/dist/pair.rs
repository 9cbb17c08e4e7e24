//! Which processes are there, and who talks to whom?

use std::env;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::load::Answer;
use super::{node, raw};
use crate::child::Process;
use crate::epmd::embedded;
use crate::peers::otp;

const MODULE: &str = include_str!("../../erl/bench_dist.erl");

/// All processes of a run. They live as long as this.
pub struct Ends {
    ends: Vec<End>,
    epmd: Epmd,
    /// What the BEAMs are called: `otp` and its release.
    beam: String,
}

struct End {
    name: &'static str,
    process: Process,
}

/// Who pings and streams, and to whom.
#[derive(Debug)]
pub struct Pair {
    pub name: String,
    from: &'static str,
    to: &'static str,
}

struct Epmd {
    child: Child,
    port: u16,
}

impl Drop for Epmd {
    fn drop(&mut self) {
        // It ends with the benchmark, however that goes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Epmd {
    fn start() -> Result<Self, String> {
        let error = |e: std::io::Error| format!("epmd: {e}");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(error)?;
        let port = free.local_addr().map_err(error)?.port();
        drop(free);
        let child = this()?
            .args([embedded::ARGUMENT, "-port", &port.to_string()])
            .spawn()
            .map_err(error)?;
        let epmd = Self { child, port };
        let begin = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begin.elapsed() > Duration::from_secs(20) {
                return Err("the epmd does not answer".to_owned());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(epmd)
    }
}

fn this() -> Result<Command, String> {
    let this = env::current_exe().map_err(|e| e.to_string())?;
    Ok(Command::new(this))
}

impl Ends {
    /// Two nodes of ours, two of the newest release, and the two ends of the floor.
    pub fn start(releases: &[String]) -> Result<Self, String> {
        let mut newest = None;
        for line in releases {
            newest = newest.max(Some((otp::release_of(line)?, line)));
        }
        let (release, newest) = newest.ok_or("no OTP is given")?;
        let mut ends = Self {
            ends: Vec::new(),
            epmd: Epmd::start()?,
            beam: format!("otp{release}"),
        };
        for name in ["ours1@127.0.0.1", "ours2@127.0.0.1"] {
            let mut command = this()?;
            command.args([node::ARGUMENT, name]);
            ends.add(name, command)?;
        }
        for name in ["beam1@127.0.0.1", "beam2@127.0.0.1"] {
            let mut command = otp::command(newest, "bench_dist", MODULE)?;
            command.args(["-name", name, "-setcookie", node::COOKIE, "-hidden"]);
            ends.add(name, command)?;
        }
        let mut echo = this()?;
        let mut process = Process::start(raw::ECHO, echo.arg(raw::ECHO))?;
        let port = process.text()?;
        let name = raw::ECHO;
        ends.ends.push(End { name, process });
        let mut floor = this()?;
        floor.args([raw::ARGUMENT, &port]);
        ends.add(raw::ARGUMENT, floor)?;
        Ok(ends)
    }

    fn add(&mut self, name: &'static str, mut command: Command) -> Result<(), String> {
        command.env("ERL_EPMD_PORT", self.epmd.port.to_string());
        let mut process = Process::start(name, &mut command)?;
        match process.text()?.as_str() {
            "ready" => self.ends.push(End { name, process }),
            other => return Err(format!("{name}: {other}")),
        }
        Ok(())
    }

    pub fn pairs(&self) -> Vec<Pair> {
        let beam = &self.beam;
        [
            ("erland".to_owned(), "ours1@127.0.0.1", "ours2@127.0.0.1"),
            (beam.clone(), "beam1@127.0.0.1", "beam2@127.0.0.1"),
            (
                format!("erland-{beam}"),
                "ours1@127.0.0.1",
                "beam2@127.0.0.1",
            ),
            (
                format!("{beam}-erland"),
                "beam1@127.0.0.1",
                "ours2@127.0.0.1",
            ),
            ("raw".to_owned(), raw::ARGUMENT, raw::ECHO),
        ]
        .map(|(name, from, to)| Pair { name, from, to })
        .into()
    }

    pub fn ask(
        &mut self,
        pair: &Pair,
        what: &str,
        time: Duration,
        bytes: usize,
    ) -> Result<Answer, String> {
        let end = self.ends.iter_mut().find(|end| end.name == pair.from);
        let process = &mut end.ok_or("no such end")?.process;
        let request = format!("{what} {} {} {bytes}", time.as_millis(), pair.to);
        process.send(&[request.as_bytes()])?;
        let text = process.text();
        text.and_then(|text| Answer::parse(&text))
            .map_err(|reason| format!("{}, {what}: {reason}", pair.name))
    }
}
