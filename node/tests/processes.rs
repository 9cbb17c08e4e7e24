//! One process: it can be ended whatever it does, and its mailbox keeps its promises.

#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, Probe, builder, reason};
use erland::{ExitReason, Received, Term, atom};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_only_sends_can_be_killed() {
    let node = builder().start().await.unwrap();
    let sink = node.spawn(|mut ctx| async move {
        loop {
            ctx.recv().await;
        }
    });
    let busy = node.spawn(move |ctx| async move { while ctx.send(&sink, 1_i64).await.is_ok() {} });
    let mut watcher = Probe::spawn(&node);
    let watched = busy.clone();
    watcher.run(move |ctx| ctx.monitor(&watched)).await;
    node.exit(&busy, ExitReason::Kill);
    assert_eq!(watcher.down().await.reason, ExitReason::Killed);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_waits_for_something_else_is_ended_at_once() {
    let node = builder().start().await.unwrap();
    let (dropped, seen) = oneshot::channel::<()>();
    let stuck = node.spawn(move |_| async move {
        let _held = dropped;
        std::future::pending::<()>().await;
    });
    node.exit(&stuck, reason("enough"));
    // What the body held was dropped with it.
    assert!(
        timeout(DEADLINE, seen)
            .await
            .expect("the process lives on")
            .is_err()
    );
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_signal_to_oneself_comes_before_the_end_of_the_body() {
    let node = builder().start().await.unwrap();
    let mut watcher = Probe::spawn(&node);
    let (child, _) = watcher
        .run(|ctx| ctx.spawn_monitor(|ctx| async move { ctx.exit(ctx.self_pid(), reason("boom")) }))
        .await;
    assert_eq!(watcher.down().await.reason, reason("boom"));
    assert!(!node.is_alive(&child));
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn try_recv_finds_what_the_process_sent_itself() {
    let node = builder().start().await.unwrap();
    let (told, result) = oneshot::channel();
    node.spawn(move |mut ctx| async move {
        let us = ctx.self_pid().clone();
        assert!(ctx.try_recv().is_none());
        ctx.send(&us, atom!("hello")).await.unwrap();
        let found = ctx.try_recv().map(|got| got.to_term().unwrap());
        let _dropped = told.send(found);
    });
    let found = timeout(DEADLINE, result).await.unwrap().unwrap();
    assert_eq!(found, Some(Term::from(atom!("hello"))));
    node.shutdown().await;
}

/// More messages than a process takes in one poll, received from a task that is not its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receive_works_from_another_task() {
    let node = builder().start().await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let pid = node.spawn(move |mut ctx| async move {
        let inner = tokio::spawn(async move {
            while let Received::Message(message) = ctx.recv().await {
                let _dropped = tell.send(message.into_term().unwrap());
            }
        });
        inner.await.unwrap();
    });
    for number in 0..1_000_i64 {
        node.send(&pid, number).await.unwrap();
    }
    for number in 0..1_000_i64 {
        let got = timeout(DEADLINE, told.recv())
            .await
            .expect("stuck")
            .unwrap();
        assert_eq!(got, Term::from(number));
    }
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_destructor_is_an_exit_as_well() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let node = builder().start().await.unwrap();
    let mut watcher = Probe::spawn(&node);
    let (armed, ready) = oneshot::channel();
    let (child, _) = watcher
        .run(|ctx| {
            ctx.spawn_monitor(|_| async {
                let _bomb = Bomb;
                let _dropped = armed.send(());
                std::future::pending::<()>().await;
            })
        })
        .await;
    timeout(DEADLINE, ready).await.unwrap().unwrap();
    node.exit(&child, reason("enough"));
    let expected = Term::from((atom!("panic"), Term::binary("in a destructor")));
    assert_eq!(watcher.down().await.reason, ExitReason::Term(expected));
    node.shutdown().await;
}
