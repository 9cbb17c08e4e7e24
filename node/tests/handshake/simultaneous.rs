//! Two whole nodes dial each other at the same time, 1,000 times, each time with other delays on
//! the way: one link survives, and what was sent arrives once and in order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use erland::dist::testing::Rng;
use erland::{Epmd, Node, NodeEvent, NodeEvents, Term};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::common::Probe;
use crate::raw::{event, listener};

const RUNS: u64 = 1_000;
const MESSAGES: i64 = 3;
/// Far above all delays on the way together.
const SETUP: Duration = Duration::from_millis(200);

type Delays = Arc<Mutex<Rng>>;

/// So many tenths of a millisecond of virtual time.
async fn delay(delays: &Delays, most: u64) {
    let tenths = delays.lock().unwrap().between(0, most);
    sleep(Duration::from_micros(100 * tenths)).await;
}

/// The way to `target`: everything takes its time, whole connections and each piece.
async fn slow_way(listener: TcpListener, target: SocketAddr, delays: Delays) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let delays = Arc::clone(&delays);
        tokio::spawn(async move {
            delay(&delays, 10).await;
            // The node has been shut down.
            let Ok(onward) = TcpStream::connect(target).await else {
                return;
            };
            let (near_read, near_write) = stream.into_split();
            let (far_read, far_write) = onward.into_split();
            tokio::join!(
                pump(near_read, far_write, &delays),
                pump(far_read, near_write, &delays),
            );
        });
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delays: &Delays) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        delay(delays, 10).await;
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    // Closed by the other side already, or closed now.
    let _closed = to.shutdown().await;
}

/// Two nodes that reach each other over slow ways.
async fn two(delays: &Delays) -> [Node; 2] {
    let names = ["a@127.0.0.1", "b@127.0.0.1"];
    let ways = [listener().await, listener().await];
    let addresses = [ways[0].1, ways[1].1];
    let mut nodes = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let started = Node::builder(name)
            .cookie("test")
            .epmd(Epmd::None)
            .setup_timeout(SETUP)
            .static_peer(names[1 - index], addresses[1 - index])
            .start();
        nodes.push(started.await.unwrap());
    }
    for ((listener, _), node) in ways.into_iter().zip(&nodes) {
        let target = crate::common::address(node);
        tokio::spawn(slow_way(listener, target, Arc::clone(delays)));
    }
    nodes.try_into().unwrap()
}

/// Waits for the node's `NodeDown`. Until then it came up once, and went down for no other reason.
async fn ups_until_down(events: &mut NodeEvents) -> (u32, u32) {
    let (mut ups, mut refused) = (0, 0);
    loop {
        match event(events).await {
            NodeEvent::NodeUp { .. } => ups += 1,
            NodeEvent::Refused { .. } => refused += 1,
            NodeEvent::NodeDown { .. } => return (ups, refused),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_link_survives_and_nothing_is_lost() {
    crate::raw::metronome();
    let delays: Delays = Arc::new(Mutex::new(Rng::new(0)));
    let nodes = two(&delays).await;
    let mut collisions = 0;
    for seed in 0..RUNS {
        *delays.lock().unwrap() = Rng::new(seed);
        let mut events = [nodes[0].events(), nodes[1].events()];
        let mut probes = [Probe::spawn(&nodes[0]), Probe::spawn(&nodes[1])];
        let pids = [probes[0].pid.clone(), probes[1].pid.clone()];
        let send = async |from: usize| {
            // Either may be first, or both at once.
            delay(&delays, 40).await;
            for number in 0..MESSAGES {
                nodes[from].send(&pids[1 - from], number).await.unwrap();
                delay(&delays, 5).await;
            }
        };
        tokio::join!(send(0), send(1));
        for (index, probe) in probes.iter_mut().enumerate() {
            for number in 0..MESSAGES {
                assert_eq!(
                    probe.message().await,
                    Term::from(number),
                    "seed {seed}, node {index}"
                );
            }
        }
        let connected = [nodes[0].nodes().len(), nodes[1].nodes().len()];
        assert_eq!(connected, [1, 1], "seed {seed}");
        // Nothing is left that would take the link over: not even after every deadline.
        sleep(SETUP + Duration::from_millis(20)).await;
        let away = usize::try_from(seed % 2).unwrap();
        assert!(
            nodes[away].disconnect(nodes[1 - away].name().as_str()),
            "seed {seed}"
        );
        let mut refusals = 0;
        for events in &mut events {
            let (ups, refused) = ups_until_down(events).await;
            assert_eq!(ups, 1, "seed {seed}");
            refusals += refused;
        }
        collisions += u32::from(refusals > 0);
        for (probe, node) in probes.iter_mut().zip(&nodes) {
            probe.expect_nothing(node).await;
        }
    }
    // An attempt that was given up before it got through shows as a refusal: many runs had one.
    assert!(collisions > 100, "{collisions} of {RUNS}");
    for node in nodes {
        node.shutdown().await;
    }
}
