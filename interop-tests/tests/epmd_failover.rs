//! An embedded epmd ends with its node. Do the others take it over, and is everybody found again?

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use erland::epmd::{Client, Error, StopOutcome};
use erland::{ConnectError, Epmd, Node, PingError, Term, atom};
use erland_dist::testing::Rng;
use erland_interop_tests::{
    Erl, NodeProgram, OtpEpmd, Probe, World, free_port, name_of, on_every_release, start, within,
    within_time,
};

/// How long the names of the living may be unknown.
const BACK: Duration = Duration::from_secs(5);

/// epmd tells nobody that a name is back, so it is asked.
const ASK: Duration = Duration::from_millis(20);

/// Three processes that are nodes of ours, one `erl`, and a node of the test that sees them all.
/// It is registered like the others, but brings no epmd.
struct Cluster {
    world: World,
    programs: BTreeMap<&'static str, NodeProgram>,
    erl: Option<Erl>,
    probe: Probe,
    /// Of the living, the observer left out.
    creations: BTreeMap<&'static str, u32>,
}

impl Cluster {
    async fn start(world: World) -> Cluster {
        let mut programs = BTreeMap::new();
        for name in ["a", "b", "c"] {
            programs.insert(name, world.program_with_epmd(name).await);
        }
        let erl = world.erl("erl").await;
        let probe = Probe::start(&world.node("observer").await);
        let mut cluster = Cluster {
            world,
            programs,
            erl: Some(erl),
            probe,
            creations: BTreeMap::new(),
        };
        cluster.names_are_back().await;
        cluster.creations = cluster.creations_now().await;
        cluster
    }

    fn living(&self) -> Vec<&'static str> {
        let mut living: Vec<_> = self.programs.keys().copied().collect();
        living.extend(self.erl.is_some().then_some("erl"));
        living
    }

    async fn kill(&mut self, name: &str) {
        match self.programs.remove(name) {
            Some(mut program) => program.kill().await,
            None => self.erl.take().expect("it lives").kill().await,
        }
        self.creations.remove(name);
    }

    async fn names_are_back(&self) {
        let mut due = self.living();
        due.push("observer");
        due.sort_unstable();
        let what = format!("{due:?} at epmd");
        let since = Instant::now();
        within_time(BACK, &what, names_are(self.world.epmd_addr(), &due)).await;
        println!("{what} after {:?}", since.elapsed());
    }

    /// As the pids of the living have them; to learn it a message goes there and one comes back.
    async fn creations_now(&mut self) -> BTreeMap<&'static str, u32> {
        let mut creations = BTreeMap::new();
        for &name in self.programs.keys() {
            self.probe
                .send(
                    echo(name),
                    Term::from((self.probe.pid().clone(), atom!("who"))),
                )
                .await;
            let answer = self.probe.next_term().await;
            let pid = answer
                .as_tuple()
                .and_then(|answer| answer[0].as_pid().cloned());
            let pid = pid.unwrap_or_else(|| panic!("{{Pid, who}} was due, not {answer}"));
            assert_eq!(*pid.node().name(), name_of(&full(name)));
            creations.insert(name, pid.node().creation());
        }
        if let Some(erl) = &self.erl {
            let pid = self.probe.learn_pid(erl, "self()").await;
            creations.insert("erl", pid.node().creation());
        }
        creations
    }

    /// Everybody has the creation that he had, also in the eyes of `erl`, and everybody reaches
    /// everybody.
    async fn is_as_before(&mut self) {
        assert_eq!(self.creations_now().await, self.creations);
        if let Some(erl) = &self.erl {
            for name in self.programs.keys() {
                let seen = format!(
                    "(fun() ->
                         {{echo, '{name}@127.0.0.1'}} ! {{self(), who}},
                         {{Pid, who}} = erland_helper:reply(10000),
                         External = term_to_binary(Pid),
                         <<Creation:32>> = binary:part(External, byte_size(External), -4),
                         Creation
                     end)()"
                );
                erl.expect(&seen, &self.creations[name].to_string()).await;
            }
            let own = self.creations["erl"].to_string();
            erl.expect("erlang:system_info(creation)", &own).await;
        }
        for from in self.programs.keys() {
            for to in self.programs.keys().filter(|to| *to != from) {
                let message = Term::from((self.probe.pid().clone(), atom!("over")));
                let (name, node) = echo(to);
                let dest = Term::from((name, node));
                let order = Term::from((atom!("send"), dest, message));
                self.probe.send(echo(from), order).await;
                let answer = self.probe.next_term().await;
                let sender = answer.as_tuple().and_then(|answer| answer[0].as_pid());
                let sender = sender.map(|pid| pid.node().name().as_str().to_owned());
                assert_eq!(sender, Some(full(to)), "{from} to {to}: {answer}");
            }
        }
    }
}

/// Waits until these are the names that the epmd at `addr` knows.
async fn names_are(addr: SocketAddr, due: &[&str]) {
    let mut asking = tokio::time::interval(ASK);
    loop {
        asking.tick().await;
        // Nobody may be there yet.
        let Ok(names) = Client::new(addr).names().await else {
            continue;
        };
        let mut names: Vec<_> = names.entries.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names == due {
            return;
        }
    }
}

fn full(name: &str) -> String {
    format!("{name}@127.0.0.1")
}

fn echo(name: &str) -> (erland::Atom, erland::Atom) {
    (atom!("echo"), name_of(&full(name)))
}

/// Chance, unless `ERLAND_SEED` repeats what was printed.
fn seed() -> u64 {
    let seed = match std::env::var("ERLAND_SEED") {
        Ok(seed) => seed.parse().expect("ERLAND_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ()),
    };
    println!("ERLAND_SEED={seed}");
    seed
}

on_every_release! {
    async fn killed_in_any_order_the_names_of_the_living_come_back(release) {
        let mut rng = Rng::new(seed());
        let mut cluster = Cluster::start(World::with_epmd_port(release, free_port())).await;
        // `erl` alone has nobody to bring an epmd, so that one of ours is left at the end.
        while cluster.programs.len() > 1 || cluster.erl.is_some() {
            let mut candidates = cluster.living();
            if cluster.programs.len() == 1 {
                candidates.retain(|name| *name == "erl");
            }
            let name = rng.pick(&candidates).expect("somebody lives");
            println!("kill -9 {name}");
            cluster.kill(name).await;
            cluster.names_are_back().await;
            cluster.is_as_before().await;
        }
    }

    async fn each_that_brought_the_epmd_killed_in_turn(release) {
        let mut cluster = Cluster::start(World::with_epmd_port(release, free_port())).await;
        let mut owner = "a";
        loop {
            let program = &cluster.programs[owner];
            program.output().line_with("embedded epmd started").await;
            cluster.kill(owner).await;
            cluster.names_are_back().await;
            cluster.is_as_before().await;
            let brought = |program: &NodeProgram| program.output().contains("embedded epmd started");
            let next = cluster.programs.iter().find(|(_, program)| brought(program));
            owner = next.expect("one of the living has brought it").0;
            if cluster.programs.len() == 1 {
                break;
            }
        }
    }

    async fn otps_epmd_is_used_if_it_has_the_port_first(release) {
        let mut cluster = Cluster::start(World::with_epmd_port(release, free_port())).await;
        // Frozen, they leave it to OTP's to be first.
        for (_, program) in cluster.programs.iter().skip(1) {
            program.freeze().await;
        }
        cluster.kill("a").await;
        let epmd = OtpEpmd::start_on(release, cluster.world.epmd_addr().port()).await;
        for program in cluster.programs.values() {
            program.thaw().await;
        }
        cluster.names_are_back().await;
        cluster.is_as_before().await;
        for name in ["b", "c", "erl", "observer"] {
            epmd.output().line_with(&format!("registering '{name}")).await;
        }
        // And when that one goes, one of ours takes over from it.
        epmd.kill().await;
        cluster.names_are_back().await;
        cluster.is_as_before().await;
    }

    async fn a_look_up_in_the_gap_waits_for_the_names(release) {
        let mut cluster = Cluster::start(World::with_epmd_port(release, free_port())).await;
        let others = [full("b"), full("c"), full("erl")];
        for other in &others {
            cluster.probe.node().disconnect(other);
        }
        cluster.kill("a").await;
        let node = cluster.probe.node().clone();
        let pings = others.map(|other| {
            let node = node.clone();
            tokio::spawn(async move { node.ping(&other).await })
        });
        for ping in pings {
            within("a ping", ping).await.expect("no panic").expect("pong");
        }
        // The one that is dead is found to be so, in time.
        let dead = within("a ping", node.ping(&full("a"))).await;
        match dead {
            Err(PingError::Connect(ConnectError::NotRegistered { .. })) => {}
            other => panic!("a was killed: {other:?}"),
        }
    }

    async fn an_epmd_that_never_answered_is_asked_once(release) {
        let world = World::start(release).await;
        let patient = world.builder("rust").setup_timeout(Duration::from_secs(3600));
        let rust = start(patient).await;
        // Nobody listens there; the wait for an epmd that is to return would outlast the test.
        let pinged = within("a ping", rust.ping("nobody@127.0.0.9")).await;
        match pinged {
            Err(PingError::Connect(ConnectError::Epmd { source, .. })) => {
                assert!(source.is_no_epmd(), "{source:?}");
            }
            other => panic!("there is no epmd: {other:?}"),
        }
        // Nor is a name in doubt at an epmd that was never away.
        let pinged = within("a ping", rust.ping("nobody@127.0.0.1")).await;
        match pinged {
            Err(PingError::Connect(ConnectError::NotRegistered { .. })) => {}
            other => panic!("there is no such name: {other:?}"),
        }
    }

    async fn our_embedded_epmd_is_where_the_node_is_and_obeys_nobody(release) {
        let world = World::with_epmd_port(release, free_port());
        let port = world.epmd_addr().port();
        let embedded = |name: &str, port| {
            Node::builder(name)
                .cookie(world.cookie())
                .epmd(Epmd::Embedded)
                .epmd_port(port)
        };
        let rust = start(embedded("rust@127.0.0.1", port)).await;
        let erl = world.erl("erl").await;
        // A socket on all addresses would have this one too.
        TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).expect("it is free");

        let client = Client::new(world.epmd_addr());
        assert!(matches!(client.kill().await, Err(Error::Closed)));
        assert_eq!(client.stop("erl").await.expect("told"), StopOutcome::Refused);
        let names = client.names().await.expect("names").entries;
        assert_eq!(names.len(), 2, "{names:?}");
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        drop(rust);

        // One that listens elsewhere still serves the nodes of its own host, and no further.
        let port = free_port();
        let there = Ipv4Addr::new(127, 0, 0, 2);
        let _rust = start(embedded("rust@127.0.0.2", port).listen(there)).await;
        for ip in [Ipv4Addr::LOCALHOST, there] {
            let names = Client::new((ip, port).into()).names().await.expect("names");
            assert_eq!(names.entries.len(), 1);
        }
        TcpListener::bind((Ipv4Addr::new(127, 0, 0, 3), port)).expect("it is free");
    }
}
