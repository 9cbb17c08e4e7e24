//! Compressed terms, `131, 80, Size:32, zlib(T)`, taken apart and put together.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

const HEADER: [u8; 2] = [131, 80];

/// More than any input of the fuzzer inflates to.
const MAX: usize = 16 * 1024 * 1024;

/// The same term without compression, version byte included, if it is compressed and sound.
pub fn inflate(input: &[u8]) -> Option<Vec<u8>> {
    let (size, stream) = input.strip_prefix(&HEADER)?.split_first_chunk()?;
    let plain = decompress_to_vec_zlib_with_limit(stream, MAX).ok()?;
    (plain.len() == u32::from_be_bytes(*size) as usize).then(|| [&[131], &plain[..]].concat())
}

/// The same term compressed.
pub fn deflate(plain: &[u8]) -> Vec<u8> {
    let plain = plain.get(1..).unwrap_or_default();
    let size = (plain.len() as u32).to_be_bytes();
    [&HEADER[..], &size, &compress_to_vec_zlib(plain, 6)].concat()
}
