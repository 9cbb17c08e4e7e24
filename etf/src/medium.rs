//! Bytes of a length that is frequent in names and short texts, in one allocation.

use alloc::sync::Arc;

/// The longest that is kept so. With the two counters it makes 64 bytes.
pub(crate) const MEDIUM: usize = 48;

/// Up to [`MEDIUM`] bytes with zeros behind them, behind one counted pointer. A shared slice would
/// take a second allocation, because its pointer is two words. How many bytes count is kept where
/// the pointer is.
pub(crate) type Medium = Arc<[u8; MEDIUM]>;

/// A copy of these bytes with zeros behind them, and how many there are, if they are few enough.
#[inline]
pub(crate) fn medium(from: &[u8]) -> Option<(u8, Medium)> {
    let mut bytes = [0; MEDIUM];
    bytes.get_mut(..from.len())?.copy_from_slice(from);
    Some((from.len() as u8, Arc::new(bytes)))
}
