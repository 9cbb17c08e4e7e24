//! What becomes of signals sent while a connection is being set up? Against a scripted peer, which
//! takes its time; no Erlang is needed.

use std::time::Duration;

use erland::dist::{Control, Target};
use erland::{Epmd, Flags, Node, Term, atom};
use erland_interop_tests::{Peer, PeerListener, Probe, name_of, start, within};

const PEER: &str = "slow@127.0.0.1";

async fn setting() -> (Node, PeerListener) {
    let listener = PeerListener::bind(PEER).await;
    let node = start(
        Node::builder("rust@127.0.0.1")
            .cookie("secret")
            .epmd(Epmd::None)
            .setup_timeout(Duration::from_secs(1))
            .static_peer(PEER, listener.addr()),
    )
    .await;
    (node, listener)
}

/// The pids of a scripted peer are known before it is connected.
fn pid(number: u32) -> erland::Pid {
    let id = erland::NodeId::new(name_of(PEER), erland_interop_tests::CREATION);
    erland::Pid::new(id, number, 0)
}

async fn next(peer: &mut Peer) -> (Control, Option<Term>) {
    let (control, payload) = peer.next_signal().await.expect("a signal");
    (
        control,
        payload.map(|payload| payload.to_term().expect("it decodes")),
    )
}

#[tokio::test]
async fn they_go_out_in_order_once_it_stands() {
    let (node, listener) = setting().await;
    let probe = Probe::start(&node);
    for number in 1..=50_u32 {
        probe.send(&pid(1), Term::from(number)).await;
    }
    probe.link(&pid(1)).await;
    probe
        .send((atom!("name"), name_of(PEER)), atom!("by_name"))
        .await;
    let monitor = probe.monitor(&pid(1)).await;
    probe.exit(&pid(1), Term::from(atom!("why_not"))).await;
    probe.send(&pid(1), atom!("last")).await;
    assert!(node.nodes().is_empty(), "nothing is connected yet");

    let mut peer = listener.accept().await;
    peer.answer("secret", Flags::HONOURED).await;
    for number in 1..=50_u32 {
        let (control, payload) = next(&mut peer).await;
        assert!(matches!(control, Control::Send { to, .. } if to == pid(1)));
        assert_eq!(payload, Some(Term::from(number)));
    }
    assert!(matches!(next(&mut peer).await.0, Control::Link { to, .. } if to == pid(1)));
    let (control, payload) = next(&mut peer).await;
    assert!(matches!(control, Control::RegSend { name, .. } if name == "name"));
    assert_eq!(payload, Some(Term::from(atom!("by_name"))));
    let (control, _) = next(&mut peer).await;
    match control {
        Control::MonitorP {
            target, reference, ..
        } => {
            assert_eq!((target, reference), (Target::Pid(pid(1)), monitor));
        }
        other => panic!("a monitor was due, not {other:?}"),
    }
    let (control, payload) = next(&mut peer).await;
    assert!(matches!(control, Control::Exit2 { to, .. } if to == pid(1)));
    assert_eq!(payload, Some(Term::from(atom!("why_not"))));
    assert_eq!(next(&mut peer).await.1, Some(Term::from(atom!("last"))));
}

#[tokio::test]
async fn if_it_fails_messages_vanish_and_relations_hear_noconnection_once() {
    let (node, listener) = setting().await;
    let mut probe = Probe::trapping(&node).await;
    probe.send(&pid(1), atom!("lost")).await;
    probe.link(&pid(1)).await;
    let by_pid = probe.monitor(&pid(1)).await;
    let by_name = probe.monitor_name("name", PEER).await;
    // Taken back before it is decided: never heard of.
    let taken_back = probe.monitor(&pid(2)).await;
    probe.run(move |ctx| ctx.demonitor(&taken_back)).await;
    probe.link(&pid(3)).await;
    probe.unlink(&pid(3)).await;
    // It accepts, reads our name, and says no more.
    let mut peer = listener.accept().await;
    assert!(peer.handshake_frame().await.is_some());
    peer.closed().await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(probe.next_term().await.to_string());
    }
    assert!(
        heard.iter().all(|term| term.contains("noconnection")),
        "{heard:?}"
    );
    for due in [
        by_pid.to_string(),
        by_name.to_string(),
        format!("'EXIT',{}", pid(1)),
    ] {
        assert_eq!(
            heard.iter().filter(|term| term.contains(&due)).count(),
            1,
            "{heard:?}"
        );
    }
    probe.is_quiet().await;
    // The next attempt starts with nothing left over.
    probe.send(&pid(1), atom!("second")).await;
    let mut peer = listener.accept().await;
    peer.answer("secret", Flags::HONOURED).await;
    assert_eq!(next(&mut peer).await.1, Some(Term::from(atom!("second"))));
    probe.is_quiet().await;
}

#[tokio::test]
async fn send_waits_at_the_bound_and_other_signals_never_do() {
    let (node, listener) = setting().await;
    let block = Term::binary(vec![1; 256 * 1024]);
    let mut taken = 0;
    loop {
        let send = node.send(pid(1), block.clone());
        if tokio::time::timeout(Duration::from_millis(100), send)
            .await
            .is_err()
        {
            break;
        }
        taken += 1;
        assert!(taken < 1000, "send never waits");
    }
    // Past the bound: the signals of links and monitors still go in at once.
    let mut probe = Probe::trapping(&node).await;
    probe.link(&pid(1)).await;
    let monitor = probe.monitor(&pid(2)).await;
    probe.exit(&pid(1), Term::from(atom!("why_not"))).await;
    // A send that waits while set-up succeeds is done once there is room.
    let waiting = {
        let node = node.clone();
        tokio::spawn(async move { node.send(pid(1), atom!("waited")).await })
    };
    let mut peer = listener.accept().await;
    peer.answer("secret", Flags::HONOURED).await;
    // The blocks go in fragments, between which the probe's signals may pass.
    let (mut messages, mut signals) = (Vec::new(), Vec::new());
    while messages.len() < taken + 1 || signals.len() < 3 {
        match next(&mut peer).await {
            (Control::Send { .. }, Some(message)) => messages.push(message),
            (signal, _) => signals.push(signal),
        }
    }
    let waited = messages.pop();
    assert_eq!(waited, Some(Term::from(atom!("waited"))));
    assert!(
        messages.iter().all(|message| *message == block),
        "the blocks that were accepted"
    );
    assert!(matches!(
        signals[..],
        [
            Control::Link { .. },
            Control::MonitorP { .. },
            Control::Exit2 { .. }
        ]
    ));
    within("the waiting send", waiting)
        .await
        .expect("no panic")
        .expect("it can be encoded");
    drop(peer);
    let mut heard = [
        probe.next_term().await.to_string(),
        probe.next_term().await.to_string(),
    ];
    heard.sort();
    assert!(
        heard[0].contains("'DOWN'") && heard[0].contains(&monitor.to_string()),
        "{heard:?}"
    );
    assert!(heard[1].contains("'EXIT'"), "{heard:?}");
    probe.is_quiet().await;
}

#[tokio::test]
async fn a_send_that_waits_while_set_up_fails_is_done_too() {
    let (node, listener) = setting().await;
    let block = Term::binary(vec![1; 256 * 1024]);
    let sender = {
        let node = node.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                node.send(pid(1), block.clone())
                    .await
                    .expect("it can be encoded");
            }
        })
    };
    // Nobody ever answers: each attempt fails in a second, and what waits goes into the void.
    let refuse = async {
        loop {
            drop(listener.accept().await);
        }
    };
    tokio::select! {
        done = within("a hundred sends into the void", sender) => done.expect("no panic"),
        () = refuse => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn a_waiting_connect_hears_why_it_failed() {
    let (node, listener) = setting().await;
    // Two callers, one attempt, one answer for both.
    let (one, two, mut peer) = tokio::join!(node.connect(PEER), node.connect(PEER), async {
        let mut peer = listener.accept().await;
        assert!(peer.handshake_frame().await.is_some());
        peer.write_handshake(b"snot_allowed").await;
        peer
    });
    for error in [one.expect_err("refused"), two.expect_err("refused")] {
        assert!(error.to_string().contains("shake hands"), "{error}");
    }
    peer.closed().await;
}
