//! Which epmds does this node rely on, and which of them are just now away?
//!
//! An epmd that is embedded in a node ends with it. Until another node of that host has taken the
//! port over, nobody answers there; until the nodes have registered again, the new one does not
//! know them. Neither says anything about a node that is looked up meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Mutex;

/// By then every node has registered again: those of OTP try 2 s after the loss and, if there was
/// no epmd yet, 2 s later (`erl_epmd`); ours are not slower. One second is to spare.
const RETURN: Duration = Duration::from_secs(5);

/// More hosts than a cluster has. What is beyond is looked up once.
const MAX: usize = 4096;

/// What is known of each epmd that has answered.
#[derive(Debug, Default)]
pub(crate) struct Epmds(Mutex<HashMap<SocketAddr, Known>>);

#[derive(Debug, Default)]
struct Known {
    /// When it was last found to be away.
    away: Option<Instant>,
}

impl Epmds {
    /// It has answered, whatever the answer was.
    pub(crate) fn answers(&self, addr: SocketAddr) {
        let mut known = self.0.lock();
        if known.len() < MAX || known.contains_key(&addr) {
            known.entry(addr).or_default();
        }
    }

    /// Nobody answers there. Whether it is likely to return, because it has answered before.
    pub(crate) fn away(&self, addr: SocketAddr) -> bool {
        match self.0.lock().get_mut(&addr) {
            Some(known) => {
                known.away = Some(Instant::now());
                true
            }
            None => false,
        }
    }

    /// It did not return for as long as a look-up could wait. The next one will not wait.
    pub(crate) fn forget(&self, addr: SocketAddr) {
        self.0.lock().remove(&addr);
    }

    /// Whether it returned so lately that it may not know all its nodes again.
    pub(crate) fn returned(&self, addr: SocketAddr) -> bool {
        let known = self.0.lock();
        let away = known.get(&addr).and_then(|known| known.away);
        away.is_some_and(|away| away.elapsed() < RETURN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[tokio::test(start_paused = true)]
    async fn only_one_that_has_answered_is_waited_for() {
        let epmds = Epmds::default();
        assert!(!epmds.away(addr(1)));
        assert!(!epmds.returned(addr(1)));
        epmds.answers(addr(1));
        assert!(!epmds.returned(addr(1)), "it was never away");
        assert!(epmds.away(addr(1)));
        assert!(!epmds.away(addr(2)));
        epmds.forget(addr(1));
        assert!(!epmds.away(addr(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_away_is_believed_again_after_a_while() {
        let epmds = Epmds::default();
        epmds.answers(addr(1));
        assert!(epmds.away(addr(1)));
        epmds.answers(addr(1));
        assert!(
            epmds.returned(addr(1)),
            "an answer alone does not bring the names back"
        );
        tokio::time::advance(RETURN - Duration::from_millis(1)).await;
        assert!(epmds.returned(addr(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!epmds.returned(addr(1)));
    }

    #[test]
    fn it_has_a_bound() {
        let epmds = Epmds::default();
        for port in 0..=u16::try_from(MAX).expect("small") {
            epmds.answers(addr(port));
        }
        assert!(!epmds.away(addr(u16::try_from(MAX).expect("small"))));
        assert!(epmds.away(addr(0)));
    }
}
