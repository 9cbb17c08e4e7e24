//! Does our `epmd` print what OTP's prints, and end as it ends, flag by flag?

use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Stdio;
use std::time::Duration;

use erland_interop_tests::{
    Alive, DEADLINE, EpmdDaemon, EpmdKind, Ran, Reaper, free_port, listeners, within,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

/// What a command of each kind printed, the port masked; the text that tells how to use the
/// program is only known by its first word.
fn masked(ran: &Ran, port: u16) -> String {
    let port = port.to_string();
    let stderr = match ran.stderr.strip_prefix("usage: epmd ") {
        Some(_) => "USAGE",
        None => &ran.stderr,
    };
    let text = format!("out {:?}, err {stderr:?}, code {:?}", ran.stdout, ran.code);
    text.replace(&port, "PORT")
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<String, Vec<(String, String)>>,
}

impl Table {
    fn note(&mut self, row: &str, who: &str, heard: String) {
        let row = self.rows.entry(row.to_owned()).or_default();
        row.push((who.to_owned(), heard));
    }

    fn all_the_same(&self) {
        let mut differences = String::new();
        for (row, heard) in &self.rows {
            if heard.iter().any(|(_, heard_by)| *heard_by != heard[0].1) {
                differences.push_str(&format!("\n{row}:\n"));
                for (who, heard) in heard {
                    differences.push_str(&format!("  {who}: {heard}\n"));
                }
            } else {
                println!("{row}: {}", heard[0].1);
            }
        }
        assert!(differences.is_empty(), "{differences}");
    }
}

/// A lease on `name`.
async fn register(daemon: &EpmdDaemon, name: &str) -> TcpStream {
    let mut lease = TcpStream::connect(daemon.addr()).await.expect("connected");
    let request = Alive::of(name).port(43_210).bytes();
    lease.write_all(&request).await.expect("written");
    let mut reply = [0; 6];
    within("the reply", lease.read_exact(&mut reply))
        .await
        .expect("a reply");
    assert_eq!(reply[..2], [b'v', 0]);
    lease
}

const NOBODY: &[&[&str]] = &[
    &["-names"],
    &["-started"],
    &["-dump"],
    &["-kill"],
    &["-stop", "foo"],
    &["-d", "-names"],
    &["-d", "-d", "-d", "-kill"],
    &["-debug", "-names"],
    &["-relaxed_command_check", "-names"],
    &["-names", "-kill"],
    &["-names", "extra"],
    &["-names", "-port", "4"],
    &["-stop"],
    &["-help"],
    &["--help"],
    &["-version"],
    &["-unknown"],
    &["-D"],
    &["foo"],
    &[""],
    &["-"],
    &["-port"],
    &["-port", "abc", "-names"],
    &["-port", "0", "-names"],
    &["-port", "", "-names"],
    &["-address"],
    &["-packet_timeout"],
    &["-packet_timeout", "0"],
    &["-packet_timeout", "x"],
    &["-delay_accept"],
    &["-delay_accept", "0"],
    &["-delay_accept", "x"],
    &["-delay_write"],
    &["-delay_write", "0"],
    &["-delay_write", "x"],
    &["-address", "no.address"],
    &["-address", "127.0.0.2,no.address"],
    &["-address", "203.0.113.1"],
    &["-daemon", "-unknown"],
];

/// Where no daemon is, and with mistakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_daemon() {
    let mut table = Table::default();
    for kind in EpmdKind::all() {
        for flags in NOBODY {
            let port = free_port();
            let text = port.to_string();
            let arguments = [&["-port", &text], *flags].concat();
            let ran = kind.run(&arguments, &[]).await;
            table.note(&format!("{flags:?}"), &kind.to_string(), masked(&ran, port));
        }
        // The variable names the port as well, and the flag wins.
        let daemon = EpmdDaemon::start(kind, &[]).await;
        let port = daemon.port();
        let text = port.to_string();
        let other = free_port().to_string();
        for (row, flags, variable) in [
            ("the variable", &["-names"][..], &text),
            ("the variable, another port", &["-names"], &other),
            ("the flag wins", &["-port", &text, "-names"], &other),
            (
                "the variable, nonsense",
                &["-names"],
                &"nonsense".to_owned(),
            ),
        ] {
            let ran = kind.run(flags, &[("ERL_EPMD_PORT", variable)]).await;
            table.note(row, &kind.to_string(), masked(&ran, port));
        }
        drop(daemon);
    }
    table.all_the_same();
}

/// Every action at every daemon, by every program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions() {
    let kinds = EpmdKind::all();
    let (old, ours) = (kinds[0], kinds[2]);
    let mut pairs: Vec<_> = kinds.iter().map(|kind| (*kind, *kind)).collect();
    pairs.extend([(old, ours), (ours, old)]);
    let mut table = Table::default();
    for (command, daemon_kind) in pairs {
        let who = format!("{command} at {daemon_kind}");
        for relaxed in [false, true] {
            let flags: &[&str] = match relaxed {
                true => &["-relaxed_command_check"],
                false => &[],
            };
            let mut daemon = EpmdDaemon::start(daemon_kind, flags).await;
            let port = daemon.port().to_string();
            let run = async |flags: &[&str]| {
                let ran = command.run(&[&["-port", &port], flags].concat(), &[]).await;
                masked(&ran, daemon.port())
            };
            let mut heard = Vec::new();
            for flags in [
                &["-names"][..],
                &["-started"],
                &["-dump"],
                &["-d", "-names"],
            ] {
                heard.push((format!("empty {flags:?}"), run(flags).await));
            }
            let lease = register(&daemon, "foo").await;
            let second = register(&daemon, "bär").await;
            for flags in [
                &["-names"][..],
                &["-started"],
                &["-stop", "unknown"],
                &["-stop", ""],
                &["-stop", "bär"],
            ] {
                heard.push((format!("two names {flags:?}"), run(flags).await));
            }
            let dump = run(&["-dump"]).await;
            heard.push(("two names -dump".to_owned(), without_descriptors(&dump)));
            heard.push(("two names -kill".to_owned(), run(&["-kill"]).await));
            for (row, heard) in heard {
                table.note(&format!("{row}, relaxed {relaxed}"), &who, heard);
            }
            drop((lease, second));
            if relaxed {
                let code = within("the end", daemon.ended()).await;
                table.note("exit code of the daemon", &who, format!("{code:?}"));
            }
        }
    }
    table.all_the_same();
}

/// `fd = 7` as `fd = FD`.
fn without_descriptors(text: &str) -> String {
    let mut parts = text.split(", fd = ");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str(", fd = FD");
        masked.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    masked
}

/// A second one where one runs already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_port_is_taken() {
    let mut table = Table::default();
    let kinds = EpmdKind::all();
    for kind in kinds.clone() {
        for running in [kinds[0], kind] {
            let daemon = EpmdDaemon::start(running, &[]).await;
            let port = daemon.port().to_string();
            for flags in [
                &[][..],
                &["-daemon"],
                &["-address", "127.0.0.1"],
                &["-relaxed_command_check"],
            ] {
                let ran = kind.run(&[&["-port", &port], flags].concat(), &[]).await;
                table.note(
                    &format!("{flags:?}"),
                    &kind.to_string(),
                    masked(&ran, daemon.port()),
                );
            }
            let ran = kind
                .run(&["-port", &port, "-d", "-address", "127.0.0.1"], &[])
                .await;
            let told = ran.stderr.lines().filter(|line| line.contains("already"));
            let told = told.collect::<Vec<_>>().join("\n").replace(&port, "PORT");
            table.note("-d", &kind.to_string(), format!("{told} {:?}", ran.code));
        }
    }
    table.all_the_same();
}

/// `-daemon`: what it is like as a process, and how it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn detached() {
    let mut table = Table::default();
    for kind in EpmdKind::all() {
        let who = kind.to_string();
        let port = free_port();
        let reaper = Reaper { port };
        let text = port.to_string();
        let arguments = ["-port", &text, "-daemon", "-address", "127.0.0.1"];
        let ran = kind.run(&arguments, &[]).await;
        table.note("start", &who, masked(&ran, port));
        let connected = TcpStream::connect(("127.0.0.1", port)).await;
        if matches!(kind, EpmdKind::Ours) {
            // OTP's may still be on its way: it returns before it has bound the port.
            connected.expect("the port is bound when the command returns");
        }
        let running =
            async { while kind.run(&["-port", &text, "-started"], &[]).await.code != Some(0) {} };
        within("the start of the daemon", running).await;
        let pids = listeners(port);
        let [pid] = pids.iter().copied().collect::<Vec<_>>()[..] else {
            panic!("{kind}: one process was due, not {pids:?}");
        };
        table.note("process", &who, process(pid));
        let ran = kind.run(&["-port", &text, "-names"], &[]).await;
        table.note("names", &who, masked(&ran, port));
        let ran = kind.run(&["-port", &text, "-kill"], &[]).await;
        table.note("kill", &who, masked(&ran, port));
        let mut again = tokio::time::interval(Duration::from_millis(3));
        within("the end of the daemon", async {
            while fs::exists(format!("/proc/{pid}")).unwrap_or(false) && !is_zombie(pid) {
                again.tick().await;
            }
        })
        .await;
        drop(reaper);
    }
    table.all_the_same();
}

/// Whether it has ended, and whoever adopted it has not yet asked how.
fn is_zombie(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| status.contains("State:\tZ"))
}

/// Its directory, its file mode mask, its standard files, and whether it has a terminal or
/// belongs to our session.
fn process(pid: u32) -> String {
    let link = |name: &str| {
        let target = fs::read_link(format!("/proc/{pid}/{name}"));
        target.map_or_else(
            |error| error.kind().to_string(),
            |path| path.display().to_string(),
        )
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    let mask = status
        .lines()
        .find(|line| line.starts_with("Umask"))
        .unwrap_or_default();
    let stat = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a stat");
        // pid (command) state parent group session terminal …
        let fields = stat.rsplit(") ").next().unwrap_or_default().to_owned();
        fields.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let (theirs, ours) = (stat(pid), stat(std::process::id()));
    // That of a chroot, without its slash at the end.
    let root = link("root");
    let root = root.trim_end_matches('/');
    let inside = |path: String| match path.strip_prefix(root) {
        Some("") => "/".to_owned(),
        Some(rest) => rest.to_owned(),
        None => path,
    };
    format!(
        "in {}, {mask}, files {} {} {}, own session {}, terminal {}, adopted {}",
        inside(link("cwd")),
        inside(link("fd/0")),
        inside(link("fd/1")),
        inside(link("fd/2")),
        theirs[3] != ours[3],
        theirs[4],
        theirs[1] != std::process::id().to_string(),
    )
}

/// A socket handed over by systemd's own tool, which waits for the first connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn socket_activation() {
    let mut table = Table::default();
    for kind in EpmdKind::all() {
        let who = kind.to_string();
        let port = free_port();
        let name = format!("erland-{}-{port}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let notified = UnixDatagram::bind_addr(&address).expect("a socket");
        notified
            .set_read_timeout(Some(DEADLINE))
            .expect("a time-out");
        let mut activate = Command::new("systemd-socket-activate");
        activate
            .args([
                "-l",
                &format!("127.0.0.1:{port}"),
                "-E",
                &format!("NOTIFY_SOCKET=@{name}"),
            ])
            .args(kind.command())
            .args(["-systemd", "-port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = activate.spawn();
        let mut child = child.expect("systemd-socket-activate (of systemd) is installed");
        let mut again = tokio::time::interval(Duration::from_millis(3));
        within("the socket", async {
            while listeners(port).is_empty() {
                again.tick().await;
            }
        })
        .await;
        // The first connection starts it.
        let ran = kind.run(&["-port", &port.to_string(), "-names"], &[]).await;
        table.note("names", &who, masked(&ran, port));
        let pid = child.id().expect("it runs").to_string();
        let ran = kind.run(&["-port", &port.to_string(), "-kill"], &[]).await;
        table.note("kill", &who, masked(&ran, port));
        let status = within("the end", child.wait()).await.expect("waited for");
        table.note("end", &who, status.to_string());
        let said = tokio::task::spawn_blocking(move || {
            let mut buffer = [0; 1024];
            let mut said = || {
                let count = notified.recv(&mut buffer).expect("a message to systemd");
                String::from_utf8_lossy(&buffer[..count])
                    .trim_end()
                    .to_owned()
            };
            [said(), said()]
        });
        let said = said.await.expect("what it said");
        let said = format!("{said:?}").replace(&pid, "PID");
        table.note("said to systemd", &who, said);

        let ran = kind
            .run(&["-systemd", "-port", &port.to_string()], &[])
            .await;
        table.note("no sockets", &who, masked(&ran, port));
    }
    table.all_the_same();
}

/// SIGPIPE does nothing, SIGHUP ends one in the foreground. SIGTERM and SIGINT end OTP's by the
/// signal; ours ends in good order, with exit code 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals() {
    let mut table = Table::default();
    for kind in EpmdKind::all() {
        for name in ["PIPE", "HUP", "TERM", "INT"] {
            let mut daemon = EpmdDaemon::start(kind, &[]).await;
            daemon.serves().await;
            daemon.signal(name).await;
            let what = match name {
                "PIPE" => {
                    daemon.serves().await;
                    "serves".to_owned()
                }
                "HUP" => format!("{:?}", daemon.ended().await),
                _ => {
                    let code = daemon.ended().await;
                    assert!(matches!(code, None | Some(0)), "{kind} {name}: {code:?}");
                    "ended".to_owned()
                }
            };
            table.note(name, &kind.to_string(), what);
        }
    }
    table.all_the_same();
}
