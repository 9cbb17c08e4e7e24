//! How a term is passed over: by its structure only.
//!
//! What a token says is not looked at. That leaves little to do for each, and so this does not make
//! them: it adds up lengths, and leaves what is rare to the cursor.

use crate::error::DecodeErrorKind as Kind;
use crate::tag;

use super::Nothing;
use super::cursor::{Cursor, MAX_MAP_LEN};

impl<'a> Cursor<'a> {
    /// Moves past the next term with all that is inside. An error comes with what was left of the
    /// input where the token starts that is wrong.
    pub(super) fn skip(&mut self) -> Result<(), (Kind, usize)> {
        let bytes = self.rest;
        let around = self.owed.saturating_sub(1);
        let mut owed = 1_usize;
        let (mut start, mut at) = (0_usize, 0_usize);
        let error = |kind, start| (kind, bytes.len().saturating_sub(start));
        while owed > 0 {
            // Whatever the last one claimed, this shows whether it was there.
            let Some(tag) = bytes.get(at) else {
                let missing = if at == bytes.len() { at } else { start };
                return Err(error(Kind::Eof, missing));
            };
            start = at;
            owed = owed.wrapping_sub(1);
            let more = match step(bytes, at, *tag) {
                Some((next, more)) => {
                    at = next;
                    more
                }
                None => {
                    let mut cursor = Self {
                        rest: bytes.get(at..).unwrap_or_default(),
                        owed: owed.saturating_add(around).saturating_add(1),
                        ..*self
                    };
                    let before = cursor.owed;
                    rare(&mut cursor).map_err(|kind| error(kind, start))?;
                    at = bytes.len().saturating_sub(cursor.rest.len());
                    cursor.owed.saturating_add(1).saturating_sub(before)
                }
            };
            if more > 0 {
                owed = owed.saturating_add(more);
                // Each takes a byte at least.
                if owed.saturating_add(around) > bytes.len().saturating_sub(at) {
                    return Err(error(Kind::Eof, start));
                }
            }
        }
        self.rest = bytes.get(at..).ok_or_else(|| error(Kind::Eof, start))?;
        self.owed = around;
        Ok(())
    }
}

/// Where the token at this position ends, if it is a frequent one, and how many terms it opens. It
/// may end beyond the input.
#[inline(always)]
fn step(bytes: &[u8], at: usize, tag: u8) -> Option<(usize, usize)> {
    let fixed = |len: usize| Some((at.saturating_add(len), 0));
    match tag {
        tag::SMALL_INTEGER => fixed(2),
        tag::INTEGER => fixed(5),
        tag::NEW_FLOAT => fixed(9),
        tag::NIL => fixed(1),
        tag::SMALL_ATOM_UTF8 => fixed(short(bytes, at.wrapping_add(1))?.wrapping_add(2)),
        tag::BINARY => fixed(long(bytes, at.wrapping_add(1))?.saturating_add(5)),
        tag::STRING => {
            let len = u16::from_be_bytes(*chunk(bytes, at.wrapping_add(1))?);
            fixed(usize::from(len).wrapping_add(3))
        }
        tag::SMALL_BIG => fixed(short(bytes, at.wrapping_add(1))?.wrapping_add(3)),
        tag::SMALL_TUPLE => Some((at.wrapping_add(2), short(bytes, at.wrapping_add(1))?)),
        tag::LIST => {
            // The tail is one more.
            let len = long(bytes, at.wrapping_add(1))?.saturating_add(1);
            Some((at.wrapping_add(5), len))
        }
        tag::MAP => {
            let len = long(bytes, at.wrapping_add(1))?;
            if len > MAX_MAP_LEN as usize {
                return None;
            }
            Some((at.wrapping_add(5), len.saturating_mul(2)))
        }
        tag::NEW_PID => {
            let name = name(bytes, at.wrapping_add(1))?;
            fixed(name.wrapping_add(13))
        }
        tag::NEWER_REFERENCE => {
            let len = u16::from_be_bytes(*chunk(bytes, at.wrapping_add(1))?);
            let words = usize::from(len).wrapping_mul(4);
            let name = name(bytes, at.wrapping_add(3)).filter(|_| len <= 5)?;
            fixed(name.wrapping_add(words).wrapping_add(7))
        }
        _ => None,
    }
}

/// How long the name of a node is, if it is of the frequent form.
#[inline(always)]
fn name(bytes: &[u8], at: usize) -> Option<usize> {
    match chunk(bytes, at)? {
        [tag::SMALL_ATOM_UTF8, len] => Some(usize::from(*len).wrapping_add(2)),
        _ => None,
    }
}

#[inline(always)]
fn short(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at).map(|len| usize::from(*len))
}

#[inline(always)]
fn long(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(*chunk(bytes, at)?) as usize)
}

#[inline(always)]
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

#[inline(never)]
fn rare(cursor: &mut Cursor<'_>) -> Result<(), Kind> {
    cursor.visit(&mut Nothing)
}
