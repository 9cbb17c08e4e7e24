//! Is everybody taken for who they are: old incarnations, second connections of one name, and
//! signals in the name of somebody else?

use std::time::Duration;

use bytes::BytesMut;
use erland::dist::{Control, Identity, Initiator, InitiatorStep, LengthPrefix};
use erland::{Cookie, ExitReason, Flags, NodeDownReason, NodeId, NodeName, Pid, Term, atom};
use erland_interop_tests::{Peer, Probe, Watch, World, name_of, on_every_release, within};

const ODD: &str = "odd@127.0.0.1";

/// A second connection of the peer's name, up to the node's status; its answer is `answer`.
async fn second_connection(node: &erland::Node, answer: &[u8]) -> Peer {
    let mut peer = Peer::open(node, ODD).await;
    let mut out = BytesMut::new();
    let identity = Identity {
        name: NodeName::parse(ODD).expect("a name"),
        creation: erland_interop_tests::CREATION,
        flags: Flags::HONOURED,
    };
    let (name, cookie) = (node.name().clone(), Cookie::new("secret"));
    let mut initiator = Initiator::start(identity, name, cookie, 5, LengthPrefix::Two, &mut out);
    peer.write(&out.split()).await;
    let status = peer.handshake_frame().await.expect("a status");
    assert_eq!(&status[..], b"salive");
    assert!(matches!(
        initiator.receive(&status, &mut out),
        Ok(InitiatorStep::Alive)
    ));
    peer.write_handshake(answer).await;
    if answer == b"strue" {
        initiator.answer_alive(true, &mut out).expect("its turn");
        out.clear();
        let challenge = peer.handshake_frame().await.expect("a challenge");
        let step = initiator.receive(&challenge, &mut out);
        assert!(matches!(step, Ok(InitiatorStep::Continue)), "{step:?}");
        peer.write(&out.split()).await;
        let ack = peer.handshake_frame().await.expect("an ack");
        assert!(matches!(
            initiator.receive(&ack, &mut out),
            Ok(InitiatorStep::Done(_))
        ));
    }
    peer
}

on_every_release! {
    async fn a_pid_of_an_earlier_incarnation_of_theirs_is_nobody(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut probe = Probe::trapping(&rust).await;
        let mut watch = Watch::on(&rust);
        let erl = world.erl("erl").await;
        let old = probe.learn_pid(&erl, "self()").await;
        erl.stop().await;
        watch.down("erl@127.0.0.1").await;
        let erl = world.erl("erl").await;
        probe.link(&old).await;
        assert_eq!(probe.exit_from(&old).await, "noproc");
        let watched = probe.monitor(&old).await;
        assert_eq!(probe.down(&watched).await, "noproc");
        probe.send(&old, atom!("lost")).await;
        probe.exit(&old, ExitReason::Kill).await;
        // The connection stands, and the new one's process of the same number got nothing.
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("erland_helper:flush()", "[]").await;
        watch.up("erl@127.0.0.1").await;
        watch.nothing_goes_down_for(Duration::ZERO).await;
        probe.is_quiet().await;
    }

    async fn a_pid_of_an_earlier_incarnation_of_ours_is_nobody(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let first = world.node("rust").await;
        Probe::start(&first).introduce(&erl, "Old").await;
        first.shutdown().await;
        let second = world.node("rust").await;
        let mut probe = Probe::start(&second);
        assert_ne!(first.creation(), second.creation());
        erl.expect(
            "C = erland_helper:collector(fun() -> link(Old), Old ! lost, exit(Old, kill) end),
             erland_helper:await(C, 1) =:= [{'EXIT', Old, noproc}]",
            "true",
        )
        .await;
        erl.expect(
            "R = monitor(process, Old), erland_helper:reply(10000) =:= {'DOWN', R, process, Old, noproc}",
            "true",
        )
        .await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        probe.is_quiet().await;
    }

    async fn signals_in_the_name_of_another_node_have_no_effect(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut witness_probe = Probe::named(&rust, "witness").await;
        let mut probe = Probe::trapping(&rust).await;
        let theirs = probe.learn_pid(&erl, "T = erland_helper:collector(), T").await;
        probe.link(&theirs).await;
        let watched = probe.monitor(&theirs).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        // Somebody else says that the link's other end has died, or has taken the link back, and
        // that the monitored process is gone. Whether that costs the liar its connection or not:
        // link and monitor stand.
        let (from, to) = (Term::from(theirs.clone()), Term::from(probe.pid().clone()));
        let lies = [
            (Term::from((24_i64, from.clone(), to.clone())), Some(Term::from(atom!("lie")))),
            (Term::from((35_i64, 77_i64, from.clone(), to.clone())), None),
            (
                Term::from((28_i64, from.clone(), to.clone(), watched.clone())),
                Some(Term::from(atom!("lie"))),
            ),
        ];
        for (control, payload) in lies {
            let mut watch = Watch::on(&rust);
            let mut liar = Peer::dial(&rust, ODD, "secret").await;
            liar.signal(&control, payload.as_ref()).await;
            // It has been read when what follows it is, or when it has cost the connection.
            let witness = Term::from((6_i64, liar.pid(1), atom!(""), atom!("witness")));
            liar.signal(&witness, Some(&Term::from(atom!("after")))).await;
            tokio::select! {
                seen = witness_probe.message() => assert_eq!(seen, "'after'"),
                _ = watch.down(ODD) => {}
            }
        }
        probe.is_quiet().await;
        erl.expect("exit(T, kill)", "true").await;
        let mut heard = [probe.next_term().await.to_string(), probe.next_term().await.to_string()];
        heard.sort();
        assert!(heard[0].contains("'DOWN'") && heard[1].contains("'EXIT'"), "{heard:?}");
        assert!(heard.iter().all(|term| term.contains("killed")), "{heard:?}");
        probe.is_quiet().await;
    }

    async fn a_second_connection_of_a_name_replaces_the_first_if_the_peer_says_so(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let mut watch = Watch::on(&rust);
        let mut first = Peer::dial(&rust, ODD, "secret").await;
        watch.up(ODD).await;
        let mut probe = Probe::trapping(&rust).await;
        probe.link(&first.pid(1)).await;
        assert!(matches!(first.next_signal().await, Some((Control::Link { .. }, _))));
        // It gives up: nothing has happened.
        let mut second = second_connection(&rust, b"sfalse").await;
        second.closed().await;
        watch.nothing_goes_down_for(Duration::from_millis(100)).await;
        probe.is_quiet().await;
        // It insists: the first is stale.
        let third = second_connection(&rust, b"strue").await;
        let reason = watch.down(ODD).await;
        assert!(matches!(reason, NodeDownReason::Replaced), "{reason}");
        watch.up(ODD).await;
        first.closed().await;
        assert_eq!(probe.exit_from(&third.pid(1)).await, "noconnection");
        probe.is_quiet().await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn somebody_without_the_cookie_replaces_nobody(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let mut watch = Watch::on(&rust);
        // In the name of the node that is connected, with the wrong digest.
        let mut thief = Peer::open(&rust, "erl@127.0.0.1").await;
        let mut name = vec![b'N'];
        name.extend_from_slice(&Flags::HONOURED.bits().to_be_bytes());
        name.extend_from_slice(&[0, 0, 0, 9, 0, 13]);
        name.extend_from_slice(b"erl@127.0.0.1");
        thief.write_handshake(&name).await;
        assert_eq!(thief.handshake_frame().await.as_deref(), Some(&b"salive"[..]));
        thief.write_handshake(b"strue").await;
        assert!(thief.handshake_frame().await.is_some());
        let mut reply = vec![b'r', 0, 0, 0, 1];
        reply.extend_from_slice(&[0; 16]);
        thief.write_handshake(&reply).await;
        thief.closed().await;
        watch.refused().await;
        erl.expect("nodes(hidden)", "['rust@127.0.0.1']").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        watch.nothing_goes_down_for(Duration::ZERO).await;
    }

    async fn a_process_that_waits_in_send_can_be_killed(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.freeze().await;
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        let (blocked, mut count) = tokio::sync::watch::channel(0_u32);
        let sender = rust.spawn(move |ctx| async move {
            loop {
                let message = Term::binary(vec![1; 256 * 1024]);
                ctx.send(evaluator.clone(), message).await.expect("it can be encoded");
                blocked.send_modify(|count| *count += 1);
            }
        });
        let mut probe = Probe::start(&rust);
        let watched = probe.monitor(&sender).await;
        // It waits when nothing more was sent for a while.
        while tokio::time::timeout(Duration::from_millis(500), count.changed()).await.is_ok() {}
        assert!(rust.is_alive(&sender));
        probe.exit(&sender, ExitReason::Kill).await;
        assert_eq!(probe.down(&watched).await, "killed");
        erl.thaw().await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn an_unknown_incarnation_of_ours_in_the_hands_of_a_peer(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let probe = Probe::start(&rust);
        let mut peer = Peer::dial(&rust, ODD, "secret").await;
        let stale = NodeId::new(name_of("rust@127.0.0.1"), rust.creation() ^ 1);
        let stale = Pid::new(stale, probe.pid().id(), probe.pid().serial());
        peer.signal(&Term::from((1_i64, peer.pid(1), stale.clone())), None).await;
        match peer.next_signal().await {
            Some((Control::Exit { from, to, .. }, Some(reason))) => {
                assert_eq!((from, to), (stale.clone(), peer.pid(1)));
                assert_eq!(reason.to_term().expect("it decodes"), Term::from(atom!("noproc")));
            }
            other => panic!("noproc was due, not {other:?}"),
        }
        let reference = peer.reference(1);
        let monitor = Term::from((19_i64, peer.pid(1), stale.clone(), reference.clone()));
        peer.signal(&monitor, None).await;
        match peer.next_signal().await {
            Some((Control::MonitorPExit { reference: fired, .. }, Some(reason))) => {
                assert_eq!(fired, reference);
                assert_eq!(reason.to_term().expect("it decodes"), Term::from(atom!("noproc")));
            }
            other => panic!("noproc was due, not {other:?}"),
        }
        // An unlink of what is not linked is acknowledged.
        let unlink = Term::from((35_i64, 9_i64, peer.pid(1), probe.pid().clone()));
        peer.signal(&unlink, None).await;
        match peer.next_signal().await {
            Some((Control::UnlinkIdAck { id: 9, from, to }, _)) => {
                assert_eq!((&from, to), (probe.pid(), peer.pid(1)));
            }
            other => panic!("an acknowledgement was due, not {other:?}"),
        }
    }
}
