//! A scripted peer: a node that is nothing but a socket and what the test writes to it.
//!
//! It can follow the protocol up to any point, and break it there.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use erland::dist::{
    Acceptor, AcceptorStep, ConnectionLimits, Control, Event, Identity, Inbound, Initiator,
    InitiatorStep, LengthPrefix, Negotiated, Verdict, split_frame,
};
use erland::{Cookie, Flags, Node, NodeId, NodeName, Pid, RawTerm, Reference, Term, etf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::deadline::within;

/// The creation of every scripted peer.
pub const CREATION: u32 = 0x0bad_cafe;

/// One connection of a scripted peer.
#[derive(Debug)]
pub struct Peer {
    name: NodeName,
    stream: TcpStream,
    received: BytesMut,
    inbound: Option<Inbound>,
}

/// Where a scripted peer waits to be dialled.
#[derive(Debug)]
pub struct PeerListener {
    listener: TcpListener,
    name: NodeName,
}

impl PeerListener {
    /// Listens on the loopback as a node of this name.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn bind(name: &str) -> PeerListener {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        PeerListener {
            listener,
            name: parse(name),
        }
    }

    /// Where it listens: for [`static_peer`](erland::NodeBuilder::static_peer).
    pub fn addr(&self) -> SocketAddr {
        self.listener
            .local_addr()
            .expect("a bound socket has an address")
    }

    /// Waits to be dialled; nothing has been said yet.
    pub async fn accept(&self) -> Peer {
        let accepted = within("somebody to dial the scripted peer", self.listener.accept()).await;
        let (stream, _) = accepted.expect("a connection");
        Peer::over(stream, self.name.clone())
    }
}

impl Peer {
    fn over(stream: TcpStream, name: NodeName) -> Peer {
        // Small writes reach the node one by one.
        stream.set_nodelay(true).expect("a live socket");
        Peer {
            name,
            stream,
            received: BytesMut::new(),
            inbound: None,
        }
    }

    /// A TCP connection to a node, on which nothing has been said yet.
    pub async fn open(node: &Node, name: &str) -> Peer {
        Peer::open_port(node.port(), name).await
    }

    /// [`open`](Peer::open) to a node that runs in another process and listens on `port`.
    ///
    /// # Panics
    ///
    /// When nobody listens there.
    pub async fn open_port(port: u16, name: &str) -> Peer {
        let addr = (Ipv4Addr::LOCALHOST, port);
        let stream = within("a connection to the node", TcpStream::connect(addr)).await;
        Peer::over(stream.expect("the node listens"), parse(name))
    }

    /// Its own end of the connection: how the node knows a peer that has not told its name.
    ///
    /// # Panics
    ///
    /// When the socket has none.
    pub fn addr(&self) -> SocketAddr {
        self.stream
            .local_addr()
            .expect("a connected socket has an address")
    }

    /// Dials a node and shakes hands as the protocol has it, with all flags that erland knows.
    pub async fn dial(node: &Node, name: &str, cookie: &str) -> Peer {
        Peer::dial_with(node, name, cookie, Flags::HONOURED).await
    }

    /// [`dial`](Peer::dial) with these flags.
    ///
    /// # Panics
    ///
    /// When the node does not accept.
    pub async fn dial_with(node: &Node, name: &str, cookie: &str, flags: Flags) -> Peer {
        let peer = Peer::open(node, name).await;
        peer.shake_hands(node.name().as_str(), cookie, flags).await
    }

    /// Shakes hands with the node of this name, which it has [opened](Peer::open_port) a
    /// connection to.
    ///
    /// # Panics
    ///
    /// When the node does not accept.
    pub async fn shake_hands(mut self, node: &str, cookie: &str, flags: Flags) -> Peer {
        let peer = &mut self;
        let mut out = BytesMut::new();
        let mut initiator = Initiator::start(
            peer.identity(flags),
            parse(node),
            Cookie::new(cookie),
            0x1234_5678,
            LengthPrefix::Two,
            &mut out,
        );
        loop {
            peer.write(&out.split()).await;
            let body = peer.handshake_frame().await.expect("an answer of the node");
            match initiator
                .receive(&body, &mut out)
                .expect("a valid handshake")
            {
                InitiatorStep::Continue => {}
                InitiatorStep::Alive => initiator.answer_alive(true, &mut out).expect("its turn"),
                InitiatorStep::Done(negotiated) => {
                    peer.established(&negotiated);
                    return self;
                }
                step => panic!("unexpected in a handshake: {step:?}"),
            }
        }
    }

    /// Answers a node that has dialled, as the protocol has it.
    ///
    /// # Panics
    ///
    /// When the handshake fails.
    pub async fn answer(&mut self, cookie: &str, flags: Flags) {
        let mut out = BytesMut::new();
        let mut acceptor = Acceptor::new(self.identity(flags), 0x8765_4321, LengthPrefix::Two);
        loop {
            let body = self.handshake_frame().await.expect("a message of the node");
            match acceptor
                .receive(&body, &mut out)
                .expect("a valid handshake")
            {
                AcceptorStep::Continue => {}
                AcceptorStep::Decide(_) => acceptor
                    .decide(Verdict::Ok, Cookie::new(cookie), &mut out)
                    .expect("its turn"),
                AcceptorStep::Authenticated => {
                    let negotiated = acceptor.finish(&mut out).expect("its turn");
                    self.write(&out.split()).await;
                    self.established(&negotiated);
                    return;
                }
                step => panic!("unexpected in a handshake: {step:?}"),
            }
            self.write(&out.split()).await;
        }
    }

    fn identity(&self, flags: Flags) -> Identity {
        Identity {
            name: self.name.clone(),
            creation: CREATION,
            flags,
        }
    }

    fn established(&mut self, negotiated: &Negotiated) {
        let peer = NodeId::new(negotiated.peer.atom().clone(), negotiated.peer_creation);
        self.inbound = Some(Inbound::new(
            negotiated.flags,
            &self.id(),
            &peer,
            ConnectionLimits::default(),
        ));
    }

    /// The identity of this peer, for its pids and references.
    pub fn id(&self) -> NodeId {
        NodeId::new(self.name.atom().clone(), CREATION)
    }

    /// A pid of this peer.
    pub fn pid(&self, id: u32) -> Pid {
        Pid::new(self.id(), id, 0)
    }

    /// A reference of this peer.
    pub fn reference(&self, number: u32) -> Reference {
        Reference::new(self.id(), &[number, 1, 2]).expect("three words")
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    ///
    /// When the node has closed the connection.
    pub async fn write(&mut self, bytes: &[u8]) {
        let written = within("room in the socket", self.stream.write_all(bytes)).await;
        written.expect("the connection stands");
    }

    /// Writes bytes to a node that may have closed the connection already.
    pub async fn try_write(&mut self, bytes: &[u8]) {
        // Whether it still stood is what the test finds out by reading.
        let _ = within("room in the socket", self.stream.write_all(bytes)).await;
    }

    /// Writes a handshake message: two bytes of length.
    pub async fn write_handshake(&mut self, body: &[u8]) {
        let mut out = BytesMut::new();
        out.put_u16(u16::try_from(body.len()).expect("a short message"));
        out.put_slice(body);
        self.write(&out).await;
    }

    /// Writes a frame of the established link: four bytes of length.
    pub async fn write_frame(&mut self, body: &[u8]) {
        let mut out = BytesMut::new();
        out.put_u32(u32::try_from(body.len()).expect("less than 4 GiB"));
        out.put_slice(body);
        self.write(&out).await;
    }

    /// Writes a signal behind an empty distribution header: `131, 68, 0`, control, payload.
    pub async fn signal(&mut self, control: &Term, payload: Option<&Term>) {
        let mut body = vec![131, 68, 0];
        body.extend_from_slice(&bare(control));
        if let Some(payload) = payload {
            body.extend_from_slice(&bare(payload));
        }
        self.write_frame(&body).await;
    }

    /// Reads one handshake message; `None` when the node closes instead.
    pub async fn handshake_frame(&mut self) -> Option<Bytes> {
        self.frame_of(LengthPrefix::Two).await
    }

    /// Reads one frame of the established link, ticks included; `None` when the node closes.
    pub async fn frame(&mut self) -> Option<Bytes> {
        self.frame_of(LengthPrefix::Four).await
    }

    async fn frame_of(&mut self, prefix: LengthPrefix) -> Option<Bytes> {
        loop {
            let frame = split_frame(&mut self.received, prefix, 1 << 20);
            if let Some(body) = frame.expect("a frame of sensible size") {
                return Some(body);
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// Reads the next signal, passing over ticks; `None` when the node closes.
    ///
    /// # Panics
    ///
    /// When the node breaks the protocol.
    pub async fn next_signal(&mut self) -> Option<(Control, Option<RawTerm>)> {
        loop {
            let inbound = self.inbound.as_mut().expect("an established link");
            match inbound.poll(&mut self.received).expect("a valid frame") {
                Some(Event::Deliver { control, payload }) => return Some((control, payload)),
                Some(Event::Tick) => {}
                Some(Event::UnknownControl { op }) => panic!("the node sent an unknown op {op}"),
                None if self.read().await => {}
                None => return None,
            }
        }
    }

    /// Waits until the node closes the connection.
    pub async fn closed(&mut self) {
        while self.read().await {
            self.received.clear();
        }
    }

    /// Reads something; false at the end. A reset is an end too.
    async fn read(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.received);
        matches!(
            within("bytes from the node, or its close", read).await,
            Ok(1..)
        )
    }
}

/// The bare encoding of a term, without the version byte.
///
/// # Panics
///
/// When it cannot be encoded.
pub fn bare(term: &Term) -> Vec<u8> {
    etf::to_vec(term)
        .expect("a term that can be encoded")
        .split_off(1)
}

fn parse(name: &str) -> NodeName {
    NodeName::parse(name).expect("a valid node name")
}
