//! How terms are read as Rust values: a [`Deserializer`](de::Deserializer) over the crate's
//! [`Reader`].

#![deny(clippy::arithmetic_side_effects)]

mod access;
mod byte;
mod native;
mod shaped;

use alloc::borrow::Cow;

use ::serde::de::{self, Visitor};

use crate::error::{DecodeErrorKind as Kind, TermKind};
use crate::float::Float;
use crate::read::{AtomText, Reader, Step, Token, Visit};

use super::config::Config;
use super::error::{Error, ErrorKind};
use super::wrap::Wrap;

use access::{Entries, ListElements, Tagged, TupleElements, Unit};
use native::Native;
use shaped::Shaped;

type Result<T = ()> = core::result::Result<T, Error>;

/// Reads one value.
pub(super) struct Deserializer<'de> {
    reader: Reader<'de>,
    config: Config,
    /// How many levels more may be entered.
    depth: usize,
    /// Whether the next term is the key of a map.
    key: bool,
    /// Where the last type began that takes no bytes of its own: an option or a newtype.
    around: usize,
}

/// The visitor that a function is.
struct Pick<F>(F);

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
fn unexpected<T>(expected: TermKind, token: &Token<'_>) -> Step<T> {
    let found = token.kind();
    Err(Kind::Unexpected { expected, found })
}

/// An integer of up to 128 bits.
#[derive(Clone, Copy)]
enum Number {
    Word(i64),
    Signed(i128),
    Unsigned(u128),
}

impl Number {
    #[cold]
    fn big(negative: bool, magnitude: &[u8]) -> Step<Self> {
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
enum ListStart<'de> {
    Nil,
    Bytes(&'de [u8]),
    Elements(u32),
}

impl<'de> Deserializer<'de> {
    pub(super) fn new(reader: Reader<'de>, config: Config) -> Self {
        Self {
            reader,
            config,
            depth: config.max_depth(),
            key: false,
            around: usize::MAX,
        }
    }

    /// A deserializer at the same level for another input.
    fn on(&self, reader: Reader<'de>) -> Self {
        Self {
            depth: self.depth,
            ..Self::new(reader, self.config)
        }
    }

    /// The next token, to a function that is inlined for each kind of token.
    #[inline(always)]
    fn pick<T>(&mut self, pick: impl FnMut(Token<'de>) -> Step<T>) -> Result<T> {
        Ok(self.reader.visit(&mut Pick(pick))?)
    }

    // ---- terms of a type, in all their encodings; the caller has tried the frequent ones ----

    #[inline(never)]
    fn number(&mut self) -> Result<Number> {
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
    fn float(&mut self) -> Result<f64> {
        match self.reader.quick_float() {
            Some(value) => Ok(value),
            None => self.any_float(),
        }
    }

    #[inline(never)]
    fn any_float(&mut self) -> Result<f64> {
        self.pick(|token| match token {
            Token::Float(float) => Ok(float.get()),
            Token::Integer(value) => exact(value),
            other => unexpected(TermKind::Float, &other),
        })
    }

    #[inline]
    fn binary(&mut self) -> Result<&'de [u8]> {
        match self.reader.quick_binary() {
            Some(bytes) => Ok(bytes),
            None => self.any_binary(),
        }
    }

    #[inline(never)]
    fn any_binary(&mut self) -> Result<&'de [u8]> {
        self.pick(|token| match token {
            Token::Binary(bytes) => Ok(bytes),
            other => unexpected(TermKind::Binary, &other),
        })
    }

    #[inline(never)]
    fn atom(&mut self) -> Result<AtomText<'de>> {
        self.pick(|token| match token {
            Token::Atom(text) => Ok(text),
            other => unexpected(TermKind::Atom, &other),
        })
    }

    /// The name of a field or variant, or text as the key of a map.
    #[inline]
    fn name<V: Visitor<'de>>(&mut self, expected: TermKind, visitor: V) -> Result<V::Value> {
        if let Some(text) = self.reader.quick_atom() {
            return visitor.visit_borrowed_str(text);
        }
        match self.any_name(expected)? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    #[inline(never)]
    fn any_name(&mut self, expected: TermKind) -> Result<Cow<'de, str>> {
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
    fn list(&mut self) -> Result<ListStart<'de>> {
        match self.reader.quick_list() {
            Some(len) => Ok(ListStart::Elements(len)),
            None => self.any_list(),
        }
    }

    #[inline(never)]
    fn any_list(&mut self) -> Result<ListStart<'de>> {
        self.pick(|token| match token {
            Token::List(len) => Ok(ListStart::Elements(len)),
            Token::Nil => Ok(ListStart::Nil),
            Token::String(bytes) => Ok(ListStart::Bytes(bytes)),
            other => unexpected(TermKind::List, &other),
        })
    }

    #[inline]
    fn tuple(&mut self) -> Result<u32> {
        match self.reader.quick_tuple() {
            Some(len) => Ok(len),
            None => self.any_tuple(),
        }
    }

    #[inline(never)]
    fn any_tuple(&mut self) -> Result<u32> {
        self.pick(|token| match token {
            Token::Tuple(len) => Ok(len),
            other => unexpected(TermKind::Tuple, &other),
        })
    }

    #[inline]
    fn map(&mut self) -> Result<u32> {
        match self.reader.quick_map() {
            Some(len) => Ok(len),
            None => self.any_map(),
        }
    }

    #[inline(never)]
    fn any_map(&mut self) -> Result<u32> {
        self.pick(|token| match token {
            Token::Map(len) => Ok(len),
            other => unexpected(TermKind::Map, &other),
        })
    }

    /// The header of a variant with data, or `None` with the name of one without read as well.
    #[inline(never)]
    fn variant(&mut self) -> Result<Option<u32>> {
        self.pick(|token| match token {
            Token::Tuple(len @ 1..) => Ok(Some(len)),
            Token::Atom(_) | Token::Binary(_) => Ok(None),
            other => unexpected(TermKind::Atom, &other),
        })
    }

    #[inline(never)]
    fn any_bool(&mut self) -> Result<bool> {
        let start = self.reader.position();
        match &*self.atom()?.text() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Error::new(ErrorKind::OtherAtom("true and false")).at(start)),
        }
    }

    /// Reads the atom of this text, or it is an error.
    fn the_atom(&mut self, text: &'static str) -> Result {
        let start = self.reader.position();
        if self.atom()? != *text {
            return Err(Error::new(ErrorKind::OtherAtom(text)).at(start));
        }
        Ok(())
    }

    /// Whether the next term is the atom that stands for nothing; then it is read.
    #[inline]
    fn nothing(&mut self, text: &str) -> Result<bool> {
        Ok(self.reader.atom_if(|atom| *atom == *text)?)
    }

    // ---- levels ----

    /// Goes one level down for what the function reads.
    #[inline]
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.key = false;
        self.depth = match self.depth.checked_sub(1) {
            Some(depth) => depth,
            None => return Err(self.too_deep()),
        };
        let result = read(self);
        self.depth = self.depth.saturating_add(1);
        result
    }

    #[cold]
    fn too_deep(&self) -> Error {
        let error = Error::new(ErrorKind::DepthLimit(self.config.max_depth()));
        error.at(self.reader.position())
    }

    /// A type around another that takes no bytes of its own. One around another of them at the
    /// same place is a level: such a type could go on for ever.
    #[inline]
    fn around<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let position = self.reader.position();
        if self.around == position {
            let key = self.key;
            return self.nested(|inner| {
                inner.key = key;
                read(inner)
            });
        }
        self.around = position;
        read(self)
    }

    // ---- containers ----

    #[inline]
    fn elements<V: Visitor<'de>>(&mut self, start: ListStart<'de>, visitor: V) -> Result<V::Value> {
        self.nested(|inner| {
            let mut elements = ListElements::new(inner, start);
            let value = visitor.visit_seq(&mut elements)?;
            elements.close()?;
            Ok(value)
        })
    }

    #[inline]
    fn tuple_elements<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value> {
        self.nested(|inner| {
            let mut elements = TupleElements::new(inner, len);
            let value = visitor.visit_seq(&mut elements)?;
            elements.close()?;
            Ok(value)
        })
    }

    #[inline]
    fn entries<V: Visitor<'de>>(&mut self, len: u32, visitor: V) -> Result<V::Value> {
        self.nested(|inner| {
            let mut entries = Entries::new(inner, len);
            let value = visitor.visit_map(&mut entries)?;
            entries.close()?;
            Ok(value)
        })
    }

    fn tuple_of(&mut self, expected: usize) -> Result<u32> {
        let start = self.reader.position();
        let len = self.tuple()?;
        let found = len as usize;
        if found != expected {
            return Err(Error::new(ErrorKind::TupleLength { expected, found }).at(start));
        }
        Ok(len)
    }

    /// The bytes of the next term, without references to the message's atoms.
    #[inline]
    fn raw<T>(&mut self, take: impl FnOnce(Bytes<'de, '_>) -> Result<T>) -> Result<T> {
        if self.reader.has_atoms() {
            let mut copy = bytes::BytesMut::new();
            crate::raw::pass_on(
                self.reader.clone(),
                &mut crate::write::Writer::new(&mut copy),
            )?;
            self.reader.skip()?;
            return take(Bytes::Copied(&copy));
        }
        take(Bytes::Borrowed(match self.reader.quick_identifier() {
            Some(bytes) => bytes,
            None => self.reader.skip()?,
        }))
    }
}

/// Bytes of the input, or a copy of them.
enum Bytes<'de, 'a> {
    Borrowed(&'de [u8]),
    Copied(&'a [u8]),
}

impl<'de> Bytes<'de, '_> {
    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Self::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Self::Copied(bytes) => visitor.visit_bytes(bytes),
        }
    }
}

/// The float of the same value as this integer.
fn exact(value: i64) -> Step<f64> {
    let float = value as f64;
    if float as i128 == i128::from(value) {
        Ok(float)
    } else {
        Err(Kind::IntegerOutOfRange)
    }
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<&str> {
    core::str::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::NotUtf8))
}

#[inline]
fn visit_atom<'de, V: Visitor<'de>>(text: &AtomText<'de>, visitor: V) -> Result<V::Value> {
    match text.text() {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

macro_rules! integers {
    ($($function:ident)*) => {$(
        #[inline]
        fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            let start = self.reader.position();
            if let Some(value) = self.reader.quick_integer() {
                let value = match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_i64(value),
                };
                return value.map_err(|error: Error| error.at(start));
            }
            let value = match self.number()? {
                Number::Word(value) => match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_i64(value),
                },
                Number::Unsigned(value) => match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_u128(value),
                },
                Number::Signed(value) => visitor.visit_i128(value),
            };
            value.map_err(|error: Error| error.at(start))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Deserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.cursor();
        let token = self.reader.next_token()?;
        match token {
            Token::Integer(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Token::Float(float) => visitor.visit_f64(Float::get(float)),
            Token::Atom(text) => {
                if text == *"true" || text == *"false" {
                    visitor.visit_bool(text == *"true")
                } else if text == *self.config.nothing().text() {
                    match self.config.nothing() {
                        super::Nothing::Undefined => visitor.visit_unit(),
                        super::Nothing::Nil => visitor.visit_none(),
                    }
                } else {
                    // Not borrowed: so a buffer of serde tells it from a binary.
                    visitor.visit_str(&text.text())
                }
            }
            Token::Binary(bytes) => match core::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => visitor.visit_borrowed_bytes(bytes),
            },
            Token::Nil => self.elements(ListStart::Nil, visitor),
            Token::String(bytes) => self.elements(ListStart::Bytes(bytes), visitor),
            Token::List(len) => self.elements(ListStart::Elements(len), visitor),
            Token::Tuple(len) => self.tuple_elements(len, visitor),
            Token::Map(len) => self.entries(len, visitor),
            Token::BigInteger {
                negative: false,
                magnitude,
            } if magnitude.len() <= 8 => {
                let mut bytes = [0; 8];
                if let Some(slot) = bytes.get_mut(..magnitude.len()) {
                    slot.copy_from_slice(magnitude);
                }
                visitor.visit_u64(u64::from_le_bytes(bytes))
            }
            Token::BigInteger { .. }
            | Token::BitString { .. }
            | Token::Pid(_)
            | Token::Port(_)
            | Token::Reference(_)
            | Token::Export(_)
            | Token::Fun(_)
            | Token::Record(_)
            | Token::Local(_) => {
                self.reader.set_cursor(start);
                self.raw(|bytes| visitor.visit_newtype_struct(Native(bytes)))
            }
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let value = match self.reader.quick_atom() {
            Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(Error::new(ErrorKind::OtherAtom("true and false")).at(start)),
            None => self.any_bool()?,
        };
        visitor.visit_bool(value)
    }

    integers! {
        deserialize_i8
        deserialize_i16
        deserialize_i32
        deserialize_i64
        deserialize_i128
        deserialize_u8
        deserialize_u16
        deserialize_u32
        deserialize_u64
        deserialize_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let value = self.float()?;
        if (value as f32).is_infinite() {
            return Err(Error::new(ErrorKind::NotFinite).at(start));
        }
        visitor.visit_f64(value)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let character = self.pick(|token| match token {
            Token::Integer(value) => u32::try_from(value)
                .ok()
                .and_then(char::from_u32)
                .map(Ok)
                .ok_or(Kind::IntegerOutOfRange),
            Token::Binary(bytes) => Ok(Err(bytes)),
            other => unexpected(TermKind::Binary, &other),
        })?;
        let value = match character {
            Ok(character) => visitor.visit_char(character),
            Err(bytes) => utf8(bytes).and_then(|text| visitor.visit_borrowed_str(text)),
        };
        value.map_err(|error| error.at(start))
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let value = if self.key {
            self.name(TermKind::Binary, visitor)
        } else {
            let bytes = self.binary()?;
            utf8(bytes).and_then(|text| visitor.visit_borrowed_str(text))
        };
        value.map_err(|error| error.at(start))
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let bytes = self.binary()?;
        visitor
            .visit_borrowed_bytes(bytes)
            .map_err(|error: Error| error.at(start))
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.nothing(self.config.nothing().text())? {
            visitor.visit_none()
        } else {
            self.around(|inner| visitor.visit_some(inner))
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.the_atom(self.config.nothing().text())?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.the_atom(name)?;
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match Wrap::of(name) {
            None => self.around(|inner| visitor.visit_newtype_struct(inner)),
            Some(Wrap::Atom) => {
                let start = self.reader.position();
                let value = match self.reader.quick_atom() {
                    Some(text) => visitor.visit_borrowed_str(text),
                    None => visit_atom(&self.atom()?, visitor),
                };
                value.map_err(|error: Error| error.at(start))
            }
            Some(wrap @ (Wrap::Native | Wrap::Term)) => self.native(wrap, visitor),
            Some(wrap) => self.around(|inner| visitor.visit_newtype_struct(Shaped { inner, wrap })),
        }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let position = self.reader.position();
        let start = self.list()?;
        self.elements(start, visitor)
            .map_err(|error| error.at(position))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let len = self.tuple_of(len)?;
        self.tuple_elements(len, visitor)
            .map_err(|error| error.at(start))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let len = self.map()?;
        self.entries(len, visitor).map_err(|error| error.at(start))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let start = self.reader.cursor();
        let position = self.reader.position();
        let arity = match self.reader.quick_tuple() {
            Some(arity @ 1..) => Some(arity),
            _ => {
                self.reader.set_cursor(start);
                self.variant()?
            }
        };
        let value = match arity {
            None => {
                self.reader.set_cursor(start);
                visitor.visit_enum(Unit(self))
            }
            Some(arity) => self.nested(|inner| {
                let mut left = arity.saturating_sub(1);
                let value = visitor.visit_enum(Tagged::new(inner, &mut left))?;
                access::all_read(left as usize)?;
                Ok(value)
            }),
        };
        value.map_err(|error| error.at(position))
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        self.name(TermKind::Atom, visitor)
            .map_err(|error| error.at(start))
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.reader.skip()?;
        visitor.visit_unit()
    }
}
