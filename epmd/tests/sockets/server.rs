//! The server on real sockets: the exchanges that were recorded with the daemon of OTP, and the
//! limits.

use crate::common::{DEADLINE, Raw, bind, exchange, gone, start};
use erland_epmd::{Client, Error, NodeEntry, Server};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const ALIVE2_FOO: &[u8] = b"\0\x10x\x04\xd2M\0\0\x06\0\x06\0\x03foo\0\0";
const ALIVE2_FOO_OLD: &[u8] = b"\0\x10x\x04\xd2M\0\0\x05\0\x05\0\x03foo\0\0";
const PORT2_FOO: &[u8] = b"\0\x04zfoo";
const FOUND_FOO: &[u8] = b"w\0\x04\xd2M\0\0\x06\0\x06\0\x03foo\0\0";
const NOT_FOUND: &[u8] = b"w\x01";

#[tokio::test]
async fn a_registration_is_the_life_of_its_connection() {
    let (server, client) = start().await;
    let mut foo = Raw::connect(&server).await;
    foo.send(ALIVE2_FOO).await;
    assert_eq!(foo.read(6).await[..2], *b"v\0");
    assert_eq!(exchange(&server, PORT2_FOO).await, FOUND_FOO);

    drop(foo);
    gone(&client, "foo").await;
    assert_eq!(exchange(&server, PORT2_FOO).await, NOT_FOUND);
}

#[tokio::test]
async fn any_byte_on_a_registration_ends_it() {
    let (server, client) = start().await;
    let mut foo = Raw::connect(&server).await;
    foo.send(ALIVE2_FOO).await;
    foo.read(6).await;
    foo.send(b"\0").await;
    assert_eq!(foo.read_to_end().await, b"");
    gone(&client, "foo").await;
}

#[tokio::test]
async fn a_duplicate_is_refused_and_leaves_the_first_owner_alone() {
    let (server, _) = start().await;
    let mut first = Raw::connect(&server).await;
    first.send(ALIVE2_FOO).await;
    first.read(6).await;

    for (request, reply) in [
        (ALIVE2_FOO, &b"v\x01\0\0\0\x63"[..]),
        (ALIVE2_FOO_OLD, b"y\x01\0\x63"),
    ] {
        let mut second = Raw::connect(&server).await;
        second.send(request).await;
        assert_eq!(second.read(reply.len()).await, reply);
        // The connection stays open until its owner says or closes something.
        second.send(b"\0").await;
        assert_eq!(second.read_to_end().await, b"");
    }
    assert_eq!(exchange(&server, PORT2_FOO).await, FOUND_FOO);
}

#[tokio::test]
async fn an_old_node_gets_the_short_reply() {
    let (server, _) = start().await;
    let mut old = Raw::connect(&server).await;
    old.send(ALIVE2_FOO_OLD).await;
    let reply = old.read(4).await;
    assert_eq!(reply[..3], *b"y\0\0");
    assert!((1..=3).contains(&reply[3]));
}

#[tokio::test]
async fn each_registration_of_a_name_gets_another_creation() {
    let (_server, client) = start().await;
    let mut former = None;
    for _ in 0..3 {
        let registration = client
            .register(&NodeEntry::new("foo", 1))
            .await
            .expect("free");
        let creation = registration.creation();
        assert!(creation >= 4);
        assert!(former.is_none_or(|former| creation == former + 1));
        former = Some(creation);
        registration.release().await.expect("released");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_registered_is_answered() {
    let (server, _) = start().await;
    let mut raw = Raw::connect(&server).await;
    raw.send(b"\0\x0fx\x04\xd2M\0\0\x06\0\x06\0\x02\xff\xfe\0\0")
        .await;
    assert_eq!(raw.read(6).await, b"v\x01\0\0\0\x63");
}

#[tokio::test]
async fn names_and_dump_list_the_newest_first() {
    let (server, client) = start().await;
    let port = server.local_addrs()[0].port();
    let heading = u32::from(port).to_be_bytes();
    assert_eq!(exchange(&server, b"\0\x01n").await, heading);

    let _a = client
        .register(&NodeEntry::new("a", 1))
        .await
        .expect("free");
    let _b = client
        .register(&NodeEntry::new("b", 2))
        .await
        .expect("free");
    let c = client
        .register(&NodeEntry::new("c", 3))
        .await
        .expect("free");
    c.release().await.expect("released");

    let lines = b"name b at port 2\nname a at port 1\n";
    assert_eq!(
        exchange(&server, b"\0\x01n").await,
        [&heading[..], lines].concat()
    );
    let entries = [("b".to_owned(), 2), ("a".to_owned(), 1)];
    assert_eq!(server.names().entries, entries);
    assert_eq!(client.names().await.expect("a list").entries, entries);

    let dump = exchange(&server, b"\0\x01d").await;
    let dump = erland_epmd::message::Dump::decode(&dump).expect("a dump");
    let listed = |lines: &[erland_epmd::message::DumpLine]| {
        lines
            .iter()
            .map(|line| line.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(dump.port, port);
    assert_eq!(listed(&dump.active), ["b", "a"]);
    assert_eq!(listed(&dump.unused), ["c"]);
}

#[tokio::test]
async fn the_extra_field_is_handed_out_as_it_was_given() {
    let (server, client) = start().await;
    let entry = NodeEntry {
        extra: b"EX".as_slice().into(),
        ..NodeEntry::new("жж", 1234)
    };
    let _held = client.register(&entry).await.expect("free");
    assert_eq!(client.lookup("жж").await.expect("registered"), entry);
    assert_eq!(
        exchange(&server, "\0\x05zжж".as_bytes()).await,
        b"w\0\x04\xd2M\0\0\x06\0\x06\0\x04\xd0\xb6\xd0\xb6\0\x02EX"
    );
}

#[tokio::test]
async fn what_is_malformed_or_not_offered_is_closed_without_a_reply() {
    let (server, client) = start().await;
    for request in [
        &b"\0\0"[..],
        b"\x0b\xf2",
        b"\xff\xff",
        b"\0\x01nn",
        b"\0\x01Q",
        b"\0\x01z",
        b"\0\x01x",
        b"\0\x01k",
        b"\0\x04sfoo",
        b"\0\x10x\x04\xd2M\0\0\x06\0\x06\0\x09foo\0\0",
    ] {
        assert_eq!(exchange(&server, request).await, b"", "{request:?}");
    }
    assert!(client.names().await.is_ok(), "it still serves");
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let (server, _) = start().await;
    let mut raw = Raw::connect(&server).await;
    raw.0.set_nodelay(true).expect("a socket option");
    for byte in PORT2_FOO {
        raw.send(&[*byte]).await;
    }
    assert_eq!(raw.read_to_end().await, NOT_FOUND);
}

#[tokio::test]
async fn silence_ends_a_request_but_not_a_registration() {
    let server = bind()
        .await
        .with_idle_timeout(Duration::from_millis(300))
        .start();
    let client = Client::new(server.local_addrs()[0]);
    let mut held = client
        .register_once(&NodeEntry::new("foo", 1))
        .await
        .expect("free");

    for start in [&b""[..], b"\0", b"\0\x04zf"] {
        let mut silent = Raw::connect(&server).await;
        silent.send(start).await;
        assert_eq!(silent.read_to_end().await, b"");
    }
    // Three timeouts have passed, and the registration has not heard of them.
    assert!(client.lookup("foo").await.is_ok());
    assert!(timeout(Duration::ZERO, held.lost()).await.is_err());
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_until_one_ends() {
    let server = bind().await.with_max_connections(2).start();
    let client = Client::new(server.local_addrs()[0]);
    let first = Raw::connect(&server).await;
    let _second = Raw::connect(&server).await;
    assert_eq!(exchange(&server, b"").await, b"");
    assert_eq!(server.metrics().refused_crowded, 1);

    drop(first);
    let asking = async {
        while client.names().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, asking)
        .await
        .expect("a connection is free again");
}

#[tokio::test]
async fn names_beyond_the_limit_are_refused_and_lookups_are_served() {
    let server = bind()
        .await
        .with_max_names(2)
        .with_max_connections(1)
        .start();
    let client = Client::new(server.local_addrs()[0]);
    let first = client
        .register(&NodeEntry::new("a", 1))
        .await
        .expect("free");
    let _second = client
        .register(&NodeEntry::new("b", 1))
        .await
        .expect("free");
    assert_eq!(
        {
            let mut third = Raw::connect(&server).await;
            third.send(ALIVE2_FOO).await;
            third.read(6).await
        },
        b"v\x01\0\0\0\x63"
    );
    assert_eq!(server.metrics().names_full, 1);

    drop(first);
    gone(&client, "a").await;
    let third = client.register(&NodeEntry::new("c", 1)).await;
    assert!(third.is_ok());
}

#[tokio::test]
async fn stop_closes_the_port_and_every_connection() {
    let (server, client) = start().await;
    let addr = server.local_addrs()[0];
    let mut held = client
        .register_once(&NodeEntry::new("foo", 1))
        .await
        .expect("free");
    let mut silent = Raw::connect(&server).await;

    server.stop().await;
    timeout(DEADLINE, held.lost())
        .await
        .expect("the registration is lost");
    assert_eq!(silent.read_to_end().await, b"");
    match client.names().await {
        Err(Error::Connect { source, .. }) => {
            assert_eq!(source.kind(), ErrorKind::ConnectionRefused)
        }
        other => panic!("{other:?}"),
    }
    assert!(
        TcpListener::bind(addr).await.is_ok(),
        "the port is free at once"
    );
}

#[tokio::test]
async fn dropping_the_handle_stops_the_server() {
    let (server, client) = start().await;
    let mut held = client
        .register_once(&NodeEntry::new("foo", 1))
        .await
        .expect("free");
    drop(server);
    timeout(DEADLINE, held.lost())
        .await
        .expect("the registration is lost");
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let server = bind().await;
    let error = Server::bind(server.local_addrs()).await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(
        Server::bind(&[]).await.expect_err("no address").kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn all_addresses_share_one_port_and_one_table() {
    let second = SocketAddr::from(([127, 0, 0, 2], 0));
    let Ok(server) = Server::bind(&[crate::common::loopback(), second]).await else {
        // Not every system has a second loopback address.
        return;
    };
    let addrs = server.local_addrs().to_vec();
    assert_eq!(addrs[0].port(), addrs[1].port());
    let _server = server.start();
    let _held = Client::new(addrs[0])
        .register(&NodeEntry::new("foo", 1))
        .await
        .expect("free");
    assert!(Client::new(addrs[1]).lookup("foo").await.is_ok());
}

#[tokio::test]
async fn ipv4_through_an_ipv6_socket_is_local_too() {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let Ok(server) = Server::bind(&[any]).await else {
        return;
    };
    let server = server.start();
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, server.local_addrs()[0].port()));
    if TcpStream::connect(addr).await.is_err() {
        // This system's IPv6 sockets take IPv6 only.
        return;
    }
    let client = Client::new(addr);
    let held = client
        .register(&NodeEntry::new("foo", 1))
        .await
        .expect("a local peer may");
    held.release().await.expect("released");
}
