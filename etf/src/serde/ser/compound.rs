//! Lists, tuples and maps while they are written.

use ::serde::Serialize;
use ::serde::ser;

use crate::write::Mark;

use super::super::error::{Error, ErrorKind};
use super::super::wrap::Wrap;
use super::{Result, Serializer};

/// A list of elements.
pub(crate) struct Elements<'s, 'a> {
    inner: &'s mut Serializer<'a>,
    start: Mark,
    len: usize,
    /// Whether all elements so far are integers from 0 to 255.
    bytes: bool,
}

impl<'s, 'a> Elements<'s, 'a> {
    #[inline]
    pub(super) fn open(inner: &'s mut Serializer<'a>) -> Self {
        let start = inner.writer.open_list();
        Self {
            inner,
            start,
            len: 0,
            bytes: true,
        }
    }
}

impl ser::SerializeSeq for Elements<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        let mark = self.inner.writer.mark();
        value.serialize(&mut *self.inner)?;
        self.bytes = self.bytes && self.inner.writer.is_byte(mark);
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    #[inline]
    fn end(self) -> Result {
        let Self {
            inner,
            start,
            len,
            bytes,
        } = self;
        Ok(inner.writer.close_list(start, len, bytes)?)
    }
}

/// The elements of a tuple, whose header is written.
pub(crate) struct Values<'s, 'a> {
    inner: &'s mut Serializer<'a>,
    expected: usize,
    found: usize,
}

impl<'s, 'a> Values<'s, 'a> {
    pub(super) fn open(inner: &'s mut Serializer<'a>, expected: usize) -> Self {
        Self {
            inner,
            expected,
            found: 0,
        }
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.found = self.found.saturating_add(1);
        value.serialize(&mut *self.inner)
    }

    fn close(self) -> Result {
        let Self {
            expected, found, ..
        } = self;
        if expected != found {
            return Err(ErrorKind::TupleLength { expected, found }.into());
        }
        Ok(())
    }
}

impl ser::SerializeTuple for Values<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.value(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Values<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.value(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Values<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.value(value)
    }

    fn end(self) -> Result {
        self.close()
    }
}

/// Where the keys and values of a struct or map go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Map {
        claimed: usize,
    },
    /// The values only, which must be as many.
    Record {
        fields: usize,
    },
    /// A list of pairs.
    Pairs {
        keyword: bool,
    },
}

/// A struct or map.
pub(crate) struct Pairs<'s, 'a> {
    inner: &'s mut Serializer<'a>,
    form: Form,
    start: Mark,
    /// Where the entry starts whose value is to come.
    entry: Mark,
    len: usize,
}

impl<'s, 'a> Pairs<'s, 'a> {
    #[inline]
    pub(super) fn open_map(inner: &'s mut Serializer<'a>, claimed: usize) -> Self {
        let start = inner.writer.open_map(claimed);
        Self::new(inner, Form::Map { claimed }, start)
    }

    pub(super) fn open_elixir_struct(
        inner: &'s mut Serializer<'a>,
        name: &str,
        fields: usize,
    ) -> Result<Self> {
        let mut pairs = Self::open_map(inner, fields.saturating_add(1));
        pairs.inner.name("__struct__")?;
        match name.starts_with(super::super::ELIXIR) {
            true => pairs.inner.name(name)?,
            false => pairs.inner.name(&[super::super::ELIXIR, name].concat())?,
        }
        pairs.len = 1;
        Ok(pairs)
    }

    pub(super) fn open_record(
        inner: &'s mut Serializer<'a>,
        name: &str,
        fields: usize,
    ) -> Result<Self> {
        let start = inner.writer.mark();
        inner.tagged(name, fields)?;
        Ok(Self::new(inner, Form::Record { fields }, start))
    }

    pub(super) fn open_pairs(inner: &'s mut Serializer<'a>, keyword: bool) -> Self {
        let start = inner.writer.open_list();
        Self::new(inner, Form::Pairs { keyword }, start)
    }

    #[inline]
    fn new(inner: &'s mut Serializer<'a>, form: Form, start: Mark) -> Self {
        Self {
            inner,
            form,
            start,
            entry: start,
            len: 0,
        }
    }

    /// Begins an entry.
    #[inline]
    fn entry(&mut self) {
        self.entry = self.inner.writer.mark();
        if let Form::Pairs { .. } = self.form {
            self.inner.writer.tuple_header(2);
        }
    }

    #[inline]
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.entry();
        let mark = self.inner.writer.mark();
        key.serialize(&mut *self.inner)?;
        match self.form {
            Form::Pairs { keyword } => {
                if !self.inner.writer.make_atom(mark)? && keyword {
                    return Err(ErrorKind::KeywordKey.into());
                }
            }
            Form::Map { .. } | Form::Record { .. } => {
                if self.inner.config.has_atom_keys() {
                    self.inner.writer.make_atom(mark)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        let mark = self.inner.writer.mark();
        value.serialize(&mut *self.inner)?;
        if self.inner.config.leaves_out()
            && self.inner.nothing == Some(mark)
            && !matches!(self.form, Form::Record { .. })
        {
            self.inner.writer.truncate(self.entry);
            // The next one starts at the same place.
            self.inner.nothing = None;
            return Ok(());
        }
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        if !matches!(self.form, Form::Record { .. }) {
            self.entry();
            self.inner.name(key)?;
        }
        self.value(value)
    }

    fn skip(&mut self) -> Result {
        match self.form {
            Form::Record { .. } => Err(ErrorKind::Wrapper(Wrap::Record.name()).into()),
            Form::Map { .. } | Form::Pairs { .. } => Ok(()),
        }
    }

    #[inline]
    fn close(self) -> Result {
        let Self {
            inner,
            form,
            start,
            len,
            ..
        } = self;
        match form {
            Form::Map { claimed } => inner.writer.close_map(start, claimed, len)?,
            Form::Record { fields } if fields == len => {}
            Form::Record { fields } => {
                let (expected, found) = (fields, len);
                return Err(ErrorKind::TupleLength { expected, found }.into());
            }
            Form::Pairs { .. } => inner.writer.close_list(start, len, false)?,
        }
        Ok(())
    }
}

impl ser::SerializeMap for Pairs<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.key(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.value(value)
    }

    #[inline]
    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeStruct for Pairs<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.field(key, value)
    }

    fn skip_field(&mut self, _: &'static str) -> Result {
        self.skip()
    }

    #[inline]
    fn end(self) -> Result {
        self.close()
    }
}

impl ser::SerializeStructVariant for Pairs<'_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result {
        self.field(key, value)
    }

    fn skip_field(&mut self, _: &'static str) -> Result {
        self.skip()
    }

    #[inline]
    fn end(self) -> Result {
        self.close()
    }
}
