//! Many names at once, and many after one another.
//!
//! The nodes are played by another process where two ends of each connection in one process would
//! take more files than it may have open.

#[cfg(target_os = "linux")]
use crate::common::alone;
use crate::common::{Raw, alive2, bind, settled};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

const MANY: usize = 10_000;

/// Where the other process finds its task.
const TASK: &str = "ERLAND_EPMD_TEST_HOLD";
const HELD: &str = "all names are held";

/// Files that the test process has open for other reasons.
const SPARE: usize = 300;

fn register(addr: SocketAddr, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("the server listens");
    stream.write_all(&alive2(name)).expect("sent");
    let mut reply = [0; 6];
    stream.read_exact(&mut reply).expect("a reply");
    assert_eq!(reply[..2], *b"v\0", "{name}");
    stream
}

/// The process that plays the nodes; as a test of its own, it has nothing to do.
#[test]
fn holder() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let (addr, count) = task.split_once(' ').expect("an address and a number");
    let addr = addr.parse().expect("an address");
    let count = count.parse().expect("a number");
    raise_file_limit();
    let names = 0..count;
    let held: Vec<TcpStream> = names
        .map(|n: usize| register(addr, &format!("node{n}")))
        .collect();
    println!("{HELD}");
    // Until the other end of the pipe is closed.
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the pipe");
    drop(held);
}

/// Raises the limit of open files as far as may be, and says how many that is.
fn raise_file_limit() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    // macOS grants no more, whatever the hard limit is.
    let most = if cfg!(target_os = "macos") {
        hard.min(10_240)
    } else {
        hard
    };
    setrlimit(Resource::RLIMIT_NOFILE, most, hard).expect("up to the hard limit is allowed");
    usize::try_from(most).unwrap_or(usize::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_names_are_held_and_found() {
    let limit = raise_file_limit();
    let max_connections = 64;
    let count = MANY.min(limit - SPARE - max_connections);
    if count < MANY {
        eprintln!("only {count} names: {MANY} need a limit of open files above {limit}");
    }
    let server = bind().await.with_max_connections(max_connections).start();
    assert!(server.max_names() >= count);

    let this = std::env::current_exe().expect("a test has a file");
    let mut child = Command::new(this)
        .args(["--exact", "scale::holder", "--nocapture"])
        .env(TASK, format!("{} {count}", server.local_addrs()[0]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test runs once more");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let held = tokio::task::spawn_blocking(move || {
        let mut lines = output.lines();
        let held = lines.any(|line| line.is_ok_and(|line| line.contains(HELD)));
        (held, lines)
    });
    // The other process goes on writing: the pipe stays open until it has ended.
    let (held, _lines) = held.await.expect("no panic");
    assert!(held, "the other process failed");

    assert_eq!(server.metrics().names, count);
    for number in [0, count / 2, count - 1] {
        let mut raw = Raw::connect(&server).await;
        let name = format!("node{number}");
        raw.send(
            &[
                &[0, u8::try_from(name.len() + 1).expect("short"), b'z'],
                name.as_bytes(),
            ]
            .concat(),
        )
        .await;
        assert_eq!(raw.read(2).await, b"w\0");
    }
    let mut raw = Raw::connect(&server).await;
    raw.send(b"\0\x01n").await;
    let names = raw.read_to_end().await;
    let names = erland_epmd::Names::decode(&names).expect("a list");
    assert_eq!(names.entries.len(), count);
    assert_eq!(names.entries[0].0, format!("node{}", count - 1));

    drop(child.stdin.take());
    child.wait().expect("it ends");
    settled(&server, |now| now.names == 0).await;
}

/// Memory of this process that no file backs, in bytes.
#[cfg(target_os = "linux")]
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = status.lines().find(|line| line.starts_with("RssAnon"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes
        .expect("a number")
        .parse::<usize>()
        .expect("a number")
        * 1024
}

/// In a process of its own, since other tests would show in its memory.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_over_a_hundred_thousand_registrations() {
    if !alone("scale::memory_stays_flat_over_a_hundred_thousand_registrations") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let server = runtime.block_on(async { bind().await.start() });
    let addr = server.local_addrs()[0];
    let soak = move |cycles: usize| {
        for cycle in 0..cycles {
            // More names than are remembered, so that those are replaced all the time.
            let stream = register(addr, &format!("node{}", cycle % 5000));
            // Leaves no port in TIME_WAIT, of which there would be too few.
            socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .expect("a socket option");
        }
    };
    let ran = |cycles| {
        runtime.block_on(async { tokio::task::spawn_blocking(move || soak(cycles)).await })
    };
    ran(10_000).expect("no panic");
    let before = memory();
    ran(90_000).expect("no panic");
    let grown = memory().saturating_sub(before);
    // 2 MB are 23 bytes for each cycle.
    assert!(grown < 2 << 20, "{grown} bytes");
    assert_eq!(server.metrics().registered, 100_000);
}
