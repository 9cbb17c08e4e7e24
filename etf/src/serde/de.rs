//! How terms are read as Rust values: a [`Deserializer`](de::Deserializer) over the crate's
//! [`Reader`].

#![deny(clippy::arithmetic_side_effects)]

mod access;
mod byte;
mod native;
mod shaped;
mod typed;

use ::serde::de::{self, Visitor};

use crate::error::{DecodeErrorKind as Kind, TermKind};
use crate::float::Float;
use crate::read::{Reader, Token};

use super::config::Config;
use super::error::{Error, ErrorKind};
use super::wrap::Wrap;

use access::{Entries, ListElements, Tagged, TupleElements, Unit};
use native::Native;
use shaped::Shaped;
use typed::{ListStart, Number, unexpected, utf8, visit_atom};

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
            None if self.reader.is_atom_next() => None,
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
