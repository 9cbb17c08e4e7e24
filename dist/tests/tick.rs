//! Tick arithmetic: what OTP's `net_kernel` does with the same byte counts.

use core::time::Duration;

use erland_dist::{TickAction, Ticker};

const TICK: u64 = 4;

/// Checks until the link goes down, with nothing read after `read` bytes; returns the ticks sent
/// and the number of checks.
fn until_down(ticker: &mut Ticker, read: u64) -> (u32, u32) {
    let (mut written, mut ticks, mut checks) = (0, 0, 0);
    loop {
        checks += 1;
        match ticker.check(read, written, false) {
            TickAction::Nothing => {}
            TickAction::Send => {
                ticks += 1;
                written += TICK;
            }
            TickAction::Down => return (ticks, checks),
        }
        assert!(checks < 10_000, "a silent peer is found");
    }
}

#[test]
fn interval_is_ticktime_by_intensity() {
    let defaults = Ticker::new(Duration::from_secs(60), 4, false);
    assert_eq!(defaults.interval(), Duration::from_secs(15));
    // OTP's range of net_tickintensity is 4 to 1000.
    let low = Ticker::new(Duration::from_secs(60), 0, false);
    assert_eq!(low.interval(), Duration::from_secs(15));
    let high = Ticker::new(Duration::from_secs(60), u32::MAX, false);
    assert_eq!(high.interval(), Duration::from_millis(60));
}

#[test]
fn silent_peer_is_found_within_the_documented_window() {
    let ticktime = Duration::from_secs(4);
    for hidden in [false, true] {
        // Silent from the start.
        let mut ticker = Ticker::new(ticktime, 4, hidden);
        let (ticks, checks) = until_down(&mut ticker, 0);
        assert_eq!((ticks, checks), (3, 4));
        // Silent since just after the link came up: OTP was seen to take 4.2 s (visible) and 5.0 s
        // (hidden) here.
        let mut ticker = Ticker::new(ticktime, 4, hidden);
        let (_, checks) = until_down(&mut ticker, 1);
        let silent = ticker.interval() * checks;
        assert!(silent >= ticktime * 3 / 4 && silent <= ticktime * 5 / 4);
        assert_eq!(checks, 5);
    }
}

#[test]
fn idle_link_ticks_every_interval() {
    let mut ticker = Ticker::new(Duration::from_secs(60), 4, false);
    let (mut read, mut written) = (0, 0);
    for _ in 0..100 {
        read += TICK;
        assert_eq!(ticker.check(read, written, false), TickAction::Send);
        written += TICK;
    }
}

#[test]
fn output_makes_a_tick_needless() {
    let mut ticker = Ticker::new(Duration::from_secs(60), 4, false);
    assert_eq!(ticker.check(1, 10, false), TickAction::Nothing);
    assert_eq!(ticker.check(2, 10, true), TickAction::Nothing, "pending");
    assert_eq!(ticker.check(3, 10, false), TickAction::Send);
    assert_eq!(ticker.check(4, 14, false), TickAction::Send);
    assert_eq!(
        ticker.check(5, 19, false),
        TickAction::Nothing,
        "more than the tick"
    );
}

#[test]
fn hidden_peer_that_says_nothing_is_ticked_whatever_is_written() {
    let mut ticker = Ticker::new(Duration::from_secs(60), 4, true);
    assert_eq!(ticker.check(1, 10, false), TickAction::Nothing);
    assert_eq!(ticker.check(1, 20, false), TickAction::Send);
    assert_eq!(ticker.check(1, 30, true), TickAction::Send);
    assert_eq!(ticker.check(2, 40, true), TickAction::Nothing);
    let mut visible = Ticker::new(Duration::from_secs(60), 4, false);
    assert_eq!(visible.check(1, 10, false), TickAction::Nothing);
    assert_eq!(visible.check(1, 20, false), TickAction::Nothing);
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut ticker = Ticker::new(Duration::from_secs(60), 4, false);
    for check in 0..100_u64 {
        let read = (check + 1) / 4;
        assert_ne!(
            ticker.check(read, 0, true),
            TickAction::Down,
            "check {check}"
        );
    }
}

#[test]
fn down_stays_down_until_something_is_read() {
    let mut ticker = Ticker::new(Duration::from_secs(60), 4, false);
    until_down(&mut ticker, 0);
    assert_eq!(ticker.check(0, 0, false), TickAction::Down);
}
