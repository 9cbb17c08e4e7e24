//! Being the daemon: from the flags to a served port, and to the end of it.

use crate::args::Args;
use crate::listen::{self, BindError};
use erland_epmd::names::MAX_UNUSED_DEBUG;
use erland_epmd::{Server, ServerHandle};
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;

/// Why the daemon does not serve.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[cfg(unix)]
    #[error(transparent)]
    Systemd(#[from] crate::systemd::BadSockets),
    #[error("cannot serve the port: {0}")]
    Io(#[from] io::Error),
    #[cfg(feature = "prometheus")]
    #[error("cannot serve the metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[cfg(not(feature = "prometheus"))]
    #[error("-metrics needs an epmd that was built with the feature prometheus")]
    NoMetrics,
}

/// Serves until KILL or a signal ends it. The log is set up, and the process detached if it is to
/// be.
pub(crate) fn serve(args: &Args) -> ExitCode {
    tracing::info!("epmd running - daemon = {}", u8::from(args.daemon));
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        // `erl` starts a daemon without asking whether there is one.
        Err(StartError::Bind(taken @ BindError::Taken { .. })) => {
            tracing::info!("{taken}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), StartError> {
    #[cfg(unix)]
    if let Err(error) = crate::limits::raise_open_files() {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    #[cfg(not(feature = "prometheus"))]
    if args.metrics.is_some() {
        return Err(StartError::NoMetrics);
    }
    let listeners = listeners(args)?;
    // One thread: a request costs so little that to share the work costs more processor time than
    // the work itself has (a fifth to a third more, measured).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        #[cfg(feature = "prometheus")]
        if let Some(address) = args.metrics {
            metrics_exporter_prometheus::PrometheusBuilder::new()
                .with_http_listener(address)
                .install()?;
        }
        let signals = Signals::of(args)?;
        let server = start(args, listeners)?;
        tell_ready(args)?;
        signals.or_end(&server).await;
        server.stop().await;
        Ok::<_, StartError>(())
    })?;
    #[cfg(unix)]
    if args.systemd {
        told(crate::systemd::exited(0));
    }
    Ok(())
}

fn listeners(args: &Args) -> Result<Vec<TcpListener>, StartError> {
    #[cfg(unix)]
    if args.systemd {
        tracing::debug!("try to obtain sockets from systemd");
        return Ok(crate::systemd::sockets().inspect_err(|_| told(crate::systemd::exited(1)))?);
    }
    tracing::debug!("try to initiate listening port {}", args.port);
    Ok(listen::bind(args.addresses.as_deref(), args.port)?)
}

fn start(args: &Args, listeners: Vec<TcpListener>) -> io::Result<ServerHandle> {
    let mut server = Server::from_listeners(listeners)?
        .with_admin(true)
        .with_relaxed_command_check(args.relaxed);
    if args.debug > 0 {
        server = server.with_max_unused(MAX_UNUSED_DEBUG);
    }
    if let Some(timeout) = args.packet_timeout {
        server = server.with_idle_timeout(timeout);
    }
    if let Some(delay) = args.delay_accept {
        server = server.with_delay_accept(delay);
    }
    if let Some(delay) = args.delay_write {
        server = server.with_delay_write(delay);
    }
    if let Some(max_names) = args.max_names {
        server = server.with_max_names(max_names);
    }
    if !args.allow.is_empty() {
        server = server.with_allow(args.allow.iter().copied());
    }
    let handle = server.start();
    let max_names = handle.max_names();
    if let Some(asked) = args.max_names.filter(|asked| *asked > max_names) {
        tracing::warn!(
            asked,
            max_names,
            "the limit of open files leaves room for fewer names than asked for"
        );
    }
    Ok(handle)
}

/// Whoever started the daemon may go on.
fn tell_ready(args: &Args) -> io::Result<()> {
    #[cfg(unix)]
    {
        if args.daemon {
            crate::daemon::announce()?;
        }
        if args.systemd {
            told(crate::systemd::ready());
        }
    }
    #[cfg(not(unix))]
    let _ = args;
    Ok(())
}

/// Nodes are served even if systemd cannot be told so.
#[cfg(unix)]
fn told(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

/// The signals that the daemon heeds. SIGPIPE is none of them: Rust ignores it from the start.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn of(args: &Args) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        if args.daemon {
            // Once it was listened to, a signal never has its own effect again: it is ignored.
            drop(signal(SignalKind::hangup())?);
        }
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn or_end(mut self, server: &ServerHandle) {
        tokio::select! {
            () = server.ended() => tracing::info!("got KILL_REQ - terminates normal"),
            _ = self.terminate.recv() => tracing::info!("ends at SIGTERM"),
            _ = self.interrupt.recv() => tracing::info!("ends at SIGINT"),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn of(_: &Args) -> io::Result<Self> {
        Ok(Self)
    }

    async fn or_end(self, server: &ServerHandle) {
        tokio::select! {
            () = server.ended() => tracing::info!("got KILL_REQ - terminates normal"),
            _ = tokio::signal::ctrl_c() => tracing::info!("ends at Ctrl-C"),
        }
    }
}
