//! Which cookie holds between which nodes, from the start and after a change?

use erland::dist::{HandshakeError, Stage};
use erland::{HandshakeFailure, NodeNameError, StartError};

use crate::common::builder;
use crate::raw::{Raw, refused};

/// Does a node of this name get in with this cookie?
async fn gets_in(node: &erland::Node, name: &str, cookie: &str) -> bool {
    let mut events = node.events();
    let mut raw = Raw::open(node).await;
    let connected = raw
        .initiate(node.name().as_str(), name, cookie)
        .await
        .is_some();
    if connected {
        node.disconnect(name);
        while !matches!(
            crate::raw::event(&mut events).await,
            erland::NodeEvent::NodeDown { .. }
        ) {}
    } else {
        let failure = refused(&mut events).await;
        assert!(
            matches!(
                failure,
                HandshakeFailure::Protocol(HandshakeError::BadCookie(Stage::Reply))
            ),
            "{failure:?}"
        );
    }
    connected
}

#[tokio::test(start_paused = true)]
async fn a_peer_may_have_a_cookie_of_its_own() {
    crate::raw::metronome();
    let node = builder().peer_cookie("x@h", "x's").start().await.unwrap();
    assert!(gets_in(&node, "x@h", "x's").await);
    assert!(!gets_in(&node, "x@h", "test").await);
    assert!(gets_in(&node, "y@h", "test").await);
    assert!(!gets_in(&node, "y@h", "x's").await);

    node.set_peer_cookie("y@h", "y's").unwrap();
    assert!(gets_in(&node, "y@h", "y's").await);
    assert!(!gets_in(&node, "y@h", "test").await);

    // The node's own: for all others.
    node.set_cookie("new");
    assert!(gets_in(&node, "z@h", "new").await);
    assert!(gets_in(&node, "x@h", "x's").await);
    let own = node.name().as_str().to_owned();
    node.set_peer_cookie(&own, "newer").unwrap();
    assert!(gets_in(&node, "z@h", "newer").await);
    assert_eq!(node.set_peer_cookie("z", "no"), Err(NodeNameError::NoAt));
    node.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_an_error_at_the_start() {
    crate::raw::metronome();
    let error = builder()
        .peer_cookie("x", "secret")
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StartError::PeerName { peer, source: NodeNameError::NoAt } if &**peer == "x"),
        "{error:?}"
    );
    let error = builder().allow(["a@b@c"]).start().await.unwrap_err();
    assert!(
        matches!(&error, StartError::Allow { entry } if &**entry == "a@b@c"),
        "{error:?}"
    );
    assert!(!format!("{:?}", builder().peer_cookie("x@h", "hush")).contains("hush"));
}
