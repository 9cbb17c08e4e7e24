//! Who may be in a handshake at the same time? So many, and among them each address its share.
//!
//! A connection is always accepted. When all places are taken, the address that holds most of them
//! gives up its oldest one for the newcomer, whoever that is. So neither many connections that say
//! nothing nor such that never finish keep a node out: a handshake takes a few round trips, and in
//! that time the flood would have to bring as many newcomers as there are places, from the node's
//! own address or from as many addresses as there are places.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::sync::Mutex;

/// How many strangers may be in a handshake at once.
const MAX_HANDSHAKES: usize = 64;

/// The handshakes that are under way with peers that dialled us.
#[derive(Debug)]
pub(crate) struct Handshakes {
    places: Arc<Semaphore>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Those that may be sent away, the oldest first.
    strangers: VecDeque<Stranger>,
    admitted: u64,
}

#[derive(Debug)]
struct Stranger {
    number: u64,
    from: IpAddr,
    sent_away: Arc<Notify>,
}

/// The right to shake hands, until it is dropped.
#[derive(Debug)]
pub(super) struct Admission {
    handshakes: Arc<Handshakes>,
    number: u64,
    sent_away: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

impl Handshakes {
    pub(crate) fn new() -> Arc<Handshakes> {
        Arc::new(Handshakes {
            places: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            table: Mutex::default(),
        })
    }

    /// A place for a peer at this address; `None` once the node is gone.
    ///
    /// Waits for whoever was sent away to leave, and if nobody can be sent away, because all have
    /// proved that they know the cookie, for the next one to finish.
    pub(super) async fn admit(self: &Arc<Handshakes>, from: IpAddr) -> Option<Admission> {
        if self.places.available_permits() == 0
            && let Some(stranger) = self.table.lock().send_one_away()
        {
            stranger.sent_away.notify_one();
        }
        // Closed only with the node itself.
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let sent_away = Arc::new(Notify::new());
        let mut table = self.table.lock();
        table.admitted += 1;
        let number = table.admitted;
        table.strangers.push_back(Stranger {
            number,
            from,
            sent_away: Arc::clone(&sent_away),
        });
        drop(table);
        Some(Admission {
            handshakes: Arc::clone(self),
            number,
            sent_away,
            _place: place,
        })
    }
}

impl Admission {
    /// Waits until the place is to be given up for another peer.
    pub(super) async fn sent_away(&self) {
        self.sent_away.notified().await;
    }

    /// From here on nobody is sent away from this place; false if that has happened already.
    pub(super) fn keep(&self) -> bool {
        let mut table = self.handshakes.table.lock();
        let place = table
            .strangers
            .iter()
            .position(|stranger| stranger.number == self.number);
        place
            .and_then(|place| table.strangers.remove(place))
            .is_some()
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let _kept = self.keep();
    }
}

impl Table {
    /// The oldest of the address that has most places; of several such addresses, of the one whose
    /// oldest is the oldest.
    fn send_one_away(&mut self) -> Option<Stranger> {
        let mut places: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in &self.strangers {
            *places.entry(stranger.from).or_default() += 1;
        }
        let most = places.values().copied().max()?;
        let oldest = self
            .strangers
            .iter()
            .position(|stranger| places.get(&stranger.from) == Some(&most))?;
        self.strangers.remove(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(addresses: &[u8]) -> Table {
        let mut table = Table::default();
        for (number, last) in (0..).zip(addresses) {
            table.strangers.push_back(Stranger {
                number,
                from: IpAddr::from([127, 0, 0, *last]),
                sent_away: Arc::default(),
            });
        }
        table
    }

    fn sent_away(addresses: &[u8]) -> Vec<u64> {
        let mut table = table(addresses);
        std::iter::from_fn(|| table.send_one_away().map(|stranger| stranger.number)).collect()
    }

    #[test]
    fn the_oldest_of_the_address_with_most_places_goes_first() {
        assert_eq!(sent_away(&[]), [] as [u64; 0]);
        assert_eq!(sent_away(&[1, 1, 1]), [0, 1, 2]);
        // The second address keeps its two places until the first has no more than two.
        assert_eq!(sent_away(&[2, 1, 1, 2, 1, 1]), [1, 2, 0, 4, 3, 5]);
        // One each: the oldest.
        assert_eq!(sent_away(&[3, 1, 2]), [0, 1, 2]);
    }

    #[tokio::test]
    async fn who_keeps_a_place_is_not_sent_away() {
        let handshakes = Handshakes::new();
        let from = IpAddr::from([127, 0, 0, 1]);
        let mut admitted = VecDeque::new();
        for _ in 0..MAX_HANDSHAKES {
            admitted.push_back(handshakes.admit(from).await.expect("a place"));
        }
        assert!(admitted[0].keep());
        let mut newcomer = Box::pin(handshakes.admit(from));
        tokio::select! {
            biased;
            _ = &mut newcomer => panic!("there is no place"),
            () = admitted[1].sent_away() => {}
        }
        assert!(!admitted[1].keep(), "too late");
        drop(admitted.remove(1));
        let newcomer = newcomer.await.expect("a place");
        assert!(newcomer.keep());
        assert!(!newcomer.keep(), "once");
    }
}
