//! Do live nodes come back to our `epmd` after its death as they come back to OTP's?

use std::collections::BTreeMap;
use std::time::Duration;

use erland::epmd::Client;
use erland_interop_tests::{
    EpmdDaemon, EpmdKind, World, free_port, on_every_release, within, within_time,
};

/// What is to be the same whoever's daemon it was.
#[derive(Debug, PartialEq)]
struct Outcome {
    before: Vec<String>,
    after: Vec<String>,
    same_ports: bool,
    creations_kept: bool,
    pings: Vec<String>,
    exit: bool,
}

async fn ports(daemon: &EpmdDaemon) -> BTreeMap<String, u16> {
    let listed = within("the names", Client::new(daemon.addr()).names()).await;
    listed.expect("epmd answers").entries.into_iter().collect()
}

async fn killed_and_restarted(kind: EpmdKind, world: World) -> Outcome {
    let port = world.epmd_addr().port();
    let address = ["-address", "127.0.0.1"];
    let daemon = EpmdDaemon::start_with(kind, port, &address, &[]).await;
    let (one, two, rust) = tokio::join!(world.erl("one"), world.erl("two"), world.node("rust"));
    let creation = "erlang:system_info(creation)";
    let creations = (
        one.eval(creation).await,
        two.eval(creation).await,
        rust.creation(),
    );
    let before = ports(&daemon).await;

    daemon.kill().await;
    // Connections can be made by those that need no look-up, and stand.
    one.expect("net_adm:ping(node())", "pong").await;
    let daemon = EpmdDaemon::start_with(kind, port, &address, &[]).await;
    let mut after = BTreeMap::new();
    // OTP's nodes try every two seconds.
    within_time(Duration::from_secs(60), "all names to come back", async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        while after.len() < before.len() {
            again.tick().await;
            after = ports(&daemon).await;
        }
    })
    .await;
    let now = (
        one.eval(creation).await,
        two.eval(creation).await,
        rust.creation(),
    );

    let late = world.erl("late").await;
    let mut pings = Vec::new();
    for name in ["one", "two", "rust", "nobody"] {
        pings.push(
            late.eval(&format!("net_adm:ping('{name}@127.0.0.1')"))
                .await,
        );
    }
    rust.shutdown().await;
    one.stop().await;
    two.stop().await;
    late.stop().await;
    let mut daemon = daemon;
    let killed = within("the kill", async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        loop {
            // Refused until the daemon has seen the last lease end.
            let port = port.to_string();
            let ran = kind.run(&["-port", &port, "-kill"], &[]).await;
            if ran.stdout == "Killed\n" {
                break;
            }
            again.tick().await;
        }
        daemon.ended().await
    });
    Outcome {
        exit: killed.await == Some(0),
        same_ports: before == after,
        before: before.into_keys().collect(),
        after: after.into_keys().collect(),
        creations_kept: creations == now,
        pings,
    }
}

on_every_release! {
    async fn names_come_back_and_creations_stay(release) {
        let script = |kind| killed_and_restarted(kind, World::with_epmd_port(release, free_port()));
        let (otp, ours) = tokio::join!(script(EpmdKind::Otp(release)), script(EpmdKind::measured()));
        assert_eq!(otp, ours);
        assert_eq!(ours.after, ["one", "rust", "two"]);
        assert_eq!(ours.pings, ["pong", "pong", "pong", "pang"]);
        assert!(ours.creations_kept && ours.same_ports && ours.exit, "{ours:?}");
    }
}
