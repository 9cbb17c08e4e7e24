//! Runs a workload of the interop tests again and again, on each OTP release found and between
//! two erland nodes, and prints what it counted.
//!
//! `soak messages ROUNDS`: per round ten pairs of processes exchange 100,000 numbered messages
//! each way. A message that is missing, twice or out of order ends it with status 101.

use std::env;
use std::process::ExitCode;

use erland::{Epmd, Node};
use erland_interop_tests::{
    Counted, World, free_port, installed, numbered_messages, numbered_messages_between, start,
};

const PAIRS: usize = 10;
const COUNT: u64 = 100_000;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let rounds = match arguments
        .get(1)
        .map_or(Ok(10), |rounds| rounds.parse::<u32>())
    {
        Ok(rounds) => rounds,
        Err(error) => return usage(&error.to_string()),
    };
    match arguments.first().map(String::as_str) {
        Some("messages") => {}
        Some(name) => return usage(&format!("no workload named {name}")),
        None => return usage("no workload named"),
    }
    let mut total = Counted::default();
    for release in installed() {
        let mut of_release = Counted::default();
        for _ in 0..rounds {
            // A new world each time: connections and nodes come and go as well.
            let world = World::start(release).await;
            let node = world.node("rust").await;
            let erl = world.erl("erl").await;
            add(
                &mut of_release,
                numbered_messages(&node, &erl, PAIRS, COUNT).await,
            );
            node.shutdown().await;
            erl.stop().await;
        }
        show(
            &format!("OTP {} ({})", release.number, release.erts),
            &of_release,
        );
        add(&mut total, of_release);
    }
    let mut between = Counted::default();
    for _ in 0..rounds {
        let port = free_port();
        let builder = |name: &str| Node::builder(name).cookie("secret").epmd_port(port);
        let one = start(builder("one@127.0.0.1").epmd(Epmd::Embedded)).await;
        let two = start(builder("two@127.0.0.1")).await;
        add(
            &mut between,
            numbered_messages_between(&one, &two, PAIRS, COUNT).await,
        );
        two.shutdown().await;
        one.shutdown().await;
    }
    show("erland", &between);
    add(&mut total, between);
    show("all", &total);
    println!("0 findings");
    ExitCode::SUCCESS
}

fn usage(what: &str) -> ExitCode {
    eprintln!("soak: {what}\nusage: soak messages [ROUNDS]");
    ExitCode::from(2)
}

fn add(total: &mut Counted, more: Counted) {
    total.there += more.there;
    total.back += more.back;
    total.time += more.time;
}

fn show(name: &str, counted: &Counted) {
    println!(
        "{name:24} {:>10} messages there, {:>10} back, all in order; {:.1} s, {:.0} a second",
        counted.there,
        counted.back,
        counted.time.as_secs_f64(),
        (counted.there + counted.back) as f64 / counted.time.as_secs_f64()
    );
}
