//! What the type inside a wrapper is read from.

use alloc::collections::BTreeSet;
use alloc::string::String;

use ::serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::error::{DecodeErrorKind as Kind, TermKind};
use crate::read::{Reader, Token};
use crate::term::Term;
use crate::write::TRUE;

use super::super::ELIXIR;
use super::super::config::Nothing;
use super::super::error::{Error, ErrorKind};
use super::super::wrap::Wrap;
use super::access::{Entries, ListElements};
use super::{Deserializer, Result};

/// Reads the value inside a wrapper.
pub(super) struct Shaped<'d, 'de> {
    pub(super) inner: &'d mut Deserializer<'de>,
    pub(super) wrap: Wrap,
}

impl<'d, 'de> Shaped<'d, 'de> {
    /// The deserializer, for types that an option policy may be around: all.
    fn plain(self) -> Result<&'d mut Deserializer<'de>> {
        match self.wrap {
            Wrap::Undefined | Wrap::Nil => Ok(self.inner),
            wrap => Err(ErrorKind::Wrapper(wrap.name()).into()),
        }
    }

    /// `{Name, …}`.
    fn record<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        let start = self.inner.reader.position();
        let len = self.inner.tuple()?;
        let Some(fields) = len.checked_sub(1) else {
            let (expected, found) = (1, 0);
            return Err(Error::new(ErrorKind::TupleLength { expected, found }).at(start));
        };
        self.inner.the_atom(name)?;
        let value = self.inner.tuple_elements(fields, visitor);
        value.map_err(|error| error.at(start))
    }

    fn elixir_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        let start = self.inner.reader.position();
        let len = self.inner.map()?;
        self.inner
            .nested(|inner| {
                let mut fields = StructFields {
                    entries: Entries::new(inner, len),
                    name,
                    seen: false,
                };
                let value = visitor.visit_map(&mut fields)?;
                if !fields.seen {
                    return Err(ErrorKind::NoStruct(name).into());
                }
                fields.entries.close()?;
                Ok(value)
            })
            .map_err(|error| error.at(start))
    }

    fn pairs<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let keyword = self.wrap == Wrap::Keyword;
        let position = self.inner.reader.position();
        let start = self.inner.list()?;
        let read = self.inner.nested(|inner| {
            let mut elements = ListElements::new(inner, start);
            let value = visitor.visit_map(ListPairs {
                elements: &mut elements,
                keyword,
                seen: BTreeSet::new(),
                flag: false,
            })?;
            elements.close()?;
            Ok(value)
        });
        read.map_err(|error| error.at(position))
    }

    fn characters<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let position = self.inner.reader.position();
        let start = self.inner.list()?;
        let mut elements = ListElements::new(self.inner, start);
        let mut text = String::new();
        while let Some(character) = elements.next_element::<u32>()? {
            let Some(character) = char::from_u32(character) else {
                let error = Error::from(ErrorKind::from(Kind::IntegerOutOfRange));
                return Err(error.at(position));
            };
            text.push(character);
        }
        visitor.visit_string(text)
    }
}

macro_rules! plain {
    ($($function:ident)*) => {$(
        fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.plain()?.$function(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Shaped<'_, 'de> {
    type Error = Error;

    plain! {
        deserialize_any
        deserialize_bool
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
        deserialize_f32
        deserialize_f64
        deserialize_bytes
        deserialize_byte_buf
        deserialize_unit
        deserialize_seq
        deserialize_identifier
        deserialize_ignored_any
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.wrap {
            Wrap::Charlist => self.characters(visitor),
            _ => self.plain()?.deserialize_char(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.wrap {
            Wrap::Charlist => self.characters(visitor),
            _ => self.plain()?.deserialize_str(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let (nothing, own) = match self.wrap {
            Wrap::Undefined => (Nothing::Undefined, true),
            Wrap::Nil => (Nothing::Nil, true),
            _ => (self.inner.config.nothing(), false),
        };
        if self.inner.nothing(nothing.text())? {
            return visitor.visit_none();
        }
        let wrap = self.wrap;
        self.inner.around(|inner| match own {
            true => visitor.visit_some(inner),
            false => visitor.visit_some(Shaped { inner, wrap }),
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match self.wrap {
            Wrap::Record => {
                self.inner.tuple_of(1)?;
                self.inner.the_atom(name)?;
                visitor.visit_unit()
            }
            _ => self.plain()?.deserialize_unit_struct(name, visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match (Wrap::of(name), self.wrap) {
            (Some(_), _) => self.plain()?.deserialize_newtype_struct(name, visitor),
            (None, Wrap::Record) => {
                self.inner.tuple_of(2)?;
                self.inner.the_atom(name)?;
                self.inner
                    .nested(|inner| visitor.visit_newtype_struct(inner))
            }
            (None, wrap) => self
                .inner
                .around(|inner| visitor.visit_newtype_struct(Shaped { inner, wrap })),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        if self.wrap != Wrap::Cons {
            return self.plain()?.deserialize_tuple(len, visitor);
        }
        let start = self.inner.reader.position();
        self.inner
            .pick(|token| match token {
                Token::List(1) => Ok(()),
                other => super::unexpected(TermKind::List, &other),
            })
            .map_err(|error| error.at(start))?;
        // The tail is the second.
        self.inner.tuple_elements(2, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        match self.wrap {
            Wrap::Record => self.record(name, visitor),
            _ => self.plain()?.deserialize_tuple_struct(name, len, visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.wrap {
            Wrap::Proplist | Wrap::Keyword => self.pairs(visitor),
            _ => self.plain()?.deserialize_map(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.wrap {
            Wrap::Record => self.record(name, visitor),
            Wrap::ElixirStruct => self.elixir_struct(name, visitor),
            Wrap::Proplist | Wrap::Keyword => self.pairs(visitor),
            _ => self.plain()?.deserialize_struct(name, fields, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.plain()?.deserialize_enum(name, variants, visitor)
    }
}

/// The entries of an Elixir struct but for `__struct__`.
struct StructFields<'d, 'de> {
    entries: Entries<'d, 'de>,
    name: &'static str,
    seen: bool,
}

impl StructFields<'_, '_> {
    /// Reads the module, which has to be that of the struct.
    fn module(&mut self) -> Result {
        let reader = &mut self.entries.inner().reader;
        let start = reader.position();
        let module = reader.read_atom()?;
        let bare = |text: &str| text.strip_prefix(ELIXIR).map(String::from);
        let named = match bare(self.name) {
            Some(_) => module == self.name,
            None => bare(module.as_str()).is_some_and(|bare| bare == self.name),
        };
        if !named {
            return Err(Error::new(ErrorKind::OtherAtom(self.name)).at(start));
        }
        self.seen = true;
        Ok(())
    }
}

impl<'de> MapAccess<'de> for StructFields<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        while self.entries.count() {
            let reader = &mut self.entries.inner().reader;
            if !reader.atom_if(|key| *key == *"__struct__")? {
                return self.entries.key(seed).map(Some);
            }
            self.module()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        self.entries.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint()
    }
}

/// The entries of a property list or keyword list.
struct ListPairs<'l, 'd, 'de> {
    elements: &'l mut ListElements<'d, 'de>,
    keyword: bool,
    seen: BTreeSet<Term>,
    /// Whether the last key was an atom by itself, so that its value is `true`.
    flag: bool,
}

/// What an element of a property list is.
enum Element {
    Pair,
    Flag,
    Other,
}

impl ListPairs<'_, '_, '_> {
    /// Goes to the next key that was not there before. Whether there is one.
    fn advance(&mut self) -> Result<bool> {
        while self.elements.advance(self.keyword)? {
            let inner = self.elements.inner();
            let start = inner.reader.cursor();
            let element = inner.pick(|token| {
                Ok(match token {
                    Token::Tuple(2) => Element::Pair,
                    Token::Atom(_) => Element::Flag,
                    _ => Element::Other,
                })
            })?;
            if self.keyword && !matches!(element, Element::Pair) {
                return Err(ErrorKind::KeywordKey.into());
            }
            self.flag = matches!(element, Element::Flag);
            if let Element::Pair = element {
                let key = inner.reader.cursor();
                let term = inner.reader.read_term(inner.config.limits())?;
                if self.keyword && term.as_atom().is_none() {
                    return Err(ErrorKind::KeywordKey.into());
                }
                if self.seen.insert(term) {
                    inner.reader.set_cursor(key);
                    return Ok(true);
                }
                inner.reader.skip()?;
                continue;
            }
            inner.reader.set_cursor(start);
            if self.flag {
                let term = inner.reader.read_term(inner.config.limits())?;
                if self.seen.insert(term) {
                    inner.reader.set_cursor(start);
                    return Ok(true);
                }
            } else {
                inner.reader.skip()?;
            }
        }
        Ok(false)
    }
}

impl<'de> MapAccess<'de> for ListPairs<'_, '_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        let inner = self.elements.inner();
        inner.key = true;
        let key = seed.deserialize(&mut *inner);
        inner.key = false;
        key.map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        if self.flag {
            let inner = self.elements.inner();
            return seed
                .deserialize(&mut inner.on(Reader::new(&TRUE)))
                .map_err(Error::nowhere);
        }
        seed.deserialize(self.elements.inner())
    }
}
