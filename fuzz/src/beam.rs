//! A live Erlang virtual machine at the other end of a socket, as its standard input and output.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = include_str!("../erl/differential.erl");

/// Takes the program as the first frame, because a release in a chroot does not see our files.
const BOOT: &str = "
    Port = open_port({fd, 0, 1}, [binary, {packet, 4}, eof]),
    Source = receive {Port, {data, Data}} -> binary_to_list(Data) end,
    Forms = fun Forms(Text, Line) ->
        case erl_scan:tokens([], Text, Line) of
            {done, {ok, Tokens, End}, Rest} ->
                {ok, Form} = erl_parse:parse_form(Tokens),
                [Form | Forms(Rest, End)];
            _ -> []
        end
    end,
    {ok, Module, Code} = compile:forms(Forms(Source, 1), []),
    {module, Module} = code:load_binary(Module, \"differential.erl\", Code),
    Module:start(Port).";

/// A machine that answers no more is as good as dead. Less than what libFuzzer gives one input.
const PATIENCE: Duration = Duration::from_secs(15);

/// The most atoms the machine may have; a mutated term makes new ones, and none is ever freed.
pub const MAX_ATOMS: u32 = 8_000_000;

pub struct Beam {
    release: u32,
    child: Child,
    stream: UnixStream,
}

impl Beam {
    /// Starts `erl`, given as a command line, and loads the program into it.
    ///
    /// A socket, because writing to the pipe of a dead process would be the end of ours: Rust
    /// ignores that signal only in programs whose `main` is its own.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(command: &str) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut words = command.split_whitespace();
        let program = words.next().unwrap_or("erl");
        let child = Command::new(program)
            .args(words)
            .args(["-noinput", "-boot", "start_clean", "+S", "1:1", "+t"])
            .arg(MAX_ATOMS.to_string())
            .args(["-eval", BOOT])
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .spawn()?;
        let mut beam = Self {
            release: 0,
            child,
            stream,
        };
        beam.send(PROGRAM.as_bytes())?;
        let release = String::from_utf8_lossy(&beam.receive()?).parse();
        beam.release = release.map_err(io::Error::other)?;
        Ok(beam)
    }

    /// The release, by its own word.
    pub const fn release(&self) -> u32 {
        self.release
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// If the machine is dead or stuck.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.stream.write_all(&len.to_be_bytes())?;
        self.stream.write_all(frame)
    }

    /// Waits for a frame.
    ///
    /// # Errors
    ///
    /// If the machine is dead or stuck.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        let mut frame = vec![0; u32::from_be_bytes(len) as usize];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
