//! What is written before its size is known, and filled in once it is.

use alloc::vec::Vec;

use crate::atom::{AtomError, MAX_ATOM_CHARACTERS};
use crate::error::EncodeError;
use crate::read::{MAX_MAP_LEN, MAX_TUPLE_LEN};
use crate::tag;

use super::{MAX_STRING_LEN, Put, Writer, len32};

/// The terms 0 to 255, encoded.
pub(crate) static BYTES: [[u8; 2]; 256] = {
    let mut terms = [[tag::SMALL_INTEGER, 0]; 256];
    let mut rest: &mut [[u8; 2]] = &mut terms;
    let mut value = 0;
    while let [[_, slot], more @ ..] = rest {
        *slot = value;
        value = value.wrapping_add(1);
        rest = more;
    }
    terms
};

/// The term `true`, encoded.
pub(crate) static TRUE: [u8; 6] = [tag::SMALL_ATOM_UTF8, 4, b't', b'r', b'u', b'e'];

/// Where a term starts in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(usize);

impl Writer<'_> {
    /// Where the next term starts.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.out.len())
    }

    /// Takes back what was written since.
    pub(crate) fn truncate(&mut self, Mark(start): Mark) {
        self.out.truncate(start);
    }

    /// What was written since.
    #[inline]
    fn since(&self, Mark(start): Mark) -> &[u8] {
        self.out.get(start..).unwrap_or_default()
    }

    /// Writes the header of a tuple of any length that OTP takes.
    #[inline]
    pub(crate) fn tuple(&mut self, len: usize) -> Result<(), EncodeError> {
        let len = len32(len, EncodeError::TupleTooLarge)?;
        if len > MAX_TUPLE_LEN {
            return Err(EncodeError::TupleTooLarge);
        }
        self.tuple_header(len);
        Ok(())
    }

    /// Writes an atom of this text.
    #[inline]
    pub(crate) fn atom_of(&mut self, text: &str) -> Result<(), AtomError> {
        if text.len() > MAX_ATOM_CHARACTERS && text.chars().nth(MAX_ATOM_CHARACTERS).is_some() {
            return Err(AtomError::TooLong);
        }
        self.utf8(text.as_bytes());
        Ok(())
    }

    /// Writes an integer.
    pub(crate) fn unsigned(&mut self, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.small(value),
            Err(_) => self.wide(false, value),
        }
    }

    /// Writes an integer.
    #[inline]
    pub(crate) fn word(&mut self, value: i64) {
        self.small(value);
    }

    // ---- lists ----

    /// Begins a list whose length is unknown or only claimed.
    #[inline]
    pub(crate) fn open_list(&mut self) -> Mark {
        let mark = self.mark();
        self.list_header(0);
        mark
    }

    /// Whether what was written since is an integer from 0 to 255 and nothing else.
    #[inline]
    pub(crate) fn is_byte(&self, mark: Mark) -> bool {
        matches!(self.since(mark), [tag::SMALL_INTEGER, _])
    }

    /// Ends a proper list of so many elements, in the form that OTP gives it: `bytes` says that
    /// each is an integer from 0 to 255.
    #[inline]
    pub(crate) fn close_list(
        &mut self,
        mark: Mark,
        len: usize,
        bytes: bool,
    ) -> Result<(), EncodeError> {
        if len == 0 {
            self.truncate(mark);
        } else if bytes && len <= MAX_STRING_LEN {
            self.pack(mark, len);
            return Ok(());
        } else {
            let len = len32(len, EncodeError::ListTooLarge)?;
            self.fill(mark, len);
        }
        self.nil();
        Ok(())
    }

    /// Makes a list of so many integers of one byte a STRING_EXT.
    fn pack(&mut self, mark: Mark, len: usize) {
        let Some(list) = self.out.get_mut(mark.0..) else {
            return;
        };
        let [high, low] = (len as u16).to_be_bytes();
        if let Some(slot) = list.first_chunk_mut() {
            *slot = [tag::STRING, high, low];
        }
        // Each element moves to the left, by more than all before it.
        let (mut to, mut from) = (3_usize, 6_usize);
        for _ in 0..len {
            let byte = list.get(from).copied().unwrap_or_default();
            if let Some(slot) = list.get_mut(to) {
                *slot = byte;
            }
            to = to.saturating_add(1);
            from = from.saturating_add(2);
        }
        let end = mark.0.saturating_add(to);
        self.out.truncate(end);
    }

    // ---- maps ----

    /// Begins a map whose length is unknown or only claimed.
    #[inline]
    pub(crate) fn open_map(&mut self, claimed: usize) -> Mark {
        let mark = self.mark();
        self.map_header(u32::try_from(claimed).unwrap_or(u32::MAX));
        mark
    }

    /// Ends a map of so many pairs.
    #[inline]
    pub(crate) fn close_map(
        &mut self,
        mark: Mark,
        claimed: usize,
        len: usize,
    ) -> Result<(), EncodeError> {
        if len > MAX_MAP_LEN as usize {
            return Err(EncodeError::MapTooLarge);
        }
        if len != claimed {
            self.fill(mark, len32(len, EncodeError::MapTooLarge)?);
        }
        Ok(())
    }

    /// Fills the length into a header of 32 bits.
    #[inline]
    fn fill(&mut self, Mark(start): Mark, len: u32) {
        if let Some([_, slot @ ..]) = self
            .out
            .get_mut(start..)
            .and_then(<[u8]>::first_chunk_mut::<5>)
        {
            *slot = len.to_be_bytes();
        }
    }

    // ---- keys ----

    /// Makes the binary that was written since an atom. Whether it is one now, or was before.
    pub(crate) fn make_atom(&mut self, mark: Mark) -> Result<bool, AtomError> {
        let text = match self.since(mark) {
            [tag::BINARY, _, _, _, _, text @ ..] => Vec::from(text),
            [tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8, ..] => return Ok(true),
            _ => return Ok(false),
        };
        let Ok(text) = core::str::from_utf8(&text) else {
            return Ok(false);
        };
        self.truncate(mark);
        self.atom_of(text)?;
        Ok(true)
    }
}
