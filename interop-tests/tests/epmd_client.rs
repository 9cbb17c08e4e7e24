//! The client of `erland-epmd` against OTP's daemon.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use erland::epmd::{
    Client, Error, KillOutcome, NodeEntry, Registration, RegistrationState, StopOutcome,
};
use erland_interop_tests::{OtpEpmd, Release, free_port, on_every_release, within};
use tokio::process::{Child, Command};

fn foo() -> NodeEntry {
    NodeEntry::new("foo", 1234)
}

/// The daemon as one starts it who allows others to drop names and to kill it.
async fn relaxed(release: &Release) -> (Child, Client) {
    let port = free_port();
    let program = release.program("epmd");
    let daemon = Command::new(&program[0])
        .args(&program[1..])
        .args(["-relaxed_command_check", "-address", "127.0.0.1", "-port"])
        .arg(port.to_string())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("epmd starts");
    let client = Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut asking = tokio::time::interval(Duration::from_millis(20));
    let answers = async {
        while client.names().await.is_err() {
            asking.tick().await;
        }
    };
    within("an answer of epmd", answers).await;
    (daemon, client)
}

async fn until_registered(registration: &mut Registration) {
    let registered = async {
        while !matches!(
            registration.changed().await,
            RegistrationState::Registered { .. }
        ) {}
    };
    within("the name to come back", registered).await;
}

on_every_release! {
    async fn it_dumps_refuses_and_ends(release) {
        let epmd = OtpEpmd::start(release).await;
        let client = Client::new(epmd.addr());
        let held = client.register(&foo()).await.expect("free");
        let dump = client.dump().await.expect("a dump");
        assert_eq!((dump.port, dump.active.len(), dump.unused.len()), (epmd.port(), 1, 0));
        assert_eq!((dump.active[0].name.as_str(), dump.active[0].port), ("foo", 1234));

        assert_eq!(client.kill().await.expect("told"), KillOutcome::LivingNodes);
        assert_eq!(client.stop("foo").await.expect("told"), StopOutcome::Refused);
        assert_eq!(client.lookup("foo").await.expect("registered"), foo());
        let refused = client.register(&foo()).await;
        assert!(matches!(refused, Err(Error::Refused { result: 1 })), "{refused:?}");

        held.release().await.expect("released");
        assert!(matches!(client.lookup("foo").await, Err(Error::NotRegistered)));
        let dump = client.dump().await.expect("a dump");
        assert_eq!((dump.active.len(), dump.unused.len()), (0, 1));
        assert_eq!(client.kill().await.expect("told"), KillOutcome::Killed);
        epmd.output().closed().await;
        let gone = client.names().await.expect_err("it has ended");
        assert!(gone.is_no_epmd(), "{gone:?}");
    }

    async fn relaxed_it_obeys(release) {
        let (mut daemon, client) = relaxed(release).await;
        assert_eq!(client.stop("foo").await.expect("told"), StopOutcome::NotRegistered);
        let mut held = client.register(&foo()).await.expect("free");
        assert_eq!(client.stop("foo").await.expect("told"), StopOutcome::Stopped);
        // The node of that name lives, and says so again.
        until_registered(&mut held).await;
        assert_eq!(client.lookup("foo").await.expect("registered"), foo());
        assert_eq!(client.kill().await.expect("told"), KillOutcome::Killed);
        let status = within("the end of epmd", daemon.wait()).await.expect("a status");
        assert!(status.success(), "{status}");
    }

    async fn a_registration_outlives_the_daemon(release) {
        let epmd = OtpEpmd::start(release).await;
        let (addr, port) = (epmd.addr(), epmd.port());
        let client = Client::new(addr);
        let mut held = client.register(&foo()).await.expect("free");
        let creation = held.creation();
        epmd.kill().await;
        let state = within("the loss", held.changed()).await;
        assert!(matches!(state, RegistrationState::Lost), "{state:?}");
        let epmd = OtpEpmd::start_on(release, port).await;
        until_registered(&mut held).await;
        epmd.output().line_with("registering 'foo").await;
        assert_eq!(client.lookup("foo").await.expect("registered"), foo());
        assert_eq!(held.creation(), creation);
        held.release().await.expect("released");
        assert!(matches!(client.lookup("foo").await, Err(Error::NotRegistered)));
    }

    async fn look_ups_leave_no_port_in_time_wait(release) {
        let (_daemon, client) = relaxed(release).await;
        let held = client.register_once(&foo()).await.expect("free");
        for _ in 0..1000 {
            client.lookup("foo").await.expect("registered");
            let unknown = client.lookup("bar").await;
            assert!(matches!(unknown, Err(Error::NotRegistered)), "{unknown:?}");
        }
        // "sl local_address rem_address st …" in hexadecimal; 06 is TIME_WAIT.
        let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has it");
        let port = format!(":{:04X}", held.addr().port());
        let ours = table.lines().filter(|line| {
            let mut fields = line.split_whitespace().skip(2);
            fields.next().is_some_and(|remote| remote.ends_with(&port)) && fields.next() == Some("06")
        });
        assert_eq!(ours.count(), 0);
    }
}
