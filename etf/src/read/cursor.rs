//! How bytes become tokens. This file and `rare.rs` are the only ones that interpret tags.

use core::fmt;

use crate::atom::{Atom, MAX_ATOM_CHARACTERS};
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
}

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
            return match self.u8()? {
                tag::SMALL_INTEGER => {
                    let value = self.u8()?;
                    visitor.visit(Token::Integer(i64::from(value)))
                }
                tag::INTEGER => {
                    let value = self.i32()?;
                    visitor.visit(Token::Integer(i64::from(value)))
                }
                tag::SMALL_ATOM_UTF8 => {
                    let text = self.small_utf8()?;
                    visitor.visit(Token::Atom(text))
                }
                tag::ATOM_CACHE_REF => {
                    let text = self.cached()?;
                    visitor.visit(Token::Atom(text))
                }
                tag::NIL => visitor.visit(Token::Nil),
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
                tag::STRING => match self.u16()? {
                    0 => visitor.visit(Token::Nil),
                    len => {
                        let bytes = self.take(usize::from(len))?;
                        visitor.visit(Token::String(bytes))
                    }
                },
                tag::BINARY => {
                    let len = self.u32()?;
                    let bytes = self.take(len as usize)?;
                    visitor.visit(Token::Binary(bytes))
                }
                tag::NEW_FLOAT => {
                    let bits = u64::from_be_bytes(*self.array()?);
                    let float = Float::new(f64::from_bits(bits)).ok_or(Kind::Float)?;
                    visitor.visit(Token::Float(float))
                }
                tag::SMALL_BIG => match self.word() {
                    Some(value) => visitor.visit(Token::Integer(value)),
                    None => {
                        let len = self.u8()?;
                        let token = self.outlined(|cursor| cursor.big(usize::from(len)))?;
                        visitor.visit_rare(token)
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
                tag::NEW_PID => {
                    let pid = self.new_pid()?;
                    visitor.visit(Token::Pid(pid))
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

    /// The next token.
    #[inline]
    pub(crate) fn token(&mut self) -> Step<Token<'a>> {
        self.visit(&mut Itself)
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

    /// What follows the tag of SMALL_BIG_EXT, if that is the frequent case: up to eight bytes that
    /// fit an i64, and not at the very end of the input. Else nothing is read.
    #[inline(always)]
    fn word(&mut self) -> Option<i64> {
        let [len @ 1..=8, sign, bytes @ ..] = self.rest else {
            return None;
        };
        // Eight bytes at once, those behind the magnitude shifted out.
        let unused = 64_u32.saturating_sub(u32::from(*len).saturating_mul(8));
        let magnitude = u64::from_le_bytes(*bytes.first_chunk()?) & u64::MAX.checked_shr(unused)?;
        let value = match sign {
            0 => i64::try_from(magnitude).ok()?,
            _ => 0_i64.checked_sub_unsigned(magnitude)?,
        };
        self.rest = bytes.get(usize::from(*len)..)?;
        Some(value)
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
