//! What a term is that only the runtime which made it can read.

use bytes::Bytes;

/// A term in the local external format ("External Term Format", LOCAL_EXT; OTP 26 and later).
///
/// It carries a hash with a secret of the runtime that made it, so it means nothing elsewhere and
/// is kept as bytes, to be given back. Equality, order and hash go by these bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(Bytes);

impl Local {
    /// A local term from what follows the tag: the hash, then the encoded term.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// What follows the tag.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}
