//! Does an idle connection live, and is a dead peer found in the time that OTP would take?

use std::time::{Duration, Instant};

use bytes::BytesMut;
use erland::dist::{Identity, Initiator, InitiatorStep, LengthPrefix};
use erland::{Cookie, Flags, NodeDownReason, NodeName, Term, atom};
use erland_interop_tests::{
    CREATION, ErlOptions, Peer, Probe, Watch, World, name_of, on_every_release, start, within,
};

/// Seconds of `net_ticktime` on both sides; OTP cuts it into four intervals.
const TICKTIME: u32 = 2;

fn ticktime() -> Duration {
    Duration::from_secs(TICKTIME.into())
}

/// A scripted peer, connected to whichever node listens there.
async fn connected(port: u16, name: &str, target: &str) -> Peer {
    let mut peer = Peer::open_port(port, name).await;
    let mut out = BytesMut::new();
    let identity = Identity {
        name: NodeName::parse(name).expect("a name"),
        creation: CREATION,
        flags: Flags::HONOURED,
    };
    let target = NodeName::parse(target).expect("a name");
    let (cookie, prefix) = (Cookie::new("secret"), LengthPrefix::Two);
    let mut initiator = Initiator::start(identity, target, cookie, 5, prefix, &mut out);
    loop {
        peer.write(&out.split()).await;
        let body = peer.handshake_frame().await.expect("an answer of the node");
        match initiator.receive(&body, &mut out).expect("a handshake") {
            InitiatorStep::Continue => {}
            InitiatorStep::Done(_) => return peer,
            step => panic!("unexpected in a handshake: {step:?}"),
        }
    }
}

/// Ticks for a while and then falls silent; how long it takes to be hung up on, and how many ticks
/// it gets meanwhile.
async fn falls_silent(mut peer: Peer) -> (Duration, usize) {
    let interval = ticktime() / 4;
    for _ in 0..3 {
        peer.write_frame(&[]).await;
        let until = tokio::time::Instant::now() + interval;
        while let Ok(frame) = tokio::time::timeout_at(until, peer.frame()).await {
            assert!(frame.is_some(), "it is alive");
        }
    }
    peer.write_frame(&[]).await;
    let last = Instant::now();
    let mut ticks = 0;
    while peer.frame().await.is_some() {
        ticks += 1;
    }
    (last.elapsed(), ticks)
}

on_every_release! {
    async fn a_peer_that_falls_silent_is_found_in_the_same_window_here_and_there(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").net_ticktime(ticktime())).await;
        let erl = world.erl_with("erl", ErlOptions::default().ticktime(TICKTIME)).await;
        erl.expect(
            "net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason])",
            "ok",
        )
        .await;
        let entry = erland::epmd::Client::new(world.epmd_addr()).lookup("erl").await;
        let port = entry.expect("it is registered").port;
        let mut watch = Watch::on(&rust);
        let (ours, theirs) = tokio::join!(
            async { falls_silent(connected(rust.port(), "odd@127.0.0.1", "rust@127.0.0.1").await).await },
            async { falls_silent(connected(port, "odd@127.0.0.1", "erl@127.0.0.1").await).await },
        );
        for (who, (taken, ticks)) in [("ours", ours), ("theirs", theirs)] {
            let interval = ticktime() / 4;
            assert!(taken >= ticktime() - interval, "{who}: too early: {taken:?}");
            assert!(taken <= ticktime() + interval + Duration::from_secs(1), "{who}: too late: {taken:?}");
            // One per interval, to the last one but that in which it is found.
            assert!((3..=5).contains(&ticks), "{who}: {ticks}");
        }
        let reason = watch.down("odd@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::NetTickTimeout), "{reason}");
        let up = erl.eval("erland_helper:reply(10000)").await;
        assert!(up.contains("nodeup"), "{up}");
        let down = erl.eval("erland_helper:reply(10000)").await;
        assert!(down.contains("net_tick_timeout"), "{down}");
    }

    async fn an_idle_link_lives_through_three_tick_periods(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").net_ticktime(ticktime())).await;
        let erl = world.erl_with("erl", ErlOptions::default().ticktime(TICKTIME)).await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        let mut watch = Watch::on(&rust);
        // Nothing but ticks on the wire, from either side.
        watch.nothing_goes_down_for(3 * ticktime() + ticktime() / 2).await;
        erl.expect("erland_helper:flush()", "[]").await;
        assert_eq!(rust.nodes(), ["erl@127.0.0.1"]);
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn an_idle_link_to_a_hidden_node_lives_too(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").net_ticktime(ticktime())).await;
        let erl = world.erl_with("erl", ErlOptions::default().ticktime(TICKTIME).hidden()).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        Watch::on(&rust).nothing_goes_down_for(3 * ticktime()).await;
        erl.expect("erland_helper:flush()", "[]").await;
    }

    async fn a_link_with_traffic_one_way_lives(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").net_ticktime(ticktime())).await;
        let erl = world.erl_with("erl", ErlOptions::default().ticktime(TICKTIME)).await;
        let mut probe = Probe::named(&rust, "probe").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        // Only they write: they send no ticks while they do, and we must.
        erl.expect(
            "S = spawn(fun F() -> {probe, 'rust@127.0.0.1'} ! x, timer:sleep(100), F() end), is_pid(S)",
            "true",
        )
        .await;
        Watch::on(&rust).nothing_goes_down_for(2 * ticktime()).await;
        erl.expect("exit(S, kill), erland_helper:flush()", "[]").await;
        assert!(probe.drain().await.len() > 10);
        // Only we write.
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        let mut watch = Watch::on(&rust);
        let end = Instant::now() + 2 * ticktime();
        let mut sent = 0;
        while Instant::now() < end {
            probe.send(evaluator.clone(), Term::from(1_i64)).await;
            sent += 1;
            watch.nothing_goes_down_for(Duration::from_millis(100)).await;
        }
        erl.expect("length(erland_helper:flush())", &sent.to_string()).await;
    }

    async fn a_peer_that_stops_answering_is_found_dead_in_time(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").net_ticktime(ticktime())).await;
        let erl = world.erl_with("erl", ErlOptions::default().ticktime(TICKTIME)).await;
        let mut probe = Probe::trapping(&rust).await;
        let theirs = probe.learn_pid(&erl, "erland_helper:collector()").await;
        probe.link(&theirs).await;
        let watched = probe.monitor(&theirs).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&rust);
        erl.freeze().await;
        let begin = Instant::now();
        let reason = watch.down("erl@127.0.0.1").await;
        let taken = begin.elapsed();
        assert!(matches!(reason, NodeDownReason::NetTickTimeout), "{reason}");
        // Between one interval less and one interval more than the tick time (OTP's net_ticktime),
        // and what a loaded machine adds.
        let interval = ticktime() / 4;
        assert!(taken >= ticktime() - interval, "found dead too early: {taken:?}");
        assert!(taken <= ticktime() + interval + Duration::from_secs(1), "too late: {taken:?}");
        let mut heard = [probe.next_term().await, probe.next_term().await];
        heard.sort();
        let exit = Term::from((atom!("EXIT"), theirs.clone(), atom!("noconnection")));
        let down = Term::from((
            atom!("DOWN"),
            watched,
            atom!("process"),
            theirs,
            atom!("noconnection"),
        ));
        assert_eq!(heard, [exit, down]);
        probe.is_quiet().await;
        // When it wakes it finds the connection gone, and a new one works.
        erl.thaw().await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }
}
