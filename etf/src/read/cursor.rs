//! How bytes become tokens. This file and `rare.rs` are the only ones that interpret tags.

use core::fmt;

use crate::atom::{Atom, MAX_ATOM_CHARACTERS};
use crate::error::DecodeErrorKind as Kind;
use crate::float::Float;
use crate::tag;

use super::token::{AtomText, NodeParts, PidParts, Text, Token};

/// What every step returns; the reader adds the offset.
pub(super) type Step<T> = Result<T, Kind>;

/// A position in the input and what is due there.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
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

    /// The next token: the frequent ones here, inlined into the loop of the caller, the others in
    /// a function of their own.
    #[inline(always)]
    pub(super) fn token(&mut self) -> Step<Token<'a>> {
        self.owed = self.owed.saturating_sub(1);
        loop {
            return Ok(match self.u8()? {
                tag::SMALL_INTEGER => Token::Integer(i64::from(self.u8()?)),
                tag::INTEGER => Token::Integer(i64::from(self.i32()?)),
                tag::SMALL_ATOM_UTF8 => Token::Atom(self.small_utf8()?),
                tag::ATOM_CACHE_REF => Token::Atom(self.cached()?),
                tag::NIL => Token::Nil,
                tag::SMALL_TUPLE => {
                    let arity = self.u8()?;
                    self.owe(usize::from(arity))?;
                    Token::Tuple(u32::from(arity))
                }
                tag::LIST => match self.u32()? {
                    // An empty list with a tail is its tail.
                    0 => continue,
                    len => {
                        // The tail is one more.
                        self.owe((len as usize).saturating_add(1))?;
                        Token::List(len)
                    }
                },
                tag::STRING => match self.u16()? {
                    0 => Token::Nil,
                    len => Token::String(self.take(usize::from(len))?),
                },
                tag::BINARY => {
                    let len = self.u32()?;
                    Token::Binary(self.take(len as usize)?)
                }
                tag::NEW_FLOAT => {
                    let bits = u64::from_be_bytes(*self.array()?);
                    Token::Float(Float::new(f64::from_bits(bits)).ok_or(Kind::Float)?)
                }
                tag::SMALL_BIG => {
                    let len = self.u8()?;
                    self.big(usize::from(len))?
                }
                tag::MAP => {
                    let len = self.u32()?;
                    if len > MAX_MAP_LEN {
                        return Err(Kind::MapTooLarge(len));
                    }
                    self.owe((len as usize).saturating_mul(2))?;
                    Token::Map(len)
                }
                tag::NEW_PID => Token::Pid(self.new_pid()?),
                // One LOCAL_EXT in another adds a hash and nothing else.
                tag::LOCAL if self.local => {
                    self.u32()?;
                    continue;
                }
                tag => return self.rare(tag),
            });
        }
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

    /// What follows the length of SMALL_BIG_EXT and LARGE_BIG_EXT. OTP takes any sign byte but 0
    /// as a minus, and any number of zero bytes behind the magnitude.
    #[inline]
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
        let text = core::str::from_utf8(text).map_err(|_| Kind::AtomNotUtf8)?;
        Ok(AtomText(Text::Utf8(text)))
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
            tag => self.rare_atom(tag),
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
                Ok(AtomText(Text::Utf8(text)))
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
