//! Does a flood of connections that come to nothing keep a node out?

use erland::dist::Stage;
use erland::{HandshakeFailure, NodeEvent};
use tokio::time::Instant;

use crate::common::two;
use crate::raw::{Raw, event, send_name};

/// Half of them silent, half in the middle of a handshake that goes no further.
#[tokio::test(start_paused = true)]
async fn a_flood_of_half_open_connections_keeps_nobody_out() {
    crate::raw::metronome();
    let (first, second) = two().await;
    let mut events = first.events();
    let mut flood = Vec::new();
    for number in 0..300 {
        let mut raw = Raw::open(&first).await;
        if number % 2 == 0 {
            raw.write(&send_name(&format!("flood{number}@127.0.0.1")))
                .await;
        }
        flood.push(raw);
    }
    let start = Instant::now();
    second.ping(first.name().as_str()).await.unwrap();
    // It did not even wait for one of them to run into its deadline.
    assert!(start.elapsed() < crate::deadlines::SETUP);
    // Those that made room were told apart from those that were too slow.
    let (mut crowded, mut up) = (0, false);
    while !up || crowded < 300 - 64 {
        match event(&mut events).await {
            NodeEvent::Refused { error, .. } => {
                assert!(
                    matches!(
                        error,
                        HandshakeFailure::Crowded {
                            stage: Stage::SendName | Stage::Reply
                        }
                    ),
                    "{error:?}"
                );
                crowded += 1;
            }
            NodeEvent::NodeUp { .. } => up = true,
            other => panic!("{other:?}"),
        }
    }
    drop(flood);
    second.ping(first.name().as_str()).await.unwrap();
    first.shutdown().await;
    second.shutdown().await;
}

/// Names that the sent away ones had claimed are free, and so are the names given to them.
#[tokio::test(start_paused = true)]
async fn one_that_is_sent_away_leaves_nothing_behind() {
    crate::raw::metronome();
    let (first, second) = two().await;
    // In the name of the second, so that it is what the entry is for.
    let mut thief = Raw::open(&first).await;
    thief.write(&send_name(second.name().as_str())).await;
    assert_eq!(&thief.read().await.unwrap()[..], b"sok");
    let mut flood = Vec::new();
    for _ in 0..64 {
        flood.push(Raw::open(&first).await);
    }
    thief.closed().await;
    // What is sent now is not queued for the thief's attempt.
    assert!(
        first.connect(second.name().as_str()).await.is_err(),
        "there is no address"
    );
    second.ping(first.name().as_str()).await.unwrap();
    first.ping(second.name().as_str()).await.unwrap();
    first.shutdown().await;
    second.shutdown().await;
}
