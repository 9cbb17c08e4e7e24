//! Many lookups at once: sockets that do not block, on one event loop per thread.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::load::{PATIENCE, Sample, verify};
use super::wire::{self, Name};

/// Keeps `at_once` lookups on their way, from `threads` threads.
pub fn lookups(
    port: u16,
    names: &[Name],
    length: Duration,
    at_once: usize,
    threads: usize,
) -> Result<Sample, String> {
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|at| {
                // What does not divide goes to the first ones.
                let share = at_once / threads + usize::from(at < at_once % threads);
                scope.spawn(move || Loop::new(port, names, at, threads)?.run(share, length))
            })
            .collect();
        let mut sum = Sample::default();
        for thread in running {
            let sample = thread.join().map_err(|_| "a thread of the load panicked")?;
            sum.add(sample.map_err(|error| error.to_string())?);
        }
        Ok(sum)
    })
}

/// One lookup that is on its way.
struct Asking<'a> {
    stream: TcpStream,
    name: &'a Name,
    sent: bool,
    reply: Vec<u8>,
}

struct Loop<'a> {
    poll: Poll,
    port: u16,
    names: &'a [Name],
    /// The number of the next lookup; those of other threads lie between.
    turn: usize,
    stride: usize,
    slots: Vec<Option<Asking<'a>>>,
    sample: Sample,
}

impl<'a> Loop<'a> {
    fn new(port: u16, names: &'a [Name], turn: usize, stride: usize) -> std::io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            port,
            names,
            turn,
            stride,
            slots: Vec::new(),
            sample: Sample::default(),
        })
    }

    fn run(mut self, at_once: usize, length: Duration) -> std::io::Result<Sample> {
        let mut events = Events::with_capacity(at_once);
        self.slots.resize_with(at_once, || None);
        let mut idle: Vec<usize> = (0..at_once).collect();
        let begin = Instant::now();
        while begin.elapsed() < length {
            for slot in std::mem::take(&mut idle) {
                // A connection within the machine is mostly there at once.
                if self.begin(slot) || self.step(slot) {
                    idle.push(slot);
                }
            }
            let rest = length.saturating_sub(begin.elapsed());
            self.wait(
                &mut events,
                if idle.is_empty() {
                    rest
                } else {
                    Duration::ZERO
                },
            )?;
            idle.extend(
                events
                    .iter()
                    .map(|event| event.token().0)
                    .filter(|slot| self.step(*slot)),
            );
        }
        self.sample.elapsed = begin.elapsed();
        // What is still on its way is looked at, but was not done in time.
        let in_time = self.sample.done;
        let late = Instant::now();
        while self.slots.iter().any(Option::is_some) && late.elapsed() < PATIENCE {
            self.wait(&mut events, PATIENCE.saturating_sub(late.elapsed()))?;
            for event in &events {
                self.step(event.token().0);
            }
        }
        for _ in self.slots.iter().flatten() {
            self.sample.count(Err("no answer".to_owned()));
        }
        self.sample.done = in_time;
        Ok(self.sample)
    }

    fn wait(&mut self, events: &mut Events, timeout: Duration) -> std::io::Result<()> {
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            polled => polled,
        }
    }

    /// Starts a lookup in a slot; whether it has failed at once.
    fn begin(&mut self, slot: usize) -> bool {
        let name = &self.names[self.turn % self.names.len()];
        let address = wire::address(self.port, self.turn);
        self.turn += self.stride;
        match self.connect(slot, name, address) {
            Ok(asking) => self.slots[slot] = Some(asking),
            Err(error) => self.sample.count(Err(error.to_string())),
        }
        self.slots[slot].is_none()
    }

    fn connect(
        &self,
        slot: usize,
        name: &'a Name,
        address: SocketAddr,
    ) -> std::io::Result<Asking<'a>> {
        let mut stream = TcpStream::connect(address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(slot), interest)?;
        Ok(Asking {
            stream,
            name,
            sent: false,
            reply: Vec::with_capacity(64),
        })
    }

    /// Takes a lookup as far as it goes; whether it has ended.
    fn step(&mut self, slot: usize) -> bool {
        let Some(asking) = &mut self.slots[slot] else {
            return false;
        };
        match asking.step() {
            Ok(false) => return false,
            Ok(true) => {
                let outcome = verify(asking.name, &asking.reply);
                self.sample.count(outcome);
            }
            Err(error) => self.sample.count(Err(error.to_string())),
        }
        self.slots[slot] = None;
        true
    }
}

impl Asking<'_> {
    /// Whether the whole reply is there.
    fn step(&mut self) -> std::io::Result<bool> {
        if !self.sent {
            match self.stream.write(&self.name.look_up) {
                Ok(written) if written == self.name.look_up.len() => self.sent = true,
                Ok(_) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if waits(error.kind()) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let mut buffer = [0; 256];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(read) => self.reply.extend_from_slice(&buffer[..read]),
                Err(error) if waits(error.kind()) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Not yet connected, or nothing to read yet.
fn waits(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
