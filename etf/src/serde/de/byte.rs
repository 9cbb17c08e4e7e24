//! What an element of a list is read from that is encoded as bytes: the same as if it were encoded
//! as terms.

use ::serde::de::{self, Visitor};

use crate::read::Reader;
use crate::write::BYTES;

use super::super::error::Error;
use super::{Deserializer, Result};

/// An integer from 0 to 255, and the deserializer of the list.
pub(super) struct Byte<'d, 'de>(pub(super) u8, pub(super) &'d mut Deserializer<'de>);

impl<'de> Byte<'_, 'de> {
    /// For types that are no integers: an encoded term like any other.
    fn term<T>(&mut self, read: impl FnOnce(&mut Deserializer<'de>) -> Result<T>) -> Result<T> {
        let term = BYTES.get(usize::from(self.0)).map_or(&[][..], |term| term);
        read(&mut self.1.on(Reader::new(term))).map_err(Error::nowhere)
    }
}

macro_rules! integers {
    ($($function:ident)*) => {$(
        #[inline]
        fn $function<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.visit_u64(u64::from(self.0))
        }
    )*};
}

macro_rules! terms {
    ($($function:ident($($name:ident: $type:ty),*))*) => {$(
        fn $function<V: Visitor<'de>>(
            mut self,
            $($name: $type,)*
            visitor: V,
        ) -> Result<V::Value> {
            self.term(|term| de::Deserializer::$function(term, $($name,)* visitor))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Byte<'_, 'de> {
    type Error = Error;

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

    terms! {
        deserialize_any()
        deserialize_bool()
        deserialize_f32()
        deserialize_f64()
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_bytes()
        deserialize_byte_buf()
        deserialize_option()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier()
        deserialize_ignored_any()
    }
}
