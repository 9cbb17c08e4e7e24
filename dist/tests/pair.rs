//! Simulated conversations: `ERLAND_SIM_COUNT` of them (1,000 by default), from
//! `ERLAND_SIM_SEED` on (0 by default). A failure prints its seed.

mod common;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::time::Duration;

use common::*;
use erland_dist::testing::{Fault, Happening, Pair, Settings, Side, simulate};
use erland_dist::{ConnectionLimits, Control, Event};

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

#[test]
fn links_keep_their_promises_whatever_the_transport_does() {
    let first = number("ERLAND_SIM_SEED", 0);
    let count = number("ERLAND_SIM_COUNT", 1000);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in first..first + count {
        let report = catch_unwind(|| simulate(seed)).unwrap_or_else(|_| {
            panic!("panicked; run again with ERLAND_SIM_SEED={seed} ERLAND_SIM_COUNT=1")
        });
        assert_eq!(
            report.violation, None,
            "run again with ERLAND_SIM_SEED={seed} ERLAND_SIM_COUNT=1: {report:#?}"
        );
        *seen.entry("messages").or_default() += report.delivered;
        *seen.entry("ticks").or_default() += report.ticks;
        *seen.entry("errors").or_default() += usize::from(report.error.is_some());
        *seen.entry("faults").or_default() += usize::from(report.fault.is_some());
    }
    if count >= 1000 {
        // The simulation simulates something.
        assert!(seen["messages"] > 10_000, "{seen:?}");
        assert!(seen["ticks"] > 1000, "{seen:?}");
        assert!(seen["errors"] > 100, "{seen:?}");
        assert!(seen["faults"] > 500, "{seen:?}");
    }
}

#[test]
fn a_seed_runs_the_same_way_again() {
    for seed in [1, 77, 123_456_789] {
        assert_eq!(simulate(seed), simulate(seed));
    }
}

fn settings() -> Settings {
    Settings {
        seed: 1,
        flags: all_flags(),
        nodes: (beam(), here()),
        limits: ConnectionLimits::default(),
        outbound: uncached(),
        ticktime: Duration::from_secs(4),
        piece: 1000,
        delay: Duration::from_millis(1),
        window: 256 * 1024,
        fault_a: None,
        fault_b: None,
    }
}

/// What happened at a side by `until`.
fn run(pair: &mut Pair, side: Side, until: Duration) -> Vec<Happening> {
    pair.run_until(until);
    let all = std::iter::from_fn(|| pair.happened());
    all.filter(|(at, _)| *at == side)
        .map(|(_, what)| what)
        .collect()
}

#[test]
fn idle_link_lives_on_ticks() {
    let mut pair = Pair::new(settings());
    let happened = run(&mut pair, Side::A, Duration::from_secs(3600));
    assert!(pair.is_open(Side::A) && pair.is_open(Side::B));
    assert!((3590..=3600).contains(&happened.len()));
    let tick = |what: &Happening| matches!(what, Happening::Event(Event::Tick));
    assert!(happened.iter().all(tick));
}

#[test]
fn stalled_direction_is_found_within_the_window() {
    let mut pair = Pair::new(Settings {
        fault_b: Some(Fault::Stall { at: 0, time: None }),
        ..settings()
    });
    // Ticks reach side B all the time, none reaches side A.
    assert!(run(&mut pair, Side::A, Duration::from_millis(2990)).is_empty());
    let happened = run(&mut pair, Side::A, Duration::from_secs(5));
    assert!(matches!(happened[..], [Happening::Down]));
    assert!(!pair.is_open(Side::A));
}

#[test]
fn cut_loses_what_was_behind_it_and_nothing_else() {
    let link = Control::Link {
        from: p1(),
        to: q(),
    };
    let one = sent(all_flags(), &link, None).len() as u64;
    let mut pair = Pair::new(Settings {
        fault_a: Some(Fault::Cut { at: 3 * one - 1 }),
        ..settings()
    });
    for _ in 0..5 {
        pair.send(Side::A, None, &link, None).unwrap();
    }
    let happened = run(&mut pair, Side::B, Duration::from_secs(1));
    assert_eq!(happened.len(), 3);
    assert!(matches!(happened[2], Happening::Closed));
}

#[test]
fn corrupt_byte_is_an_error_of_the_receiver_only() {
    let link = Control::Link {
        from: p1(),
        to: q(),
    };
    let mut pair = Pair::new(Settings {
        fault_a: Some(Fault::Corrupt { at: 4, mask: 1 }),
        ..settings()
    });
    pair.send(Side::A, None, &link, None).unwrap();
    let happened = run(&mut pair, Side::B, Duration::from_secs(1));
    assert!(matches!(happened[..], [Happening::Failed(_)]));
    assert!(!pair.is_open(Side::B));
}
