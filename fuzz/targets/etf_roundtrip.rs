//! Does a term that was decoded survive being encoded and decoded again, compressed, or printed and
//! parsed?

#![no_main]

use bytes::{Bytes, BytesMut};
use erland_etf::{EncodeOptions, ParseErrorKind, RawTerm, Term, Token, from_slice, to_vec};
use erland_fuzz::{mutate, tokens};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});

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
    let mut appended = BytesMut::from(&b"before"[..]);
    term.encode(&mut appended).expect("as it was encoded");
    assert!(appended.ends_with(&encoded[1..]));
    let again = from_slice(&encoded).expect("what was encoded can be decoded");
    assert_eq!(again, term);
    assert_eq!(
        to_vec(&again).as_deref(),
        Ok(&encoded[..]),
        "one term, one encoding"
    );
    let options = EncodeOptions::new().deterministic();
    assert_eq!(options.to_vec(&term).as_deref(), Ok(&encoded[..]));
    for level in [1, 6] {
        let packed = options.compressed(level).to_vec(&term).expect("encodable");
        assert!(packed.len() <= encoded.len());
        assert_eq!(from_slice(&packed).as_ref(), Ok(&term));
    }

    // Passed on without being decoded it is the same term.
    let raw = RawTerm::new(Bytes::copy_from_slice(&data[1..]));
    if data[1] != 80 {
        let mut passed_on = BytesMut::new();
        raw.encode_into(&mut passed_on)
            .expect("what decodes can be passed on");
        assert_eq!(RawTerm::new(passed_on.freeze()).to_term(), Ok(term.clone()));
    }

    for text in [term.to_string(), format!("{term:#}")] {
        match text.parse::<Term>() {
            Ok(parsed) => assert_eq!(parsed, term, "{text}"),
            Err(error) => assert!(has_no_syntax(&encoded, error.kind()), "{error}: {text}"),
        }
    }
});

/// Whether there is something in the term that has no syntax, for which this would be the error.
fn has_no_syntax(encoded: &[u8], kind: ParseErrorKind) -> bool {
    let mut found = false;
    let all = tokens::each(&encoded[1..], |token, _| {
        found |= match token {
            Token::Pid(_) | Token::Port(_) | Token::Reference(_) => {
                kind == ParseErrorKind::Identifier
            }
            Token::Fun(_) | Token::Local(_) => {
                matches!(kind, ParseErrorKind::Identifier | ParseErrorKind::Record)
            }
            Token::Record(_) => kind == ParseErrorKind::Record,
            _ => false,
        }
    });
    all.is_ok() && found
}
