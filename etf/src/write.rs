//! How terms are written. This file and its folder are the only ones that emit tags.
//!
//! It writes what OTP 26 and later write, and nothing older: atoms in UTF-8, ports of 64 bits,
//! byte lists as STRING_EXT. How a whole [`Term`](crate::Term) is walked is in `encode.rs`.

#![deny(clippy::arithmetic_side_effects)]

mod cached;
#[cfg(feature = "serde")]
mod patch;
mod put;
pub(crate) mod size;
mod stage;

pub use cached::{AtomRefs, MessageAtoms, RefWriter};
pub(crate) use put::Put;
pub(crate) use stage::Stage;

use alloc::string::String;
use core::fmt;

use bytes::BytesMut;
use num_bigint::{BigInt, Sign};

use crate::atom::Atom;
use crate::binary::BitString;
use crate::error::EncodeError;
use crate::float::Float;
use crate::ident::{Pid, Port, Reference};
use crate::integer::{Integer, View};
use crate::read::{AtomText, FunParts, NodeParts, Text};
use crate::tag;

#[cfg(feature = "serde")]
pub(crate) use patch::{BYTES, Mark, TRUE};

/// The most bytes an integer may have: what OTP 27 and later hold, `MAX_BIG_SIZE` words of eight
/// bytes. OTP 25 holds, and the reader takes, eight times as many.
const MAX_INTEGER_BYTES: usize = 8 * ((1 << 16) - 1);

/// A list of bytes up to this length is a STRING_EXT, a longer one a LIST_EXT.
pub(crate) const MAX_STRING_LEN: usize = u16::MAX as usize;

/// Writes terms, one after the other, behind what a buffer holds.
///
/// The version byte 131 is written by [`version`](Self::version) only. The functions that write
/// a header expect as many terms after it as it says; nothing checks that they come.
///
/// ```
/// use bytes::BytesMut;
/// use erland_etf::{Writer, atom};
///
/// let mut bytes = BytesMut::new();
/// let mut writer = Writer::new(&mut bytes);
/// writer.tuple_header(2);
/// writer.integer(1);
/// writer.atom(&atom!("foo"));
/// assert_eq!(&bytes[..], [104, 2, 97, 1, 119, 3, b'f', b'o', b'o']);
/// ```
pub struct Writer<'a> {
    pub(crate) out: &'a mut BytesMut,
}

impl Put for Writer<'_> {
    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn piece(&mut self, word: u128, len: usize) {
        let bytes = word.to_le_bytes();
        self.raw(bytes.get(..len).unwrap_or(&bytes));
    }

    #[inline]
    fn block<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.raw(bytes.get(..len).unwrap_or(bytes));
    }
}

impl<'a> Writer<'a> {
    /// A writer that appends to this buffer.
    pub fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    /// Writes the byte 131 that a term has in front outside the distribution.
    pub fn version(&mut self) {
        self.raw(&[tag::VERSION]);
    }

    // ---- headers ----

    /// Writes the header of a tuple, whose elements are to follow. More than 2^24 - 1 of them no
    /// OTP takes.
    #[inline]
    pub fn tuple_header(&mut self, len: u32) {
        Put::tuple_header(self, len);
    }

    /// Writes the header of a list, whose elements and tail are to follow. The tail of a proper
    /// list is [`nil`](Self::nil).
    #[inline]
    pub fn list_header(&mut self, len: u32) {
        Put::list_header(self, len);
    }

    /// Writes the header of a map, whose keys and values are to follow by turns. More than
    /// 2^31 - 1 pairs no OTP takes.
    #[inline]
    pub fn map_header(&mut self, len: u32) {
        Put::map_header(self, len);
    }

    // ---- terms ----

    /// Writes `[]`.
    #[inline]
    pub fn nil(&mut self) {
        Put::nil(self);
    }

    /// Writes an integer of any of Rust's types but `u128`, `isize` and `usize`.
    #[inline]
    pub fn integer(&mut self, value: impl Into<i128>) {
        let value = value.into();
        match i64::try_from(value) {
            Ok(value) => self.small(value),
            Err(_) => self.wide(value < 0, value.unsigned_abs()),
        }
    }

    /// Writes a float.
    #[inline]
    pub fn float(&mut self, value: Float) {
        Put::float(self, value);
    }

    /// Writes an atom.
    #[inline]
    pub fn atom(&mut self, atom: &Atom) {
        Put::atom(self, atom);
    }

    /// Writes a binary.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BinaryTooLarge`] from 4 GiB on; then nothing is written.
    #[inline]
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.tagged(
            tag::BINARY,
            len32(bytes.len(), EncodeError::BinaryTooLarge)?,
        );
        self.raw(bytes);
        Ok(())
    }

    /// Writes a pid.
    #[inline]
    pub fn pid(&mut self, pid: &Pid) {
        Put::pid(self, pid);
    }

    /// Writes a port.
    pub fn port(&mut self, port: &Port) {
        self.port_of(&NodeParts::from(port.node()), port.id());
    }

    /// Writes a reference.
    pub fn reference(&mut self, reference: &Reference) {
        Put::reference(self, reference);
    }

    // ---- inside of terms, or of tokens that are passed on ----

    pub(crate) fn atom_text(&mut self, atom: &AtomText<'_>) {
        match atom.0 {
            Text::Utf8(text) => self.utf8(text),
            Text::Cached(atom) => Put::atom(self, atom),
            Text::Latin1(bytes) => {
                let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                self.utf8(text.as_bytes());
            }
        }
    }

    pub(crate) fn pid_of(&mut self, node: &NodeParts<'_>, id: u32, serial: u32) {
        self.raw(&[tag::NEW_PID]);
        self.atom_text(&node.name);
        self.raw(&id.to_be_bytes());
        self.raw(&serial.to_be_bytes());
        self.raw(&node.creation.to_be_bytes());
    }

    pub(crate) fn port_of(&mut self, node: &NodeParts<'_>, id: u64) {
        self.raw(&[tag::V4_PORT]);
        self.atom_text(&node.name);
        self.raw(&id.to_be_bytes());
        self.raw(&node.creation.to_be_bytes());
    }

    pub(crate) fn reference_of(
        &mut self,
        node: &NodeParts<'_>,
        words: impl ExactSizeIterator<Item = u32>,
    ) {
        self.raw(&[tag::NEWER_REFERENCE]);
        // Five at most.
        self.raw(&(words.len() as u16).to_be_bytes());
        self.atom_text(&node.name);
        self.raw(&node.creation.to_be_bytes());
        for word in words {
            self.raw(&word.to_be_bytes());
        }
    }

    pub(crate) fn any_integer(&mut self, integer: &Integer) -> Result<(), EncodeError> {
        match integer.view() {
            View::Small(value) => self.small(value),
            View::Magnitude {
                negative,
                magnitude,
            } => self.wide(negative, magnitude),
            View::Big(big) => {
                let len = big_len(big)?;
                self.big_header(big.sign() == Sign::Minus, len);
                let mut rest = len;
                for digit in big.iter_u64_digits() {
                    let bytes = digit.to_le_bytes();
                    let bytes = bytes.get(..rest).unwrap_or(&bytes);
                    self.raw(bytes);
                    rest = rest.saturating_sub(bytes.len());
                }
            }
        }
        Ok(())
    }

    pub(crate) fn bit_string(&mut self, bits: &BitString) -> Result<(), EncodeError> {
        let len = len32(bits.bytes().len(), EncodeError::BinaryTooLarge)?;
        self.tagged(tag::BIT_BINARY, len);
        self.raw(&[bits.last_bits()]);
        self.raw(bits.bytes());
        Ok(())
    }

    pub(crate) fn export_of(&mut self, module: &AtomText<'_>, function: &AtomText<'_>, arity: u8) {
        self.raw(&[tag::EXPORT]);
        self.atom_text(module);
        self.atom_text(function);
        self.small(i64::from(arity));
    }

    /// Writes a fun up to its free variables. The size that a fun starts with is unknown until
    /// they are written; what is returned is for [`fun_end`](Self::fun_end).
    pub(crate) fn fun_header(&mut self, fun: &FunParts<'_>) -> FunStart {
        self.raw(&[tag::NEW_FUN]);
        let start = FunStart(self.out.len());
        self.raw(&[0; 4]);
        self.raw(&[fun.arity]);
        self.raw(fun.uniq);
        self.raw(&fun.index.to_be_bytes());
        self.raw(&(u32::from(fun.free)).to_be_bytes());
        self.atom_text(&fun.module);
        self.small(fun.old_index);
        self.small(fun.old_uniq);
        self.pid_of(&fun.pid.node, fun.pid.id, fun.pid.serial);
        start
    }

    /// Fills in the size of a fun that ends here.
    pub(crate) fn fun_end(&mut self, FunStart(start): FunStart) {
        let size = self.out.len().saturating_sub(start);
        if let Some((slot, _)) = self
            .out
            .get_mut(start..)
            .and_then(<[u8]>::split_first_chunk_mut)
        {
            // No decoder looks at it, so a size that does not fit is no reason to fail.
            *slot = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        }
    }

    /// Writes a record up to its values.
    pub(crate) fn record_header<'n>(
        &mut self,
        module: &AtomText<'_>,
        name: &AtomText<'_>,
        exported: bool,
        len: u32,
        names: impl Iterator<Item = AtomText<'n>>,
    ) {
        self.tagged(tag::RECORD, len);
        self.raw(&[u8::from(exported)]);
        self.atom_text(module);
        self.atom_text(name);
        for name in names {
            self.atom_text(&name);
        }
    }

    /// Writes what only its own node can read: everything after the tag.
    pub(crate) fn local(&mut self, bytes: &[u8]) {
        self.raw(&[tag::LOCAL]);
        self.raw(bytes);
    }

    // ---- pieces ----

    fn big_header(&mut self, negative: bool, len: usize) {
        match u8::try_from(len) {
            Ok(len) => self.raw(&[tag::SMALL_BIG, len]),
            // At most `MAX_INTEGER_BYTES`.
            Err(_) => self.tagged(tag::LARGE_BIG, len as u32),
        }
        self.raw(&[u8::from(negative)]);
    }
}

impl fmt::Debug for Writer<'_> {
    /// The length only: what is in a message is nobody else's to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("len", &self.out.len())
            .finish_non_exhaustive()
    }
}

/// Where the size of a fun is to be filled in.
#[derive(Clone, Copy)]
pub(crate) struct FunStart(usize);

/// A length as the format has it, or the error.
pub(crate) fn len32(len: usize, error: EncodeError) -> Result<u32, EncodeError> {
    u32::try_from(len).map_err(|_| error)
}

fn magnitude_len(magnitude: u128) -> usize {
    u128::BITS
        .saturating_sub(magnitude.leading_zeros())
        .div_ceil(8) as usize
}

fn big_len(big: &BigInt) -> Result<usize, EncodeError> {
    usize::try_from(big.bits().div_ceil(8))
        .ok()
        .filter(|len| *len <= MAX_INTEGER_BYTES)
        .ok_or(EncodeError::IntegerTooLarge)
}
