//! What the command line and the environment ask for.
//!
//! Flags have a single dash and long names, in the manner of OTP, and are taken from left to
//! right; an action must be the last of them. Numbers are read as `atoi` of C reads them, because
//! `epmd.c` of OTP does: digits up to the first other character, and 0 is a mistake.

use crate::addresses;
use crate::logging::Format;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

/// The flag was unknown, or its argument missing or bad: the usage text is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadUsage;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Be the daemon.
    Serve,
    /// `-names`
    Names,
    /// `-dump`
    Dump,
    /// `-started`
    Started,
    /// `-kill`
    Kill,
    /// `-stop NAME`
    Stop(String),
    /// `-health`
    Health,
}

/// The variables that OTP's daemon heeds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `ERL_EPMD_PORT`
    pub(crate) port: Option<String>,
    /// `ERL_EPMD_ADDRESS`
    pub(crate) addresses: Option<String>,
    /// `ERL_EPMD_RELAXED_COMMAND_CHECK`, with whatever value
    pub(crate) relaxed: bool,
}

impl Environment {
    pub(crate) fn of_this_process() -> Self {
        let text = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            port: text("ERL_EPMD_PORT"),
            addresses: text("ERL_EPMD_ADDRESS"),
            relaxed: std::env::var_os("ERL_EPMD_RELAXED_COMMAND_CHECK").is_some(),
        }
    }
}

/// Everything that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) action: Action,
    pub(crate) port: u16,
    /// As it was written: it is read only by what binds or checks.
    pub(crate) addresses: Option<String>,
    pub(crate) daemon: bool,
    pub(crate) systemd: bool,
    /// How often `-d` or `-debug` was given.
    pub(crate) debug: u8,
    pub(crate) relaxed: bool,
    pub(crate) packet_timeout: Option<Duration>,
    pub(crate) delay_accept: Option<Duration>,
    pub(crate) delay_write: Option<Duration>,
    pub(crate) max_names: Option<usize>,
    pub(crate) allow: Vec<IpNet>,
    pub(crate) log_format: Format,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Args {
    /// Reads the arguments behind the program's name.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = String>,
        environment: &Environment,
    ) -> Result<Self, BadUsage> {
        let mut args = Self {
            action: Action::Serve,
            // Without a check, unlike the flag: text that is no number means port 0, any free one.
            port: environment
                .port
                .as_deref()
                .map_or(erland_epmd::DEFAULT_PORT, |text| port(atoi(text))),
            addresses: environment.addresses.clone(),
            daemon: false,
            systemd: false,
            debug: 0,
            relaxed: environment.relaxed,
            packet_timeout: None,
            delay_accept: None,
            delay_write: None,
            max_names: None,
            allow: Vec::new(),
            log_format: Format::Text,
            metrics: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or(BadUsage);
            match flag.as_str() {
                "-d" | "-debug" => args.debug = args.debug.saturating_add(1),
                "-daemon" => args.daemon = true,
                "-systemd" => args.systemd = true,
                "-relaxed_command_check" => args.relaxed = true,
                "-port" => args.port = port(not_zero(&value()?)?),
                "-address" => args.addresses = Some(value()?),
                "-packet_timeout" => args.packet_timeout = Some(seconds(&value()?)?),
                "-delay_accept" => args.delay_accept = Some(seconds(&value()?)?),
                "-delay_write" => args.delay_write = Some(seconds(&value()?)?),
                "-max_names" => args.max_names = Some(count(&value()?)?),
                "-allow" => args.allow = addresses::prefixes(&value()?).ok_or(BadUsage)?,
                "-log_format" => args.log_format = Format::parse(&value()?).ok_or(BadUsage)?,
                "-metrics" => args.metrics = Some(value()?.parse().map_err(|_| BadUsage)?),
                "-names" => args.action = Action::Names,
                "-dump" => args.action = Action::Dump,
                "-started" => args.action = Action::Started,
                "-kill" => args.action = Action::Kill,
                "-stop" => args.action = Action::Stop(value()?),
                "-health" => args.action = Action::Health,
                _ => return Err(BadUsage),
            }
            if args.action != Action::Serve {
                return match arguments.next() {
                    None => Ok(args),
                    Some(_) => Err(BadUsage),
                };
            }
        }
        Ok(args)
    }
}

/// The number at the start of the text, 0 if there is none.
fn atoi(text: &str) -> i64 {
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = digits
        .bytes()
        .map_while(|byte| char::from(byte).to_digit(10))
        .fold(0_i64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(i64::from(digit))
        });
    if negative { -magnitude } else { magnitude }
}

fn not_zero(text: &str) -> Result<i64, BadUsage> {
    match atoi(text) {
        0 => Err(BadUsage),
        number => Ok(number),
    }
}

/// OTP hands the number to `htons`, which keeps the low 16 bits.
fn port(number: i64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// OTP takes negative numbers of seconds as well; its daemon then waits without end, or not at
/// all. Nobody can mean that.
fn seconds(text: &str) -> Result<Duration, BadUsage> {
    let seconds = u32::try_from(not_zero(text)?).map_err(|_| BadUsage)?;
    Ok(Duration::from_secs(seconds.into()))
}

/// For a flag of our own: a number and nothing else.
fn count(text: &str) -> Result<usize, BadUsage> {
    match text.parse() {
        Ok(0) | Err(_) => Err(BadUsage),
        Ok(count) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, BadUsage> {
        parse_in(line, &Environment::default())
    }

    fn parse_in(line: &str, environment: &Environment) -> Result<Args, BadUsage> {
        Args::parse(line.split_whitespace().map(str::to_owned), environment)
    }

    #[test]
    fn without_arguments_it_is_the_daemon_on_the_usual_port() {
        let args = parse("").unwrap();
        assert_eq!(args.action, Action::Serve);
        assert_eq!(args.port, 4369);
        assert_eq!(args.addresses, None);
        assert!(!args.daemon && !args.systemd && !args.relaxed);
        assert_eq!(args.debug, 0);
    }

    #[test]
    fn each_action_is_taken_as_the_last_argument_only() {
        for (line, action) in [
            ("-names", Action::Names),
            ("-dump", Action::Dump),
            ("-started", Action::Started),
            ("-kill", Action::Kill),
            ("-stop foo", Action::Stop("foo".to_owned())),
            ("-health", Action::Health),
        ] {
            assert_eq!(parse(line).unwrap().action, action, "{line}");
            for extra in ["foo", "-port 1", "-relaxed_command_check", "-names"] {
                assert_eq!(parse(&format!("{line} {extra}")), Err(BadUsage), "{line}");
            }
            assert_eq!(parse(&format!("-port 5 -d {line}")).unwrap().port, 5);
        }
    }

    #[test]
    fn unknown_flags_and_missing_arguments_are_mistakes() {
        for line in [
            "-foo",
            "foo",
            "-h",
            "--help",
            "-port",
            "-address",
            "-packet_timeout",
            "-delay_accept",
            "-delay_write",
            "-stop",
            "-max_names",
            "-allow",
            "-log_format",
            "-metrics",
            "-foo -names",
            "-d -port",
        ] {
            assert_eq!(parse(line), Err(BadUsage), "{line}");
        }
    }

    #[test]
    fn numbers_are_read_as_by_atoi() {
        for (text, number) in [
            ("4370", 4370),
            ("4370x", 4370),
            (" 4370", 4370),
            ("+1", 1),
            ("-5", -5),
            ("abc", 0),
            ("", 0),
            ("-", 0),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(atoi(text), number, "{text}");
        }
    }

    #[test]
    fn a_port_keeps_its_low_sixteen_bits_and_zero_is_a_mistake() {
        assert_eq!(parse("-port 70000").unwrap().port, 4464);
        assert_eq!(parse("-port -5").unwrap().port, 65531);
        assert_eq!(parse("-port 45902x").unwrap().port, 45902);
        assert_eq!(parse("-port 0"), Err(BadUsage));
        assert_eq!(parse("-port abc"), Err(BadUsage));
        assert_eq!(parse("-port 1 -port 2").unwrap().port, 2, "the last one");
    }

    #[test]
    fn seconds_are_positive() {
        let args = parse("-packet_timeout 5x -delay_accept 1 -delay_write 2").unwrap();
        assert_eq!(args.packet_timeout, Some(Duration::from_secs(5)));
        assert_eq!(args.delay_accept, Some(Duration::from_secs(1)));
        assert_eq!(args.delay_write, Some(Duration::from_secs(2)));
        assert_eq!(parse("-packet_timeout 0"), Err(BadUsage));
        assert_eq!(parse("-delay_write x"), Err(BadUsage));
        assert_eq!(parse("-delay_accept -1"), Err(BadUsage));
    }

    #[test]
    fn flags_go_before_the_environment() {
        let environment = Environment {
            port: Some("4370".to_owned()),
            addresses: Some("127.0.0.2".to_owned()),
            relaxed: true,
        };
        let args = parse_in("", &environment).unwrap();
        assert_eq!(args.port, 4370);
        assert_eq!(args.addresses.as_deref(), Some("127.0.0.2"));
        assert!(args.relaxed);
        let args = parse_in("-port 4371 -address 127.0.0.3", &environment).unwrap();
        assert_eq!(args.port, 4371);
        assert_eq!(args.addresses.as_deref(), Some("127.0.0.3"));
    }

    #[test]
    fn a_port_in_the_environment_is_not_checked() {
        for (text, port) in [("abc", 0), ("", 0), ("70000", 4464), ("-5", 65531)] {
            let environment = Environment {
                port: Some(text.to_owned()),
                ..Environment::default()
            };
            assert_eq!(parse_in("", &environment).unwrap().port, port, "{text}");
        }
    }

    #[test]
    fn switches_and_our_own_flags() {
        let args = parse(
            "-d -debug -d -daemon -systemd -relaxed_command_check -max_names 20000 \
             -allow 10.0.0.0/8,::1 -log_format json -metrics 127.0.0.1:9100",
        )
        .unwrap();
        assert_eq!(args.debug, 3);
        assert!(args.daemon && args.systemd && args.relaxed);
        assert_eq!(args.max_names, Some(20_000));
        assert_eq!(args.allow.len(), 2);
        assert_eq!(args.log_format, Format::Json);
        assert_eq!(args.metrics, "127.0.0.1:9100".parse().ok());
        for line in [
            "-max_names 0",
            "-max_names 5x",
            "-allow bogus",
            "-log_format xml",
            "-metrics 9100",
        ] {
            assert_eq!(parse(line), Err(BadUsage), "{line}");
        }
    }
}
