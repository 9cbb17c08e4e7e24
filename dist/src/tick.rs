//! When is a tick due, and when is the peer dead? Arithmetic over two byte counts, no clock.
//!
//! This is `send_tick/7` and `need_to_tick/4` of `dist_util` (OTP 25 to 29): the connection is
//! looked at once per interval, `net_ticktime / net_tickintensity`, and only what changed since
//! the last look counts. Any byte read is a sign of life, tick or data.
//!
//! OTP looks at all connections at the same moment, whenever its ticker fires, so a connection is
//! first looked at after a random part of the interval. Here each link has a ticker of its own,
//! and its owner a random number to begin with: [`Ticker::first_check`].

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
/// falls silent is found between `ticktime` and `ticktime + interval` after its last byte. Since
/// that may have come up to an interval before it fell silent, this is OTP's documented window of
/// `net_ticktime` ± `net_ticktime / net_tickintensity`.
#[derive(Clone, Debug)]
pub struct Ticker {
    interval: Duration,
    intensity: u32,
    hidden: bool,
    /// What was read and written at the last check; `None` before the first.
    last: Option<(u64, u64)>,
    /// Intervals in a row in which nothing was read.
    silent: u32,
}

impl Ticker {
    /// A ticker for a link that was just established.
    ///
    /// `hidden` says whether the connection is a hidden one, see
    /// [`Negotiated::is_hidden`](crate::Negotiated::is_hidden). `intensity` is brought into OTP's
    /// range of 4 to 1000. The interval is rounded up to whole milliseconds, and so the tick time
    /// to a multiple of it (`net_kernel:make_init_opts/1`).
    pub fn new(ticktime: Duration, intensity: u32, hidden: bool) -> Ticker {
        let intensity = intensity.clamp(*INTENSITY.start(), *INTENSITY.end());
        Ticker {
            interval: interval(ticktime, intensity),
            intensity,
            hidden,
            last: None,
            silent: 0,
        }
    }

    /// Changes the tick time from here on: the next check is due an [`interval`](Ticker::interval)
    /// of the new length after the last one. The intervals in which nothing was read keep
    /// counting, so a peer that is silent already is found that much sooner or later.
    ///
    /// OTP changes it for all connections at once and lets both times hold side by side for a
    /// while (`net_kernel:set_net_ticktime/2`), because all nodes must agree on it; so the caller
    /// shortens it only when the peer has, too.
    pub fn set_ticktime(&mut self, ticktime: Duration) {
        self.interval = interval(ticktime, self.intensity);
    }

    /// Time from one check to the next.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Time from the establishment of the link to the first check, a part of the interval that
    /// `random` decides: 0 is nearly nothing, `u32::MAX` the whole of it.
    ///
    /// So the links of a node that came up at once do not all tick at once.
    pub fn first_check(&self, random: u32) -> Duration {
        // Nanoseconds of at most some days fit 64 bits; longer intervals lose nothing by it.
        let nanos = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX);
        let part = u128::from(nanos).saturating_mul(u128::from(random).saturating_add(1)) >> 32;
        Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// Looks at the connection; to be called [`first_check`](Ticker::first_check) after it came
    /// up, and then once per interval.
    ///
    /// The first check takes the handshake for something read and something written, as OTP's
    /// does, whose counters are those of the socket: it never sends a tick.
    ///
    /// `read_total` is the number of bytes read from the peer since the link came up,
    /// `written_total` the number of bytes handed over for writing (ticks included, see
    /// [`Outbound::pushed_total`](crate::Outbound::pushed_total)), `pending` whether some of them
    /// still wait to be written. After [`TickAction::Send`] the caller pushes exactly one tick.
    pub fn check(&mut self, read_total: u64, written_total: u64, pending: bool) -> TickAction {
        let nothing_read = self.last.is_some_and(|(read, _)| read == read_total);
        let nothing_written = self
            .last
            .is_some_and(|(_, written)| written == written_total);
        self.last = Some((read_total, written_total));
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
            let written = written_total.saturating_add(TICK.len() as u64);
            self.last = Some((read_total, written));
            return TickAction::Send;
        }
        TickAction::Nothing
    }
}

/// `net_ticktime / net_tickintensity` in whole milliseconds, rounded up, at least one.
fn interval(ticktime: Duration, intensity: u32) -> Duration {
    let nanos = ticktime.as_nanos();
    let millis = nanos.div_ceil(1_000_000).div_ceil(u128::from(intensity));
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX).max(1))
}
