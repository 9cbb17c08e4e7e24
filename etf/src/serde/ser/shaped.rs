//! What a wrapper makes of the value inside it.

use ::serde::Serialize;
use ::serde::ser;

use super::super::config::Nothing;
use super::super::error::{Error, ErrorKind};
use super::super::wrap::Wrap;
use super::compound::{Pairs, Values};
use super::{Result, Serializer};
use crate::write::Put;

/// Writes the value inside a wrapper.
pub(super) struct Shaped<'s, 'a> {
    pub(super) inner: &'s mut Serializer<'a>,
    pub(super) wrap: Wrap,
}

impl<'s, 'a> Shaped<'s, 'a> {
    /// The serializer, for values that an option policy may be around: all.
    fn plain(self) -> Result<&'s mut Serializer<'a>> {
        match self.wrap {
            Wrap::Undefined | Wrap::Nil => Ok(self.inner),
            wrap => Err(ErrorKind::Wrapper(wrap.name()).into()),
        }
    }
}

macro_rules! plain {
    ($($function:ident($type:ty))*) => {$(
        fn $function(self, value: $type) -> Result {
            self.plain()?.$function(value)
        }
    )*};
}

impl<'s, 'a> ser::Serializer for Shaped<'s, 'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = super::Elements<'s, 'a>;
    type SerializeTuple = Values<'s, 'a>;
    type SerializeTupleStruct = Values<'s, 'a>;
    type SerializeTupleVariant = Values<'s, 'a>;
    type SerializeMap = Pairs<'s, 'a>;
    type SerializeStruct = Pairs<'s, 'a>;
    type SerializeStructVariant = Pairs<'s, 'a>;

    plain! {
        serialize_bool(bool)
        serialize_i8(i8)
        serialize_i16(i16)
        serialize_i32(i32)
        serialize_i64(i64)
        serialize_i128(i128)
        serialize_u8(u8)
        serialize_u16(u16)
        serialize_u32(u32)
        serialize_u64(u64)
        serialize_u128(u128)
        serialize_f32(f32)
        serialize_f64(f64)
    }

    /// Of the types inside native types, only bytes: the others are what other formats get.
    fn is_human_readable(&self) -> bool {
        !matches!(self.wrap, Wrap::Native | Wrap::Term)
    }

    fn serialize_char(self, value: char) -> Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result {
        match self.wrap {
            Wrap::Atom => self.inner.name(value),
            Wrap::Charlist => {
                let mut list = super::Elements::open(self.inner);
                for character in value.chars() {
                    ser::SerializeSeq::serialize_element(&mut list, &u32::from(character))?;
                }
                ser::SerializeSeq::end(list)
            }
            _ => self.plain()?.serialize_str(value),
        }
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        match self.wrap {
            Wrap::Native | Wrap::Term => {
                self.inner.writer.raw(value);
                Ok(())
            }
            _ => self.plain()?.serialize_bytes(value),
        }
    }

    fn serialize_none(self) -> Result {
        let nothing = match self.wrap {
            Wrap::Undefined => Nothing::Undefined,
            Wrap::Nil => Nothing::Nil,
            _ => return self.inner.serialize_none(),
        };
        self.inner.name(nothing.text())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        match self.wrap {
            Wrap::Undefined | Wrap::Nil => value.serialize(self.inner),
            _ => value.serialize(self),
        }
    }

    fn serialize_unit(self) -> Result {
        self.plain()?.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result {
        match self.wrap {
            Wrap::Record => self.inner.tagged(name, 0),
            _ => self.plain()?.serialize_unit_struct(name),
        }
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result {
        self.plain()?.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result {
        match (Wrap::of(name), self.wrap) {
            (Some(_), Wrap::Undefined | Wrap::Nil) => {
                self.inner.serialize_newtype_struct(name, value)
            }
            (Some(_), wrap) => Err(ErrorKind::Wrapper(wrap.name()).into()),
            (None, Wrap::Record) => {
                self.inner.tagged(name, 1)?;
                value.serialize(self.inner)
            }
            (None, _) => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let plain = self.plain()?;
        plain.serialize_newtype_variant(name, index, variant, value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq> {
        self.plain()?.serialize_seq(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Values<'s, 'a>> {
        match self.wrap {
            Wrap::Cons => {
                self.inner.writer.list_header(1);
                Ok(Values::open(self.inner, len))
            }
            _ => self.plain()?.serialize_tuple(len),
        }
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Values<'s, 'a>> {
        match self.wrap {
            Wrap::Record => {
                self.inner.tagged(name, len)?;
                Ok(Values::open(self.inner, len))
            }
            _ => self.plain()?.serialize_tuple_struct(name, len),
        }
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Values<'s, 'a>> {
        let plain = self.plain()?;
        plain.serialize_tuple_variant(name, index, variant, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Pairs<'s, 'a>> {
        match self.wrap {
            Wrap::Proplist => Ok(Pairs::open_pairs(self.inner, false)),
            Wrap::Keyword => Ok(Pairs::open_pairs(self.inner, true)),
            _ => self.plain()?.serialize_map(len),
        }
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Pairs<'s, 'a>> {
        match self.wrap {
            Wrap::Record => Pairs::open_record(self.inner, name, len),
            Wrap::ElixirStruct => Pairs::open_elixir_struct(self.inner, name, len),
            Wrap::Proplist => Ok(Pairs::open_pairs(self.inner, false)),
            Wrap::Keyword => Ok(Pairs::open_pairs(self.inner, true)),
            _ => self.plain()?.serialize_struct(name, len),
        }
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Pairs<'s, 'a>> {
        let plain = self.plain()?;
        plain.serialize_struct_variant(name, index, variant, len)
    }
}
