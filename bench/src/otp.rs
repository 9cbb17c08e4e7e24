//! A BEAM as a child process: the maker of the corpus, and a peer.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crate::corpus::Row;
use crate::peers::{Case, same_term};
use crate::tally::Tally;

/// What it runs, compiled by the release that runs it.
const MODULE: &str = include_str!("../erl/bench_codec.erl");

/// The words of the large heap: 32 MiB, in which many results find room before the first collection.
pub const LARGE_HEAP: u32 = 4 << 20;

/// A running `erl`.
#[derive(Debug)]
pub struct Beam {
    pub release: String,
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Beam {
    /// Starts a line of `scripts/otp --list`: `RELEASE COMMAND`.
    pub fn start(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let (Some(release), Some(command)) = (words.next(), words.next()) else {
            return Err(format!("not `RELEASE COMMAND`: {line}"));
        };
        // Text of the shell's making cannot be in the way: -noinput leaves file descriptor 0 alone.
        let code = format!(
            "F = fun F([]) -> []; \
                     F(Ts) -> {{H, [D | T]}} = lists:splitwith(fun(X) -> element(1, X) =/= dot end, Ts), \
                              {{ok, P}} = erl_parse:parse_form(H ++ [D]), [P | F(T)] end, \
             {{ok, Ts, _}} = erl_scan:string(unicode:characters_to_list(<<{}>>)), \
             {{ok, M, B}} = compile:forms(F(Ts), []), \
             {{module, M}} = code:load_binary(M, \"bench_codec\", B), \
             M:main().",
            MODULE
                .bytes()
                .map(|byte| byte.to_string())
                .collect::<Vec<_>>()
                .join(",")
        );
        let mut child = Command::new(command)
            .args(words)
            // An idle BEAM must not spin while another peer is measured.
            .args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"])
            .args([
                "-noshell",
                "-noinput",
                "-boot",
                "start_clean",
                "-eval",
                &code,
            ])
            .env("HOME", "/tmp")
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .env_remove("ERL_FLAGS")
            .env_remove("ERL_AFLAGS")
            .env_remove("ERL_ZFLAGS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command}: {error}"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self {
                release: release.to_owned(),
                child,
                input,
                output,
            }),
            _ => Err("no pipes".to_owned()),
        }
    }

    fn send(&mut self, parts: &[&[u8]]) -> Result<(), String> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let len = u32::try_from(len).map_err(|e| e.to_string())?;
        let mut packet = len.to_be_bytes().to_vec();
        packet.extend(parts.concat());
        self.input.write_all(&packet).map_err(|e| self.ended(&e))
    }

    fn receive(&mut self) -> Result<Vec<u8>, String> {
        let mut len = [0; 4];
        self.output
            .read_exact(&mut len)
            .map_err(|e| self.ended(&e))?;
        let mut packet = vec![0; u32::from_be_bytes(len) as usize];
        self.output
            .read_exact(&mut packet)
            .map_err(|e| self.ended(&e))?;
        Ok(packet)
    }

    fn ended(&self, error: &std::io::Error) -> String {
        format!("OTP {}: {error}", self.release)
    }

    fn text(&mut self) -> Result<String, String> {
        String::from_utf8(self.receive()?).map_err(|e| e.to_string())
    }

    /// The rows that it makes: name, tally, bytes.
    pub fn corpus(&mut self) -> Result<Vec<(String, Tally, Vec<u8>)>, String> {
        self.send(&[b"corpus"])?;
        let mut rows = Vec::new();
        loop {
            let head = self.text()?;
            if head == "end" {
                return Ok(rows);
            }
            let (name, tally) = head
                .strip_prefix("row ")
                .and_then(|rest| rest.split_once(' '))
                .ok_or_else(|| format!("not a row: {head}"))?;
            rows.push((name.to_owned(), tally.parse()?, self.receive()?));
        }
    }

    /// Gives it the bytes of a row; answers what it finds in them.
    fn load(&mut self, row: &Row) -> Result<Tally, String> {
        self.send(&[b"load ", row.name.as_bytes(), b" ", &row.bytes])?;
        let text = self.text()?;
        text.strip_prefix("ok ")
            .ok_or_else(|| text.clone())?
            .parse()
    }

    fn encoded(&mut self, row: &str) -> Result<Vec<u8>, String> {
        self.send(&[b"encoded ", row.as_bytes()])?;
        self.receive()
    }

    fn sample(
        &mut self,
        what: &str,
        row: &str,
        count: u64,
        words: u32,
    ) -> Result<Duration, String> {
        self.send(&[format!("{what} {row} {count} {words}").as_bytes()])?;
        let text = self.text()?;
        text.parse().map(Duration::from_nanos).map_err(|_| text)
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        // It halts when its input ends, but nobody waits to see.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a BEAM does to a row, with the default heap and with a large one.
pub fn cases(beam: &Rc<RefCell<Beam>>, row: &Row) -> Vec<Case> {
    let release = beam.borrow().release.clone();
    let mut cases = Vec::new();
    for what in ["decode", "encode"] {
        for (heap, words) in [("", 0), ("-large", LARGE_HEAP)] {
            let (a, b, loaded) = (beam.clone(), beam.clone(), row.clone());
            let name = row.name;
            cases.push(Case {
                what,
                row: name,
                peer: format!("otp{release}{heap}"),
                verify: Box::new(move || {
                    let mut beam = a.borrow_mut();
                    beam.load(&loaded)?.expect(&loaded.tally)?;
                    same_term(&beam.encoded(name)?, &loaded.bytes)
                }),
                run: Box::new(move |count| b.borrow_mut().sample(what, name, count, words)),
            });
        }
    }
    cases
}
