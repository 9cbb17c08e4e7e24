//! Do names live and die with their nodes, at OTP's epmd and at ours?

use std::net::{Ipv4Addr, SocketAddr};

use erland::epmd::{Client, Error};
use erland::{Epmd, Node, StartError};
use erland_interop_tests::{
    OtpEpmd, World, free_port, on_every_release, start, within, within_time,
};

async fn names(addr: SocketAddr) -> Vec<String> {
    let names = within("the names", Client::new(addr).names())
        .await
        .expect("epmd answers");
    let mut names: Vec<String> = names.entries.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

fn embedded(world: &World, name: &str) -> erland::NodeBuilder {
    Node::builder(format!("{name}@127.0.0.1"))
        .cookie(world.cookie())
        .epmd(Epmd::Embedded)
        .epmd_port(world.epmd_addr().port())
}

on_every_release! {
    async fn our_name_is_at_otps_epmd_while_we_live(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        assert_eq!(rust.epmd_addr(), Some(world.epmd_addr()));
        let port = rust.port();
        erl.expect(
            &format!("{{ok, Names}} = erl_epmd:names(), lists:member({{\"rust\", {port}}}, Names)"),
            "true",
        )
        .await;
        erl.expect("erl_epmd:port_please(\"rust\", {127,0,0,1})", &format!("{{port,{port},6}}")).await;
        rust.shutdown().await;
        assert_eq!(names(world.epmd_addr()).await, ["erl"]);
        // Free for the next.
        let again = world.node("rust").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        drop(again);
    }

    async fn erl_uses_our_embedded_epmd(release) {
        let world = World::with_epmd_port(release, free_port());
        let rust = start(embedded(&world, "rust")).await;
        assert_eq!(rust.epmd_addr(), Some(world.epmd_addr()));
        let mut erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.expect("{ok, Ns} = erl_epmd:names(), lists:sort([N || {N, _} <- Ns])", "[\"erl\",\"rust\"]").await;
        let other = world.erl("other").await;
        other.expect("net_adm:ping('erl@127.0.0.1')", "pong").await;
        // A killed node's lease is given up by its socket.
        erl.kill().await;
        let mut left = names(world.epmd_addr()).await;
        let gone = async {
            while left.contains(&"erl".to_owned()) {
                left = names(world.epmd_addr()).await;
            }
        };
        within("the killed node's name to go", gone).await;
        assert_eq!(left, ["other", "rust"]);
    }

    async fn elixir_uses_our_embedded_epmd(release) {
        let world = World::with_epmd_port(release, free_port());
        let rust = start(embedded(&world, "rust")).await;
        let elixir = world.elixir("elixir").await;
        assert_eq!(elixir.elixir("Node.ping(:\"rust@127.0.0.1\")").await, ":pong");
        within("our ping", rust.ping("elixir@127.0.0.1")).await.expect("pong");
    }

    async fn auto_takes_the_epmd_that_is_there_or_brings_one(release) {
        let world = World::start(release).await;
        let auto = |name: &str| {
            Node::builder(format!("{name}@127.0.0.1"))
                .cookie(world.cookie())
                .epmd(Epmd::Auto)
                .epmd_port(world.epmd_addr().port())
        };
        let rust = start(auto("rust")).await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // OTP's own program sees it too: it is OTP's epmd.
        let epmd = world.epmd().expect("OTP's epmd");
        epmd.output().line_with("registering 'rust").await;
        drop((rust, erl));
        // Where there is none, it brings one, and the next node uses that.
        let port = free_port();
        let first = start(auto("first").epmd_port(port)).await;
        let second = start(auto("second").epmd_port(port)).await;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!((first.epmd_addr(), second.epmd_addr()), (Some(addr), Some(addr)));
        assert_eq!(names(addr).await, ["first", "second"]);
        let late = World::with_epmd_port(release, port);
        let erl = late.erl("erl").await;
        erl.expect("{net_adm:ping('first@127.0.0.1'), net_adm:ping('second@127.0.0.1')}", "{pong,pong}").await;
    }

    async fn embedded_fails_where_the_port_is_taken(release) {
        let world = World::start(release).await;
        let error = within("the start", embedded(&world, "rust").start()).await.expect_err("taken");
        assert!(matches!(error, StartError::EmbeddedEpmd { .. }), "{error:?}");
    }

    async fn a_name_is_given_once(release) {
        let world = World::start(release).await;
        let _erl = world.erl("same").await;
        let error = within("the start", world.builder("same").start()).await.expect_err("taken");
        match error {
            StartError::Register { source: Error::Refused { .. }, .. } => {}
            other => panic!("a refused name was due, not {other:?}"),
        }
        // Nothing is left of the failed start: the name's owner is still found.
        let rust = world.node("rust").await;
        within("our ping", rust.ping("same@127.0.0.1")).await.expect("pong");
    }

    async fn epmd_comes_back_and_the_name_with_it(release) {
        let mut world = World::start(release).await;
        let rust = world.node("rust").await;
        let creation = rust.creation();
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let port = world.epmd_addr().port();
        world.take_epmd().expect("OTP's epmd").kill().await;
        // Connections stand without it.
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let epmd = OtpEpmd::start_on(release, port).await;
        epmd.output().line_with("registering 'rust").await;
        let found = within("the look-up", Client::new(epmd.addr()).lookup("rust")).await;
        assert_eq!(found.expect("registered anew").port, rust.port());
        // Whatever number this epmd gave: the creation is the node's own.
        assert_eq!(rust.creation(), creation);
        // It must know that the connection is over: a ping over a dying one is a pang.
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        assert!(rust.disconnect("erl@127.0.0.1"));
        erl.expect("erland_helper:reply(20000)", "{nodedown,'rust@127.0.0.1'}").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn our_embedded_epmd_hands_over_to_another(release) {
        let world = World::with_epmd_port(release, free_port());
        let rust = start(embedded(&world, "rust")).await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        rust.shutdown().await;
        // Gone with its node; OTP takes the port, and erl registers there by itself.
        let epmd = OtpEpmd::start_on(release, world.epmd_addr().port()).await;
        within_time(std::time::Duration::from_secs(30), "erl to register again", async {
            epmd.output().line_with("registering 'erl").await
        })
        .await;
        let next = world.node("next").await;
        within("our ping", next.ping("erl@127.0.0.1")).await.expect("pong");
    }

    async fn without_any_epmd_by_static_address(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let found = within("the look-up", Client::new(world.epmd_addr()).lookup("erl")).await;
        let port = found.expect("registered").port;
        let rust = start(
            Node::builder("rust@127.0.0.1")
                .cookie(world.cookie())
                .epmd(Epmd::None)
                .static_peer(erl.name(), (Ipv4Addr::LOCALHOST, port).into()),
        )
        .await;
        assert!(rust.creation() >= 4);
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        assert_eq!(names(world.epmd_addr()).await, ["erl"]);
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }
}
