//! Does the node stay up, and its other links unharmed, whatever a peer does at any stage?

use std::time::Duration;

use erland::dist::{HandshakeError, Stage};
use erland::{ConnectError, Flags, HandshakeFailure, Node, NodeDownReason};
use erland_interop_tests::{
    Erl, Peer, PeerListener, Watch, World, on_every_release, start, within,
};

/// Bytes that are no message of any stage.
const GARBAGE: &[u8] = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";

/// A node with short timeouts, connected to a live Erlang node.
async fn node_with_a_friend(world: &World) -> (Node, Erl, Watch) {
    let rust = start(world.builder("rust").setup_timeout(Duration::from_secs(1))).await;
    let erl = world.erl("erl").await;
    erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    let watch = Watch::on(&rust);
    (rust, erl, watch)
}

/// The friend noticed nothing, and the node answers.
async fn unharmed(rust: &Node, erl: &Erl) {
    assert_eq!(rust.nodes(), ["erl@127.0.0.1"]);
    erl.expect("nodes(hidden)", "['rust@127.0.0.1']").await;
    erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    within("our ping", rust.ping("erl@127.0.0.1"))
        .await
        .expect("pong");
}

fn protocol_error(failure: HandshakeFailure) -> HandshakeError {
    match failure {
        HandshakeFailure::Protocol(error) => error,
        other => panic!("a protocol error was due, not {other:?}"),
    }
}

/// Connects to the scripted peer behind `listener`, which does `script`; the node's error.
async fn dialled(world: &World, erl: &Erl, script: impl AsyncFnOnce(Peer)) -> ConnectError {
    let listener = PeerListener::bind("odd@127.0.0.1").await;
    let rust = start(
        world
            .builder("dialler")
            .setup_timeout(Duration::from_secs(1))
            .static_peer("odd@127.0.0.1", listener.addr()),
    )
    .await;
    within("our ping", rust.ping(erl.name()))
        .await
        .expect("pong");
    let connect = rust.connect("odd@127.0.0.1");
    let peer = async {
        let peer = listener.accept().await;
        script(peer).await;
    };
    let (error, ()) = tokio::join!(within("the attempt to end", connect), peer);
    within("our ping", rust.ping(erl.name()))
        .await
        .expect("pong");
    // Its name is free for the next.
    rust.shutdown().await;
    error.expect_err("the peer is no node")
}

on_every_release! {
    async fn one_that_connects_and_says_nothing(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        let mut silent = Peer::open(&rust, "odd@127.0.0.1").await;
        let error = protocol_error(watch.refused().await);
        assert_eq!(error, HandshakeError::TimedOut(Stage::SendName));
        silent.closed().await;
        unharmed(&rust, &erl).await;
    }

    async fn one_that_falls_silent_after_its_name(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
        peer.write_handshake(&send_name("odd@127.0.0.1", Flags::HONOURED)).await;
        assert_eq!(peer.handshake_frame().await.as_deref(), Some(&b"sok"[..]));
        assert_eq!(peer.handshake_frame().await.map(|body| body[0]), Some(b'N'));
        let error = protocol_error(watch.refused().await);
        assert_eq!(error, HandshakeError::TimedOut(Stage::Reply));
        peer.closed().await;
        unharmed(&rust, &erl).await;
    }

    async fn a_hundred_silent_ones_do_not_keep_a_node_out(release) {
        let world = World::start(release).await;
        let (rust, erl, _watch) = node_with_a_friend(&world).await;
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(Peer::open(&rust, "odd@127.0.0.1").await);
        }
        let other = world.erl("other").await;
        other.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        for peer in &mut silent {
            peer.closed().await;
        }
    }

    async fn garbage_instead_of_a_name(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        // A browser: "GE" is a length of 18,245.
        let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
        peer.write(GARBAGE).await;
        match watch.refused().await {
            HandshakeFailure::MessageTooLong { stage: Stage::SendName } => {}
            other => panic!("too long was due, not {other:?}"),
        }
        peer.closed().await;
        // Well framed nonsense.
        let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
        peer.write_handshake(GARBAGE).await;
        match protocol_error(watch.refused().await) {
            HandshakeError::Malformed { stage: Stage::SendName, .. }
            | HandshakeError::PeerMisbehaved { stage: Stage::SendName, .. } => {}
            other => panic!("a malformed name was due, not {other:?}"),
        }
        peer.closed().await;
        // An empty message, and a name that is none.
        for body in [&[][..], &send_name("no-host", Flags::HONOURED), &send_name("@", Flags::HONOURED)] {
            let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
            peer.write_handshake(body).await;
            assert_eq!(protocol_error(watch.refused().await).stage(), Stage::SendName);
            peer.closed().await;
        }
        unharmed(&rust, &erl).await;
    }

    async fn one_that_lacks_mandatory_flags(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
        let flags = Flags::MANDATORY - Flags::V4_NC;
        peer.write_handshake(&send_name("odd@127.0.0.1", flags)).await;
        assert_eq!(peer.handshake_frame().await.as_deref(), Some(&b"snot_allowed"[..]));
        match protocol_error(watch.refused().await) {
            HandshakeError::PeerIncompatible { missing, .. } => assert_eq!(missing, Flags::V4_NC),
            other => panic!("an incompatible peer was due, not {other:?}"),
        }
        peer.closed().await;
        unharmed(&rust, &erl).await;
    }

    async fn garbage_instead_of_a_challenge_reply(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        for body in [GARBAGE, &[], &b"r1234567"[..], &[b'r'; 1000]] {
            let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
            peer.write_handshake(&send_name("odd@127.0.0.1", Flags::HONOURED)).await;
            assert_eq!(peer.handshake_frame().await.as_deref(), Some(&b"sok"[..]));
            assert!(peer.handshake_frame().await.is_some());
            peer.write_handshake(body).await;
            assert_eq!(protocol_error(watch.refused().await).stage(), Stage::Reply);
            peer.closed().await;
        }
        unharmed(&rust, &erl).await;
    }

    async fn one_that_hangs_up_at_each_stage(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        drop(Peer::open(&rust, "odd@127.0.0.1").await);
        assert_eq!(watch_stage(&mut watch).await, Stage::SendName);
        let mut peer = Peer::open(&rust, "odd@127.0.0.1").await;
        peer.write_handshake(&send_name("odd@127.0.0.1", Flags::HONOURED)).await;
        assert!(peer.handshake_frame().await.is_some());
        assert!(peer.handshake_frame().await.is_some());
        drop(peer);
        assert_eq!(watch_stage(&mut watch).await, Stage::Reply);
        let peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        watch.up("odd@127.0.0.1").await;
        drop(peer);
        let reason = watch.down("odd@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::ConnectionClosed), "{reason}");
        unharmed(&rust, &erl).await;
    }

    async fn garbage_on_the_established_link(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        let frames: &[&[u8]] = &[
            GARBAGE,
            &[131],
            &[0, 0],
            // No distribution header; a header that ends early; a cache entry that was never set.
            &[131, 104, 0],
            &[131, 68, 5, 0],
            &[131, 68, 1, 0, 77],
            // A control message that is no tuple, an unknown shape of a known one, a payload missing.
            &[131, 68, 0, 97, 6],
            &[131, 68, 0, 104, 1, 97, 6],
            &[131, 68, 0, 104, 2, 97, 1, 97, 2],
            &[131, 68, 0, 104],
        ];
        for frame in frames {
            let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
            watch.up("odd@127.0.0.1").await;
            peer.write_frame(frame).await;
            let reason = watch.down("odd@127.0.0.1").await;
            assert!(matches!(reason, NodeDownReason::Protocol(_)), "{frame:?}: {reason}");
            peer.closed().await;
        }
        // A length that no frame may have.
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        watch.up("odd@127.0.0.1").await;
        peer.write(&[0xff; 4]).await;
        let reason = watch.down("odd@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::Protocol(_)), "{reason}");
        peer.closed().await;
        unharmed(&rust, &erl).await;
    }

    async fn a_control_message_of_a_release_to_come(release) {
        let world = World::start(release).await;
        let (rust, erl, mut watch) = node_with_a_friend(&world).await;
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        watch.up("odd@127.0.0.1").await;
        // {200, future}: logged, and the link goes on.
        peer.write_frame(&[131, 68, 0, 104, 2, 97, 200, 119, 6, b'f', b'u', b't', b'u', b'r', b'e']).await;
        assert!(rust.nodes().iter().any(|node| node.as_str() == "odd@127.0.0.1"));
        peer.write_frame(&[]).await;
        watch.nothing_goes_down_for(Duration::from_millis(200)).await;
        drop(peer);
        watch.down("odd@127.0.0.1").await;
        unharmed(&rust, &erl).await;
    }

    async fn we_dial_one_that_says_nothing(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let error = dialled(&world, &erl, async |mut peer: Peer| {
            assert_eq!(peer.handshake_frame().await.map(|body| body[0]), Some(b'N'));
            peer.closed().await;
        })
        .await;
        match error {
            ConnectError::Handshake(failure) => {
                assert_eq!(protocol_error(failure), HandshakeError::TimedOut(Stage::Status));
            }
            other => panic!("a handshake that timed out was due, not {other:?}"),
        }
    }

    async fn we_dial_one_that_answers_garbage(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let challenge = challenge("odd@127.0.0.1");
        // Instead of a status, of a challenge, of an ack.
        for (stage, answers) in [
            (Stage::Status, &[&b"xyz"[..]][..]),
            (Stage::Status, &[&b"swhatever"[..]]),
            (Stage::Challenge, &[&b"sok"[..], GARBAGE]),
            (Stage::Challenge, &[&b"sok"[..], &[b'N', 0, 0]]),
            (Stage::Ack, &[&b"sok"[..], &challenge, GARBAGE]),
            (Stage::Ack, &[&b"sok"[..], &challenge, &[]]),
            (Stage::Ack, &[&b"sok"[..], &challenge, b"a1234567"]),
        ] {
            let error = dialled(&world, &erl, async |mut peer: Peer| {
                assert!(peer.handshake_frame().await.is_some());
                for answer in answers {
                    peer.write_handshake(answer).await;
                }
                peer.closed().await;
            })
            .await;
            match error {
                ConnectError::Handshake(failure) => {
                    assert_eq!(protocol_error(failure).stage(), stage, "{answers:?}");
                }
                other => panic!("a handshake error was due, not {other:?}"),
            }
        }
    }

    async fn we_dial_one_whose_ack_is_wrong(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let error = dialled(&world, &erl, async |mut peer: Peer| {
            assert!(peer.handshake_frame().await.is_some());
            peer.write_handshake(b"sok").await;
            peer.write_handshake(&challenge("odd@127.0.0.1")).await;
            assert_eq!(peer.handshake_frame().await.map(|body| body[0]), Some(b'r'));
            let mut ack = vec![b'a'];
            ack.extend_from_slice(&[0; 16]);
            peer.write_handshake(&ack).await;
            peer.closed().await;
        })
        .await;
        match error {
            // Ours to state as a fact.
            ConnectError::Handshake(failure) => {
                assert_eq!(protocol_error(failure), HandshakeError::BadCookie(Stage::Ack));
            }
            other => panic!("a bad cookie was due, not {other:?}"),
        }
    }

    async fn we_dial_one_that_is_somebody_else(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let error = dialled(&world, &erl, async |mut peer: Peer| {
            assert!(peer.handshake_frame().await.is_some());
            peer.write_handshake(b"sok").await;
            peer.write_handshake(&challenge("else@127.0.0.1")).await;
            peer.closed().await;
        })
        .await;
        match error {
            ConnectError::Handshake(failure) => match protocol_error(failure) {
                HandshakeError::NameMismatch { answered, .. } => {
                    assert_eq!(answered.as_str(), "else@127.0.0.1");
                }
                other => panic!("a name mismatch was due, not {other:?}"),
            },
            other => panic!("a handshake error was due, not {other:?}"),
        }
    }

    async fn a_port_on_which_nobody_listens(release) {
        let world = World::start(release).await;
        let nobody = ([127, 0, 0, 1], erland_interop_tests::free_port()).into();
        let rust = start(world.builder("rust").static_peer("odd@127.0.0.1", nobody)).await;
        let error = within("the attempt", rust.connect("odd@127.0.0.1")).await.expect_err("nobody");
        assert!(matches!(error, ConnectError::Dial { .. }), "{error:?}");
    }
}

async fn watch_stage(watch: &mut Watch) -> Stage {
    protocol_error(watch.refused().await).stage()
}

/// `send_name` of version 6: tag, flags, creation, length, name.
fn send_name(name: &str, flags: Flags) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend_from_slice(&flags.bits().to_be_bytes());
    body.extend_from_slice(&7_u32.to_be_bytes());
    body.extend_from_slice(&(name.len() as u16).to_be_bytes());
    body.extend_from_slice(name.as_bytes());
    body
}

/// A challenge: tag, flags, challenge, creation, length, name.
fn challenge(name: &str) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend_from_slice(&Flags::HONOURED.bits().to_be_bytes());
    body.extend_from_slice(&99_u32.to_be_bytes());
    body.extend_from_slice(&7_u32.to_be_bytes());
    body.extend_from_slice(&(name.len() as u16).to_be_bytes());
    body.extend_from_slice(name.as_bytes());
    body
}
