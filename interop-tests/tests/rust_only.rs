//! Do two erland nodes do with each other what each does with Erlang, with no Erlang installed?

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use erland::dist::{HandshakeError, Stage};
use erland::{
    ConnectError, DownProcess, Epmd, ExitReason, HandshakeFailure, Node, NodeBuilder,
    NodeDownReason, Pid, PingError, Received, Reference, Term, atom,
};
use erland_interop_tests::{
    NodeProgram, Probe, Watch, free_port, name_of, numbered_messages_between, start, within,
};

/// The first node brings the epmd, the second finds it.
struct Pair {
    one: Node,
    two: Node,
    epmd_port: u16,
}

fn builder(name: &str, epmd_port: u16) -> NodeBuilder {
    Node::builder(format!("{name}@127.0.0.1"))
        .cookie("secret")
        .epmd_port(epmd_port)
}

async fn pair() -> Pair {
    pair_with(|builder| builder).await
}

async fn pair_with(configure: impl Fn(NodeBuilder) -> NodeBuilder) -> Pair {
    let epmd_port = free_port();
    let one = start(configure(builder("one", epmd_port).epmd(Epmd::Embedded))).await;
    let two = start(configure(builder("two", epmd_port))).await;
    Pair {
        one,
        two,
        epmd_port,
    }
}

macro_rules! two_ways {
    ($($(#[$attribute:meta])* async fn $name:ident($pair:ident) $body:block)*) => {
        $(
            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let $pair = pair().await;
                $body
            }
        )*
    };
}

two_ways! {
    async fn ping_both_ways(pair) {
        within("the ping", pair.one.ping("two@127.0.0.1")).await.expect("pong");
        within("the ping", pair.two.ping("one@127.0.0.1")).await.expect("pong");
        assert_eq!(pair.one.nodes(), ["two@127.0.0.1"]);
        assert_eq!(pair.two.nodes(), ["one@127.0.0.1"]);
        let error = within("the ping", pair.one.ping("nobody@127.0.0.1")).await.expect_err("pang");
        assert!(
            matches!(error, PingError::Connect(ConnectError::NotRegistered { .. })),
            "{error:?}"
        );
    }

    async fn both_dial_at_the_same_time(pair) {
        for _ in 0..50 {
            let (one, two) = tokio::join!(
                within("the ping", pair.one.ping("two@127.0.0.1")),
                within("the ping", pair.two.ping("one@127.0.0.1")),
            );
            one.expect("pong");
            two.expect("pong");
            let mut watches = [Watch::on(&pair.one), Watch::on(&pair.two)];
            assert!(pair.one.disconnect("two@127.0.0.1"));
            watches[0].down("two@127.0.0.1").await;
            let reason = watches[1].down("one@127.0.0.1").await;
            assert!(matches!(reason, NodeDownReason::ConnectionClosed), "{reason}");
        }
    }

    async fn a_hundred_thousand_each_way_in_order(pair) {
        numbered_messages_between(&pair.one, &pair.two, 1, 100_000).await;
    }

    async fn ten_pairs_at_once(pair) {
        numbered_messages_between(&pair.one, &pair.two, 10, 100_000).await;
    }

    async fn by_pid_and_by_name(pair) {
        let mut a = Probe::named(&pair.one, "a").await;
        let mut b = Probe::named(&pair.two, "b").await;
        a.send((atom!("b"), name_of("two@127.0.0.1")), Term::from(a.pid().clone())).await;
        let learned = b.next_term().await;
        let learned = learned.as_pid().expect("a pid").clone();
        assert_eq!(learned, *a.pid());
        b.send(&learned, atom!("answer")).await;
        assert_eq!(a.message().await, "answer");
        a.send((atom!("nobody"), name_of("two@127.0.0.1")), atom!("lost")).await;
        a.send((atom!("b"), name_of("two@127.0.0.1")), atom!("found")).await;
        assert_eq!(b.message().await, "found");
    }

    async fn what_is_sent_before_the_connection_stands_keeps_its_order(pair) {
        let mut b = Probe::named(&pair.two, "b").await;
        let a = Probe::start(&pair.one);
        for number in 1..=1000_u32 {
            a.send((atom!("b"), name_of("two@127.0.0.1")), Term::from(number)).await;
        }
        for number in 1..=1000_u32 {
            assert_eq!(b.next_term().await, Term::from(number));
        }
    }

    async fn large_terms(pair) {
        let binary = Term::binary((0..20_000_000_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>());
        let list = Term::list((0..200_000_i64).map(Term::from));
        for (from, to) in [(&pair.one, &pair.two), (&pair.two, &pair.one)] {
            let a = Probe::start(from);
            let mut b = Probe::start(to);
            for term in [&binary, &list] {
                a.send(b.pid(), term.clone()).await;
                assert!(b.next_term().await == *term, "equal at the other end");
            }
            b.is_quiet().await;
        }
    }

    async fn links(pair) {
        // One links the other and panics.
        let mut a = Probe::trapping(&pair.one).await;
        let b = Probe::start(&pair.two);
        b.link(a.pid()).await;
        b.send(a.pid(), atom!("linked")).await;
        assert_eq!(a.message().await, "linked");
        b.panic("went wrong");
        let exit = a.next_term().await;
        let reason = Term::from((atom!("panic"), Term::binary("went wrong")));
        assert_eq!(exit, Term::from((atom!("EXIT"), b.pid().clone(), reason)));
        // The node lives, and the link works the other way too.
        let b = Probe::start(&pair.two);
        a.link(b.pid()).await;
        // The link is there: the same connection, later.
        within("the ping", pair.one.ping("two@127.0.0.1")).await.expect("pong");
        b.end(Term::from((atom!("gone"), 1_i64)));
        assert_eq!(a.exit_from(b.pid()).await, "{gone,1}");
        a.link(b.pid()).await;
        assert_eq!(a.exit_from(b.pid()).await, "noproc");
        // Taken back.
        let b = Probe::start(&pair.two);
        a.link(b.pid()).await;
        a.unlink(b.pid()).await;
        let watched = a.monitor(b.pid()).await;
        within("the ping", pair.one.ping("two@127.0.0.1")).await.expect("pong");
        b.end(Term::from(atom!("gone")));
        assert_eq!(a.down(&watched).await, "gone");
        a.is_quiet().await;
    }

    async fn exit_signals(pair) {
        let mut a = Probe::trapping(&pair.one).await;
        let mut b = Probe::trapping(&pair.two).await;
        a.exit(b.pid(), Term::from(atom!("why_not"))).await;
        assert_eq!(b.exit_from(a.pid()).await, "why_not");
        let watched = a.monitor(b.pid()).await;
        a.exit(b.pid(), ExitReason::Kill).await;
        assert_eq!(a.down(&watched).await, "killed");
    }

    async fn monitors_by_pid_and_by_name(pair) {
        let mut a = Probe::start(&pair.one);
        let b = Probe::named(&pair.two, "b").await;
        let by_pid = a.monitor(b.pid()).await;
        let by_name = a.monitor_name("b", "two@127.0.0.1").await;
        let nobody = a.monitor_name("nobody", "two@127.0.0.1").await;
        assert_eq!(a.down(&nobody).await, "noproc");
        b.end(Term::from(atom!("gone")));
        let mut seen = Vec::new();
        for _ in 0..2 {
            match a.next().await {
                Received::Down(down) => {
                    assert_eq!(down.reason, ExitReason::from(Term::from(atom!("gone"))));
                    seen.push((down.reference, down.process));
                }
                other => panic!("a down was due, not {other:?}"),
            }
        }
        assert!(seen.contains(&(by_pid, DownProcess::Pid(b.pid().clone()))));
        let name = DownProcess::Name { name: atom!("b"), node: name_of("two@127.0.0.1") };
        assert!(seen.contains(&(by_name, name)));
        a.is_quiet().await;
    }

    async fn the_connections_end_is_noconnection_once_on_both_sides(pair) {
        let mut a = Probe::trapping(&pair.one).await;
        let mut b = Probe::trapping(&pair.two).await;
        a.link(b.pid()).await;
        let watching = a.monitor(b.pid()).await;
        let watched = b.monitor(a.pid()).await;
        within("the ping", pair.one.ping("two@127.0.0.1")).await.expect("pong");
        within("the ping", pair.two.ping("one@127.0.0.1")).await.expect("pong");
        assert!(pair.one.disconnect("two@127.0.0.1"));
        let (a_pid, b_pid) = (a.pid().clone(), b.pid().clone());
        for (probe, other, reference) in [(&mut a, b_pid, watching), (&mut b, a_pid, watched)] {
            let noconnection = Term::from(atom!("noconnection"));
            let exit = Term::from((atom!("EXIT"), other.clone(), noconnection.clone()));
            let down = Term::from((atom!("DOWN"), reference, atom!("process"), other, noconnection));
            let mut heard = [probe.next_term().await, probe.next_term().await];
            heard.sort();
            assert_eq!(heard, [exit, down]);
        }
        within("the ping", pair.one.ping("two@127.0.0.1")).await.expect("pong");
        a.is_quiet().await;
        b.is_quiet().await;
    }

    async fn a_shutdown_is_seen_at_once_and_flushes(pair) {
        let mut b = Probe::trapping(&pair.two).await;
        let a = Probe::start(&pair.one);
        b.link(a.pid()).await;
        within("the ping", pair.two.ping("one@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&pair.two);
        for number in 1..=1000_u32 {
            a.send(b.pid(), Term::from(number)).await;
        }
        within("the shutdown", pair.one.shutdown()).await;
        for number in 1..=1000_u32 {
            assert_eq!(b.next_term().await, Term::from(number));
        }
        assert_eq!(b.exit_from(a.pid()).await, "shutdown");
        let reason = watch.down("one@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::ConnectionClosed), "{reason}");
        b.is_quiet().await;
    }

    async fn another_cookie_is_kept_out(pair) {
        let stranger = start(builder("stranger", pair.epmd_port).cookie("other")).await;
        within("the ping", pair.one.ping("two@127.0.0.1")).await.expect("pong");
        let mut watch = Watch::on(&pair.one);
        let error = within("the ping", stranger.ping("one@127.0.0.1")).await.expect_err("pang");
        assert!(
            matches!(
                error,
                PingError::Connect(ConnectError::Handshake(HandshakeFailure::Protocol(
                    HandshakeError::CookieRefusedProbably
                )))
            ),
            "{error:?}"
        );
        let refused = watch.refused().await;
        assert!(
            matches!(refused, HandshakeFailure::Protocol(HandshakeError::BadCookie(Stage::Reply))),
            "{refused:?}"
        );
        assert_eq!(pair.one.nodes(), ["two@127.0.0.1"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_link_lives_through_three_tick_periods() {
    let ticktime = Duration::from_secs(1);
    let pair = pair_with(|builder| builder.net_ticktime(ticktime)).await;
    within("the ping", pair.one.ping("two@127.0.0.1"))
        .await
        .expect("pong");
    let mut watch = Watch::on(&pair.two);
    let begin = Instant::now();
    Watch::on(&pair.one)
        .nothing_goes_down_for(3 * ticktime + ticktime / 2)
        .await;
    watch.nothing_goes_down_for(Duration::ZERO).await;
    assert!(begin.elapsed() >= 3 * ticktime);
    within("the ping", pair.one.ping("two@127.0.0.1"))
        .await
        .expect("pong");
}

/// A node of the test, which brings the epmd, and the program `node` as `program@127.0.0.1`.
async fn node_and_program(configure: impl Fn(NodeBuilder) -> NodeBuilder) -> (Node, NodeProgram) {
    let epmd_port = free_port();
    let node = start(configure(builder("one", epmd_port).epmd(Epmd::Embedded))).await;
    let epmd = (Ipv4Addr::LOCALHOST, epmd_port).into();
    let program = NodeProgram::start(PROGRAM, "secret", epmd).await;
    (node, program)
}

const PROGRAM: &str = "program@127.0.0.1";

/// A probe with all that a process can have to the program's `echo`.
struct Related {
    probe: Probe,
    echo: Pid,
    by_pid: Reference,
    by_name: Reference,
}

impl Related {
    async fn to_echo(node: &Node) -> Related {
        let mut probe = Probe::trapping(node).await;
        let question = Term::from((probe.pid().clone(), atom!("who")));
        probe
            .send((atom!("echo"), name_of(PROGRAM)), question)
            .await;
        let answer = probe.next_term().await;
        let echo = answer
            .as_tuple()
            .and_then(|pair| pair[0].as_pid())
            .expect("its pid")
            .clone();
        probe.link(&echo).await;
        let by_pid = probe.monitor(&echo).await;
        let by_name = probe.monitor_name("echo", PROGRAM).await;
        Related {
            probe,
            echo,
            by_pid,
            by_name,
        }
    }

    /// The link and each monitor, once, in any order; nothing else.
    async fn hears_noconnection_once(&mut self) {
        let (noconnection, echo) = (atom!("noconnection"), self.echo.clone());
        let name = Term::from((atom!("echo"), name_of(PROGRAM)));
        let down = |reference: &Reference, process: Term| {
            Term::from((
                atom!("DOWN"),
                reference.clone(),
                atom!("process"),
                process,
                noconnection.clone(),
            ))
        };
        let mut due = [
            Term::from((atom!("EXIT"), echo.clone(), noconnection.clone())),
            down(&self.by_pid, Term::from(echo)),
            down(&self.by_name, name),
        ];
        let mut heard = [
            self.probe.next_term().await,
            self.probe.next_term().await,
            self.probe.next_term().await,
        ];
        due.sort();
        heard.sort();
        assert_eq!(heard, due);
        self.probe.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_is_noconnection_once() {
    let (node, mut program) = node_and_program(|builder| builder).await;
    let mut related = Vec::new();
    for _ in 0..10 {
        related.push(Related::to_echo(&node).await);
    }
    // All of it is known over there: the same connection, later.
    within("the ping", node.ping(PROGRAM)).await.expect("pong");
    let mut watch = Watch::on(&node);
    program.kill().await;
    let reason = watch.down(PROGRAM).await;
    assert!(
        matches!(reason, NodeDownReason::ConnectionClosed),
        "{reason}"
    );
    for related in &mut related {
        related.hears_noconnection_once().await;
    }
    // Nor does an attempt to come to it again make them hear more.
    let error = within("the ping", node.ping(PROGRAM)).await;
    assert!(matches!(error, Err(PingError::Connect(_))), "{error:?}");
    for related in &mut related {
        related.probe.is_quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_program_is_found_dead_in_time() {
    let ticktime = Duration::from_secs(2);
    let (node, mut program) = node_and_program(|builder| builder.net_ticktime(ticktime)).await;
    let mut related = Related::to_echo(&node).await;
    let mut watch = Watch::on(&node);
    // The program has the tick time of 60 s and ticks too seldom for us: it lives by what it
    // says, beyond the time in which silence is death.
    let begin = Instant::now();
    while begin.elapsed() < ticktime * 3 / 2 {
        within("the ping", node.ping(PROGRAM)).await.expect("pong");
        watch.nothing_goes_down_for(ticktime / 20).await;
    }
    // Its last bytes are read after `last_heard_after` and before `frozen`.
    let last_heard_after = Instant::now();
    within("the ping", node.ping(PROGRAM)).await.expect("pong");
    program.freeze().await;
    let frozen = Instant::now();
    let reason = watch.down(PROGRAM).await;
    let (longest, shortest) = (last_heard_after.elapsed(), frozen.elapsed());
    assert!(matches!(reason, NodeDownReason::NetTickTimeout), "{reason}");
    // Four whole intervals without a byte, and at most the rest of the one with the last byte
    // (OTP's net_ticktime); and what a loaded machine adds.
    let interval = ticktime / 4;
    assert!(longest >= ticktime, "found dead too early: {longest:?}");
    assert!(
        shortest <= ticktime + interval + Duration::from_secs(1),
        "too late: {shortest:?}"
    );
    related.hears_noconnection_once().await;
    program.kill().await;
    related.probe.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_epmd() {
    let one = start(
        Node::builder("one@127.0.0.1")
            .cookie("secret")
            .epmd(Epmd::None),
    )
    .await;
    let two = start(
        Node::builder("two@127.0.0.1")
            .cookie("secret")
            .epmd(Epmd::None)
            .static_peer("one@127.0.0.1", ([127, 0, 0, 1], one.port()).into()),
    )
    .await;
    assert!(one.creation() >= 4 && two.creation() >= 4 && one.creation() != two.creation());
    assert_eq!((one.epmd_addr(), two.epmd_addr()), (None, None));
    let error = within("the ping", one.ping("two@127.0.0.1"))
        .await
        .expect_err("no way there");
    assert!(
        matches!(error, PingError::Connect(ConnectError::NoAddress)),
        "{error:?}"
    );
    within("the ping", two.ping("one@127.0.0.1"))
        .await
        .expect("pong");
    within("the ping", one.ping("two@127.0.0.1"))
        .await
        .expect("pong");
}
