//! Do nodes find, accept and leave each other: `net_adm:ping`, `Node.ping`, connect, disconnect?

use erland::{ConnectError, NodeDownReason, PingError};
use erland_interop_tests::{Watch, World, on_every_release, within};

on_every_release! {
    async fn they_dial_us(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut watch = Watch::on(&rust);
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        watch.up("erl@127.0.0.1").await;
        assert_eq!(rust.nodes(), ["erl@127.0.0.1"]);
        // Hidden: no part of the mesh that `global` and `pg` keep.
        erl.expect("{nodes(), nodes(hidden)}", "{[],['rust@127.0.0.1']}").await;
        // And back over the connection that stands.
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
    }

    async fn we_dial_them(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        assert_eq!(rust.nodes(), ["erl@127.0.0.1"]);
        erl.expect("{nodes(), nodes(hidden)}", "{[],['rust@127.0.0.1']}").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn elixir_pings_us_and_we_ping_elixir(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let elixir = world.elixir("elixir").await;
        assert_eq!(elixir.elixir("Node.ping(:\"rust@127.0.0.1\")").await, ":pong");
        within("our ping", rust.ping("elixir@127.0.0.1")).await.expect("pong");
        assert_eq!(elixir.elixir("Node.list(:hidden)").await, "[:\"rust@127.0.0.1\"]");
        assert!(rust.disconnect("elixir@127.0.0.1"));
        within("our ping", rust.ping("elixir@127.0.0.1")).await.expect("pong");
    }

    async fn a_hidden_erlang_node_is_accepted(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl_with("erl", erland_interop_tests::ErlOptions::default().hidden()).await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
    }

    async fn our_disconnect_is_their_nodedown_at_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason])", "ok").await;
        let mut watch = Watch::on(&rust);
        assert!(rust.disconnect("erl@127.0.0.1"));
        assert!(!rust.disconnect("erl@127.0.0.1"), "there is no connection any more");
        assert!(matches!(watch.down("erl@127.0.0.1").await, NodeDownReason::Disconnect));
        let down = erl.eval("erland_helper:reply(5000)").await;
        assert!(down.contains("nodedown,'rust@127.0.0.1'"), "{down}");
        assert!(down.contains("connection_closed"), "{down}");
        // Not for good.
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
    }

    async fn their_disconnect_is_our_node_down_at_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&rust);
        erl.expect("disconnect_node('rust@127.0.0.1')", "true").await;
        let reason = watch.down("erl@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::ConnectionClosed), "{reason}");
        assert!(rust.nodes().is_empty());
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn a_node_that_is_not_there(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let error = within("our ping", rust.ping("nobody@127.0.0.1")).await.expect_err("pang");
        assert!(
            matches!(error, PingError::Connect(ConnectError::NotRegistered { .. })),
            "{error:?}"
        );
        erl.expect("net_adm:ping('nobody@127.0.0.1')", "pang").await;
        rust.shutdown().await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
    }

    async fn a_restarted_node_of_the_same_name_is_another_incarnation(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let mut watch = Watch::on(&rust);
        for _ in 0..2 {
            let mut erl = world.erl("erl").await;
            within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
            erl.kill().await;
            watch.down("erl@127.0.0.1").await;
        }
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn both_dial_at_the_same_time(release) {
        let world = World::start(release).await;
        let erl = world.erl("m").await;
        // One name on each side of theirs: the comparison of names decides whose attempt stays.
        for name in ["a", "z"] {
            let rust = world.node(name).await;
            let full = format!("{name}@127.0.0.1");
            for _ in 0..20 {
                let ping = format!("net_adm:ping('{full}')");
                let theirs = erl.eval(&ping);
                let ours = within("our ping", rust.ping("m@127.0.0.1"));
                let (theirs, ours) = tokio::join!(theirs, ours);
                assert_eq!(theirs, "pong");
                ours.expect("pong");
                assert_eq!(rust.nodes(), ["m@127.0.0.1"]);
                // Both must know that it is over: a ping over a dying connection is a pang.
                erl.expect(&format!("monitor_node('{full}', true)"), "true").await;
                let mut watch = Watch::on(&rust);
                assert!(rust.disconnect("m@127.0.0.1"));
                watch.down("m@127.0.0.1").await;
                erl.expect("erland_helper:reply(20000)", &format!("{{nodedown,'{full}'}}")).await;
            }
            rust.shutdown().await;
        }
    }

    async fn several_nodes_in_one_process(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let mut nodes = Vec::new();
        for number in 0..5 {
            let node = world.node(&format!("rust{number}")).await;
            within("our ping", node.ping("erl@127.0.0.1")).await.expect("pong");
            nodes.push(node);
        }
        erl.expect("length(nodes(hidden))", "5").await;
        for node in &nodes {
            erl.expect(&format!("net_adm:ping('{}')", node.name()), "pong").await;
        }
        for node in nodes {
            node.shutdown().await;
        }
    }
}
