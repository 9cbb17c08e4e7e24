//! How an encoded term is read: token by token, with nothing allocated and nothing recursing.
//!
//! Everything that reads terms reads them through the [`Reader`]: decoding, skipping, validating,
//! control messages. Its folder has the only code that interprets tags. It checks all that one
//! token can show; that the keys of a map differ is for its callers.

#![deny(clippy::arithmetic_side_effects)]

mod cursor;
mod nodes;
mod rare;
mod skip;
mod token;
#[cfg(feature = "serde")]
mod typed;
mod validate;

use core::fmt;

use bytes::Bytes;

use crate::atom::Atom;
use crate::binary::Binary;
use crate::error::{DecodeError, DecodeErrorKind, TermKind};
use crate::ident::{NodeId, Pid, Reference};
use crate::tag;

pub(crate) use nodes::Nodes;

pub(crate) use cursor::{Cursor, Padded, Step, Visit};

pub(crate) use cursor::MAX_MAP_LEN;
pub(crate) use rare::{MAX_FUN_FREE, MAX_TUPLE_LEN, SMALL};
pub(crate) use token::Text;
pub use token::{
    AtomText, ExportParts, FunParts, NodeParts, PidParts, PortParts, RecordParts, ReferenceParts,
    Token,
};
#[cfg(feature = "serde")]
pub(crate) use typed::{quick_pid, quick_reference};

/// Binaries from this size on are slices of the input where that is possible. Smaller ones are
/// copied, so that a small part does not keep a large message alive; 64 is also the border between
/// heap and reference-counted binaries in OTP.
const SLICE: usize = 64;

/// Reads encoded terms, one after the other, from bytes.
///
/// None of its functions expects the version byte 131 except
/// [`read_version`](Self::read_version). After an error the position is undefined.
///
/// ```
/// use erland_etf::{Reader, Token};
///
/// // {1, [foo]}
/// let bytes = [104, 2, 97, 1, 108, 0, 0, 0, 1, 119, 3, b'f', b'o', b'o', 106];
/// let mut reader = Reader::new(&bytes);
/// assert_eq!(reader.tuple_header()?, 2);
/// assert_eq!(reader.read_u64()?, 1);
/// assert!(matches!(reader.next_token()?, Token::List(1)));
/// assert_eq!(reader.read_atom()?, "foo");
/// assert!(matches!(reader.next_token()?, Token::Nil));
/// assert!(reader.remaining().is_empty());
/// # Ok::<(), erland_etf::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The length of the whole input.
    len: usize,
    /// What the input is a view of, if binaries may share it.
    owner: Option<&'a Bytes>,
    /// The nodes whose identifiers are read without an allocation: one given, and the last ones
    /// that were others.
    node: Option<&'a NodeId>,
    nodes: Nodes,
}

impl<'a> Reader<'a> {
    /// A reader of these bytes. Binaries are copied out of them.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(bytes, &[]),
            len: bytes.len(),
            owner: None,
            node: None,
            nodes: Nodes::new(),
        }
    }

    /// A reader of these bytes, whose larger binaries become slices of them.
    #[must_use]
    #[inline]
    pub fn from_bytes(bytes: &'a Bytes) -> Self {
        Self {
            owner: Some(bytes),
            ..Self::new(bytes)
        }
    }

    /// Sets the atom table of the message, to which ATOM_CACHE_REF may refer. Without one there is
    /// nothing to refer to.
    #[must_use]
    #[inline]
    pub const fn with_atoms(mut self, atoms: &'a [Atom]) -> Self {
        self.cursor.atoms = atoms;
        self
    }

    /// Sets a node whose identifiers share this `NodeId`, so that reading one allocates nothing.
    ///
    /// The same holds without asking for a node just read of.
    #[must_use]
    #[inline]
    pub const fn with_node(mut self, node: &'a NodeId) -> Self {
        self.node = Some(node);
        self
    }

    /// How many bytes have been read.
    #[must_use]
    #[inline]
    pub const fn position(&self) -> usize {
        self.len.saturating_sub(self.cursor.rest.len())
    }

    /// The bytes not read yet.
    #[must_use]
    #[inline]
    pub const fn remaining(&self) -> &'a [u8] {
        self.cursor.rest
    }

    /// Reads the byte 131 that a term has in front outside the distribution.
    ///
    /// # Errors
    ///
    /// [`Version`](DecodeErrorKind::Version) if it is another byte, and
    /// [`Compressed`](DecodeErrorKind::Compressed) if a compressed term follows, which has to be
    /// inflated first ([`from_slice`](crate::from_slice) does it).
    pub fn read_version(&mut self) -> Result<(), DecodeError> {
        let position = self.position();
        let kind = match self.cursor.rest {
            [tag::VERSION, tag::COMPRESSED, ..] => DecodeErrorKind::Compressed,
            [tag::VERSION, rest @ ..] => {
                self.cursor.rest = rest;
                return Ok(());
            }
            [other, ..] => DecodeErrorKind::Version(*other),
            [] => DecodeErrorKind::Eof,
        };
        Err(DecodeError::new(kind, position))
    }

    /// Reads the next token.
    ///
    /// # Errors
    ///
    /// Whatever OTP, too, refuses in one token.
    #[inline]
    pub fn next_token(&mut self) -> Result<Token<'a>, DecodeError> {
        let before = self.cursor.rest.len();
        self.cursor.token().map_err(|kind| self.error(kind, before))
    }

    /// The next token, given to the visitor.
    #[cfg(feature = "serde")]
    #[inline(always)]
    pub(crate) fn visit<V: Visit<'a>>(
        &mut self,
        visitor: &mut V,
    ) -> Result<V::Output, DecodeError> {
        let before = self.cursor.rest.len();
        self.cursor
            .visit(visitor)
            .map_err(|kind| self.error(kind, before))
    }

    /// Reads the next term if it is an atom of which the function says so.
    #[cfg(feature = "serde")]
    #[inline]
    pub(crate) fn atom_if(
        &mut self,
        accept: impl FnOnce(&AtomText<'a>) -> bool,
    ) -> Result<bool, DecodeError> {
        let before = self.cursor.rest.len();
        self.cursor
            .atom_if(accept)
            .map_err(|kind| self.error(kind, before))
    }

    /// Whether tokens may refer to a table of atoms.
    #[cfg(feature = "serde")]
    pub(crate) const fn has_atoms(&self) -> bool {
        !self.cursor.atoms.is_empty()
    }

    /// The position, for a loop that keeps it in registers and gives it back.
    pub(crate) const fn cursor(&self) -> Cursor<'a> {
        self.cursor
    }

    pub(crate) const fn set_cursor(&mut self, cursor: Cursor<'a>) {
        self.cursor = cursor;
    }

    /// Reads past one term, however large, and returns its bytes.
    ///
    /// Looks at the structure only: tags, lengths and bounds. Whether an atom is UTF-8, a float is
    /// finite and the keys of a map differ is for [`validate`](Self::validate).
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), but for what tokens say.
    #[inline]
    pub fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.cursor.rest;
        match self.cursor.skip() {
            Ok(()) => Ok(self.since(start)),
            Err((kind, left)) => Err(self.error(kind, left)),
        }
    }

    /// How many terms the open containers wait for once the next term is complete.
    pub(crate) const fn owed_after(&self) -> usize {
        self.cursor.owed.saturating_sub(1)
    }

    /// How many terms the open containers wait for.
    pub(crate) const fn owed(&self) -> usize {
        self.cursor.owed
    }

    /// What was read since `start` was all that remained.
    pub(crate) fn since(&self, start: &'a [u8]) -> &'a [u8] {
        let len = start.len().saturating_sub(self.cursor.rest.len());
        start.get(..len).unwrap_or_default()
    }

    // ---- terms of a known type ----

    /// Reads the header of a tuple: how many terms follow as its elements.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), and [`Unexpected`](DecodeErrorKind::Unexpected) if the
    /// next term is no tuple.
    pub fn tuple_header(&mut self) -> Result<u32, DecodeError> {
        self.expect(TermKind::Tuple, |token| match token {
            Token::Tuple(arity) => Some(arity),
            _ => None,
        })
    }

    /// Reads an integer.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), [`Unexpected`](DecodeErrorKind::Unexpected) if the next
    /// term is no integer, [`IntegerOutOfRange`](DecodeErrorKind::IntegerOutOfRange) if it is none
    /// of 64 bits without sign.
    pub fn read_u64(&mut self) -> Result<u64, DecodeError> {
        self.integer(|token| match token {
            Token::Integer(value) => u64::try_from(value).ok(),
            Token::BigInteger {
                negative: false,
                magnitude,
            } => {
                let mut bytes = [0; 8];
                bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
                Some(u64::from_le_bytes(bytes))
            }
            _ => None,
        })
    }

    /// Reads an integer.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), [`Unexpected`](DecodeErrorKind::Unexpected) if the next
    /// term is no integer, [`IntegerOutOfRange`](DecodeErrorKind::IntegerOutOfRange) if it is none
    /// of 64 bits with sign.
    pub fn read_i64(&mut self) -> Result<i64, DecodeError> {
        self.integer(|token| match token {
            Token::Integer(value) => Some(value),
            _ => None,
        })
    }

    /// Reads an atom.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), and [`Unexpected`](DecodeErrorKind::Unexpected) if the
    /// next term is no atom.
    pub fn read_atom(&mut self) -> Result<Atom, DecodeError> {
        let atom = self.expect(TermKind::Atom, |token| match token {
            Token::Atom(atom) => Some(atom),
            _ => None,
        })?;
        Ok(atom.to_atom())
    }

    /// Reads a pid.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), and [`Unexpected`](DecodeErrorKind::Unexpected) if the
    /// next term is no pid.
    pub fn read_pid(&mut self) -> Result<Pid, DecodeError> {
        let pid = self.expect(TermKind::Pid, |token| match token {
            Token::Pid(pid) => Some(pid),
            _ => None,
        })?;
        Ok(self.to_pid(&pid))
    }

    /// Reads a reference.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), and [`Unexpected`](DecodeErrorKind::Unexpected) if the
    /// next term is no reference.
    pub fn read_reference(&mut self) -> Result<Reference, DecodeError> {
        let reference = self.expect(TermKind::Reference, |token| match token {
            Token::Reference(reference) => Some(reference),
            _ => None,
        })?;
        let node = self.node(&reference.node);
        Ok(reference.to_reference(node))
    }

    fn integer<T>(
        &mut self,
        convert: impl FnOnce(Token<'a>) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let before = self.cursor.rest.len();
        let integer = self.expect(TermKind::Integer, |token| match token {
            Token::Integer(_) | Token::BigInteger { .. } => Some(token),
            _ => None,
        })?;
        convert(integer).ok_or_else(|| self.error(DecodeErrorKind::IntegerOutOfRange, before))
    }

    fn expect<T>(
        &mut self,
        expected: TermKind,
        accept: impl FnOnce(Token<'a>) -> Option<T>,
    ) -> Result<T, DecodeError> {
        let before = self.cursor.rest.len();
        let token = self.next_token()?;
        let found = token.kind();
        accept(token)
            .ok_or_else(|| self.error(DecodeErrorKind::Unexpected { expected, found }, before))
    }

    // ---- values of tokens ----

    /// The pid of this token. Allocates only for another node than the last few and that of
    /// [`with_node`](Self::with_node).
    pub fn to_pid(&mut self, pid: &PidParts<'_>) -> Pid {
        Pid::new(self.node(&pid.node), pid.id, pid.serial)
    }

    /// The node that an identifier in the input belongs to.
    pub(crate) fn node(&mut self, node: &NodeParts<'_>) -> NodeId {
        match self.known_node(node) {
            Some(known) => known.clone(),
            None => {
                let node = NodeId::new(node.name.to_atom(), node.creation);
                self.nodes.add(node)
            }
        }
    }

    /// The same if it takes no allocation.
    #[inline]
    pub(crate) fn known_node(&self, node: &NodeParts<'_>) -> Option<&NodeId> {
        let is = |known: &NodeId| known.creation() == node.creation && node.name == *known.name();
        self.node
            .filter(|known| is(known))
            .or_else(|| self.nodes.get(node))
    }

    /// A binary of these bytes, which are part of the input.
    pub(crate) fn to_binary(&self, bytes: &'a [u8]) -> Binary {
        match self.owner {
            Some(owner) if bytes.len() >= SLICE => Binary::from(owner.slice_ref(bytes)),
            _ => Binary::copy_from_slice(bytes),
        }
    }

    /// Like [`to_binary`](Self::to_binary), as `Bytes`.
    pub(crate) fn to_bytes(&self, bytes: &'a [u8]) -> Bytes {
        match self.owner {
            Some(owner) if bytes.len() >= SLICE => owner.slice_ref(bytes),
            _ => Bytes::copy_from_slice(bytes),
        }
    }

    /// How much memory [`to_binary`](Self::to_binary) takes for the bytes themselves.
    pub(crate) fn copied(&self, bytes: &[u8]) -> usize {
        if self.owner.is_some() && bytes.len() >= SLICE {
            0
        } else {
            bytes.len()
        }
    }

    /// The error of a term that started when `before` bytes were left.
    #[cold]
    pub(crate) fn error(&self, kind: DecodeErrorKind, before: usize) -> DecodeError {
        DecodeError::new(kind, self.len.saturating_sub(before))
    }
}

/// The visitor that does nothing.
struct Nothing;

impl<'a> Visit<'a> for Nothing {
    type Output = ();

    #[inline(always)]
    fn visit(&mut self, _: Token<'a>) -> Step<()> {
        Ok(())
    }

    #[inline(always)]
    fn visit_rare(&mut self, _: Token<'a>) -> Step<()> {
        Ok(())
    }
}

impl fmt::Debug for Reader<'_> {
    /// Positions only: what is in a message is nobody else's to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("position", &self.position())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
