//! When is a tick due, and when is the peer dead? Arithmetic over two byte counts, no clock.
//!
//! This is `send_tick/7` and `need_to_tick/4` of `dist_util` (OTP 25 to 29): the connection is
//! looked at once per interval, `net_ticktime / net_tickintensity`, and only what changed since
//! the last look counts. Any byte read is a sign of life, tick or data.

use core::time::Duration;

/// What a tick writes: a length of zero.
pub(crate) const TICK: [u8; 4] = [0; 4];

/// OTP's range of `net_tickintensity` (kernel application, "Configuration").
const INTENSITY: core::ops::RangeInclusive<u32> = 4..=1000;

/// What to do after looking at the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickAction {
    /// Nothing is due.
    Nothing,
    /// Send a tick now.
    Send,
    /// Nothing was read for a whole `net_ticktime`: the link is dead (`net_tick_timeout`).
    Down,
}

/// The tick state of one connection.
///
/// The owner calls [`check`](Ticker::check) once every [`interval`](Ticker::interval). A peer that
/// falls silent is found between `ticktime` and `ticktime + interval` later, the upper half of
/// OTP's documented window of `net_ticktime` ± 25 %.
#[derive(Clone, Debug)]
pub struct Ticker {
    interval: Duration,
    intensity: u32,
    hidden: bool,
    read: u64,
    written: u64,
    /// Intervals in a row in which nothing was read.
    silent: u32,
}

impl Ticker {
    /// A ticker for a link that was just established, with both byte counts at zero.
    ///
    /// `hidden` says whether the *peer* is a hidden node. `intensity` is brought into OTP's range
    /// of 4 to 1000.
    pub fn new(ticktime: Duration, intensity: u32, hidden: bool) -> Ticker {
        let intensity = intensity.clamp(*INTENSITY.start(), *INTENSITY.end());
        Ticker {
            interval: ticktime.checked_div(intensity).unwrap_or(ticktime),
            intensity,
            hidden,
            read: 0,
            written: 0,
            silent: 0,
        }
    }

    /// Time from one check to the next.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Looks at the connection; to be called once per interval.
    ///
    /// `read_total` is the number of bytes read from the peer since the link came up,
    /// `written_total` the number of bytes handed over for writing (ticks included, see
    /// [`Outbound::pushed_total`](crate::Outbound::pushed_total)), `pending` whether some of them
    /// still wait to be written. After [`TickAction::Send`] the caller pushes exactly one tick.
    pub fn check(&mut self, read_total: u64, written_total: u64, pending: bool) -> TickAction {
        let nothing_read = read_total == self.read;
        let nothing_written = written_total == self.written;
        self.read = read_total;
        self.written = written_total;
        self.silent = if nothing_read {
            self.silent.saturating_add(1)
        } else {
            0
        };
        if self.silent >= self.intensity {
            return TickAction::Down;
        }
        // A hidden peer that sent nothing gets a tick even behind pending output:
        // `need_to_tick(hidden, 0, _, _)`.
        if (nothing_written && !pending) || (self.hidden && nothing_read) {
            // As in `send_tick/7` our own tick does not count as written at the next check, or an
            // idle link would tick only every other interval.
            self.written = written_total.saturating_add(TICK.len() as u64);
            return TickAction::Send;
        }
        TickAction::Nothing
    }
}
