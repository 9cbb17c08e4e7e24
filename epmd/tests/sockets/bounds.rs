//! What a peer cannot do to the server, however it behaves.

use crate::common::{DEADLINE, Raw, bind, exchange, hold, loopback, settled, start};
use erland_epmd::{Client, Server, ServerHandle};
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

const NAMES: &[u8] = b"\0\x01n";

/// The clock stands still until everybody waits, and then goes to the next event.
#[tokio::test(start_paused = true)]
async fn bytes_that_trickle_in_do_not_buy_time() {
    let limit = Duration::from_secs(10);
    let server = bind().await.with_idle_timeout(limit).start();
    let start = Instant::now();
    let Raw(stream) = Raw::connect(&server).await;
    let (mut reader, writer) = stream.into_split();
    let trickling = tokio::spawn(async move {
        // A registration of 3,057 bytes: without the limit, it would take 50 minutes.
        writer.writable().await.expect("open");
        let mut sent = 0;
        while writer.try_write(&[11]).is_ok() {
            sent += 1;
            sleep(Duration::from_secs(1)).await;
        }
        sent
    });
    let mut reply = Vec::new();
    // A close with bytes unread arrives as a reset.
    let _end = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut reply).await;
    assert_eq!(reply, b"");
    assert!(start.elapsed() >= limit);
    assert!(trickling.await.expect("no panic") <= 13);
    assert_eq!(server.metrics().requests_late, 1);
    assert_eq!(server.metrics().connections, 0);
}

/// A server with a list too long for the buffers of its connections, and the nodes on that list.
async fn talkative(limits: impl FnOnce(Server) -> Server) -> (ServerHandle, Vec<Raw>) {
    // Little room for replies: the connections inherit the buffer of the listening socket.
    let listener = std::net::TcpListener::bind(loopback()).expect("a free port");
    socket2::SockRef::from(&listener)
        .set_send_buffer_size(4096)
        .expect("a socket option");
    let server = Server::from_listeners(vec![listener]).expect("it listens");
    let server = limits(server).start();
    let mut held = Vec::new();
    for number in 0..200 {
        let name = format!("{number:0>250}").replace('0', "ж");
        held.push(hold(&server, &name).await);
    }
    (server, held)
}

/// Asks for the list, and does not read it.
async fn ask_and_forget(server: &ServerHandle) -> Raw {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket option");
    let stream = socket.connect(server.local_addrs()[0]).await;
    let mut silent = Raw(stream.expect("the server listens"));
    silent.send(NAMES).await;
    silent
}

/// Reads to the end, which is to be a reset: a part of a list must not pass for all of it.
async fn expect_reset(mut raw: Raw) {
    let mut part = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut raw.0, &mut part);
    let error = timeout(DEADLINE, read).await.expect("in time");
    let error = error.expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reply_that_nobody_reads_is_given_up() {
    let limit = Duration::from_millis(300);
    let (server, _held) = talkative(|server| server.with_idle_timeout(limit)).await;
    let silent = ask_and_forget(&server).await;
    settled(&server, |now| now.replies_unread == 1).await;
    assert_eq!(server.metrics().names, 200);
    expect_reset(silent).await;
}

#[tokio::test]
async fn replies_that_nobody_reads_have_one_bound_together() {
    let (server, _held) = talkative(|server| server.with_max_unread(1)).await;
    // One may be as long as it is.
    let mut first = ask_and_forget(&server).await;
    settled(&server, |now| now.connections == 1).await;
    let second = ask_and_forget(&server).await;
    settled(&server, |now| now.replies_unread == 1).await;
    expect_reset(second).await;
    // What fits into its socket needs no room.
    let port2 = [&[0, 2, b'z'][..], b"x"].concat();
    assert_eq!(exchange(&server, &port2).await, b"w\x01");

    let list = erland_epmd::Names::decode(&first.read_to_end().await);
    assert_eq!(list.expect("a list").entries.len(), 200);
    settled(&server, |now| now.connections == 0).await;
    // The room is free again.
    let _third = ask_and_forget(&server).await;
    settled(&server, |now| now.connections == 1).await;
    assert_eq!(server.metrics().replies_unread, 1);
}

#[tokio::test]
async fn refused_nodes_leave_room_for_requests_and_make_room() {
    let server = bind().await.with_max_connections(2).start();
    let _foo = hold(&server, "foo").await;
    let mut refused = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::connect(&server).await;
        raw.register("foo").await;
        assert_eq!(raw.read(6).await, b"v\x01\0\0\0\x63");
        refused.push(raw);
    }
    // The last place is not for those who have their answer.
    assert_eq!(refused[1].read_to_end().await, b"");
    let _silent = Raw::connect(&server).await;
    settled(&server, |now| now.connections == 2).await;
    // This one finds no room, and makes some.
    assert_eq!(exchange(&server, b"").await, b"");
    assert_eq!(refused[0].read_to_end().await, b"");
    settled(&server, |now| now.connections == 1).await;
    assert_ne!(exchange(&server, NAMES).await, b"");
}

#[tokio::test]
async fn the_silent_do_not_keep_out_who_asks_at_once() {
    let server = bind()
        .await
        .with_max_connections(2)
        .with_admin(true)
        .start();
    let _silent = [Raw::connect(&server).await, Raw::connect(&server).await];
    settled(&server, |now| now.connections == 2).await;
    // The server is of this thread, and so finds the request there when it accepts.
    let asked = |request: &[u8]| {
        let stream = std::net::TcpStream::connect(server.local_addrs()[0]);
        let mut stream = stream.expect("the server listens");
        stream.write_all(request).expect("sent");
        stream.set_nonblocking(true).expect("a socket option");
        Raw(TcpStream::from_std(stream).expect("a runtime"))
    };
    let mut node = asked(&crate::common::alive2("foo"));
    assert_eq!(node.read(6).await[..2], *b"v\0");
    assert_eq!(asked(b"\0\x04zfoo").read_to_end().await[..2], *b"w\0");
    assert_eq!(server.metrics().refused_crowded, 0);
    assert_eq!(exchange(&server, b"").await, b"");
    assert_eq!(server.metrics().refused_crowded, 1);
    drop(node);
    settled(&server, |now| now.names == 0).await;
    assert_eq!(asked(b"\0\x01k").read_to_end().await, b"OK");
    timeout(DEADLINE, server.ended()).await.expect("the end");
}

/// The address at which another host could reach this one.
async fn own_address() -> Option<SocketAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Nothing is sent: this only asks which address would be used.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let addr = socket.local_addr().ok()?;
    (!addr.ip().is_loopback() && !addr.ip().is_unspecified()).then_some(addr)
}

#[tokio::test]
async fn only_listed_addresses_and_the_loopback_are_served() {
    let Some(own) = own_address().await else {
        eprintln!("not tested: this host has no address but the loopback");
        return;
    };
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let bind = || Server::bind(std::slice::from_ref(&any));
    let unlisted = "203.0.113.77/32".parse().expect("a prefix");
    let listed = ipnet::IpNet::from(own.ip());
    for (allow, served) in [(unlisted, false), (listed, true)] {
        let server = bind()
            .await
            .expect("a free port")
            .with_allow([allow])
            .start();
        let port = server.local_addrs()[0].port();
        let mut raw = Raw(TcpStream::connect((own.ip(), port)).await.expect("open"));
        raw.send(NAMES).await;
        assert_eq!(!raw.read_to_end().await.is_empty(), served);
        assert_eq!(server.metrics().refused_not_allowed, u64::from(!served));
        let here = Client::new((Ipv4Addr::LOCALHOST, port).into());
        assert!(here.names().await.is_ok());
    }
}

#[tokio::test]
async fn both_families_share_a_port() {
    let addrs = [
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
    ];
    let Ok(server) = Server::bind(&addrs).await else {
        eprintln!("not tested: this host has no IPv6, or the port is taken in one family");
        return;
    };
    let server = server.start();
    let port = server.local_addrs()[0].port();
    for ip in [
        Ipv4Addr::LOCALHOST.into(),
        std::net::IpAddr::from(Ipv6Addr::LOCALHOST),
    ] {
        let names = Client::new((ip, port).into()).names().await;
        assert_eq!(names.expect("a list").port, port);
    }
}

#[tokio::test(start_paused = true)]
async fn the_debug_aids_delay_but_do_not_change_the_answer() {
    let delay = Duration::from_secs(3);
    for (accept, write) in [(delay, Duration::ZERO), (Duration::ZERO, delay)] {
        let server = bind().await;
        let server = server
            .with_delay_accept(accept)
            .with_delay_write(write)
            .start();
        let start = Instant::now();
        let heading = u32::from(server.local_addrs()[0].port()).to_be_bytes();
        assert_eq!(exchange(&server, NAMES).await, heading);
        assert!(start.elapsed() >= delay);
    }
}

#[tokio::test]
async fn stop_does_not_wait_for_a_silent_or_a_refused_connection() {
    let (server, _) = start().await;
    let _foo = hold(&server, "foo").await;
    let _silent = Raw::connect(&server).await;
    let mut refused = Raw::connect(&server).await;
    refused.register("foo").await;
    refused.read(6).await;
    settled(&server, |now| now.connections == 2).await;
    timeout(DEADLINE, server.stop()).await.expect("the end");
}
