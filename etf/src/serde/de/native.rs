//! How terms that serde has no word for reach the types of this crate: as their bytes.

use ::serde::de::{self, Visitor};
use ::serde::forward_to_deserialize_any;

use super::super::error::Error;
use super::super::wrap::Wrap;
use super::{Bytes, Deserializer, Result};

impl<'de> Deserializer<'de> {
    /// The bytes of the next term, for a native type.
    #[inline]
    pub(super) fn native<V: Visitor<'de>>(&mut self, wrap: Wrap, visitor: V) -> Result<V::Value> {
        let start = self.reader.position();
        let max_heap = match wrap {
            Wrap::Term => Some(self.config.limits().max_heap()),
            _ => None,
        };
        self.raw(|bytes| match max_heap {
            Some(max_heap) => visitor.visit_seq(Limited(Some(max_heap), Some(bytes))),
            None => bytes.visit(visitor),
        })
        .map_err(|error| error.at(start))
    }
}

/// Two elements: the most memory that a term may take, and its bytes.
struct Limited<'de, 'a>(Option<usize>, Option<Bytes<'de, 'a>>);

impl<'de> de::SeqAccess<'de> for Limited<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>> {
        if let Some(max_heap) = self.0.take() {
            let max_heap = de::value::UsizeDeserializer::<Error>::new(max_heap);
            return seed.deserialize(max_heap).map(Some);
        }
        match self.1.take() {
            Some(bytes) => seed.deserialize(Native(bytes)).map(Some),
            None => Ok(None),
        }
    }
}

/// Gives the bytes of a term. For a type that takes anything they are a newtype in a newtype,
/// which is how a buffer of serde tells them from a binary.
pub(super) struct Native<'de, 'a>(pub(super) Bytes<'de, 'a>);

impl<'de> de::Deserializer<'de> for Native<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(Encoded(self.0))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.visit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// The inner one of the two.
struct Encoded<'de, 'a>(Bytes<'de, 'a>);

impl<'de> de::Deserializer<'de> for Encoded<'de, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.visit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
