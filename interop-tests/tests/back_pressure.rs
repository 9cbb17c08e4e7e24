//! Back-pressure against live nodes: a BEAM that has stopped makes its senders wait and nobody
//! else, and a process of ours that does not receive stalls no connection.

use erland::{ExitReason, Node, Received, Term, TrySendError, atom};
use erland_interop_tests::{Probe, World, name_of, on_every_release, start, within};

/// Bytes that may wait for a connection.
const LIMIT: usize = 256 * 1024;
/// Bytes of one message.
const MESSAGE: usize = 4 * 1024;
/// Messages of one sender, and senders: together far more than the kernel keeps.
const EACH: i64 = 2_000;
const SENDERS: usize = 8;

/// Exit signals that fill what the kernel keeps, and the bytes of each.
const FLOODS: usize = 1_000;
const FLOOD: usize = 48 * 1024;

/// Waits until so many senders wait for a node.
async fn suspended(node: &Node, peer: &str, count: usize) {
    let polling = async {
        while node.backlog_to(peer).suspended != count {
            tokio::task::yield_now().await;
        }
    };
    within("the senders to wait", polling).await;
}

on_every_release! {
    async fn a_node_that_is_stopped_makes_its_senders_wait_and_loses_nothing(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").dist_buf_busy_limit(LIMIT)).await;
        let erl = world.erl("erl").await;
        let other = world.erl("other").await;
        let mut probe = Probe::start(&rust);
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        other.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let theirs = probe.learn_pid(&erl, "S = spawn(fun() -> receive after infinity -> ok end end), S").await;
        erl.expect("monitor(process, S), ok", "ok").await;
        let trapping = probe.learn_pid(
            &erl,
            "T = spawn(fun() -> process_flag(trap_exit, true), receive after infinity -> ok end end), T",
        )
        .await;

        erl.freeze().await;
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        for sender in 0..SENDERS {
            let evaluator = evaluator.clone();
            rust.spawn(move |ctx| async move {
                let sender = i64::try_from(sender).expect("a small number");
                for number in 0..EACH {
                    let content = Term::binary(vec![1_u8; MESSAGE]);
                    let message = Term::from((sender, number, content));
                    ctx.send(evaluator.clone(), message).await.expect("it can be encoded");
                }
            });
        }
        suspended(&rust, erl.name(), SENDERS).await;
        let held = rust.backlog_to(erl.name());
        assert!(held.bytes <= LIMIT + SENDERS * (MESSAGE + 512), "{held:?}");
        // The kernel may take more yet. Signals that never wait use that up.
        let reason = ExitReason::from(Term::binary(vec![1_u8; FLOOD]));
        for _ in 0..FLOODS {
            rust.exit(&trapping, reason.clone());
        }
        suspended(&rust, erl.name(), SENDERS).await;
        let held = rust.backlog_to(erl.name());
        let refused = rust.try_send(evaluator.clone(), 1_i64);
        assert_eq!(refused, Err(TrySendError::Busy));
        // What is no message waits for nobody.
        probe.exit(&theirs, Term::from(atom!("enough"))).await;
        assert!(rust.backlog_to(erl.name()).bytes > held.bytes);

        // Another node is served as ever.
        let mut second = Probe::start(&rust);
        second.introduce(&other, "P").await;
        other.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        other.expect("P ! hello, ok", "ok").await;
        assert_eq!(second.message().await, "hello");
        assert_eq!(rust.backlog_to(erl.name()).suspended, SENDERS);

        // It wakes: everything arrives, each sender's messages in order.
        erl.thaw().await;
        erl.expect("receive {'DOWN', _, process, S, Reason} -> Reason after 20000 -> none end", "enough").await;
        erl.expect(
            &format!(
                "F = fun F(_, 0) -> ok; F(Next, Left) -> receive {{Sender, Number, <<_:{MESSAGE}/binary>>}} ->
                     Number = maps:get(Sender, Next, 0), F(Next#{{Sender => Number + 1}}, Left - 1)
                 after 20000 -> Next end end, F(#{{}}, {SENDERS} * {EACH})"
            ),
            "ok",
        )
        .await;
        erl.expect("erland_helper:flush()", "[]").await;
        suspended(&rust, erl.name(), 0).await;
    }

    async fn a_process_that_does_not_receive_stalls_no_link(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, all) = tokio::sync::oneshot::channel();
        let slow = rust.spawn(move |mut ctx| async move {
            gone.await.expect("the test goes on");
            for expected in 0..EACH {
                let Received::Message(message) = ctx.recv().await else {
                    panic!("not a message")
                };
                let term = message.into_term().expect("a term");
                let number = term.as_tuple().and_then(|parts| parts.first()?.as_i64());
                assert_eq!(number, Some(expected));
            }
            done.send(()).expect("the test waits");
        });
        rust.register(atom!("slow"), &slow).expect("a free name");
        // More than their own limit, by a sender that would be suspended.
        erl.expect(
            &format!(
                "B = binary:copy(<<1>>, {MESSAGE}),
                 [{{slow, 'rust@127.0.0.1'}} ! {{I, B}} || I <- lists:seq(0, {EACH} - 1)], ok"
            ),
            "ok",
        )
        .await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let mut probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        erl.expect("P ! hello, ok", "ok").await;
        assert_eq!(probe.message().await, "hello");
        go.send(()).expect("it waits");
        within("all messages", all).await.expect("in order");
    }
}
