//! Names that are held: each by an idle connection, in processes of their own, so that the
//! daemon's limit of files is met before the generator's.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::load::Lease;
use super::wire::Name;

/// Names that one process holds at most.
pub const SHARE: usize = 5_000;

/// A daemon that has refused so many registrations one after the other is full.
const ENOUGH: usize = 3;

/// The first argument that makes this program a holder.
pub const ARGUMENT: &str = "epmd-holder";

/// A process that holds names; it gives them up when its value goes.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The names that it got.
    pub held: usize,
    /// Why it got no more.
    pub refused: Option<String>,
}

impl Holder {
    /// Registers `count` names, from number `first` on, with the daemon on `port`.
    pub fn start(port: u16, first: usize, count: usize) -> Result<Self, String> {
        let this = env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(this)
            .arg(ARGUMENT)
            .args([usize::from(port), first, count].map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let (input, output) = match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => (input, BufReader::new(output)),
            _ => return Err("no pipes".to_owned()),
        };
        let mut holder = Self {
            child,
            input,
            output,
            held: 0,
            refused: None,
        };
        let said = holder.line()?;
        let (held, reason) = said.split_once(' ').unwrap_or((&said, ""));
        holder.held = held.parse().map_err(|_| said.clone())?;
        holder.refused = (!reason.is_empty()).then(|| reason.to_owned());
        Ok(holder)
    }

    /// Gives up the newest `count` names; returns when the daemon has closed their connections.
    pub fn release(&mut self, count: usize) -> Result<(), String> {
        match self.ask(&format!("release {count}"))?.as_str() {
            "ok" => {
                self.held -= count;
                Ok(())
            }
            said => Err(said.to_owned()),
        }
    }

    /// How many of its connections the daemon has not closed.
    pub fn open(&mut self) -> Result<usize, String> {
        let said = self.ask("open")?;
        said.parse().map_err(|_| said)
    }

    fn ask(&mut self, request: &str) -> Result<String, String> {
        writeln!(self.input, "{request}").map_err(|error| error.to_string())?;
        self.line()
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err("a holder of names ended".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It ends when its input does, but nobody waits to see.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The holder's own side: PORT FIRST COUNT as arguments, requests as lines.
pub fn main(arguments: &[String]) -> Result<(), String> {
    let number = |at: usize| -> Result<usize, String> {
        let text = arguments.get(at).ok_or("a holder needs three numbers")?;
        text.parse().map_err(|_| format!("{text} is no number"))
    };
    let port = u16::try_from(number(0)?).map_err(|error| error.to_string())?;
    let mut leases = Vec::new();
    let mut refusals = Vec::new();
    for at in number(1)?..number(1)? + number(2)? {
        match Lease::register(port, at, &Name::new(at)) {
            Ok(lease) => {
                leases.push(lease);
                refusals.clear();
            }
            Err(reason) => refusals.push(reason),
        }
        if refusals.len() >= ENOUGH {
            break;
        }
    }
    let mut output = io::stdout();
    let mut say = |text: String| writeln!(output, "{text}").map_err(|error| error.to_string());
    let reason = refusals.first().map_or(String::new(), |r| format!(" {r}"));
    say(format!("{}{reason}", leases.len()))?;
    for line in io::stdin().lines() {
        let line = line.map_err(|error| error.to_string())?;
        if line == "open" {
            say(leases
                .iter_mut()
                .filter_map(|l| l.is_open().then_some(()))
                .count()
                .to_string())?;
        } else if let Some(count) = line.strip_prefix("release ") {
            let count: usize = count.parse().map_err(|_| line.clone())?;
            let rest = leases.split_off(leases.len().saturating_sub(count));
            let ended: Result<(), String> = rest.into_iter().try_for_each(Lease::end);
            say(ended.map_or_else(|reason| reason, |()| "ok".to_owned()))?;
        }
    }
    Ok(())
}
