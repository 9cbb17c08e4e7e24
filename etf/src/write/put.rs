//! What the frequent terms look like in bytes, wherever the bytes go.

use crate::atom::{Atom, INLINE, View as AtomView};
use crate::binary::{Binary, View as BinaryView};
use crate::float::Float;
use crate::ident::{Pid, Reference};
use crate::tag;

/// A place for bytes, one behind the other.
///
/// Everything is inlined into the loop that walks a term.
pub(crate) trait Put {
    /// Puts these bytes.
    fn raw(&mut self, bytes: &[u8]);

    /// Puts so many bytes of a word, at most 16, the lowest first. The others are zero.
    fn piece(&mut self, word: u128, len: usize);

    /// Puts so many bytes of a word, at most 8, the lowest first. The others are zero.
    #[inline(always)]
    fn short_piece(&mut self, word: u64, len: usize) {
        self.piece(u128::from(word), len);
    }

    /// Puts so many bytes of this block.
    fn block<const N: usize>(&mut self, bytes: &[u8; N], len: usize);

    // ---- headers ----

    #[inline(always)]
    fn tuple_header(&mut self, len: u32) {
        match u8::try_from(len) {
            Ok(len) => self.short_piece(u64::from(tag::SMALL_TUPLE) | u64::from(len) << 8, 2),
            Err(_) => self.tagged(tag::LARGE_TUPLE, len),
        }
    }

    #[inline(always)]
    fn list_header(&mut self, len: u32) {
        self.tagged(tag::LIST, len);
    }

    #[inline(always)]
    fn map_header(&mut self, len: u32) {
        self.tagged(tag::MAP, len);
    }

    /// A tag and 32 bits.
    #[inline(always)]
    fn tagged(&mut self, tag: u8, value: u32) {
        let value = u32::from_le_bytes(value.to_be_bytes());
        self.short_piece(u64::from(tag) | u64::from(value) << 8, 5);
    }

    /// The header of a list of bytes, 65535 at most.
    #[inline(always)]
    fn string_header(&mut self, len: u16) {
        self.piece(
            word(tag::STRING) | u128::from(u16::from_le_bytes(len.to_be_bytes())) << 8,
            3,
        );
    }

    /// A short list of bytes.
    #[inline(always)]
    fn short_string<const N: usize>(&mut self, len: u8, bytes: &[u8; N]) {
        self.string_header(u16::from(len));
        self.block(bytes, usize::from(len));
    }

    // ---- terms ----

    #[inline(always)]
    fn nil(&mut self) {
        self.short_piece(u64::from(tag::NIL), 1);
    }

    #[inline(always)]
    fn small(&mut self, value: i64) {
        if let Ok(value) = i32::try_from(value) {
            // Both are made and one is chosen: which one it will be is hard to foresee.
            let byte = u64::from(tag::SMALL_INTEGER) | u64::from(value.cast_unsigned()) << 8;
            let bytes = u32::from_le_bytes(value.to_be_bytes());
            let word = u64::from(tag::INTEGER) | u64::from(bytes) << 8;
            let is_byte = value.cast_unsigned() <= 0xff;
            let (word, len) = if is_byte { (byte, 2) } else { (word, 5) };
            self.short_piece(word, len);
        } else {
            let magnitude = value.unsigned_abs();
            let len = 64_u32.saturating_sub(magnitude.leading_zeros()).div_ceil(8);
            let header =
                word(tag::SMALL_BIG) | u128::from(len) << 8 | u128::from(u8::from(value < 0)) << 16;
            let len = (len as usize).saturating_add(3);
            self.piece(header | u128::from(magnitude) << 24, len);
        }
    }

    /// An integer beyond 64 bits with sign.
    #[inline(always)]
    fn wide(&mut self, negative: bool, magnitude: u128) {
        let len = 128_u32
            .saturating_sub(magnitude.leading_zeros())
            .div_ceil(8);
        let header =
            word(tag::SMALL_BIG) | u128::from(len) << 8 | u128::from(u8::from(negative)) << 16;
        self.piece(header, 3);
        self.piece(magnitude, len as usize);
    }

    #[inline(always)]
    fn float(&mut self, value: Float) {
        let bits = u64::from_le_bytes(value.get().to_bits().to_be_bytes());
        self.piece(word(tag::NEW_FLOAT) | u128::from(bits) << 8, 9);
    }

    #[inline(always)]
    fn atom(&mut self, atom: &Atom) {
        match atom.view() {
            AtomView::Inline(len, text) => {
                let header = word(tag::SMALL_ATOM_UTF8) | u128::from(len) << 8;
                let len = usize::from(len).saturating_add(2);
                self.piece(header | padded(text) << 16, len);
            }
            AtomView::Medium(len, text) => {
                self.piece(word(tag::SMALL_ATOM_UTF8) | u128::from(len) << 8, 2);
                self.block(text, usize::from(len));
            }
            AtomView::Long(text) => self.utf8(text.as_bytes()),
        }
    }

    /// The atom with this text, of at most 255 characters.
    #[inline(always)]
    fn utf8(&mut self, text: &[u8]) {
        match u8::try_from(text.len()) {
            Ok(len) => self.piece(word(tag::SMALL_ATOM_UTF8) | u128::from(len) << 8, 2),
            Err(_) => {
                // An atom has at most 1020 bytes.
                let len = u16::from_le_bytes((text.len() as u16).to_be_bytes());
                self.piece(word(tag::ATOM_UTF8) | u128::from(len) << 8, 3);
            }
        }
        self.raw(text);
    }

    /// A binary, whose length has been checked to be of 32 bits.
    #[inline(always)]
    fn checked_binary(&mut self, binary: &Binary) {
        match binary.view() {
            BinaryView::Inline(len, bytes) => {
                self.tagged(tag::BINARY, u32::from(len));
                self.piece(padded(bytes), usize::from(len));
            }
            BinaryView::Medium(len, bytes) => {
                self.tagged(tag::BINARY, u32::from(len));
                self.block(bytes, usize::from(len));
            }
            BinaryView::Long(bytes) => {
                self.tagged(tag::BINARY, bytes.len() as u32);
                self.raw(bytes);
            }
        }
    }

    #[inline(always)]
    fn pid(&mut self, pid: &Pid) {
        self.short_piece(u64::from(tag::NEW_PID), 1);
        self.atom(pid.node().name());
        let numbers = [pid.id(), pid.serial(), pid.node().creation(), 0];
        self.piece(words(numbers), 12);
    }

    #[inline(always)]
    fn reference(&mut self, reference: &Reference) {
        let words_there = reference.words();
        // Five at most.
        let len = u16::from_le_bytes((words_there.len() as u16).to_be_bytes());
        self.piece(word(tag::NEWER_REFERENCE) | u128::from(len) << 8, 3);
        self.atom(reference.node().name());
        let mut rest = words_there.iter().copied();
        let creation = reference.node().creation();
        let mut next = || rest.next().unwrap_or(0);
        let (first, then) = ([creation, next(), next(), next()], [next(), next(), 0, 0]);
        let len = words_there.len();
        self.piece(words(first), len.min(3).saturating_add(1).saturating_mul(4));
        if len > 3 {
            self.piece(words(then), len.saturating_sub(3).saturating_mul(4));
        }
    }
}

#[inline(always)]
fn word(tag: u8) -> u128 {
    u128::from(tag)
}

#[inline(always)]
fn padded(text: &[u8; INLINE]) -> u128 {
    let mut bytes = [0; 16];
    if let Some((first, _)) = bytes.split_first_chunk_mut() {
        *first = *text;
    }
    u128::from_le_bytes(bytes)
}

/// Numbers in the order of the wire.
#[inline(always)]
fn words([a, b, c, d]: [u32; 4]) -> u128 {
    let low = |value: u32| u128::from(u32::from_le_bytes(value.to_be_bytes()));
    low(a) | low(b) << 32 | low(c) << 64 | low(d) << 96
}
