//! How often does a line go to the log that a peer can cause? Seldom enough not to fill it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(10);

/// The right to write one line each period.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Throttled>);

#[derive(Debug, Default)]
struct Throttled {
    last: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// How many lines were left out since the last one, if one may be written now.
    pub(super) fn permit(&self) -> Option<u64> {
        self.permit_at(Instant::now())
    }

    fn permit_at(&self, now: Instant) -> Option<u64> {
        let mut throttled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if throttled
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < PERIOD)
        {
            throttled.suppressed += 1;
            return None;
        }
        throttled.last = Some(now);
        Some(std::mem::take(&mut throttled.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_each_period_which_says_how_many_are_missing() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.permit_at(start), Some(0));
        assert_eq!(throttle.permit_at(start + PERIOD / 3), None);
        assert_eq!(throttle.permit_at(start + PERIOD / 2), None);
        assert_eq!(throttle.permit_at(start + PERIOD), Some(2));
        assert_eq!(throttle.permit_at(start + PERIOD * 2), Some(0));
    }
}
