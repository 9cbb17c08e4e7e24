//! How many names a daemon holds, and what each takes of its memory.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::daemon::{Daemon, Peer};
use super::holder::{Holder, SHARE};
use super::load::{self, PATIENCE};
use super::results::Results;
use super::wire::Name;

/// The marks at which memory is looked at, in names. The figure of the scenario `held` is that at
/// the second, or at what the daemon holds if that is less.
const MARKS: [usize; 2] = [1_000, 10_000];

/// Connections that are closed again before the daemon is asked for its list: a full one could not
/// answer.
const ROOM: usize = 8;

/// Fills a new daemon of this peer up to `wanted` names.
pub fn run(peer: &Peer, wanted: usize, results: &mut Results) -> Result<(), String> {
    let daemon = Daemon::start(peer)?;
    let port = daemon.port;
    warm(&daemon)?;
    let base = daemon.resident()?;
    let mut holders: Vec<Holder> = Vec::new();
    let mut held = 0;
    let grown = |held: usize| -> Result<f64, String> {
        let grown = daemon.resident()?.saturating_sub(base);
        #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53")]
        let each = grown as f64 / held.max(1) as f64;
        Ok(each)
    };
    let mut put = |scenario: &str, metric: &'static str, unit: &'static str, sample: f64| {
        results.put(scenario, &peer.name, metric, unit, sample);
    };
    let mut refused = None;
    let mut figure = false;
    while held < wanted {
        let mark = MARKS.into_iter().find(|mark| *mark > held);
        let next = mark.map_or(wanted, |mark| mark.min(wanted));
        let holder = Holder::start(port, held, (next - held).min(SHARE))?;
        held += holder.held;
        let full = holder.refused.clone();
        holders.push(holder);
        if held == MARKS[0] {
            put("held/1000", "bytes_per_name", "B", grown(held)?);
        }
        if held == MARKS[1] {
            put("held", "bytes_per_name", "B", grown(held)?);
            figure = true;
        }
        if let Some(reason) = full {
            refused = Some(reason);
            break;
        }
    }
    if !figure {
        put("held", "bytes_per_name", "B", grown(held)?);
    }
    put("held/most", "bytes_per_name", "B", grown(held)?);
    let mut open = 0;
    for holder in &mut holders {
        open += holder.open()?;
    }
    if open != held {
        return Err(format!("of {held} leases {} were closed", held - open));
    }
    if let Some(last) = holders.iter_mut().rev().find(|holder| holder.held >= ROOM) {
        last.release(ROOM)?;
        lists(&daemon, held - ROOM)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "names are far below 2^53")]
    put("held", "names", "names", held as f64);
    if let Some(reason) = refused {
        let next = held + 1;
        results.note(&format!(
            "{}: registration {next} of {wanted} failed: {reason}",
            peer.name
        ));
    }
    Ok(())
}

/// Waits until the daemon lists so many names. Registrations that it had not accepted when their
/// node gave up come and go as soon as there is room.
fn lists(daemon: &Daemon, names: usize) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        let listed = daemon.names()?;
        if listed == names {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("{listed} names are listed of {names}"));
        }
        sleep(Duration::from_millis(50));
    }
}

/// What is there only from the first use on is not part of what a name takes.
fn warm(daemon: &Daemon) -> Result<(), String> {
    // Numbers that no holder has.
    let names = Name::range(900_000, 16);
    let sample = load::cycles(daemon.port, &names, Duration::from_millis(50));
    match sample.reason {
        None => Ok(()),
        Some(reason) => Err(reason),
    }
}
