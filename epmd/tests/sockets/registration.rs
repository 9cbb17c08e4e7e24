//! A registration through the end and the return of epmd.

use crate::common::{DEADLINE, gone, start};
use erland_epmd::{
    Client, Error, NodeEntry, Registration, RegistrationState, Server, ServerHandle,
};
use std::net::SocketAddr;
use tokio::time::timeout;

fn foo() -> NodeEntry {
    NodeEntry::new("foo", 1234)
}

async fn start_on(addr: SocketAddr) -> ServerHandle {
    Server::bind(&[addr])
        .await
        .expect("the port is free")
        .start()
}

/// The states that it passes through, up to the first for which `is` holds.
async fn until(
    registration: &mut Registration,
    is: impl Fn(&RegistrationState) -> bool,
) -> Vec<RegistrationState> {
    let mut passed = Vec::new();
    let waiting = async {
        loop {
            let state = registration.changed().await;
            passed.push(state);
            if passed.last().is_some_and(&is) {
                return;
            }
        }
    };
    let waited = timeout(DEADLINE, waiting).await;
    assert!(waited.is_ok(), "{passed:?}");
    passed
}

fn registered(state: &RegistrationState) -> bool {
    matches!(state, RegistrationState::Registered { .. })
}

#[tokio::test]
async fn comes_back_with_epmd_and_keeps_its_creation() {
    let (server, client) = start().await;
    let addr = server.local_addrs()[0];
    let mut registration = client.register(&foo()).await.expect("free");
    let creation = registration.creation();
    assert!(registered(&registration.state()));

    server.stop().await;
    let passed = until(&mut registration, |state| {
        matches!(state, RegistrationState::Failed { .. })
    })
    .await;
    match &passed[..] {
        [RegistrationState::Lost, RegistrationState::Failed { error }] => {
            assert!(error.is_no_epmd(), "{error:?}");
        }
        other => panic!("{other:?}"),
    }

    let server = start_on(addr).await;
    until(&mut registration, registered).await;
    match registration.state() {
        RegistrationState::Registered { addr: now } => assert_eq!(now, addr),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.names().entries, [("foo".to_owned(), 1234)]);
    assert_eq!(registration.creation(), creation);

    // What it has after a return is as good as what it had.
    drop(registration);
    gone(&client, "foo").await;
}

#[tokio::test]
async fn is_told_that_the_name_was_taken_and_gets_it_when_it_is_free() {
    let (server, client) = start().await;
    let addr = server.local_addrs()[0];
    let mut registration = client.register(&foo()).await.expect("free");
    server.stop().await;
    let server = start_on(addr).await;
    let thief = client
        .register_once(&NodeEntry::new("foo", 4321))
        .await
        .expect("free for a moment");

    let refused =
        |state: &RegistrationState| matches!(state, RegistrationState::Refused { result: 1 });
    let passed = until(&mut registration, refused).await;
    assert!(!passed.iter().any(registered), "{passed:?}");
    assert_eq!(server.names().entries, [("foo".to_owned(), 4321)]);

    thief.release().await.expect("released");
    until(&mut registration, registered).await;
    assert_eq!(server.names().entries, [("foo".to_owned(), 1234)]);
}

#[tokio::test]
async fn can_be_released_and_dropped_without_an_epmd() {
    let (server, client) = start().await;
    let addr = server.local_addrs()[0];
    let mut released = client.register(&foo()).await.expect("free");
    let bar = NodeEntry::new("bar", 1);
    let mut dropped = client.register(&bar).await.expect("free");
    server.stop().await;
    for registration in [&mut released, &mut dropped] {
        until(registration, |state| {
            matches!(state, RegistrationState::Lost)
        })
        .await;
    }
    timeout(DEADLINE, released.release())
        .await
        .expect("at once")
        .expect("there is nothing to release");
    drop(dropped);

    // A third, lost at the same time, would have tried by the time that a fourth is back.
    let server = start_on(addr).await;
    let mut witness = client
        .register(&NodeEntry::new("w", 2))
        .await
        .expect("free");
    server.stop().await;
    let server = start_on(addr).await;
    until(&mut witness, registered).await;
    assert_eq!(server.names().entries, [("w".to_owned(), 2)]);
}

#[tokio::test]
async fn a_lease_can_be_released_when_epmd_has_broken_it_off() {
    let listener = tokio::net::TcpListener::bind(crate::common::loopback()).await;
    let listener = listener.expect("a free port");
    let client = Client::new(listener.local_addr().expect("an address"));
    let entry = foo();
    let (lease, stream) = tokio::join!(client.register_once(&entry), async {
        let (mut stream, _) = listener.accept().await.expect("the client");
        let reply = b"v\0\0\0\0\x07";
        let written = tokio::io::AsyncWriteExt::write_all(&mut stream, reply).await;
        written.expect("open");
        stream
    });
    stream.set_zero_linger().expect("a socket option");
    drop(stream);
    let mut lease = lease.expect("registered");
    lease.lost().await;
    lease.release().await.expect("nothing is left to release");
}

#[tokio::test]
async fn a_dropped_wait_misses_no_change() {
    let (server, client) = start().await;
    let mut registration = client.register(&foo()).await.expect("free");
    let waited = timeout(std::time::Duration::ZERO, registration.changed()).await;
    assert!(waited.is_err(), "nothing has changed");
    server.stop().await;
    let lost = timeout(DEADLINE, registration.changed()).await;
    assert!(matches!(lost, Ok(RegistrationState::Lost)), "{lost:?}");
}

#[tokio::test]
async fn the_first_registration_is_not_tried_again() {
    let (server, client) = start().await;
    let _held = client.register(&foo()).await.expect("free");
    let refused = client.register(&foo()).await;
    assert!(matches!(refused, Err(Error::Refused { result: 1 })));
    let addr = server.local_addrs()[0];
    server.stop().await;
    let refused = Client::new(addr).register(&NodeEntry::new("bar", 1)).await;
    assert!(refused.is_err_and(|error| error.is_no_epmd()));
}
