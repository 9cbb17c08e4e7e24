//! Does a term that was decoded survive being encoded and decoded again?

#![no_main]

use bytes::{Bytes, BytesMut};
use erland_etf::{RawTerm, from_slice, to_vec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(term) = from_slice(data) else {
        return;
    };
    let encoded = to_vec(&term).expect("what was decoded can be encoded");
    assert_eq!(
        term.encoded_len(),
        Ok(encoded.len() - 1),
        "the exact size is known before"
    );
    let again = from_slice(&encoded).expect("what was encoded can be decoded");
    assert_eq!(again, term);
    assert_eq!(
        to_vec(&again).as_deref(),
        Ok(&encoded[..]),
        "one term, one encoding"
    );
    // Passed on without being decoded it is the same term.
    let raw = RawTerm::new(Bytes::copy_from_slice(&data[1..]));
    let mut passed_on = BytesMut::new();
    if data[0] == 131 && raw.validate().is_ok() {
        raw.encode_into(&mut passed_on)
            .expect("what decodes can be passed on");
        assert_eq!(RawTerm::new(passed_on.freeze()).to_term(), Ok(term));
    }
});
