//! What the reader yields: one token per tag, borrowed from the input, nothing allocated.

#[cfg(feature = "serde")]
use alloc::borrow::Cow;
use alloc::string::String;

use crate::atom::Atom;
use crate::error::TermKind;
use crate::float::Float;
use crate::ident::{NodeId, Reference};

/// One step through an encoded term.
///
/// A header says how many terms follow it; they come as tokens of their own. So the tokens of
/// `{1, [a]}` are `Tuple(2)`, `Integer(1)`, `List(1)`, `Atom`, `Nil`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Token<'a> {
    /// An integer that fits.
    Integer(i64),
    /// An integer beyond 64 bits with sign.
    BigInteger {
        /// Whether it is below zero.
        negative: bool,
        /// Its magnitude, least byte first, the last byte not zero.
        magnitude: &'a [u8],
    },
    /// A float.
    Float(Float),
    /// An atom.
    Atom(AtomText<'a>),
    /// A binary.
    Binary(&'a [u8]),
    /// A bit string that is no binary.
    BitString {
        /// At least one byte. The bits not used may have any value.
        bytes: &'a [u8],
        /// How many of the highest bits of the last byte are used: 1 to 7.
        last_bits: u8,
    },
    /// The empty list.
    Nil,
    /// A proper list of these bytes as integers, at least one.
    String(&'a [u8]),
    /// A list of this many elements, at least one, that follow; then follows the tail, which may
    /// be a list again, in which case the two are one.
    List(u32),
    /// A tuple of this many elements, which follow.
    Tuple(u32),
    /// A map of this many pairs; key and value of each follow. Equal keys are the caller's to find.
    Map(u32),
    /// A pid.
    Pid(PidParts<'a>),
    /// A port.
    Port(PortParts<'a>),
    /// A reference.
    Reference(ReferenceParts<'a>),
    /// An external fun.
    Export(ExportParts<'a>),
    /// A fun, whose free variables follow.
    Fun(FunParts<'a>),
    /// A native record, whose values follow. Equal field names are the caller's to find.
    Record(RecordParts<'a>),
    /// What only its own node can read: everything after the tag. No tokens follow for it.
    Local(&'a [u8]),
}

impl Token<'_> {
    /// The type of the term that starts with this token.
    #[must_use]
    pub const fn kind(&self) -> TermKind {
        match self {
            Self::Integer(_) | Self::BigInteger { .. } => TermKind::Integer,
            Self::Float(_) => TermKind::Float,
            Self::Atom(_) => TermKind::Atom,
            Self::Binary(_) => TermKind::Binary,
            Self::BitString { .. } => TermKind::BitString,
            Self::Nil | Self::String(_) | Self::List(_) => TermKind::List,
            Self::Tuple(_) => TermKind::Tuple,
            Self::Map(_) => TermKind::Map,
            Self::Pid(_) => TermKind::Pid,
            Self::Port(_) => TermKind::Port,
            Self::Reference(_) => TermKind::Reference,
            Self::Export(_) | Self::Fun(_) => TermKind::Fun,
            Self::Record(_) => TermKind::Record,
            Self::Local(_) => TermKind::Local,
        }
    }
}

/// The text of an atom in the input: at most 255 characters of valid UTF-8 or Latin-1, or the
/// entry of the message's atom table that the input refers to.
#[derive(Clone, Copy, Debug)]
pub struct AtomText<'a>(pub(crate) Text<'a>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    // Checked to be UTF-8 of at most 255 characters.
    Utf8(&'a [u8]),
    // With at least one byte above 127, or it is `Utf8`.
    Latin1(&'a [u8]),
    Cached(&'a Atom),
}

impl<'a> AtomText<'a> {
    pub(super) const EMPTY: Self = Self(Text::Utf8(&[]));

    /// Plain ASCII is the same in both encodings, and cheaper as UTF-8 from here on.
    pub(super) fn latin1(bytes: &'a [u8]) -> Self {
        Self(if bytes.is_ascii() {
            Text::Utf8(bytes)
        } else {
            Text::Latin1(bytes)
        })
    }

    /// The atom. Allocates if it has more than 14 bytes and is not in the message's atom table.
    #[inline]
    #[must_use]
    pub fn to_atom(&self) -> Atom {
        match self.0 {
            Text::Utf8(text) => Atom::from_checked(text),
            Text::Latin1(bytes) => Atom::from_checked(latin1(bytes).collect::<String>().as_bytes()),
            Text::Cached(atom) => atom.clone(),
        }
    }

    /// The text, copied only if the input has it in Latin-1.
    #[cfg(feature = "serde")]
    #[inline]
    pub(crate) fn text(&self) -> Cow<'a, str> {
        match self.0 {
            // Checked, so the fallback is never taken.
            Text::Utf8(text) => Cow::Borrowed(core::str::from_utf8(text).unwrap_or_default()),
            Text::Latin1(bytes) => Cow::Owned(latin1(bytes).collect()),
            Text::Cached(atom) => Cow::Borrowed(atom.as_str()),
        }
    }

    /// How many bytes of text [`to_atom`](Self::to_atom) copies.
    #[inline(always)]
    pub(crate) const fn copied(&self) -> usize {
        match self.0 {
            Text::Utf8(text) => text.len(),
            // The upper half takes two bytes in UTF-8.
            Text::Latin1(bytes) => bytes.len().saturating_mul(2),
            Text::Cached(_) => 0,
        }
    }

    /// Whether the input has the text itself, in UTF-8, so that copying the bytes copies the atom
    /// into any message.
    pub(crate) const fn is_portable(&self) -> bool {
        matches!(self.0, Text::Utf8(_))
    }
}

impl<'a> From<&'a Atom> for AtomText<'a> {
    fn from(atom: &'a Atom) -> Self {
        Self(Text::Cached(atom))
    }
}

impl PartialEq<Atom> for AtomText<'_> {
    #[inline]
    fn eq(&self, other: &Atom) -> bool {
        match self.0 {
            Text::Utf8(text) => other.as_bytes() == text,
            Text::Latin1(bytes) => latin1(bytes).eq(other.as_str().chars()),
            Text::Cached(atom) => atom == other,
        }
    }
}

impl PartialEq<str> for AtomText<'_> {
    #[inline]
    fn eq(&self, other: &str) -> bool {
        match self.0 {
            Text::Utf8(text) => text == other.as_bytes(),
            Text::Latin1(bytes) => latin1(bytes).eq(other.chars()),
            Text::Cached(atom) => atom == other,
        }
    }
}

/// Latin-1 is the first 256 code points.
fn latin1(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    bytes.iter().map(|byte| char::from(*byte))
}

/// Which node an identifier belongs to: what is a [`NodeId`](crate::NodeId) once decoded.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NodeParts<'a> {
    /// The name of the node.
    pub name: AtomText<'a>,
    /// Its incarnation.
    pub creation: u32,
}

impl<'a> From<&'a NodeId> for NodeParts<'a> {
    fn from(node: &'a NodeId) -> Self {
        Self {
            name: node.name().into(),
            creation: node.creation(),
        }
    }
}

/// A pid in the input; [`Reader::to_pid`](crate::Reader::to_pid) makes a [`Pid`](crate::Pid) of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PidParts<'a> {
    /// The node of the process.
    pub node: NodeParts<'a>,
    /// The first number.
    pub id: u32,
    /// The second number.
    pub serial: u32,
}

/// A port in the input.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PortParts<'a> {
    /// The node of the port.
    pub node: NodeParts<'a>,
    /// The number.
    pub id: u64,
}

/// A reference in the input.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReferenceParts<'a> {
    /// The node that made the reference.
    pub node: NodeParts<'a>,
    // At most five words, big-endian.
    pub(super) words: &'a [[u8; 4]],
}

impl<'a> ReferenceParts<'a> {
    /// The words, at most five, in the order of the wire.
    pub fn words(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.words.iter().map(|word| u32::from_be_bytes(*word))
    }

    #[inline]
    pub(crate) fn to_reference(self, node: NodeId) -> Reference {
        let word = |index: usize| {
            self.words
                .get(index)
                .map_or(0, |word| u32::from_be_bytes(*word))
        };
        let words = [word(0), word(1), word(2), word(3), word(4)];
        Reference::of(node, words, self.words.len())
    }
}

/// An external fun in the input.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExportParts<'a> {
    /// The module.
    pub module: AtomText<'a>,
    /// The function in it.
    pub function: AtomText<'a>,
    /// The number of arguments.
    pub arity: u8,
}

/// A fun in the input, without its free variables.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FunParts<'a> {
    /// The module that has the code.
    pub module: AtomText<'a>,
    /// The number of arguments.
    pub arity: u8,
    /// The digest of the module.
    pub uniq: &'a [u8; 16],
    /// The position in the module's table of funs.
    pub index: u32,
    /// The position as older formats have it.
    pub old_index: i64,
    /// A hash of the parsed code.
    pub old_uniq: i64,
    /// The process that made it.
    pub pid: PidParts<'a>,
    /// How many free variables follow.
    pub free: u8,
}

/// A native record in the input, without its values.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RecordParts<'a> {
    /// The module that defines the record.
    pub module: AtomText<'a>,
    /// The name of the record.
    pub name: AtomText<'a>,
    /// Whether the definition is exported.
    pub exported: bool,
    /// How many values follow, one for each field.
    pub len: u32,
    // The encoded names of the fields, read once already.
    pub(super) names: super::Cursor<'a>,
}
