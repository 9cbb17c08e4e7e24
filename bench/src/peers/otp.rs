//! The BEAM in a process of its own: the maker of the corpus, and a peer.

use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;

use super::Case;
use crate::child::{Process, Shared, case};
use crate::corpus::Row;
use crate::tally::Tally;

/// What it runs, compiled by the release that runs it.
const MODULE: &str = include_str!("../../erl/bench_codec.erl");

/// The words of the large heap: 32 MiB, in which many results find room before the first collection.
const LARGE_HEAP: u32 = 4 << 20;

/// An `erl` that compiles a module of ours and runs its `main/0`, which has file descriptors 0 and 1
/// to itself. `line` is one of `scripts/otp --list`: `RELEASE COMMAND`.
pub fn command(line: &str, module: &str, text: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace().skip(1);
    let program = words.next().ok_or_else(|| not_a_line(line))?;
    // Nothing of the file system: it may be in a chroot.
    let bytes = text.bytes().map(|byte| byte.to_string());
    let code = format!(
        "Forms = fun Forms([]) -> []; Forms(Tokens) -> \
             {{Form, [Dot | Rest]}} = lists:splitwith(fun(T) -> element(1, T) =/= dot end, Tokens), \
             {{ok, Parsed}} = erl_parse:parse_form(Form ++ [Dot]), [Parsed | Forms(Rest)] end, \
         {{ok, Tokens, _}} = erl_scan:string(unicode:characters_to_list(<<{}>>)), \
         {{ok, Module, Beam}} = compile:forms(Forms(Tokens), []), \
         {{module, Module}} = code:load_binary(Module, \"{module}\", Beam), \
         Module:main().",
        bytes.collect::<Vec<_>>().join(",")
    );
    let mut command = Command::new(program);
    command
        .args(words)
        // An idle BEAM must not spin while another peer is measured.
        .args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"])
        // -noinput leaves file descriptor 0 to the module.
        .args(["-noshell", "-noinput", "-eval", &code])
        .env("HOME", "/tmp")
        .env("ERL_CRASH_DUMP_SECONDS", "0")
        .env_remove("ERL_FLAGS")
        .env_remove("ERL_AFLAGS")
        .env_remove("ERL_ZFLAGS");
    Ok(command)
}

/// The release of a line `RELEASE COMMAND`.
pub fn release_of(line: &str) -> Result<u32, String> {
    let word = line.split_whitespace().next();
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| not_a_line(line))
}

fn not_a_line(line: &str) -> String {
    format!("not `RELEASE COMMAND`: {line}")
}

/// A running `erl`.
#[derive(Debug)]
pub struct Beam {
    pub release: u32,
    process: Shared,
}

impl Beam {
    /// Starts a line of `scripts/otp --list`: `RELEASE COMMAND`.
    pub fn start(line: &str) -> Result<Self, String> {
        let mut command = command(line, "bench_codec", MODULE)?;
        let release = release_of(line)?;
        let process = Process::start(&format!("OTP {release}"), &mut command)?;
        Ok(Self {
            release,
            process: Rc::new(RefCell::new(process)),
        })
    }

    /// The rows that it makes: name, tally, bytes.
    pub fn corpus(&self) -> Result<Vec<(String, Tally, Vec<u8>)>, String> {
        let mut process = self.process.borrow_mut();
        process.send(&[b"corpus"])?;
        let mut rows = Vec::new();
        loop {
            let head = process.text()?;
            if head == "end" {
                return Ok(rows);
            }
            let (name, tally) = head
                .strip_prefix("row ")
                .and_then(|rest| rest.split_once(' '))
                .ok_or_else(|| format!("not a row: {head}"))?;
            rows.push((name.to_owned(), tally.parse()?, process.receive()?));
        }
    }

    /// What it does to a row, with the default heap and with a large one.
    pub fn cases(&self, row: &Row) -> Vec<Case> {
        let mut cases = Vec::new();
        for what in ["decode", "encode"] {
            for (heap, words) in [("", 0), ("-large", LARGE_HEAP)] {
                let peer = format!("otp{}{heap}", self.release);
                cases.push(case(&self.process, row, what, peer, words));
            }
        }
        cases
    }
}
