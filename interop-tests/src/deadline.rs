//! How long may a test wait? Every wait has a deadline, and says what it waited for.

use std::future::Future;
use std::time::Duration;

/// The deadline of an ordinary wait: long enough for a loaded machine, since it is only ever
/// used up by a test that fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Awaits `future` for at most [`DEADLINE`].
///
/// # Panics
///
/// When the deadline passes.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_time(DEADLINE, what, future).await
}

/// Awaits `future` for at most `limit`.
///
/// # Panics
///
/// When the limit passes.
pub async fn within_time<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {limit:?}: {what}"),
    }
}
