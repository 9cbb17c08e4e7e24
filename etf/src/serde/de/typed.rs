//! Terms of a type that is known, in all their encodings: the frequent ones first, then by the
//! token.

#![deny(clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;

use ::serde::de::Visitor;

use crate::error::{DecodeErrorKind as Kind, TermKind};
use crate::read::{AtomText, Step, Token, Visit};

use super::super::error::{Error, ErrorKind};
use super::{Deserializer, Result};

/// The visitor that a function is.
pub(super) struct Pick<F>(F);

impl<'a, T, F: FnMut(Token<'a>) -> Step<T>> Visit<'a> for Pick<F> {
    type Output = T;

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<T> {
        (self.0)(token)
    }

    #[inline(never)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<T> {
        (self.0)(token)
    }
}

#[cold]
pub(super) fn unexpected<T>(expected: TermKind, token: &Token<'_>) -> Step<T> {
    let found = token.kind();
    Err(Kind::Unexpected { expected, found })
}

/// An integer of up to 128 bits.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Word(i64),
    Signed(i128),
    Unsigned(u128),
}

impl Number {
    #[cold]
    pub(super) fn big(negative: bool, magnitude: &[u8]) -> Step<Self> {
        let mut bytes = [0; 16];
        bytes
            .get_mut(..magnitude.len())
            .ok_or(Kind::IntegerOutOfRange)?
            .copy_from_slice(magnitude);
        let magnitude = u128::from_le_bytes(bytes);
        if !negative {
            return Ok(Self::Unsigned(magnitude));
        }
        0_i128
            .checked_sub_unsigned(magnitude)
            .map(Self::Signed)
            .ok_or(Kind::IntegerOutOfRange)
    }
}

/// What a list is read as.
pub(super) enum ListStart<'de> {
    Nil,
    Bytes(&'de [u8]),
    Elements(u32),
}

impl<'de> Deserializer<'de> {
    /// The next token, to a function that is inlined for each kind of token.
    #[inline(always)]
    pub(super) fn pick<T>(&mut self, pick: impl FnMut(Token<'de>) -> Step<T>) -> Result<T> {
        Ok(self.reader.visit(&mut Pick(pick))?)
    }

    #[inline(never)]
    pub(super) fn number(&mut self) -> Result<Number> {
        self.pick(|token| match token {
            Token::Integer(value) => Ok(Number::Word(value)),
            Token::BigInteger {
                negative,
                magnitude,
            } => Number::big(negative, magnitude),
            other => unexpected(TermKind::Integer, &other),
        })
    }

    #[inline]
    pub(super) fn float(&mut self) -> Result<f64> {
        match self.reader.quick_float() {
            Some(value) => Ok(value),
            None => self.any_float(),
        }
    }

    #[inline(never)]
    pub(super) fn any_float(&mut self) -> Result<f64> {
        self.pick(|token| match token {
            Token::Float(float) => Ok(float.get()),
            Token::Integer(value) => exact(value),
            other => unexpected(TermKind::Float, &other),
        })
    }

    #[inline]
    pub(super) fn binary(&mut self) -> Result<&'de [u8]> {
        match self.reader.quick_binary() {
            Some(bytes) => Ok(bytes),
            None => self.any_binary(),
        }
    }

    #[inline(never)]
    pub(super) fn any_binary(&mut self) -> Result<&'de [u8]> {
        self.pick(|token| match token {
            Token::Binary(bytes) => Ok(bytes),
            other => unexpected(TermKind::Binary, &other),
        })
    }

    #[inline(never)]
    pub(super) fn atom(&mut self) -> Result<AtomText<'de>> {
        self.pick(|token| match token {
            Token::Atom(text) => Ok(text),
            other => unexpected(TermKind::Atom, &other),
        })
    }

    /// The name of a field or variant, or text as the key of a map.
    #[inline]
    pub(super) fn name<V: Visitor<'de>>(
        &mut self,
        expected: TermKind,
        visitor: V,
    ) -> Result<V::Value> {
        if let Some(text) = self.reader.quick_atom() {
            return visitor.visit_borrowed_str(text);
        }
        let start = self.reader.position();
        if let Some(bytes) = self.reader.quick_binary() {
            return visitor.visit_borrowed_str(utf8(bytes).map_err(|error| error.at(start))?);
        }
        match self.any_name(expected)? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    #[inline(never)]
    pub(super) fn any_name(&mut self, expected: TermKind) -> Result<Cow<'de, str>> {
        enum Name<'de> {
            Atom(AtomText<'de>),
            Binary(&'de [u8]),
        }
        let name = self.pick(|token| match token {
            Token::Atom(text) => Ok(Name::Atom(text)),
            Token::Binary(bytes) => Ok(Name::Binary(bytes)),
            other => unexpected(expected, &other),
        })?;
        match name {
            Name::Atom(text) => Ok(text.text()),
            Name::Binary(bytes) => utf8(bytes).map(Cow::Borrowed),
        }
    }

    #[inline]
    pub(super) fn list(&mut self) -> Result<ListStart<'de>> {
        match self.reader.quick_list() {
            Some(len) => Ok(ListStart::Elements(len)),
            None => self.any_list(),
        }
    }

    #[inline(never)]
    pub(super) fn any_list(&mut self) -> Result<ListStart<'de>> {
        self.pick(|token| match token {
            Token::List(len) => Ok(ListStart::Elements(len)),
            Token::Nil => Ok(ListStart::Nil),
            Token::String(bytes) => Ok(ListStart::Bytes(bytes)),
            other => unexpected(TermKind::List, &other),
        })
    }

    #[inline]
    pub(super) fn tuple(&mut self) -> Result<u32> {
        match self.reader.quick_tuple() {
            Some(len) => Ok(len),
            None => self.any_tuple(),
        }
    }

    #[inline(never)]
    pub(super) fn any_tuple(&mut self) -> Result<u32> {
        self.pick(|token| match token {
            Token::Tuple(len) => Ok(len),
            other => unexpected(TermKind::Tuple, &other),
        })
    }

    #[inline]
    pub(super) fn map(&mut self) -> Result<u32> {
        match self.reader.quick_map() {
            Some(len) => Ok(len),
            None => self.any_map(),
        }
    }

    #[inline(never)]
    pub(super) fn any_map(&mut self) -> Result<u32> {
        self.pick(|token| match token {
            Token::Map(len) => Ok(len),
            other => unexpected(TermKind::Map, &other),
        })
    }

    /// The header of a variant with data, or `None` with the name of one without read as well.
    #[inline(never)]
    pub(super) fn variant(&mut self) -> Result<Option<u32>> {
        self.pick(|token| match token {
            Token::Tuple(len @ 1..) => Ok(Some(len)),
            Token::Atom(_) | Token::Binary(_) => Ok(None),
            other => unexpected(TermKind::Atom, &other),
        })
    }

    #[inline(never)]
    pub(super) fn any_bool(&mut self) -> Result<bool> {
        let start = self.reader.position();
        match &*self.atom()?.text() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Error::new(ErrorKind::OtherAtom("true and false")).at(start)),
        }
    }

    /// Reads the atom of this text, or it is an error.
    pub(super) fn the_atom(&mut self, text: &'static str) -> Result {
        let start = self.reader.position();
        if self.atom()? != *text {
            return Err(Error::new(ErrorKind::OtherAtom(text)).at(start));
        }
        Ok(())
    }

    /// Whether the next term is the atom that stands for nothing; then it is read.
    #[inline]
    pub(super) fn nothing(&mut self, text: &str) -> Result<bool> {
        Ok(self.reader.atom_if(|atom| *atom == *text)?)
    }
}

/// The float of the same value as this integer.
pub(super) fn exact(value: i64) -> Step<f64> {
    let float = value as f64;
    if float as i128 == i128::from(value) {
        Ok(float)
    } else {
        Err(Kind::IntegerOutOfRange)
    }
}

#[inline]
pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    core::str::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::NotUtf8))
}

#[inline]
pub(super) fn visit_atom<'de, V: Visitor<'de>>(
    text: &AtomText<'de>,
    visitor: V,
) -> Result<V::Value> {
    match text.text() {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}
