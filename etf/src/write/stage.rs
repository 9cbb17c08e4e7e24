//! How the bytes of a whole term get into a buffer: by way of a small one on the stack.
//!
//! To append two bytes to a buffer costs more than to write sixteen in a place that is known to be
//! there. So each piece is written as a word of sixteen bytes, of which as many stay as count.

use bytes::BytesMut;

use super::put::Put;
use crate::encode::Sink;

/// How much is collected before it is appended.
const STAGE: usize = 512;

/// Bytes on the way into a buffer. What was put here is there only after [`flush`](Self::flush).
///
/// All of it is inlined and none is lent to a function that is not, so that the compiler can keep
/// the position in a register.
pub(crate) struct Stage<'a> {
    out: &'a mut BytesMut,
    bytes: [u8; STAGE],
    len: usize,
}

impl<'a> Stage<'a> {
    #[inline(always)]
    pub(crate) fn new(out: &'a mut BytesMut) -> Self {
        Self {
            out,
            bytes: [0; STAGE],
            len: 0,
        }
    }
}

impl Sink for Stage<'_> {
    #[inline(always)]
    fn flush(&mut self) -> &mut BytesMut {
        append(self.out, &self.bytes, self.len);
        self.len = 0;
        self.out
    }
}

impl Put for Stage<'_> {
    #[inline(always)]
    fn piece(&mut self, word: u128, len: usize) {
        self.block(&word.to_le_bytes(), len);
    }

    #[inline(always)]
    fn short_piece(&mut self, word: u64, len: usize) {
        self.block(&word.to_le_bytes(), len);
    }

    #[inline(always)]
    fn raw(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end;
        } else {
            self.flush().extend_from_slice(bytes);
        }
    }

    #[inline(always)]
    fn block<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        // All of it at once: a copy of a length that is known takes no call.
        if self.len > const { STAGE - N } {
            self.flush();
        }
        if let Some((place, _)) = self
            .bytes
            .get_mut(self.len..)
            .and_then(<[u8]>::split_first_chunk_mut)
        {
            *place = *bytes;
        }
        self.len = self.len.saturating_add(len);
    }
}

#[inline(never)]
fn append(out: &mut BytesMut, bytes: &[u8; STAGE], len: usize) {
    out.extend_from_slice(bytes.get(..len).unwrap_or_default());
}
