//! Messages: order, back-pressure, names, and the rule that nobody missing is an error.

#![allow(clippy::unwrap_used)]

mod common;

use common::{DEADLINE, Probe, both_ways, builder, two};
use erland::{Dest, Epmd, ExitReason, Node, Received, Term, atom};
use tokio::time::timeout;

const MANY: i64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbered_messages_arrive_in_order() {
    both_ways(|here, there| async move {
        let (done, mut counted) = tokio::sync::mpsc::unbounded_channel();
        let receiver = here.spawn(move |mut ctx| async move {
            for expected in 0..MANY {
                let Received::Message(message) = ctx.recv().await else {
                    panic!("not a message")
                };
                assert_eq!(message.into_term().unwrap(), Term::from(expected));
            }
            let _dropped = done.send(());
        });
        there.spawn(move |ctx| async move {
            for number in 0..MANY {
                ctx.send(&receiver, number).await.unwrap();
            }
        });
        timeout(DEADLINE, counted.recv())
            .await
            .expect("not all arrived")
            .expect("out of order");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_missing_is_an_error() {
    both_ways(|here, there| async move {
        let mut gone = Probe::spawn(&there);
        there.exit(&gone.pid, ExitReason::Kill);
        gone.dead().await;
        here.send(&gone.pid, 1_i64).await.unwrap();
        here.send(atom!("nobody"), 1_i64).await.unwrap();
        here.send((atom!("nobody"), there.name().atom().clone()), 1_i64)
            .await
            .unwrap();
        let nowhere = Dest::from((atom!("nobody"), atom!("nobody@127.0.0.1")));
        here.send(nowhere, 1_i64).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_one_owner_and_is_free_when_it_ends() {
    let node = builder().start().await.unwrap();
    let mut first = Probe::spawn(&node);
    let second = Probe::spawn(&node);
    node.register(atom!("a_name"), &first.pid).unwrap();
    assert!(node.register(atom!("a_name"), &second.pid).is_err());
    assert!(node.register(atom!("another"), &first.pid).is_err());
    assert!(node.register(atom!("undefined"), &second.pid).is_err());
    node.send(atom!("a_name"), 7_i64).await.unwrap();
    assert_eq!(first.message().await, Term::from(7_i64));
    node.exit(&first.pid, ExitReason::Kill);
    first.dead().await;
    let mut watcher = Probe::spawn(&node);
    let pid = first.pid.clone();
    watcher.run(move |ctx| ctx.monitor(&pid)).await;
    watcher.down().await;
    node.register(atom!("a_name"), &second.pid).unwrap();
    assert_eq!(node.whereis(atom!("a_name")), Some(second.pid.clone()));
    assert!(node.register(atom!("late"), &first.pid).is_err());
    assert!(node.unregister(atom!("a_name")) && !node.unregister(atom!("a_name")));
    node.shutdown().await;
}

/// What is sent while a connection is being set up keeps its order, links and monitors included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signals_to_a_node_arrive_in_order() {
    let (first, second) = two().await;
    let mut receiver = Probe::trapping(&first);
    let sender = Probe::spawn(&second);
    let to = receiver.pid.clone();
    let (done, sent) = tokio::sync::oneshot::channel();
    second.spawn(move |ctx| async move {
        for number in 0..100_i64 {
            ctx.send(&to, number).await.unwrap();
        }
        ctx.link(&to);
        ctx.send(&to, 100_i64).await.unwrap();
        let _dropped = done.send(());
        ExitReason::from(Term::from(atom!("over")))
    });
    sent.await.unwrap();
    for number in 0..=100_i64 {
        assert_eq!(receiver.message().await, Term::from(number));
    }
    assert_eq!(receiver.exit().await.1.to_term(), Term::from(atom!("over")));
    drop((sender, receiver));
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_node_links_and_monitors_hear_noconnection_once() {
    let node = builder().start().await.unwrap();
    let (unreachable, _listener) = {
        let peer = builder().start().await.unwrap();
        let pid = Probe::spawn(&peer).pid.clone();
        peer.shutdown().await;
        (pid, peer)
    };
    let mut us = Probe::trapping(&node);
    let pid = unreachable.clone();
    us.run(move |ctx| {
        ctx.link(&pid);
        ctx.link(&pid);
        ctx.monitor(&pid);
    })
    .await;
    let got = [us.next().await, us.next().await];
    assert_eq!(
        got.iter()
            .filter(|got| matches!(got, Received::Exit(_)))
            .count(),
        1
    );
    for got in got {
        match got {
            Received::Exit(exit) => assert_eq!(exit.reason, ExitReason::NoConnection),
            Received::Down(down) => assert_eq!(down.reason, ExitReason::NoConnection),
            other => panic!("{other:?}"),
        }
    }
    us.expect_nothing(&node).await;
    drop(us);
    node.shutdown().await;
}

/// A receiver that does not read must stop its senders, and a dropped send has sent nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_waits_for_room_before_it_takes_the_message() {
    // A listener that never answers the handshake: the link stays pending.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = builder()
        .static_peer("silent@127.0.0.1", silent.local_addr().unwrap())
        .shutdown_timeout(std::time::Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let dest = Dest::from((atom!("sink"), atom!("silent@127.0.0.1")));
    let big = || Term::binary(vec![0_u8; 600 * 1024]);
    node.send(&dest, big()).await.unwrap();
    node.send(&dest, big()).await.unwrap();
    // Over the limit: the third waits, and giving it up is possible at any time.
    let mut third = Box::pin(node.send(&dest, big()));
    assert!(
        futures_poll_once(&mut third).await.is_none(),
        "a full link took a message"
    );
    drop(third);
    // Links and monitors never wait.
    let us = Probe::trapping(&node);
    let target = erland::MonitorTarget::from((atom!("sink"), atom!("silent@127.0.0.1")));
    us.run(move |ctx| ctx.monitor(&target)).await;
    drop(us);
    node.shutdown().await;
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_ping_each_other_by_their_embedded_epmd() {
    let probe = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let epmd_port = probe.local_addr().unwrap().port();
    drop(probe);
    let start = |name: &'static str| {
        Node::builder(name)
            .cookie("c")
            .epmd(Epmd::Auto)
            .epmd_port(epmd_port)
            .start()
    };
    let first = start("one@127.0.0.1").await.unwrap();
    let second = start("two@127.0.0.1").await.unwrap();
    second.ping("one@127.0.0.1").await.unwrap();
    first.ping("two@127.0.0.1").await.unwrap();
    assert!(
        start("two@127.0.0.1").await.is_err(),
        "a name can be taken once"
    );
    assert_eq!(first.nodes(), [atom!("two@127.0.0.1")]);
    second.shutdown().await;
    assert!(first.ping("two@127.0.0.1").await.is_err());
    first.shutdown().await;
}

/// What came encoded goes out again as it is, without the process in between looking at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_received_message_is_forwarded_as_it_came() {
    both_ways(|here, there| async move {
        let mut last = Probe::spawn(&there);
        let to = last.pid.clone();
        let relay = here.spawn(move |mut ctx| async move {
            while let Received::Message(message) = ctx.recv().await {
                let message = match message.raw() {
                    Some(raw) => erland::Payload::from_raw(raw.clone()),
                    None => message,
                };
                ctx.send(&to, message).await.unwrap();
            }
        });
        let content = Term::from((atom!("a_tuple"), Term::binary(vec![3; 100]), 7_i64));
        there.send(&relay, content.clone()).await.unwrap();
        assert_eq!(last.message().await, content);
    })
    .await;
}

/// A node that only speaks what no supported release speaks any more is not dialled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_protocol_version_is_named_as_such() {
    let epmd = erland::epmd::Server::bind(&["127.0.0.1:0".parse().unwrap()])
        .await
        .unwrap();
    let epmd = epmd.start();
    let addr = epmd.local_addrs()[0];
    let mut old = erland::epmd::NodeEntry::new("old", 1);
    (old.low, old.high) = (5, 5);
    let _lease = erland::epmd::Client::new(addr)
        .register(&old)
        .await
        .unwrap();
    let node = Node::builder("new@127.0.0.1")
        .cookie("c")
        .epmd(Epmd::At(addr))
        .start()
        .await
        .unwrap();
    let error = node.connect("old@127.0.0.1").await.unwrap_err();
    assert!(
        matches!(
            error,
            erland::ConnectError::Version {
                lowest: 5,
                highest: 5
            }
        ),
        "{error:?}"
    );
    let error = node.connect("nobody@127.0.0.1").await.unwrap_err();
    assert!(
        matches!(error, erland::ConnectError::NotRegistered { .. }),
        "{error:?}"
    );
    node.shutdown().await;
    epmd.stop().await;
}
