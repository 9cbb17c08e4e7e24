//! Does any text make the parser panic, and does a term that was parsed print as what parses to it
//! again? If there is none: is the fault within the text?

#![no_main]

use erland_etf::{Term, from_slice, to_vec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match text.parse::<Term>() {
        Ok(term) => {
            for printed in [
                format!("{term}"),
                format!("{term:#}"),
                format!("{term:?}"),
                format!("{term:#?}"),
            ] {
                assert_eq!(printed.parse().as_ref(), Ok(&term), "{printed}");
                assert_eq!(format!("{printed}.\n").parse().as_ref(), Ok(&term));
            }
            let encoded = to_vec(&term).expect("what was parsed can be encoded");
            assert_eq!(from_slice(&encoded), Ok(term));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let mut lines = text.split('\n');
            let line = lines
                .nth(error.line().checked_sub(1).expect("lines start at 1"))
                .expect("a line of the text");
            assert!(
                (1..=line.chars().count() + 1).contains(&error.column()),
                "{error}"
            );
        }
    }
});
