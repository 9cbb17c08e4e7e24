//! Lists, tuples, maps and variants while they are read.

use ::serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::read::Token;

use super::super::error::{Error, ErrorKind};
use super::byte::Byte;
use super::{Deserializer, ListStart, Result};

/// That nothing is left of a container which the type has read.
#[inline]
pub(super) fn all_read(left: usize) -> Result {
    match left {
        0 => Ok(()),
        left => Err(Error::new(ErrorKind::TooManyParts(left))),
    }
}

// ---- lists ----

/// The elements of a list, whichever way it is encoded.
pub(super) struct ListElements<'d, 'de> {
    inner: &'d mut Deserializer<'de>,
    /// Elements that are bytes, before the others.
    bytes: &'de [u8],
    /// How many terms are elements, before the tail.
    terms: u32,
    /// Whether the tail was read.
    ended: bool,
}

impl<'d, 'de> ListElements<'d, 'de> {
    #[inline]
    pub(super) fn new(inner: &'d mut Deserializer<'de>, start: ListStart<'de>) -> Self {
        let (bytes, terms, ended) = match start {
            ListStart::Nil => (&[][..], 0, true),
            ListStart::Bytes(bytes) => (bytes, 0, true),
            ListStart::Elements(terms) => (&[][..], terms, false),
        };
        Self {
            inner,
            bytes,
            terms,
            ended,
        }
    }

    /// Reads tails until one has elements or is the end.
    #[inline(never)]
    fn tail(&mut self) -> Result {
        while !self.ended && self.terms == 0 && self.bytes.is_empty() {
            let position = self.inner.reader.position();
            match self.inner.reader.next_token()? {
                Token::Nil => self.ended = true,
                Token::List(terms) => self.terms = terms,
                Token::String(bytes) => {
                    self.bytes = bytes;
                    self.ended = true;
                }
                _ => return Err(Error::new(ErrorKind::ImproperList).at(position)),
            }
        }
        Ok(())
    }

    /// Goes to the next element that is encoded as a term. Whether there is one; elements that are
    /// bytes are passed over or are an error.
    pub(super) fn advance(&mut self, strict: bool) -> Result<bool> {
        self.tail()?;
        if strict && !self.bytes.is_empty() {
            return Err(ErrorKind::KeywordKey.into());
        }
        self.bytes = &[];
        match self.terms.checked_sub(1) {
            None => Ok(false),
            Some(terms) => {
                self.terms = terms;
                Ok(true)
            }
        }
    }

    pub(super) fn inner(&mut self) -> &mut Deserializer<'de> {
        self.inner
    }

    /// That the type has read the whole list.
    #[inline]
    pub(super) fn close(mut self) -> Result {
        if self.terms == 0 && !self.ended && self.inner.reader.quick_nil() {
            return Ok(());
        }
        self.tail()?;
        all_read(self.bytes.len().saturating_add(self.terms as usize))
    }
}

impl<'de> SeqAccess<'de> for ListElements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        loop {
            if let [byte, rest @ ..] = self.bytes {
                self.bytes = rest;
                return seed.deserialize(Byte(*byte, self.inner)).map(Some);
            }
            if let Some(terms) = self.terms.checked_sub(1) {
                self.terms = terms;
                return seed.deserialize(&mut *self.inner).map(Some);
            }
            if self.ended || self.inner.reader.quick_nil() {
                self.ended = true;
                return Ok(None);
            }
            self.tail()?;
        }
    }

    /// No more than there are bytes left.
    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len().saturating_add(self.terms as usize))
    }
}

// ---- tuples ----

/// The elements of a tuple.
pub(super) struct TupleElements<'d, 'de> {
    inner: &'d mut Deserializer<'de>,
    left: u32,
}

impl<'d, 'de> TupleElements<'d, 'de> {
    #[inline]
    pub(super) fn new(inner: &'d mut Deserializer<'de>, left: u32) -> Self {
        Self { inner, left }
    }

    /// That the type has read the whole tuple.
    #[inline]
    pub(super) fn close(self) -> Result {
        all_read(self.left as usize)
    }
}

impl<'de> SeqAccess<'de> for TupleElements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        match self.left.checked_sub(1) {
            None => Ok(None),
            Some(left) => {
                self.left = left;
                seed.deserialize(&mut *self.inner).map(Some)
            }
        }
    }

    /// No more than there are bytes left.
    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

// ---- maps ----

/// The keys and values of a map.
pub(super) struct Entries<'d, 'de> {
    inner: &'d mut Deserializer<'de>,
    left: u32,
}

impl<'d, 'de> Entries<'d, 'de> {
    #[inline]
    pub(super) fn new(inner: &'d mut Deserializer<'de>, left: u32) -> Self {
        Self { inner, left }
    }

    /// That the type has read the whole map.
    #[inline]
    pub(super) fn close(self) -> Result {
        all_read(self.left as usize)
    }

    pub(super) fn inner(&mut self) -> &mut Deserializer<'de> {
        self.inner
    }

    /// Whether there is another entry; then it counts as read.
    #[inline]
    pub(super) fn count(&mut self) -> bool {
        match self.left.checked_sub(1) {
            None => false,
            Some(left) => {
                self.left = left;
                true
            }
        }
    }

    #[inline]
    pub(super) fn key<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<K::Value> {
        self.inner.key = true;
        let key = seed.deserialize(&mut *self.inner);
        self.inner.key = false;
        key
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.count() {
            self.key(seed).map(Some)
        } else {
            Ok(None)
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.inner)
    }

    /// No more than there are bytes left.
    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

// ---- variants ----

/// A variant that is its name alone.
pub(super) struct Unit<'d, 'de>(pub(super) &'d mut Deserializer<'de>);

impl<'de> EnumAccess<'de> for Unit<'_, 'de> {
    type Error = Error;
    type Variant = NoData;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, NoData)> {
        Ok((seed.deserialize(self.0)?, NoData))
    }
}

/// What follows the name of a variant that is its name alone.
pub(super) struct NoData;

impl NoData {
    fn error<T>(expected: usize) -> Result<T> {
        let found = 0;
        Err(Error::new(ErrorKind::TupleLength { expected, found }))
    }
}

impl<'de> VariantAccess<'de> for NoData {
    type Error = Error;

    fn unit_variant(self) -> Result {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value> {
        Self::error(2)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, _: V) -> Result<V::Value> {
        Self::error(len.saturating_add(1))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value> {
        Self::error(2)
    }
}

/// A variant with data: a tuple whose first element is the name.
pub(super) struct Tagged<'d, 'de> {
    inner: &'d mut Deserializer<'de>,
    /// How many elements follow the name.
    left: &'d mut u32,
}

impl<'d, 'de> Tagged<'d, 'de> {
    pub(super) fn new(inner: &'d mut Deserializer<'de>, left: &'d mut u32) -> Self {
        Self { inner, left }
    }

    /// Takes the elements, which have to be so many.
    fn take(&mut self, len: usize) -> Result {
        let left = *self.left as usize;
        if left != len {
            return Err(Error::new(ErrorKind::TupleLength {
                expected: len.saturating_add(1),
                found: left.saturating_add(1),
            }));
        }
        *self.left = 0;
        Ok(())
    }
}

impl<'de> EnumAccess<'de> for Tagged<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        Ok((seed.deserialize(&mut *self.inner)?, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result {
        let found = (*self.left as usize).saturating_add(1);
        Err(Error::new(ErrorKind::TupleLength { expected: 0, found }))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value> {
        self.take(1)?;
        seed.deserialize(self.inner)
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value> {
        self.take(len)?;
        let mut elements = TupleElements::new(self.inner, len as u32);
        let value = visitor.visit_seq(&mut elements)?;
        elements.close()?;
        Ok(value)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        use ::serde::Deserializer as _;
        self.take(1)?;
        self.inner.deserialize_map(visitor)
    }
}
