//! What happens where the system gives no more files.

use crate::common::{DEADLINE, Raw, alive2, alone, bind, exchange, gone, hold, settled};
use erland_epmd::Client;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpSocket;
use tokio::time::timeout;

const NAMES: &[u8] = b"\0\x01n";

/// Sets how many files this process may open from now on; those that are open stay so.
fn limit_files(soft: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard).expect("below the hard limit");
}

/// The nodes of the test have files of this process too, so that it gets more of them once the
/// server has taken note of its limit.
#[test]
fn names_beyond_the_limit_of_files_are_refused_and_lookups_served() {
    if !alone("exhaustion::names_beyond_the_limit_of_files_are_refused_and_lookups_served") {
        return;
    }
    run(async {
        limit_files(160);
        let server = bind().await.start();
        limit_files(512);
        // 64 of them are left to the rest of the process.
        assert_eq!((server.max_names(), server.max_connections()), (72, 24));
        let mut held = Vec::new();
        for number in 0..72 {
            held.push(hold(&server, &format!("node{number}")).await);
        }
        let mut refused = Raw::connect(&server).await;
        refused.send(&alive2("one-too-many")).await;
        assert_eq!(refused.read(6).await, b"v\x01\0\0\0\x63");
        assert_eq!(server.metrics().names_full, 1);
        assert_eq!(exchange(&server, b"\0\x06znode7").await[..2], *b"w\0");
        assert_eq!(server.metrics().accept_errors, 0);
    });
}

#[test]
fn a_server_without_files_keeps_its_names_and_goes_on_when_there_are_some() {
    if !alone("exhaustion::a_server_without_files_keeps_its_names_and_goes_on_when_there_are_some")
    {
        return;
    }
    run(async {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
        let server = bind().await.start();
        let client = Client::new(server.local_addrs()[0]);
        let _stays = hold(&server, "stays").await;
        let goes = hold(&server, "goes").await;
        let early = TcpSocket::new_v4().expect("a socket");

        limit_files(1);
        let early = early.connect(server.local_addrs()[0]).await;
        let mut early = Raw(early.expect("the system accepts for the server"));
        early.send(b"\0\x06zstays").await;
        settled(&server, |now| now.accept_errors > 0).await;
        // Those that it has are served meanwhile.
        drop(goes);
        settled(&server, |now| now.unregistered == 1).await;
        assert_eq!(server.metrics().names, 1);

        limit_files(hard);
        assert_eq!(early.read_to_end().await[..2], *b"w\0");
        gone(&client, "goes").await;
        assert_eq!(
            exchange(&server, NAMES).await[4..],
            *b"name stays at port 1\n"
        );

        // To end, it needs none.
        let late = TcpSocket::new_v4().expect("a socket");
        limit_files(1);
        let _late = late.connect(server.local_addrs()[0]).await;
        settled(&server, |now| now.accept_errors > 1).await;
        timeout(DEADLINE, server.stop()).await.expect("the end");
    });
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}
