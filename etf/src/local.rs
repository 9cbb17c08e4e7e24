//! What a term is that only the runtime which made it can read.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::read::Reader;
use crate::tag;

/// A term in the local external format ("External Term Format", LOCAL_EXT; OTP 26 and later).
///
/// It carries a hash with a secret of the runtime that made it, so it means nothing elsewhere and
/// is kept as bytes, to be given back. Equality, order and hash go by these bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(Bytes);

impl Local {
    /// A local term from what follows the tag: the hash, then the encoded term.
    ///
    /// # Errors
    ///
    /// The bytes are not a hash and a term, or more than that; the offset is into `bytes`.
    pub fn new(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut tagged = Vec::with_capacity(bytes.len().saturating_add(1));
        tagged.push(tag::LOCAL);
        tagged.extend_from_slice(&bytes);
        let mut reader = Reader::new(&tagged);
        let inside = |offset: usize| offset.saturating_sub(1);
        reader
            .skip()
            .map_err(|error| DecodeError::new(error.kind(), inside(error.offset())))?;
        match reader.remaining() {
            [] => Ok(Self(bytes)),
            [next, ..] => {
                let kind = DecodeErrorKind::UnknownTag(*next);
                Err(DecodeError::new(kind, inside(reader.position())))
            }
        }
    }

    /// From bytes that the decoder has walked over already.
    pub(crate) fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// What follows the tag.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hash_and_one_term_make_a_local_term() {
        let new = |bytes: &[u8]| Local::new(Bytes::copy_from_slice(bytes));
        assert!(new(&[1, 2, 3, 4, 97, 5]).is_ok());
        assert!(new(&[1, 2, 3, 4]).unwrap_err().is_eof());
        assert!(new(&[1, 2, 3, 4, 97]).unwrap_err().is_eof());
        assert!(new(&[1, 2, 3, 4, 97, 5, 106]).is_err());
        assert!(new(&[]).unwrap_err().is_eof());
    }
}
