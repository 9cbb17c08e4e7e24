//! Do monitors fire across the wire: once, with the right reason and the right name?

use erland::{DownProcess, ExitReason, Received, Term, atom};
use erland_interop_tests::{Probe, Watch, World, name_of, on_every_release, within};

on_every_release! {
    async fn ours_watches_theirs_by_pid(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let theirs = probe.learn_pid(&erl, "spawn(fun() -> erland_helper:stoppable() end)").await;
        let watched = probe.monitor(&theirs).await;
        probe.send(&theirs, Term::from((atom!("stop"), Term::from((atom!("gone"), 1_i64))))).await;
        let down = probe.next_term().await;
        let expected = Term::from((
            atom!("DOWN"),
            watched,
            atom!("process"),
            theirs.clone(),
            Term::from((atom!("gone"), 1_i64)),
        ));
        assert_eq!(down, expected);
        let again = probe.monitor(&theirs).await;
        assert_eq!(probe.down(&again).await, "noproc");
        probe.is_quiet().await;
    }

    async fn ours_watches_theirs_by_name(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let theirs = probe
            .learn_pid(&erl, "S = spawn(fun() -> erland_helper:stoppable() end), register(service, S), S")
            .await;
        let watched = probe.monitor_name("service", erl.name()).await;
        probe.send(&theirs, Term::from((atom!("stop"), atom!("gone")))).await;
        match probe.next().await {
            Received::Down(down) => {
                assert_eq!(down.reference, watched);
                assert_eq!(down.reason, ExitReason::from(Term::from(atom!("gone"))));
                let process = DownProcess::Name { name: atom!("service"), node: name_of(erl.name()) };
                assert_eq!(down.process, process);
            }
            other => panic!("a down was due, not {other:?}"),
        }
        let nobody = probe.monitor_name("no_such_name", erl.name()).await;
        assert_eq!(probe.down(&nobody).await, "noproc");
        probe.is_quiet().await;
    }

    async fn theirs_watches_ours_by_pid(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        erl.expect("R = monitor(process, P), is_reference(R)", "true").await;
        // The monitor has arrived: the same connection, later.
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        probe.end(Term::from((atom!("gone"), 1_i64)));
        erl.expect("erland_helper:reply(10000) =:= {'DOWN', R, process, P, {gone, 1}}", "true").await;
        erl.expect("R2 = monitor(process, P), erland_helper:reply(10000) =:= {'DOWN', R2, process, P, noproc}", "true").await;
        // A panic is an exit with a reason.
        let probe = Probe::start(&rust);
        probe.introduce(&erl, "Q").await;
        erl.expect("R3 = monitor(process, Q), is_reference(R3)", "true").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        probe.panic("went wrong");
        erl.expect(
            "erland_helper:reply(10000) =:= {'DOWN', R3, process, Q, {panic, <<\"went wrong\">>}}",
            "true",
        )
        .await;
        erl.expect("erland_helper:flush()", "[]").await;
    }

    async fn theirs_watches_ours_by_name(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::named(&rust, "service").await;
        erl.expect("R = monitor(process, {service, 'rust@127.0.0.1'}), is_reference(R)", "true").await;
        // The monitor has arrived: the same connection, later.
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        probe.end(Term::from(atom!("gone")));
        erl.expect(
            "erland_helper:reply(10000) =:= {'DOWN', R, process, {service, 'rust@127.0.0.1'}, gone}",
            "true",
        )
        .await;
        erl.expect(
            "R2 = monitor(process, {service, 'rust@127.0.0.1'}),
             erland_helper:reply(10000) =:= {'DOWN', R2, process, {service, 'rust@127.0.0.1'}, noproc}",
            "true",
        )
        .await;
        erl.expect("erland_helper:flush()", "[]").await;
    }

    async fn a_monitor_taken_back_does_not_fire(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let theirs = probe.learn_pid(&erl, "V = spawn(fun() -> erland_helper:stoppable() end), V").await;
        let watched = probe.monitor(&theirs).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("element(2, process_info(V, monitored_by)) =/= []", "true").await;
        probe.run(move |ctx| ctx.demonitor(&watched)).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("process_info(V, monitored_by)", "{monitored_by,[]}").await;
        probe.send(&theirs, Term::from((atom!("stop"), atom!("gone")))).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        probe.is_quiet().await;
        // And theirs of ours.
        let ours = Probe::start(&rust);
        ours.introduce(&erl, "O").await;
        erl.expect("R = monitor(process, O), demonitor(R)", "true").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let watched = probe.monitor(ours.pid()).await;
        ours.end(Term::from(atom!("gone")));
        assert_eq!(probe.down(&watched).await, "gone");
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("erland_helper:flush()", "[]").await;
    }

    async fn when_the_watcher_ends_its_monitor_goes(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let theirs = probe.learn_pid(&erl, "V = spawn(fun() -> erland_helper:stoppable() end), V").await;
        probe.monitor(&theirs).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("element(2, process_info(V, monitored_by)) =/= []", "true").await;
        let mut other = Probe::start(&rust);
        let watched = other.monitor(probe.pid()).await;
        probe.end(ExitReason::Normal);
        other.down(&watched).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("process_info(V, monitored_by)", "{monitored_by,[]}").await;
    }

    async fn many_monitors_of_one_process_fire_once_each(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let theirs = probe.learn_pid(&erl, "V = spawn(fun() -> erland_helper:stoppable() end), V").await;
        let mut due = Vec::new();
        for _ in 0..20 {
            due.push(probe.monitor(&theirs).await);
        }
        probe.send(&theirs, Term::from((atom!("stop"), atom!("gone")))).await;
        for _ in 0..20 {
            match probe.next().await {
                Received::Down(down) => {
                    let place = due.iter().position(|reference| *reference == down.reference);
                    due.swap_remove(place.expect("a monitor that has not fired yet"));
                }
                other => panic!("a down was due, not {other:?}"),
            }
        }
        probe.is_quiet().await;
        let ours = Probe::start(&rust);
        ours.introduce(&erl, "O").await;
        erl.expect("Rs = [monitor(process, O) || _ <- lists:seq(1, 20)], length(Rs)", "20").await;
        ours.end(Term::from(atom!("gone")));
        erl.expect(
            "Got = [element(2, erland_helper:reply(10000)) || _ <- Rs], lists:sort(Got) =:= lists:sort(Rs)",
            "true",
        )
        .await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("erland_helper:flush()", "[]").await;
    }

    async fn a_killed_node_is_noconnection_to_every_monitor_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut erl = world.erl("erl").await;
        let mut learner = Probe::start(&rust);
        let theirs = learner
            .learn_pid(&erl, "S = spawn(fun() -> erland_helper:stoppable() end), register(service, S), S")
            .await;
        let mut probes = Vec::new();
        for number in 0..50 {
            let probe = Probe::start(&rust);
            let by_pid = probe.monitor(&theirs).await;
            let by_name = probe.monitor_name("service", erl.name()).await;
            // One that was taken back fires never.
            let taken_back = probe.monitor(&theirs).await;
            if number % 2 == 0 {
                probe.run(move |ctx| ctx.demonitor(&taken_back)).await;
                probes.push((probe, vec![by_pid, by_name]));
            } else {
                probes.push((probe, vec![by_pid, by_name, taken_back]));
            }
        }
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&rust);
        erl.kill().await;
        for (probe, due) in &mut probes {
            while !due.is_empty() {
                match probe.next().await {
                    Received::Down(down) => {
                        assert_eq!(down.reason, ExitReason::NoConnection);
                        let place = due.iter().position(|reference| *reference == down.reference);
                        due.swap_remove(place.expect("a monitor that has not fired yet"));
                    }
                    other => panic!("a down was due, not {other:?}"),
                }
            }
        }
        watch.down("erl@127.0.0.1").await;
        for (probe, _) in &mut probes {
            probe.is_quiet().await;
        }
    }

    async fn a_node_that_is_not_there_is_noconnection(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut probe = Probe::start(&rust);
        let watched = probe.monitor_name("any", "nobody@127.0.0.1").await;
        assert_eq!(probe.down(&watched).await, "noconnection");
        probe.is_quiet().await;
        // Ours that goes away: theirs hear it.
        let erl = world.erl("erl").await;
        let other = world.node("other").await;
        let ours = Probe::start(&other);
        ours.introduce(&erl, "O").await;
        erl.expect("R = monitor(process, O), is_reference(R)", "true").await;
        erl.expect("net_adm:ping('other@127.0.0.1')", "pong").await;
        assert!(other.disconnect("erl@127.0.0.1"));
        erl.expect("erland_helper:reply(10000) =:= {'DOWN', R, process, O, noconnection}", "true").await;
        erl.expect("erland_helper:flush()", "[]").await;
    }
}
