//! The client's requests other than those of a node, where it finds epmd, and how it leaves it.

use crate::common::{DEADLINE, loopback, start};
use erland_epmd::message::{Dump, DumpLine};
use erland_epmd::{Client, Error, Family, KillOutcome, Malformed, NodeEntry, StopOutcome};
use std::io::ErrorKind;
use std::net::Ipv6Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const FOO: &[u8] = b"w\0\x04\xd2M\0\0\x06\0\x06\0\x03foo\0\0";

/// An epmd for one request: what it read, and the connection on which it has answered.
struct Asked {
    request: Vec<u8>,
    stream: TcpStream,
}

/// Runs `operation` against an epmd that answers one request of `length` bytes with `reply`, and
/// closes the connection if `close`.
async fn exchange<T>(
    length: usize,
    reply: &[u8],
    close: bool,
    operation: impl AsyncFnOnce(Client) -> T,
) -> (T, Asked) {
    let listener = TcpListener::bind(loopback()).await.expect("a free port");
    let client = Client::new(listener.local_addr().expect("bound"));
    let epmd = async {
        let (mut stream, _) = listener.accept().await.expect("the client");
        let mut request = vec![0; length];
        stream.read_exact(&mut request).await.expect("a request");
        stream.write_all(reply).await.expect("open");
        if close {
            stream.shutdown().await.expect("open");
        }
        Asked { request, stream }
    };
    let both = async { tokio::join!(operation(client), epmd) };
    timeout(DEADLINE, both).await.expect("in time")
}

#[tokio::test]
async fn kill_tells_killed_from_refused() {
    for (reply, expected) in [
        (b"OK", KillOutcome::Killed),
        (b"NO", KillOutcome::LivingNodes),
    ] {
        let (outcome, asked) = exchange(3, reply, true, async |client| client.kill().await).await;
        assert_eq!(outcome.expect("an outcome"), expected);
        assert_eq!(asked.request, b"\0\x01k");
    }
    let (outcome, _) = exchange(3, b"", true, async |client| client.kill().await).await;
    assert!(matches!(outcome, Err(Error::Closed)), "{outcome:?}");
    let (outcome, _) = exchange(3, b"ON", true, async |client| client.kill().await).await;
    let unknown = matches!(outcome, Err(Error::Malformed(Malformed::UnknownReply)));
    assert!(unknown, "{outcome:?}");
}

#[tokio::test]
async fn stop_has_three_outcomes() {
    let cases: [(&[u8], StopOutcome); 4] = [
        (b"STOPPED", StopOutcome::Stopped),
        (b"NOEXIST", StopOutcome::NotRegistered),
        (b"NOEXISTSTOPPED", StopOutcome::NotRegistered),
        (b"", StopOutcome::Refused),
    ];
    for (reply, expected) in cases {
        let stop = async |client: Client| client.stop("foo").await;
        let (outcome, asked) = exchange(6, reply, true, stop).await;
        assert_eq!(outcome.expect("an outcome"), expected);
        assert_eq!(asked.request, b"\0\x04sfoo");
    }
    let stop = async |client: Client| client.stop("foo").await;
    let (outcome, _) = exchange(6, b"nonsense", true, stop).await;
    assert!(
        matches!(outcome, Err(Error::Malformed(Malformed::UnknownReply))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn dump_lists_both_kinds() {
    const REPLY: &[u8] = b"\0\0\x11\x11active name     <a> at port 7, fd = 5\n\0\
        old/unused name <b>, port = 8, fd = 6 \n\0";
    let (dump, asked) = exchange(3, REPLY, true, async |client| client.dump().await).await;
    let line = |name: &str, port, fd| DumpLine {
        name: name.to_owned(),
        port,
        fd,
    };
    let expected = Dump {
        port: 4369,
        active: vec![line("a", 7, 5)],
        unused: vec![line("b", 8, 6)],
    };
    assert_eq!(dump.expect("a dump"), expected);
    assert_eq!(asked.request, b"\0\x01d");
}

/// Any user of the host may register such a name.
#[tokio::test]
async fn a_name_with_a_line_feed_does_not_spoil_the_list() {
    let (_server, client) = start().await;
    let mut held = Vec::new();
    for name in ["foo", "a\nb", "bar"] {
        let entry = NodeEntry::new(name, 7);
        held.push(client.register_once(&entry).await.expect("free"));
    }
    let names = client.names().await.expect("a list");
    let listed: Vec<_> = names.entries.iter().map(|(name, _)| &**name).collect();
    assert_eq!(listed, ["bar", "foo"]);
    assert_eq!(client.dump().await.expect("a dump").active.len(), 3);
}

#[tokio::test]
async fn an_embedded_epmd_offers_neither_kill_nor_stop() {
    let (server, client) = start().await;
    assert!(matches!(client.kill().await, Err(Error::Closed)));
    let _held = client
        .register(&NodeEntry::new("foo", 1))
        .await
        .expect("free");
    assert_eq!(
        client.stop("foo").await.expect("told"),
        StopOutcome::Refused
    );
    assert_eq!(server.names().entries.len(), 1);
    assert_eq!(client.dump().await.expect("a dump").active.len(), 1);
}

/// Whoever closes first has the connection in TIME_WAIT.
#[tokio::test]
async fn epmd_closes_first() {
    let lookup = async |client: Client| client.lookup("foo").await;
    let (entry, mut asked) = exchange(6, FOO, true, lookup).await;
    assert_eq!(entry.expect("found").port, 1234);
    let mut rest = Vec::new();
    let end = timeout(DEADLINE, asked.stream.read_to_end(&mut rest)).await;
    assert_eq!(end.expect("in time").expect("a good end"), 0);
}

/// Neither does that cost the caller his timeout, nor a port: the connection is reset.
#[tokio::test]
async fn an_epmd_that_does_not_close_is_reset() {
    let lookup = async |client: Client| client.lookup("foo").await;
    let (entry, mut asked) = exchange(6, FOO, false, lookup).await;
    assert_eq!(entry.expect("found").port, 1234);
    let end = timeout(DEADLINE, asked.stream.read(&mut [0; 8])).await;
    let error = end.expect("in time").expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    // One that goes on talking is not listened to.
    let talk = [FOO, &[b'x'; 200]].concat();
    let (entry, mut asked) = exchange(6, &talk, false, lookup).await;
    assert_eq!(entry.expect("found").port, 1234);
    let end = timeout(DEADLINE, asked.stream.read(&mut [0; 8])).await;
    let error = end.expect("in time").expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn this_host_is_found_by_either_family() {
    let (server, _) = start().await;
    let addr = server.local_addrs()[0];
    let port = addr.port();
    for client in [
        Client::local(port, Family::Any),
        Client::local(port, Family::V4),
        Client::host("localhost", port, Family::Any),
        Client::host("localhost", port, Family::V4),
        Client::host("127.0.0.1", port, Family::Any),
    ] {
        let lease = client
            .register_once(&NodeEntry::new("foo", 5))
            .await
            .expect("free");
        assert_eq!(lease.addr(), addr);
        let (found, entry) = client.locate("foo").await.expect("registered");
        assert_eq!((found.ip(), found.port(), entry.port), (addr.ip(), 5, 5));
        lease.release().await.expect("released");
    }
    // Nobody listens there, or there is no IPv6 at all.
    let wrong = Client::local(port, Family::V6).names().await;
    match wrong {
        Err(Error::Connect { addr, .. }) => assert_eq!(addr.ip(), Ipv6Addr::LOCALHOST),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_without_an_address_is_told() {
    for client in [
        Client::host("127.0.0.1", 1, Family::V6),
        Client::host("no such host", 1, Family::Any),
    ] {
        let error = client.names().await.expect_err("no address");
        assert!(matches!(error, Error::Resolve { .. }), "{error:?}");
    }
}

/// A port in TIME_WAIT is out of use for a minute, so that look-ups would run out of them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn look_ups_leave_no_port_in_time_wait() {
    let (server, client) = start().await;
    let _held = client
        .register_once(&NodeEntry::new("foo", 1))
        .await
        .expect("free");
    for _ in 0..500 {
        client.lookup("foo").await.expect("registered");
        let unknown = client.lookup("bar").await;
        assert!(matches!(unknown, Err(Error::NotRegistered)));
        client.names().await.expect("names");
        client.dump().await.expect("a dump");
    }
    // "sl local_address rem_address st …", addresses and ports in hexadecimal; 06 is TIME_WAIT.
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let port = format!(":{:04X}", server.local_addrs()[0].port());
    let (mut ours, mut servers) = (0, 0);
    for line in table.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.get(3) == Some(&"06") {
            ours += usize::from(fields[2].ends_with(&port));
            servers += usize::from(fields[1].ends_with(&port));
        }
    }
    assert_eq!(ours, 0);
    assert!(servers > 0, "the server has closed first");
}
