//! What a binary and a bit string are in memory.
//!
//! Both hold bytes only; how they are cut out of a received frame is the reader's decision.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use bytes::Bytes;

use crate::medium::{MEDIUM, Medium, medium};

/// The longest binary that is kept inside the 16 bytes of a [`Binary`].
pub(crate) const INLINE: usize = 14;

/// An Erlang binary: bytes, in a handle of 16 bytes.
///
/// Up to 14 bytes are kept inline, up to 48 in one allocation that clones share. Longer ones share
/// a [`Bytes`]: a clone counts a reference and copies nothing, and a binary decoded out of a
/// received frame may keep that whole frame alive ([`detach`](Self::detach) copies it out).
/// Equality, order and hash go by the bytes alone.
///
/// ```
/// use erland_etf::Binary;
///
/// let binary = Binary::from(b"hello".to_vec());
/// assert_eq!(&binary[1..3], b"el");
/// ```
#[derive(Clone)]
pub struct Binary(Repr);

// The length alone says which one it is.
#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Medium { len: u8, bytes: Medium },
    Shared(Arc<Bytes>),
}

/// The bytes of a [`Binary`].
pub(crate) enum View<'a> {
    /// So many bytes, and zeros behind them.
    Inline(u8, &'a [u8; INLINE]),
    /// So many bytes, and zeros behind them.
    Medium(u8, &'a [u8; MEDIUM]),
    Long(&'a [u8]),
}

impl Binary {
    /// The empty binary, `<<>>`.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Inline {
            len: 0,
            bytes: [0; INLINE],
        })
    }

    /// A binary with a copy of these bytes.
    #[must_use]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        match Repr::copied(bytes) {
            Some(repr) => Self(repr),
            None => Self(Repr::Shared(Arc::new(Bytes::copy_from_slice(bytes)))),
        }
    }

    /// The binary whose bytes are the lowest of this word, the others being zeros.
    #[inline(always)]
    pub(crate) const fn from_inline(len: u8, word: u128) -> Self {
        let [bytes @ .., _, _] = word.to_le_bytes();
        Self(Repr::Inline { len, bytes })
    }

    /// How the bytes are kept, for code that treats the forms differently.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        match &self.0 {
            Repr::Inline { len, bytes } => View::Inline(*len, bytes),
            Repr::Medium { len, bytes } => View::Medium(*len, bytes),
            Repr::Shared(bytes) => View::Long(bytes),
        }
    }

    /// Whether there is a reference to be counted.
    #[inline(always)]
    pub(crate) const fn is_shared(&self) -> bool {
        !matches!(self.0, Repr::Inline { .. })
    }

    /// How many bytes there are; as the slice tells, but without looking behind a pointer.
    #[inline(always)]
    pub(crate) fn byte_len(&self) -> usize {
        match &self.0 {
            Repr::Inline { len, .. } | Repr::Medium { len, .. } => usize::from(*len),
            Repr::Shared(bytes) => bytes.len(),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Medium { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The bytes as a shared handle: no copy for more than 48 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline { .. } | Repr::Medium { .. } => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) => Bytes::clone(bytes),
        }
    }

    /// A copy that owns exactly its bytes and keeps no received frame alive.
    ///
    /// Worth it before a small part of a large message is kept for long.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self::copy_from_slice(self)
    }
}

impl Repr {
    /// A copy of these bytes, if they are too few to share what they are part of.
    fn copied(from: &[u8]) -> Option<Self> {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..from.len()) {
            Some(slot) => {
                slot.copy_from_slice(from);
                let len = from.len() as u8;
                Some(Self::Inline { len, bytes })
            }
            None => medium(from).map(|(len, bytes)| Self::Medium { len, bytes }),
        }
    }
}

impl Default for Binary {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Binary {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Bytes> for Binary {
    /// Keeps the handle, and what it keeps alive, if there are more than 48 bytes.
    fn from(bytes: Bytes) -> Self {
        match Repr::copied(&bytes) {
            Some(repr) => Self(repr),
            None => Self(Repr::Shared(Arc::new(bytes))),
        }
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_from_slice(bytes)
    }
}

impl From<&str> for Binary {
    fn from(text: &str) -> Self {
        Self::copy_from_slice(text.as_bytes())
    }
}

impl PartialEq for Binary {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Binary {}

impl Ord for Binary {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl PartialOrd for Binary {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Binary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialEq<[u8]> for Binary {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl PartialEq<&[u8]> for Binary {
    fn eq(&self, other: &&[u8]) -> bool {
        **self == **other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Binary {
    fn eq(&self, other: &[u8; N]) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Binary {
    fn eq(&self, other: &&[u8; N]) -> bool {
        **self == **other
    }
}

/// A string of bits whose number is no multiple of eight, such as `<<1, 2:3>>`.
///
/// One that is a multiple of eight is a [`Binary`]; the constructor takes no such thing, so that
/// every Erlang bit string has one form here ("External Term Format", BIT_BINARY_EXT).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BitString {
    // The unused low bits of the last byte are zero.
    bytes: Binary,
    last_bits: u8,
}

impl BitString {
    /// Bits from bytes, of the last of which only the `last_bits` highest count.
    ///
    /// The other bits of the last byte may have any value, as on the wire; if they are not zero
    /// already, the bytes are copied to make them so.
    ///
    /// # Errors
    ///
    /// [`BitStringError::Empty`] without a last byte, [`BitStringError::Bits`] if `last_bits` is
    /// not in 1..=7.
    pub fn new(bytes: Binary, last_bits: u8) -> Result<Self, BitStringError> {
        if !(1..=7).contains(&last_bits) {
            return Err(BitStringError::Bits);
        }
        let last = *bytes.last().ok_or(BitStringError::Empty)?;
        let clean = last & !(0xff_u8 >> last_bits);
        if clean == last {
            return Ok(Self { bytes, last_bits });
        }
        let mut copy = bytes.to_vec();
        if let Some(slot) = copy.last_mut() {
            *slot = clean;
        }
        Ok(Self {
            bytes: copy.into(),
            last_bits,
        })
    }

    /// All bytes, the last of which has only its [`last_bits`](Self::last_bits) highest bits used
    /// and the others zero.
    #[must_use]
    pub fn bytes(&self) -> &Binary {
        &self.bytes
    }

    /// How many bits of the last byte count: 1..=7.
    #[must_use]
    pub fn last_bits(&self) -> u8 {
        self.last_bits
    }

    /// The number of bits.
    #[must_use]
    pub fn bit_len(&self) -> u64 {
        (self.bytes.len() as u64) * 8 - 8 + u64::from(self.last_bits)
    }
}

/// Why bytes and a bit count are no [`BitString`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BitStringError {
    /// There is no last byte to take bits of.
    #[error("a bit string has at least one byte")]
    Empty,
    /// The bits used of the last byte are not 1 to 7.
    #[error("a bit string uses 1 to 7 bits of its last byte")]
    Bits,
}

impl Ord for BitString {
    /// Bit by bit; a prefix is smaller.
    fn cmp(&self, other: &Self) -> Ordering {
        compare_bits(
            (&self.bytes, self.last_bits),
            (&other.bytes, other.last_bits),
        )
    }
}

impl PartialOrd for BitString {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Erlang's order of bit strings, each as its bytes and the number of bits used in the last one;
/// a binary uses eight. Unused bits are zero.
pub(crate) fn compare_bits((a, a_bits): (&[u8], u8), (b, b_bits): (&[u8], u8)) -> Ordering {
    // With zeros behind the last bit, comparing bytes is comparing bits, except that a prefix may
    // compare as equal; then the shorter one is smaller.
    a.cmp(b).then(a_bits.cmp(&b_bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn how_the_bytes_are_held_never_shows() {
        for len in [0, 1, 14, 15, 64] {
            let bytes: Vec<u8> = (0..len).collect();
            let a = Binary::copy_from_slice(&bytes);
            let b = Binary::from(Bytes::from(bytes.clone()).slice(..));
            assert_eq!(a, b);
            assert_eq!(a, bytes[..]);
            assert_eq!(a.to_bytes(), bytes);
            assert_eq!(a.detach(), a);
            assert_eq!(matches!(a.0, Repr::Inline { .. }), len <= 14);
            assert_eq!(matches!(b.0, Repr::Inline { .. }), len <= 14);
        }
    }

    #[test]
    fn a_clone_shares_and_a_detached_binary_does_not() {
        let frame = Bytes::from(vec![7; 100]);
        let part = Binary::from(frame.slice(10..60));
        assert_eq!(part.clone().as_ptr(), part.as_ptr());
        assert_eq!(part.to_bytes().as_ptr(), part.as_ptr());
        assert!(!frame.is_unique());
        let detached = part.detach();
        drop(part);
        assert!(frame.is_unique());
        assert_eq!(detached, [7; 50]);
    }

    #[test]
    fn unused_bits_are_cleared() {
        let bits = |bytes: &[u8], last_bits| BitString::new(bytes.into(), last_bits);
        assert_eq!(bits(&[1, 0xff], 3), bits(&[1, 0xe0], 3));
        let long = bits(&[0xff; 20], 1).unwrap();
        assert_eq!(long.bytes().last_chunk(), Some(&[0xff, 0x80]));
        assert_eq!(bits(&[1, 0xff], 3).unwrap().bit_len(), 11);
        assert_eq!(bits(&[], 3), Err(BitStringError::Empty));
        assert_eq!(bits(&[1], 0), Err(BitStringError::Bits));
        assert_eq!(bits(&[1], 8), Err(BitStringError::Bits));
    }

    #[test]
    fn bits_compare_one_by_one_and_a_prefix_is_smaller() {
        // <<>>, <<0:1>>, <<0:7>>, <<0>>, <<0, 0:1>>, <<1:7>>, <<3:7>>, <<6>>, <<7>>, <<1:1>>, <<255>>
        let ascending: [(&[u8], u8); 11] = [
            (&[], 8),
            (&[0], 1),
            (&[0], 7),
            (&[0], 8),
            (&[0, 0], 1),
            (&[2], 7),
            (&[6], 7),
            (&[6], 8),
            (&[7], 8),
            (&[0x80], 1),
            (&[0xff], 8),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(compare_bits(*a, *b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
