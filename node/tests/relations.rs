//! Links, monitors and exits: the same on one node and across two.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Probe, both_ways, reason};
use erland::{DownProcess, ExitReason, MonitorTarget, Received, Term, atom};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_carries_the_reason_to_one_who_traps() {
    both_ways(|here, there| async move {
        let mut us = Probe::trapping(&here);
        let mut them = Probe::spawn(&there);
        let pid = them.pid.clone();
        us.run(move |ctx| ctx.link(&pid)).await;
        us.settled(&mut them).await;
        there.exit(&them.pid, reason("boom"));
        assert_eq!(us.exit().await, (them.pid.clone(), reason("boom")));
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_the_linked_process_and_not_the_node() {
    both_ways(|here, there| async move {
        let mut us = Probe::spawn(&here);
        let mut watcher = Probe::spawn(&here);
        let mut them = Probe::spawn(&there);
        let pid = them.pid.clone();
        us.run(move |ctx| ctx.link(&pid)).await;
        us.settled(&mut them).await;
        let pid = us.pid.clone();
        watcher.run(move |ctx| ctx.monitor(&pid)).await;
        watcher.settled(&mut us).await;
        them.panic("told to");
        us.dead().await;
        let expected = Term::from((atom!("panic"), Term::binary("told to")));
        assert_eq!(watcher.down().await.reason, ExitReason::Term(expected));
        assert!(there.whereis(atom!("net_kernel")).is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_normal_exit_ends_nobody_who_does_not_trap() {
    both_ways(|here, there| async move {
        let mut us = Probe::spawn(&here);
        let mut trapping = Probe::trapping(&here);
        let mut them = Probe::spawn(&there);
        for probe in [&us, &trapping] {
            let pid = them.pid.clone();
            probe.run(move |ctx| ctx.link(&pid)).await;
            probe.settled(&mut them).await;
        }
        let gone = them.pid.clone();
        drop(them);
        assert_eq!(trapping.exit().await, (gone, ExitReason::Normal));
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_nobody_answers_noproc() {
    both_ways(|here, there| async move {
        let mut us = Probe::trapping(&here);
        let mut them = Probe::spawn(&there);
        there.exit(&them.pid, ExitReason::Kill);
        them.dead().await;
        let pid = them.pid.clone();
        us.run(move |ctx| ctx.link(&pid)).await;
        assert_eq!(us.exit().await, (them.pid.clone(), ExitReason::NoProc));
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlinked_process_hears_nothing() {
    both_ways(|here, there| async move {
        let mut us = Probe::trapping(&here);
        let mut them = Probe::spawn(&there);
        let pid = them.pid.clone();
        us.run(move |ctx| {
            ctx.link(&pid);
            ctx.unlink(&pid);
            // Again: the acknowledgement of the first round must not take this one away.
            ctx.link(&pid);
            ctx.unlink(&pid);
        })
        .await;
        there.exit(&them.pid, reason("boom"));
        them.dead().await;
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_fires_once_with_the_reason() {
    both_ways(|here, there| async move {
        let mut us = Probe::spawn(&here);
        let mut them = Probe::spawn(&there);
        let pid = them.pid.clone();
        let first = us.run(move |ctx| ctx.monitor(&pid)).await;
        let pid = them.pid.clone();
        let second = us.run(move |ctx| ctx.monitor(&pid)).await;
        us.settled(&mut them).await;
        there.exit(&them.pid, reason("boom"));
        let mut downs = [us.down().await, us.down().await];
        downs.sort_by(|a, b| a.reference.words().cmp(b.reference.words()));
        for (down, reference) in downs.iter().zip([first, second]) {
            assert_eq!(down.reference, reference);
            assert_eq!(down.process, DownProcess::Pid(them.pid.clone()));
            assert_eq!(down.reason, reason("boom"));
        }
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_by_name_names_the_name() {
    both_ways(|here, there| async move {
        let mut us = Probe::spawn(&here);
        let mut them = Probe::spawn(&there);
        there.register(atom!("watched"), &them.pid).unwrap();
        let node = there.name().atom().clone();
        let target = MonitorTarget::from((atom!("watched"), node.clone()));
        let reference = us.run(move |ctx| ctx.monitor(&target)).await;
        us.settled(&mut them).await;
        there.exit(&them.pid, reason("boom"));
        let down = us.down().await;
        assert_eq!(down.reference, reference);
        assert_eq!(
            down.process,
            DownProcess::Name {
                name: atom!("watched"),
                node: node.clone()
            }
        );
        assert_eq!(down.reason, reason("boom"));
        // The name is free by the time the monitor fires.
        let target = MonitorTarget::from((atom!("watched"), node));
        us.run(move |ctx| ctx.monitor(&target)).await;
        assert_eq!(us.down().await.reason, ExitReason::NoProc);
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_taken_back_does_not_fire() {
    both_ways(|here, there| async move {
        let mut us = Probe::spawn(&here);
        let mut them = Probe::spawn(&there);
        let pid = them.pid.clone();
        us.run(move |ctx| {
            let reference = ctx.monitor(&pid);
            ctx.demonitor(&reference);
        })
        .await;
        there.exit(&them.pid, ExitReason::Kill);
        them.dead().await;
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_cannot_be_trapped_and_is_told_as_killed() {
    both_ways(|here, there| async move {
        let mut us = Probe::trapping(&here);
        let mut them = Probe::trapping(&there);
        them.run(|_| ()).await;
        let pid = them.pid.clone();
        us.run(move |ctx| {
            ctx.link(&pid);
            ctx.exit(&pid, ExitReason::Kill);
        })
        .await;
        assert_eq!(us.exit().await, (them.pid.clone(), ExitReason::Killed));
        them.dead().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trapped_exit_signal_is_a_message() {
    both_ways(|here, there| async move {
        let us = Probe::spawn(&here);
        let mut them = Probe::trapping(&there);
        // It traps once it has run.
        them.run(|_| ()).await;
        let pid = them.pid.clone();
        us.run(move |ctx| {
            ctx.exit(&pid, ExitReason::Normal);
            ctx.exit(&pid, reason("please"));
        })
        .await;
        assert_eq!(them.exit().await, (us.pid.clone(), ExitReason::Normal));
        let got = them.next().await;
        let expected = Term::from((atom!("EXIT"), us.pid.clone(), atom!("please")));
        assert_eq!(got.to_term().unwrap(), expected);
        assert!(matches!(got, Received::Exit(_)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_leads_to_its_process_until_it_is_taken_back() {
    both_ways(|here, there| async move {
        let mut us = Probe::spawn(&here);
        let alias = us.run(|ctx| ctx.alias()).await;
        there.send(&alias, 1_i64).await.unwrap();
        assert_eq!(us.message().await, Term::from(1_i64));
        let taken_back = alias.clone();
        assert!(us.run(move |ctx| ctx.unalias(&taken_back)).await);
        there.send(&alias, 2_i64).await.unwrap();
        us.expect_nothing(&there).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spawn_link_and_spawn_monitor_leave_no_gap() {
    both_ways(|here, _| async move {
        let mut us = Probe::trapping(&here);
        let child = us
            .run(|ctx| ctx.spawn_link(|_| async { reason("quick") }))
            .await;
        assert_eq!(us.exit().await, (child, reason("quick")));
        let (child, reference) = us
            .run(|ctx| ctx.spawn_monitor(|_| async { reason("quick") }))
            .await;
        let down = us.down().await;
        assert_eq!(
            (down.reference, down.process),
            (reference, DownProcess::Pid(child))
        );
        assert_eq!(down.reason, reason("quick"));
    })
    .await;
}

/// The request that takes the old link back and the new request arrive together; the connection
/// must know of the new link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_made_again_right_after_an_unlink_hears_noconnection() {
    for _ in 0..50 {
        let (first, second) = common::two().await;
        let mut us = Probe::trapping(&first);
        us.run(|_| ()).await;
        let them = Probe::trapping(&second);
        let pid = us.pid.clone();
        them.run(move |ctx| {
            for _ in 0..5 {
                ctx.link(&pid);
                ctx.unlink(&pid);
            }
            ctx.link(&pid);
        })
        .await;
        them.settled(&mut us).await;
        assert!(second.disconnect(first.name().as_str()));
        assert_eq!(
            us.exit().await,
            (them.pid.clone(), ExitReason::NoConnection)
        );
        us.expect_nothing(&first).await;
        drop((us, them));
        first.shutdown().await;
        second.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demonitor_flush_takes_the_down_out_of_the_mailbox() {
    both_ways(|here, there| async move {
        let (told, result) = tokio::sync::oneshot::channel();
        let victim = there.spawn(|_| async { reason("gone") });
        here.spawn(move |mut ctx| async move {
            let kept = ctx.monitor(&victim);
            let flushed = ctx.monitor(&victim);
            // Both have fired once the later one could be seen; the earlier is still in the way.
            let first = ctx.recv().await;
            ctx.demonitor_flush(&flushed);
            let rest = ctx.try_recv();
            let _dropped = told.send((kept, flushed, first, rest));
        });
        let (kept, flushed, first, rest) = result.await.unwrap();
        let heard = match first {
            Received::Down(down) => down.reference,
            other => panic!("{other:?}"),
        };
        // Whichever came first was taken; the flushed one never comes after the flush.
        assert!(heard == kept || heard == flushed);
        assert!(!matches!(rest, Some(Received::Down(down)) if down.reference == flushed));
    })
    .await;
}
