//! The term codec, the epmd and the distribution beside their peers: see `bench/run` and docs/performance.md.

mod child;
mod corpus;
mod dist;
mod epmd;
mod floor;
mod peers;
mod report;
mod rounds;
mod tally;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;

use child::Shared;
use corpus::{ROWS, Row};
use peers::otp::Beam;
use peers::{Case, ei};
use rounds::{Outcome, Plan};

/// The scenarios, in groups that are compared with each other, so that their rounds are common.
const GROUPS: [[&str; 2]; 3] = [
    ["walk", "skip"],
    ["decode", "serde-decode"],
    ["encode", "serde-encode"],
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = epmd::main(&arguments)
        .or_else(|| dist::main(&arguments))
        .unwrap_or_else(|| Options::parse().and_then(|options| run(&options)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("bench: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// What `bench/run` hands over, and what narrows a run.
struct Options {
    corpus: PathBuf,
    /// The program of `peers/ei.c`.
    ei: Option<PathBuf>,
    /// Lines of `scripts/otp --list`.
    otp: Vec<String>,
    quick: bool,
    least: bool,
    check: bool,
    corpus_only: bool,
    only: Vec<String>,
    peers: Vec<String>,
    scenarios: Vec<String>,
    about: Vec<String>,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self {
            corpus: PathBuf::from("corpus"),
            ei: None,
            otp: Vec::new(),
            quick: false,
            least: false,
            check: false,
            corpus_only: false,
            only: Vec::new(),
            peers: Vec::new(),
            scenarios: Vec::new(),
            about: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            let list = |text: String| text.split(',').map(str::to_owned).collect();
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--least" => options.least = true,
                "--check" => options.check = true,
                // The BEAM makes the corpus and is no peer.
                "--corpus-only" => options.corpus_only = true,
                "--corpus" => options.corpus = value()?.into(),
                "--ei" => options.ei = Some(value()?.into()),
                "--otp" => options.otp.push(value()?),
                "--about" => options.about.push(value()?),
                "--only" => options.only = list(value()?),
                "--peers" => options.peers = list(value()?),
                "--scenarios" => options.scenarios = list(value()?),
                _ => return Err(format!("what is {argument}?")),
            }
        }
        let unknown = |given: &[String], known: &[&str]| {
            given
                .iter()
                .find(|name| !known.contains(&name.as_str()))
                .cloned()
        };
        if let Some(row) = unknown(&options.only, &ROWS) {
            return Err(format!("no row {row}; there are {}", ROWS.join(" ")));
        }
        if let Some(name) = unknown(&options.scenarios, GROUPS.as_flattened()) {
            return Err(format!(
                "no scenario {name}; there are {}",
                GROUPS.as_flattened().join(" ")
            ));
        }
        Ok(options)
    }

    fn wants(&self, case: &Case) -> bool {
        let named = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|wanted| name == wanted)
        };
        named(&self.only, case.row)
            && named(&self.scenarios, case.what)
            && (named(&self.peers, &case.peer) || case.peer == "erland")
    }
}

fn run(options: &Options) -> Result<(), String> {
    let mut beams = Vec::new();
    for line in &options.otp {
        beams.push(Beam::start(line)?);
    }
    let ei = options.ei.as_deref().map(ei::start).transpose()?;
    // The newest release makes the corpus.
    let newest = beams
        .iter()
        .max_by_key(|beam| beam.release)
        .ok_or("no OTP is given")?;
    let rows = corpus::make(newest, &options.corpus)?;
    let peers: &[_] = if options.corpus_only { &[] } else { &beams };
    let cases = rows.iter().flat_map(|row| all(peers, ei.as_ref(), row));
    let cases = cases.filter(|case| options.wants(case));
    let mut cases: Vec<Case> = cases.collect();
    if options.check {
        return check(cases);
    }

    for line in &options.about {
        println!("- {line}");
    }
    println!("- corpus made by OTP {}, bytes:", newest.release);
    for row in &rows {
        println!("  - {}: {} bytes; {}", row.name, row.bytes.len(), row.tally);
    }
    let plan = if options.quick {
        Plan::QUICK
    } else {
        Plan::FULL
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for group in GROUPS {
        for row in ROWS {
            eprintln!("bench: {} {row}", group.join(" and "));
            let here = |case: &mut Case| group.contains(&case.what) && case.row == row;
            let done = rounds::measure(cases.extract_if(.., here).collect(), plan);
            for what in group {
                report::scenario(&done, what, row);
            }
            outcomes.extend(done);
        }
    }
    targets::print(&outcomes);
    println!();
    report::figures(&outcomes);
    Ok(())
}

fn all(beams: &[Beam], ei: Option<&Shared>, row: &Row) -> Vec<Case> {
    let mut cases = peers::all(row);
    cases.extend(beams.iter().flat_map(|beam| beam.cases(row)));
    cases.extend(ei.into_iter().flat_map(|ei| ei::cases(ei, row)));
    cases
}

/// Runs each case once and looks at its result. Ours, the floor and the BEAM must not fail.
fn check(cases: Vec<Case>) -> Result<(), String> {
    let mut wrong = 0_usize;
    let mut right = 0_usize;
    for (case, verdict) in rounds::verify(cases) {
        match verdict {
            Ok(()) => right += 1,
            Err(reason) => {
                println!("{}/{} {}: {reason}", case.what, case.row, case.peer);
                let must = ["erland", "floor", "otp", "ei"];
                wrong += usize::from(must.iter().any(|name| case.peer.starts_with(name)));
            }
        }
    }
    println!("{right} cases give the right result");
    if wrong == 0 {
        Ok(())
    } else {
        Err(format!("{wrong} cases that must not fail do"))
    }
}
