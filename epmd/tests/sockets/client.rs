//! The client on real sockets, against peers that do what an epmd should not.

use crate::common::{DEADLINE, gone, loopback, start};
use erland_epmd::{Client, Error, Malformed, NodeEntry};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// An epmd that answers each request with the same bytes, piece by piece, and then closes.
async fn answering(pieces: &'static [&'static [u8]]) -> Client {
    let listener = TcpListener::bind(loopback()).await.expect("a free port");
    let client = Client::new(listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 3];
            if stream.read_exact(&mut request).await.is_err() || stream.set_nodelay(true).is_err() {
                continue;
            }
            for piece in pieces {
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            // The rest of the request is read, lest the close become a reset.
            let mut rest = Vec::new();
            let closed = stream.shutdown().await;
            if closed.is_ok() && stream.read_to_end(&mut rest).await.is_err() {
                continue;
            }
        }
    });
    client
}

/// An epmd that accepts and never answers.
async fn silent() -> (TcpListener, Client) {
    let listener = TcpListener::bind(loopback()).await.expect("a free port");
    let client = Client::new(listener.local_addr().expect("bound"));
    (listener, client.with_timeout(Duration::from_millis(300)))
}

fn foo() -> NodeEntry {
    NodeEntry::new("foo", 1234)
}

/// The defect of clients that let their connection go when they have the reply: the node is
/// gone from epmd before anyone can look it up.
#[tokio::test]
async fn epmd_lease_dropped_at_once() {
    let (server, client) = start().await;
    let mut registration = client.register_once(&foo()).await.expect("free");

    // The server serves the requests of one task in the order in which they come; a lease that
    // had ended by now would have been seen by one of these.
    for _ in 0..100 {
        assert_eq!(client.lookup("foo").await.expect("still registered"), foo());
    }
    assert!(timeout(Duration::ZERO, registration.lost()).await.is_err());
    assert_eq!(server.names().entries, [("foo".to_owned(), 1234)]);

    drop(registration);
    gone(&client, "foo").await;
}

#[tokio::test]
async fn a_cancelled_registration_leaves_nothing_behind() {
    let (_server, client) = start().await;
    for polls in 1..20 {
        let entry = foo();
        let mut registering = pin!(client.register(&entry));
        for _ in 0..polls {
            let pending = poll_fn(|cx| Poll::Ready(registering.as_mut().poll(cx).is_pending()));
            if !pending.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // Those that got as far as epmd may hold the name for a moment longer.
    let registering = async {
        while client.register(&foo()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, registering)
        .await
        .expect("the name is free");
}

#[tokio::test]
async fn release_returns_when_the_name_is_free() {
    let (server, client) = start().await;
    for _ in 0..100 {
        let registration = client.register(&foo()).await.expect("free");
        registration.release().await.expect("released");
        assert_eq!(server.names().entries, []);
    }
}

#[tokio::test]
async fn lost_resolves_when_epmd_goes_and_stays_resolved() {
    let (server, client) = start().await;
    let mut registration = client.register_once(&foo()).await.expect("free");
    server.stop().await;
    for _ in 0..3 {
        timeout(DEADLINE, registration.lost()).await.expect("lost");
    }
}

#[tokio::test]
async fn a_taken_name_is_refused() {
    let (_server, client) = start().await;
    let _held = client.register(&foo()).await.expect("free");
    match client.register(&foo()).await {
        Err(Error::Refused { result: 1 }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_name_is_not_registered() {
    let (_server, client) = start().await;
    assert!(matches!(
        client.lookup("foo").await,
        Err(Error::NotRegistered)
    ));
}

#[tokio::test]
async fn no_epmd_at_all_is_a_refused_connection() {
    let listener = TcpListener::bind(loopback()).await.expect("a free port");
    let client = Client::new(listener.local_addr().expect("bound"));
    drop(listener);
    match client.register(&foo()).await {
        Err(error) if error.is_no_epmd() => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_epmd_that_does_not_answer_is_a_timeout() {
    let (_listener, client) = silent().await;
    assert!(matches!(client.register(&foo()).await, Err(Error::Timeout)));
    assert!(matches!(client.lookup("foo").await, Err(Error::Timeout)));
    assert!(matches!(client.names().await, Err(Error::Timeout)));
}

#[tokio::test]
async fn release_from_an_epmd_that_hangs_is_a_timeout() {
    let (listener, client) = silent().await;
    let epmd = async {
        let (mut stream, _) = listener.accept().await.expect("the client");
        stream.write_all(b"v\0\0\0\0\x07").await.expect("open");
        let held = pending::<()>().await;
        drop((stream, held));
    };
    let node = async {
        let registration = client.register(&foo()).await.expect("registered");
        assert_eq!(registration.creation(), 7);
        assert!(matches!(registration.release().await, Err(Error::Timeout)));
    };
    tokio::select! {
        () = epmd => {}
        () = node => {}
    }
}

#[tokio::test]
async fn replies_may_come_in_pieces_and_in_either_form() {
    let client = answering(&[b"v", b"\0", b"\x01\x02\x03", b"\x04"]).await;
    let registration = client.register(&foo()).await.expect("registered");
    assert_eq!(registration.creation(), 0x0102_0304);

    let client = answering(&[b"y\0", b"\0", b"\x03"]).await;
    let registration = client.register(&foo()).await.expect("registered");
    assert_eq!(registration.creation(), 3);

    let client = answering(&[b"w", b"\0\x04\xd2M\0\0\x06\0\x06\0", b"\x03fo", b"o\0\0"]).await;
    assert_eq!(client.lookup("foo").await.expect("found"), foo());

    let client = answering(&[b"\0\0\x11", b"\x11name f", b"oo at port 1\n"]).await;
    let names = client.names().await.expect("names");
    assert_eq!(
        (names.port, names.entries),
        (4369, vec![("foo".to_owned(), 1)])
    );
}

#[tokio::test]
async fn a_close_before_the_reply_is_told_from_a_wrong_reply() {
    const NOTHING: &[&[u8]] = &[b""];
    const PART_OF_ALIVE2: &[&[u8]] = &[b"v\0"];
    const PART_OF_PORT2: &[&[u8]] = &[b"w\0\x04"];
    for reply in [NOTHING, PART_OF_ALIVE2] {
        let client = answering(reply).await;
        assert!(matches!(client.register(&foo()).await, Err(Error::Closed)));
    }
    for reply in [NOTHING, PART_OF_PORT2] {
        let client = answering(reply).await;
        assert!(matches!(client.lookup("foo").await, Err(Error::Closed)));
    }
    let client = answering(NOTHING).await;
    assert!(matches!(client.names().await, Err(Error::Closed)));

    let client = answering(&[b"HTTP/1.1 400 Bad Request\r\n"]).await;
    let wrong = |error| matches!(error, Error::Malformed(Malformed::UnknownCode(b'H')));
    assert!(client.register(&foo()).await.is_err_and(wrong));
    assert!(client.lookup("foo").await.is_err_and(wrong));
    assert!(matches!(
        client.names().await,
        Err(Error::Malformed(Malformed::Port))
    ));
}

#[tokio::test]
async fn a_reply_is_not_read_beyond_its_limit() {
    // An entry that claims 65,535 bytes of extra field, and more than enough of them.
    const ENDLESS: &[u8] = &[0xff; 70_000];
    let client = answering(&[b"w\0\x04\xd2M\0\0\x06\0\x06\0\x03foo\xff\xff", ENDLESS]).await;
    assert!(matches!(
        client.lookup("foo").await,
        Err(Error::Malformed(Malformed::TooLong))
    ));

    const SIXTEEN_MEBIBYTES: &[u8] = &[b'\n'; 16 << 20];
    let client = answering(&[b"\0\0\x11\x11", SIXTEEN_MEBIBYTES, b"\n"]).await;
    assert!(matches!(
        client.names().await,
        Err(Error::Malformed(Malformed::TooLong))
    ));
}

#[tokio::test]
async fn what_no_epmd_would_take_is_not_sent() {
    let client = Client::new(loopback());
    for (name, why) in [
        ("", Malformed::NameEmpty),
        ("a\0b", Malformed::NameNul),
        ("a".repeat(256).as_str(), Malformed::NameTooLong),
    ] {
        let refused = |error| matches!(error, Error::Request(reason) if reason == why);
        assert!(
            client
                .register(&NodeEntry::new(name, 1))
                .await
                .is_err_and(refused)
        );
        assert!(client.lookup(name).await.is_err_and(refused));
    }
    let entry = NodeEntry {
        extra: vec![0; 1021].into(),
        ..foo()
    };
    let refused = |error| matches!(error, Error::Request(Malformed::ExtraTooLong));
    assert!(client.register(&entry).await.is_err_and(refused));
}
