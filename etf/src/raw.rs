//! What an encoded term is between its arrival and the moment somebody wants to know what it says.

#![deny(clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::atom::Atom;
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::read::{AtomText, Reader, Token};
use crate::term::Term;
use crate::write::{FunStart, Put, Writer};

/// An encoded term as it arrived, without the version byte 131: its bytes, and the atoms of its
/// message's header that it may refer to ("Distribution Protocol", "Distribution Header").
///
/// Nothing is decoded, nor even checked, before it is asked for. Debugging output shows lengths
/// only.
///
/// ```
/// use bytes::Bytes;
/// use erland_etf::{RawTerm, Term};
///
/// let raw = RawTerm::new(Bytes::from_static(&[104, 2, 97, 1, 97, 2]));
/// assert_eq!(raw.to_term()?, Term::from((1, 2)));
/// # Ok::<(), erland_etf::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct RawTerm {
    bytes: Bytes,
    atoms: Option<Arc<AtomTable>>,
}

const _: () = assert!(size_of::<RawTerm>() <= 5 * size_of::<usize>());

impl RawTerm {
    /// The term encoded at the front of these bytes, which refers to no atom table.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self { bytes, atoms: None }
    }

    /// The term encoded at the front of these bytes, whose references to the atom cache mean this
    /// table.
    #[must_use]
    pub const fn with_atoms(bytes: Bytes, atoms: Arc<AtomTable>) -> Self {
        Self {
            bytes,
            atoms: Some(atoms),
        }
    }

    /// The bytes as they arrived. They mean what they should only together with
    /// [`atoms`](Self::atoms); [`encode_into`](Self::encode_into) makes them independent.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The atoms that the bytes may refer to.
    #[must_use]
    pub fn atoms(&self) -> &[Atom] {
        self.atoms.as_deref().map_or(&[], Deref::deref)
    }

    /// A reader of the bytes, whose larger binaries become slices of them.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::from_bytes(&self.bytes).with_atoms(self.atoms())
    }

    /// Decodes the term. Bytes behind it are ignored. Binaries of 64 bytes or more become slices.
    ///
    /// # Errors
    ///
    /// As [`from_slice`](crate::from_slice).
    pub fn to_term(&self) -> Result<Term, DecodeError> {
        self.to_term_with(&Limits::DEFAULT)
    }

    /// [`to_term`](Self::to_term) within other limits.
    ///
    /// # Errors
    ///
    /// As [`from_slice`](crate::from_slice).
    pub fn to_term_with(&self, limits: &Limits) -> Result<Term, DecodeError> {
        self.reader().read_term(limits)
    }

    /// Checks that the term would decode: [`Reader::validate`]. Limits do not count.
    ///
    /// # Errors
    ///
    /// As [`from_slice`](crate::from_slice).
    pub fn validate(&self) -> Result<(), DecodeError> {
        self.reader().validate().map(drop)
    }

    /// Appends the term to a buffer in a form that refers to no atom table, without the version
    /// byte 131 and without whatever followed it in the bytes.
    ///
    /// References to the atom cache become plain atoms: they mean nothing in any other message.
    /// All else is copied as it is, even if it is in a form that a writer would not choose.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Reader::next_token); then nothing is appended.
    pub fn encode_into(&self, out: &mut BytesMut) -> Result<(), DecodeError> {
        let start = out.len();
        out.reserve(self.bytes.len());
        let result = pass_on(self.reader(), &mut Writer::new(out));
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl From<Bytes> for RawTerm {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for RawTerm {
    /// Lengths only: what is in a message is nobody else's to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawTerm")
            .field("len", &self.bytes.len())
            .field("atoms", &self.atoms().len())
            .finish()
    }
}

/// Copies one term, except for what refers to the atom table.
pub(crate) fn pass_on(mut reader: Reader<'_>, writer: &mut Writer<'_>) -> Result<(), DecodeError> {
    // Funs that are not complete, with what is owed when they are: they start with their size,
    // which changes with what is inside.
    let mut funs: SmallVec<[(usize, FunStart); 4]> = SmallVec::new();
    // From here on nothing is copied yet.
    let mut pending = reader.remaining();
    loop {
        let before = reader.remaining();
        let owed = reader.owed_after();
        let token = reader.next_token()?;
        if refers(&token) {
            let len = pending.len().saturating_sub(before.len());
            writer.raw(pending.get(..len).unwrap_or_default());
            pending = reader.remaining();
            if let Some(fun) = rewrite(&token, writer) {
                funs.push((owed, fun));
            }
        }
        while let Some((owed, fun)) = funs.last().copied()
            && reader.owed() <= owed
        {
            writer.raw(reader.since(pending));
            pending = reader.remaining();
            writer.fun_end(fun);
            funs.pop();
        }
        if reader.owed() == 0 {
            writer.raw(reader.since(pending));
            return Ok(());
        }
    }
}

/// Whether a token must be written anew: it refers to the atom table, or could further in.
fn refers(token: &Token<'_>) -> bool {
    let refers = |atom: &AtomText<'_>| !atom.is_portable();
    match token {
        Token::Atom(atom) => refers(atom),
        Token::Pid(pid) => refers(&pid.node.name),
        Token::Port(port) => refers(&port.node.name),
        Token::Reference(reference) => refers(&reference.node.name),
        Token::Export(export) => refers(&export.module) || refers(&export.function),
        Token::Record(record) => {
            refers(&record.module)
                || refers(&record.name)
                || record.names().any(|name| refers(&name))
        }
        Token::Fun(_) => true,
        Token::Integer(_)
        | Token::BigInteger { .. }
        | Token::Float(_)
        | Token::Binary(_)
        | Token::BitString { .. }
        | Token::Nil
        | Token::String(_)
        | Token::List(_)
        | Token::Tuple(_)
        | Token::Map(_)
        | Token::Local(_) => false,
    }
}

/// Writes a token that [`refers`] has picked.
fn rewrite(token: &Token<'_>, writer: &mut Writer<'_>) -> Option<FunStart> {
    match token {
        Token::Atom(atom) => writer.atom_text(atom),
        Token::Pid(pid) => writer.pid_of(&pid.node, pid.id, pid.serial),
        Token::Port(port) => writer.port_of(&port.node, port.id),
        Token::Reference(reference) => writer.reference_of(&reference.node, reference.words()),
        Token::Export(export) => writer.export_of(&export.module, &export.function, export.arity),
        Token::Record(record) => writer.record_header(
            &record.module,
            &record.name,
            record.exported,
            record.len,
            record.names(),
        ),
        Token::Fun(fun) => return Some(writer.fun_header(fun)),
        Token::Integer(_)
        | Token::BigInteger { .. }
        | Token::Float(_)
        | Token::Binary(_)
        | Token::BitString { .. }
        | Token::Nil
        | Token::String(_)
        | Token::List(_)
        | Token::Tuple(_)
        | Token::Map(_)
        | Token::Local(_) => {}
    }
    None
}

/// The atoms of a message's header, in the order in which ATOM_CACHE_REF counts them.
#[derive(Clone, Default)]
pub struct AtomTable(Box<[Atom]>);

impl From<Vec<Atom>> for AtomTable {
    fn from(atoms: Vec<Atom>) -> Self {
        Self(atoms.into_boxed_slice())
    }
}

impl Deref for AtomTable {
    type Target = [Atom];

    fn deref(&self) -> &[Atom] {
        &self.0
    }
}

impl fmt::Debug for AtomTable {
    /// The length only: what is in a message is nobody else's to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtomTable")
            .field("len", &self.len())
            .finish()
    }
}
