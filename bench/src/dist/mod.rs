//! A ping beside large messages on one connection, ours and OTP's: see `bench/run dist`.

mod load;
mod node;
mod pair;
mod raw;
mod results;

use std::time::Duration;

use load::Answer;
use pair::{Ends, Pair};
use results::Results;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
struct Plan {
    idle: Duration,
    busy: Duration,
    rounds: usize,
    /// Bytes of one message of the stream.
    bytes: usize,
}

const MESSAGE: usize = 64 * 1024 * 1024;

const FULL: Plan = Plan {
    idle: Duration::from_millis(1_000),
    busy: Duration::from_millis(2_000),
    rounds: 15,
    bytes: MESSAGE,
};
const QUICK: Plan = Plan {
    idle: Duration::from_millis(400),
    busy: Duration::from_millis(1_000),
    rounds: 7,
    bytes: MESSAGE,
};
const CHECK: Plan = Plan {
    idle: Duration::from_millis(50),
    busy: Duration::from_millis(100),
    rounds: 1,
    bytes: 4 * 1024 * 1024,
};

/// What the arguments of the program ask for, if it is this benchmark.
pub fn main(arguments: &[String]) -> Option<Result<(), String>> {
    let (first, rest) = arguments.split_first()?;
    match first.as_str() {
        "dist" => Some(Options::parse(rest).and_then(|options| run(&options))),
        node::ARGUMENT => Some(node::main(rest)),
        raw::ARGUMENT => Some(raw::main(rest)),
        raw::ECHO => Some(raw::echo()),
        _ => None,
    }
}

struct Options {
    plan: Plan,
    check: bool,
    /// Lines of `scripts/otp --list`.
    otp: Vec<String>,
    /// Pairs, all if none is named.
    only: Vec<String>,
    about: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            plan: FULL,
            check: false,
            otp: Vec::new(),
            only: Vec::new(),
            about: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let next = arguments.next();
                next.ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--quick" => options.plan = QUICK,
                "--check" => (options.plan, options.check) = (CHECK, true),
                "--otp" => options.otp.push(value()?.clone()),
                "--peers" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--about" => options.about.push(value()?.clone()),
                _ => return Err(format!("what is {argument}?")),
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Result<(), String> {
    let Plan {
        idle,
        busy,
        rounds,
        bytes,
    } = options.plan;
    let mut ends = Ends::start(&options.otp)?;
    let mut pairs = ends.pairs();
    pairs.retain(|pair| options.only.is_empty() || options.only.contains(&pair.name));
    for line in &options.about {
        println!("- {line}");
    }
    println!("- messages of the stream: {bytes} bytes; rounds: {rounds}");
    let mut results = Results::default();
    for pair in &pairs {
        // The first ping sets the connection up.
        ends.ask(pair, "ping", CHECK.idle, bytes)?;
    }
    for round in 0..rounds {
        eprintln!("bench: dist, round {} of {rounds}", round + 1);
        for step in 0..pairs.len() {
            let pair = &pairs[(round + step) % pairs.len()];
            let mut ask = |what, time| ends.ask(pair, what, time, bytes);
            let alone = ask("ping", idle)?;
            let both = ask("both", busy)?;
            let stream = ask("stream", busy)?;
            put(&mut results, pair, "ping/idle", &alone);
            put(&mut results, pair, "ping/bulk", &both);
            put_speed(&mut results, pair, "stream/pings", &both);
            put_speed(&mut results, pair, "stream/alone", &stream);
        }
    }
    results.tables();
    results.targets();
    println!();
    results.figures();
    if options.check && !results.is_complete(pairs.len()) {
        return Err("a figure is missing or 0".to_owned());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures")]
fn put(results: &mut Results, pair: &Pair, scenario: &'static str, answer: &Answer) {
    for (metric, nanos) in [("p50_us", answer.p50), ("p99_us", answer.p99)] {
        results.put(scenario, &pair.name, metric, "us", nanos as f64 / 1e3);
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures")]
fn put_speed(results: &mut Results, pair: &Pair, scenario: &'static str, answer: &Answer) {
    let speed = answer.bytes as f64 * 1e3 / answer.nanos.max(1) as f64;
    results.put(scenario, &pair.name, "mb_per_s", "MB/s", speed);
}
