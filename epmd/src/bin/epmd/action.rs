//! What `epmd -names` and its like do: one request to the daemon of this host, over a blocking
//! socket.
//!
//! Replies are printed as they come, without a look at them, as OTP's program does. The texts, the
//! streams they go to and the exit statuses are those of `epmd_cli.c` of OTP 25 to 29. One thing
//! is ours: a daemon that accepts and then keeps silent is given up after a minute.

use crate::args::Action;
use erland_epmd::message::Request;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::time::Duration;

/// As long as a daemon waits for a request.
const SILENCE: Duration = Duration::from_secs(60);

/// The longest name that `epmd_cli.c` sends in a STOP_REQ, in bytes.
const MAX_STOP_NAME: usize = 1000;

/// The length of the heading of NAMES and DUMP, which is the daemon's port in 32 bits.
const HEADING: usize = 4;

/// The length of `OK` and of `NO`.
const KILL_REPLY: usize = 2;

/// The length of `STOPPED` and of `NOEXIST`. A name that nobody holds gets both, of which the
/// second is not read.
const STOP_REPLY: usize = 7;

/// Why an action came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("epmd: Cannot connect to local epmd")]
    Connect,
    #[error("epmd: no response from local epmd")]
    NoResponse,
    #[error("epmd: failed to read answer from local epmd")]
    Read,
    /// What it did respond is left out, since OTP's program shows an empty string as well.
    #[error("epmd: local epmd responded with <>")]
    ShortReply,
    #[error("Killing not allowed - living nodes in database.")]
    LivingNodes,
    #[error("epmd: Name too long!")]
    NameTooLong,
    #[error("cannot write to the standard output")]
    Output(#[from] io::Error),
}

/// Does what the action asks for. [`Action::Serve`] and [`Action::Health`] are not for here.
pub(crate) fn run(action: &Action, port: u16, out: &mut dyn Write) -> Result<(), Failure> {
    match action {
        Action::Names => list(&Request::Names, port, out),
        Action::Dump => list(&Request::Dump, port, out),
        Action::Started => ask(port, &Request::Names).and_then(|mut daemon| {
            heading(&mut daemon)?;
            Ok(())
        }),
        Action::Kill => kill(port, out),
        Action::Stop(name) => stop(name, port, out),
        Action::Serve | Action::Health => Ok(()),
    }
}

/// Tells a failure as OTP's program does; `-started` never tells anything.
pub(crate) fn tell(
    failure: &Failure,
    action: &Action,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    match failure {
        _ if *action == Action::Started => Ok(()),
        Failure::Connect | Failure::Output(_) => writeln!(err, "{failure}"),
        // There is no end of line behind this one.
        Failure::NameTooLong => write!(out, "{failure}"),
        _ => writeln!(out, "{failure}"),
    }
}

fn list(request: &Request, port: u16, out: &mut dyn Write) -> Result<(), Failure> {
    let mut daemon = ask(port, request)?;
    let told = heading(&mut daemon)?;
    writeln!(out, "epmd: up and running on port {told} with data:")?;
    let mut part = [0; 4096];
    // Where the connection breaks, the list ends.
    while let Ok(length @ 1..) = daemon.read(&mut part) {
        out.write_all(part.get(..length).unwrap_or_default())?;
    }
    Ok(out.flush()?)
}

fn kill(port: u16, out: &mut dyn Write) -> Result<(), Failure> {
    let mut reply = [0; KILL_REPLY];
    read_reply(ask(port, &Request::Kill)?, &mut reply)?;
    match &reply {
        b"OK" => Ok(writeln!(out, "Killed")?),
        _ => Err(Failure::LivingNodes),
    }
}

fn stop(name: &str, port: u16, out: &mut dyn Write) -> Result<(), Failure> {
    if name.len() > MAX_STOP_NAME {
        return Err(Failure::NameTooLong);
    }
    let name = name.as_bytes().to_vec();
    let mut reply = [0; STOP_REPLY];
    read_reply(ask(port, &Request::Stop { name })?, &mut reply)?;
    // Printed as a string of C is: a NUL ends it.
    out.write_all(reply.split(|byte| *byte == 0).next().unwrap_or_default())?;
    Ok(writeln!(out)?)
}

/// Connects and sends the request.
fn ask(port: u16, request: &Request) -> Result<TcpStream, Failure> {
    let mut daemon = connect(port).map_err(|_| Failure::Connect)?;
    // OTP's program sends even what no daemon answers, such as STOP without a name.
    let request = request.encode().map_err(|_| Failure::ShortReply)?;
    daemon
        .write_all(&request)
        .map_err(|_| Failure::NoResponse)?;
    Ok(daemon)
}

/// IPv6 first, as `epmd_cli.c` does it.
fn connect(port: u16) -> io::Result<TcpStream> {
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
    let stream = TcpStream::connect((v6, port)).or_else(|_| TcpStream::connect((v4, port)))?;
    stream.set_read_timeout(Some(SILENCE))?;
    Ok(stream)
}

fn heading(daemon: &mut TcpStream) -> Result<u32, Failure> {
    let mut heading = [0; HEADING];
    daemon
        .read_exact(&mut heading)
        .map_err(|_| Failure::NoResponse)?;
    Ok(u32::from_be_bytes(heading))
}

fn read_reply(mut daemon: TcpStream, reply: &mut [u8]) -> Result<(), Failure> {
    daemon
        .read_exact(reply)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Failure::ShortReply,
            _ => Failure::Read,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// What the action prints, asked of a daemon that reads one request and gives this reply.
    fn against(action: Action, reply: &'static [u8]) -> (bool, Vec<u8>, Vec<u8>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let daemon = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(reply).unwrap();
        });
        let outcome = on_port(&action, port);
        daemon.join().unwrap();
        outcome
    }

    fn on_port(action: &Action, port: u16) -> (bool, Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let result = run(action, port, &mut out);
        if let Err(failure) = &result {
            tell(failure, action, &mut out, &mut err).unwrap();
        }
        (result.is_ok(), out, err)
    }

    fn stop() -> Action {
        Action::Stop("foo".to_owned())
    }

    /// Each line was taken from the programs of OTP 25 and 29, before a daemon of the same replies.
    #[test]
    fn replies_of_any_kind_are_told_as_otp_tells_them() {
        let silence = b"epmd: no response from local epmd\n";
        let short = b"epmd: local epmd responded with <>\n";
        let nodes = b"Killing not allowed - living nodes in database.\n";
        let rows: &[(Action, &'static [u8], bool, &[u8])] = &[
            (Action::Names, b"", false, silence),
            (Action::Names, b"\0\0", false, silence),
            (
                Action::Names,
                b"\0\0\x11\x11",
                true,
                b"epmd: up and running on port 4369 with data:\n",
            ),
            (
                Action::Names,
                b"\0\x01\x11\x11abc\xff\0x",
                true,
                b"epmd: up and running on port 69905 with data:\nabc\xff\0x",
            ),
            (Action::Dump, b"", false, silence),
            (
                Action::Dump,
                b"\0\0\x11\x11x\0",
                true,
                b"epmd: up and running on port 4369 with data:\nx\0",
            ),
            (Action::Started, b"", false, b""),
            (Action::Started, b"\0\0", false, b""),
            (Action::Started, b"NOPE", true, b""),
            (Action::Kill, b"", false, short),
            (Action::Kill, b"O", false, short),
            (Action::Kill, b"OK", true, b"Killed\n"),
            (Action::Kill, b"OKAY", true, b"Killed\n"),
            (Action::Kill, b"NO", false, nodes),
            (Action::Kill, b"STOPPED", false, nodes),
            (stop(), b"", false, short),
            (stop(), b"STOP", false, short),
            (stop(), b"STOPPED", true, b"STOPPED\n"),
            (stop(), b"NOEXISTSTOPPED", true, b"NOEXIST\n"),
            (stop(), b"\0\x01\x11\x11abc", true, b"\n"),
        ];
        for (action, reply, success, out) in rows {
            let told = against(action.clone(), reply);
            let expected = (*success, out.to_vec(), Vec::new());
            assert_eq!(told, expected, "{action:?} {reply:?}");
        }
    }

    #[test]
    fn no_daemon_is_told_on_the_error_stream() {
        let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        let text = b"epmd: Cannot connect to local epmd\n".to_vec();
        for action in [Action::Names, Action::Dump, Action::Kill, stop()] {
            let expected = (false, Vec::new(), text.clone());
            assert_eq!(on_port(&action, port), expected, "{action:?}");
        }
        let silent = (false, Vec::new(), Vec::new());
        assert_eq!(on_port(&Action::Started, port), silent);
    }

    #[test]
    fn a_name_of_more_than_a_thousand_bytes_is_not_sent() {
        let action = Action::Stop("a".repeat(1001));
        let text = b"epmd: Name too long!".to_vec();
        assert_eq!(on_port(&action, 1), (false, text, Vec::new()));
        let action = Action::Stop("a".repeat(1000));
        assert!(against(action, b"STOPPED").0);
    }
}
