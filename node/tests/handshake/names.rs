//! Nodes without a name, between nodes of ours: given one, known by it, and without it again.

use std::time::Duration;

use erland::dist::{HandshakeError, Misbehaviour};
use erland::{
    ConnectError, Epmd, HandshakeFailure, Node, NodeBuilder, NodeDownReason, NodeEvent, StartError,
    Term,
};
use tokio::time::sleep;

use crate::common::{Probe, address, builder};
use crate::raw::{Raw, event, listener};

fn nameless(namer: &Node) -> NodeBuilder {
    Node::builder("undefined@127.0.0.1")
        .cookie("test")
        .epmd(Epmd::None)
        .named_by(namer.name().as_str())
        .static_peer(namer.name().as_str(), address(namer))
}

#[tokio::test(start_paused = true)]
async fn a_node_gets_its_name_and_the_next_one_gets_it_after_it() {
    crate::raw::metronome();
    let namer = builder().start().await.unwrap();
    let mut events = namer.events();
    let first = nameless(&namer).start().await.unwrap();
    assert_eq!(first.name().host(), "127.0.0.1");
    let letters = first.name().name();
    assert!(
        letters
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
    );
    assert_eq!(first.port(), 0);
    assert_eq!(first.nodes(), [namer.name().as_str()]);
    // Its pids are those of the name, and the incarnation the one it was given.
    let (mut here, mut there) = (Probe::spawn(&first), Probe::spawn(&namer));
    assert_eq!(here.pid.node().name().as_str(), first.name().as_str());
    first.send(&there.pid, 1_i64).await.unwrap();
    assert_eq!(there.message().await, Term::from(1_i64));
    namer.send(&here.pid, 2_i64).await.unwrap();
    assert_eq!(here.message().await, Term::from(2_i64));
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));

    // A second one at the same time has another name.
    let second = nameless(&namer).start().await.unwrap();
    assert_ne!(first.name(), second.name());
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));

    first.shutdown().await;
    assert!(matches!(
        event(&mut events).await,
        NodeEvent::NodeDown { .. }
    ));
    let third = nameless(&namer).start().await.unwrap();
    assert_eq!(third.name(), first.name());
    assert_eq!(third.creation(), first.creation().wrapping_add(1).max(4));
    // What was for the first is not for the third.
    assert_ne!(third.id(), first.id());
    for node in [second, third, namer] {
        node.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_namer_a_node_is_nobody() {
    crate::raw::metronome();
    let namer = builder().start().await.unwrap();
    let other = builder().start().await.unwrap();
    let node = nameless(&namer)
        .static_peer(other.name().as_str(), address(&other))
        .start()
        .await
        .unwrap();
    // Under its name it is a node like any other.
    node.ping(other.name().as_str()).await.unwrap();
    other.ping(node.name().as_str()).await.unwrap();
    let mut local = Probe::spawn(&node);
    let mut events = node.events();
    let mut others_events = other.events();
    namer.shutdown().await;
    for (expected, lost) in [(namer.name(), false), (other.name(), true)] {
        match event(&mut events).await {
            NodeEvent::NodeDown { node, reason } => {
                assert_eq!(node.as_str(), expected.as_str());
                assert_eq!(matches!(reason, NodeDownReason::NameLost), lost, "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        event(&mut others_events).await,
        NodeEvent::NodeDown { .. }
    ));
    let error = node.connect(other.name().as_str()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NameLost), "{error:?}");
    assert!(node.nodes().is_empty());
    // Its processes go on.
    node.send(&local.pid, 1_i64).await.unwrap();
    assert_eq!(local.message().await, Term::from(1_i64));
    for node in [node, other] {
        node.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_gets_no_name_does_not_start() {
    crate::raw::metronome();
    let namer = builder().allow(["10.0.0.1"]).start().await.unwrap();
    let naming = |result: Result<Node, StartError>| match result {
        Err(StartError::Naming { peer, source }) => {
            assert_eq!(peer, *namer.name());
            source
        }
        other => panic!("{other:?}"),
    };
    // Its host is not on the list.
    let source = naming(nameless(&namer).start().await);
    assert!(
        matches!(
            source,
            ConnectError::Handshake(HandshakeFailure::Protocol(
                HandshakeError::NotAllowed { .. }
            ))
        ),
        "{source:?}"
    );
    namer.shutdown().await;
    // Nobody is there.
    let source = naming(nameless(&namer).start().await);
    assert!(matches!(source, ConnectError::Dial { .. }), "{source:?}");

    let namer = builder().start().await.unwrap();
    let mut events = namer.events();
    let error = nameless(&namer)
        .cookie("another")
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Naming { .. }), "{error:?}");
    // The namer knows by which name it had called the stranger, and has forgotten it.
    assert!(matches!(
        event(&mut events).await,
        NodeEvent::Refused { peer: Some(_), .. }
    ));
    assert!(namer.nodes().is_empty());
    namer.shutdown().await;

    // Somebody who does not know what is asked for.
    let (listener, addr) = listener().await;
    let start = Node::builder("undefined@127.0.0.1")
        .cookie("test")
        .epmd(Epmd::None)
        .named_by("odd@127.0.0.1")
        .static_peer("odd@127.0.0.1", addr)
        .start();
    let script = async {
        let mut raw = Raw::accept(&listener).await;
        assert!(raw.read().await.is_some());
        raw.write(b"sok").await;
        raw.closed().await;
    };
    let (started, ()) = tokio::join!(start, script);
    match started {
        Err(StartError::Naming {
            source: ConnectError::Handshake(HandshakeFailure::Protocol(error)),
            ..
        }) => assert!(
            matches!(
                error,
                HandshakeError::PeerMisbehaved {
                    kind: Misbehaviour::NotNamed,
                    ..
                }
            ),
            "{error:?}"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_either_given_or_the_nodes_own() {
    crate::raw::metronome();
    let error = builder().named_by("x@h").start().await.unwrap_err();
    assert!(matches!(error, StartError::HasName), "{error:?}");
    let undefined = || {
        Node::builder("undefined@127.0.0.1")
            .cookie("test")
            .epmd(Epmd::None)
    };
    let error = undefined().start().await.unwrap_err();
    assert!(matches!(error, StartError::NoNamingNode), "{error:?}");
    let error = undefined().named_by("x").start().await.unwrap_err();
    assert!(matches!(error, StartError::PeerName { .. }), "{error:?}");
    let error = undefined()
        .allow(["y@h"])
        .named_by("x@h")
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StartError::Naming {
                source: ConnectError::NotOnAllowList,
                ..
            }
        ),
        "{error:?}"
    );
}

/// A crowd that asks for names and does not know the cookie leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn names_that_were_asked_for_in_vain_are_forgotten() {
    crate::raw::metronome();
    let namer = builder().start().await.unwrap();
    let mut events = namer.events();
    for _ in 0..20 {
        let _refused = nameless(&namer)
            .cookie("another")
            .start()
            .await
            .unwrap_err();
        assert!(matches!(
            event(&mut events).await,
            NodeEvent::Refused { .. }
        ));
    }
    sleep(Duration::from_secs(10)).await;
    let first = nameless(&namer).start().await.unwrap();
    let second = nameless(&namer).start().await.unwrap();
    assert_eq!(namer.nodes().len(), 2);
    for node in [first, second, namer] {
        node.shutdown().await;
    }
}
