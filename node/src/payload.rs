//! What does a message carry? An opaque payload, decoded by the receiver when it asks.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use erland_etf::{Atom, DecodeError, EncodeError, MessageAtoms, RawTerm, Term};

use crate::error::SendError;

/// The content of a message.
///
/// What came over the wire stays encoded until the receiver asks for it, so the work of decoding
/// is the receiver's, and bytes that do not decode are the receiver's to hear of: nothing else on
/// the node notices. What a local process sent is moved and was never encoded.
#[derive(Clone)]
pub struct Payload(Content);

#[derive(Clone)]
enum Content {
    Term(Term),
    Raw(RawTerm),
}

impl Payload {
    /// A payload that is already encoded; it is forwarded without being decoded.
    #[must_use]
    pub fn from_raw(raw: RawTerm) -> Payload {
        Payload(Content::Raw(raw))
    }

    /// The message as a term.
    ///
    /// # Errors
    ///
    /// The bytes a remote peer sent are not a term, or exceed the default
    /// [`Limits`](erland_etf::Limits). The payload is unharmed: [`raw`](Payload::raw) still has it.
    pub fn to_term(&self) -> Result<Term, DecodeError> {
        match &self.0 {
            Content::Term(term) => Ok(term.clone()),
            Content::Raw(raw) => raw.to_term(),
        }
    }

    /// The message as a term, without a copy where it was sent by a local process.
    ///
    /// # Errors
    ///
    /// As [`to_term`](Payload::to_term); use that one to keep the payload.
    pub fn into_term(self) -> Result<Term, DecodeError> {
        match self.0 {
            Content::Term(term) => Ok(term),
            Content::Raw(raw) => raw.to_term(),
        }
    }

    /// The encoded form as it arrived; `None` for a message that was never encoded.
    #[must_use]
    pub fn raw(&self) -> Option<&RawTerm> {
        match &self.0 {
            Content::Term(_) => None,
            Content::Raw(raw) => Some(raw),
        }
    }

    /// The bare encoding that travels behind a control message; with `refs`, atoms may be
    /// references to the list that goes with it.
    pub(crate) fn to_wire(&self, refs: bool) -> Result<Wire, SendError> {
        match &self.0 {
            Content::Term(term) if refs => Ok(Wire::encode_with_refs(term)?),
            Content::Term(term) => Ok(Wire::encode(term)?),
            Content::Raw(raw) => {
                let has_record = may_have_record(raw.bytes())
                    && raw.to_term().is_ok_and(|term| term.contains_record());
                let (bytes, atoms) = if refs || raw.atoms().is_empty() {
                    // The peer that sent it may have sent anything, and the one that is to get it
                    // would close the connection over bytes that are no term.
                    raw.validate()?;
                    (raw.bytes().clone(), raw.atoms().to_vec())
                } else {
                    let mut out = BytesMut::with_capacity(raw.bytes().len());
                    raw.encode_into(&mut out)?;
                    (out.freeze(), Vec::new())
                };
                Ok(Wire {
                    bytes,
                    atoms,
                    has_record,
                })
            }
        }
    }
}

/// Terms shorter than this are encoded in a buffer that each thread keeps.
const SCRATCH: usize = 4 * 1024;

thread_local! {
    static SCRATCH_BUFFER: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(SCRATCH));
}

/// An encoded term, on its way to a link.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) bytes: Bytes,
    /// What references to the atom cache in it mean.
    pub(crate) atoms: Vec<Atom>,
    /// It holds a native record, which a peer without `NATIVE_RECORDS` takes for garbage: it would
    /// close the connection.
    pub(crate) has_record: bool,
}

impl Wire {
    pub(crate) fn encode(term: &Term) -> Result<Wire, EncodeError> {
        let mut out = BytesMut::with_capacity(term.encoded_len()?);
        term.encode(&mut out)?;
        let bytes = out.freeze();
        let has_record = may_have_record(&bytes) && term.contains_record();
        Ok(Wire {
            bytes,
            atoms: Vec::new(),
            has_record,
        })
    }

    /// With references to the atom cache. How long that will be is not known before, and small
    /// terms are copied out of a buffer that stays.
    fn encode_with_refs(term: &Term) -> Result<Wire, EncodeError> {
        let mut atoms = MessageAtoms::default();
        let bytes = if term.encoded_len()? < SCRATCH {
            SCRATCH_BUFFER.with_borrow_mut(|scratch| {
                scratch.clear();
                term.encode_with(&mut atoms, scratch)?;
                Ok::<_, EncodeError>(Bytes::copy_from_slice(scratch))
            })?
        } else {
            let mut out = BytesMut::new();
            term.encode_with(&mut atoms, &mut out)?;
            out.freeze()
        };
        let has_record = may_have_record(&bytes) && term.contains_record();
        Ok(Wire {
            bytes,
            atoms: atoms.into_vec(),
            has_record,
        })
    }

    /// The atom `unencodable`, for an exit reason that cannot be told: links and monitors must
    /// fire all the same.
    pub(crate) fn unencodable() -> Wire {
        Wire {
            bytes: Bytes::from_static(b"w\x0bunencodable"),
            atoms: Vec::new(),
            has_record: false,
        }
    }
}

/// The tag of a native record (External Term Format, `RECORD_EXT`). Most messages have no such
/// byte at all, and a search for it costs far less than a walk over the term.
fn may_have_record(bytes: &[u8]) -> bool {
    bytes.contains(&67)
}

impl<T: Into<Term>> From<T> for Payload {
    fn from(value: T) -> Payload {
        Payload(Content::Term(value.into()))
    }
}

/// Never the content: payloads are not for logs.
impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Content::Term(_) => f.write_str("Payload(term)"),
            Content::Raw(raw) => write!(f, "Payload({} bytes)", raw.bytes().len()),
        }
    }
}
