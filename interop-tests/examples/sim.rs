//! Runs simulated conversations of the protocol core: does a link keep its promises whatever the
//! transport does?
//!
//! `sim COUNT` runs the seeds 0 to COUNT − 1, `sim SEED` with a seed in hexadecimal (`0x2a`, as a
//! finding prints it) runs that one and shows it. A finding ends it with status 1.

use std::env;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

use erland_dist::testing::{Report, simulate};

fn main() -> ExitCode {
    let argument = env::args().nth(1).unwrap_or_else(|| "1000".to_owned());
    if let Some(digits) = argument.strip_prefix("0x") {
        return match u64::from_str_radix(digits, 16) {
            Ok(seed) => one(seed),
            Err(error) => usage(&argument, &error),
        };
    }
    match argument.parse() {
        Ok(count) => many(count),
        Err(error) => usage(&argument, &error),
    }
}

fn usage(argument: &str, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("sim: {argument}: {error}\nusage: sim COUNT | sim 0xSEED");
    ExitCode::from(2)
}

fn one(seed: u64) -> ExitCode {
    match run(seed) {
        Ok(report) => {
            println!("{report:#?}");
            ExitCode::from(u8::from(report.violation.is_some()))
        }
        Err(()) => ExitCode::FAILURE,
    }
}

#[derive(Default)]
struct Count {
    seeds: u64,
    faults: u64,
    sent: usize,
    delivered: usize,
    ticks: usize,
    errors: u64,
    findings: u64,
}

fn many(seeds: u64) -> ExitCode {
    let begin = Instant::now();
    let mut count = Count::default();
    for seed in 0..seeds {
        count.seeds += 1;
        match run(seed) {
            Ok(report) => {
                count.faults += u64::from(report.fault.is_some());
                count.sent += report.sent;
                count.delivered += report.delivered;
                count.ticks += report.ticks;
                count.errors += u64::from(report.error.is_some());
                if let Some(violation) = report.violation {
                    println!("seed {seed:#x}: {violation:?}");
                    count.findings += 1;
                }
            }
            Err(()) => count.findings += 1,
        }
    }
    println!(
        "{} seeds, {} with a fault; {} messages sent, {} delivered, {} ticks; \
         {} faults answered by a typed error; {:.1} s",
        count.seeds,
        count.faults,
        count.sent,
        count.delivered,
        count.ticks,
        count.errors,
        begin.elapsed().as_secs_f64()
    );
    println!("{} findings", count.findings);
    ExitCode::from(u8::from(count.findings > 0))
}

/// A panic is a finding like any other, and the seeds after it are run.
fn run(seed: u64) -> Result<Report, ()> {
    catch_unwind(|| simulate(seed)).map_err(|_| println!("seed {seed:#x}: panic"))
}
