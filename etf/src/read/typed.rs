//! Terms of a type that the caller knows: the frequent encodings of each, without a token.
//!
//! Each function reads one encoding or a few, with nothing wrong, or it reads nothing; then the
//! caller asks for the token, which has all encodings and all errors.

use crate::float::Float;
use crate::ident::Reference;
use crate::tag;

use super::Reader;
use super::cursor::{Cursor, MAX_MAP_LEN};
use super::token::{NodeParts, PidParts, ReferenceParts};

impl<'a> Cursor<'a> {
    /// Goes on at `rest`, one term further.
    #[inline(always)]
    fn past<T>(&mut self, rest: &'a [u8], value: T) -> Option<T> {
        self.rest = rest;
        self.counted(1);
        Some(value)
    }

    /// Goes on at `rest`, behind a header that claims so many terms.
    #[inline(always)]
    fn inside<T>(&mut self, rest: &'a [u8], terms: usize, value: T) -> Option<T> {
        let owed = self.owed.saturating_sub(1).saturating_add(terms);
        if owed > rest.len() {
            return None;
        }
        self.rest = rest;
        self.owed = owed;
        Some(value)
    }

    #[inline(always)]
    fn quick_integer(&mut self) -> Option<i64> {
        match self.rest {
            [tag::SMALL_INTEGER, value, rest @ ..] => self.past(rest, i64::from(*value)),
            [tag::INTEGER, a, b, c, d, rest @ ..] => {
                let value = i32::from_be_bytes([*a, *b, *c, *d]);
                self.past(rest, i64::from(value))
            }
            // Up to eight bytes, and not at the very end of the input, so that eight are there.
            [tag::SMALL_BIG, len @ 1..=8, sign, bytes @ ..] => {
                let unused = 64_u32.saturating_sub(u32::from(*len).saturating_mul(8));
                let eight = u64::from_le_bytes(*bytes.first_chunk()?);
                let magnitude = eight & u64::MAX.checked_shr(unused)?;
                let value = match sign {
                    0 => i64::try_from(magnitude).ok()?,
                    _ => 0_i64.checked_sub_unsigned(magnitude)?,
                };
                self.past(bytes.get(usize::from(*len)..)?, value)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_float(&mut self) -> Option<f64> {
        match self.rest {
            [tag::NEW_FLOAT, bytes @ ..] => {
                let (bits, rest) = bytes.split_first_chunk()?;
                let float = Float::new(f64::from_be_bytes(*bits))?;
                self.past(rest, float.get())
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_binary(&mut self) -> Option<&'a [u8]> {
        match self.rest {
            [tag::BINARY, a, b, c, d, bytes @ ..] => {
                let len = u32::from_be_bytes([*a, *b, *c, *d]);
                let (bytes, rest) = bytes.split_at_checked(len as usize)?;
                self.past(rest, bytes)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_atom(&mut self) -> Option<&'a str> {
        match self.rest {
            [tag::SMALL_ATOM_UTF8, len, bytes @ ..] => {
                let (text, rest) = bytes.split_at_checked(usize::from(*len))?;
                let text = core::str::from_utf8(text).ok()?;
                self.past(rest, text)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_list(&mut self) -> Option<u32> {
        match self.rest {
            [tag::LIST, a, b, c, d, rest @ ..] => match u32::from_be_bytes([*a, *b, *c, *d]) {
                0 => None,
                len => self.inside(rest, (len as usize).saturating_add(1), len),
            },
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_tuple(&mut self) -> Option<u32> {
        match self.rest {
            [tag::SMALL_TUPLE, len, rest @ ..] => {
                self.inside(rest, usize::from(*len), u32::from(*len))
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_map(&mut self) -> Option<u32> {
        match self.rest {
            [tag::MAP, a, b, c, d, rest @ ..] => {
                let len = u32::from_be_bytes([*a, *b, *c, *d]);
                if len > MAX_MAP_LEN {
                    return None;
                }
                self.inside(rest, (len as usize).saturating_mul(2), len)
            }
            _ => None,
        }
    }
}

impl<'a> Cursor<'a> {
    /// The bytes of a pid or reference. The name of its node is not looked at.
    #[inline(always)]
    fn quick_identifier(&mut self) -> Option<&'a [u8]> {
        const PID: usize = 1 + 2 + 12;
        const REFERENCE: usize = 1 + 2 + 2 + 4;
        let len = match self.rest {
            [tag::NEW_PID, tag::SMALL_ATOM_UTF8, name, ..] => {
                PID.saturating_add(usize::from(*name))
            }
            [
                tag::NEWER_REFERENCE,
                0,
                words,
                tag::SMALL_ATOM_UTF8,
                name,
                ..,
            ] => REFERENCE
                .saturating_add(usize::from(*name))
                .saturating_add(usize::from(*words).saturating_mul(4)),
            _ => return None,
        };
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.past(rest, bytes)
    }

    #[inline(always)]
    fn quick_pid(&mut self) -> Option<PidParts<'a>> {
        match self.rest {
            [tag::NEW_PID, rest @ ..] => {
                let mut ahead = Self { rest, ..*self };
                let pid = ahead.new_pid().ok()?;
                self.past(ahead.rest, pid)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn quick_reference(&mut self) -> Option<ReferenceParts<'a>> {
        match self.rest {
            [tag::NEWER_REFERENCE, 0, len @ 1..=MAX_WORDS, rest @ ..] => {
                let mut ahead = Self { rest, ..*self };
                let name = ahead.node_name().ok()?;
                let creation = ahead.u32().ok()?;
                let words = ahead.take(usize::from(*len).saturating_mul(4)).ok()?;
                let reference = ReferenceParts {
                    node: NodeParts { name, creation },
                    words: words.as_chunks().0,
                };
                self.past(ahead.rest, reference)
            }
            _ => None,
        }
    }
}

/// [`Reference::MAX_WORDS`].
const MAX_WORDS: u8 = Reference::MAX_WORDS as u8;

macro_rules! quick {
    ($($(#[$doc:meta])* $function:ident -> $type:ty;)*) => {
        impl<'a> Reader<'a> {
            $(
                $(#[$doc])*
                #[inline(always)]
                pub(crate) fn $function(&mut self) -> Option<$type> {
                    self.cursor.$function()
                }
            )*
        }
    };
}

quick! {
    /// An integer that fits.
    quick_integer -> i64;
    /// A float.
    quick_float -> f64;
    /// A binary.
    quick_binary -> &'a [u8];
    /// The text of an atom.
    quick_atom -> &'a str;
    /// The bytes of a pid or reference, not checked.
    quick_identifier -> &'a [u8];
    /// The header of a list that is not empty.
    quick_list -> u32;
    /// The header of a tuple.
    quick_tuple -> u32;
    /// The header of a map.
    quick_map -> u32;
}

impl Reader<'_> {
    /// Reads the `[]` that ends a proper list, if it is next.
    #[inline(always)]
    pub(crate) fn quick_nil(&mut self) -> bool {
        self.cursor.nil()
    }

    /// Whether an atom of the most frequent encoding is next, or what begins like one.
    #[inline(always)]
    pub(crate) const fn is_atom_next(&self) -> bool {
        matches!(self.cursor.rest, [tag::SMALL_ATOM_UTF8, ..])
    }
}

/// The pid that the bytes begin with, which refer to no table of atoms.
#[inline(always)]
pub(crate) fn quick_pid(bytes: &[u8]) -> Option<PidParts<'_>> {
    Cursor::new(bytes, &[]).quick_pid()
}

/// The reference that the bytes begin with, which refer to no table of atoms.
#[inline(always)]
pub(crate) fn quick_reference(bytes: &[u8]) -> Option<ReferenceParts<'_>> {
    Cursor::new(bytes, &[]).quick_reference()
}
