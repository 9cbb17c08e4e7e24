//! Do links and exit signals behave across the wire as they do inside one node?

use erland::{ExitReason, Pid, Term, atom};
use erland_interop_tests::{Erl, Probe, World, on_every_release, within};

/// A fresh Erlang process that traps exits and collects; `get(t)` over there.
async fn collector(probe: &mut Probe, erl: &Erl) -> Pid {
    probe
        .learn_pid(erl, "put(t, erland_helper:collector()), get(t)")
        .await
}

on_every_release! {
    async fn their_process_links_ours_and_dies(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.introduce(&erl, "P").await;
        let theirs = probe.learn_pid(&erl, "spawn(fun() -> link(P), erland_helper:stoppable() end)").await;
        probe.send(&theirs, Term::from((atom!("stop"), Term::from((atom!("gone"), 42))))).await;
        assert_eq!(probe.exit_from(&theirs).await, "{gone,42}");
        // One that does not trap exits dies of it, for the same reason.
        let mut victim = Probe::start(&rust);
        let watched = probe.monitor(victim.pid()).await;
        victim.introduce(&erl, "V").await;
        let theirs = victim.learn_pid(&erl, "spawn(fun() -> link(V), erland_helper:stoppable() end)").await;
        probe.send(&theirs, Term::from((atom!("stop"), Term::from((atom!("gone"), 43))))).await;
        assert_eq!(probe.down(&watched).await, "{gone,43}");
        probe.is_quiet().await;
    }

    async fn ours_links_theirs_and_panics(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let theirs = collector(&mut probe, &erl).await;
        probe.introduce(&erl, "P").await;
        probe.link(&theirs).await;
        probe.panic("went wrong");
        erl.expect(
            "erland_helper:await(get(t), 1) =:= [{'EXIT', P, {panic, <<\"went wrong\">>}}]",
            "true",
        )
        .await;
        // The node lives.
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // A process of theirs that does not trap exits dies of it.
        let mut probe = Probe::start(&rust);
        let victim = probe.learn_pid(&erl, "V = spawn(fun() -> erland_helper:stoppable() end)").await;
        erl.expect("R = monitor(process, V), is_reference(R)", "true").await;
        probe.link(&victim).await;
        probe.panic("again");
        erl.expect(
            "erland_helper:reply(10000) =:= {'DOWN', R, process, V, {panic, <<\"again\">>}}",
            "true",
        )
        .await;
    }

    async fn any_exit_reason_of_ours_reaches_theirs(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let reasons = [
            (ExitReason::Normal, "normal"),
            (ExitReason::Shutdown, "shutdown"),
            (ExitReason::ShutdownWith(Term::from(1_i64)), "{shutdown, 1}"),
            // As the reason of a link's exit signal `kill` is nothing special.
            (ExitReason::Kill, "kill"),
            (ExitReason::from(Term::from((atom!("a"), 1_i64))), "{a, 1}"),
            (ExitReason::from(Term::binary(vec![5; 200_000])), "binary:copy(<<5>>, 200000)"),
        ];
        for (reason, text) in reasons {
            let mut probe = Probe::start(&rust);
            let theirs = collector(&mut probe, &erl).await;
            probe.link(&theirs).await;
            probe.end(reason);
            erl.expect(
                &format!("[element(3, E) || E <- erland_helper:await(get(t), 1)] =:= [{text}]"),
                "true",
            )
            .await;
        }
    }

    async fn any_exit_reason_of_theirs_reaches_ours(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.introduce(&erl, "P").await;
        for text in ["normal", "shutdown", "{shutdown,1}", "kill", "killed", "[1,{a}]"] {
            let theirs = probe.learn_pid(&erl, "spawn(fun() -> link(P), erland_helper:stoppable() end)").await;
            let reason = probe.learn(&erl, text).await;
            probe.send(&theirs, Term::from((atom!("stop"), reason))).await;
            assert_eq!(probe.exit_from(&theirs).await, text);
        }
        let theirs = probe.learn_pid(&erl, "spawn(fun() -> link(P), erland_helper:stoppable() end)").await;
        let long = Term::binary(vec![5; 200_000]);
        probe.send(&theirs, Term::from((atom!("stop"), long.clone()))).await;
        let exit = probe.next_term().await;
        assert!(exit == Term::from((atom!("EXIT"), theirs, long)), "the long reason is whole");
    }

    async fn a_link_to_nobody_is_noproc(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        let dead = probe.learn_pid(&erl, "spawn(fun() -> ok end)").await;
        // Dead for certain: a monitor of it has fired.
        let watched = probe.monitor(&dead).await;
        probe.down(&watched).await;
        probe.link(&dead).await;
        assert_eq!(probe.exit_from(&dead).await, "noproc");
        // Theirs to ours.
        let ours = Probe::start(&rust);
        ours.introduce(&erl, "Dead").await;
        let watched = probe.monitor(ours.pid()).await;
        ours.end(ExitReason::Normal);
        probe.down(&watched).await;
        erl.expect(
            "C = erland_helper:collector(fun() -> link(Dead) end),
             erland_helper:await(C, 1) =:= [{'EXIT', Dead, noproc}]",
            "true",
        )
        .await;
        probe.is_quiet().await;
    }

    async fn a_link_to_a_node_that_is_not_there_is_noconnection(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        let theirs = probe.learn_pid(&erl, "self()").await;
        erl.kill().await;
        rust.disconnect("erl@127.0.0.1");
        probe.link(&theirs).await;
        assert_eq!(probe.exit_from(&theirs).await, "noconnection");
        probe.is_quiet().await;
    }

    async fn unlink_before_the_end_both_ways(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.introduce(&erl, "P").await;
        // We link and unlink, they end.
        let theirs = probe.learn_pid(&erl, "spawn(fun() -> erland_helper:stoppable() end)").await;
        probe.link(&theirs).await;
        probe.unlink(&theirs).await;
        probe.send(&theirs, Term::from((atom!("stop"), atom!("gone")))).await;
        // They link and unlink, we end.
        let ours = Probe::start(&rust);
        ours.introduce(&erl, "O").await;
        erl.expect("C = erland_helper:collector(), erland_helper:run(C, fun() -> link(O), unlink(O) end)", "true").await;
        let watched = probe.monitor(ours.pid()).await;
        ours.end(Term::from(atom!("gone")));
        assert_eq!(probe.down(&watched).await, "gone");
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("erland_helper:seen(C)", "[]").await;
        probe.is_quiet().await;
        // A link set anew after an unlink counts.
        let theirs = probe.learn_pid(&erl, "spawn(fun() -> erland_helper:stoppable() end)").await;
        for _ in 0..3 {
            probe.link(&theirs).await;
            probe.unlink(&theirs).await;
        }
        probe.link(&theirs).await;
        probe.send(&theirs, Term::from((atom!("stop"), atom!("gone")))).await;
        assert_eq!(probe.exit_from(&theirs).await, "gone");
        probe.is_quiet().await;
    }

    async fn either_side_may_take_the_other_sides_link_back(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.introduce(&erl, "P").await;
        // We link, they unlink, they end.
        let theirs = collector(&mut probe, &erl).await;
        probe.link(&theirs).await;
        // The link request is on its way; the pong comes behind it.
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("{links, [P]} = erland_helper:run(get(t), fun() -> process_info(self(), links) end), ok", "ok").await;
        erl.expect("erland_helper:run(get(t), fun() -> unlink(P) end)", "true").await;
        erl.expect("exit(get(t), kill)", "true").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        probe.is_quiet().await;
        // They link, we unlink, they end.
        let theirs = collector(&mut probe, &erl).await;
        erl.expect("erland_helper:run(get(t), fun() -> link(P) end)", "true").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        probe.unlink(&theirs).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("erland_helper:run(get(t), fun() -> process_info(self(), links) end)", "{links,[]}").await;
        erl.expect("exit(get(t), kill)", "true").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        probe.is_quiet().await;
    }

    async fn exit_signals_sent_by_hand_both_ways(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.introduce(&erl, "P").await;
        let theirs = collector(&mut probe, &erl).await;
        // To one that traps exits.
        probe.exit(&theirs, Term::from(atom!("why_not"))).await;
        probe.exit(&theirs, ExitReason::Normal).await;
        erl.expect(
            "erland_helper:await(get(t), 2) =:= [{'EXIT', P, why_not}, {'EXIT', P, normal}]",
            "true",
        )
        .await;
        let evaluator = probe.learn_pid(&erl, "self()").await;
        erl.expect("exit(P, {because, 1}), exit(P, normal)", "true").await;
        assert_eq!(probe.exit_from(&evaluator).await, "{because,1}");
        assert_eq!(probe.exit_from(&evaluator).await, "normal");
        // `kill` cannot be trapped, and is heard of as `killed`.
        let watched = probe.monitor(&theirs).await;
        probe.exit(&theirs, ExitReason::Kill).await;
        assert_eq!(probe.down(&watched).await, "killed");
        erl.expect("R = monitor(process, P), exit(P, kill)", "true").await;
        erl.expect("erland_helper:reply(10000) =:= {'DOWN', R, process, P, killed}", "true").await;
    }

    async fn exit_signals_to_those_that_do_not_trap(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        let theirs = probe.learn_pid(&erl, "spawn(fun() -> erland_helper:stoppable() end)").await;
        let watched = probe.monitor(&theirs).await;
        // `normal` ends nobody.
        probe.exit(&theirs, ExitReason::Normal).await;
        probe.exit(&theirs, Term::from((atom!("go"), 1_i64))).await;
        assert_eq!(probe.down(&watched).await, "{go,1}");
        let ours = Probe::start(&rust);
        ours.introduce(&erl, "O").await;
        let watched = probe.monitor(ours.pid()).await;
        erl.expect("exit(O, normal), exit(O, {go, 2})", "true").await;
        assert_eq!(probe.down(&watched).await, "{go,2}");
        probe.is_quiet().await;
    }

    async fn a_killed_node_is_noconnection_to_every_link_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut erl = world.erl("erl").await;
        let mut learner = Probe::start(&rust);
        let mut probes = Vec::new();
        for number in 0..50 {
            let theirs = collector(&mut learner, &erl).await;
            let mut probe = Probe::trapping(&rust).await;
            if number % 2 == 0 {
                // Linked from both sides, which is still one link.
                probe.link(&theirs).await;
            }
            probe.introduce(&erl, &format!("P{number}")).await;
            erl.expect(&format!("erland_helper:run(get(t), fun() -> link(P{number}) end)"), "true").await;
            assert!(probe.drain().await.is_empty());
            probes.push((probe, theirs));
        }
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        let mut watch = erland_interop_tests::Watch::on(&rust);
        erl.kill().await;
        for (probe, theirs) in &mut probes {
            assert_eq!(probe.exit_from(theirs).await, "noconnection");
        }
        watch.down("erl@127.0.0.1").await;
        for (probe, _) in &mut probes {
            probe.is_quiet().await;
        }
    }

    async fn our_disconnect_is_noconnection_on_both_sides_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        let theirs = collector(&mut probe, &erl).await;
        probe.introduce(&erl, "P").await;
        probe.link(&theirs).await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        assert!(rust.disconnect("erl@127.0.0.1"));
        assert_eq!(probe.exit_from(&theirs).await, "noconnection");
        erl.expect(
            "erland_helper:await(get(t), 1) =:= [{'EXIT', P, noconnection}]",
            "true",
        )
        .await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        probe.is_quiet().await;
        erl.expect("length(erland_helper:seen(get(t)))", "1").await;
    }

    async fn messages_and_the_exit_after_them_arrive_in_that_order(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::trapping(&rust).await;
        probe.introduce(&erl, "P").await;
        let theirs = probe
            .learn_pid(
                &erl,
                "spawn(fun() -> link(P), receive go -> ok end,
                    erland_helper:send_numbered(P, 1000), P ! binary:copy(<<1>>, 500000), exit(done) end)",
            )
            .await;
        probe.send(&theirs, atom!("go")).await;
        for number in 1..=1000 {
            assert_eq!(probe.message().await, format!("{{n,{number}}}"));
        }
        assert_eq!(probe.next_term().await.as_binary().map(<[u8]>::len), Some(500_000));
        assert_eq!(probe.exit_from(&theirs).await, "done");
        // And from us to them.
        let theirs = collector(&mut probe, &erl).await;
        let ours = Probe::start(&rust);
        ours.link(&theirs).await;
        for number in 1..=1000_u32 {
            ours.send(&theirs, Term::from((atom!("n"), number))).await;
        }
        ours.end(Term::from(atom!("done")));
        erl.expect(
            "{Ns, [{'EXIT', _, done}]} = lists:split(1000, erland_helper:await(get(t), 1001)),
             Ns =:= [{n, I} || I <- lists:seq(1, 1000)]",
            "true",
        )
        .await;
    }
}
