//! KILL and STOP, for a daemon.

use crate::common::{DEADLINE, bind, exchange, hold, settled};
use tokio::time::timeout;

const KILL: &[u8] = b"\0\x01k";
const STOP_FOO: &[u8] = b"\0\x04sfoo";

#[tokio::test]
async fn kill_ends_the_server_when_no_node_is_registered() {
    let server = bind().await.with_admin(true).start();
    let foo = hold(&server, "foo").await;
    assert_eq!(exchange(&server, KILL).await, b"NO");
    drop(foo);
    settled(&server, |now| now.unregistered == 1).await;
    assert_eq!(exchange(&server, KILL).await, b"OK");
    timeout(DEADLINE, server.ended()).await.expect("the end");
}

#[tokio::test]
async fn kill_ends_a_relaxed_server_at_any_time() {
    let server = bind().await.with_admin(true);
    let server = server.with_relaxed_command_check(true).start();
    let mut foo = hold(&server, "foo").await;
    assert_eq!(exchange(&server, KILL).await, b"OK");
    timeout(DEADLINE, server.ended()).await.expect("the end");
    assert_eq!(foo.read_to_end().await, b"");
}

#[tokio::test]
async fn stop_drops_a_registration_of_a_relaxed_server() {
    let server = bind().await.with_admin(true);
    let server = server.with_relaxed_command_check(true).start();
    let mut foo = hold(&server, "foo").await;
    let _bar = hold(&server, "bar").await;
    assert_eq!(exchange(&server, STOP_FOO).await, b"STOPPED");
    assert_eq!(foo.read_to_end().await, b"");
    assert_eq!(exchange(&server, STOP_FOO).await, b"NOEXISTSTOPPED");
    assert_eq!(server.names().entries, [("bar".to_owned(), 1)]);
    // The name is free, and its former holder has no say in what becomes of it.
    let _foo = hold(&server, "foo").await;
    assert_eq!(server.metrics().names, 2);
}

#[tokio::test]
async fn stop_is_closed_without_a_reply_unless_the_server_is_relaxed() {
    let server = bind().await.with_admin(true).start();
    let _foo = hold(&server, "foo").await;
    assert_eq!(exchange(&server, STOP_FOO).await, b"");
    assert_eq!(server.metrics().names, 1);
}

#[tokio::test]
async fn without_admin_even_a_relaxed_server_obeys_neither() {
    let server = bind().await.with_relaxed_command_check(true).start();
    assert_eq!(exchange(&server, KILL).await, b"");
    assert_eq!(exchange(&server, STOP_FOO).await, b"");
    assert_eq!(server.metrics().refused_not_offered, 2);
}
