//! The program as a process: what it answers whoever starts it.
//!
//! How it compares with OTP's is tested where that is installed.
#![cfg(all(unix, feature = "daemon"))]

use erland_epmd::{Client, Server};
use std::net::Ipv4Addr;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// Longer than anything here takes; reaching it is a failure.
const DEADLINE: Duration = Duration::from_secs(20);

const PROGRAM: &str = env!("CARGO_BIN_EXE_epmd");

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    for variable in ["PORT", "ADDRESS", "RELAXED_COMMAND_CHECK"] {
        command.env_remove(format!("ERL_EPMD_{variable}"));
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(port: u16, arguments: &[&str]) -> Output {
    let mut command = quiet(PROGRAM);
    let command = command.args(["-port", &port.to_string()]).args(arguments);
    let output = timeout(DEADLINE, command.output()).await;
    output.expect("in time").expect("it can be run")
}

/// Its status, and what it says on each stream.
async fn told(port: u16, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(port, arguments).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn silent(status: i32) -> (Option<i32>, String, String) {
    (Some(status), String::new(), String::new())
}

/// A port on which nobody listens at this moment.
async fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let addr = listener.expect("a free port").local_addr();
    addr.expect("an address").port()
}

#[tokio::test]
async fn health_is_well_where_a_daemon_answers() {
    let server = Server::bind(&[(Ipv4Addr::LOCALHOST, 0).into()]).await;
    let server = server.expect("a free port").start();
    let port = server.local_addrs()[0].port();
    assert_eq!(told(port, &["-health"]).await, silent(0));
    let listed = ["-address", "127.0.0.1", "-health"];
    assert_eq!(told(port, &listed).await, silent(0));
    assert_eq!(server.metrics().names_requests, 2);

    // It does not answer everywhere.
    let both = ["-address", "127.0.0.1,127.0.0.2", "-health"];
    let (status, out, err) = told(port, &both).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let place = format!("epmd: no proper answer from 127.0.0.2:{port}: ");
    assert!(err.starts_with(&place) && err.ends_with('\n'), "{err}");
}

#[tokio::test]
async fn health_tells_what_is_wrong() {
    let (status, out, err) = told(free_port().await, &["-health"]).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(
        err.starts_with("epmd: no proper answer from port "),
        "{err}"
    );

    let wrong = told(1, &["-address", "localhost", "-health"]).await;
    let text = "epmd: cannot parse IP address \"localhost\"\n".to_owned();
    assert_eq!(wrong, (Some(1), String::new(), text));

    for (reply, expected) in [
        // Nodes of OTP take this for the daemon of another port.
        (&b"\0\0\0\x01"[..], "says that its port is 1"),
        (b"", "no proper answer"),
        (b"HTTP/1.1 400 Bad Request\r\n", "no proper answer"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let epmd = async {
            let (mut stream, _) = listener.accept().await.expect("the check");
            stream.read_exact(&mut [0; 3]).await.expect("NAMES");
            stream.write_all(reply).await.expect("open");
        };
        let ((status, out, err), ()) = tokio::join!(told(port, &["-health"]), epmd);
        assert_eq!((status, out.as_str()), (Some(1), ""));
        assert!(err.starts_with("epmd: ") && err.contains(expected), "{err}");
    }
}

/// Ends a daemon that has left this process.
struct Daemon(u16);

impl Daemon {
    /// Started with these flags too; KILL ends it whoever is registered.
    async fn start(flags: &[&str]) -> Self {
        let daemon = Self(free_port().await);
        let own = ["-address", "127.0.0.1", "-relaxed_command_check", "-daemon"];
        assert_eq!(told(daemon.0, &[&own, flags].concat()).await, silent(0));
        daemon
    }

    fn client(&self) -> Client {
        Client::new((Ipv4Addr::LOCALHOST, self.0).into())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut kill = std::process::Command::new(PROGRAM);
        let kill = kill.args(["-port", &self.0.to_string(), "-kill"]);
        // Where it has ended, there is nothing to end.
        let _ended = kill.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

#[tokio::test]
async fn a_daemon_serves_when_its_command_returns_and_holds_none_of_its_streams() {
    // That the command's output ends shows that nobody else has its pipes.
    let daemon = Daemon::start(&[]).await;
    let names = daemon.client().names().await.expect("it serves");
    assert_eq!((names.port, names.entries), (daemon.0, vec![]));
    // Nothing is wrong with another one, which is not needed.
    let second = told(daemon.0, &["-address", "127.0.0.1", "-daemon"]).await;
    assert_eq!(second, silent(0));
    let killed = (Some(0), "Killed\n".to_owned(), String::new());
    assert_eq!(told(daemon.0, &["-kill"]).await, killed);
}

/// The first line of the log of a daemon that may open so many files.
async fn first_line(limits: &str, flags: &[&str]) -> String {
    let mut shell = quiet("sh");
    let script = format!("{limits} && exec \"$0\" -address 127.0.0.1 \"$@\"");
    let shell = shell.args(["-c", &script, PROGRAM]).args(flags);
    // No number: any free port.
    let shell = shell.env("ERL_EPMD_PORT", "any").stderr(Stdio::piped());
    let mut child = shell.spawn().expect("it can be run");
    let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    let read = timeout(DEADLINE, log.read_line(&mut line)).await;
    read.expect("in time").expect("text");
    child.kill().await.expect("it runs");
    line
}

/// 64 files are for other things, and 64 for connections that are no nodes.
#[tokio::test]
async fn a_limit_of_files_is_raised_and_if_too_low_told() {
    let limits = "ulimit -S -n 100 && ulimit -H -n 600";
    let line = first_line(limits, &["-max_names", "5000"]).await;
    let told = "the limit of open files leaves room for fewer names than asked for \
                asked=5000 max_names=472\r\n";
    assert!(line.starts_with("epmd: ") && line.ends_with(told), "{line}");

    let flags = ["-max_names", "5000", "-log_format", "json"];
    let line = first_line(limits, &flags).await;
    assert!(line.starts_with('{') && line.ends_with("}\n"), "{line}");
    let told = r#""asked":5000,"max_names":472"#;
    assert!(line.contains(told), "{line}");
}

#[cfg(not(feature = "prometheus"))]
#[tokio::test]
async fn metrics_that_were_not_built_in_are_no_secret() {
    let port = free_port().await;
    let (status, out, err) = told(port, &["-metrics", "127.0.0.1:9"]).await;
    assert_eq!((status, out.as_str()), (Some(1), ""));
    let told = "-metrics needs an epmd that was built with the feature prometheus\r\n";
    assert!(err.ends_with(told), "{err}");
}

#[cfg(feature = "prometheus")]
#[tokio::test]
async fn metrics_are_told_over_http() {
    let page = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().await));
    let daemon = Daemon::start(&["-metrics", &page.to_string()]).await;
    let client = daemon.client();
    let entry = erland_epmd::NodeEntry::new("foo", 1);
    let _held = client.register_once(&entry).await.expect("free");
    client.lookup("foo").await.expect("registered");
    let mut stream = tokio::net::TcpStream::connect(page).await.expect("served");
    let request = b"GET /metrics HTTP/1.1\r\nHost: epmd\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("open");
    let mut reply = String::new();
    let read = timeout(DEADLINE, stream.read_to_string(&mut reply)).await;
    read.expect("in time").expect("text");
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    for line in [
        "epmd_names 1\n",
        "epmd_connections_total{kind=\"accepted\"} 2\n",
        "epmd_requests_total{kind=\"lookup_found\"} 1\n",
    ] {
        assert!(reply.contains(line), "{line}{reply}");
    }
}
