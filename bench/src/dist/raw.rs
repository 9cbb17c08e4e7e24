//! The floor: a socket between two processes and nothing else. One thread writes frames of 64 KiB
//! and, between two of them, a ping if there is one; the other end answers pings.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::load::{Answer, PAUSE, Request, reply, serve};

/// The first argument that makes this program the end that is asked.
pub const ARGUMENT: &str = "dist-raw";
/// And the end that answers pings.
pub const ECHO: &str = "dist-raw-echo";

const FRAME: usize = 64 * 1024;
const PING: usize = 40;

/// Answers pings, discards the rest, until the other end closes.
pub fn echo() -> Result<(), String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    reply(&port.to_string())?;
    let (mut stream, _) = listener.accept().map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let mut frame = vec![0; FRAME];
    loop {
        let Some(len) = read_frame(&mut stream, &mut frame) else {
            return Ok(());
        };
        if len == PING {
            write_frame(&mut stream, &frame[..PING]).map_err(|e| e.to_string())?;
        }
    }
}

fn read_frame(stream: &mut TcpStream, frame: &mut [u8]) -> Option<usize> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).ok()?;
    let len = u32::from_be_bytes(len) as usize;
    stream.read_exact(frame.get_mut(..len)?).ok()?;
    Some(len)
}

fn write_frame(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    stream.write_all(&frame)
}

/// What the writing thread is told.
enum Order {
    Ping,
    Stream(Duration, Sender<(u64, Duration)>),
}

pub fn main(arguments: &[String]) -> Result<(), String> {
    let [port] = arguments else {
        return Err("the floor needs a port".to_owned());
    };
    let port: u16 = port.parse().map_err(|_| "no port".to_owned())?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| e.to_string())?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    let mut reading = stream.try_clone().map_err(|e| e.to_string())?;
    let (orders, to_do) = channel();
    let (answered, answers) = channel();
    std::thread::spawn(move || write(stream, &to_do));
    std::thread::spawn(move || {
        let mut frame = vec![0; FRAME];
        while read_frame(&mut reading, &mut frame).is_some() && answered.send(()).is_ok() {}
    });
    serve(|request| run(&request, &orders, &answers))
}

fn run(
    request: &Request,
    orders: &Sender<Order>,
    answers: &Receiver<()>,
) -> Result<Answer, String> {
    let ended = || "the connection ended".to_owned();
    let mut answer = Answer::default();
    let (done, streamed) = channel();
    if request.stream {
        let order = Order::Stream(request.time, done);
        orders.send(order).map_err(|_| ended())?;
    }
    if request.pings {
        let mut all = Vec::new();
        let until = Instant::now() + request.time;
        while Instant::now() < until {
            let begin = Instant::now();
            orders.send(Order::Ping).map_err(|_| ended())?;
            answers.recv().map_err(|_| ended())?;
            all.push(begin.elapsed());
            std::thread::sleep(PAUSE);
        }
        answer = answer.with_pings(all);
    }
    if request.stream {
        let (bytes, time) = streamed.recv().map_err(|_| ended())?;
        answer = answer.with_stream(bytes, time);
    }
    Ok(answer)
}

/// Ends when nobody gives orders any more, or the connection does.
fn write(mut stream: TcpStream, to_do: &Receiver<Order>) {
    let mut bulk = (FRAME as u32).to_be_bytes().to_vec();
    bulk.resize(4 + FRAME, 7);
    let ping = [1; PING];
    while let Ok(order) = to_do.recv() {
        match order {
            Order::Ping => {
                if write_frame(&mut stream, &ping).is_err() {
                    return;
                }
            }
            Order::Stream(time, done) => {
                let begin = Instant::now();
                let mut bytes = 0;
                while begin.elapsed() < time {
                    match to_do.try_recv() {
                        Ok(_) => {
                            if write_frame(&mut stream, &ping).is_err() {
                                return;
                            }
                        }
                        Err(TryRecvError::Empty) => {}
                        Err(TryRecvError::Disconnected) => return,
                    }
                    if stream.write_all(&bulk).is_err() {
                        return;
                    }
                    bytes += FRAME as u64;
                }
                // Who asked waits for it.
                let _gone = done.send((bytes, begin.elapsed()));
            }
        }
    }
}
