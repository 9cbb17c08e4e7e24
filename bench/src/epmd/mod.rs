//! The epmd of `erland-epmd` beside OTP's, under the same load: see `bench/run epmd`.

mod daemon;
pub mod embedded;
mod held;
mod holder;
mod load;
mod parallel;
pub mod results;
mod wire;

use std::env;
use std::time::Duration;

use daemon::{Daemon, Peer};
use holder::{Holder, SHARE};
use load::Sample;
use results::Results;
use wire::Name;

/// How long, how often, how much.
#[derive(Clone, Copy, Debug)]
struct Plan {
    sample: Duration,
    rounds: usize,
    /// Rounds of `held`, each with a new daemon.
    fillings: usize,
    /// Names that `held` asks for.
    wanted: usize,
}

const FULL: Plan = Plan {
    sample: Duration::from_millis(400),
    rounds: 15,
    fillings: 5,
    wanted: 20_000,
};
const QUICK: Plan = Plan {
    sample: Duration::from_millis(200),
    rounds: 7,
    fillings: 3,
    wanted: 20_000,
};
const CHECK: Plan = Plan {
    sample: Duration::from_millis(20),
    rounds: 1,
    fillings: 1,
    wanted: 1_200,
};

/// Lookups at once in the scenarios `lookup-par`.
const AT_ONCE: usize = 64;

/// What is done to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Lookups,
    Parallel,
    /// The same name over and over, as a node that is started again.
    Cycles,
    /// Another name each time, as tools and remote shells have.
    Strangers,
}

/// The names that are held meanwhile, and the scenarios that are measured then.
const GROUPS: [(usize, &[(&str, Load)]); 3] = [
    (
        1,
        &[
            ("lookup/1", Load::Lookups),
            ("lookup-par/1", Load::Parallel),
            ("cycle", Load::Cycles),
            ("cycle/names", Load::Strangers),
        ],
    ),
    (
        1_000,
        &[
            ("lookup/1000", Load::Lookups),
            ("lookup-par/1000", Load::Parallel),
            ("cycle/1000", Load::Cycles),
        ],
    ),
    (
        10_000,
        &[
            ("lookup/10000", Load::Lookups),
            ("lookup-par/10000", Load::Parallel),
        ],
    ),
];

/// The figures that a run has to give for OTP's daemon and ours.
const FIGURES: [(&str, &str); 6] = [
    ("lookup/1", "per_s"),
    ("lookup/1000", "per_s"),
    ("lookup-par/1000", "per_s"),
    ("cycle", "per_s"),
    ("held", "names"),
    ("held", "bytes_per_name"),
];

/// What the arguments of the program ask for, unless it is the codec's benchmark.
pub fn main(arguments: &[String]) -> Option<Result<(), String>> {
    let (first, rest) = arguments.split_first()?;
    match first.as_str() {
        "epmd" => Some(Options::parse(rest).and_then(|options| run(&options))),
        holder::ARGUMENT => Some(holder::main(rest)),
        embedded::ARGUMENT => Some(embedded::main(rest)),
        _ => None,
    }
}

/// What `bench/run` hands over, and what narrows a run.
struct Options {
    plan: Plan,
    check: bool,
    peers: Vec<Peer>,
    only: Vec<String>,
    about: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            plan: FULL,
            check: false,
            peers: Vec::new(),
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
                "--peer" => options.peers.push(Peer::parse(value()?)?),
                "--scenarios" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--about" => options.about.push(value()?.clone()),
                _ => return Err(format!("what is {argument}?")),
            }
        }
        let this = env::current_exe().map_err(|error| error.to_string())?;
        options.peers.push(Peer {
            name: "erland-embedded".to_owned(),
            command: vec![this.display().to_string(), embedded::ARGUMENT.to_owned()],
        });
        Ok(options)
    }

    fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == scenario)
    }
}

fn run(options: &Options) -> Result<(), String> {
    for line in &options.about {
        println!("- {line}");
    }
    println!(
        "- {AT_ONCE} lookups at once come from threads: {}",
        threads()
    );
    let mut results = Results::default();
    for (held, scenarios) in GROUPS {
        let scenarios: Vec<_> = scenarios
            .iter()
            .copied()
            .filter(|(scenario, _)| options.wants(scenario))
            .collect();
        let too_many = options.check && held > CHECK.wanted;
        if !too_many && !scenarios.is_empty() {
            group(options, held, &scenarios, &mut results)?;
        }
    }
    if options.wants("held") {
        for round in 0..options.plan.fillings {
            eprintln!("bench: held, round {}", round + 1);
            for step in 0..options.peers.len() {
                let peer = &options.peers[(round + step) % options.peers.len()];
                held::run(peer, options.plan.wanted, &mut results)
                    .map_err(|reason| format!("held, {}: {reason}", peer.name))?;
            }
        }
    }
    results.tables(&options.peers);
    println!();
    results.figures();
    if options.check {
        check(options, &results)
    } else {
        Ok(())
    }
}

/// A daemon with names in it.
struct Loaded {
    daemon: Daemon,
    _holders: Vec<Holder>,
}

/// Starts each peer and has it hold names; one that cannot is left out with its reason.
fn load(peers: &[Peer], held: usize, results: &mut Results) -> Result<Vec<Loaded>, String> {
    let mut loaded = Vec::new();
    for peer in peers {
        let daemon = Daemon::start(peer)?;
        let mut holders: Vec<Holder> = Vec::new();
        let mut got = 0;
        while got < held {
            let holder = Holder::start(daemon.port, got, (held - got).min(SHARE))?;
            got += holder.held;
            let full = holder.refused.is_some();
            holders.push(holder);
            if full {
                break;
            }
        }
        if got == held {
            loaded.push(Loaded {
                daemon,
                _holders: holders,
            });
        } else {
            results.note(&format!("{} does not hold {held} names", peer.name));
        }
    }
    Ok(loaded)
}

/// Measures some scenarios on all peers: in rounds, so that a slow moment of the machine meets all.
fn group(
    options: &Options,
    held: usize,
    scenarios: &[(&str, Load)],
    results: &mut Results,
) -> Result<(), String> {
    let running = load(&options.peers, held, results)?;
    let names = Name::range(0, held);
    // Those of the cycles are not held by others.
    let same = Name::range(500_000, 1);
    let strangers = Name::range(600_000, 50_000);
    let mut failures: Vec<(&str, &str, Sample)> = Vec::new();
    // The first round only warms.
    for round in 0..=options.plan.rounds {
        eprintln!("bench: {held} names, round {round}");
        for &(scenario, load) in scenarios {
            for step in 0..running.len() {
                // Each round begins with another peer, so that none always follows the same one.
                let daemon = &running[(round + step) % running.len()].daemon;
                let length = options.plan.sample;
                let before = daemon.cpu()?;
                let sample = match load {
                    Load::Lookups => load::lookups(daemon.port, &names, length),
                    Load::Parallel => {
                        parallel::lookups(daemon.port, &names, length, AT_ONCE, threads())?
                    }
                    Load::Cycles => load::cycles(daemon.port, &same, length),
                    Load::Strangers => load::cycles(daemon.port, &strangers, length),
                };
                let cpu = daemon.cpu()?.saturating_sub(before);
                if round > 0 || options.check {
                    put(results, scenario, &daemon.peer, &sample, cpu);
                }
                if sample.failed > 0 {
                    failures.push((scenario, &daemon.peer, sample));
                }
            }
        }
    }
    for &(scenario, _) in scenarios {
        for peer in &options.peers {
            let here = failures
                .iter()
                .filter(|(s, p, _)| *s == scenario && *p == peer.name);
            let failed: usize = here.clone().map(|(_, _, sample)| sample.failed).sum();
            if let Some((_, _, sample)) = here.clone().next() {
                let reason = sample.reason.as_deref().unwrap_or_default();
                let text = format!("{scenario}, {}: {failed} failed: {reason}", peer.name);
                if options.check && peer.name.starts_with("erland") {
                    return Err(text);
                }
                results.note(&text);
            }
        }
    }
    Ok(())
}

/// Threads of the load when lookups go at once: all cores but one, which is the daemon's.
fn threads() -> usize {
    std::thread::available_parallelism()
        .map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, AT_ONCE))
}

#[expect(clippy::cast_precision_loss, reason = "operations are far below 2^53")]
fn put(results: &mut Results, scenario: &str, peer: &str, sample: &Sample, cpu: Duration) {
    let per_second = sample.done as f64 / sample.elapsed.as_secs_f64();
    results.put(scenario, peer, "per_s", "/s", per_second);
    let all = (sample.done + sample.failed).max(1) as f64;
    let each = cpu.as_secs_f64() * 1e6 / all;
    results.put(scenario, peer, "cpu_us", "µs", each);
}

/// Whether every figure was measured that a run has to give.
fn check(options: &Options, results: &Results) -> Result<(), String> {
    for peer in &options.peers {
        for (scenario, metric) in FIGURES {
            let figure = results.median(scenario, &peer.name, metric);
            if !figure.is_some_and(|median| median > 0.0) {
                return Err(format!("no {metric} of {scenario} for {}", peer.name));
            }
        }
    }
    Ok(())
}
