//! Bytes of a length that is frequent in names and short texts, in one allocation.

use alloc::sync::Arc;

/// The longest that is kept so. With the counters and the length it makes 64 bytes.
pub(crate) const MEDIUM: usize = 47;

/// Up to [`MEDIUM`] bytes behind one counted pointer; a shared slice would take a second
/// allocation, because its pointer is two words.
#[derive(Clone)]
pub(crate) struct Medium(Arc<Text>);

struct Text {
    len: u8,
    bytes: [u8; MEDIUM],
}

impl Medium {
    /// A copy of these bytes, if they are few enough.
    #[inline]
    pub(crate) fn new(from: &[u8]) -> Option<Self> {
        let mut bytes = [0; MEDIUM];
        bytes.get_mut(..from.len())?.copy_from_slice(from);
        let len = from.len() as u8;
        Some(Self(Arc::new(Text { len, bytes })))
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        let Text { len, bytes } = &*self.0;
        bytes.get(..usize::from(*len)).unwrap_or_default()
    }

    /// Whether both are the same allocation.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
