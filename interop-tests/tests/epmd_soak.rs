//! Does our `epmd` stay as large as it is, over a hundred thousand registrations and with ten
//! thousand at once?

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use erland_interop_tests::{Alive, EpmdDaemon, EpmdKind, names, port2, within_time};
use std::time::Duration;
use tokio::task::JoinSet;

/// The memory of a process, in kilobytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a number of kilobytes")
}

/// A lease on `name`; tried again while the last one has not been seen to end.
fn register(addr: SocketAddr, name: &str) -> TcpStream {
    let request = Alive::of(name).bytes();
    loop {
        let mut lease = TcpStream::connect(addr).expect("epmd can be connected to");
        lease.write_all(&request).expect("a request can be sent");
        let mut reply = [0; 6];
        lease.read_exact(&mut reply).expect("an answer to ALIVE2");
        match reply[..2] {
            [b'v', 0] => return lease,
            [b'v', 1] => {}
            _ => panic!("{reply:?} is no answer"),
        }
    }
}

fn ask(addr: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = TcpStream::connect(addr).expect("epmd can be connected to");
    connection
        .write_all(request)
        .expect("a request can be sent");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("an answer");
    answer
}

/// `count` registrations of `distinct` names, by eight clients at once. Every second is ended by
/// its client, the others by a byte, at which epmd closes.
async fn cycles(addr: SocketAddr, count: usize, distinct: usize) {
    let mut clients = JoinSet::new();
    for client in 0..8 {
        clients.spawn_blocking(move || {
            for cycle in 0..count / 8 {
                let mut lease =
                    register(addr, &format!("name-{client}-{}", cycle % (distinct / 8)));
                if cycle % 2 == 0 {
                    lease.write_all(b"!").expect("a byte can be sent");
                    // A reset, when epmd had not read the byte: closed all the same.
                    let _ = lease.read(&mut [0]);
                }
            }
        });
    }
    let ended = within_time(
        Duration::from_secs(300),
        "all registrations",
        clients.join_all(),
    );
    ended.await;
}

fn held(addr: SocketAddr) -> usize {
    let listing = ask(addr, &names());
    listing[4..].iter().filter(|byte| **byte == b'\n').count()
}

async fn none_held(addr: SocketAddr) {
    within_time(Duration::from_secs(60), "all names to go", async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        while held(addr) > 0 {
            again.tick().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_flat_over_a_hundred_thousand_registrations() {
    let daemon = EpmdDaemon::start(EpmdKind::measured(), &[]).await;
    // Fills the list of old names, and the allocator's own stock.
    cycles(daemon.addr(), 20_000, 2400).await;
    none_held(daemon.addr()).await;
    let before = resident(daemon.pid());
    cycles(daemon.addr(), 80_000, 2400).await;
    none_held(daemon.addr()).await;
    let after = resident(daemon.pid());
    println!("{before} kB after 20,000 registrations, {after} kB after 100,000");
    // A leak of 20 bytes in each of the 80,000 would be 1,600 kB.
    assert!(after <= before + 1024, "{before} kB grew to {after} kB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_names_at_once() {
    const NAMES: usize = 10_000;
    let limit = open_files();
    assert!(
        limit >= NAMES + 500,
        "this test holds {NAMES} connections, and may open only {limit} files: `ulimit -n 12000`"
    );
    let daemon = EpmdDaemon::start(EpmdKind::measured(), &[]).await;
    let addr = daemon.addr();
    let empty = resident(daemon.pid());
    let leases = tokio::task::spawn_blocking(move || {
        (0..NAMES)
            .map(|name| register(addr, &format!("name-{name}")))
            .collect::<Vec<_>>()
    });
    let leases = within_time(Duration::from_secs(120), "the registrations", leases).await;
    let leases = leases.expect("registered");
    let full = resident(daemon.pid());
    println!("{empty} kB without names, {full} kB with {NAMES}");
    assert_eq!(held(addr), NAMES);
    for name in (0..NAMES).step_by(97) {
        let name = format!("name-{name}");
        let answer = ask(addr, &port2(&name));
        assert_eq!(answer[..2], [b'w', 0], "{name}");
    }
    assert_eq!(ask(addr, &port2("name-10000")), [b'w', 1]);
    // And again: what the first ten thousand took is reused.
    let mut sizes = vec![full];
    drop(leases);
    for round in 0..4 {
        none_held(addr).await;
        let leases = tokio::task::spawn_blocking(move || {
            (0..NAMES)
                .map(|name| register(addr, &format!("round-{round}-{name}")))
                .collect::<Vec<_>>()
        });
        let leases = within_time(Duration::from_secs(120), "the registrations", leases).await;
        sizes.push(resident(daemon.pid()));
        drop(leases);
    }
    println!("{sizes:?} kB with {NAMES} others each");
    assert!(sizes[4] <= sizes[1] + sizes[1] / 10, "{sizes:?} kB");
}

/// How many files this process may have open; what it starts may have as many.
fn open_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("the limits");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(usize::MAX)
}
