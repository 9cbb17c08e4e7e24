//! Does a Rust node in an OS process of its own look like a node from Erlang, and like a dead one
//! when it is killed?

use erland::{ExitReason, Received, Term, atom};
use erland_interop_tests::{
    ErlOptions, Peer, Probe, Watch, World, name_of, on_every_release, start, within,
};

on_every_release! {
    async fn echo_answers_erlang_and_elixir(release) {
        let world = World::start(release).await;
        let program = world.program("rust").await;
        let erl = world.erl("erl").await;
        erl.expect(
            "{echo, 'rust@127.0.0.1'} ! {self(), {hello, [1, \"two\", <<3>>]}},
             {Echo, {hello, [1, \"two\", <<3>>]}} = erland_helper:reply(10000), node(Echo)",
            "'rust@127.0.0.1'",
        )
        .await;
        program.output().line_with("nodeup erl@127.0.0.1").await;
        let elixir = world.elixir("elixir").await;
        let answer = elixir
            .elixir(
                "send({:echo, :\"rust@127.0.0.1\"}, {self(), %{a: 1}}); \
                 receive do {_, term} -> term after 10000 -> :nothing end",
            )
            .await;
        assert_eq!(answer, "%{a: 1}");
    }

    async fn killed_it_is_noconnection_to_every_link_and_monitor_once(release) {
        let world = World::start(release).await;
        let mut program = world.program("rust").await;
        let erl = world.erl("erl").await;
        erl.expect(
            "Node = 'rust@127.0.0.1',
             {echo, Node} ! {self(), who}, {Echo, who} = erland_helper:reply(10000),
             Cs = [erland_helper:collector(fun() ->
                       link(Echo), monitor(process, Echo), monitor(process, {echo, Node})
                   end) || _ <- lists:seq(1, 20)],
             net_adm:ping(Node)",
            "pong",
        )
        .await;
        // A Rust node with links and monitors into it hears the same.
        let rust = world.node("other").await;
        let mut probe = Probe::trapping(&rust).await;
        let echo = probe.learn_pid(&erl, "Echo").await;
        probe.link(&echo).await;
        let by_pid = probe.monitor(&echo).await;
        let by_name = probe.monitor_name("echo", "rust@127.0.0.1").await;
        within("our ping", rust.ping("rust@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&rust);
        erl.expect("monitor_node(Node, true)", "true").await;
        program.kill().await;
        erl.expect("erland_helper:reply(20000)", "{nodedown,'rust@127.0.0.1'}").await;
        erl.expect(
            "Heard = [erland_helper:await(C, 3) || C <- Cs],
             [Wrong || Wrong <- Heard, lists:sort([case X of
                  {'EXIT', Echo, noconnection} -> exit;
                  {'DOWN', _, process, Echo, noconnection} -> by_pid;
                  {'DOWN', _, process, {echo, Node}, noconnection} -> by_name;
                  _ -> other
              end || X <- Wrong]) =/= [by_name, by_pid, exit]]",
            "[]",
        )
        .await;
        let mut due = vec![None, Some(by_pid), Some(by_name)];
        for _ in 0..3 {
            let heard = match probe.next().await {
                Received::Exit(exit) => {
                    assert_eq!((&exit.from, &exit.reason), (&echo, &ExitReason::NoConnection));
                    None
                }
                Received::Down(down) => {
                    assert_eq!(down.reason, ExitReason::NoConnection);
                    Some(down.reference)
                }
                other => panic!("an exit or a down was due, not {other:?}"),
            };
            let place = due.iter().position(|reference| *reference == heard);
            due.swap_remove(place.expect("heard for the first time"));
        }
        watch.down("rust@127.0.0.1").await;
        probe.is_quiet().await;
        // And nothing came after.
        erl.expect("[length(erland_helper:seen(C)) || C <- Cs] =:= [3 || _ <- Cs]", "true").await;
    }

    async fn it_tells_who_comes_who_goes_and_who_is_refused(release) {
        let world = World::start(release).await;
        let program = world.program("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        program.output().line_with("nodeup erl@127.0.0.1").await;
        erl.stop().await;
        let line = program.output().line_with("nodedown erl@127.0.0.1").await;
        assert!(line.contains("connection_closed"), "{line}");
        let stranger = world.erl_with("stranger", ErlOptions::default().cookie("other")).await;
        stranger.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
        let line = program.output().line_with("refused stranger@127.0.0.1").await;
        assert!(line.contains("cookie"), "{line}");
        // The log has one line of it, with the exact cause.
        let logged = program.output().line_with("refused handshake").await;
        assert!(logged.contains("WARN") && logged.contains("cookie"), "{logged}");
        let lines = program.output().lines();
        assert_eq!(lines.iter().filter(|line| line.contains("refused handshake")).count(), 1);
        // And where it listens: a loopback name means the loopback address.
        let listening = program.output().line_with("listening").await;
        assert!(listening.contains("[127.0.0.1]"), "{listening}");
    }

    async fn every_refused_handshake_is_one_line_with_its_cause(release) {
        let world = World::start(release).await;
        let program = world.program("rust").await;
        let output = program.output().clone();
        let port = program.port().await;
        // Nothing at all: the time for a step of the handshake runs out while the others come.
        let mut silent = Peer::open_port(port, "odd@127.0.0.1").await;
        // A browser, and well framed nonsense.
        let mut browser = Peer::open_port(port, "odd@127.0.0.1").await;
        browser.write(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").await;
        browser.closed().await;
        let mut nonsense = Peer::open_port(port, "odd@127.0.0.1").await;
        nonsense.write_handshake(b"xyz").await;
        nonsense.closed().await;
        let stranger = start(world.builder("stranger").cookie("other")).await;
        within("the ping", stranger.ping("rust@127.0.0.1")).await.expect_err("pang");
        silent.closed().await;
        let causes = [
            (silent.addr().to_string(), "failed to get past the peer's name in time"),
            (
                browser.addr().to_string(),
                "failed to read a message while the peer's name was due: it is longer than any of \
                 the handshake",
            ),
            (nonsense.addr().to_string(), "its tag 0x78 is unknown"),
            (
                "stranger@127.0.0.1".to_owned(),
                "failed to authenticate the peer: the peer's challenge reply does not match our \
                 cookie for it",
            ),
        ];
        // The line of an event comes after that of the log.
        for (who, _) in &causes {
            output.line_with(&format!("refused {who} ")).await;
        }
        // After its end there are no more lines to come.
        assert!(program.stop().await, "its status is 0");
        output.closed().await;
        let lines = output.lines();
        let (told, logged): (Vec<&String>, Vec<&String>) = lines
            .iter()
            .filter(|line| line.contains("refused"))
            .partition(|line| line.starts_with("refused "));
        assert!(logged.iter().all(|line| line.contains("WARN")), "{logged:#?}");
        for lines in [told, logged] {
            assert_eq!(lines.len(), causes.len(), "{lines:#?}");
            for (who, cause) in &causes {
                let fit = lines.iter().filter(|line| line.contains(who) && line.contains(cause));
                assert_eq!(fit.count(), 1, "{who}: {cause}: {lines:#?}");
            }
        }
    }

    async fn it_leaves_in_good_order(release) {
        let world = World::start(release).await;
        let program = world.program("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        assert!(program.stop().await, "its status is 0");
        erl.expect("erland_helper:reply(20000)", "{nodedown,'rust@127.0.0.1'}").await;
        erl.expect("{ok, Ns} = erl_epmd:names(), lists:keymember(\"rust\", 1, Ns)", "false").await;
    }

    async fn echo_links_monitors_and_comes_back(release) {
        let world = World::start(release).await;
        let _program = world.program("rust").await;
        let rust = world.node("probe").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        // Driven by a Rust node, watched by Erlang.
        let name = (atom!("echo"), name_of("rust@127.0.0.1"));
        probe.send(name.clone(), Term::from((probe.pid().clone(), atom!("who")))).await;
        let answer = probe.next_term().await;
        let echo = answer.as_tuple().and_then(|pair| pair[0].as_pid()).expect("its pid").clone();
        let theirs = probe.learn_pid(&erl, "T = erland_helper:collector(), T").await;
        probe.send(name.clone(), Term::from((atom!("link"), theirs.clone()))).await;
        erl.expect("erland_helper:await(T, 1) =:= [{element(1, hd(erland_helper:seen(T))), linked}]", "true").await;
        probe
            .send(name.clone(), Term::from((atom!("stop"), Term::from((atom!("because"), 1_i64)))))
            .await;
        erl.expect(
            "[{E, linked}, {'EXIT', E, {because, 1}}] = erland_helper:await(T, 2), node(E)",
            "'rust@127.0.0.1'",
        )
        .await;
        // However it ends, it is started and registered anew.
        let renewed = async {
            loop {
                let watched = probe.monitor_name("echo", "rust@127.0.0.1").await;
                probe.send(name.clone(), Term::from((probe.pid().clone(), atom!("who")))).await;
                match probe.next().await {
                    Received::Message(answer) => {
                        probe.run(move |ctx| ctx.demonitor(&watched)).await;
                        return answer.to_term().expect("it decodes");
                    }
                    // Not yet there again.
                    Received::Down(_) => {}
                    other => panic!("an answer was due, not {other:?}"),
                }
            }
        };
        let answer = within("echo to come back", renewed).await;
        let again = answer.as_tuple().and_then(|pair| pair[0].as_pid()).expect("its pid").clone();
        assert_ne!(again, echo);
    }
}
