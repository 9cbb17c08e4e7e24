//! What an end of a connection is asked to do, and what it answers.

use std::io::{Read, Write};
use std::time::Duration;

/// Between a ping and the next: without it, a stream that pauses would be measured most often while
/// it does, and a ping would take a core from the stream.
pub const PAUSE: Duration = Duration::from_millis(1);

/// A request: `WHAT MILLISECONDS PEER BYTES`, as `erl/bench_dist.erl` has it.
#[derive(Clone, Debug)]
pub struct Request {
    pub pings: bool,
    pub stream: bool,
    pub time: Duration,
    pub peer: String,
    /// Bytes of one message of the stream.
    pub bytes: usize,
}

/// What came of it; 0 for what was not asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// Nanoseconds.
    pub p50: u64,
    pub p99: u64,
    pub pings: u64,
    /// Of the stream, and the nanoseconds that they took.
    pub bytes: u64,
    pub nanos: u64,
}

impl Request {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("not a request: {text}");
        let words: Vec<&str> = text.split(' ').collect();
        let [what, time, peer, bytes] = words[..] else {
            return Err(wrong());
        };
        Ok(Self {
            pings: matches!(what, "ping" | "both"),
            stream: matches!(what, "stream" | "both"),
            time: Duration::from_millis(time.parse().map_err(|_| wrong())?),
            peer: peer.to_owned(),
            bytes: bytes.parse().map_err(|_| wrong())?,
        })
    }
}

impl Answer {
    pub fn parse(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u64>> = text.split(' ').map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some([p50, p99, pings, bytes, nanos]) => Ok(Self {
                p50: *p50,
                p99: *p99,
                pings: *pings,
                bytes: *bytes,
                nanos: *nanos,
            }),
            _ => Err(format!("not an answer: {text}")),
        }
    }

    pub fn text(&self) -> String {
        let Self {
            p50,
            p99,
            pings,
            bytes,
            nanos,
        } = self;
        format!("{p50} {p99} {pings} {bytes} {nanos}")
    }

    /// Adds how long pings took.
    pub fn with_pings(mut self, mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |part: usize| {
            let index = all.len().saturating_sub(1) * part / 100;
            all.get(index).map_or(0, |time| nanos(*time))
        };
        (self.p50, self.p99) = (at(50), at(99));
        self.pings = all.len() as u64;
        self
    }

    pub fn with_stream(mut self, bytes: u64, time: Duration) -> Self {
        (self.bytes, self.nanos) = (bytes, nanos(time));
        self
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Says that this end is ready, then serves requests until the parent closes the pipe.
pub fn serve(mut run: impl FnMut(Request) -> Result<Answer, String>) -> Result<(), String> {
    reply("ready")?;
    let mut input = std::io::stdin().lock();
    loop {
        let mut len = [0; 4];
        if input.read_exact(&mut len).is_err() {
            return Ok(());
        }
        let mut packet = vec![0; u32::from_be_bytes(len) as usize];
        input.read_exact(&mut packet).map_err(|e| e.to_string())?;
        let text = String::from_utf8(packet).map_err(|e| e.to_string())?;
        reply(&run(Request::parse(&text)?)?.text())?;
    }
}

pub fn reply(text: &str) -> Result<(), String> {
    let len = u32::try_from(text.len()).map_err(|e| e.to_string())?;
    let mut packet = len.to_be_bytes().to_vec();
    packet.extend(text.as_bytes());
    let mut output = std::io::stdout().lock();
    output
        .write_all(&packet)
        .and_then(|()| output.flush())
        .map_err(|e| e.to_string())
}
