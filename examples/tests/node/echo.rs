//! The process `echo`: each of its requests.

use crate::program::{DEADLINE, NAME, WATCH, pair};
use erland::{Atom, Context, Down, Exit, ExitReason, Node, Payload, Pid, Received, Term, atom};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Runs a process of this test to its end.
async fn process<B>(node: &Node, body: impl FnOnce(Context) -> B)
where
    B: Future<Output = ()> + Send + 'static,
{
    let (done, ended) = oneshot::channel();
    node.spawn(|ctx| {
        let body = body(ctx);
        async move {
            body.await;
            done.send(()).expect("the test waits");
        }
    });
    timeout(DEADLINE, ended)
        .await
        .expect("it ends in time")
        .expect("it does not panic");
}

async fn ask(ctx: &Context, message: impl Into<Payload>) {
    let echo = (atom!("echo"), Atom::new(NAME).expect("short"));
    ctx.send(echo, message).await.expect("it can be encoded");
}

async fn hear(ctx: &mut Context) -> Term {
    match ctx.recv().await {
        Received::Message(message) => message.into_term().expect("it decodes"),
        other => panic!("{other:?}"),
    }
}

/// Waits until everything that was asked before has been done: an exit signal acts at once, also
/// ahead of messages that wait in the mailbox.
async fn asked(ctx: &mut Context) {
    ask(ctx, (ctx.self_pid().clone(), atom!("asked"))).await;
    assert!(hear(ctx).await.as_tuple().expect("a tuple")[1].is_atom("asked"));
}

/// The pid of the present echo process.
async fn echo(ctx: &mut Context) -> Pid {
    // After a stop the next one is registered in its own time.
    let tag = ctx.node().id().creation();
    loop {
        ask(ctx, (ctx.self_pid().clone(), tag)).await;
        let answer = timeout(WATCH, hear(ctx)).await;
        if let Ok(answer) = answer
            && let Some([pid, answered]) = answer.as_tuple()
            && answered.as_u64() == Some(tag.into())
        {
            return pid.as_pid().expect("a pid").clone();
        }
    }
}

#[tokio::test]
async fn echo_answers() {
    let (_program, us) = pair().await;
    process(&us, async |mut ctx| {
        let me = ctx.self_pid().clone();
        let content = Term::list([Term::from(1), Term::binary("two"), Term::from((3, 4))]);
        ask(&ctx, (me.clone(), content.clone())).await;
        let answer = hear(&mut ctx).await;
        let [from, term] = answer.as_tuple().expect("a tuple") else {
            panic!("{answer}")
        };
        assert_eq!(from.as_pid().expect("a pid").node().name().as_str(), NAME);
        assert_eq!(term, &content);

        // What it does not understand it leaves alone.
        ask(&ctx, atom!("what")).await;
        ask(&ctx, (atom!("link"), atom!("nobody"))).await;
        ask(&ctx, (atom!("monitor"), me.clone(), 5)).await;
        ask(&ctx, (me, atom!("still"))).await;
        assert!(hear(&mut ctx).await.as_tuple().expect("a tuple")[1].is_atom("still"));
    })
    .await;
}

#[tokio::test]
async fn echo_stops_as_told_and_comes_back() {
    let (_program, us) = pair().await;
    process(&us, async |mut ctx| {
        let first = echo(&mut ctx).await;
        let monitor = ctx.monitor(&first);
        ask(&ctx, (atom!("stop"), (atom!("because"), 7))).await;
        match ctx.recv().await {
            Received::Down(Down {
                reference, reason, ..
            }) => {
                assert_eq!(reference, monitor);
                assert_eq!(reason.to_term(), Term::from((atom!("because"), 7)));
            }
            other => panic!("{other:?}"),
        }
        let second = echo(&mut ctx).await;
        assert_ne!(first, second);

        ctx.monitor(&second);
        ctx.exit(&second, ExitReason::Kill);
        match ctx.recv().await {
            Received::Down(Down {
                reason: ExitReason::Killed,
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
        assert_ne!(second, echo(&mut ctx).await);
    })
    .await;
}

#[tokio::test]
async fn echo_links_and_unlinks() {
    let (_program, us) = pair().await;
    process(&us, async |mut ctx| {
        ctx.trap_exit(true);
        let me = ctx.self_pid().clone();
        let linked = echo(&mut ctx).await;
        ask(&ctx, (atom!("link"), me.clone())).await;
        assert_eq!(
            hear(&mut ctx).await,
            Term::from((linked.clone(), atom!("linked")))
        );
        ask(&ctx, (atom!("stop"), atom!("one"))).await;
        match ctx.recv().await {
            Received::Exit(Exit { from, reason, .. }) => {
                assert_eq!(from, linked);
                assert_eq!(reason.to_term(), Term::from(atom!("one")));
            }
            other => panic!("{other:?}"),
        }

        let unlinked = echo(&mut ctx).await;
        ctx.monitor(&unlinked);
        for (request, answer) in [("link", "linked"), ("unlink", "unlinked")] {
            ask(&ctx, (Atom::new(request).expect("short"), me.clone())).await;
            assert!(hear(&mut ctx).await.as_tuple().expect("a tuple")[1].is_atom(answer));
        }
        ask(&ctx, (atom!("stop"), atom!("two"))).await;
        match ctx.recv().await {
            Received::Down(_) => {}
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn echo_monitors_pids_and_names() {
    let (_program, us) = pair().await;
    process(&us, async |mut ctx| {
        let me = ctx.self_pid().clone();
        let echo = echo(&mut ctx).await;
        let node = ctx.node().name().atom().clone();
        for by_name in [false, true] {
            let watched = ctx.spawn(|mut ctx: Context| async move {
                ctx.recv().await;
                ExitReason::from(Term::from(atom!("tired")))
            });
            ctx.node()
                .register(atom!("watched"), &watched)
                .expect("free");
            let target = if by_name {
                Term::from((atom!("watched"), node.clone()))
            } else {
                Term::from(&watched)
            };
            ask(&ctx, (atom!("monitor"), me.clone(), target.clone())).await;
            assert_eq!(
                hear(&mut ctx).await,
                Term::from((echo.clone(), atom!("monitoring")))
            );
            ctx.send(&watched, atom!("go"))
                .await
                .expect("it can be encoded");
            let down = Term::from((echo.clone(), atom!("down"), target, atom!("tired")));
            assert_eq!(hear(&mut ctx).await, down);
        }
        let nobody = Term::from((atom!("nobody"), node));
        ask(&ctx, (atom!("monitor"), me, nobody.clone())).await;
        assert!(hear(&mut ctx).await.as_tuple().expect("a tuple")[1].is_atom("monitoring"));
        let down = Term::from((echo, atom!("down"), nobody, atom!("noproc")));
        assert_eq!(hear(&mut ctx).await, down);
    })
    .await;
}

#[tokio::test]
async fn echo_traps_exits_and_sends_them_on() {
    let (_program, us) = pair().await;
    process(&us, async |mut ctx| {
        let me = ctx.self_pid().clone();
        let echo = echo(&mut ctx).await;
        ask(&ctx, (atom!("trap"), me.clone(), true)).await;
        asked(&mut ctx).await;
        ctx.exit(&echo, Term::from(atom!("ouch")));
        let exit = Term::from((echo.clone(), atom!("exit"), me.clone(), atom!("ouch")));
        assert_eq!(hear(&mut ctx).await, exit);

        ctx.monitor(&echo);
        ask(&ctx, (atom!("trap"), me, false)).await;
        asked(&mut ctx).await;
        ctx.exit(&echo, Term::from(atom!("ouch")));
        match ctx.recv().await {
            Received::Down(Down { reason, .. }) => assert!(reason.to_term().is_atom("ouch")),
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn echo_sends_to_pids_and_names() {
    let (_program, us) = pair().await;
    process(&us, async |mut ctx| {
        ctx.register(atom!("us")).expect("free");
        let by_name = Term::from((atom!("us"), ctx.node().name().atom().clone()));
        for dest in [Term::from(ctx.self_pid()), by_name] {
            ask(&ctx, (atom!("send"), dest, atom!("hello"))).await;
            assert_eq!(hear(&mut ctx).await, Term::from(atom!("hello")));
        }
    })
    .await;
}
