//! The load: lookups one after the other, and nodes that come and go.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::wire::{self, Name};

/// After that a daemon has not answered.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What was done in a stretch of time.
#[derive(Debug, Default)]
pub struct Sample {
    /// Operations whose answers were right.
    pub done: usize,
    /// The others.
    pub failed: usize,
    /// Why the first of them failed.
    pub reason: Option<String>,
    pub elapsed: Duration,
}

impl Sample {
    pub fn count(&mut self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.done += 1,
            Err(reason) => {
                self.failed += 1;
                self.reason.get_or_insert(reason);
            }
        }
    }

    pub fn add(&mut self, other: Self) {
        self.done += other.done;
        self.failed += other.failed;
        self.reason = self.reason.take().or(other.reason);
        self.elapsed = self.elapsed.max(other.elapsed);
    }
}

/// Does `operation` over and over; it gets the number of the turn.
fn repeat(length: Duration, mut operation: impl FnMut(usize) -> Result<(), String>) -> Sample {
    let mut sample = Sample::default();
    let begin = Instant::now();
    while sample.elapsed < length {
        sample.count(operation(sample.done + sample.failed));
        sample.elapsed = begin.elapsed();
    }
    sample
}

/// Lookups one after the other, each on a connection of its own, of all names in turn.
pub fn lookups(port: u16, names: &[Name], length: Duration) -> Sample {
    let mut reply = Vec::with_capacity(256);
    repeat(length, |turn| {
        let name = &names[turn % names.len()];
        ask(port, turn, name, &mut reply).map_err(|error| error.to_string())?;
        verify(name, &reply)
    })
}

fn ask(port: u16, turn: usize, name: &Name, reply: &mut Vec<u8>) -> io::Result<()> {
    let mut stream = TcpStream::connect(wire::address(port, turn))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&name.look_up)?;
    reply.clear();
    stream.read_to_end(reply).map(drop)
}

/// Whether the reply to a lookup is the whole and only the right one.
pub fn verify(name: &Name, reply: &[u8]) -> Result<(), String> {
    if reply == name.found {
        Ok(())
    } else {
        Err(format!("{} looked up: {reply:?}", name.text))
    }
}

/// A node that is registered as long as this lives.
#[derive(Debug)]
pub struct Lease {
    stream: TcpStream,
    pub creation: u32,
}

impl Lease {
    pub fn register(port: u16, turn: usize, name: &Name) -> Result<Self, String> {
        let ask = || {
            let mut stream = TcpStream::connect(wire::address(port, turn))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&name.register)?;
            let mut reply = [0; 6];
            stream.read_exact(&mut reply)?;
            Ok((stream, reply))
        };
        let (stream, reply) = ask().map_err(|error: io::Error| error.to_string())?;
        let creation = wire::creation(&reply)?;
        Ok(Self { stream, creation })
    }

    /// Closes its half, as a node that ends does, and waits until the daemon has closed too: then
    /// the name is free.
    pub fn end(mut self) -> Result<(), String> {
        let mut rest = [0; 8];
        let read = self.stream.shutdown(Shutdown::Write);
        match read.and_then(|()| self.stream.read(&mut rest)) {
            Ok(0) => Ok(()),
            Ok(_) => Err("more than one reply to a registration".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether the daemon has left the connection open.
    pub fn is_open(&mut self) -> bool {
        let read = self.stream.set_nonblocking(true);
        let read = read.and_then(|()| self.stream.read(&mut [0; 8]));
        let open = matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        open && self.stream.set_nonblocking(false).is_ok()
    }
}

/// Nodes that register and end, one after the other, with these names in turn. A name that comes
/// again has to get another creation than before.
pub fn cycles(port: u16, names: &[Name], length: Duration) -> Sample {
    let mut creations = vec![0; names.len()];
    repeat(length, |turn| {
        let at = turn % names.len();
        let lease = Lease::register(port, turn, &names[at])?;
        let creation = lease.creation;
        lease.end()?;
        if creation == creations[at] {
            return Err(format!("{} twice with creation {creation}", names[at].text));
        }
        creations[at] = creation;
        Ok(())
    })
}
