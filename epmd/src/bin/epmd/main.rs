//! `epmd`: the Erlang Port Mapper Daemon, in the place of OTP's.
//!
//! The same flags, environment, outputs and exit statuses as those of the daemon of OTP 29, so
//! that `erl` and scripts use it without knowing; and a few flags of its own. The README of this
//! package lists them all.

mod action;
mod addresses;
mod args;
#[cfg(unix)]
mod daemon;
mod health;
#[cfg(unix)]
mod limits;
mod listen;
mod logging;
mod serve;
#[cfg(unix)]
mod systemd;
mod usage;

use args::{Action, Args, BadUsage, Environment};
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Result<Vec<_>, _> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().map_err(|_| BadUsage))
        .collect();
    let parsed =
        arguments.and_then(|arguments| Args::parse(arguments, &Environment::of_this_process()));
    let Ok(args) = parsed else {
        complain(usage::USAGE);
        return ExitCode::FAILURE;
    };
    match &args.action {
        Action::Serve if args.daemon => detached(&args),
        Action::Serve => foreground(&args),
        Action::Health => match health::check(args.addresses.as_deref(), args.port) {
            Ok(()) => ExitCode::SUCCESS,
            Err(unhealthy) => {
                complain(&format!("epmd: {unhealthy}\n"));
                ExitCode::FAILURE
            }
        },
        action => ask(action, args.port),
    }
}

fn foreground(args: &Args) -> ExitCode {
    logging::to_stderr(args.log_format, args.debug);
    serve::serve(args)
}

#[cfg(unix)]
fn detached(args: &Args) -> ExitCode {
    let result = if daemon::is_daemon() {
        daemon::detach().map(|()| {
            logging::to_syslog(args.log_format, args.debug);
            serve::serve(args)
        })
    } else {
        daemon::launch().map(|()| ExitCode::SUCCESS)
    };
    result.unwrap_or_else(|error| {
        complain(&format!("epmd: cannot start the daemon: {error}\n"));
        ExitCode::FAILURE
    })
}

/// There is no terminal to leave: it runs until its process is ended.
#[cfg(not(unix))]
fn detached(args: &Args) -> ExitCode {
    foreground(args)
}

fn ask(action: &Action, port: u16) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let told = match action::run(action, port, &mut out) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => action::tell(&failure, action, &mut out, &mut err),
    };
    // The status tells it too, if nobody listens to the text.
    drop(told.and_then(|()| out.flush()));
    ExitCode::FAILURE
}

/// Where the error stream is closed, the exit status must do.
fn complain(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}
