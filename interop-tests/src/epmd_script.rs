//! A conversation with an epmd, written down as text: the same script run against OTP's daemon and
//! ours must give the same text.
//!
//! Bytes are written as they came, in hex or as a quoted text. Three things are masked, each only
//! after a check of its own: a creation, a file descriptor, the daemon's own port.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::deadline::within;
use crate::epmd_program::{EpmdDaemon, EpmdKind};
use crate::epmd_requests as request;

/// Where a connection comes from, and to which of the daemon's addresses it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From 127.0.0.1 to 127.0.0.1.
    Loopback,
    /// From another address of 127.0.0.0/8 to 127.0.0.1.
    Loopback2,
    /// From ::1 to ::1.
    Loopback6,
    /// From an address of this machine that is none of the loopback, to itself.
    Own,
    /// From that address to 127.0.0.1: to the daemon, a peer on another machine looks like this.
    Remote,
}

/// Which creation a registration is due.
#[derive(Clone, Copy, Debug)]
pub enum Creation {
    /// That of a name not seen before: about the time of day in seconds.
    First,
    /// That given on the connection, and so many more.
    After(usize, u32),
    /// Any in the form of 16 bits: 1, 2 or 3.
    Short,
    /// In the form of 16 bits, that given on the connection and so many more, modulo 3, and 1.
    ShortAfter(usize, u32),
}

#[derive(Clone, Debug)]
enum Step {
    Open(usize, Source),
    Send(usize, Vec<u8>),
    Finish(usize),
    Leave(usize, Vec<u8>),
    Registered(usize, Creation),
    Refused(usize),
    Ended(usize),
    StillOpen(usize),
    Listed(usize),
    Seen,
    Gone(Vec<u8>),
    ComeAndGo(Vec<u8>, u32),
    Exit,
}

/// What to say to a daemon, step by step, and what to write down.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
}

impl Script {
    /// An empty script.
    pub fn new() -> Script {
        Script::default()
    }

    fn then(mut self, step: Step) -> Script {
        self.steps.push(step);
        self
    }

    /// Opens connection `id`.
    #[must_use]
    pub fn open(self, id: usize, from: Source) -> Script {
        self.then(Step::Open(id, from))
    }

    /// Writes on it, in one segment.
    #[must_use]
    pub fn send(self, id: usize, bytes: impl AsRef<[u8]>) -> Script {
        self.then(Step::Send(id, bytes.as_ref().to_vec()))
    }

    /// Opens connection `id` from the loopback and writes on it.
    #[must_use]
    pub fn say(self, id: usize, bytes: impl AsRef<[u8]>) -> Script {
        self.open(id, Source::Loopback).send(id, bytes)
    }

    /// Closes our direction of the connection.
    #[must_use]
    pub fn finish(self, id: usize) -> Script {
        self.then(Step::Finish(id))
    }

    /// Closes the connection that is the lease of `name`, and waits until the name is free.
    #[must_use]
    pub fn leave(self, id: usize, name: impl AsRef<[u8]>) -> Script {
        self.then(Step::Leave(id, name.as_ref().to_vec()))
    }

    /// Reads a positive answer to ALIVE2, whose creation must be as due.
    #[must_use]
    pub fn registered(self, id: usize, creation: Creation) -> Script {
        self.then(Step::Registered(id, creation))
    }

    /// Reads the answer to ALIVE2 as it is.
    #[must_use]
    pub fn refused(self, id: usize) -> Script {
        self.then(Step::Refused(id))
    }

    /// Registers `name` for the first time on connection `id`.
    #[must_use]
    pub fn register(self, id: usize, name: &str) -> Script {
        self.say(id, request::Alive::of(name).bytes())
            .registered(id, Creation::First)
    }

    /// Reads until the daemon closes the connection.
    #[must_use]
    pub fn ended(self, id: usize) -> Script {
        self.then(Step::Ended(id))
    }

    /// Asks on connection `id` from the loopback, and reads the answer to its end.
    #[must_use]
    pub fn ask(self, id: usize, bytes: impl AsRef<[u8]>) -> Script {
        self.say(id, bytes).ended(id)
    }

    /// Notes whether the connection is open once the daemon has answered another one.
    #[must_use]
    pub fn still_open(self, id: usize) -> Script {
        self.then(Step::StillOpen(id))
    }

    /// Reads the answer to NAMES or DUMP to its end.
    #[must_use]
    pub fn listed(self, id: usize) -> Script {
        self.then(Step::Listed(id))
    }

    /// Asks for the names on connection `id`.
    #[must_use]
    pub fn names(self, id: usize) -> Script {
        self.say(id, request::names()).listed(id)
    }

    /// Asks for the dump on connection `id`.
    #[must_use]
    pub fn dump(self, id: usize) -> Script {
        self.say(id, request::dump()).listed(id)
    }

    /// Waits until the daemon has answered another connection: it has read what came before.
    #[must_use]
    pub fn seen(self) -> Script {
        self.then(Step::Seen)
    }

    /// Waits until `name` is not registered.
    #[must_use]
    pub fn gone(self, name: impl AsRef<[u8]>) -> Script {
        self.then(Step::Gone(name.as_ref().to_vec()))
    }

    /// Registers `name` and gives it up, so many times.
    #[must_use]
    pub fn come_and_go(self, name: impl AsRef<[u8]>, times: u32) -> Script {
        self.then(Step::ComeAndGo(name.as_ref().to_vec(), times))
    }

    /// Waits for the end of the daemon and notes its exit code.
    #[must_use]
    pub fn exit(self) -> Script {
        self.then(Step::Exit)
    }
}

/// A script, and the daemon it is for.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    address: String,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    script: Script,
}

impl Case {
    /// A case for a daemon on the loopback without further flags.
    pub fn new(name: impl Into<String>, script: Script) -> Case {
        Case {
            name: name.into(),
            address: "127.0.0.1".to_owned(),
            flags: Vec::new(),
            environment: Vec::new(),
            script,
        }
    }

    /// The same with flags, split at white space.
    #[must_use]
    pub fn flags(mut self, flags: &str) -> Case {
        self.flags
            .extend(flags.split_whitespace().map(str::to_owned));
        self
    }

    /// The same with a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Case {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same for a daemon that listens on this address as well.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Case {
        self.address = address.to_string();
        self
    }

    /// Runs it against a fresh daemon; what was heard, a line per step.
    async fn run(&self, kind: EpmdKind) -> Result<String, String> {
        let mut flags = vec!["-address", &self.address];
        flags.extend(self.flags.iter().map(String::as_str));
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let daemon = EpmdDaemon::start_anywhere(kind, &flags, &environment).await;
        let mut run = Run {
            daemon,
            connections: BTreeMap::new(),
            creations: BTreeMap::new(),
            text: String::new(),
        };
        for step in &self.script.steps {
            let done = run.step(step).await;
            if let Err(error) = done {
                return Err(format!("{step:.200?}: {error}; so far:\n{}", run.text));
            }
        }
        Ok(run.text)
    }
}

/// Runs every case against fresh daemons of all kinds, eight cases at a time, and compares what
/// each said with what the first said.
///
/// # Panics
///
/// With a list of all differences, when there are any.
pub async fn same_on_all(cases: Vec<Case>, kinds: &[EpmdKind]) {
    let mut running = JoinSet::new();
    let mut differences = String::new();
    let mut left = cases.into_iter();
    loop {
        while running.len() < 8
            && let Some(case) = left.next()
        {
            running.spawn(compare(case, kinds.to_vec()));
        }
        match running.join_next().await {
            Some(difference) => differences.push_str(&difference.expect("a case ends")),
            None => break,
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

async fn compare(case: Case, kinds: Vec<EpmdKind>) -> String {
    let mut running = JoinSet::new();
    for (place, kind) in kinds.into_iter().enumerate() {
        let case = case.clone();
        running.spawn(async move { (place, kind, case.run(kind).await) });
    }
    let mut texts = running.join_all().await;
    texts.sort_by_key(|(place, ..)| *place);
    let first = &texts[0].2;
    let same = texts
        .iter()
        .all(|(_, _, text)| text.is_ok() && text == first);
    let mut difference = String::new();
    if same {
        // Shown with `--nocapture`.
        println!("== {}\n{}", case.name, first.as_deref().unwrap_or_default());
    } else {
        let _ = writeln!(difference, "\n== {} ({})", case.name, case.flags.join(" "));
        for (_, kind, text) in &texts {
            let (Ok(text) | Err(text)) = text;
            let _ = writeln!(difference, "-- {kind}:\n{text}");
        }
    }
    difference
}

/// The address of this machine that it would send from to the world: no packet is sent for it.
///
/// # Panics
///
/// When it has none besides the loopback.
pub fn own_address() -> Ipv4Addr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a UDP socket");
    // An address for documentation: nobody has it.
    let address = socket
        .connect((Ipv4Addr::new(203, 0, 113, 1), 9))
        .and_then(|()| socket.local_addr());
    match address.map(|address| address.ip()) {
        Ok(IpAddr::V4(address)) if !address.is_loopback() => address,
        other => panic!("this machine has no address besides the loopback: {other:?}"),
    }
}

struct Run {
    daemon: EpmdDaemon,
    connections: BTreeMap<usize, TcpStream>,
    creations: BTreeMap<usize, u32>,
    text: String,
}

impl Run {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Open(id, from) => {
                let connection = self.connect(*from).await;
                let connection = connection.map_err(|error| error.to_string())?;
                self.connections.insert(*id, connection);
            }
            Step::Send(id, bytes) => {
                // The daemon may have closed the connection: reading tells.
                let _ = self.connection(*id).write_all(bytes).await;
            }
            Step::Finish(id) => {
                let _ = self.connection(*id).shutdown().await;
            }
            Step::Leave(id, name) => {
                self.connections.remove(id);
                self.until_gone(name).await;
            }
            Step::Registered(id, due) => {
                let reply = self.reply(*id).await;
                let heard = self.masked_creation(*id, &reply, *due)?;
                self.note(*id, &heard);
            }
            Step::Refused(id) => {
                let reply = self.reply(*id).await;
                self.note(*id, &hex(&reply));
            }
            Step::Ended(id) => {
                let bytes = self.until_closed(*id).await;
                self.note(*id, &format!("{} closed", hex(&bytes)));
            }
            Step::StillOpen(id) => {
                let state = self.state(*id).await;
                self.note(*id, &state);
            }
            Step::Listed(id) => {
                let bytes = self.until_closed(*id).await;
                let listing = self.masked_listing(&bytes)?;
                self.note(*id, &format!("{listing} closed"));
            }
            Step::Seen => {
                self.listing().await;
            }
            Step::Gone(name) => self.until_gone(name).await,
            Step::ComeAndGo(name, times) => {
                for _ in 0..*times {
                    self.come_and_go(name).await?;
                }
                self.until_gone(name).await;
            }
            Step::Exit => {
                let code = self.daemon.ended().await;
                let _ = writeln!(self.text, "exit {code:?}");
            }
        }
        Ok(())
    }

    fn note(&mut self, id: usize, heard: &str) {
        let _ = writeln!(self.text, "{id}: {heard}");
    }

    fn connection(&mut self, id: usize) -> &mut TcpStream {
        self.connections.get_mut(&id).expect("an open connection")
    }

    async fn connect(&self, from: Source) -> io::Result<TcpStream> {
        let port = self.daemon.port();
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        let (source, target) = match from {
            Source::Loopback => (loopback, loopback),
            Source::Loopback2 => (IpAddr::from([127, 0, 0, 77]), loopback),
            Source::Loopback6 => (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()),
            Source::Own => (own_address().into(), own_address().into()),
            Source::Remote => (own_address().into(), loopback),
        };
        let socket = match source {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.bind((source, 0).into())?;
        let connected = socket.connect(SocketAddr::from((target, port)));
        let connection = within("a connection to epmd", connected).await?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }

    /// The answer to ALIVE2, as it comes in one segment; empty when the daemon closed instead.
    async fn reply(&mut self, id: usize) -> Vec<u8> {
        let mut buffer = [0; 64];
        let read = self.connection(id).read(&mut buffer);
        match within("an answer to ALIVE2", read).await {
            Ok(count) => buffer[..count].to_vec(),
            Err(_) => Vec::new(),
        }
    }

    /// Everything until the connection ends, in whichever way.
    async fn until_closed(&mut self, id: usize) -> Vec<u8> {
        let connection = self.connection(id);
        let mut bytes = Vec::new();
        // A daemon that leaves bytes unread resets the connection: closed all the same.
        let _ = within(
            "the end of a connection",
            connection.read_to_end(&mut bytes),
        )
        .await;
        self.connections.remove(&id);
        bytes
    }

    async fn state(&mut self, id: usize) -> String {
        let mut connection = self.connections.remove(&id).expect("an open connection");
        let mut buffer = [0; 64];
        let state = tokio::select! {
            biased;
            read = connection.read(&mut buffer) => match read {
                Ok(0) | Err(_) => "closed".to_owned(),
                Ok(count) => hex(&buffer[..count]),
            },
            _ = self.listing() => "open".to_owned(),
        };
        self.connections.insert(id, connection);
        state
    }

    /// The answer to NAMES on a connection of its own.
    async fn listing(&self) -> Vec<u8> {
        let connection = self.connect(Source::Loopback).await;
        let mut connection = connection.expect("epmd can be connected to");
        let written = connection.write_all(&request::names()).await;
        written.expect("a request can be sent");
        let mut bytes = Vec::new();
        let read = connection.read_to_end(&mut bytes);
        let read = within("an answer to NAMES", read).await;
        read.expect("NAMES is answered");
        bytes
    }

    async fn until_gone(&self, name: &[u8]) {
        let line = [b"name ", name, b" at port"].concat();
        within("a name to go", async {
            loop {
                let listing = self.listing().await;
                if !listing.windows(line.len()).any(|window| window == line) {
                    break;
                }
            }
        })
        .await;
    }

    /// One registration and its end; another of the same name is refused until the daemon has seen
    /// the end of the last, and is tried again.
    async fn come_and_go(&self, name: &[u8]) -> Result<(), String> {
        let request = request::Alive::of(name).bytes();
        within("a registration", async {
            loop {
                let connection = self.connect(Source::Loopback).await;
                let mut connection = connection.map_err(|error| error.to_string())?;
                let mut reply = [0; 6];
                let written = connection.write_all(&request).await;
                written.map_err(|error| error.to_string())?;
                let read = connection.read_exact(&mut reply).await;
                read.map_err(|error| error.to_string())?;
                match reply[..2] {
                    [b'v', 0] => return Ok(()),
                    [b'v', 1] => {}
                    _ => return Err(format!("{} is no answer", hex(&reply))),
                }
            }
        })
        .await
    }

    fn masked_creation(
        &mut self,
        id: usize,
        reply: &[u8],
        due: Creation,
    ) -> Result<String, String> {
        let wrong = |creation: u32| Err(format!("the creation {creation} where {due:?} was due"));
        let from = |of: usize, more: u32| self.creations[&of].wrapping_add(more);
        match (reply, due) {
            ([b'v', 0, a, b, c, d], _) => {
                let creation = u32::from_be_bytes([*a, *b, *c, *d]);
                let right = match due {
                    Creation::First => creation >= 4 && creation.abs_diff(now()) <= 20,
                    Creation::After(of, more) => creation == from(of, more),
                    Creation::Short | Creation::ShortAfter(..) => false,
                };
                if !right {
                    return wrong(creation);
                }
                self.creations.insert(id, creation);
                Ok("7600 CREATION".to_owned())
            }
            ([b'y', 0, a, b], _) => {
                let creation = u32::from(u16::from_be_bytes([*a, *b]));
                let right = match due {
                    Creation::Short => (1..=3).contains(&creation),
                    Creation::ShortAfter(of, more) => creation == from(of, more) % 3 + 1,
                    Creation::First | Creation::After(..) => false,
                };
                if !right {
                    return wrong(creation);
                }
                Ok("7900 CREATION".to_owned())
            }
            _ => Ok(hex(reply)),
        }
    }

    /// The port in front must be the daemon's own; file descriptors small, and those of live
    /// leases distinct.
    fn masked_listing(&self, bytes: &[u8]) -> Result<String, String> {
        let Some((port, text)) = bytes.split_first_chunk() else {
            return Ok(hex(bytes));
        };
        if u32::from_be_bytes(*port) != u32::from(self.daemon.port()) {
            return Err(format!("the port {} in front", hex(port)));
        }
        let text = text.escape_ascii().to_string();
        let mut masked = String::from("PORT ");
        let mut taken = BTreeSet::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(", fd = ") {
            let (head, tail) = rest.split_at(at + ", fd = ".len());
            let end = tail
                .find(|c: char| !c.is_ascii_digit() && c != '-')
                .unwrap_or(tail.len());
            let fd: i32 = tail[..end].parse().map_err(|_| text.clone())?;
            let active = head.contains("active name");
            // An old name tells the descriptor it had.
            if !(3..2000).contains(&fd) || (active && !taken.insert(fd)) {
                return Err(format!("the file descriptor {fd} in {text}"));
            }
            masked.push_str(head);
            masked.push_str("FD");
            rest = &tail[end..];
        }
        masked.push_str(rest);
        Ok(masked)
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    })
}
