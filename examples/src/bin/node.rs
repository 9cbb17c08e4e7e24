//! A bare node, to try from a shell of Erlang or Elixir.
//!
//! ```text
//! cargo run --release --bin node -- --name rust@127.0.0.1 --cookie secret
//! ```
//!
//! It registers the process [`echo`](erland_examples::echo) and prints, one line each:
//!
//! | line | when |
//! |---|---|
//! | `ready NAME PORT` | the node can be reached |
//! | `nodeup NAME` | a node is connected |
//! | `nodedown NAME REASON` | it is no longer |
//! | `refused WHO REASON` | somebody dialled and was turned away; WHO is a name, or an address if it did not come to a name |
//!
//! It runs until its standard input closes or it gets SIGTERM or SIGINT. Standard input counts
//! only if it was open at the start and is not `/dev/null`, so that it also runs as a service.
//! The log goes to standard error; `RUST_LOG` sets how much of it.

use clap::Parser;
use erland::{Atom, Epmd, Node, NodeEvent};
use erland_examples::echo::Echo;
use erland_examples::with_causes;
use std::collections::HashSet;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use tokio::net::lookup_host;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// A bare Erlang node with a process `echo`.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The node's name, as in rust@127.0.0.1
    #[arg(long)]
    name: String,
    /// The cluster's cookie
    #[arg(long)]
    cookie: String,
    /// Where to register: `auto` is the epmd that answers on port ERL_EPMD_PORT or 4369, else an
    /// embedded one; `embedded` fails if the port is taken; HOST:PORT is that one and no other
    #[arg(
        long,
        default_value = "auto",
        value_name = "auto|embedded|HOST:PORT|none"
    )]
    epmd: EpmdChoice,
    /// The port to listen on; 0 is any
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[derive(Clone, Debug)]
enum EpmdChoice {
    Auto,
    Embedded,
    None,
    At(String),
}

impl FromStr for EpmdChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "embedded" => Ok(Self::Embedded),
            "none" => Ok(Self::None),
            _ => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::At(text.to_owned()))
                }
                _ => Err("neither auto, embedded or none, nor HOST:PORT"),
            },
        }
    }
}

impl EpmdChoice {
    async fn resolve(self) -> Result<Epmd, io::Error> {
        match self {
            Self::Auto => Ok(Epmd::Auto),
            Self::Embedded => Ok(Epmd::Embedded),
            Self::None => Ok(Epmd::None),
            Self::At(addr) => {
                // Nodes of OTP ask for IPv4 unless told otherwise; an epmd need not serve both.
                let addrs: Vec<SocketAddr> = lookup_host(addr).await?.collect();
                let addr = addrs.iter().find(|addr| addr.is_ipv4()).or(addrs.first());
                addr.copied()
                    .map(Epmd::At)
                    .ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Before anything is opened that could take the place of a closed standard input.
    let mut input_ended = watch_input();
    let mut signalled = std::pin::pin!(signalled()?);
    let node = tokio::select! {
        node = start(arguments) => node?,
        () = &mut signalled => return Ok(()),
    };
    let mut events = node.events();
    // A node may have connected before the subscription: its event is lost, or still to come.
    let mut known: HashSet<Atom> = node.nodes().into_iter().collect();
    let echo = Echo::start(&node).await?;

    line(&format!("ready {} {}", node.name(), node.port()));
    for name in &known {
        line(&format!("nodeup {}", name.as_str()));
    }
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => report(&event, &mut known),
                None => break,
            },
            () = &mut signalled => break,
            () = &mut input_ended => break,
        }
    }
    echo.stop().await;
    node.shutdown().await;
    while let Some(event) = events.recv().await {
        report(&event, &mut known);
    }
    Ok(())
}

async fn start(arguments: Arguments) -> Result<Node, Box<dyn Error>> {
    let epmd = arguments.epmd.resolve().await;
    let node = Node::builder(arguments.name)
        .cookie(arguments.cookie)
        .epmd(epmd.map_err(|error| format!("resolve the address of epmd: {error}"))?)
        .port(arguments.port);
    Ok(node.start().await?)
}

/// One line per event. `known` are the nodes whose `nodeup` was printed without an event.
fn report(event: &NodeEvent, known: &mut HashSet<Atom>) {
    match event {
        NodeEvent::NodeUp { node } => {
            if !known.remove(node) {
                line(&format!("nodeup {}", node.as_str()));
            }
        }
        NodeEvent::NodeDown { node, reason } => {
            known.remove(node);
            line(&format!("nodedown {} {reason}", node.as_str()));
        }
        NodeEvent::Refused { peer, addr, error } => {
            let who = peer
                .as_ref()
                .map_or_else(|| addr.to_string(), ToString::to_string);
            line(&format!("refused {who} failed to {}", with_causes(error)));
        }
        other => line(&format!("event {other:?}")),
    }
}

/// Writes one line and flushes it, so that a program that reads them need not wait.
///
/// What a peer says of itself is in them: its line ends must not make two lines of one.
fn line(text: &str) {
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped.push('\n');
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(escaped.as_bytes()).and_then(|()| out.flush()) {
        // Nobody reads any more; that is no reason to leave the cluster.
        tracing::warn!(%error, line = %escaped.trim_end(), "cannot write to standard output");
    }
}

/// Ends when standard input does; never, if there was none to begin with.
async fn input_end(ended: Option<oneshot::Receiver<()>>) {
    match ended {
        // The reading thread sends nothing: its end closes the channel.
        Some(ended) => drop(ended.await),
        None => std::future::pending().await,
    }
}

/// Starts to read standard input, if it is one whose end can mean anything.
fn watch_input() -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    let ended = input_counts().then(|| {
        let (reading, ended) = oneshot::channel::<()>();
        // A thread of our own: tokio's blocking read would keep the runtime from ending.
        std::thread::spawn(move || {
            let read = io::copy(&mut io::stdin().lock(), &mut io::sink());
            if let Err(error) = read {
                tracing::warn!(%error, "cannot read standard input");
            }
            drop(reading);
        });
        ended
    });
    Box::pin(input_end(ended))
}

/// Whether standard input was open at the start and is not `/dev/null`.
///
/// One look answers both: Rust's runtime puts `/dev/null` in the place of a standard stream that
/// is closed at the start, lest the next file that is opened become it. `/dev/null` is known by
/// its device number, not by its path, which may be a copy or in another root directory.
#[cfg(unix)]
fn input_counts() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let input = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map(std::fs::File::from);
    let (Ok(input), Ok(null)) = (
        input.and_then(|input| input.metadata()),
        std::fs::metadata("/dev/null"),
    ) else {
        return false;
    };
    !(input.file_type().is_char_device() && input.rdev() == null.rdev())
}

/// Elsewhere a standard input that is missing cannot be told from one that has ended.
#[cfg(not(unix))]
fn input_counts() -> bool {
    true
}

/// Ends when the program is told to end.
#[cfg(unix)]
fn signalled() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends when the program is told to end.
#[cfg(not(unix))]
fn signalled() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for an interrupt");
            std::future::pending::<()>().await;
        }
    })
}
