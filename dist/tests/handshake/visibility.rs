//! When is a connection visible, and who is ticked on it? Two cores, from the handshake to the
//! ticks, on a virtual clock.

use core::time::Duration;

use erland_dist::{Flags, Identity, TickAction, Ticker};

use crate::pair::{Setting, shake_hands};
use crate::support::{ACCEPTOR, INITIATOR, identity};

fn published(text: &str, published: bool) -> Identity {
    let mut identity = identity(text);
    if published {
        identity.flags = identity.flags | Flags::PUBLISHED;
    }
    identity
}

#[test]
fn a_connection_is_visible_only_if_both_are() {
    for (dialler, dialled) in [(false, false), (false, true), (true, false), (true, true)] {
        let outcome = shake_hands(Setting {
            dialler: published(INITIATOR, dialler),
            dialled: published(ACCEPTOR, dialled),
            ..Setting::default()
        });
        let (up, accepted) = (outcome.dialler.negotiated(), outcome.dialled.negotiated());
        assert_eq!(up.is_hidden(), !(dialler && dialled));
        assert_eq!(accepted.is_hidden(), up.is_hidden());
        // What each side announced is known all the same.
        assert_eq!(accepted.peer_flags.contains(Flags::PUBLISHED), dialler);
        assert_eq!(up.peer_flags.contains(Flags::PUBLISHED), dialled);
    }
}

/// One end of a connection: what it has read and written, and its ticks.
struct End {
    ticker: Ticker,
    read: u64,
    written: u64,
    ticks: u32,
    next: Duration,
}

impl End {
    fn new(hidden: bool, random: u32) -> End {
        let ticker = Ticker::new(Duration::from_secs(60), 4, hidden);
        let next = ticker.first_check(random);
        let (read, written, ticks) = (0, 0, 0);
        End {
            ticker,
            read,
            written,
            ticks,
            next,
        }
    }
}

/// `talks` writes something every second and the other end nothing of its own, for ten minutes;
/// nothing is lost on the way. The ticks that each end sent.
fn one_talks(hidden: bool, randoms: [u32; 2], talks: usize) -> [u32; 2] {
    let mut ends = randoms.map(|random| End::new(hidden, random));
    for second in 0..600_u64 {
        let now = Duration::from_secs(second);
        let mut said = [0, 0];
        said[talks] = 100;
        for (end, said) in ends.iter_mut().zip(&mut said) {
            end.written += *said;
            while end.next <= now {
                match end.ticker.check(end.read, end.written, false) {
                    TickAction::Nothing => {}
                    TickAction::Send => {
                        end.ticks += 1;
                        end.written += 4;
                        *said += 4;
                    }
                    TickAction::Down => panic!("found dead while it talks"),
                }
                end.next += end.ticker.interval();
            }
        }
        let [one, other] = said;
        ends[0].read += other;
        ends[1].read += one;
    }
    ends.map(|end| end.ticks)
}

/// `need_to_tick/4`: who talks sends no ticks to a visible peer, and sends them to a hidden one that
/// says nothing between two checks.
#[test]
fn a_hidden_peer_is_ticked_beside_the_traffic_if_it_says_nothing() {
    // The listener ticks once per interval on either kind of connection, at about the time of its
    // first check; so what the talker hears between its checks depends on the two phases.
    for randoms in [[0, 0], [0, u32::MAX], [1 << 31, 7], [u32::MAX, 1 << 30]] {
        for talks in [0, 1] {
            for hidden in [false, true] {
                let ticks = one_talks(hidden, randoms, talks);
                // The listener ticks from its second check on: it may not be heard at one.
                assert!(ticks[talks] <= u32::from(hidden), "{ticks:?}");
                assert!(ticks[1 - talks] >= 38, "{ticks:?}");
            }
        }
    }
    // And one that does not tick at all.
    for (hidden, ticked) in [(false, 0), (true, 3)] {
        let mut ticker = Ticker::new(Duration::from_secs(60), 4, hidden);
        let (mut ticks, mut written) = (0, 0);
        loop {
            written += 100;
            match ticker.check(0, written, true) {
                TickAction::Nothing => {}
                TickAction::Send => ticks += 1,
                TickAction::Down => break,
            }
        }
        assert_eq!(ticks, ticked);
    }
}
