//! What is the payload of a signal on its way out? An encoded term, lent, with its atoms.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use erland_etf::{Atom, AtomTable, RawTerm};

use crate::error::EncodeError;

/// The payload of a signal that is to be sent: one encoded term without version byte, and the
/// atoms that its references to the atom cache mean (ATOM_CACHE_REF, "External Term Format").
///
/// The bytes are trusted to be a term, and to refer to no atom beyond the list.
///
/// What came over one link goes over another as it is: make this from a
/// [`RawTerm`] that has been [validated](RawTerm::validate).
#[derive(Clone, Copy, Debug)]
pub struct PayloadRef<'a> {
    pub(super) bytes: &'a Bytes,
    pub(super) atoms: &'a [Atom],
}

impl<'a> PayloadRef<'a> {
    /// A term whose references mean these atoms.
    ///
    /// [`MessageAtoms`](erland_etf::MessageAtoms) collects them in the course of
    /// [`encode_with`](erland_etf::Term::encode_with).
    #[must_use]
    pub const fn new(bytes: &'a Bytes, atoms: &'a [Atom]) -> PayloadRef<'a> {
        PayloadRef { bytes, atoms }
    }

    /// The same, owned.
    pub(super) fn to_raw(self) -> RawTerm {
        let bytes = self.bytes.clone();
        if self.atoms.is_empty() {
            return RawTerm::new(bytes);
        }
        RawTerm::with_atoms(bytes, Arc::new(AtomTable::from(Vec::from(self.atoms))))
    }

    /// The same without references.
    pub(super) fn to_plain(self) -> Result<Bytes, EncodeError> {
        let mut out = BytesMut::new();
        self.to_raw()
            .encode_into(&mut out)
            .map_err(EncodeError::Payload)?;
        Ok(out.freeze())
    }
}

/// A term without references.
impl<'a> From<&'a Bytes> for PayloadRef<'a> {
    fn from(bytes: &'a Bytes) -> PayloadRef<'a> {
        PayloadRef::new(bytes, &[])
    }
}

impl<'a> From<&'a RawTerm> for PayloadRef<'a> {
    fn from(raw: &'a RawTerm) -> PayloadRef<'a> {
        PayloadRef::new(raw.bytes(), raw.atoms())
    }
}
