//! The types of this crate inside Rust types that serde knows, and in other formats.
//!
//! For the serializer and deserializer of this crate, and for any format that is not human
//! readable, they are the bytes of their term. For a human readable format they are what
//! `readable.rs` makes of the term.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use ::serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use ::serde::ser::{self, Serialize, Serializer};
use bytes::{Bytes, BytesMut};

use crate::atom::{Atom, MAX_ATOM_CHARACTERS};
use crate::binary::{Binary, BitString};
use crate::error::{DecodeError, TermKind};
use crate::float::Float;
use crate::fun::{ExportFun, Fun, InternalFun};
use crate::ident::{Pid, Port, Reference};
use crate::integer::Integer;
use crate::limits::Limits;
use crate::list::List;
use crate::local::Local;
use crate::map::Map;
use crate::raw::RawTerm;
use crate::read::{self, Reader};
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;
use crate::write::Writer;

use super::Error;
use super::nodes::node;
use super::readable::{Readable, ReadableVisitor};
use super::wrap::{ATOM, NATIVE, TERM};

// ---- atoms and binaries, for which serde has words ----

impl Serialize for Atom {
    /// An atom; in other formats, text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ATOM, self.as_str())
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Atom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an atom")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Atom, E> {
                if text.len() <= MAX_ATOM_CHARACTERS {
                    return Ok(Atom::from_checked(text.as_bytes()));
                }
                Atom::new(text).map_err(E::custom)
            }

            // A buffer of serde holds these three otherwise.
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Atom, E> {
                Ok(Atom::from(value))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Atom, E> {
                self.visit_str(super::Nothing::Undefined.text())
            }

            fn visit_none<E: de::Error>(self) -> Result<Atom, E> {
                self.visit_str(super::Nothing::Nil.text())
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                inside: D,
            ) -> Result<Atom, D::Error> {
                inside.deserialize_any(self)
            }
        }

        deserializer.deserialize_newtype_struct(ATOM, Text)
    }
}

impl Serialize for Binary {
    /// A binary; in other formats, bytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Contents;

        impl<'de> Visitor<'de> for Contents {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a binary")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary::copy_from_slice(bytes))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Binary, E> {
                self.visit_bytes(text.as_bytes())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Binary, A::Error> {
                // What other formats make of bytes that have none.
                let mut contents = Vec::new();
                while let Some(byte) = bytes.next_element::<u8>()? {
                    contents.push(byte);
                }
                Ok(contents.into())
            }
        }

        deserializer.deserialize_byte_buf(Contents)
    }
}

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| de::Error::custom("float that is not finite"))
    }
}

// ---- what is only a term ----

/// A type whose values are terms.
trait Native: Sized {
    /// The reserved name that it goes by.
    const NAME: &'static str = NATIVE;

    /// What it is called where another term is found.
    const KIND: &'static str;

    fn to_term(&self) -> Result<Cow<'_, Term>, DecodeError>;

    fn from_term(term: Term) -> Option<Self>;

    /// Appends the encoded term.
    fn encode(&self, out: &mut BytesMut) -> Result<(), Error> {
        Ok(self.to_term()?.encode(out)?)
    }

    /// Decodes the term that the bytes begin with.
    fn decode(bytes: &[u8], limits: &Limits) -> Result<Option<Self>, DecodeError> {
        Reader::new(bytes).read_term(limits).map(Self::from_term)
    }
}

/// A value inside its newtype.
struct Inside<'a, T>(&'a T);

impl<T: Native> Serialize for Inside<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let term = self.0.to_term().map_err(ser::Error::custom)?;
            return Readable::new(&term).serialize(serializer);
        }
        let mut bytes = BytesMut::new();
        self.0.encode(&mut bytes).map_err(ser::Error::custom)?;
        serializer.serialize_bytes(&bytes)
    }
}

/// Reads a native type from its bytes or from its readable form.
struct NativeVisitor<T>(Limits, PhantomData<T>);

impl<'de, T: Native> Visitor<'de> for NativeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::KIND)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        match T::decode(bytes, &self.0) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(other(
                Reader::new(bytes).next_token().map(|t| t.kind()),
                T::KIND,
            )),
            Err(error) => Err(E::custom(error.kind())),
        }
    }

    /// From our own deserializer: the most memory that a term may take, and the bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<T, A::Error> {
        let missing = || de::Error::custom("no bytes of a term");
        let max_heap = parts.next_element::<usize>()?.ok_or_else(missing)?;
        let limits = Limits::DEFAULT.with_max_heap(max_heap);
        parts
            .next_element_seed(Self(limits, PhantomData))?
            .ok_or_else(missing)
    }

    /// From any other format, or from what serde has buffered.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<T, D::Error> {
        if !inside.is_human_readable() {
            return inside.deserialize_bytes(self);
        }
        let term = inside.deserialize_any(ReadableVisitor::new())?;
        let found = kind(&term);
        T::from_term(term).ok_or_else(|| other(Ok(found), T::KIND))
    }
}

impl<'de, T: Native> DeserializeSeed<'de> for NativeVisitor<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, bytes: D) -> Result<T, D::Error> {
        bytes.deserialize_bytes(self)
    }
}

/// The error of another term than was asked for.
#[cold]
fn other<E: de::Error>(found: Result<TermKind, DecodeError>, expected: &str) -> E {
    match found {
        Ok(found) => E::custom(format_args!("{found} instead of {expected}")),
        Err(error) => E::custom(error.kind()),
    }
}

fn kind(term: &Term) -> TermKind {
    match term {
        Term::Integer(_) => TermKind::Integer,
        Term::Float(_) => TermKind::Float,
        Term::Atom(_) => TermKind::Atom,
        Term::Binary(_) => TermKind::Binary,
        Term::BitString(_) => TermKind::BitString,
        Term::Pid(_) => TermKind::Pid,
        Term::Port(_) => TermKind::Port,
        Term::Reference(_) => TermKind::Reference,
        Term::Tuple(_) => TermKind::Tuple,
        Term::List(_) => TermKind::List,
        Term::Map(_) => TermKind::Map,
        Term::Fun(_) => TermKind::Fun,
        Term::Record(_) => TermKind::Record,
        Term::Local(_) => TermKind::Local,
    }
}

macro_rules! serde {
    ($($type:ident)*) => {$(
        impl Serialize for $type {
            /// Its term; what that is in other formats is said in [`serde`](crate::serde).
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(Self::NAME, &Inside(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = NativeVisitor::<Self>(Limits::DEFAULT, PhantomData);
                deserializer.deserialize_newtype_struct(Self::NAME, visitor)
            }
        }
    )*};
}

serde!(
    Integer BitString Pid Port Reference Tuple List Map Fun ExportFun InternalFun Record Local
    Term RawTerm
);

/// A type that is one variant of [`Term`].
macro_rules! native {
    ($type:ident, $kind:literal, $pattern:pat => $value:expr $(, $encode:item $decode:item)?) => {
        impl Native for $type {
            const KIND: &'static str = $kind;

            fn to_term(&self) -> Result<Cow<'_, Term>, DecodeError> {
                Ok(Cow::Owned(Term::from(self.clone())))
            }

            fn from_term(term: Term) -> Option<Self> {
                match term {
                    $pattern => $value,
                    _ => None,
                }
            }

            $($encode $decode)?
        }
    };
}

native!(Integer, "an integer", Term::Integer(value) => Some(value));
native!(BitString, "a bit string", Term::BitString(value) => Some(*value));
native!(Port, "a port", Term::Port(value) => Some(value));
native!(Tuple, "a tuple", Term::Tuple(value) => Some(value));
native!(List, "a list", Term::List(value) => Some(value));
native!(Map, "a map", Term::Map(value) => Some(value));
native!(Fun, "a fun", Term::Fun(value) => Some(*value));
native!(Record, "a record", Term::Record(value) => Some(*value));
native!(Local, "a local term", Term::Local(value) => Some(*value));

native!(ExportFun, "an external fun", Term::Fun(fun) => match *fun {
    Fun::Export(fun) => Some(fun),
    Fun::Internal(_) => None,
});

native!(InternalFun, "a fun with code", Term::Fun(fun) => match *fun {
    Fun::Internal(fun) => Some(fun),
    Fun::Export(_) => None,
});

native!(
    Pid, "a pid", Term::Pid(value) => Some(value),
    fn encode(&self, out: &mut BytesMut) -> Result<(), Error> {
        Writer::new(out).pid(self);
        Ok(())
    }
    #[inline]
    fn decode(bytes: &[u8], _: &Limits) -> Result<Option<Self>, DecodeError> {
        if let Some(pid) = read::quick_pid(bytes) {
            return Ok(Some(Pid::new(node(&pid.node), pid.id, pid.serial)));
        }
        Reader::new(bytes).read_pid().map(Some)
    }
);

native!(
    Reference, "a reference", Term::Reference(value) => Some(*value),
    fn encode(&self, out: &mut BytesMut) -> Result<(), Error> {
        Writer::new(out).reference(self);
        Ok(())
    }
    #[inline]
    fn decode(bytes: &[u8], _: &Limits) -> Result<Option<Self>, DecodeError> {
        if let Some(reference) = read::quick_reference(bytes) {
            return Ok(Some(reference.to_reference(node(&reference.node))));
        }
        Reader::new(bytes).read_reference().map(Some)
    }
);

impl Native for Term {
    const NAME: &'static str = TERM;
    const KIND: &'static str = "a term";

    fn to_term(&self) -> Result<Cow<'_, Self>, DecodeError> {
        Ok(Cow::Borrowed(self))
    }

    fn from_term(term: Self) -> Option<Self> {
        Some(term)
    }
}

impl Native for RawTerm {
    const KIND: &'static str = "a term";

    fn to_term(&self) -> Result<Cow<'_, Term>, DecodeError> {
        RawTerm::to_term(self).map(Cow::Owned)
    }

    fn from_term(term: Term) -> Option<Self> {
        let mut bytes = BytesMut::new();
        // Every term that was read has a size.
        term.encode(&mut bytes).ok()?;
        Some(Self::new(bytes.freeze()))
    }

    fn encode(&self, out: &mut BytesMut) -> Result<(), Error> {
        Ok(self.encode_into(out)?)
    }

    fn decode(bytes: &[u8], _: &Limits) -> Result<Option<Self>, DecodeError> {
        let bytes = Reader::new(bytes).skip()?;
        Ok(Some(Self::new(Bytes::copy_from_slice(bytes))))
    }
}
