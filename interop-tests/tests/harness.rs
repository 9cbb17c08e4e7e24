//! Does the test bed itself do what the tests rely on?

use erland_interop_tests::{ErlOptions, World, on_every_release};

on_every_release! {
    async fn evaluates_with_bindings_kept(release) {
        let world = World::start(release).await;
        let erl = world.erl("a").await;
        erl.expect("X = 20, X + 1", "21").await;
        erl.expect("X + 2", "22").await;
        erl.expect("erlang:system_info(otp_release)", &format!("\"{}\"", release.number)).await;
        assert_eq!(erl.try_eval("error(badarg)").await, Err("{error,badarg}".to_owned()));
        assert_eq!(erl.try_eval("exit(self(), kill), receive x -> x end").await,
            Err("{down,killed}".to_owned()));
        erl.expect("1", "1").await;
        erl.stop().await;
    }

    async fn two_nodes_of_a_cluster_see_each_other(release) {
        let world = World::start(release).await;
        let a = world.erl("a").await;
        let b = world.erl_with("b", ErlOptions::default().ticktime(4)).await;
        a.expect("net_adm:ping('b@127.0.0.1')", "pong").await;
        b.expect("nodes()", "['a@127.0.0.1']").await;
        b.expect("net_kernel:get_net_ticktime()", "4").await;
    }

    async fn a_killed_node_is_noticed(release) {
        let world = World::start(release).await;
        let mut a = world.erl("a").await;
        let b = world.erl("b").await;
        b.expect("monitor_node('a@127.0.0.1', true)", "true").await;
        a.kill().await;
        b.expect("receive M -> M end", "{nodedown,'a@127.0.0.1'}").await;
        assert!(a.try_eval("1").await.is_err());
    }

    async fn elixir_evaluates(release) {
        let world = World::start(release).await;
        let node = world.elixir("ex").await;
        assert_eq!(node.elixir("x = 1 + 1; Node.self()").await, ":\"ex@127.0.0.1\"");
        assert_eq!(node.elixir("x").await, "2");
    }
}
