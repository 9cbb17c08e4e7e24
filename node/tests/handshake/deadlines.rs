//! Does each step of a handshake have its deadline, in both roles, and is nothing else held up?

use std::time::Duration;

use erland::dist::{HandshakeError, Stage};
use erland::{ConnectError, HandshakeFailure, Node};
use tokio::time::{Instant, sleep};

use crate::common::builder;
use crate::raw::{Raw, listener, refused, send_name};

/// OTP's `net_setuptime`, the default.
pub(crate) const SETUP: Duration = Duration::from_secs(7);

fn timed_out(failure: HandshakeFailure) -> Stage {
    match failure {
        HandshakeFailure::Protocol(HandshakeError::TimedOut(stage)) => stage,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialler_has_seven_seconds_for_each_message() {
    crate::raw::metronome();
    let node = builder().start().await.unwrap();
    let mut events = node.events();
    let old = [&b"n\x00\x05\x07\xdf\x6f\xbc"[..], b"old@127.0.0.1"].concat();
    let cases = [
        (vec![], Stage::SendName),
        (vec![send_name("odd@127.0.0.1")], Stage::Reply),
        (vec![old], Stage::Complement),
    ];
    for (messages, stage) in cases {
        let mut raw = Raw::open(&node).await;
        let mut start = Instant::now();
        for message in &messages {
            // The timer begins anew with each message.
            sleep(SETUP - Duration::from_millis(100)).await;
            raw.write(message).await;
            assert_eq!(&raw.read().await.unwrap()[..], b"sok");
            start = Instant::now();
        }
        assert_eq!(timed_out(refused(&mut events).await), stage);
        let taken = start.elapsed();
        assert!(
            taken >= SETUP && taken < SETUP + Duration::from_millis(10),
            "{taken:?}"
        );
        raw.closed().await;
    }
    // And one that has a connection already, and says whether this one replaces it.
    let _connected = Raw::connect(&node, "odd@127.0.0.1").await;
    let mut raw = Raw::open(&node).await;
    raw.write(&send_name("odd@127.0.0.1")).await;
    assert_eq!(&raw.read().await.unwrap()[..], b"salive");
    assert_eq!(timed_out(refused(&mut events).await), Stage::AliveAnswer);
    assert_eq!(node.nodes(), ["odd@127.0.0.1"]);
    node.shutdown().await;
}

/// One byte now and then is no progress.
#[tokio::test(start_paused = true)]
async fn a_message_in_small_pieces_has_no_longer() {
    crate::raw::metronome();
    let node = builder().start().await.unwrap();
    let mut events = node.events();
    let mut raw = Raw::open(&node).await;
    let start = Instant::now();
    let drip = async {
        loop {
            let _closed = tokio::io::AsyncWriteExt::write_all(&mut raw.stream, b"\x00").await;
            sleep(Duration::from_secs(3)).await;
            let _closed = tokio::io::AsyncWriteExt::write_all(&mut raw.stream, b"\x20").await;
            sleep(Duration::from_secs(3)).await;
        }
    };
    tokio::select! {
        failure = refused(&mut events) => assert_eq!(timed_out(failure), Stage::SendName),
        () = drip => {}
    }
    assert!(start.elapsed() < SETUP + Duration::from_millis(10));
    node.shutdown().await;
}

async fn dialler() -> (Node, tokio::net::TcpListener) {
    let (listener, addr) = listener().await;
    let node = builder()
        .static_peer("odd@127.0.0.1", addr)
        .start()
        .await
        .unwrap();
    (node, listener)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_dialled_has_seven_seconds_for_each_message() {
    crate::raw::metronome();
    let (node, listener) = dialler().await;
    let mut challenge = vec![b'N'];
    challenge.extend(erland::Flags::HONOURED.bits().to_be_bytes());
    challenge.extend([0, 0, 0, 1, 0, 0, 0, 7, 0, 13]);
    challenge.extend(b"odd@127.0.0.1");
    let cases = [
        (vec![], Stage::Status),
        (vec![b"sok".to_vec()], Stage::Challenge),
        (vec![b"sok_simultaneous".to_vec()], Stage::Challenge),
        (vec![b"salive".to_vec()], Stage::Challenge),
        (vec![b"sok".to_vec(), challenge], Stage::Ack),
    ];
    for (messages, stage) in cases {
        let script = async {
            let mut raw = Raw::accept(&listener).await;
            let mut last = Instant::now();
            for message in &messages {
                sleep(SETUP - Duration::from_millis(100)).await;
                raw.write(message).await;
                last = Instant::now();
            }
            raw.closed().await;
            last
        };
        let (result, last) = tokio::join!(node.connect("odd@127.0.0.1"), script);
        let Err(ConnectError::Handshake(failure)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(timed_out(failure), stage);
        let taken = last.elapsed();
        assert!(
            taken >= SETUP && taken < SETUP + Duration::from_millis(10),
            "{taken:?}"
        );
    }
    node.shutdown().await;
}

/// What the peer refused for its own attempt is waited for as long as a step takes.
#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nok_and_never_dials_is_given_up() {
    crate::raw::metronome();
    let (node, listener) = dialler().await;
    let script = async {
        let mut raw = Raw::accept(&listener).await;
        assert!(raw.read().await.is_some());
        raw.write(b"snok").await;
        raw.closed().await;
        Instant::now()
    };
    let (result, told) = tokio::join!(node.connect("odd@127.0.0.1"), script);
    assert!(
        matches!(result, Err(ConnectError::PeerNeverDialled)),
        "{result:?}"
    );
    let taken = told.elapsed();
    assert!(
        taken >= SETUP && taken < SETUP + Duration::from_millis(10),
        "{taken:?}"
    );
    node.shutdown().await;
}
