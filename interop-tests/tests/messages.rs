//! Do messages arrive, all of them, in order, and unchanged?

use std::time::Duration;

use erland::{Term, atom};
use erland_interop_tests::{
    Probe, Watch, World, name_of, numbered_messages, on_every_release, within,
};

/// Terms of every kind that ordinary traffic holds, in Erlang's syntax.
const TERMS: &[&str] = &[
    "0",
    "255",
    "256",
    "-1",
    "2147483647",
    "-2147483648",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "340282366920938463463374607431768211455",
    "1 bsl 200",
    "-(1 bsl 200)",
    "1 bsl 3000",
    "0.0",
    "-0.0",
    "1.5",
    "1.0e300",
    "-2.2250738585072014e-308",
    "5.0e-324",
    "a",
    "''",
    "'with space'",
    "list_to_atom(lists:duplicate(255, $x))",
    "list_to_atom([1078, 8364, 128512])",
    "list_to_atom(lists:duplicate(255, 8364))",
    "<<>>",
    "<<1,2,3>>",
    "<<5:3>>",
    "<<1,2,255:7>>",
    "binary:copy(<<7>>, 100)",
    "binary:copy(<<7>>, 70000)",
    "[]",
    "[1]",
    "\"text\"",
    "[1000, 2000]",
    "[a | b]",
    "[1, 2 | 3]",
    "[[], [[]]]",
    "lists:duplicate(65535, 7)",
    "lists:duplicate(65536, 7)",
    "[256 | \"abc\"]",
    "{}",
    "{a}",
    "{a, {b, [c]}}",
    "list_to_tuple(lists:seq(1, 255))",
    "list_to_tuple(lists:seq(1, 256))",
    "#{}",
    "#{a => 1, 2 => b, 3.0 => c, \"d\" => #{}}",
    "maps:from_list([{I, I} || I <- lists:seq(1, 100)])",
    "self()",
    "make_ref()",
    "hd(erlang:ports())",
    "fun lists:map/2",
    "fun erland_helper:echo/1",
    "fun(X) -> X end",
    "[make_ref(), make_ref(), self(), self()]",
    "list_to_pid(\"<0.1.0>\")",
];

on_every_release! {
    async fn every_kind_of_term_comes_back_unchanged(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::named(&rust, "probe").await;
        for text in TERMS {
            let value = probe.learn(&erl, &format!("put(term, {text}), get(term)")).await;
            probe.send((atom!("evaluator"), name_of(erl.name())), value).await;
            let same = erl.eval("erland_helper:reply(10000) =:= get(term)").await;
            assert_eq!(same, "true", "{text} came back as something else");
        }
    }

    async fn by_pid_and_by_name_both_ways(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::named(&rust, "probe").await;
        // They by name, we by pid.
        erl.expect("{probe, 'rust@127.0.0.1'} ! {hello, 1}", "{hello,1}").await;
        assert_eq!(probe.message().await, "{hello,1}");
        let echo = probe.learn_pid(&erl, "erland_helper:echo(echo)").await;
        probe.send(&echo, Term::from((probe.pid().clone(), atom!("by_pid")))).await;
        assert_eq!(probe.next_term().await, Term::from((echo.clone(), atom!("by_pid"))));
        // We by name, they by pid.
        let name = (atom!("echo"), name_of(erl.name()));
        probe.send(name, Term::from((probe.pid().clone(), atom!("by_name")))).await;
        assert_eq!(probe.next_term().await, Term::from((echo, atom!("by_name"))));
        probe.introduce(&erl, "P").await;
        erl.expect("node(P)", "'rust@127.0.0.1'").await;
        erl.expect("P ! done", "done").await;
        assert_eq!(probe.message().await, "done");
    }

    async fn a_hundred_thousand_each_way_in_order(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        numbered_messages(&rust, &erl, 1, 100_000).await;
    }

    async fn ten_pairs_at_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        numbered_messages(&rust, &erl, 10, 100_000).await;
    }

    async fn what_goes_to_nobody_vanishes_and_harms_nothing(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let dead = probe.learn_pid(&erl, "spawn(fun() -> ok end)").await;
        let mut watch = Watch::on(&rust);
        probe.send(&dead, atom!("lost")).await;
        probe.send((atom!("no_such_name"), name_of(erl.name())), atom!("lost")).await;
        probe.send((atom!("any"), atom!("nobody@127.0.0.1")), atom!("lost")).await;
        probe.send(atom!("no_such_local_name"), atom!("lost")).await;
        erl.expect("{no_such_name, 'rust@127.0.0.1'} ! lost", "lost").await;
        let ours = Probe::start(&rust);
        ours.introduce(&erl, "Dead").await;
        drop(ours);
        erl.expect("Dead ! lost", "lost").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        probe.is_quiet().await;
        watch.nothing_goes_down_for(Duration::ZERO).await;
    }

    async fn what_is_sent_before_the_connection_stands_keeps_its_order(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::start(&rust);
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        assert!(rust.nodes().is_empty());
        for number in 1..=1_000_u32 {
            probe.send(evaluator.clone(), Term::from((atom!("n"), number))).await;
        }
        erl.expect("erland_helper:receive_numbered(1000)", "ok").await;
    }

    async fn what_they_send_before_the_connection_stands_keeps_its_order(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::named(&rust, "probe").await;
        erl.expect("erland_helper:send_numbered({probe, 'rust@127.0.0.1'}, 1000)", "ok").await;
        for number in 1..=1_000 {
            assert_eq!(probe.message().await, format!("{{n,{number}}}"));
        }
    }

    async fn more_atoms_than_the_cache_holds(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::named(&rust, "probe").await;
        // 2,048 slots; the same slots are reused by others and come back.
        erl.expect(
            "[{probe, 'rust@127.0.0.1'} ! list_to_atom(\"atom\" ++ integer_to_list(I))
                || _ <- [1, 2], I <- lists:seq(1, 5000)], ok",
            "ok",
        )
        .await;
        for _ in 0..2 {
            for number in 1..=5000 {
                assert_eq!(probe.message().await, format!("atom{number}"));
            }
        }
        // More distinct atoms in one message than a header has room for, some of them long.
        erl.expect(
            "Many = [list_to_atom(\"many\" ++ integer_to_list(I)) || I <- lists:seq(1, 400)]
                ++ [list_to_atom(lists:duplicate(255, 8364))],
             {probe, 'rust@127.0.0.1'} ! Many, ok",
            "ok",
        )
        .await;
        let many = probe.next_term().await;
        assert_eq!(many.as_list().map(|list| list.len()), Some(401));
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        probe.send(evaluator, many).await;
        erl.expect("erland_helper:reply(10000) =:= Many", "true").await;
    }

    async fn send_waits_for_room_and_a_dropped_send_has_sent_nothing(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        // A process that reads nothing off the wire: the whole node stands still.
        erl.freeze().await;
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        let filler = vec![7; 64 * 1024];
        let mut sent = 0_u32;
        loop {
            let message = Term::from((atom!("n"), sent + 1, Term::binary(&filler)));
            let send = rust.send(evaluator.clone(), message);
            match tokio::time::timeout(Duration::from_millis(500), send).await {
                Ok(result) => {
                    result.expect("it can be encoded");
                    sent += 1;
                }
                // No room for half a second: this one is dropped, and must never arrive.
                Err(_) => break,
            }
            assert!(sent < 2_000, "send never waits");
        }
        erl.thaw().await;
        within("room again", rust.send(evaluator, Term::from((atom!("n"), atom!("last"), 0))))
            .await
            .expect("it can be encoded");
        erl.expect(
            &format!("[receive {{n, I, _}} -> I after 20000 -> late end || I <- lists:seq(1, {sent})], ok"),
            "ok",
        )
        .await;
        erl.expect("erland_helper:reply(20000)", "{n,last,0}").await;
    }

    async fn a_message_of_theirs_to_an_alias_of_ours(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let alias = probe.run(|ctx| ctx.alias()).await;
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        probe.send(evaluator, Term::from(alias.clone())).await;
        erl.expect("A = erland_helper:reply(10000), is_reference(A)", "true").await;
        erl.expect("A ! by_alias", "by_alias").await;
        assert_eq!(probe.message().await, "by_alias");
        probe.run(move |ctx| ctx.unalias(&alias)).await;
        erl.expect("A ! too_late", "too_late").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        probe.is_quiet().await;
    }

    async fn a_call_to_one_of_their_servers(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        // The reply goes to the alias in the tag, as for any caller of gen_server:call/2.
        let mut probe = Probe::start(&rust);
        let alias = probe.run(|ctx| ctx.alias()).await;
        let tag = Term::improper([Term::from(atom!("alias"))], Term::from(alias));
        let request = Term::from((
            atom!("$gen_call"),
            Term::from((probe.pid().clone(), tag.clone())),
            Term::from((atom!("is_auth"), name_of("rust@127.0.0.1"))),
        ));
        probe.send((atom!("net_kernel"), name_of(erl.name())), request).await;
        assert_eq!(probe.next_term().await, Term::from((tag, atom!("yes"))));
    }
}
