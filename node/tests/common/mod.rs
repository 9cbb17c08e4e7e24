//! A pair of nodes to test with: one node that plays both parts, or two over loopback.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // every test file uses its own part of this

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use erland::{Context, Epmd, ExitReason, Node, NodeBuilder, Pid, Received, Term};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Far above what any step takes: reaching it is a failure, not a wait.
pub const DEADLINE: Duration = Duration::from_secs(20);

static NAMES: AtomicU32 = AtomicU32::new(0);

/// A node without epmd, with a name of its own.
pub fn builder() -> NodeBuilder {
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    Node::builder(format!("t{number}-{}@127.0.0.1", std::process::id()))
        .cookie("test")
        .epmd(Epmd::None)
}

pub fn address(node: &Node) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, node.port()))
}

/// Two nodes, the second of which knows where the first is.
pub async fn two() -> (Node, Node) {
    let first = builder().start().await.unwrap();
    let second = builder()
        .static_peer(first.name().as_str(), address(&first))
        .start()
        .await
        .unwrap();
    (first, second)
}

/// Runs a scenario on one node that plays both parts, then on two.
pub async fn both_ways<F, R>(scenario: F)
where
    F: Fn(Node, Node) -> R,
    R: Future<Output = ()>,
{
    let one = builder().start().await.unwrap();
    scenario(one.clone(), one.clone()).await;
    one.shutdown().await;
    let (first, second) = two().await;
    second.connect(first.name().as_str()).await.unwrap();
    scenario(first.clone(), second.clone()).await;
    scenario(second.clone(), first.clone()).await;
    first.shutdown().await;
    second.shutdown().await;
}

/// A process that tells what it receives, and does what it is told.
pub struct Probe {
    pub pid: Pid,
    received: mpsc::UnboundedReceiver<Received>,
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    Do(Box<dyn FnOnce(&mut Context) + Send>),
    Send(Pid, Term),
}

impl Probe {
    /// Ends normally when it is dropped.
    pub fn spawn(node: &Node) -> Probe {
        Probe::start(node, false)
    }

    pub fn trapping(node: &Node) -> Probe {
        Probe::start(node, true)
    }

    fn start(node: &Node, trap: bool) -> Probe {
        let (tell, received) = mpsc::unbounded_channel();
        let (orders, mut to_do) = mpsc::unbounded_channel::<Order>();
        let pid = node.spawn(move |mut ctx: Context| async move {
            ctx.trap_exit(trap);
            loop {
                tokio::select! {
                    got = ctx.recv() => {
                        let _dropped = tell.send(got);
                    }
                    order = to_do.recv() => match order {
                        Some(Order::Do(action)) => action(&mut ctx),
                        Some(Order::Send(to, message)) => ctx.send(to, message).await.unwrap(),
                        None => return,
                    },
                }
            }
        });
        Probe {
            pid,
            received,
            orders,
        }
    }

    /// Does something inside the process and returns what came out.
    pub async fn run<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Context) -> T + Send + 'static,
    ) -> T {
        let (done, result) = tokio::sync::oneshot::channel();
        let action = Box::new(move |ctx: &mut Context| {
            let _dropped = done.send(action(ctx));
        });
        assert!(
            self.orders.send(Order::Do(action)).is_ok(),
            "the probe is dead"
        );
        timeout(DEADLINE, result)
            .await
            .expect("the probe does nothing")
            .expect("the probe died")
    }

    /// Returns once everything this process has sent to `other` so far has reached its task: signals
    /// from one process to another stay in order, so a message sent now is behind them.
    pub async fn settled(&self, other: &mut Probe) {
        let marker = Term::from(i64::from(NAMES.fetch_add(1, Ordering::Relaxed)) + 1_000_000);
        let order = Order::Send(other.pid.clone(), marker.clone());
        assert!(self.orders.send(order).is_ok(), "the probe is dead");
        assert_eq!(other.message().await, marker);
    }

    /// Has the process end with a panic.
    pub fn panic(&self, text: &'static str) {
        let _dead = self
            .orders
            .send(Order::Do(Box::new(move |_| panic!("{text}"))));
    }

    pub async fn next(&mut self) -> Received {
        timeout(DEADLINE, self.received.recv())
            .await
            .expect("nothing received")
            .expect("dead")
    }

    pub async fn message(&mut self) -> Term {
        match self.next().await {
            Received::Message(payload) => payload.into_term().unwrap(),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// The pid and reason of a trapped exit.
    pub async fn exit(&mut self) -> (Pid, ExitReason) {
        match self.next().await {
            Received::Exit(exit) => (exit.from, exit.reason),
            other => panic!("not an exit: {other:?}"),
        }
    }

    pub async fn down(&mut self) -> erland::Down {
        match self.next().await {
            Received::Down(down) => down,
            other => panic!("not a down: {other:?}"),
        }
    }

    /// Nothing else has arrived: a message sent now, from here, is the next one.
    pub async fn expect_nothing(&mut self, from: &Node) {
        let marker = Term::from(i64::from(NAMES.fetch_add(1, Ordering::Relaxed)) + 1_000_000);
        from.send(&self.pid, marker.clone()).await.unwrap();
        let next = self.next().await;
        assert_eq!(
            next.to_term().unwrap(),
            marker,
            "something unexpected: {next:?}"
        );
    }

    /// Waits until the process has ended.
    pub async fn dead(&mut self) {
        let ended = async { while self.received.recv().await.is_some() {} };
        timeout(DEADLINE, ended)
            .await
            .expect("the process lives on");
    }
}

pub fn reason(name: &'static str) -> ExitReason {
    ExitReason::from(Term::from(erland::Atom::new(name).unwrap()))
}
