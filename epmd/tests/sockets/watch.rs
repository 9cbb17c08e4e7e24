//! The stream of names that come and go.

use crate::common::{DEADLINE, Raw, bind, hold, settled, start};
use erland_epmd::{NameEvent, Watch};
use futures_core::Stream;
use std::future::poll_fn;
use std::pin::Pin;
use tokio::time::timeout;

/// An event as text: `+name` or `-name`; an empty text is the end.
async fn next(watch: &mut Watch) -> String {
    match timeout(DEADLINE, watch.next()).await.expect("an event") {
        Some(NameEvent::Registered(node)) => format!("+{}", node.name),
        Some(NameEvent::Unregistered(node)) => format!("-{}", node.name),
        Some(other) => panic!("{other:?}"),
        None => String::new(),
    }
}

#[tokio::test]
async fn a_watcher_gets_the_names_that_are_there_and_then_each_change() {
    let (server, _) = start().await;
    let _a = hold(&server, "a").await;
    let b = hold(&server, "b").await;
    let mut watch = server.watch();
    assert_eq!(next(&mut watch).await, "+a");
    let _c = hold(&server, "c").await;
    assert_eq!(next(&mut watch).await, "+b");
    assert_eq!(next(&mut watch).await, "+c");

    drop(b);
    assert_eq!(next(&mut watch).await, "-b");
    let _b = hold(&server, "b").await;
    assert_eq!(next(&mut watch).await, "+b");
    // Nothing is left to tell, and giving up on waiting loses nothing.
    assert!(
        timeout(std::time::Duration::ZERO, watch.next())
            .await
            .is_err()
    );
    let _d = hold(&server, "d").await;
    let event = poll_fn(|cx| Pin::new(&mut watch).poll_next(cx)).await;
    assert!(matches!(event, Some(NameEvent::Registered(node)) if &*node.name == "d"));
}

#[tokio::test]
async fn a_watcher_that_falls_behind_is_told_the_difference() {
    let (server, _) = start().await;
    let stays = hold(&server, "stays").await;
    let goes = hold(&server, "goes").await;
    let returns = hold(&server, "returns").await;
    let mut watch = server.watch();
    for expected in ["+stays", "+goes", "+returns"] {
        assert_eq!(next(&mut watch).await, expected);
    }
    // More changes than are kept for a watcher.
    let cycles = 300;
    for number in 0..cycles {
        drop(hold(&server, &format!("passes{number}")).await);
    }
    drop((goes, returns));
    settled(&server, |now| now.unregistered == cycles + 2).await;
    let _returns = hold(&server, "returns").await;
    let _comes = hold(&server, "comes").await;

    let mut gone = [next(&mut watch).await, next(&mut watch).await];
    gone.sort();
    assert_eq!(gone, ["-goes", "-returns"]);
    assert_eq!(next(&mut watch).await, "+returns");
    assert_eq!(next(&mut watch).await, "+comes");
    drop(stays);
    assert_eq!(next(&mut watch).await, "-stays");
}

#[tokio::test]
async fn the_stream_ends_with_the_server_when_all_names_are_gone() {
    let (server, _) = start().await;
    let _a = hold(&server, "a").await;
    let mut watch = server.watch();
    let mut late = server.watch();
    assert_eq!(next(&mut watch).await, "+a");
    server.stop().await;
    assert_eq!(next(&mut watch).await, "-a");
    assert_eq!(next(&mut watch).await, "");
    assert_eq!(next(&mut late).await, "");
}

/// The tasks of the server are dropped then, wherever they stand.
#[test]
fn the_stream_ends_with_the_runtime_of_the_server() {
    let runtime = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime")
    };
    let servers = runtime();
    let server = servers.block_on(start()).0;
    let mut watch = server.watch();
    drop(servers);
    runtime().block_on(async {
        assert_eq!(next(&mut watch).await, "");
        server.stop().await;
    });
}

#[tokio::test]
async fn what_happened_is_counted() {
    let server = bind().await.with_max_names(2).start();
    let a = hold(&server, "a").await;
    let _b = hold(&server, "b").await;
    drop(a);
    settled(&server, |now| now.unregistered == 1).await;
    for request in [
        &b"\0\x02za"[..],
        b"\0\x02zb",
        b"\0\x01n",
        b"\0\x01d",
        b"\0\x01k",
        b"\0\0",
    ] {
        let mut raw = Raw::connect(&server).await;
        raw.send(request).await;
        raw.read_to_end().await;
    }
    let now = server.metrics();
    assert_eq!((now.names, now.peak_names), (1, 2));
    assert_eq!((now.accepted, now.registered, now.unregistered), (8, 2, 1));
    assert_eq!((now.lookups_found, now.lookups_not_found), (1, 1));
    assert_eq!((now.names_requests, now.dump_requests), (1, 1));
    assert_eq!((now.refused_not_offered, now.malformed), (1, 1));
}
