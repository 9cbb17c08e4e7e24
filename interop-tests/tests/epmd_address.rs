//! Does our epmd listen where OTP's newest does?

use std::collections::BTreeSet;
use std::net::TcpStream;

use erland_interop_tests::{
    EpmdDaemon, EpmdKind, Slot, addresses_of, free_port, own_address, release, within,
};
use tokio::task::JoinSet;

/// The addresses at which it listens, or what it said when it ended.
async fn outcome(kind: EpmdKind, flags: Vec<String>, variable: Option<String>) -> String {
    let port = free_port();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let environment: Vec<(&str, &str)> = variable
        .iter()
        .map(|value| ("ERL_EPMD_ADDRESS", value.as_str()))
        .collect();
    match EpmdDaemon::try_start(kind, port, &flags, &environment).await {
        Ok(daemon) => {
            daemon.serves().await;
            let hosts: BTreeSet<String> = addresses_of(daemon.pid())
                .into_iter()
                .inspect(|address| assert_eq!(address.port(), port))
                .map(|address| address.ip().to_string())
                .collect();
            hosts.into_iter().collect::<Vec<_>>().join(" ")
        }
        Err(ran) => {
            let port = port.to_string();
            format!(
                "{} {} {:?}",
                ran.stdout,
                ran.stderr.replace(&port, "PORT"),
                ran.code
            )
        }
    }
}

fn list(addresses: &[&str]) -> String {
    addresses.join(",")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_addresses_are_those_of_otps_newest() {
    let own = own_address().to_string();
    let many = |count: u8| {
        (2..2 + count)
            .map(|host| format!("127.0.0.{host}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let lists = [
        String::new(),
        list(&[",", " "]),
        list(&["127.0.0.1"]),
        list(&["::1"]),
        list(&["127.0.0.1", "::1"]),
        list(&["127.0.0.2"]),
        list(&["127.0.0.2", "127.0.0.1"]),
        list(&[" 127.0.0.2 ", "", "127.0.0.3 127.0.0.4"]),
        list(&["127.0.0.2", "127.0.0.2"]),
        list(&["127.0.0.1", "127.0.0.1"]),
        list(&["::1", "::1"]),
        list(&[&own]),
        list(&[&own, "::1"]),
        list(&["0.0.0.0"]),
        list(&["::"]),
        list(&["0.0.0.0", "::"]),
        list(&["0.0.0.0", "::1"]),
        list(&["::", "127.0.0.1"]),
        list(&["0.0.0.0", "127.0.0.1"]),
        list(&["127.0.0.1", "0.0.0.0"]),
        list(&["::", "::1"]),
        list(&["0.0.0.0", &own]),
        list(&[&own, "0.0.0.0"]),
        list(&["::ffff:127.0.0.1"]),
        list(&["::ffff:127.0.0.2"]),
        list(&["0:0:0:0:0:0:0:1"]),
        list(&["127.1"]),
        list(&["127.0.0.01"]),
        list(&["localhost"]),
        list(&["127.0.0.2", "no.such.host"]),
        list(&["127.0.0.1:4369"]),
        list(&["[::1]"]),
        list(&["::1%lo"]),
        list(&["203.0.113.1"]),
        list(&["127.0.0.2", "203.0.113.1"]),
        list(&["2001:db8::1"]),
        list(&["127.0.0.1\t127.0.0.2"]),
        list(&["127.0.0.2;127.0.0.3"]),
        many(12),
        many(13),
        many(14),
        many(15),
        many(20),
    ];
    let mut runs = Vec::new();
    for list in lists {
        runs.push((vec!["-address".to_owned(), list], None));
    }
    for list in ["", "127.0.0.2", "0.0.0.0 ::", "127.0.0.2,nonsense"] {
        runs.push((vec![], Some(list.to_owned())));
    }
    // The flag wins; of two flags the last; without either, everywhere.
    let flags = |flags: &[&str]| {
        flags
            .iter()
            .map(|flag| (*flag).to_owned())
            .collect::<Vec<_>>()
    };
    runs.push((
        flags(&["-address", "127.0.0.2"]),
        Some("127.0.0.3".to_owned()),
    ));
    runs.push((
        flags(&["-address", "127.0.0.2"]),
        Some("nonsense".to_owned()),
    ));
    runs.push((
        flags(&["-address", "127.0.0.2", "-address", "127.0.0.3"]),
        None,
    ));
    runs.push((flags(&[]), None));
    same(runs).await;
}

async fn same(runs: Vec<(Vec<String>, Option<String>)>) {
    // OTP 25 and 27 get some of it wrong.
    let kinds = [EpmdKind::Otp(release(Slot::Newest)), EpmdKind::measured()];
    let mut running = JoinSet::new();
    let mut differences = Vec::new();
    let mut left = runs.into_iter();
    loop {
        while running.len() < 6
            && let Some((flags, variable)) = left.next()
        {
            let [first, second] =
                [kinds[0], kinds[1]].map(|kind| outcome(kind, flags.clone(), variable.clone()));
            running.spawn(async move {
                let (first, second) = tokio::join!(first, second);
                println!("{flags:?} {variable:?}: {first}");
                (first != second)
                    .then(|| format!("{flags:?} {variable:?}:\n  {first}\n  {second}\n"))
            });
        }
        match running.join_next().await {
            Some(difference) => differences.extend(difference.expect("a run ends")),
            None => break,
        }
    }
    assert!(
        differences.is_empty(),
        "{} {differences:#?}",
        kinds[1],
        differences = differences.join("")
    );
}

/// Both families at the same port, each by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv4_and_ipv6_answer_alike() {
    for kind in EpmdKind::all() {
        let daemon = EpmdDaemon::start_anywhere(kind, &[], &[]).await;
        daemon.serves().await;
        for host in ["127.0.0.1", "::1", "127.0.0.9"] {
            let connected = TcpStream::connect((host, daemon.port()));
            assert!(connected.is_ok(), "{kind} {host}: {connected:?}");
        }
        within("the end", daemon.kill()).await;
    }
}
