//! Records what two real nodes of one release say to each other, frame by frame, on the loopback.
//!
//! `record RELEASE FILE` starts two nodes of that release. The one that dials finds in its epmd the
//! port of a relay, which passes everything on and writes it down; `scripts/record` runs this for
//! every release and has the replay test write its summaries.
//!
//! The file is text: a line per frame, `>` from the node that dialled and `<` from the other, with
//! the frame's body in hexadecimal and runs of one byte as `(61*65536)`. The frames before the line
//! `link` are those of the handshake. An empty body is a tick.

use std::env;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use erland_interop_tests::{Erl, ErlOptions, Release, World, installed, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Runs of this many equal bytes and more are written as a run.
const RUN: usize = 12;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [number, path] = &arguments[..] else {
        eprintln!("usage: record RELEASE FILE");
        return ExitCode::from(2);
    };
    let Some(release) = installed()
        .iter()
        .find(|release| release.number.to_string() == *number)
    else {
        eprintln!("record: no OTP {number} here: run scripts/otp, which installs it");
        return ExitCode::FAILURE;
    };
    let session = record(release).await;
    match std::fs::write(path, session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("record: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn record(release: &'static Release) -> String {
    let (near, far) = (World::start(release).await, World::start(release).await);
    let options = || ErlOptions::default().ticktime(4);
    let b = far.erl_with("b", options()).await;
    let port = b
        .eval("element(2, erl_epmd:port_please(\"b\", {127,0,0,1}))")
        .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let relay_port = listener.local_addr().expect("a bound socket").port();
    let _name = register(near.epmd_addr().port(), "b", relay_port).await;
    let tape = Arc::new(Tape::default());
    let target = port.parse().expect("the port of b");
    tokio::spawn(relay(listener, target, Arc::clone(&tape)));
    let a = near.erl_with("a", options()).await;
    converse(&a, &b, release.number).await;
    within("a tick each way", tape.ticked()).await;
    let mut session = format!(
        "# OTP {}, ERTS {}: a@127.0.0.1 dials b@127.0.0.1; written by scripts/record\n",
        release.number, release.erts
    );
    session.push_str(&tape.lines());
    session
}

/// Tells an epmd that a node listens on `port`; it does as long as the connection stands.
async fn register(epmd: u16, name: &str, port: u16) -> TcpStream {
    let mut request = vec![120];
    request.extend(port.to_be_bytes());
    // Visible, TCP, of versions 6 to 5, with nothing to add.
    request.extend([77, 0, 0, 6, 0, 5, 0, name.len() as u8]);
    request.extend(name.as_bytes());
    request.extend([0, 0]);
    let mut stream = TcpStream::connect(("127.0.0.1", epmd))
        .await
        .expect("the epmd listens");
    let mut framed = (request.len() as u16).to_be_bytes().to_vec();
    framed.extend(request);
    stream.write_all(&framed).await.expect("the epmd reads");
    let mut answer = [0; 2];
    stream
        .read_exact(&mut answer)
        .await
        .expect("the epmd answers");
    assert_eq!(answer[1], 0, "the name is free");
    stream
}

/// What was said, in the order in which it came by.
#[derive(Default)]
struct Tape {
    frames: Mutex<Vec<(char, bool, Vec<u8>)>>,
    changed: Notify,
}

impl Tape {
    fn put(&self, side: char, handshake: bool, frame: Vec<u8>) {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.push((side, handshake, frame));
        self.changed.notify_one();
    }

    async fn ticked(&self) {
        loop {
            let both = {
                let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
                ['>', '<'].iter().all(|wanted| {
                    frames
                        .iter()
                        .any(|(side, _, frame)| side == wanted && frame.is_empty())
                })
            };
            if both {
                return;
            }
            self.changed.notified().await;
        }
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        let mut before = true;
        for (side, handshake, frame) in &*self.frames.lock().unwrap_or_else(PoisonError::into_inner)
        {
            if before && !handshake {
                text.push_str("link\n");
                before = false;
            }
            let _ = writeln!(text, "{side} {}", hex(frame));
        }
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|one, next| one == next) {
        // Runs are not empty.
        let byte = run.first().copied().unwrap_or_default();
        if run.len() >= RUN {
            let _ = write!(text, "({byte:02x}*{})", run.len());
        } else {
            for _ in run {
                let _ = write!(text, "{byte:02x}");
            }
        }
    }
    text
}

/// Passes one connection on to `port`.
async fn relay(listener: TcpListener, port: u16, tape: Arc<Tape>) {
    let (dialler, _) = listener.accept().await.expect("a connection");
    let acceptor = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("the node listens");
    for stream in [&dialler, &acceptor] {
        stream.set_nodelay(true).expect("a live socket");
    }
    let (from_a, to_a) = dialler.into_split();
    let (from_b, to_b) = acceptor.into_split();
    tokio::join!(
        // The last words of each side in the handshake: the reply and the ack.
        pass(from_a, to_b, '>', b'r', &tape),
        pass(from_b, to_a, '<', b'a', &tape),
    );
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, side: char, last: u8, tape: &Tape) {
    let (mut buf, mut handshake) = (Vec::new(), true);
    let mut piece = vec![0; 64 * 1024];
    loop {
        // The nodes are killed at the end: however it ends, it has ended.
        let read = from.read(&mut piece).await.unwrap_or(0);
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        buf.extend_from_slice(bytes);
        while let Some(frame) = take_frame(&mut buf, handshake) {
            let was = handshake;
            handshake &= frame.first() != Some(&last);
            tape.put(side, was, frame);
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

fn take_frame(buf: &mut Vec<u8>, handshake: bool) -> Option<Vec<u8>> {
    let prefix = if handshake { 2 } else { 4 };
    let len = buf
        .get(..prefix)?
        .iter()
        .fold(0, |len, byte| len << 8 | usize::from(*byte));
    if buf.len() < prefix + len {
        return None;
    }
    let rest = buf.split_off(prefix + len);
    let mut frame = std::mem::replace(buf, rest);
    frame.drain(..prefix);
    Some(frame)
}

/// The script: what there is in the protocol, once at least.
async fn converse(a: &Erl, b: &Erl, release: u32) {
    b.eval("erland_helper:echo(echo), ok").await;
    a.eval(
        "B = 'b@127.0.0.1', E = {echo, B}, pong = net_adm:ping(B),
         C = erland_helper:collector(),
         Run = fun(F) -> erland_helper:run(C, F) end,
         New = fun() -> spawn(B, erland_helper, stoppable, []) end,
         Ask = fun(T) -> E ! {self(), T}, receive {_, T} -> ok after 10000 -> error(late) end end,
         ok",
    )
    .await;
    // Small and large messages, atoms short, many and long, one after the other and all at once.
    a.eval(
        "Ask(small), Ask(binary:copy(<<\"x\">>, 65536)), Ask(binary:copy(<<\"x\">>, 200000)),
         Ask([list_to_atom(\"atom_\" ++ integer_to_list(I)) || I <- lists:seq(1, 300)]),
         Ask([list_to_atom(\"atom_\" ++ integer_to_list(I)) || I <- lists:seq(150, 450)]),
         Ask(list_to_atom(lists:duplicate(255, 233))), Ask(list_to_atom(lists:duplicate(255, 233))),
         Ask({1.5, #{a => [1,2|b]}, <<1:3>>, fun lists:seq/2, make_ref(), 1 bsl 70, \"text\"}),
         Me = self(),
         Many = [spawn(fun() -> E ! {self(), binary:copy(<<I>>, 150000)},
                 receive {_, _} -> Me ! done after 10000 -> ok end end) || I <- lists:seq(1, 4)],
         [receive done -> ok after 10000 -> error(late) end || _ <- Many], ok",
    )
    .await;
    // Links: made, taken back, broken from either side, to nobody.
    a.eval(
        "P1 = New(), Run(fun() -> link(P1) end), Run(fun() -> unlink(P1) end),
         Run(fun() -> link(P1) end), P1 ! {stop, boom}, erland_helper:await(C, 1),
         Run(fun() -> link(P1) end), erland_helper:await(C, 2),
         P2 = New(), L = spawn(fun() -> link(P2), Me ! linked, erland_helper:stoppable() end),
         receive linked -> ok end, Run(fun() -> erlang:monitor(process, P2) end),
         L ! {stop, gone}, erland_helper:await(C, 3), ok",
    )
    .await;
    // Monitors by pid and by name, given up, and of nobody; exit/2; group leaders.
    a.eval(
        "P3 = New(), Run(fun() -> erlang:monitor(process, P3) end),
         M = Run(fun() -> erlang:monitor(process, P3) end), Run(fun() -> erlang:demonitor(M) end),
         Run(fun() -> erlang:monitor(process, E) end),
         Run(fun() -> erlang:monitor(process, {nobody, B}) end),
         group_leader(group_leader(), P3), exit(P3, normal), exit(P3, {bye, 1}),
         erland_helper:await(C, 5), {nobody, B} ! lost, ok",
    )
    .await;
    // Spawn requests in all ways, and calls of a server with an alias.
    a.eval(
        "[1,2,3] = erpc:call(B, lists, seq, [1, 3]), B = rpc:call(B, erlang, node, []),
         Run(fun() -> spawn_link(B, erland_helper, nested, [3]) end), erland_helper:await(C, 6),
         Run(fun() -> spawn_monitor(B, erlang, no_such_function, []) end),
         erland_helper:await(C, 7),
         Run(fun() -> spawn_opt(B, erland_helper, nested, [2], [link, monitor, {priority, high}]) end),
         erland_helper:await(C, 9),
         R = spawn_request(B, erland_helper, stoppable, [], [{reply_tag, started}]),
         receive {started, R, ok, P4} -> P4 ! {stop, normal} after 10000 -> error(late) end,
         spawn_request(B, erland_helper, nested, [1], [{reply, no}]),
         gen_server:call({kernel_sup, B}, which_children), Al = alias(), E ! {Al, aliased},
         receive {_, aliased} -> ok after 10000 -> error(late) end, unalias(Al), ok",
    )
    .await;
    // Everything that can be traced.
    a.eval(
        "P5 = New(), Trace = fun(Label) -> spawn(fun() ->
             seq_trace:set_token(label, Label), seq_trace:set_token(send, true),
             E ! {self(), traced}, receive {_, traced} -> ok after 10000 -> ok end,
             E ! {alias(), traced}, receive {_, traced} -> ok after 10000 -> ok end,
             P5 ! ignored, Q = spawn_link(B, erland_helper, stoppable, []), exit(P5, normal),
             unlink(Q), link(Q), Me ! done, exit(traced) end) end,
         Trace(17), receive done -> ok after 10000 -> error(late) end,
         Trace({big, label}), receive done -> ok after 10000 -> error(late) end, ok",
    )
    .await;
    if release >= 28 {
        a.eval(
            "erlang:send(E, {self(), urgent}, [priority]),
             receive {_, urgent} -> ok after 10000 -> error(late) end,
             P6 = New(), erlang:send(P6, urgent, [priority]),
             Run(fun() -> erlang:monitor(process, P6) end),
             exit(P6, urgent, [priority]), erland_helper:await(C, 10), ok",
        )
        .await;
    }
    a.eval("exit(P5, kill), Ask(finished)").await;
}
