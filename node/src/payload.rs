//! What does a message carry? An opaque payload, decoded by the receiver when it asks.

use bytes::{Bytes, BytesMut};
use erland_etf::{DecodeError, EncodeError, RawTerm, Term};

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

    /// The bare encoding that travels behind a control message.
    pub(crate) fn to_wire(&self) -> Result<Bytes, SendError> {
        match &self.0 {
            Content::Term(term) => Ok(term_to_wire(term)?),
            Content::Raw(raw) => {
                let mut out = BytesMut::with_capacity(raw.bytes().len());
                raw.encode_into(&mut out)?;
                Ok(out.freeze())
            }
        }
    }

    /// Does it hold a native record, which only peers with `NATIVE_RECORDS` understand?
    pub(crate) fn contains_record(&self) -> bool {
        match &self.0 {
            Content::Term(term) => term.contains_record(),
            // An undecodable payload is the final receiver's to hear of, not the forwarder's.
            Content::Raw(raw) => raw.to_term().is_ok_and(|term| term.contains_record()),
        }
    }
}

pub(crate) fn term_to_wire(term: &Term) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::with_capacity(term.encoded_len()?);
    term.encode(&mut out)?;
    Ok(out.freeze())
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
