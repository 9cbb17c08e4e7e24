//! Does an idle connection live, and is a dead peer found in the time that OTP would take?

use std::time::{Duration, Instant};

use erland::{NodeDownReason, Term, atom};
use erland_interop_tests::{
    ErlOptions, Probe, Watch, World, name_of, on_every_release, start, within,
};

/// Seconds of `net_ticktime` on both sides; OTP cuts it into four intervals.
const TICKTIME: u32 = 2;

fn ticktime() -> Duration {
    Duration::from_secs(TICKTIME.into())
}

on_every_release! {
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
