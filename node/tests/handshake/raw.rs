//! A peer that is a socket and a script.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use erland::dist::{
    Acceptor, AcceptorStep, Identity, Initiator, InitiatorStep, LengthPrefix, Negotiated, Verdict,
    split_frame,
};
use erland::{Cookie, Flags, Node, NodeEvent, NodeEvents, NodeName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::common::{DEADLINE, address};

pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    received: BytesMut,
}

/// Keeps the paused clock from jumping ahead of the sockets.
///
/// A runtime that has nothing to do advances the clock to the next timer. But the kernel may take a
/// moment to carry bytes over the loopback, and then a deadline of seconds would pass in no time.
/// So there is always a timer two milliseconds away, and the machine gets a chance at each.
pub(crate) fn metronome() {
    beat(Duration::from_millis(2));
}

/// For the tests that take hours of virtual time.
pub(crate) fn slow_metronome() {
    beat(Duration::from_millis(50));
}

fn beat(interval: Duration) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            std::thread::yield_now();
        }
    });
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity {
        name: NodeName::parse(name).unwrap(),
        creation: 7,
        flags: Flags::HONOURED,
    }
}

/// `send_name`.
pub(crate) fn send_name(name: &str) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.put_u64(Flags::HONOURED.bits());
    body.put_u32(7);
    body.put_u16(u16::try_from(name.len()).unwrap());
    body.put_slice(name.as_bytes());
    body
}

/// A port where nobody listens yet but the test.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

impl Raw {
    pub(crate) fn over(stream: TcpStream) -> Raw {
        stream.set_nodelay(true).unwrap();
        let received = BytesMut::new();
        Raw { stream, received }
    }

    pub(crate) async fn open(node: &Node) -> Raw {
        Raw::over(TcpStream::connect(address(node)).await.unwrap())
    }

    pub(crate) async fn accept(listener: &TcpListener) -> Raw {
        let accepted = timeout(DEADLINE, listener.accept()).await;
        Raw::over(accepted.expect("not dialled").unwrap().0)
    }

    /// Writes a handshake message.
    pub(crate) async fn write(&mut self, body: &[u8]) {
        let mut message = BytesMut::new();
        message.put_u16(u16::try_from(body.len()).unwrap());
        message.put_slice(body);
        self.stream.write_all(&message).await.unwrap();
    }

    /// The next handshake message; `None` when the node closes.
    pub(crate) async fn read(&mut self) -> Option<Bytes> {
        self.frame(LengthPrefix::Two).await
    }

    async fn frame(&mut self, prefix: LengthPrefix) -> Option<Bytes> {
        timeout(DEADLINE, self.frame_at_last(prefix))
            .await
            .expect("nothing")
    }

    /// The next frame, whenever it comes.
    pub(crate) async fn frame_at_last(&mut self, prefix: LengthPrefix) -> Option<Bytes> {
        loop {
            if let Some(body) = split_frame(&mut self.received, prefix, 1 << 20).unwrap() {
                return Some(body);
            }
            // A reset is an end, too.
            if !matches!(self.stream.read_buf(&mut self.received).await, Ok(1..)) {
                return None;
            }
        }
    }

    pub(crate) async fn closed(&mut self) {
        while self.read().await.is_some() {}
    }

    /// Dials, and is connected.
    pub(crate) async fn connect(node: &Node, name: &str) -> Raw {
        let mut raw = Raw::open(node).await;
        raw.initiate(node.name().as_str(), name, "test")
            .await
            .unwrap();
        raw
    }

    /// The initiator's part; `None` if the node closes.
    pub(crate) async fn initiate(
        &mut self,
        node: &str,
        name: &str,
        cookie: &str,
    ) -> Option<Negotiated> {
        let mut out = BytesMut::new();
        let mut initiator = Initiator::start(
            identity(name),
            NodeName::parse(node).unwrap(),
            Cookie::new(cookie),
            5,
            LengthPrefix::Two,
            &mut out,
        );
        loop {
            self.stream.write_all(&out.split()).await.unwrap();
            let body = self.read().await?;
            match initiator.receive(&body, &mut out).unwrap() {
                InitiatorStep::Continue => {}
                InitiatorStep::Alive => initiator.answer_alive(true, &mut out).unwrap(),
                InitiatorStep::NotSimultaneous => panic!("nok"),
                InitiatorStep::Done(negotiated) => return Some(negotiated),
            }
        }
    }

    /// The acceptor's part, with this first status.
    pub(crate) async fn answer(&mut self, name: &str, verdict: Verdict) -> Option<Negotiated> {
        let mut out = BytesMut::new();
        let mut acceptor = Acceptor::new(identity(name), 6, LengthPrefix::Two);
        loop {
            let body = self.read().await?;
            match acceptor.receive(&body, &mut out).unwrap() {
                AcceptorStep::Continue => {}
                AcceptorStep::Decide(_) => {
                    acceptor
                        .decide(verdict, Cookie::new("test"), &mut out)
                        .unwrap();
                }
                AcceptorStep::Authenticated => {
                    let negotiated = acceptor.finish(&mut out).unwrap();
                    self.stream.write_all(&out.split()).await.unwrap();
                    return Some(negotiated);
                }
                step => panic!("{step:?}"),
            }
            self.stream.write_all(&out.split()).await.unwrap();
        }
    }
}

pub(crate) async fn event(events: &mut NodeEvents) -> NodeEvent {
    let event = timeout(DEADLINE, events.recv()).await;
    event.expect("no event").expect("the node has stopped")
}

/// The error of the next refusal, passing over other events.
pub(crate) async fn refused(events: &mut NodeEvents) -> erland::HandshakeFailure {
    loop {
        if let NodeEvent::Refused { error, .. } = event(events).await {
            return error;
        }
    }
}
