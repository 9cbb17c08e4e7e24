//! Do bytes that claim to be a term ever panic, recurse or allocate by claim? And what decodes: is
//! it a sound term?

#![no_main]

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use erland_etf::{Limits, RawTerm, Reader, from_bytes, from_slice};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let copied = from_slice(data);
    // Slices of the input or copies: the same term, the same error.
    let bytes = Bytes::copy_from_slice(data);
    assert_eq!(copied, from_bytes(&bytes));
    if let Ok(term) = &copied {
        let clone = term.clone();
        assert_eq!(clone, *term);
        assert!(clone.cmp(term).is_eq() && clone.standard_cmp(term).is_eq());
        let state = RandomState::new();
        assert_eq!(state.hash_one(term), state.hash_one(&clone));
        assert!(!format!("{term:?}").is_empty() && !term.to_string().is_empty());
    }
    // The same bytes as a bare term, skipped, validated and decoded: they agree.
    let raw = RawTerm::new(bytes);
    let decoded = raw.to_term();
    assert_eq!(raw.validate().is_ok(), decoded.is_ok());
    if decoded.is_ok() {
        assert!(Reader::new(data).skip().is_ok());
    }
    // A tighter limit refuses or agrees.
    if let Ok(term) = raw.to_term_with(&Limits::default().with_max_heap(1024)) {
        assert_eq!(decoded.as_ref(), Ok(&term));
    }
});
