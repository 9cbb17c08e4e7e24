//! What is a peer answered that dials us, and what do we make of its answers? Each status, each
//! way, and whose fault a failure is.

use erland::dist::{HandshakeError, Misbehaviour, Stage, Verdict};
use erland::{ConnectError, HandshakeFailure, NodeDownReason, NodeEvent};

use crate::common::builder;
use crate::raw::{Raw, event, listener, refused, send_name};

/// A name on each side of every name that `builder` makes.
const SMALLER: &str = "a@127.0.0.1";
const GREATER: &str = "z@127.0.0.1";

/// Both dial, and each has heard the other's name: the smaller name is told to give way.
#[tokio::test(start_paused = true)]
async fn of_two_attempts_that_of_the_greater_name_stays() {
    crate::raw::metronome();
    for peer in [SMALLER, GREATER] {
        let (listener, addr) = listener().await;
        let node = builder().static_peer(peer, addr).start().await.unwrap();
        let connect = node.connect(peer);
        let script = async {
            let mut theirs = Raw::accept(&listener).await;
            let name = theirs.read().await.unwrap();
            assert_eq!(name[0], b'N');
            let mut ours = Raw::open(&node).await;
            ours.write(&send_name(peer)).await;
            let status = ours.read().await.unwrap();
            if peer == SMALLER {
                assert_eq!(&status[..], b"snok");
                ours.closed().await;
                // Its own attempt goes on. `answer` reads the name again: written on.
                theirs.write(b"sok_simultaneous").await;
                finish_as_acceptor(&mut theirs, peer).await;
                theirs
            } else {
                assert_eq!(&status[..], b"sok_simultaneous");
                theirs.closed().await;
                finish_as_initiator(&mut ours).await;
                ours
            }
        };
        let (connected, _peer) = tokio::join!(connect, script);
        connected.unwrap();
        assert_eq!(node.nodes(), [peer]);
        node.shutdown().await;
    }
}

/// From the challenge on: what a peer with the cookie says.
async fn finish_as_acceptor(raw: &mut Raw, name: &str) {
    let mut challenge = vec![b'N'];
    challenge.extend(erland::Flags::HONOURED.bits().to_be_bytes());
    challenge.extend([0, 0, 0, 6, 0, 0, 0, 7]);
    challenge.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    challenge.extend(name.as_bytes());
    raw.write(&challenge).await;
    let reply = raw.read().await.unwrap();
    let cookie = erland::Cookie::new("test");
    assert_eq!(reply[5..], cookie.digest(6));
    let theirs = u32::from_be_bytes(reply[1..5].try_into().unwrap());
    raw.write(&[&b"a"[..], &cookie.digest(theirs)].concat())
        .await;
}

async fn finish_as_initiator(raw: &mut Raw) {
    let challenge = raw.read().await.unwrap();
    let theirs = u32::from_be_bytes(challenge[9..13].try_into().unwrap());
    let digest = erland::Cookie::new("test").digest(theirs);
    raw.write(&[&b"r\x00\x00\x00\x05"[..], &digest].concat())
        .await;
    assert_eq!(raw.read().await.unwrap()[0], b'a');
}

/// While our attempt has not got to the peer, even the smaller name is let in.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_the_peer_cannot_know_gives_way() {
    crate::raw::metronome();
    // An epmd that registers, and then has no answer to the question where the peer is.
    let (epmd, addr) = listener().await;
    let registers = async {
        let mut lease = Raw::accept(&epmd).await;
        let registered = [118, 0, 0, 0, 0, 7];
        tokio::io::AsyncWriteExt::write_all(&mut lease.stream, &registered)
            .await
            .unwrap();
        lease
    };
    let node = builder().epmd(erland::Epmd::At(addr)).start();
    let (node, _lease) = tokio::join!(node, registers);
    let node = node.unwrap();
    let script = async {
        // It is asking.
        let _question = Raw::accept(&epmd).await;
        let mut raw = Raw::open(&node).await;
        raw.write(&send_name(SMALLER)).await;
        assert_eq!(&raw.read().await.unwrap()[..], b"sok_simultaneous");
        finish_as_initiator(&mut raw).await;
        raw
    };
    let (connected, _raw) = tokio::join!(node.connect(SMALLER), script);
    connected.unwrap();
    assert_eq!(node.nodes(), [SMALLER]);
    node.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_connected_is_asked_whether_it_still_is() {
    crate::raw::metronome();
    let node = builder().start().await.unwrap();
    let mut first = Raw::connect(&node, GREATER).await;
    let mut events = node.events();
    // It gives up: the first connection stands.
    let mut second = Raw::open(&node).await;
    second.write(&send_name(GREATER)).await;
    assert_eq!(&second.read().await.unwrap()[..], b"salive");
    second.write(b"sfalse").await;
    second.closed().await;
    assert_eq!(node.nodes(), [GREATER]);
    // It insists, twice at once: one of them stays, and the first has ended.
    let third = Raw::connect(&node, GREATER).await;
    assert!(matches!(
        event(&mut events).await,
        NodeEvent::NodeDown {
            reason: NodeDownReason::Replaced,
            ..
        }
    ));
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));
    first.closed().await;
    drop(third);
    node.shutdown().await;
}

/// We have no connection, and the peer believes that we have: our attempt replaces it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_believes_us_connected_is_told_that_we_are_not() {
    crate::raw::metronome();
    let (listener, addr) = listener().await;
    let node = builder().static_peer(GREATER, addr).start().await.unwrap();
    let script = async {
        let mut raw = Raw::accept(&listener).await;
        raw.answer(GREATER, Verdict::Alive).await.unwrap();
        raw
    };
    let (connected, _raw) = tokio::join!(node.connect(GREATER), script);
    connected.unwrap();
    node.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_on_the_allow_list_is_told_so() {
    crate::raw::metronome();
    let (listener, addr) = listener().await;
    let node = builder()
        .allow([GREATER])
        .allow(["10.0.0.1"])
        .static_peer(SMALLER, addr)
        .start()
        .await
        .unwrap();
    let mut events = node.events();
    let mut raw = Raw::open(&node).await;
    raw.write(&send_name(SMALLER)).await;
    assert_eq!(&raw.read().await.unwrap()[..], b"snot_allowed");
    raw.closed().await;
    let failure = refused(&mut events).await;
    assert!(
        matches!(failure, HandshakeFailure::NotOnAllowList),
        "{failure:?}"
    );
    // Nor is one without a name, from a host that is not on the list.
    let mut nameless = send_name("127.0.0.1");
    nameless[4] |= 2;
    let mut raw = Raw::open(&node).await;
    raw.write(&nameless).await;
    assert_eq!(&raw.read().await.unwrap()[..], b"snot_allowed");
    let failure = refused(&mut events).await;
    assert!(
        matches!(failure, HandshakeFailure::NotOnAllowList),
        "{failure:?}"
    );
    // It is not dialled either: nobody has to answer.
    let error = node.connect(SMALLER).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotOnAllowList), "{error:?}");
    drop(listener);
    let _in = Raw::connect(&node, GREATER).await;
    let _also = Raw::connect(&node, "any@10.0.0.1").await;
    assert_eq!(node.nodes(), ["any@10.0.0.1", GREATER]);
    node.shutdown().await;
}

/// Each answer of a peer that is not the one that was due, with its own error; after each of them
/// the next attempt works.
#[tokio::test(start_paused = true)]
async fn every_failure_of_a_dialled_peer_has_its_own_error() {
    crate::raw::metronome();
    let (listener, addr) = listener().await;
    let node = builder().static_peer(GREATER, addr).start().await.unwrap();
    let status = Stage::Status;
    let misbehaved = |kind| HandshakeError::PeerMisbehaved {
        stage: status,
        kind,
    };
    let cases: [(&[u8], Option<HandshakeError>); 5] = [
        (
            b"",
            Some(HandshakeError::Malformed {
                stage: status,
                kind: erland::dist::MalformedKind::Truncated,
            }),
        ),
        (
            b"snot_allowed",
            Some(HandshakeError::NotAllowed {
                our_flags: erland::Flags::HONOURED,
            }),
        ),
        (b"snamed:", Some(misbehaved(Misbehaviour::NamedUnasked))),
        (
            b"a0123456789abcdef",
            Some(misbehaved(Misbehaviour::OutOfOrder(
                erland::dist::MessageTag::Ack,
            ))),
        ),
        (b"swhatever", None),
    ];
    for (answer, expected) in cases {
        let script = async {
            let mut raw = Raw::accept(&listener).await;
            assert!(raw.read().await.is_some());
            raw.write(answer).await;
            raw.closed().await;
        };
        let (result, ()) = tokio::join!(node.connect(GREATER), script);
        match (result, expected) {
            (Err(ConnectError::Handshake(HandshakeFailure::Protocol(error))), Some(expected)) => {
                assert_eq!(error, expected)
            }
            (
                Err(ConnectError::Handshake(HandshakeFailure::Protocol(HandshakeError::Rejected(
                    _,
                )))),
                None,
            ) => {}
            (other, _) => panic!("{}: {other:?}", answer.escape_ascii()),
        }
    }
    // An announced monster; a close; another node.
    let script = async {
        let mut raw = Raw::accept(&listener).await;
        tokio::io::AsyncWriteExt::write_all(&mut raw.stream, b"\xff\xff")
            .await
            .unwrap();
        raw.closed().await;
        drop(Raw::accept(&listener).await);
        let mut raw = Raw::accept(&listener).await;
        assert!(raw.answer("another@127.0.0.1", Verdict::Ok).await.is_none());
        let mut raw = Raw::accept(&listener).await;
        raw.answer(GREATER, Verdict::Ok).await.unwrap();
        raw
    };
    let dials = async {
        let mut errors = Vec::new();
        for _ in 0..3 {
            errors.push(node.connect(GREATER).await.unwrap_err());
        }
        node.connect(GREATER).await.unwrap();
        errors
    };
    let (errors, _raw) = tokio::join!(dials, script);
    let [long, close, another] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert!(
        matches!(long, ConnectError::Handshake(HandshakeFailure::MessageTooLong { stage }) if *stage == status),
        "{long:?}"
    );
    assert!(
        matches!(
            close,
            ConnectError::Handshake(HandshakeFailure::Protocol(HandshakeError::Closed(stage))) if *stage == status
        ),
        "{close:?}"
    );
    assert!(
        matches!(
            another,
            ConnectError::Handshake(HandshakeFailure::Protocol(
                HandshakeError::NameMismatch { .. }
            ))
        ),
        "{another:?}"
    );
    node.shutdown().await;
}

/// Two attempts in the name of the same peer: whoever first proves that it knows the cookie is the
/// peer, and the other one is told apart from one that does not know it.
#[tokio::test(start_paused = true)]
async fn the_first_to_prove_itself_is_the_peer() {
    crate::raw::metronome();
    let node = builder().start().await.unwrap();
    let mut events = node.events();
    let mut attempts = [Raw::open(&node).await, Raw::open(&node).await];
    for attempt in &mut attempts {
        attempt.write(&send_name(GREATER)).await;
        assert_eq!(&attempt.read().await.unwrap()[..], b"sok");
    }
    let [mut slow, mut quick] = attempts;
    finish_as_initiator(&mut quick).await;
    assert!(matches!(event(&mut events).await, NodeEvent::NodeUp { .. }));
    let challenge = slow.read().await.unwrap();
    let theirs = u32::from_be_bytes(challenge[9..13].try_into().unwrap());
    let digest = erland::Cookie::new("test").digest(theirs);
    slow.write(&[&b"r\x00\x00\x00\x05"[..], &digest].concat())
        .await;
    let failure = refused(&mut events).await;
    assert!(
        matches!(failure, HandshakeFailure::Overtaken),
        "{failure:?}"
    );
    slow.closed().await;
    assert_eq!(node.nodes(), [GREATER]);
    node.shutdown().await;
}

/// A node that writes what is left to write lets nobody in any more.
#[tokio::test(start_paused = true)]
async fn a_node_that_shuts_down_lets_nobody_in() {
    crate::raw::metronome();
    let node = builder().start().await.unwrap();
    let mut busy = node.busy_events();
    // Somebody who does not read keeps the node from ending at once.
    let _deaf = Raw::connect(&node, SMALLER).await;
    let to = erland::Atom::new(SMALLER).unwrap();
    let full = node.spawn(move |ctx| async move {
        loop {
            let message = erland::Term::binary(vec![1; 256 * 1024]);
            let _sent = ctx.send((erland::atom!("x"), to.clone()), message).await;
        }
    });
    let mut late = Raw::open(&node).await;
    // Until the sender waits for room.
    let waits = event(&mut busy).await;
    assert!(matches!(waits, NodeEvent::DistBusy { .. }), "{waits:?}");
    assert!(node.is_alive(&full));
    let mut events = node.events();
    let stopping = tokio::spawn({
        let node = node.clone();
        async move { node.shutdown().await }
    });
    // A second of the paused clock: the end has begun, and its deadline of five is far.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    late.write(&send_name(GREATER)).await;
    let failure = refused(&mut events).await;
    assert!(matches!(failure, HandshakeFailure::Stopping), "{failure:?}");
    assert!(late.read().await.is_none(), "without a status");
    stopping.await.unwrap();
}
