//! The workloads that are run short by the tests and long by `scripts/soak`.

use std::time::{Duration, Instant};

use erland::{Atom, Context, Dest, Node, Pid, Received, Term, atom};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::deadline::within_time;
use crate::erl::Erl;
use crate::probe::name_of;

/// The workloads' own deadline; used up only by a failure.
const LIMIT: Duration = Duration::from_secs(300);

/// What a workload has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Messages from the first node to the second that arrived in order.
    pub there: u64,
    /// Messages back that arrived in order.
    pub back: u64,
    /// How long it took.
    pub time: Duration,
}

/// `pairs` pairs of a Rust and an Erlang process exchange `count` numbered messages each way, all
/// at the same time; every message must arrive, in order.
///
/// # Panics
///
/// When one is missing, out of order, or twice.
pub async fn numbered_messages(node: &Node, erl: &Erl, pairs: usize, count: u64) -> Counted {
    let begin = Instant::now();
    let workers = answering_side(node, pairs, count);
    let expression = format!(
        "erland_helper:pairs('{}', {pairs}, {count}, {})",
        node.name(),
        LIMIT.as_millis()
    );
    let theirs = erl.eval_within(LIMIT, &expression).await;
    let there = count_of(workers).await;
    let back = theirs
        .parse()
        .unwrap_or_else(|_| panic!("what Erlang received: {theirs}"));
    Counted {
        there,
        back,
        time: begin.elapsed(),
    }
    .check(pairs, count)
}

/// The same between two erland nodes.
///
/// # Panics
///
/// As [`numbered_messages`] does.
pub async fn numbered_messages_between(
    one: &Node,
    two: &Node,
    pairs: usize,
    count: u64,
) -> Counted {
    let begin = Instant::now();
    let there = answering_side(two, pairs, count);
    let mut back = JoinSet::new();
    for pair in 0..pairs {
        let dest = (pair_name(pair), two.name().atom().clone());
        let (done, result) = oneshot::channel();
        one.spawn(move |mut ctx| async move {
            greet(&ctx, dest).await;
            let partner = greeted(&mut ctx).await;
            // The test may have given up.
            let _ = done.send(exchange(&mut ctx, &partner, count).await);
        });
        back.spawn(async move { result.await.expect("no process fails") });
    }
    let (there, back) = (count_of(there).await, count_of(back).await);
    Counted {
        there,
        back,
        time: begin.elapsed(),
    }
    .check(pairs, count)
}

impl Counted {
    fn check(self, pairs: usize, count: u64) -> Counted {
        let due = count * pairs as u64;
        assert_eq!(
            (self.there, self.back),
            (due, due),
            "messages in order, there and back"
        );
        self
    }
}

fn pair_name(pair: usize) -> Atom {
    name_of(&format!("pair{pair}"))
}

/// The processes `pair0`, `pair1`, … of `node`, which answer a greeting and then exchange messages
/// with whoever greeted them; each gives its count.
fn answering_side(node: &Node, pairs: usize, count: u64) -> JoinSet<u64> {
    let mut workers = JoinSet::new();
    for pair in 0..pairs {
        let (done, result) = oneshot::channel();
        let pid = node.spawn(move |mut ctx| async move {
            let partner = greeted(&mut ctx).await;
            greet(&ctx, partner.clone()).await;
            // The test may have given up.
            let _ = done.send(exchange(&mut ctx, &partner, count).await);
        });
        node.register(pair_name(pair), &pid).expect("a free name");
        workers.spawn(async move { result.await.expect("no process fails") });
    }
    workers
}

async fn count_of(mut workers: JoinSet<u64>) -> u64 {
    let mut total = 0;
    while let Some(count) = within_time(LIMIT, "all pairs", workers.join_next()).await {
        total += count.expect("no pair fails");
    }
    total
}

async fn greet(ctx: &Context, dest: impl Into<Dest>) {
    let greeting = Term::from((atom!("pair"), ctx.self_pid().clone()));
    ctx.send(dest, greeting).await.expect("it can be encoded");
}

async fn greeted(ctx: &mut Context) -> Pid {
    let greeting = term_of(ctx.recv().await);
    match greeting.as_tuple() {
        Some([tag, pid]) if tag.is_atom("pair") => pid.as_pid().cloned(),
        _ => None,
    }
    .unwrap_or_else(|| panic!("{{pair, Pid}} was due, not {greeting}"))
}

/// Sends `{n, 1}` to `{n, Count}` and receives the same, whichever is possible; how many came in
/// order.
async fn exchange(ctx: &mut Context, partner: &Pid, count: u64) -> u64 {
    let mut received = 0;
    for number in 1..=count {
        let message = Term::from((atom!("n"), number));
        ctx.send(partner, message).await.expect("it can be encoded");
        while let Some(message) = ctx.try_recv() {
            received = following(received, &term_of(message));
        }
    }
    while received < count {
        received = following(received, &term_of(ctx.recv().await));
    }
    received
}

fn following(last: u64, message: &Term) -> u64 {
    let number = match message.as_tuple() {
        Some([tag, number]) if tag.is_atom("n") => number.as_u64(),
        _ => None,
    };
    assert_eq!(number, Some(last + 1), "got {message}");
    last + 1
}

fn term_of(received: Received) -> Term {
    match received {
        Received::Message(message) => message.to_term().expect("it decodes"),
        other => panic!("a message was due, not {other:?}"),
    }
}
