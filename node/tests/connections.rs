//! Connections: set up from both sides at once, lost, refused, replaced, shut down.

#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, Probe, address, builder, two};
use erland::dist::{HandshakeError, Stage};
use erland::{
    ConnectError, ExitReason, HandshakeFailure, Node, NodeDownReason, NodeEvent, NodeEvents,
    Received, Term, atom,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn event(events: &mut NodeEvents) -> NodeEvent {
    timeout(DEADLINE, events.recv())
        .await
        .expect("no event")
        .expect("the node has stopped")
}

/// Both know each other and neither needs an epmd.
async fn mutual() -> (Node, Node) {
    // The second needs the first's port and the other way round: ports are reserved beforehand.
    let reserve = || async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let (one, two) = (reserve().await, reserve().await);
    let names = [
        format!("m{}@127.0.0.1", one.port()),
        format!("m{}@127.0.0.1", two.port()),
    ];
    let start = |name: &str, at: std::net::SocketAddr, peer: &str, peer_at| {
        Node::builder(name)
            .cookie("test")
            .epmd(erland::Epmd::None)
            .port(at.port())
            .static_peer(peer, peer_at)
            .start()
    };
    let first = start(&names[0], one, &names[1], two).await.unwrap();
    let second = start(&names[1], two, &names[0], one).await.unwrap();
    (first, second)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_dial_each_other_at_once_lose_nothing() {
    let (first, second) = mutual().await;
    for round in 0..200_i64 {
        let mut left = Probe::spawn(&first);
        let mut right = Probe::spawn(&second);
        let (to_right, to_left) = (right.pid.clone(), left.pid.clone());
        tokio::join!(
            async {
                for number in 0..3 {
                    first.send(&to_right, round * 10 + number).await.unwrap();
                }
            },
            async {
                for number in 0..3 {
                    second.send(&to_left, round * 10 + number).await.unwrap();
                }
            },
        );
        for number in 0..3 {
            assert_eq!(
                left.message().await,
                Term::from(round * 10 + number),
                "round {round}"
            );
            assert_eq!(
                right.message().await,
                Term::from(round * 10 + number),
                "round {round}"
            );
        }
        assert_eq!((first.nodes().len(), second.nodes().len()), (1, 1));
        let mut down = second.events();
        assert!(first.disconnect(second.name().as_str()));
        while !matches!(event(&mut down).await, NodeEvent::NodeDown { .. }) {}
    }
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_once_to_each_relation_and_comes_back() {
    let (first, second) = two().await;
    let mut us = Probe::trapping(&second);
    let them = Probe::trapping(&first);
    let mut events = second.events();
    let pid = them.pid.clone();
    us.run(move |ctx| {
        ctx.link(&pid);
        ctx.monitor(&pid);
    })
    .await;
    second.connect(first.name().as_str()).await.unwrap();
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));
    // The link is known on the other side once something sent after it has arrived.
    second.ping(first.name().as_str()).await.unwrap();
    assert!(second.disconnect(first.name().as_str()));
    let got = [us.next().await, us.next().await];
    assert!(
        got.iter()
            .any(|got| matches!(got, Received::Exit(e) if e.reason == ExitReason::NoConnection))
    );
    assert!(
        got.iter()
            .any(|got| matches!(got, Received::Down(d) if d.reason == ExitReason::NoConnection))
    );
    assert!(matches!(
        event(&mut events).await,
        NodeEvent::NodeDown {
            reason: NodeDownReason::Disconnect,
            ..
        }
    ));
    us.expect_nothing(&second).await;
    // The next signal connects again, and the new link is a link.
    let pid = them.pid.clone();
    us.run(move |ctx| ctx.link(&pid)).await;
    first.exit(&them.pid, common::reason("boom"));
    second.ping(first.name().as_str()).await.unwrap();
    first.exit(&them.pid, ExitReason::Kill);
    assert_eq!(us.exit().await, (them.pid.clone(), ExitReason::Killed));
    drop((us, them));
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_cookie_is_a_fact_to_one_side_and_likely_to_the_other() {
    let first = builder().start().await.unwrap();
    let second = builder()
        .cookie("another")
        .static_peer(first.name().as_str(), address(&first))
        .start()
        .await
        .unwrap();
    let mut events = first.events();
    let error = second.connect(first.name().as_str()).await.unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Handshake(HandshakeFailure::Protocol(
                HandshakeError::CookieRefusedProbably
            ))
        ),
        "{error:?}"
    );
    match event(&mut events).await {
        NodeEvent::Refused { peer, error, .. } => {
            assert_eq!(peer.as_ref(), Some(second.name()));
            assert!(matches!(
                error,
                HandshakeFailure::Protocol(HandshakeError::BadCookie(Stage::Reply))
            ));
        }
        other => panic!("{other:?}"),
    }
    first.shutdown().await;
    second.shutdown().await;
}

/// Silence, garbage and an announced monster at the first stage; a good peer gets in beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_with_the_cause_and_nobody_else_notices() {
    let first = builder()
        .setup_timeout(std::time::Duration::from_millis(300))
        .start()
        .await
        .unwrap();
    let second = builder()
        .static_peer(first.name().as_str(), address(&first))
        .start()
        .await
        .unwrap();
    second.ping(first.name().as_str()).await.unwrap();
    let mut events = first.events();
    let silent = TcpStream::connect(address(&first)).await.unwrap();
    match event(&mut events).await {
        NodeEvent::Refused {
            peer: None, error, ..
        } => assert!(matches!(
            error,
            HandshakeFailure::Protocol(HandshakeError::TimedOut(Stage::SendName))
        )),
        other => panic!("{other:?}"),
    }
    drop(silent);
    for garbage in [&b"\x00\x05hello"[..], b"\xff\xffGET / HTTP", b"\x00\x00"] {
        let mut stranger = TcpStream::connect(address(&first)).await.unwrap();
        stranger.write_all(garbage).await.unwrap();
        match event(&mut events).await {
            NodeEvent::Refused {
                peer: None, error, ..
            } => assert!(
                matches!(
                    error,
                    HandshakeFailure::MessageTooLong { .. }
                        | HandshakeFailure::Protocol(HandshakeError::Malformed { .. })
                ),
                "{error:?}"
            ),
            other => panic!("{other:?}"),
        }
        // It is closed, not left hanging.
        let mut rest = Vec::new();
        let _reset = timeout(DEADLINE, stranger.read_to_end(&mut rest))
            .await
            .unwrap();
    }
    second.ping(first.name().as_str()).await.unwrap();
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_a_shutdown_arrives() {
    for _ in 0..20 {
        let (first, second) = two().await;
        let mut receiver = Probe::spawn(&first);
        let mut events = first.events();
        let to = receiver.pid.clone();
        let chunk = Term::binary(vec![7_u8; 200_000]);
        for _ in 0..20 {
            second.send(&to, chunk.clone()).await.unwrap();
        }
        second.shutdown().await;
        for _ in 0..20 {
            assert_eq!(receiver.message().await, chunk);
        }
        assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));
        assert!(matches!(
            event(&mut events).await,
            NodeEvent::NodeDown { .. }
        ));
        first.shutdown().await;
    }
}

/// A peer that restarts before we notice replaces its connection, and its relations hear of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_back_replaces_its_connection() {
    let first = builder().start().await.unwrap();
    let name = format!("twice{}@127.0.0.1", first.port());
    let start = || {
        Node::builder(&name)
            .cookie("test")
            .epmd(erland::Epmd::None)
            .static_peer(first.name().as_str(), address(&first))
            .start()
    };
    let old = start().await.unwrap();
    old.ping(first.name().as_str()).await.unwrap();
    let remote = Probe::spawn(&old);
    let mut us = Probe::trapping(&first);
    let pid = remote.pid.clone();
    us.run(move |ctx| ctx.link(&pid)).await;
    let mut events = first.events();
    // Another incarnation under the same name: to `first` the old one is still connected.
    let new = start().await.unwrap();
    new.ping(first.name().as_str()).await.unwrap();
    assert_eq!(
        us.exit().await,
        (remote.pid.clone(), ExitReason::NoConnection)
    );
    assert!(matches!(
        event(&mut events).await,
        NodeEvent::NodeDown {
            reason: NodeDownReason::Replaced,
            ..
        }
    ));
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));
    assert_ne!(old.creation(), new.creation());
    first
        .send((atom!("nobody"), new.name().atom().clone()), 1_i64)
        .await
        .unwrap();
    drop((us, remote));
    for node in [old, new, first] {
        node.shutdown().await;
    }
}

/// The first thing ever sent to a node, and the sender stops at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_before_the_connection_is_up_survives_a_shutdown() {
    let (first, second) = two().await;
    let mut receiver = Probe::spawn(&first);
    second.send(&receiver.pid, 1_i64).await.unwrap();
    second.shutdown().await;
    assert_eq!(receiver.message().await, Term::from(1_i64));
    first.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_that_nobody_waits_for_goes_on() {
    let node = builder().start().await.unwrap();
    let inside = node.clone();
    // A process of the node, which the shutdown ends, asks for it.
    node.spawn(move |_| async move { inside.shutdown().await });
    let mut events = node.events();
    assert!(
        timeout(DEADLINE, events.recv())
            .await
            .expect("still running")
            .is_none()
    );
    timeout(DEADLINE, node.shutdown())
        .await
        .expect("still running");
    assert!(node.processes().is_empty());
}

/// `net_kernel` is there again when a peer has killed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_net_kernel_was_killed_answers_pings() {
    let (first, second) = two().await;
    second.ping(first.name().as_str()).await.unwrap();
    let mut us = Probe::spawn(&second);
    let kernel = (atom!("net_kernel"), first.name().atom().clone());
    us.run(move |ctx| ctx.monitor(kernel)).await;
    let pid = first.whereis(atom!("net_kernel")).unwrap();
    second.exit(&pid, ExitReason::Kill);
    assert_eq!(us.down().await.reason, ExitReason::Killed);
    // Started again by a process that hears of it as we do: at some moment it answers.
    let answers = async { while second.ping(first.name().as_str()).await.is_err() {} };
    timeout(DEADLINE, answers)
        .await
        .expect("no net_kernel any more");
    first.shutdown().await;
    second.shutdown().await;
}

/// A peer that gave an attempt up, or a stranger with its name, does not keep its next one out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_attempt_under_a_name_does_not_keep_its_owner_out() {
    let (first, second) = two().await;
    // `send_name` of the Distribution Handshake, in the name of the second.
    let name = second.name().as_str().as_bytes();
    let mut message = vec![b'N'];
    message.extend(erland::Flags::HONOURED.bits().to_be_bytes());
    message.extend(7_u32.to_be_bytes());
    message.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    message.extend(name);
    let mut stranger = TcpStream::connect(address(&first)).await.unwrap();
    let length = u16::try_from(message.len()).unwrap();
    stranger.write_all(&length.to_be_bytes()).await.unwrap();
    stranger.write_all(&message).await.unwrap();
    let mut status = [0; 5];
    timeout(DEADLINE, stranger.read_exact(&mut status))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&status[..], b"\x00\x03sok");
    // Meanwhile the first wants to say something; it waits for whoever turns out to be real.
    let mut receiver = Probe::spawn(&second);
    first.send(&receiver.pid, 1_i64).await.unwrap();
    second.ping(first.name().as_str()).await.unwrap();
    assert_eq!(receiver.message().await, Term::from(1_i64));
    drop(stranger);
    second.ping(first.name().as_str()).await.unwrap();
    first.shutdown().await;
    second.shutdown().await;
}
