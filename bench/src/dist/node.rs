//! One end of a connection, as a node of erland in a process of its own. What its processes do is
//! what those of `erl/bench_dist.erl` do.

use std::time::{Duration, Instant};

use erland::{Atom, Context, Epmd, Node, Payload, Received, Term, atom};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::load::{Answer, PAUSE, Request, serve};

/// The first argument that makes this program such a node; then its name.
pub const ARGUMENT: &str = "dist-node";

/// The cookie of all nodes.
pub const COOKIE: &str = "bench";

pub fn main(arguments: &[String]) -> Result<(), String> {
    let [name] = arguments else {
        return Err("a node needs its name".to_owned());
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    let handle = runtime.handle().clone();
    let builder = Node::builder(name.as_str()).cookie(COOKIE).epmd(Epmd::Auto);
    let node = runtime
        .block_on(builder.start())
        .map_err(|e| format!("{name}: {e:?}"))?;
    let _guard = handle.enter();
    for (name, pid) in [
        (atom!("echo"), node.spawn(echo)),
        (atom!("sink"), node.spawn(sink)),
    ] {
        node.register(name, &pid).map_err(|e| e.to_string())?;
    }
    serve(|request| run(&node, &handle, &request))
}

fn run(node: &Node, runtime: &Handle, request: &Request) -> Result<Answer, String> {
    let peer = Atom::new(&request.peer).map_err(|e| e.to_string())?;
    let (time, bytes) = (request.time, request.bytes);
    let ended = |_| "a process ended".to_owned();
    runtime.block_on(async {
        let mut answer = Answer::default();
        let (flowing, flows) = oneshot::channel();
        let mut stream = None;
        if request.stream {
            let (done, streamed) = oneshot::channel();
            let peer = peer.clone();
            node.spawn(move |ctx| async move {
                // Who asked has gone: so does this.
                let _gone = done.send(send_stream(ctx, peer, bytes, time, flowing).await);
            });
            flows.await.map_err(ended)?;
            stream = Some(streamed);
        }
        if request.pings {
            let (done, pinged) = oneshot::channel();
            node.spawn(move |ctx| async move {
                let _gone = done.send(pings(ctx, peer, time).await);
            });
            answer = answer.with_pings(pinged.await.map_err(ended)?);
        }
        if let Some(stream) = stream {
            let (bytes, time) = stream.await.map_err(ended)?;
            answer = answer.with_stream(bytes, time);
        }
        Ok(answer)
    })
}

/// The two elements of the next message.
async fn next_pair(ctx: &mut Context) -> Option<(Term, Term)> {
    let term = next(ctx).await?;
    match term.as_tuple()? {
        [one, two] => Some((one.clone(), two.clone())),
        _ => None,
    }
}

async fn next(ctx: &mut Context) -> Option<Term> {
    match ctx.recv().await {
        Received::Message(message) => message.into_term().ok(),
        _ => None,
    }
}

async fn echo(mut ctx: Context) {
    while let Some((from, number)) = next_pair(&mut ctx).await {
        let Some(from) = from.as_pid().cloned() else {
            return;
        };
        if ctx.send(from, number).await.is_err() {
            return;
        }
    }
}

async fn sink(mut ctx: Context) {
    while let Some((from, binary)) = next_pair(&mut ctx).await {
        let len = binary.as_binary().map(|binary| binary.len());
        drop(binary);
        let (Some(from), Some(len)) = (from.as_pid().cloned(), len) else {
            return;
        };
        if ctx.send(from, len as i64).await.is_err() {
            return;
        }
    }
}

async fn pings(mut ctx: Context, peer: Atom, time: Duration) -> Vec<Duration> {
    let mut all = Vec::new();
    let until = Instant::now() + time;
    loop {
        let begin = Instant::now();
        let message = Term::from((ctx.self_pid().clone(), all.len() as i64));
        if ctx
            .send((atom!("echo"), peer.clone()), message)
            .await
            .is_err()
        {
            return all;
        }
        if next(&mut ctx).await.is_none() {
            return all;
        }
        let end = Instant::now();
        all.push(end - begin);
        if end >= until {
            return all;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Two messages are unacknowledged at any time; the first one warms.
async fn send_stream(
    mut ctx: Context,
    peer: Atom,
    bytes: usize,
    time: Duration,
    flowing: oneshot::Sender<()>,
) -> (u64, Duration) {
    let binary = Term::binary(vec![7_u8; bytes]);
    let message = Term::from((ctx.self_pid().clone(), binary));
    let dest = (atom!("sink"), peer);
    let send = async |ctx: &Context| {
        // What cannot be encoded ends in a stream that takes no time, which is seen.
        let _sent = ctx.send(dest.clone(), Payload::from(message.clone())).await;
    };
    send(&ctx).await;
    send(&ctx).await;
    next(&mut ctx).await;
    let _gone = flowing.send(());
    let begin = Instant::now();
    let mut count = 0;
    let mut taken = Duration::ZERO;
    while taken < time {
        send(&ctx).await;
        next(&mut ctx).await;
        taken = begin.elapsed();
        count += 1;
    }
    next(&mut ctx).await;
    (bytes as u64 * count, taken)
}
