//! Every way into a connection, between live nodes: the status messages, the allow lists, the
//! cookies of single peers, the old name message, and a flood.

use erland::dist::{HandshakeError, Stage};
use erland::{ConnectError, Cookie, Flags, HandshakeFailure, NodeDownReason, NodeEvent, PingError};
use erland_interop_tests::{
    CREATION, Erl, Peer, Probe, Watch, World, on_every_release, start, within,
};

/// The port at which a live node listens.
async fn port_of(world: &World, erl: &Erl) -> u16 {
    let name = erl.name().split('@').next().expect("a name");
    let client = erland::epmd::Client::new(world.epmd_addr());
    let entry = within("epmd's answer", client.lookup(name)).await;
    entry.expect("the node is registered").port
}

/// Connects a scripted peer to a live node, under this name.
async fn dial_erl(world: &World, erl: &Erl, name: &str) -> Peer {
    let peer = Peer::open_port(port_of(world, erl).await, name).await;
    peer.shake_hands(erl.name(), world.cookie(), Flags::HONOURED)
        .await
}

/// `send_name` before OTP 23.
fn old_name(name: &str) -> Vec<u8> {
    let mut body = vec![b'n', 0, 5];
    body.extend_from_slice(&Flags::HONOURED.bits().to_be_bytes()[4..]);
    body.extend_from_slice(name.as_bytes());
    body
}

/// The whole handshake of a node before OTP 23 with a node that has the cookie `secret`; false if
/// it is not let in.
async fn shakes_hands_as_before_otp_23(peer: &mut Peer, name: &str) -> bool {
    peer.write_handshake(&old_name(name)).await;
    let Some(status) = peer.handshake_frame().await else {
        return false;
    };
    assert_eq!(&status[..], b"sok");
    let challenge = peer.handshake_frame().await.expect("a challenge");
    assert_eq!(challenge[0], b'N', "in the new form");
    let mut complement = vec![b'c'];
    complement.extend_from_slice(&Flags::HONOURED.bits().to_be_bytes()[..4]);
    complement.extend_from_slice(&CREATION.to_be_bytes());
    peer.write_handshake(&complement).await;
    let cookie = Cookie::new("secret");
    let theirs = u32::from_be_bytes(challenge[9..13].try_into().expect("four bytes"));
    let mut reply = vec![b'r', 0, 0, 0, 5];
    reply.extend_from_slice(&cookie.digest(theirs));
    peer.write_handshake(&reply).await;
    let ack = peer.handshake_frame().await.expect("an ack");
    assert_eq!(ack[0], b'a');
    assert_eq!(ack[1..], cookie.digest(5));
    true
}

fn not_allowed(error: &PingError) -> bool {
    matches!(
        error,
        PingError::Connect(ConnectError::Handshake(HandshakeFailure::Protocol(
            HandshakeError::NotAllowed { .. }
        )))
    )
}

/// Waits until the node has noticed that the connection is gone: a ping before that is a `pang`
/// without an attempt.
const FORGOTTEN: &str = "(fun Wait() -> case ets:lookup(sys_dist, 'rust@127.0.0.1') of \
    [] -> ok; _ -> erlang:yield(), Wait() end end)()";

on_every_release! {
    async fn they_are_told_alive_and_replace_what_is_stale(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut watch = Watch::on(&rust);
        // Somebody has the connection of the node that is yet to come.
        let mut stale = Peer::dial(&rust, "erl@127.0.0.1", world.cookie()).await;
        watch.up("erl@127.0.0.1").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.link(&stale.pid(1)).await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let reason = watch.down("erl@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::Replaced), "{reason}");
        watch.up("erl@127.0.0.1").await;
        stale.closed().await;
        assert_eq!(probe.exit_from(&stale.pid(1)).await, "noconnection");
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        probe.is_quiet().await;
    }

    async fn we_are_told_alive_and_replace_what_is_stale(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        erl.expect("net_kernel:monitor_nodes(true, [{node_type, all}])", "ok").await;
        let mut stale = dial_erl(&world, &erl, "rust@127.0.0.1").await;
        erl.expect("erland_helper:reply(10000)", "{nodeup,'rust@127.0.0.1',[{node_type,hidden}]}").await;
        let rust = world.node("rust").await;
        let mut watch = Watch::on(&rust);
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        watch.up("erl@127.0.0.1").await;
        stale.closed().await;
        // To their mind it went down and came up again.
        for event in ["nodedown", "nodeup"] {
            let expected = format!("{{{event},'rust@127.0.0.1',[{{node_type,hidden}}]}}");
            erl.expect("erland_helper:reply(10000)", &expected).await;
        }
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        watch.nothing_goes_down_for(std::time::Duration::ZERO).await;
    }

    async fn a_third_attempt_of_a_name_is_heard_here_and_not_there(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let theirs = port_of(&world, &erl).await;
        let _first = dial_erl(&world, &erl, "odd@127.0.0.1").await;
        let _ours = Peer::dial(&rust, "odd@127.0.0.1", world.cookie()).await;
        let mut name = vec![b'N'];
        name.extend_from_slice(&Flags::HONOURED.bits().to_be_bytes());
        name.extend_from_slice(&[0, 0, 0, 9, 0, 13]);
        name.extend_from_slice(b"odd@127.0.0.1");
        for (port, third) in [(theirs, None), (rust.port(), Some(&b"salive"[..]))] {
            let mut attempts = Vec::new();
            for expected in [Some(&b"salive"[..]), third] {
                let mut peer = Peer::open_port(port, "odd@127.0.0.1").await;
                peer.write_handshake(&name).await;
                assert_eq!(peer.handshake_frame().await.as_deref(), expected);
                attempts.push(peer);
            }
        }
        // None of that has touched the connections.
        assert_eq!(rust.nodes(), ["odd@127.0.0.1"]);
        erl.expect("nodes(hidden)", "['odd@127.0.0.1']").await;
    }

    async fn our_allow_list_has_nodes_and_hosts(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").allow(["friend@127.0.0.1"])).await;
        let mut watch = Watch::on(&rust);
        let friend = world.erl("friend").await;
        let stranger = world.erl("stranger").await;
        friend.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        stranger.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
        let failure = watch.refused().await;
        assert!(matches!(failure, HandshakeFailure::NotOnAllowList), "{failure}");
        let error = within("our ping", rust.ping("stranger@127.0.0.1")).await.expect_err("pang");
        assert!(matches!(error, PingError::Connect(ConnectError::NotOnAllowList)), "{error:?}");
        assert_eq!(rust.nodes(), ["friend@127.0.0.1"]);
        friend.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // The other host is nobody here.
        let by_host = start(world.builder("host").allow(["127.0.0.1"])).await;
        stranger.expect("net_adm:ping('host@127.0.0.1')", "pong").await;
        let elsewhere = start(world.builder("else").allow(["10.0.0.1"])).await;
        stranger.expect("net_adm:ping('else@127.0.0.1')", "pang").await;
        drop((by_host, elsewhere));
    }

    async fn their_allow_list_has_nodes_and_hosts(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_kernel:allow(['friend@127.0.0.1'])", "ok").await;
        let error = within("our ping", rust.ping("erl@127.0.0.1")).await.expect_err("pang");
        assert!(not_allowed(&error), "{error:?}");
        erl.expect("net_kernel:allow(['127.0.0.1'])", "ok").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        // Only whole names count when they dial. Ours counts the same both ways.
        let theirs = world.erl("theirs").await;
        theirs.expect("net_kernel:allow(['127.0.0.1'])", "ok").await;
        theirs.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
        within("our ping", rust.ping("theirs@127.0.0.1")).await.expect("pong");
        let ours = start(world.builder("ours").allow(["127.0.0.1"])).await;
        within("our ping", ours.ping("theirs@127.0.0.1")).await.expect("pong");
    }

    async fn a_peer_has_a_cookie_of_its_own(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").peer_cookie("theirs@127.0.0.1", "theirs")).await;
        let options = erland_interop_tests::ErlOptions::default().cookie("theirs");
        let theirs = world.erl_with("theirs", options).await;
        let ours = world.erl("ours").await;
        theirs.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        ours.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        for name in ["theirs@127.0.0.1", "ours@127.0.0.1"] {
            within("our ping", rust.ping(name)).await.expect("pong");
        }
        // Changed on both sides, while the connections stand.
        rust.set_peer_cookie("ours@127.0.0.1", "between us").expect("a name");
        ours.expect("erlang:set_cookie('rust@127.0.0.1', 'between us')", "true").await;
        within("our ping", rust.ping("ours@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&rust);
        for name in ["theirs@127.0.0.1", "ours@127.0.0.1"] {
            assert!(rust.disconnect(name));
            watch.down(name).await;
            within("our ping", rust.ping(name)).await.expect("pong");
            assert!(rust.disconnect(name));
            watch.down(name).await;
        }
        theirs.expect(FORGOTTEN, "ok").await;
        ours.expect(FORGOTTEN, "ok").await;
        theirs.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        ours.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // Changed on one side only: nobody gets in any more.
        rust.set_cookie("new");
        rust.set_peer_cookie("ours@127.0.0.1", "other").expect("a name");
        assert!(rust.disconnect("ours@127.0.0.1"));
        watch.down("ours@127.0.0.1").await;
        ours.expect(FORGOTTEN, "ok").await;
        ours.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
        let failure = watch.refused().await;
        assert!(
            matches!(
                failure,
                HandshakeFailure::Protocol(HandshakeError::BadCookie(Stage::Reply))
            ),
            "{failure}"
        );
        within("our ping", rust.ping("theirs@127.0.0.1")).await.expect("pong");
    }

    async fn the_old_name_message_is_taken_as_they_take_it(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut to_us = Peer::open(&rust, "old@127.0.0.1").await;
        assert!(shakes_hands_as_before_otp_23(&mut to_us, "old@127.0.0.1").await);
        assert_eq!(rust.nodes(), ["old@127.0.0.1"]);
        let mut to_them = Peer::open_port(port_of(&world, &erl).await, "old@127.0.0.1").await;
        let taken = shakes_hands_as_before_otp_23(&mut to_them, "old@127.0.0.1").await;
        // 25.2.3 does not know it, though 25.3 does.
        assert_eq!(taken, release.number > 25);
        if taken {
            erl.expect("nodes(hidden)", "['old@127.0.0.1']").await;
        }
        // Half of the mandatory flags come with the complement, and so may the refusal.
        let mut lacking = vec![b'c'];
        let flags = Flags::HONOURED - Flags::V4_NC;
        lacking.extend_from_slice(&flags.bits().to_be_bytes()[..4]);
        lacking.extend_from_slice(&CREATION.to_be_bytes());
        let ports = [Some(rust.port()), taken.then_some(port_of(&world, &erl).await)];
        for port in ports.into_iter().flatten() {
            let mut peer = Peer::open_port(port, "half@127.0.0.1").await;
            peer.write_handshake(&old_name("half@127.0.0.1")).await;
            assert_eq!(peer.handshake_frame().await.as_deref(), Some(&b"sok"[..]));
            assert_eq!(peer.handshake_frame().await.map(|body| body[0]), Some(b'N'));
            peer.write_handshake(&lacking).await;
            assert_eq!(peer.handshake_frame().await.as_deref(), Some(&b"snot_allowed"[..]));
            peer.closed().await;
        }
    }

    async fn a_flood_of_half_open_connections_keeps_nobody_out(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut watch = Watch::on(&rust);
        let mut flood = Vec::new();
        for number in 0..400 {
            let mut peer = Peer::open(&rust, "flood@127.0.0.1").await;
            if number % 2 == 0 {
                let mut name = vec![b'N'];
                name.extend_from_slice(&Flags::HONOURED.bits().to_be_bytes());
                name.extend_from_slice(&[0, 0, 0, 9, 0, 15]);
                name.extend_from_slice(b"flood@127.0.0.1");
                peer.try_write(&[&[0, 30], &name[..]].concat()).await;
            }
            flood.push(peer);
        }
        // With the default deadlines: far sooner than the 7 s that each of the flood may take.
        let ping = erl.eval("element(1, timer:tc(fun() -> pong = net_adm:ping('rust@127.0.0.1') end)) < 7000000");
        assert_eq!(ping.await, "true");
        let mut crowded = 0;
        while crowded < 300 {
            match watch.next().await {
                NodeEvent::Refused { error: HandshakeFailure::Crowded { .. }, .. } => crowded += 1,
                NodeEvent::NodeUp { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        drop(flood);
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
    }
}
