//! Where the log goes and how it looks: the standard error stream, or syslog once detached.
//!
//! The text form is that of OTP's daemon, `epmd: Sat Nov 21 11:56:49 2026: what happened`, ended
//! by CR and LF, so that what looks for its lines finds ours. As there, nothing but failures is
//! told unless `-d` is given, and more with each further one.

use std::fmt;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{DefaultFields, FormatEvent, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines as by OTP's daemon.
    Text,
    /// One JSON object for each line.
    Json,
}

impl Format {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Sends the log of this process to the standard error stream.
pub(crate) fn to_stderr(format: Format, debug: u8) {
    let otp = Otp {
        before: |writer| write!(writer, "epmd: {}: ", now()),
        after: "\r\n",
    };
    start(format, debug, std::io::stderr, otp);
}

/// Sends the log of this process to syslog, as `epmd` of the facility `daemon`. Where no syslog
/// listens, the log is lost, and nothing else happens.
#[cfg(unix)]
pub(crate) fn to_syslog(format: Format, debug: u8) {
    use syslog_tracing::{Facility, Options, Syslog};

    // The time and the program's name come from syslog.
    let otp = Otp {
        before: |_| Ok(()),
        after: "",
    };
    // There is none only if there is one already, which takes a second call of this function.
    if let Some(syslog) = Syslog::new(c"epmd", Options::LOG_PID, Facility::Daemon) {
        start(format, debug, syslog, otp);
    }
}

fn start<W>(format: Format, debug: u8, writer: W, otp: Otp)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt()
        .with_max_level(level(debug))
        // Its complaints about a closed stream would go to that stream, and panic.
        .log_internal_errors(false)
        // Another package of the same build may have asked for colours.
        .with_ansi(false)
        .with_writer(writer);
    match format {
        Format::Text => log
            .fmt_fields(DefaultFields::new())
            .event_format(otp)
            .init(),
        Format::Json => log.json().flatten_event(true).init(),
    }
}

fn level(debug: u8) -> LevelFilter {
    match debug {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// The time here and now as `ctime` of C writes it.
fn now() -> impl fmt::Display {
    jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y")
}

/// Events in the form of OTP's daemon: the message first, then the fields if there are any.
struct Otp {
    before: fn(&mut Writer<'_>) -> fmt::Result,
    after: &'static str,
}

impl<S, N> FormatEvent<S, N> for Otp
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        (self.before)(&mut writer)?;
        context.format_fields(writer.by_ref(), event)?;
        writer.write_str(self.after)
    }
}
