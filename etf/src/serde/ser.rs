//! How Rust values are written as terms: a [`Serializer`](ser::Serializer) over the crate's
//! [`Writer`].

#![deny(clippy::arithmetic_side_effects)]

mod compound;
mod shaped;

use ::serde::Serialize;
use ::serde::ser;

use crate::float::Float;
use crate::write::{Mark, Writer};

use super::config::Config;
use super::error::{Error, ErrorKind};
use super::wrap::Wrap;

use compound::{Elements, Pairs, Values};
use shaped::Shaped;

type Result<T = ()> = core::result::Result<T, Error>;

/// Writes one value.
pub(super) struct Serializer<'a> {
    writer: Writer<'a>,
    config: Config,
    /// Where the last `None` was written.
    nothing: Option<Mark>,
}

impl<'a> Serializer<'a> {
    pub(super) fn new(writer: Writer<'a>, config: Config) -> Self {
        Self {
            writer,
            config,
            nothing: None,
        }
    }

    #[inline]
    fn name(&mut self, text: &str) -> Result {
        Ok(self.writer.atom_of(text)?)
    }

    /// Writes the header and the first element of a tagged tuple.
    #[inline]
    fn tagged(&mut self, tag: &str, len: usize) -> Result {
        self.writer.tuple(len.saturating_add(1))?;
        self.name(tag)
    }
}

impl<'s, 'a> ser::Serializer for &'s mut Serializer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'s, 'a>;
    type SerializeTuple = Values<'s, 'a>;
    type SerializeTupleStruct = Values<'s, 'a>;
    type SerializeTupleVariant = Values<'s, 'a>;
    type SerializeMap = Pairs<'s, 'a>;
    type SerializeStruct = Pairs<'s, 'a>;
    type SerializeStructVariant = Pairs<'s, 'a>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result {
        self.name(if value { "true" } else { "false" })
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Result {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result {
        self.writer.word(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result {
        self.writer.integer(value);
        Ok(())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Result {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result {
        self.serialize_i64(i64::from(value))
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            Err(_) => self.serialize_u128(u128::from(value)),
        }
    }

    fn serialize_u128(self, value: u128) -> Result {
        self.writer.unsigned(value);
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result {
        self.serialize_f64(f64::from(value))
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result {
        let float = Float::new(value).ok_or(ErrorKind::NotFinite)?;
        self.writer.float(float);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result {
        Ok(self.writer.binary(value)?)
    }

    #[inline]
    fn serialize_none(self) -> Result {
        self.nothing = Some(self.writer.mark());
        self.name(self.config.nothing().text())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result {
        self.name(self.config.nothing().text())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result {
        self.name(name)
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        self.name(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result {
        match Wrap::of(name) {
            None => value.serialize(self),
            Some(wrap) => value.serialize(Shaped { inner: self, wrap }),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.tagged(variant, 1)?;
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'s, 'a>> {
        Ok(Elements::open(self))
    }

    fn serialize_tuple(self, len: usize) -> Result<Values<'s, 'a>> {
        self.writer.tuple(len)?;
        Ok(Values::open(self, len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Values<'s, 'a>> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Values<'s, 'a>> {
        self.tagged(variant, len)?;
        Ok(Values::open(self, len))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Pairs<'s, 'a>> {
        Ok(Pairs::open_map(self, len.unwrap_or_default()))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Pairs<'s, 'a>> {
        Ok(Pairs::open_map(self, len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Pairs<'s, 'a>> {
        self.tagged(variant, 1)?;
        Ok(Pairs::open_map(self, len))
    }
}
