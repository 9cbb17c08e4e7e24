//! Two nodes in one program, and an `erl` where there is one.
//!
//! ```text
//! cargo run --release --bin hello
//! ```
//!
//! Needs nothing installed: the first node brings its own epmd, on a port of its own, so that an
//! epmd that runs already is left alone. Ends with status 0, or says which step failed.

use erland::epmd::Client;
use erland::{
    Atom, Context, Down, Epmd, Exit, ExitReason, Node, NodeEvent, NodeEvents, Received, StartError,
    Term, atom,
};
use erland_examples::echo::{self, Echo};
use erland_examples::with_causes;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

const ALICE: &str = "alice@127.0.0.1";
const BOB: &str = "bob@127.0.0.1";
const ERL: &str = "erl@127.0.0.1";
const COOKIE: &str = "hello";

/// What a step may take. All take milliseconds, but for the start of `erl` on a slow machine.
const STEP: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(30);

/// The part of `erland_examples::echo` that is needed here, in Erlang, and a message to say that
/// it is there.
const ERL_ECHO: &str = "
    Echo = fun Echo(Monitors) -> receive
        {link, Pid} -> link(Pid), Pid ! {self(), linked}, Echo(Monitors);
        {monitor, Pid, Target} ->
            Ref = monitor(process, Target),
            Pid ! {self(), monitoring},
            Echo(Monitors#{Ref => {Pid, Target}});
        {'DOWN', Ref, process, _, Reason} ->
            {{Pid, Target}, Others} = maps:take(Ref, Monitors),
            Pid ! {self(), down, Target, Reason},
            Echo(Others);
        {stop, Reason} -> exit(Reason);
        {Pid, Term} -> Pid ! {self(), Term}, Echo(Monitors)
    end end,
    register(echo, spawn(fun() -> Echo(#{}) end)),
    {hello, 'alice@127.0.0.1'} ! {self(), list_to_atom(erlang:system_info(otp_release))}.
";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("FAILED to {}", with_causes(&*failure));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let alice = step("start alice", START, start_alice()).await?;
    let epmd = alice.epmd_addr().ok_or("start alice: she has no epmd")?;
    let bob = Node::builder(BOB).cookie(COOKIE).epmd_port(epmd.port());
    let bob = step("start bob", START, async {
        Ok(bob.epmd(Epmd::Auto).start().await?)
    })
    .await?;
    let bobs_echo = step("start bob's echo", STEP, async {
        Ok(Echo::start(&bob).await?)
    })
    .await?;
    let mut events = alice.events();

    println!("Two nodes of Rust, in this program:");
    println!("  embedded epmd  {epmd}");
    meet(&alice, BOB).await?;
    let watch = watch(&alice, BOB).await?;
    step("stop bob", START, async {
        bobs_echo.stop().await;
        bob.shutdown().await;
        Ok(())
    })
    .await?;
    see_down(BOB, watch, &mut events).await?;

    println!();
    match start_erl(&alice, epmd.port()).await? {
        Some((mut erl, release)) => {
            println!("The same with an Erlang node, OTP {release}:");
            meet(&alice, ERL).await?;
            let watch = self::watch(&alice, ERL).await?;
            step("kill erl", STEP, async { Ok(erl.kill().await?) }).await?;
            see_down(ERL, watch, &mut events).await?;
        }
        None => println!("No erl is on the PATH, so this is all; with one, there is more to see."),
    }
    step("stop alice", START, async {
        alice.shutdown().await;
        Ok(())
    })
    .await?;

    println!();
    println!("By hand, in two terminals:");
    println!("  cargo run --release --bin node -- --name rust@127.0.0.1 --cookie secret");
    println!(
        "  erl -name me@127.0.0.1 -setcookie secret -eval \
         \"{{echo,'rust@127.0.0.1'}} ! {{self(),hello}}, receive M -> io:write(M), io:nl() end.\""
    );
    Ok(())
}

/// Runs a step with a time limit; an error says which step it was.
async fn step<T>(
    what: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(format!("{what}: {}", with_causes(&*error)).into()),
        Err(_) => Err(format!("{what}: it took longer than {limit:?}").into()),
    }
}

/// The first node, with the epmd that the others will find.
async fn start_alice() -> Result<Node, Failure> {
    loop {
        // Between here and the start somebody else may take the port; then another one is tried.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let alice = Node::builder(ALICE)
            .cookie(COOKIE)
            .epmd(Epmd::Embedded)
            .epmd_port(port);
        match alice.start().await {
            Err(StartError::EmbeddedEpmd { source, .. })
                if source.kind() == ErrorKind::AddrInUse => {}
            started => return Ok(started?),
        }
    }
}

/// Starts an `erl` that uses our epmd, and waits until it has sent us its OTP release; `None` if
/// there is no `erl`.
async fn start_erl(alice: &Node, epmd: u16) -> Result<Option<(Child, String)>, Failure> {
    let (registered, waiting) = oneshot::channel();
    let hello = process(alice, async move |mut ctx| {
        ctx.register(atom!("hello"))?;
        if registered.send(()).is_err() {
            return Err("nobody waits".into());
        }
        expect(&mut ctx, |received| {
            let message = received.to_term().ok()?;
            let [_, release] = message.as_tuple()? else {
                return None;
            };
            Some(release.as_atom()?.as_str().to_owned())
        })
        .await
    });
    step("register hello", STEP, async { Ok(waiting.await?) }).await?;

    let mut erl = Command::new("erl");
    erl.args([
        "-noinput",
        "-start_epmd",
        "false",
        "-name",
        ERL,
        "-setcookie",
        COOKIE,
    ])
    .args(["-eval", ERL_ECHO])
    .env("ERL_EPMD_PORT", epmd.to_string())
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .kill_on_drop(true);
    let mut child = match erl.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        child => child?,
    };
    step("start erl and hear from it", START, async {
        tokio::select! {
            release = hello => Ok(Some(release?)),
            ended = child.wait() => Err(format!("it ended at once, {}", ended?).into()),
        }
    })
    .await
    .map(|release| release.map(|release| (child, release)))
}

/// Names, messages, a monitor of theirs, a link and a monitor of ours.
async fn meet(alice: &Node, peer: &'static str) -> Result<(), Failure> {
    let epmd = alice.epmd_addr().ok_or("have an epmd")?;
    let names = step("ask epmd for the names", STEP, async {
        let names = Client::new(epmd).names().await?;
        let listed = |node: &str| names.entries.iter().any(|(name, _)| node.starts_with(name));
        if listed(ALICE) && listed(peer) {
            Ok(names.entries)
        } else {
            Err(format!("a name is missing in {:?}", names.entries).into())
        }
    })
    .await?;
    for (name, port) in names {
        println!("  registered     {name} at port {port}");
    }
    step("ping", STEP, async { Ok(alice.ping(peer).await?) }).await?;
    println!("  ping           {peer}: pong");

    let node = Atom::new(peer)?;
    let meeting = process(alice, async move |mut ctx| {
        let echo = (echo::NAME, node);
        exchange_messages(&mut ctx, &echo).await?;
        be_monitored(&mut ctx, &echo).await?;
        link_and_monitor(&mut ctx, &echo).await
    });
    meeting.await
}

async fn exchange_messages(ctx: &mut Context, echo: &(Atom, Atom)) -> Result<(), Failure> {
    let sent = Term::from((ctx.self_pid().clone(), atom!("hello")));
    println!("  we send        {sent} to {}", Term::from(echo.clone()));
    ctx.send(echo.clone(), sent).await?;
    let answer = step("get an answer", STEP, expect(ctx, answer_with("hello"))).await?;
    println!("  they answer    {answer}");
    Ok(())
}

/// They monitor a process of ours, which ends.
async fn be_monitored(ctx: &mut Context, echo: &(Atom, Atom)) -> Result<(), Failure> {
    let watched = ctx.spawn(|mut ctx: Context| async move {
        ctx.recv().await;
        ExitReason::from(Term::from(atom!("tired")))
    });
    let request = (atom!("monitor"), ctx.self_pid().clone(), watched.clone());
    ctx.send(echo.clone(), request).await?;
    step("be monitored", STEP, expect(ctx, answer_with("monitoring"))).await?;
    ctx.send(&watched, atom!("go")).await?;
    let down = step(
        "see their monitor fire",
        STEP,
        expect(ctx, answer_with("down")),
    )
    .await?;
    println!("  their monitor  {down}");
    Ok(())
}

/// We link to and monitor a process of theirs, which ends.
async fn link_and_monitor(ctx: &mut Context, echo: &(Atom, Atom)) -> Result<(), Failure> {
    ctx.trap_exit(true);
    let monitor = ctx.monitor(echo.clone());
    ctx.send(echo.clone(), (atom!("link"), ctx.self_pid().clone()))
        .await?;
    step("be linked", STEP, expect(ctx, answer_with("linked"))).await?;
    ctx.send(echo.clone(), (atom!("stop"), atom!("bye")))
        .await?;

    let mut exit = None;
    let mut down = None;
    while exit.is_none() || down.is_none() {
        let received = step("see link and monitor fire", STEP, expect(ctx, Some)).await?;
        match &received {
            Received::Exit(Exit { reason, .. }) if is_bye(reason) => {
                exit = Some(received.to_term()?);
            }
            Received::Down(Down {
                reference, reason, ..
            }) if *reference == monitor && is_bye(reason) => {
                down = Some(received.to_term()?);
            }
            other => return Err(format!("see link and monitor fire: got {other:?}").into()),
        }
    }
    for (what, term) in [("our link      ", exit), ("our monitor   ", down)] {
        println!("  {what} {}", term.unwrap_or(Term::nil()));
    }
    Ok(())
}

fn is_bye(reason: &ExitReason) -> bool {
    reason.to_term().is_atom("bye")
}

/// Monitors a process of a node that will go down.
async fn watch(
    alice: &Node,
    peer: &str,
) -> Result<impl Future<Output = Result<Term, Failure>> + use<>, Failure> {
    let kernel = (atom!("net_kernel"), Atom::new(peer)?);
    let (monitoring, set) = oneshot::channel();
    let watch = process(alice, async move |mut ctx| {
        let monitor = ctx.monitor(kernel);
        if monitoring.send(()).is_err() {
            return Err("nobody waits".into());
        }
        // `noconnection` from a node that was killed; one that stops ends its processes first.
        expect(&mut ctx, |received| match &received {
            Received::Down(Down { reference, .. }) if *reference == monitor => {
                received.to_term().ok()
            }
            _ => None,
        })
        .await
    });
    step("monitor the node's net_kernel", STEP, async {
        Ok(set.await?)
    })
    .await?;
    // The answer comes behind the monitor on the same connection, which has arrived by then.
    step("ping", STEP, async { Ok(alice.ping(peer).await?) }).await?;
    Ok(watch)
}

async fn see_down(
    peer: &str,
    watch: impl Future<Output = Result<Term, Failure>>,
    events: &mut NodeEvents,
) -> Result<(), Failure> {
    let reason = step("see the node go down", STEP, async {
        while let Some(event) = events.recv().await {
            if let NodeEvent::NodeDown { node, reason } = event
                && node == *peer
            {
                return Ok(reason);
            }
        }
        Err("no more events".into())
    })
    .await?;
    println!("  node down      {peer}: {reason}");
    let down = step("see the monitor fire", STEP, watch).await?;
    println!("  our monitor    {down}");
    Ok(())
}

/// Runs `body` as a process; the future that is returned ends with its result.
fn process<T, F, B>(node: &Node, body: F) -> impl Future<Output = Result<T, Failure>> + use<T, F, B>
where
    T: Send + 'static,
    F: FnOnce(Context) -> B,
    B: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let (result, ended) = oneshot::channel();
    node.spawn(|ctx| {
        let body = body(ctx);
        async move {
            if result.send(body.await).is_err() {
                tracing::debug!("nobody waits for the result");
            }
        }
    });
    async move {
        ended
            .await
            .unwrap_or_else(|_| Err("the process was ended".into()))
    }
}

/// Waits for the first thing received that `wanted` takes.
async fn expect<T>(
    ctx: &mut Context,
    mut wanted: impl FnMut(Received) -> Option<T>,
) -> Result<T, Failure> {
    loop {
        if let Some(found) = wanted(ctx.recv().await) {
            return Ok(found);
        }
    }
}

/// An answer of `echo`: `{Pid, Word}` or `{Pid, Word, …}`.
fn answer_with(word: &'static str) -> impl FnMut(Received) -> Option<Term> {
    move |received| {
        let answer = received.to_term().ok()?;
        match answer.as_tuple()? {
            [pid, second, ..] if pid.as_pid().is_some() && second.is_atom(word) => Some(answer),
            _ => None,
        }
    }
}
