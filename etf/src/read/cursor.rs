//! How bytes become tokens, with `rare.rs`. Beside them, `skip.rs` and `typed.rs` read the frequent
//! tags without making tokens; what they do not know they leave to this file.

use core::fmt;

use crate::atom::{Atom, INLINE, MAX_ATOM_CHARACTERS};
use crate::error::DecodeErrorKind as Kind;
use crate::float::Float;
use crate::tag;

use super::token::{AtomText, NodeParts, PidParts, Text, Token};

/// What every step returns; the reader adds the offset.
pub(crate) type Step<T> = Result<T, Kind>;

/// What is done with a token.
///
/// Tokens are large enough that handing one on costs more than reading it. A visitor is inlined
/// where the kind of the token is known, so that most of it is never made.
pub(crate) trait Visit<'a> {
    /// What becomes of a token.
    type Output;

    /// To be inlined, once for each kind of token that is frequent.
    fn visit(&mut self, token: Token<'a>) -> Step<Self::Output>;

    /// Not to be inlined.
    fn visit_rare(&mut self, token: Token<'a>) -> Step<Self::Output>;

    /// An atom of plain ASCII, `text`, that is also at hand with zeros behind it.
    #[inline(always)]
    fn visit_short_atom(&mut self, text: &'a [u8], _padded: Padded) -> Step<Self::Output> {
        self.visit(Token::Atom(AtomText(Text::Utf8(text))))
    }

    /// An integer beyond 64 bits with sign, whose magnitude is also at hand as a number.
    #[inline(always)]
    fn visit_wide(
        &mut self,
        negative: bool,
        _value: u128,
        magnitude: &'a [u8],
    ) -> Step<Self::Output> {
        self.visit(Token::BigInteger {
            negative,
            magnitude,
        })
    }

    /// A list of the first so many of these bytes, as many as there are at least. The others are
    /// what is left of the input.
    #[inline(always)]
    fn visit_string(&mut self, len: usize, all: &'a [u8]) -> Step<Self::Output> {
        self.visit(Token::String(all.get(..len).unwrap_or_default()))
    }

    /// A binary that is also at hand with zeros behind it.
    #[inline(always)]
    fn visit_short_binary(&mut self, bytes: &'a [u8], _padded: Padded) -> Step<Self::Output> {
        self.visit(Token::Binary(bytes))
    }
}

/// An integer of up to 128 bits beside its sign.
enum Wide<'a> {
    Word(i64),
    /// Beyond 64 bits with sign.
    Beyond {
        negative: bool,
        magnitude: u128,
        /// The same, least byte first, the last byte not zero.
        bytes: &'a [u8],
    },
}

/// Up to 14 bytes, which is what atoms and binaries keep inline, with zeros behind them. Cut out of
/// the input 16 at a time, because a copy of a few bytes takes longer than one of many.
/// The first byte is the lowest of the word, which stays in registers where an array would not.
pub(crate) type Padded = u128;

/// For each length the bytes of a padded text that belong to it.
const MASKS: [u128; INLINE + 1] = {
    let mut masks = [0; INLINE + 1];
    let mut rest: &mut [u128] = &mut masks;
    let mut mask = 0_u128;
    while let [slot, next @ ..] = rest {
        *slot = mask;
        mask = mask << 8 | 0xff;
        rest = next;
    }
    masks
};

/// The highest bit of each byte, which ASCII does not use.
const NOT_ASCII: u128 = u128::from_ne_bytes([0x80; 16]);

/// The visitor that gives the token back.
struct Itself;

impl<'a> Visit<'a> for Itself {
    type Output = Token<'a>;

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<Token<'a>> {
        Ok(token)
    }

    #[inline(always)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<Token<'a>> {
        Ok(token)
    }
}

/// A position in the input and what is due there.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    /// The input not read yet.
    pub(super) rest: &'a [u8],
    /// What ATOM_CACHE_REF may refer to in this message.
    pub(super) atoms: &'a [Atom],
    /// The terms that all open containers together still wait for. Since each takes a byte at
    /// least, it never exceeds what is left of the input; that is what makes it safe to reserve
    /// memory by the number in a header.
    pub(super) owed: usize,
    /// Whether this is inside LOCAL_EXT, where NIL_EXT stands for the name of the own node.
    pub(super) local: bool,
}

impl fmt::Debug for Cursor<'_> {
    /// Lengths only: what is in a message is nobody else's to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("rest", &self.rest.len())
            .field("owed", &self.owed)
            .finish_non_exhaustive()
    }
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(rest: &'a [u8], atoms: &'a [Atom]) -> Self {
        Self {
            rest,
            atoms,
            owed: 0,
            local: false,
        }
    }

    /// The next token, given to the visitor: the frequent ones here, inlined into the loop of the
    /// caller, the others by a function of their own.
    #[inline(always)]
    pub(crate) fn visit<V: Visit<'a>>(&mut self, visitor: &mut V) -> Step<V::Output> {
        self.owed = self.owed.saturating_sub(1);
        loop {
            let tag = self.u8()?;
            if let Some(step) = self.leaf(tag, visitor) {
                return step;
            }
            return match tag {
                tag::SMALL_TUPLE => {
                    let arity = self.u8()?;
                    self.owe(usize::from(arity))?;
                    visitor.visit(Token::Tuple(u32::from(arity)))
                }
                tag::LIST => match self.u32()? {
                    // An empty list with a tail is its tail.
                    0 => continue,
                    len => {
                        // The tail is one more.
                        self.owe((len as usize).saturating_add(1))?;
                        visitor.visit(Token::List(len))
                    }
                },
                tag::MAP => {
                    let len = self.u32()?;
                    if len > MAX_MAP_LEN {
                        return Err(Kind::MapTooLarge(len));
                    }
                    self.owe((len as usize).saturating_mul(2))?;
                    visitor.visit(Token::Map(len))
                }
                // One LOCAL_EXT in another adds a hash and nothing else.
                tag::LOCAL if self.local => {
                    self.u32()?;
                    continue;
                }
                tag => {
                    let token = self.outlined(|cursor| cursor.rare(tag))?;
                    visitor.visit_rare(token)
                }
            };
        }
    }

    /// The next token, if it is frequent, is no container, and nothing is wrong with it; else
    /// nothing is read. For runs of such tokens: the caller counts them off by
    /// [`counted`](Self::counted).
    #[inline(always)]
    pub(crate) fn visit_leaf<V: Visit<'a>>(&mut self, visitor: &mut V) -> Option<V::Output> {
        let mut ahead = *self;
        let tag = ahead.u8().ok()?;
        let output = ahead.leaf(tag, visitor)?.ok()?;
        self.rest = ahead.rest;
        Some(output)
    }

    /// Counts off what was read as leaves.
    #[inline(always)]
    pub(crate) fn counted(&mut self, leaves: usize) {
        self.owed = self.owed.saturating_sub(leaves);
    }

    /// Reads the `[]` that ends a proper list, if it is next.
    #[inline(always)]
    pub(crate) fn nil(&mut self) -> bool {
        match self.rest {
            [tag::NIL, rest @ ..] => {
                self.rest = rest;
                self.owed = self.owed.saturating_sub(1);
                true
            }
            _ => false,
        }
    }

    /// What follows the tag, if it is a frequent one of no container.
    #[inline(always)]
    fn leaf<V: Visit<'a>>(&mut self, tag: u8, visitor: &mut V) -> Option<Step<V::Output>> {
        Some(match tag {
            tag::SMALL_INTEGER => self
                .u8()
                .and_then(|value| visitor.visit(Token::Integer(i64::from(value)))),
            tag::INTEGER => self
                .i32()
                .and_then(|value| visitor.visit(Token::Integer(i64::from(value)))),
            tag::SMALL_ATOM_UTF8 => match self.padded() {
                Some((text, padded)) => visitor.visit_short_atom(text, padded),
                None => self
                    .small_utf8()
                    .and_then(|text| visitor.visit(Token::Atom(text))),
            },
            // The same text in Latin-1, as OTP 25 and many libraries write it.
            tag::ATOM => match self.padded_latin1() {
                Some((text, padded)) => visitor.visit_short_atom(text, padded),
                None => self
                    .outlined(|cursor| cursor.rare_atom(tag))
                    .and_then(|text| visitor.visit(Token::Atom(text))),
            },
            tag::ATOM_CACHE_REF => self
                .cached()
                .and_then(|text| visitor.visit(Token::Atom(text))),
            tag::NIL => visitor.visit(Token::Nil),
            tag::STRING => self.u16().and_then(|len| match len {
                0 => visitor.visit(Token::Nil),
                len => {
                    let (all, len) = (self.rest, usize::from(len));
                    self.take(len).and_then(|_| visitor.visit_string(len, all))
                }
            }),
            tag::BINARY => match self.padded_binary() {
                Some((bytes, padded)) => visitor.visit_short_binary(bytes, padded),
                None => self
                    .u32()
                    .and_then(|len| self.take(len as usize))
                    .and_then(|bytes| visitor.visit(Token::Binary(bytes))),
            },
            tag::NEW_FLOAT => self
                .float()
                .and_then(|float| visitor.visit(Token::Float(float))),
            tag::SMALL_BIG => match self.wide() {
                Some(Wide::Word(value)) => visitor.visit(Token::Integer(value)),
                Some(Wide::Beyond {
                    negative,
                    magnitude,
                    bytes,
                }) => visitor.visit_wide(negative, magnitude, bytes),
                None => self
                    .outlined(|cursor| {
                        let len = cursor.u8()?;
                        cursor.big(usize::from(len))
                    })
                    .and_then(|token| visitor.visit_rare(token)),
            },
            tag::NEW_PID => self
                .new_pid()
                .and_then(|pid| visitor.visit(Token::Pid(pid))),
            tag::NEWER_REFERENCE => self
                .reference(tag::NEWER_REFERENCE)
                .and_then(|reference| visitor.visit(Token::Reference(reference))),
            _ => return None,
        })
    }

    /// What follows the tag of SMALL_ATOM_UTF8_EXT, if it is short and plain ASCII, and not at the
    /// very end of the input. Else nothing is read.
    #[inline(always)]
    fn padded(&mut self) -> Option<(&'a [u8], Padded)> {
        let (len, rest) = self.rest.split_first()?;
        self.padded_text(usize::from(*len), rest)
    }

    /// The same for ATOM_EXT.
    #[inline(always)]
    fn padded_latin1(&mut self) -> Option<(&'a [u8], Padded)> {
        let (len, rest) = self.rest.split_first_chunk()?;
        self.padded_text(usize::from(u16::from_be_bytes(*len)), rest)
    }

    #[inline(always)]
    fn padded_text(&mut self, len: usize, rest: &'a [u8]) -> Option<(&'a [u8], Padded)> {
        let word = u128::from_le_bytes(*rest.first_chunk()?) & MASKS.get(len)?;
        if word & NOT_ASCII != 0 {
            return None;
        }
        let (text, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((text, word))
    }

    /// What follows the tag of BINARY_EXT, if it is short, and not at the very end of the input.
    /// Else nothing is read.
    #[inline(always)]
    fn padded_binary(&mut self) -> Option<(&'a [u8], Padded)> {
        let (len, rest) = self.rest.split_first_chunk()?;
        let len = u32::from_be_bytes(*len) as usize;
        let word = u128::from_le_bytes(*rest.first_chunk()?) & MASKS.get(len)?;
        let (bytes, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((bytes, word))
    }

    #[inline(always)]
    fn float(&mut self) -> Step<Float> {
        let bits = u64::from_be_bytes(*self.array()?);
        Float::new(f64::from_bits(bits)).ok_or(Kind::Float)
    }

    /// The next token.
    #[inline]
    pub(crate) fn token(&mut self) -> Step<Token<'a>> {
        self.visit(&mut Itself)
    }

    /// Reads the next term if it is an atom of which the function says so. What is no atom is not
    /// looked into.
    #[cfg(feature = "serde")]
    #[inline]
    pub(super) fn atom_if(&mut self, accept: impl FnOnce(&AtomText<'a>) -> bool) -> Step<bool> {
        match *self.rest.first().ok_or(Kind::Eof)? {
            tag::SMALL_ATOM_UTF8
            | tag::ATOM_CACHE_REF
            | tag::ATOM_UTF8
            | tag::SMALL_ATOM
            | tag::ATOM => {}
            // Perhaps an empty list whose tail is an atom.
            tag::LIST => {}
            _ => return Ok(false),
        }
        let mut copy = *self;
        match copy.token()? {
            Token::Atom(text) if accept(&text) => {
                *self = copy;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Calls a function that is not inlined with a copy, so that the original may stay in
    /// registers.
    #[inline(always)]
    fn outlined<T>(&mut self, read: impl FnOnce(&mut Self) -> Step<T>) -> Step<T> {
        let mut copy = *self;
        let result = read(&mut copy);
        *self = copy;
        result
    }

    /// Adds what a header claims, if the input could hold all that is due then.
    #[inline(always)]
    pub(super) fn owe(&mut self, terms: usize) -> Step<()> {
        self.owed = self.owed.saturating_add(terms);
        if self.owed > self.rest.len() {
            return Err(Kind::Eof);
        }
        Ok(())
    }

    /// The input not read yet.
    pub(crate) const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    // ---- numbers and bytes ----

    #[inline(always)]
    pub(super) fn u8(&mut self) -> Step<u8> {
        let (byte, rest) = self.rest.split_first().ok_or(Kind::Eof)?;
        self.rest = rest;
        Ok(*byte)
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Step<&'a [u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Kind::Eof)?;
        self.rest = rest;
        Ok(array)
    }

    #[inline(always)]
    pub(super) fn u16(&mut self) -> Step<u16> {
        Ok(u16::from_be_bytes(*self.array()?))
    }

    #[inline(always)]
    pub(super) fn u32(&mut self) -> Step<u32> {
        Ok(u32::from_be_bytes(*self.array()?))
    }

    #[inline(always)]
    pub(super) fn i32(&mut self) -> Step<i32> {
        Ok(i32::from_be_bytes(*self.array()?))
    }

    #[inline(always)]
    pub(super) fn take(&mut self, len: usize) -> Step<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Kind::Eof)?;
        self.rest = rest;
        Ok(bytes)
    }

    // ---- integers ----

    /// What follows the tag of SMALL_BIG_EXT, if that is the frequent case: up to sixteen bytes of
    /// which the last is not zero, and not at the very end of the input. Else nothing is read.
    #[inline(always)]
    fn wide(&mut self) -> Option<Wide<'a>> {
        let [len @ 1..=16, sign, rest @ ..] = self.rest else {
            return None;
        };
        let unused = 128_u32.saturating_sub(u32::from(*len).saturating_mul(8));
        let all = u128::from_le_bytes(*rest.first_chunk()?);
        let magnitude = all & u128::MAX.checked_shr(unused)?;
        let (bytes, rest) = rest.split_at_checked(usize::from(*len))?;
        let negative = *sign != 0;
        let word = u64::try_from(magnitude).ok().and_then(|magnitude| {
            if negative {
                0_i64.checked_sub_unsigned(magnitude)
            } else {
                i64::try_from(magnitude).ok()
            }
        });
        let wide = match word {
            Some(value) => Wide::Word(value),
            None if bytes.last() == Some(&0) => return None,
            None => Wide::Beyond {
                negative,
                magnitude,
                bytes,
            },
        };
        self.rest = rest;
        Some(wide)
    }

    /// What follows the length of SMALL_BIG_EXT and LARGE_BIG_EXT. OTP takes any sign byte but 0
    /// as a minus, and any number of zero bytes behind the magnitude.
    #[inline(never)]
    pub(super) fn big(&mut self, len: usize) -> Step<Token<'a>> {
        let negative = self.u8()? != 0;
        let mut magnitude = self.take(len)?;
        while let [significant @ .., 0] = magnitude {
            magnitude = significant;
        }
        let mut low = [0; 8];
        if let Some(slot) = low.get_mut(..magnitude.len()) {
            slot.copy_from_slice(magnitude);
            let low = u64::from_le_bytes(low);
            let value = if negative {
                0_i64.checked_sub_unsigned(low)
            } else {
                i64::try_from(low).ok()
            };
            if let Some(value) = value {
                return Ok(Token::Integer(value));
            }
        }
        Ok(Token::BigInteger {
            negative,
            magnitude,
        })
    }

    // ---- atoms ----

    /// What follows the tag of SMALL_ATOM_UTF8_EXT. 255 bytes are no more than 255 characters.
    #[inline(always)]
    pub(super) fn small_utf8(&mut self) -> Step<AtomText<'a>> {
        let len = self.u8()?;
        let text = self.take(usize::from(len))?;
        if text.is_ascii() || core::str::from_utf8(text).is_ok() {
            Ok(AtomText(Text::Utf8(text)))
        } else {
            Err(Kind::AtomNotUtf8)
        }
    }

    /// What follows the tag of ATOM_CACHE_REF.
    #[inline(always)]
    pub(super) fn cached(&mut self) -> Step<AtomText<'a>> {
        let index = self.u8()?;
        let atom = self
            .atoms
            .get(usize::from(index))
            .ok_or(Kind::AtomCacheRef(index))?;
        Ok(AtomText(Text::Cached(atom)))
    }

    /// An atom, where nothing else may be.
    #[inline]
    pub(super) fn atom(&mut self) -> Step<AtomText<'a>> {
        match self.u8()? {
            tag::SMALL_ATOM_UTF8 => self.small_utf8(),
            tag::ATOM_CACHE_REF => self.cached(),
            tag => self.outlined(|cursor| cursor.rare_atom(tag)),
        }
    }

    /// What follows the tag of an atom that is of none of the frequent forms.
    #[inline(never)]
    pub(super) fn rare_atom(&mut self, tag: u8) -> Step<AtomText<'a>> {
        match tag {
            tag::ATOM_UTF8 => {
                let len = self.u16()?;
                if len > MAX_ATOM_BYTES {
                    return Err(Kind::AtomTooLong);
                }
                let text = self.take(usize::from(len))?;
                let text = core::str::from_utf8(text).map_err(|_| Kind::AtomNotUtf8)?;
                if text.chars().nth(MAX_ATOM_CHARACTERS).is_some() {
                    return Err(Kind::AtomTooLong);
                }
                Ok(AtomText(Text::Utf8(text.as_bytes())))
            }
            tag::SMALL_ATOM => {
                let len = self.u8()?;
                Ok(AtomText::latin1(self.take(usize::from(len))?))
            }
            tag::ATOM => {
                let len = usize::from(self.u16()?);
                if len > MAX_ATOM_CHARACTERS {
                    return Err(Kind::AtomTooLong);
                }
                Ok(AtomText::latin1(self.take(len)?))
            }
            tag => Err(Kind::NotAnAtom(tag)),
        }
    }

    // ---- the most frequent identifier ----

    /// What follows the tag of NEW_PID_EXT.
    #[inline]
    pub(super) fn new_pid(&mut self) -> Step<PidParts<'a>> {
        let name = self.node_name()?;
        let id = self.u32()?;
        let serial = self.u32()?;
        let creation = self.u32()?;
        Ok(PidParts {
            node: NodeParts { name, creation },
            id,
            serial,
        })
    }

    #[inline]
    pub(super) fn node_name(&mut self) -> Step<AtomText<'a>> {
        if self.local
            && let [tag::NIL, rest @ ..] = self.rest
        {
            self.rest = rest;
            return Ok(AtomText::EMPTY);
        }
        self.atom()
    }
}

/// "MAP_EXT" has a length of 32 bits; OTP takes 31 of them (`decoded_size` in `external.c`).
pub(crate) const MAX_MAP_LEN: u32 = (1 << 31) - 1;

/// 255 characters of four bytes ("ATOM_UTF8_EXT").
const MAX_ATOM_BYTES: u16 = 1020;
