//! What a term is in another format that is human readable, such as JSON.
//!
//! Numbers, booleans and proper lists are themselves. All else is a map of one key that says what
//! it is, so that it comes back as it was.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use ::serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use ::serde::ser::{self, Serialize, SerializeMap, Serializer};
use bytes::BytesMut;
use num_bigint::BigInt;

use crate::atom::Atom;
use crate::binary::{Binary, BitString};
use crate::float::Float;
use crate::ident::{NodeId, Pid, Port, Reference};
use crate::integer::Integer;
use crate::limits::Limits;
use crate::list::List;
use crate::map::Map;
use crate::read::Reader;
use crate::term::Term;
use crate::tuple::Tuple;

use super::error::ErrorKind;

/// How deep a term may nest in another format, on the way there and back: both recurse.
const MAX_DEPTH: usize = 128;

/// The most digits of an integer in text: reading them takes the square of their number.
const MAX_DIGITS: usize = 100_000;

const INTEGER: &str = "$integer";
const ATOM: &str = "$atom";
const BINARY: &str = "$binary";
const BITS: &str = "$bits";
const TUPLE: &str = "$tuple";
const IMPROPER: &str = "$improper";
const MAP: &str = "$map";
const PID: &str = "$pid";
const PORT: &str = "$port";
const REFERENCE: &str = "$reference";
/// Bytes in the external format: funs, native records and local terms.
const EXTERNAL: &str = "$external";

fn too_deep() -> ErrorKind {
    ErrorKind::DepthLimit(MAX_DEPTH)
}

// ---- there ----

/// A term on its way to another format.
#[derive(Clone, Copy)]
pub(super) struct Readable<'a> {
    term: &'a Term,
    depth: usize,
}

impl<'a> Readable<'a> {
    pub(super) fn new(term: &'a Term) -> Self {
        let depth = MAX_DEPTH;
        Self { term, depth }
    }
}

/// What is inside a term, one level further down.
#[derive(Clone, Copy)]
struct Below<T> {
    inside: T,
    depth: usize,
}

impl Readable<'_> {
    fn below<T, E: ser::Error>(&self, inside: T) -> Result<Below<T>, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Below { inside, depth }),
            None => Err(E::custom(too_deep())),
        }
    }
}

impl Serialize for Below<&Tuple> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let depth = self.depth;
        serializer.collect_seq(self.inside.iter().map(|term| Readable { term, depth }))
    }
}

impl Serialize for Below<&List> {
    /// The elements without the tail.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let depth = self.depth;
        serializer.collect_seq(self.inside.iter().map(|term| Readable { term, depth }))
    }
}

impl Serialize for Below<&Map> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let readable = |term| Readable {
            term,
            depth: self.depth,
        };
        let pairs = self.inside.iter();
        serializer.collect_seq(pairs.map(|(key, value)| (readable(key), readable(value))))
    }
}

fn tagged<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    tag: &'static str,
    value: &T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, value)?;
    map.end()
}

impl Serialize for Readable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.term {
            Term::Integer(integer) => match (integer.to_i64(), integer.to_u64()) {
                (Some(value), _) => serializer.serialize_i64(value),
                (None, Some(value)) => serializer.serialize_u64(value),
                (None, None) => tagged(serializer, INTEGER, &integer.to_bigint().to_string()),
            },
            Term::Float(float) => serializer.serialize_f64(float.get()),
            Term::Atom(atom) if *atom == "true" => serializer.serialize_bool(true),
            Term::Atom(atom) if *atom == "false" => serializer.serialize_bool(false),
            Term::Atom(atom) => tagged(serializer, ATOM, atom.as_str()),
            Term::Binary(binary) => match core::str::from_utf8(binary) {
                Ok(text) => tagged(serializer, BINARY, text),
                Err(_) => tagged(serializer, BINARY, binary.as_slice()),
            },
            Term::BitString(bits) => {
                let parts = (bits.bytes().as_slice(), bits.last_bits());
                tagged(serializer, BITS, &parts)
            }
            Term::Tuple(tuple) => tagged(serializer, TUPLE, &self.below(tuple)?),
            Term::List(list) if list.is_proper() => self.below(list)?.serialize(serializer),
            Term::List(list) => {
                let elements = self.below(list)?;
                let tail = Readable {
                    term: list.tail(),
                    depth: elements.depth,
                };
                tagged(serializer, IMPROPER, &(elements, tail))
            }
            Term::Map(map) => tagged(serializer, MAP, &self.below(map)?),
            Term::Pid(pid) => {
                let node = pid.node();
                let parts = (
                    node.name().as_str(),
                    pid.id(),
                    pid.serial(),
                    node.creation(),
                );
                tagged(serializer, PID, &parts)
            }
            Term::Port(port) => {
                let node = port.node();
                let parts = (node.name().as_str(), port.id(), node.creation());
                tagged(serializer, PORT, &parts)
            }
            Term::Reference(reference) => {
                let node = reference.node();
                let parts = (node.name().as_str(), reference.words(), node.creation());
                tagged(serializer, REFERENCE, &parts)
            }
            Term::Fun(_) | Term::Record(_) | Term::Local(_) => {
                let mut bytes = BytesMut::new();
                self.term.encode(&mut bytes).map_err(ser::Error::custom)?;
                tagged(serializer, EXTERNAL, bytes.as_ref())
            }
        }
    }
}

// ---- and back ----

/// Reads a term from its readable form, or from what serde has buffered of our own format.
///
/// In such a buffer an atom is text that is not borrowed, a binary is text that is, and a tuple
/// cannot be told from a list.
#[derive(Clone, Copy)]
pub(super) struct ReadableVisitor {
    depth: usize,
    /// Whether bytes are an encoded term.
    encoded: bool,
}

impl ReadableVisitor {
    pub(super) fn new() -> Self {
        Self {
            // A map is three levels of arrays and maps.
            depth: 3 * MAX_DEPTH,
            encoded: false,
        }
    }

    fn below<E: de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(E::custom(too_deep())),
        }
    }
}

impl<'de> DeserializeSeed<'de> for ReadableVisitor {
    type Value = Term;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadableVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Term, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Term, E> {
        let float = Float::new(value).ok_or_else(|| E::custom(ErrorKind::NotFinite))?;
        Ok(float.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Term, E> {
        // What is longer than an atom was none: it is text under a key of another format.
        Ok(Term::atom(text).unwrap_or_else(|_| Term::binary(text)))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Term, E> {
        Ok(Term::binary(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Term, E> {
        if self.encoded {
            return external(bytes);
        }
        Ok(Term::binary(bytes))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Term, E> {
        self.visit_str(super::Nothing::Undefined.text())
    }

    fn visit_none<E: de::Error>(self) -> Result<Term, E> {
        self.visit_str(super::Nothing::Nil.text())
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<Term, D::Error> {
        inside.deserialize_any(self.below()?)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Term, D::Error> {
        let below = self.below()?;
        inside.deserialize_any(Self {
            encoded: true,
            ..below
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Term, A::Error> {
        let below = self.below()?;
        let mut terms = Vec::new();
        while let Some(term) = elements.next_element_seed(below)? {
            terms.push(term);
        }
        Ok(Term::list(terms))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Term, A::Error> {
        let below = self.below()?;
        let mut pairs = Vec::new();
        while let Some(key) = entries.next_key_seed(below)? {
            let value = entries.next_value_seed(below)?;
            pairs.push((key, value));
        }
        if let [(key, value)] = &mut *pairs
            && let Some(tag) = text(key)
            && tag.starts_with('$')
        {
            let value = core::mem::replace(value, Term::nil());
            return untag(tag, value)
                .ok_or_else(|| de::Error::custom(format_args!("no term under the key {tag}")));
        }
        Term::map(pairs).map_err(de::Error::custom)
    }
}

/// The text that this was, whichever way it was held.
fn text(term: &Term) -> Option<&str> {
    match term {
        Term::Atom(atom) => Some(atom.as_str()),
        Term::Binary(binary) => core::str::from_utf8(binary).ok(),
        _ => None,
    }
}

fn external<E: de::Error>(bytes: &[u8]) -> Result<Term, E> {
    let term = Reader::new(bytes).read_term(&Limits::DEFAULT);
    term.map_err(|error| E::custom(error.kind()))
}

fn list(term: Term) -> Option<List> {
    match term {
        Term::List(list) => Some(list),
        _ => None,
    }
}

/// The elements of a list that has so many.
fn parts<const N: usize>(term: Term) -> Option<[Term; N]> {
    list(term)?.into_vec()?.try_into().ok()
}

fn u32_of(term: &Term) -> Option<u32> {
    u32::try_from(term.as_i64()?).ok()
}

fn node(name: &Term, creation: &Term) -> Option<NodeId> {
    Some(NodeId::new(Atom::new(text(name)?).ok()?, u32_of(creation)?))
}

/// The term that is written as this value under this key.
fn untag(tag: &str, value: Term) -> Option<Term> {
    Some(match tag {
        INTEGER => {
            let digits = text(&value).filter(|text| text.len() <= MAX_DIGITS)?;
            Integer::from(digits.parse::<BigInt>().ok()?).into()
        }
        ATOM => Term::atom(text(&value)?).ok()?,
        BINARY => match &value {
            Term::List(bytes) => Term::binary(bytes.as_bytes()?),
            value => Term::binary(text(value)?),
        },
        BITS => {
            let [bytes, last_bits] = parts(value)?;
            let bytes = Binary::copy_from_slice(&list(bytes)?.as_bytes()?);
            BitString::new(bytes, u8::try_from(last_bits.as_i64()?).ok()?)
                .ok()?
                .into()
        }
        TUPLE => Term::tuple(list(value)?.into_vec()?),
        IMPROPER => {
            let [elements, tail] = parts(value)?;
            Term::improper(list(elements)?.into_vec()?, tail)
        }
        MAP => {
            let pairs = list(value)?.into_vec()?.into_iter().map(|pair| {
                let [key, value] = parts(pair)?;
                Some((key, value))
            });
            Term::map(pairs.collect::<Option<Vec<_>>>()?).ok()?
        }
        PID => {
            let [name, id, serial, creation] = parts(value)?;
            Pid::new(node(&name, &creation)?, u32_of(&id)?, u32_of(&serial)?).into()
        }
        PORT => {
            let [name, id, creation] = parts(value)?;
            Port::new(node(&name, &creation)?, id.as_u64()?).into()
        }
        REFERENCE => {
            let [name, words, creation] = parts(value)?;
            let words = list(words)?.into_vec()?;
            let words = words.iter().map(u32_of).collect::<Option<Vec<_>>>()?;
            Reference::new(node(&name, &creation)?, &words).ok()?.into()
        }
        EXTERNAL => {
            let bytes = list(value)?;
            let bytes = bytes.as_bytes()?;
            Reader::new(&bytes).read_term(&Limits::DEFAULT).ok()?
        }
        _ => return None,
    })
}
