//! A peer in a process of its own, which times itself.
//!
//! Requests and replies are packets with a length of four bytes, on its standard input and output;
//! `erl/bench_codec.erl` lists them.

use std::cell::RefCell;
use std::fmt;
use std::io::{Error, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crate::corpus::Row;
use crate::peers::{Case, same_term};
use crate::tally::Tally;

/// A running peer.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// One process serves all cases of its peer.
pub type Shared = Rc<RefCell<Process>>;

impl Process {
    pub fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self {
                name: name.to_owned(),
                child,
                input,
                output,
            }),
            _ => Err("no pipes".to_owned()),
        }
    }

    pub fn send(&mut self, parts: &[&[u8]]) -> Result<(), String> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let len = u32::try_from(len).map_err(|e| e.to_string())?;
        let mut packet = len.to_be_bytes().to_vec();
        packet.extend(parts.concat());
        self.input
            .write_all(&packet)
            .map_err(|error| self.ended(&error))
    }

    pub fn receive(&mut self) -> Result<Vec<u8>, String> {
        let mut len = [0; 4];
        self.output
            .read_exact(&mut len)
            .map_err(|error| self.ended(&error))?;
        let mut packet = vec![0; u32::from_be_bytes(len) as usize];
        self.output
            .read_exact(&mut packet)
            .map_err(|error| self.ended(&error))?;
        Ok(packet)
    }

    pub fn text(&mut self) -> Result<String, String> {
        String::from_utf8(self.receive()?).map_err(|error| error.to_string())
    }

    fn ended(&self, error: &Error) -> String {
        format!("{}: {error}", self.name)
    }

    /// Gives it the bytes of a row; answers what it finds in them.
    fn load(&mut self, row: &Row) -> Result<Tally, String> {
        self.send(&[b"load ", row.name.as_bytes(), b" ", &row.bytes])?;
        let text = self.text()?;
        text.strip_prefix("ok ")
            .ok_or_else(|| text.clone())?
            .parse()
    }

    /// What it writes for the term of a row.
    fn encoded(&mut self, row: &str) -> Result<Vec<u8>, String> {
        self.send(&[b"encoded ", row.as_bytes()])?;
        self.receive()
    }

    fn sample(&mut self, request: fmt::Arguments<'_>) -> Result<Duration, String> {
        self.send(&[request.to_string().as_bytes()])?;
        let text = self.text()?;
        text.parse().map(Duration::from_nanos).map_err(|_| text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when its input does, but nobody waits to see.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A case of a process. `how` is what the request ends in: the heap of a BEAM, whether `ei` keeps
/// its buffer.
pub fn case(process: &Shared, row: &Row, what: &'static str, peer: String, how: u32) -> Case {
    let (a, b, loaded, name) = (process.clone(), process.clone(), row.clone(), row.name);
    Case {
        what,
        row: name,
        peer,
        verify: Box::new(move || {
            let mut process = a.borrow_mut();
            process.load(&loaded)?.expect(&loaded.tally)?;
            same_term(&process.encoded(name)?, &loaded.bytes)
        }),
        run: Box::new(move |count| {
            b.borrow_mut()
                .sample(format_args!("{what} {name} {count} {how}"))
        }),
    }
}
