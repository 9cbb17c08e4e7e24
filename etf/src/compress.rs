//! Compressed terms ("External Term Format", "Introduction": tag 80): how they become plain ones,
//! and the other way round.
//!
//! `131, 80, Size:32, zlib(T)`, where Size is the length of the encoded term T without the byte
//! 131. The tag is legal right after 131 only, so that whoever reads the version byte has to look
//! for it, and nobody else: [`plain`] is the one place.

#![deny(clippy::arithmetic_side_effects)]

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::limits::Limits;
use crate::tag;

/// What the input says uncompressed, version byte 131 included; `None` if it is not compressed.
///
/// In a build without the feature `zlib` nothing is; there the reader refuses the tag.
pub(crate) fn plain(input: &[u8], limits: &Limits) -> Result<Option<Bytes>, DecodeError> {
    #[cfg(feature = "zlib")]
    if let [tag::VERSION, tag::COMPRESSED, rest @ ..] = input {
        return zlib::inflate(rest, limits.max_inflated())
            .map(|plain| Some(plain.into()))
            .map_err(|kind| DecodeError::new(kind, 1));
    }
    let _ = (input, limits);
    Ok(None)
}

/// The error of a term that was inflated. What ends too early there does not get better with more
/// input, and nothing is compressed twice.
pub(crate) fn inside(error: DecodeError) -> DecodeError {
    match error.kind() {
        Kind::Eof => DecodeError::new(Kind::CompressedEof, error.offset()),
        Kind::Compressed => DecodeError::new(Kind::UnknownTag(tag::COMPRESSED), 1),
        _ => error,
    }
}

#[cfg(feature = "zlib")]
pub(crate) use zlib::deflate;

#[cfg(feature = "zlib")]
mod zlib {
    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;

    use miniz_oxide::deflate::core::{
        CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
    };
    use miniz_oxide::inflate::TINFLStatus;
    use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

    use crate::error::DecodeErrorKind as Kind;
    use crate::tag;

    /// What stands in front of the stream: 131, 80 and the size.
    const HEADER: usize = 6;

    /// How much room the output has at first: so many bytes for each byte of the stream, and some
    /// more, so that twice as much is more.
    const FIRST_FACTOR: usize = 4;
    const FIRST_LEAST: usize = 64;

    /// The term that follows the two tags, behind a byte 131. Takes no more memory than a few
    /// times what really comes out of the stream, whatever size is claimed.
    pub(super) fn inflate(input: &[u8], max: usize) -> Result<Vec<u8>, Kind> {
        let (size, mut stream) = input.split_first_chunk().ok_or(Kind::Eof)?;
        let size = u32::from_be_bytes(*size) as usize;
        if size > max {
            return Err(Kind::InflatedLimit);
        }
        let first = stream.len().saturating_mul(FIRST_FACTOR);
        // One more than is claimed: what fills it is too much, and what does not may be cut off.
        let room = size.saturating_add(1);
        let first = first.saturating_add(FIRST_LEAST).min(room);
        let mut plain = vec![0; first.saturating_add(1)];
        let mut state = Box::<DecompressorOxide>::default();
        let mut done = 0_usize;
        loop {
            // Without the first byte: nothing in the stream may refer to it.
            let [version, output @ ..] = &mut plain[..] else {
                return Err(Kind::CompressedSize);
            };
            *version = tag::VERSION;
            let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
                | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
                | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
            let (status, read, written) = decompress(&mut state, stream, output, done, flags);
            stream = stream.get(read..).unwrap_or_default();
            done = done.saturating_add(written);
            match status {
                TINFLStatus::Done if done == size => {
                    plain.truncate(done.saturating_add(1));
                    return Ok(plain);
                }
                TINFLStatus::Done => return Err(Kind::CompressedSize),
                TINFLStatus::HasMoreOutput if output.len() >= room => {
                    return Err(Kind::CompressedSize);
                }
                TINFLStatus::HasMoreOutput => {
                    let next = output.len().saturating_mul(2).min(room);
                    plain.resize(next.saturating_add(1), 0);
                }
                TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
                    return Err(Kind::Eof);
                }
                _ => return Err(Kind::CompressedData),
            }
        }
    }

    /// The compressed form of a plain one, if that is no longer; else the plain form again. OTP
    /// decides alike (`erts_term_to_binary` in `external.c`, observed to the byte).
    pub(crate) fn deflate(plain: Vec<u8>, level: u8) -> Vec<u8> {
        let Some((_, term)) = plain.split_first() else {
            return plain;
        };
        let Ok(size) = u32::try_from(term.len()) else {
            return plain;
        };
        let mut out = vec![0; plain.len()];
        let Some((header, stream)) = out.split_first_chunk_mut::<HEADER>() else {
            return plain;
        };
        let [a, b, c, d] = size.to_be_bytes();
        *header = [tag::VERSION, tag::COMPRESSED, a, b, c, d];
        let flags = create_comp_flags_from_zip_params(i32::from(level), WINDOW_BITS, DEFAULT);
        let mut state = Box::new(CompressorOxide::new(flags));
        match compress(&mut state, term, stream, TDEFLFlush::Finish) {
            (TDEFLStatus::Done, _, written) => {
                out.truncate(HEADER.saturating_add(written));
                out
            }
            // There is no room for the rest.
            _ => plain,
        }
    }

    /// The window of zlib, with its header.
    const WINDOW_BITS: i32 = 15;

    /// The strategy of zlib for data of no special kind.
    const DEFAULT: i32 = 0;
}
