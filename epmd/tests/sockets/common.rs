//! What the tests with sockets share.

use erland_epmd::message::Request;
use erland_epmd::{Client, Metrics, NodeEntry, Server, ServerHandle};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes; reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn bind() -> Server {
    Server::bind(&[loopback()]).await.expect("a free port")
}

pub(crate) async fn start() -> (ServerHandle, Client) {
    let server = bind().await.start();
    let client = Client::new(server.local_addrs()[0]);
    (server, client)
}

/// A connection on which a test writes its bytes itself.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn connect(server: &ServerHandle) -> Self {
        Self(
            TcpStream::connect(server.local_addrs()[0])
                .await
                .expect("the server listens"),
        )
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0
            .write_all(bytes)
            .await
            .expect("the connection is open");
    }

    /// Asks for the registration of a node, and leaves the reply to be read.
    pub(crate) async fn register(&mut self, name: &str) {
        self.send(&alive2(name)).await;
    }

    /// Exactly so many bytes of a reply.
    pub(crate) async fn read(&mut self, length: usize) -> Vec<u8> {
        let mut reply = vec![0; length];
        let read = timeout(DEADLINE, self.0.read_exact(&mut reply)).await;
        read.expect("in time").expect("a reply");
        reply
    }

    /// All that comes until the server closes the connection.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut reply = Vec::new();
        let read = timeout(DEADLINE, self.0.read_to_end(&mut reply))
            .await
            .expect("in time");
        // A close with bytes unread reaches this side as a reset.
        if let Err(error) = read {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        reply
    }
}

/// A request to register a node with the port 1.
pub(crate) fn alive2(name: &str) -> Vec<u8> {
    Request::Alive2(NodeEntry::new(name, 1))
        .encode()
        .expect("a valid name")
}

/// Registers a node for as long as the connection lives.
pub(crate) async fn hold(server: &ServerHandle, name: &str) -> Raw {
    let mut raw = Raw::connect(server).await;
    raw.register(name).await;
    assert_eq!(raw.read(6).await[..2], *b"v\0", "{name}");
    raw
}

/// Waits until the server is in a state that it gets into by itself.
pub(crate) async fn settled(server: &ServerHandle, is_settled: impl Fn(&Metrics) -> bool) {
    let asking = async {
        while !is_settled(&server.metrics()) {
            tokio::task::yield_now().await;
        }
    };
    let settled = timeout(DEADLINE, asking).await;
    assert!(settled.is_ok(), "{:?}", server.metrics());
}

/// Sends a request on a connection of its own and returns all that comes back.
pub(crate) async fn exchange(server: &ServerHandle, request: &[u8]) -> Vec<u8> {
    let mut raw = Raw::connect(server).await;
    raw.send(request).await;
    raw.read_to_end().await
}

/// Waits until a name is no longer registered, which the server learns on its own time.
pub(crate) async fn gone(client: &Client, name: &str) {
    let asking = async {
        while client.lookup(name).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, asking)
        .await
        .expect("the name is given up");
}

/// Whether this process runs the named test alone. If it does not, one that does is started, and
/// has to succeed: for tests that would disturb the others, or be disturbed.
#[cfg(unix)]
pub(crate) fn alone(test: &str) -> bool {
    const ALONE: &str = "ERLAND_EPMD_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("a test has a file");
    let output = std::process::Command::new(this)
        .args(["--exact", test])
        .env(ALONE, "1")
        .output();
    let output = output.expect("the test runs once more");
    // Only of a failure: what counts the results of tests would count this one twice.
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    false
}
