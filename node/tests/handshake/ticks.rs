//! Is a peer that says nothing found dead in OTP's time, and one that says the least it may left
//! alone? On virtual time, over loopback.

use std::time::Duration;

use erland::dist::LengthPrefix;
use erland::{Node, NodeDownReason, NodeEvent, NodeEvents, Term};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

use crate::common::builder;
use crate::raw::{Raw, event};

const TICKTIME: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(15);
/// What the runtime's timer may be late.
const SLACK: Duration = Duration::from_millis(50);

async fn node() -> (Node, NodeEvents) {
    let node = builder().start().await.unwrap();
    let events = node.events();
    (node, events)
}

/// Waits for this peer to be found dead.
async fn found_dead(events: &mut NodeEvents, name: &str) {
    let found = async {
        loop {
            match events.recv().await.unwrap() {
                NodeEvent::NodeDown { node, reason } if node.as_str() == name => return reason,
                NodeEvent::NodeDown { node, reason } => panic!("{node}: {reason}"),
                _ => {}
            }
        }
    };
    let reason = timeout(Duration::from_secs(3600), found)
        .await
        .expect("it lives on");
    assert!(matches!(reason, NodeDownReason::NetTickTimeout), "{reason}");
}

/// The socket is open, and nobody is behind it: nothing is read there, nothing written.
#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_found_dead_in_the_window() {
    crate::raw::slow_metronome();
    let (node, mut events) = node().await;
    let mut spread = Vec::new();
    for number in 0..30 {
        let name = format!("p{number}@127.0.0.1");
        let mut raw = Raw::connect(&node, &name).await;
        // The last sign of life: some of them say something for a while.
        for _ in 0..number % 5 {
            sleep(Duration::from_millis(7_300)).await;
            raw.stream.write_all(&[0; 4]).await.unwrap();
        }
        let last = Instant::now();
        found_dead(&mut events, &name).await;
        let taken = last.elapsed();
        assert!(
            taken >= TICKTIME && taken <= TICKTIME + INTERVAL + SLACK,
            "{taken:?}"
        );
        spread.push(taken);
    }
    // Each link has its own phase.
    spread.sort_unstable();
    let width = spread[29] - spread[0];
    assert!(width > INTERVAL / 2, "{spread:?}");
    node.shutdown().await;
}

/// The way to the peer is open, the way back is not: it gets our ticks and our messages.
#[tokio::test(start_paused = true)]
async fn a_peer_that_listens_and_says_nothing_is_found_dead_in_the_window() {
    crate::raw::slow_metronome();
    let (node, mut events) = node().await;
    let mut raw = Raw::connect(&node, "mute@127.0.0.1").await;
    let start = Instant::now();
    let listen = async {
        let mut ticks = 0;
        while let Some(frame) = raw.frame_at_last(LengthPrefix::Four).await {
            ticks += u32::from(frame.is_empty());
        }
        ticks
    };
    let talk = async {
        loop {
            sleep(Duration::from_secs(20)).await;
            let to = (
                erland::atom!("x"),
                erland::Atom::new("mute@127.0.0.1").unwrap(),
            );
            node.send(to, 1_i64).await.unwrap();
            if node.nodes().is_empty() {
                return;
            }
        }
    };
    let down = async {
        found_dead(&mut events, "mute@127.0.0.1").await;
        start.elapsed()
    };
    let (ticks, taken) = tokio::select! {
        pair = async { tokio::join!(listen, down) } => pair,
        () = talk => panic!("it is told first"),
    };
    assert!(
        taken >= TICKTIME && taken <= TICKTIME + INTERVAL + SLACK,
        "{taken:?}"
    );
    // To a hidden peer that says nothing, a tick goes out beside what is written.
    assert_eq!(ticks, 3);
    node.shutdown().await;
}

/// The way back is open, the way to the peer is not: it ticks and reads nothing, and we have more
/// to say than fits into the sockets. It is alive to our mind; that it is not heard is its own
/// ticker's to find.
#[tokio::test(start_paused = true)]
async fn a_peer_that_ticks_and_does_not_read_lives() {
    crate::raw::slow_metronome();
    let (node, mut events) = node().await;
    let mut raw = Raw::connect(&node, "deaf@127.0.0.1").await;
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));
    let to = (
        erland::atom!("x"),
        erland::Atom::new("deaf@127.0.0.1").unwrap(),
    );
    node.spawn(move |ctx| async move {
        loop {
            // It waits when the link is full.
            let _sent = ctx
                .send(to.clone(), Term::binary(vec![1; 256 * 1024]))
                .await;
        }
    });
    for _ in 0..40 {
        sleep(INTERVAL).await;
        raw.stream.write_all(&[0; 4]).await.unwrap();
    }
    assert_eq!(node.nodes(), ["deaf@127.0.0.1"]);
    // And found dead when it stops, full as the link is.
    let start = Instant::now();
    found_dead(&mut events, "deaf@127.0.0.1").await;
    let taken = start.elapsed();
    assert!(
        taken >= TICKTIME && taken <= TICKTIME + INTERVAL + SLACK,
        "{taken:?}"
    );
    node.shutdown().await;
}

/// Any byte is a sign of life: a frame that comes in small pieces, each within an interval.
#[tokio::test(start_paused = true)]
async fn a_frame_that_takes_a_quarter_of_an_hour_is_no_silence() {
    crate::raw::slow_metronome();
    let (node, mut events) = node().await;
    let mut raw = Raw::connect(&node, "slow@127.0.0.1").await;
    raw.stream.write_all(&[0, 0, 4, 0]).await.unwrap();
    for _ in 0..60 {
        sleep(INTERVAL).await;
        raw.stream.write_all(b"x").await.unwrap();
    }
    assert_eq!(node.nodes(), ["slow@127.0.0.1"]);
    let start = Instant::now();
    found_dead(&mut events, "slow@127.0.0.1").await;
    assert!(start.elapsed() >= TICKTIME - INTERVAL);
    node.shutdown().await;
}

/// Nothing but ticks, for half an hour.
#[tokio::test(start_paused = true)]
async fn two_idle_nodes_stay_connected() {
    crate::raw::slow_metronome();
    let (first, second) = crate::common::two().await;
    second.ping(first.name().as_str()).await.unwrap();
    let mut events = first.events();
    let long = Duration::from_secs(30 * 60);
    assert!(
        timeout(long, events.recv()).await.is_err(),
        "something happened"
    );
    second.ping(first.name().as_str()).await.unwrap();
    assert!(
        timeout(Duration::ZERO, events.recv()).await.is_err(),
        "it was the same link"
    );
    first.shutdown().await;
    second.shutdown().await;
}

/// A peer that only listens gets a tick once per interval, the first one not at the same time as
/// every other peer.
#[tokio::test(start_paused = true)]
async fn links_tick_in_their_own_time() {
    crate::raw::slow_metronome();
    let (node, _events) = node().await;
    let start = Instant::now();
    let mut peers = tokio::task::JoinSet::new();
    for number in 0..20 {
        let mut raw = Raw::connect(&node, &format!("p{number}@127.0.0.1")).await;
        peers.spawn(async move {
            let tick = raw.frame_at_last(LengthPrefix::Four).await;
            assert_eq!(tick.as_deref(), Some(&b""[..]));
            start.elapsed()
        });
    }
    let mut phases = peers.join_all().await;
    // The second check is the first that may find nothing written.
    assert!(
        phases
            .iter()
            .all(|phase| *phase >= INTERVAL && *phase <= 2 * INTERVAL + SLACK)
    );
    phases.sort_unstable();
    phases.dedup();
    assert!(phases.len() > 10, "{phases:?}");
    node.shutdown().await;
}
