//! Does a node leave in good order: everything sent is written, the name is free, peers know?

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use erland::epmd::{Client, Error};
use erland::{Term, atom};
use erland_interop_tests::{
    Erl, ErlOptions, Probe, Watch, World, free_port, name_of, on_every_release, start, within,
};
use tokio::net::TcpStream;

/// What `erl` hears of the node's end.
async fn nodedown(erl: &Erl) {
    erl.expect("erland_helper:reply(20000)", "{nodedown,'rust@127.0.0.1'}")
        .await;
}

on_every_release! {
    async fn what_was_sent_is_written_first(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::start(&rust);
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        for number in 1..=10_000_u32 {
            probe.send(evaluator.clone(), Term::from((atom!("n"), number))).await;
        }
        probe.send(evaluator, Term::binary(vec![3; 5_000_000])).await;
        within("the shutdown", rust.shutdown()).await;
        erl.expect("erland_helper:receive_numbered(10000)", "ok").await;
        erl.expect("byte_size(erland_helper:reply(20000))", "5000000").await;
    }

    async fn peers_know_at_once_and_the_name_is_free(release) {
        let world = World::start(release).await;
        // A tick time by which they would notice only after minutes.
        // A port that nobody else is given when it is free again.
        let port = free_port();
        let rust = start(
            world.builder("rust").port(port).net_ticktime(Duration::from_secs(600)),
        )
        .await;
        let erl = world.erl_with("erl", ErlOptions::default().ticktime(600)).await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        let begin = Instant::now();
        within("the shutdown", rust.shutdown()).await;
        nodedown(&erl).await;
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        let found = within("the look-up", Client::new(world.epmd_addr()).lookup("rust")).await;
        assert!(matches!(found, Err(Error::NotRegistered)), "{found:?}");
        // A child process that another test is just starting holds the socket until its exec.
        within("the listener to be closed", async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {}
        })
        .await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
    }

    async fn processes_end_with_shutdown_and_their_links_hear_it(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        erl.expect("C = erland_helper:collector(fun() -> link(P), monitor(process, P) end), is_pid(C)", "true").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        within("the shutdown", rust.shutdown()).await;
        erl.expect(
            "Heard = erland_helper:await(C, 2),
             {lists:member({'EXIT', P, shutdown}, Heard),
              [R || {'DOWN', _, process, Q, R} <- Heard, Q =:= P], length(Heard)}",
            "{true,[shutdown],2}",
        )
        .await;
    }

    async fn one_that_does_not_read_does_not_hold_the_shutdown_up(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").shutdown_timeout(Duration::from_secs(1))).await;
        let erl = world.erl("erl").await;
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
        erl.freeze().await;
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        // More than the sockets hold, less than the link's limit at the last.
        for _ in 0..8 {
            let message = Term::binary(vec![1; 900_000]);
            let send = rust.send(evaluator.clone(), message);
            if tokio::time::timeout(Duration::from_millis(300), send).await.is_err() {
                break;
            }
        }
        let begin = Instant::now();
        within("the shutdown", rust.shutdown()).await;
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
        erl.thaw().await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
    }

    async fn the_other_nodes_of_the_process_stay(release) {
        let world = World::start(release).await;
        let leaving = world.node("rust").await;
        let staying = world.node("staying").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        within("our ping", staying.ping("erl@127.0.0.1")).await.expect("pong");
        within("our ping", staying.ping("rust@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&staying);
        within("the shutdown", leaving.shutdown()).await;
        watch.down("rust@127.0.0.1").await;
        erl.expect("net_adm:ping('staying@127.0.0.1')", "pong").await;
        assert_eq!(staying.nodes(), ["erl@127.0.0.1"]);
    }
}
