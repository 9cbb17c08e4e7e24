//! Nodes without a name: live ones get theirs from us, and ours from a live one.

use erland::{
    ConnectError, Epmd, ExitReason, Node, NodeBuilder, NodeDownReason, StartError, Term, atom,
};
use erland_interop_tests::{
    ErlOptions, Probe, Watch, World, name_of, on_every_release, start, within,
};

/// A node of ours that a live node is to name.
fn nameless(world: &World, namer: &str) -> NodeBuilder {
    Node::builder("undefined@127.0.0.1")
        .cookie(world.cookie())
        .epmd(Epmd::At(world.epmd_addr()))
        .named_by(namer)
}

async fn names_them(world: &World, rust: &Node, option: &str, host: &str) {
    let options = ErlOptions::default().nameless(option, &format!("undefined@{host}"));
    let erl = world.erl_with("", options).await;
    let mut watch = Watch::on(rust);
    let mut probe = Probe::named(rust, "probe").await;
    let us = rust.name().as_str();
    // A chroot need not have a list of hosts.
    erl.expect(
        "inet_db:add_host({127,0,0,1}, [\"localhost\"]), inet_db:set_lookup([file, native])",
        "ok",
    )
    .await;
    erl.expect(&format!("net_kernel:connect_node('{us}')"), "true")
        .await;
    let name = erl.eval("node()").await.trim_matches('\'').to_owned();
    let (label, theirs) = name.split_once('@').expect("a name");
    assert_eq!(theirs, host);
    assert!(
        label
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
        "{name}"
    );
    watch.up(&name).await;
    assert_eq!(rust.nodes(), [name.as_str()]);
    erl.expect(&format!("nodes(hidden) =:= ['{us}']"), "true")
        .await;
    // A node like any other, both ways, links and monitors included.
    erl.expect(&format!("net_adm:ping('{us}')"), "pong").await;
    within("our ping", rust.ping(&name)).await.expect("pong");
    probe
        .send((atom!("evaluator"), name_of(&name)), Term::from(7_i64))
        .await;
    erl.expect("erland_helper:reply(10000)", "7").await;
    erl.expect(&format!("{{probe, '{us}'}} ! self(), ok"), "ok")
        .await;
    let theirs = probe.next_term().await;
    let theirs = theirs.as_pid().expect("a pid");
    assert_eq!(theirs.node().name().as_str(), name);
    let watched = probe.monitor(theirs).await;
    // The pid of a name is that of an incarnation: the one that was given.
    let creation = erl.eval("erts_internal:get_creation()").await;
    assert_eq!(theirs.node().creation().to_string(), creation);
    // When it disconnects it is without a name again, and gets the same one the next time, as
    // another incarnation.
    erl.expect(&format!("disconnect_node('{us}')"), "true")
        .await;
    watch.down(&name).await;
    assert_eq!(probe.down(&watched).await, "noconnection");
    erl.expect(
        "(fun F() -> case node() of nonode@nohost -> ok; _ -> timer:sleep(10), F() end end)()",
        "ok",
    )
    .await;
    erl.expect(
        &format!("(fun F() -> case net_kernel:connect_node('{us}') of true -> ok; _ -> timer:sleep(10), F() end end)()"),
        "ok",
    )
    .await;
    watch.up(&name).await;
    erl.expect(&format!("node() =:= '{name}'"), "true").await;
    let next: u32 = creation
        .parse::<u32>()
        .expect("a number")
        .checked_add(1)
        .unwrap_or(4);
    erl.expect("erts_internal:get_creation()", &next.to_string())
        .await;
    // Pids of the one before are nobody.
    let watched = probe.monitor(theirs).await;
    assert_eq!(probe.down(&watched).await, "noproc");
    assert!(rust.nodes().iter().any(|node| *node == *name));
    erl.stop().await;
    watch.down(&name).await;
}

on_every_release! {
    async fn we_name_a_node_with_a_long_name(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        names_them(&world, &rust, "-name", "127.0.0.1").await;
    }

    async fn we_name_a_node_with_a_short_name(release) {
        let world = World::start(release).await;
        let rust = start(
            Node::builder("rust@localhost")
                .cookie(world.cookie())
                .epmd(Epmd::At(world.epmd_addr())),
        )
        .await;
        names_them(&world, &rust, "-sname", "localhost").await;
    }

    async fn a_node_without_a_name_needs_the_cookie_and_a_place_on_the_list(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").allow(["10.0.0.1"])).await;
        let other = start(world.builder("other").cookie("other")).await;
        let (mut watch, mut others) = (Watch::on(&rust), Watch::on(&other));
        let erl = world.erl_with("", ErlOptions::default().nameless("-name", "undefined@127.0.0.1")).await;
        erl.expect("net_kernel:connect_node('rust@127.0.0.1')", "false").await;
        let failure = watch.refused().await;
        assert!(matches!(failure, erland::HandshakeFailure::NotOnAllowList), "{failure}");
        erl.expect("net_kernel:connect_node('other@127.0.0.1')", "false").await;
        let failure = others.refused().await;
        assert!(
            matches!(
                failure,
                erland::HandshakeFailure::Protocol(erland::dist::HandshakeError::BadCookie(_))
            ),
            "{failure}"
        );
        erl.expect("node()", "nonode@nohost").await;
    }

    async fn they_name_us(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let third = world.erl("third").await;
        erl.expect("net_kernel:monitor_nodes(true, [{node_type, all}])", "ok").await;
        let rust = start(nameless(&world, "erl@127.0.0.1")).await;
        let name = rust.name().as_str().to_owned();
        assert_eq!(rust.name().host(), "127.0.0.1");
        let up = erl.eval("erland_helper:reply(10000)").await;
        assert_eq!(up, format!("{{nodeup,'{name}',[{{node_type,hidden}}]}}"));
        assert_eq!(rust.nodes(), ["erl@127.0.0.1"]);
        // As good as any name, from the one who gave it to all others.
        let mut probe = Probe::named(&rust, "probe").await;
        erl.expect(&format!("net_adm:ping('{name}')"), "pong").await;
        probe.introduce(&erl, "P").await;
        erl.expect("{atom_to_list(node(P)) =:= atom_to_list(hd(nodes(hidden))), P ! hello}", "{true,hello}").await;
        assert_eq!(probe.message().await, "hello");
        within("our ping", rust.ping("third@127.0.0.1")).await.expect("pong");
        third.expect(&format!("net_adm:ping('{name}')"), "pong").await;
        third.expect(&format!("{{probe, '{name}'}} ! again, ok"), "ok").await;
        assert_eq!(probe.message().await, "again");
        let creation = rust.creation();
        rust.shutdown().await;
        let down = erl.eval("erland_helper:reply(10000)").await;
        assert_eq!(down, format!("{{nodedown,'{name}',[{{node_type,hidden}}]}}"));
        // The next one on this host gets the same name, as another incarnation.
        let next = start(nameless(&world, "erl@127.0.0.1")).await;
        assert_eq!(next.name().as_str(), name);
        assert_eq!(next.creation(), creation.checked_add(1).unwrap_or(4));
        erl.expect("R = monitor(process, P), receive {'DOWN', R, _, _, Why} -> Why after 10000 -> late end", "noproc").await;
        next.shutdown().await;
    }

    async fn without_the_node_that_named_us_we_are_nobody(release) {
        let world = World::start(release).await;
        let mut erl = world.erl("erl").await;
        let third = world.erl("third").await;
        let rust = start(nameless(&world, "erl@127.0.0.1")).await;
        within("our ping", rust.ping("third@127.0.0.1")).await.expect("pong");
        third.expect(&format!("monitor_node('{}', true)", rust.name()), "true").await;
        let mut probe = Probe::start(&rust);
        let mut watch = Watch::on(&rust);
        erl.kill().await;
        watch.down("erl@127.0.0.1").await;
        let reason = watch.down("third@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::NameLost), "{reason}");
        third.expect("erland_helper:reply(10000)", &format!("{{nodedown,'{}'}}", rust.name())).await;
        let error = within("an answer", rust.connect("third@127.0.0.1")).await.expect_err("no name");
        assert!(matches!(error, ConnectError::NameLost), "{error:?}");
        // What runs here runs on.
        assert!(rust.is_alive(probe.pid()));
        probe.is_quiet().await;
        probe.end(ExitReason::Normal);
        rust.shutdown().await;
    }

    async fn a_node_that_they_do_not_name_does_not_start(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let started = within("an answer", nameless(&world, "erl@127.0.0.1").cookie("other").start()).await;
        assert!(matches!(started, Err(StartError::Naming { .. })), "{started:?}");
        erl.output().line_with("Invalid challenge reply").await;
        erl.expect("net_kernel:allow(['10.0.0.1'])", "ok").await;
        let started = within("an answer", nameless(&world, "erl@127.0.0.1").start()).await;
        assert!(matches!(started, Err(StartError::Naming { .. })), "{started:?}");
    }
}
