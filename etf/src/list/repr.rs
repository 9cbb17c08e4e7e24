//! The forms in which a list is kept: a tag, and what 14 more bytes can hold or point at.
//!
//! A pointer to a slice is two words, which leaves no room for a tag. So bytes and short lists are
//! in blocks of a size that the tag tells, and only long ones take a second allocation.

use alloc::boxed::Box;

use bytes::Bytes;

use crate::term::Term;

use super::View;

/// The most bytes that are kept without an allocation.
pub(crate) const INLINE: usize = 14;

// With the eight bytes that most allocators add, these make 64 and 128. More sizes would save
// memory and cost time: which one it will be is hard to foresee.
const SMALL: usize = 56;
const LARGE: usize = 120;

/// Up to so many bytes, and whatever stands behind them.
pub(crate) type Block<const N: usize> = [u8; N];

pub(super) enum Repr {
    /// `[]`, which has no other form.
    Nil,
    /// A proper list of up to [`INLINE`] bytes.
    Inline { len: u8, bytes: Block<INLINE> },
    /// A proper list of more bytes.
    Small { len: u8, bytes: Box<Block<SMALL>> },
    /// The same.
    Large { len: u8, bytes: Box<Block<LARGE>> },
    /// A proper list of more than [`LARGE`] bytes.
    Bytes(Box<Bytes>),
    /// A proper list of so many terms.
    One(Box<[Term; 1]>),
    /// The same.
    Two(Box<[Term; 2]>),
    /// The same.
    Three(Box<[Term; 3]>),
    /// The same.
    Four(Box<[Term; 4]>),
    /// The same.
    Five(Box<[Term; 5]>),
    /// The same.
    Six(Box<[Term; 6]>),
    /// A proper list of more terms.
    Many(Box<Box<[Term]>>),
    /// One element, then the tail, which is no list.
    Pair(Box<[Term; 2]>),
    /// More elements, then the tail, which is no list.
    Improper(Box<Box<[Term]>>),
}

/// How many bytes a short list has, and the block that starts with them.
pub(crate) enum Short<'a> {
    Inline(u8, &'a Block<INLINE>),
    Small(u8, &'a Block<SMALL>),
    Large(u8, &'a Block<LARGE>),
}

impl Repr {
    /// Of the first `len` of these bytes, if they are there, not none, and no more than [`LARGE`].
    ///
    /// A whole block is copied if there are as many bytes, because a copy of a known length takes
    /// no call.
    #[inline(always)]
    pub(super) fn short(len: usize, all: &[u8]) -> Option<Self> {
        let bytes = all.get(..len)?;
        let counted = len as u8;
        Some(match len {
            0 => return None,
            1..=INLINE => {
                let bytes = match all.first_chunk() {
                    Some(block) => *block,
                    None => padded(bytes),
                };
                Self::Inline {
                    len: counted,
                    bytes,
                }
            }
            len if len <= SMALL => {
                let bytes = block(bytes, all);
                Self::Small {
                    len: counted,
                    bytes,
                }
            }
            len if len <= LARGE => {
                let bytes = block(bytes, all);
                Self::Large {
                    len: counted,
                    bytes,
                }
            }
            _ => return None,
        })
    }

    /// The proper list of these terms.
    #[inline]
    pub(super) fn slice(terms: Box<[Term]>) -> Self {
        match terms.len() {
            0 => Self::Nil,
            1 => terms.try_into().map_or_else(Self::many, Self::One),
            2 => terms.try_into().map_or_else(Self::many, Self::Two),
            3 => terms.try_into().map_or_else(Self::many, Self::Three),
            4 => terms.try_into().map_or_else(Self::many, Self::Four),
            5 => terms.try_into().map_or_else(Self::many, Self::Five),
            6 => terms.try_into().map_or_else(Self::many, Self::Six),
            _ => Self::many(terms),
        }
    }

    fn many(terms: Box<[Term]>) -> Self {
        Self::Many(Box::new(terms))
    }

    /// Of at least one element, then the tail, which is no list.
    pub(super) fn improper(terms: Box<[Term]>) -> Self {
        match terms.try_into() {
            Ok(pair) => Self::Pair(pair),
            Err(terms) => Self::Improper(Box::new(terms)),
        }
    }

    #[inline(always)]
    pub(super) fn view(&self) -> View<'_> {
        match self {
            Self::Nil => View::Nil,
            Self::Inline { len, bytes } => View::Bytes(first(bytes, *len)),
            Self::Small { len, bytes } => View::Bytes(first(bytes, *len)),
            Self::Large { len, bytes } => View::Bytes(first(bytes, *len)),
            Self::Bytes(bytes) => View::Bytes(bytes),
            Self::One(terms) => View::Slice(&**terms),
            Self::Two(terms) => View::Slice(&**terms),
            Self::Three(terms) => View::Slice(&**terms),
            Self::Four(terms) => View::Slice(&**terms),
            Self::Five(terms) => View::Slice(&**terms),
            Self::Six(terms) => View::Slice(&**terms),
            Self::Many(terms) => View::Slice(terms),
            Self::Pair(terms) => View::Improper(&**terms),
            Self::Improper(terms) => View::Improper(terms),
        }
    }

    /// The bytes, if this is a short list of them.
    #[inline(always)]
    pub(super) fn as_short(&self) -> Option<Short<'_>> {
        Some(match self {
            Self::Inline { len, bytes } => Short::Inline(*len, bytes),
            Self::Small { len, bytes } => Short::Small(*len, bytes),
            Self::Large { len, bytes } => Short::Large(*len, bytes),
            _ => return None,
        })
    }

    /// How many bytes there are, if this is a short list of them.
    #[inline(always)]
    pub(super) fn short_len(&self) -> Option<u8> {
        match self {
            Self::Inline { len, .. } | Self::Small { len, .. } | Self::Large { len, .. } => {
                Some(*len)
            }
            _ => None,
        }
    }

    /// All terms held, the tail of an improper list last.
    pub(super) fn terms_mut(&mut self) -> &mut [Term] {
        match self {
            Self::Nil
            | Self::Inline { .. }
            | Self::Small { .. }
            | Self::Large { .. }
            | Self::Bytes(_) => &mut [],
            Self::One(terms) => &mut **terms,
            Self::Two(terms) | Self::Pair(terms) => &mut **terms,
            Self::Three(terms) => &mut **terms,
            Self::Four(terms) => &mut **terms,
            Self::Five(terms) => &mut **terms,
            Self::Six(terms) => &mut **terms,
            Self::Many(terms) | Self::Improper(terms) => terms,
        }
    }

    /// The same by value, or the list itself if it has none.
    #[inline(always)]
    pub(super) fn into_terms(self) -> Result<Box<[Term]>, Self> {
        Ok(match self {
            Self::One(terms) => terms,
            Self::Two(terms) | Self::Pair(terms) => terms,
            Self::Three(terms) => terms,
            Self::Four(terms) => terms,
            Self::Five(terms) => terms,
            Self::Six(terms) => terms,
            Self::Many(terms) | Self::Improper(terms) => *terms,
            other => return Err(other),
        })
    }

    /// Whether there are terms inside.
    #[inline(always)]
    pub(super) fn has_terms(&self) -> bool {
        !matches!(
            self,
            Self::Nil
                | Self::Inline { .. }
                | Self::Small { .. }
                | Self::Large { .. }
                | Self::Bytes(_)
        )
    }

    /// Whether this owns no memory.
    #[inline(always)]
    pub(super) fn is_inline(&self) -> bool {
        matches!(self, Self::Nil | Self::Inline { .. })
    }

    /// The same list around other terms, which are as many and, at the tail, no list either.
    pub(super) fn rebuild(&self, make: impl FnOnce(&[Term]) -> Box<[Term]>) -> Self {
        match self {
            Self::Nil => Self::Nil,
            Self::Inline { len, bytes } => Self::Inline {
                len: *len,
                bytes: *bytes,
            },
            Self::Small { len, bytes } => Self::Small {
                len: *len,
                bytes: bytes.clone(),
            },
            Self::Large { len, bytes } => Self::Large {
                len: *len,
                bytes: bytes.clone(),
            },
            Self::Bytes(bytes) => Self::Bytes(bytes.clone()),
            terms => match terms.view() {
                View::Slice(terms) => Self::slice(make(terms)),
                View::Improper(terms) => Self::improper(make(terms)),
                View::Nil | View::Bytes(_) => Self::Nil,
            },
        }
    }
}

/// How much memory a proper list of so many bytes takes outside, the bytes of a long one aside.
pub(crate) const fn bytes_outside(len: usize) -> usize {
    match len {
        0..=INLINE => 0,
        len if len <= SMALL => SMALL,
        len if len <= LARGE => LARGE,
        _ => size_of::<Bytes>(),
    }
}

/// How much memory a list takes at most beside its terms.
pub(crate) const LIST: usize = size_of::<Box<[Term]>>();

#[inline(always)]
fn first<const N: usize>(bytes: &Block<N>, len: u8) -> &[u8] {
    bytes.get(..usize::from(len)).unwrap_or_default()
}

/// These bytes in a block of their own.
#[inline(always)]
fn block<const N: usize>(bytes: &[u8], all: &[u8]) -> Box<Block<N>> {
    match all.first_chunk() {
        Some(block) => Box::new(*block),
        None => Box::new(padded(bytes)),
    }
}

#[inline(never)]
fn padded<const N: usize>(bytes: &[u8]) -> Block<N> {
    let mut block = [0; N];
    for (slot, byte) in block.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    block
}
