//! Back-pressure: a peer that reads nothing makes its own senders wait, and nobody else.

#![allow(clippy::unwrap_used)]

mod common;

use std::future::Future;
use std::task::{Context as TaskContext, Waker};

use bytes::{Buf, BytesMut};
use common::{DEADLINE, Probe, builder, two};
use erland::dist::{
    ConnectionLimits, Control, Event, Identity, Inbound, Initiator, InitiatorStep, LengthPrefix,
};
use erland::{
    Cookie, Dest, ExitReason, Flags, Node, NodeEvent, NodeEvents, NodeId, NodeName, Pid, Received,
    StartError, Term, TrySendError, atom,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Below what the kernel keeps for two sockets of one machine, above a few fragments.
const LIMIT: usize = 256 * 1024;
/// Bytes of a message that goes out whole.
const SMALL: usize = 1024;
/// What a message takes beside its payload, with room to spare.
const OVERHEAD: usize = 512;
/// Bytes of an exit reason that goes out whole.
const FLOOD: usize = 48 * 1024;
/// Far above what the kernel keeps for two sockets of one machine.
const A_LOT: usize = 48 * 1024 * 1024;

/// A node that has shaken hands and then reads only what it is told to.
struct Deaf {
    stream: TcpStream,
    received: BytesMut,
    inbound: Inbound,
    id: NodeId,
}

impl Deaf {
    async fn dial(node: &Node) -> Deaf {
        let name = NodeName::parse("deaf@127.0.0.1").unwrap();
        let identity = Identity {
            name: name.clone(),
            creation: 77,
            flags: Flags::HONOURED,
        };
        let mut stream = TcpStream::connect(common::address(node)).await.unwrap();
        let (mut out, mut received) = (BytesMut::new(), BytesMut::new());
        let mut initiator = Initiator::start(
            identity,
            node.name().clone(),
            Cookie::new("test"),
            5,
            LengthPrefix::Two,
            &mut out,
        );
        let negotiated = loop {
            stream.write_all(&out.split()).await.unwrap();
            while received.len() < 2
                || received.len() < 2 + usize::from(u16::from_be_bytes([received[0], received[1]]))
            {
                assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
            }
            let len = usize::from(received.get_u16());
            let body = received.split_to(len);
            match initiator.receive(&body, &mut out).unwrap() {
                InitiatorStep::Continue => {}
                InitiatorStep::Done(negotiated) => break negotiated,
                step => panic!("unexpected in a handshake: {step:?}"),
            }
        };
        let peer = NodeId::new(negotiated.peer.atom().clone(), negotiated.peer_creation);
        let id = NodeId::new(name.atom().clone(), 77);
        Deaf {
            stream,
            received,
            inbound: Inbound::new(negotiated.flags, &id, &peer, ConnectionLimits::default()),
            id,
        }
    }

    fn pid(&self, id: u32) -> Pid {
        Pid::new(self.id.clone(), id, 0)
    }

    fn somebody(&self) -> Dest {
        Dest::from((atom!("somebody"), self.id.name().clone()))
    }

    /// Hears the next signal.
    async fn next(&mut self) -> (Control, Option<Term>) {
        loop {
            match self.inbound.poll(&mut self.received).unwrap() {
                Some(Event::Deliver { control, payload }) => {
                    return (control, payload.map(|raw| raw.to_term().unwrap()));
                }
                Some(Event::Tick) => {}
                Some(other) => panic!("unexpected: {other:?}"),
                None => {
                    let read = self.stream.read_buf(&mut self.received);
                    let read = timeout(DEADLINE, read).await.expect("nothing comes");
                    assert_ne!(read.unwrap(), 0, "the node hung up");
                }
            }
        }
    }
}

impl Deaf {
    /// Hears the next message, whatever signals come before.
    async fn message(&mut self) -> (i64, i64) {
        loop {
            if let (Control::RegSend { .. }, Some(term)) = self.next().await {
                return number_in(&term);
            }
        }
    }
}

/// A node with a small limit, connected to a peer that reads nothing.
async fn with_deaf() -> (Node, Deaf, NodeEvents) {
    let node = builder().dist_buf_busy_limit(LIMIT).start().await.unwrap();
    let busy = node.busy_events();
    let mut events = node.events();
    let deaf = Deaf::dial(&node).await;
    let up = timeout(DEADLINE, events.recv()).await.unwrap();
    assert!(matches!(up, Some(NodeEvent::NodeUp { .. })), "{up:?}");
    (node, deaf, busy)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let polling = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, polling)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

fn numbered(sender: usize, number: usize, len: usize) -> Term {
    Term::from((
        i64::try_from(sender).unwrap(),
        i64::try_from(number).unwrap(),
        Term::binary(vec![7_u8; len]),
    ))
}

fn number_in(term: &Term) -> (i64, i64) {
    let [sender, number, _] = term.as_tuple().unwrap() else {
        panic!("not a numbered message")
    };
    (sender.as_i64().unwrap(), number.as_i64().unwrap())
}

/// Makes the connection busy until the peer reads: with exit signals, which never wait, and more of
/// them than the kernel keeps.
fn flood(node: &Node, deaf: &Deaf) {
    let reason = ExitReason::from(Term::binary(vec![1_u8; FLOOD]));
    for _ in 0..A_LOT / FLOOD {
        node.exit(&deaf.pid(9), reason.clone());
    }
}

/// What is told of a connection until it is ready and stays so.
async fn told(node: &Node, mut events: NodeEvents) -> usize {
    node.shutdown().await;
    let mut is_busy = false;
    let mut times = 0;
    while let Some(event) = timeout(DEADLINE, events.recv()).await.unwrap() {
        match event {
            NodeEvent::DistBusy { .. } if !is_busy => times += 1,
            NodeEvent::DistReady { .. } if is_busy => {}
            other => panic!("out of turn: {other:?}"),
        }
        is_busy = !is_busy;
    }
    assert!(!is_busy, "it never became ready");
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_reads_nothing_suspends_its_senders_and_nobody_else() {
    const SENDERS: usize = 8;
    const EACH: usize = A_LOT / SENDERS / SMALL;
    let (node, mut deaf, busy) = with_deaf().await;
    let name = "deaf@127.0.0.1";
    let (done, mut finished) = mpsc::unbounded_channel();
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let (dest, done) = (deaf.somebody(), done.clone());
        senders.push(node.spawn(move |ctx| async move {
            for number in 0..EACH {
                ctx.send(dest.clone(), numbered(sender, number, SMALL))
                    .await
                    .unwrap();
            }
            done.send(sender).unwrap();
        }));
    }
    until("all wait", || {
        let held = node.backlog_to(name);
        assert!(
            held.bytes <= LIMIT + SENDERS * (SMALL + OVERHEAD),
            "{held:?}"
        );
        held.suspended == SENDERS
    })
    .await;
    assert!(
        finished.try_recv().is_err(),
        "all was taken for a deaf peer"
    );
    // The kernel may take more yet.
    flood(&node, &deaf);
    until("all wait", || node.backlog_to(name).suspended == SENDERS).await;
    let held = node.backlog_to(name);
    assert!(held.times_busy >= 1, "{held:?}");
    assert_eq!(node.backlog().bytes, held.bytes);

    // A signal that is no message never waits.
    let gone = Probe::spawn(&node);
    let linked = deaf.pid(1);
    let to_link = linked.clone();
    gone.run(move |ctx| ctx.link(&to_link)).await;
    node.exit(&deaf.pid(2), ExitReason::Kill);
    assert!(node.backlog_to(name).bytes > held.bytes);
    assert_eq!(
        node.try_send(deaf.somebody(), 1_i64),
        Err(TrySendError::Busy)
    );

    // Other nodes and local processes notice nothing.
    let other = builder()
        .static_peer(node.name().as_str(), common::address(&node))
        .start()
        .await
        .unwrap();
    other.connect(node.name().as_str()).await.unwrap();
    let (mut here, mut there) = (Probe::spawn(&node), Probe::spawn(&other));
    here.settled(&mut there).await;
    there.settled(&mut here).await;
    let mut local = Probe::spawn(&node);
    here.settled(&mut local).await;

    // A suspended process dies as any other does, and waits no longer.
    node.exit(&senders[SENDERS - 1], ExitReason::Kill);
    until("one less", || {
        node.backlog_to(name).suspended == SENDERS - 1
    })
    .await;

    // The peer reads: nothing that was taken is lost, and each sender's order holds.
    let mut next = [0_i64; SENDERS];
    let (mut links, mut exits) = (0, 0);
    let all = i64::try_from(EACH).unwrap();
    while next[..SENDERS - 1].iter().any(|next| *next < all) {
        match deaf.next().await {
            (Control::RegSend { .. }, Some(term)) => {
                let (sender, number) = number_in(&term);
                let next = &mut next[usize::try_from(sender).unwrap()];
                assert_eq!(number, *next, "of sender {sender}");
                *next += 1;
            }
            (Control::Link { to, .. }, None) => {
                assert_eq!(to, linked);
                links += 1;
            }
            (Control::Exit2 { to, .. }, Some(_)) if to == deaf.pid(2) => exits += 1,
            (Control::Exit2 { .. }, Some(_)) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!((links, exits), (1, 1));
    assert!(next[SENDERS - 1] < all, "it was killed in the middle");
    for _ in 0..SENDERS - 1 {
        timeout(DEADLINE, finished.recv()).await.unwrap().unwrap();
    }
    until("nothing is left", || node.backlog_to(name).bytes == 0).await;
    assert_eq!(node.backlog().suspended, 0);
    other.shutdown().await;
    drop(deaf);
    assert_ne!(told(&node, busy).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_try_send_takes_arrives_and_what_it_refuses_does_not() {
    let node = builder().dist_buf_busy_limit(LIMIT).start().await.unwrap();
    let nowhere = (atom!("nobody"), atom!("nobody@127.0.0.1"));
    assert_eq!(
        node.try_send(nowhere, 1_i64),
        Err(TrySendError::NoConnection)
    );
    let mut local = Probe::spawn(&node);
    node.try_send(&local.pid, 5_i64).unwrap();
    assert_eq!(local.message().await, Term::from(5_i64));
    node.shutdown().await;

    let (node, mut deaf, busy) = with_deaf().await;
    let mut taken = 0;
    while node
        .try_send(deaf.somebody(), numbered(0, taken, SMALL))
        .is_ok()
    {
        taken += 1;
    }
    flood(&node, &deaf);
    // Refused, whatever the size.
    for len in [1, SMALL, 1_000_000] {
        let refused = node.try_send(deaf.somebody(), numbered(1, 0, len));
        assert_eq!(refused, Err(TrySendError::Busy));
    }
    for number in 0..taken {
        assert_eq!(deaf.message().await, (0, i64::try_from(number).unwrap()));
    }
    let reading = tokio::spawn(async move { deaf.message().await });
    until("there is room", || {
        let somebody = (atom!("somebody"), atom!("deaf@127.0.0.1"));
        node.try_send(somebody, numbered(2, 0, 1)).is_ok()
    })
    .await;
    assert_eq!(reading.await.unwrap(), (2, 0));
    let times = node.backlog().times_busy;
    assert_eq!(u64::try_from(told(&node, busy).await).unwrap(), times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_is_dropped_has_sent_nothing() {
    let (node, mut deaf, busy) = with_deaf().await;
    flood(&node, &deaf);
    for len in [1, 1_000_000] {
        let mut dropped = Box::pin(node.send(deaf.somebody(), numbered(1, 0, len)));
        let mut cx = TaskContext::from_waker(Waker::noop());
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
        assert_eq!(node.backlog().suspended, 1);
        drop(dropped);
        assert_eq!(node.backlog().suspended, 0);
    }
    let (last, dest) = (node.clone(), deaf.somebody());
    let sending = tokio::spawn(async move { last.send(dest, numbered(2, 0, 1)).await });
    until("it waits", || node.backlog().suspended == 1).await;
    assert_eq!(deaf.message().await, (2, 0));
    sending.await.unwrap().unwrap();
    drop(deaf);
    assert_ne!(told(&node, busy).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_message_of_one_process_makes_no_other_wait() {
    let (node, mut deaf, _) = with_deaf().await;
    let dest = deaf.somebody();
    let big = node.spawn(move |ctx| async move {
        for number in 0..2 {
            let message = numbered(0, number, A_LOT);
            ctx.send(dest.clone(), message).await.unwrap();
        }
    });
    // The first one is taken whole; the second one waits for it.
    until("it waits", || node.backlog().suspended == 1).await;
    let held = node.backlog().bytes;
    assert!(held <= A_LOT + LIMIT, "{held}");
    // Somebody else's small ones do not.
    for number in 0..10 {
        node.try_send(deaf.somebody(), numbered(1, number, 10))
            .unwrap();
        node.send(deaf.somebody(), numbered(2, number, 10))
            .await
            .unwrap();
    }
    // They arrive before it.
    let mut order = Vec::new();
    while order.len() < 22 {
        let (_, term) = deaf.next().await;
        order.push(number_in(&term.unwrap()));
    }
    assert_eq!(order[20..], [(0, 0), (0, 1)]);
    until("it ends", || !node.is_alive(&big)).await;
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_that_wait_go_on_when_the_peer_is_gone() {
    let (node, deaf, busy) = with_deaf().await;
    flood(&node, &deaf);
    let (sender, dest) = (node.clone(), deaf.somebody());
    let waiting = tokio::spawn(async move { sender.send(dest, 1_i64).await });
    until("it waits", || node.backlog().suspended == 1).await;
    drop(deaf);
    timeout(DEADLINE, waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(node.backlog().suspended, 0);
    assert_eq!(told(&node, busy).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_does_not_receive_stalls_no_link() {
    let (first, second) = two().await;
    second.connect(first.name().as_str()).await.unwrap();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (count, mut counted) = mpsc::unbounded_channel();
    const MANY: usize = 8_000;
    let slow = first.spawn(move |mut ctx| async move {
        gone.await.unwrap();
        for expected in 0..MANY {
            let Received::Message(message) = ctx.recv().await else {
                panic!("not a message")
            };
            let (_, number) = number_in(&message.into_term().unwrap());
            assert_eq!(number, i64::try_from(expected).unwrap());
        }
        count.send(()).unwrap();
    });
    // Far more than the limit, all of it into the mailbox.
    for number in 0..MANY {
        let send = second.send(&slow, numbered(0, number, SMALL));
        timeout(DEADLINE, send).await.unwrap().unwrap();
    }
    let (mut here, mut there) = (Probe::spawn(&first), Probe::spawn(&second));
    there.settled(&mut here).await;
    here.settled(&mut there).await;
    go.send(()).unwrap();
    timeout(DEADLINE, counted.recv()).await.unwrap().unwrap();
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test]
async fn a_limit_that_takes_next_to_nothing_is_refused() {
    let refused = builder().dist_buf_busy_limit(1023).start().await;
    assert!(matches!(refused, Err(StartError::DistBufBusyLimit)));
}
