//! Which lists and binaries look like text, and how that is printed (`io_lib:printable_list/1`).
//!
//! Printable is what `erl` without `+pc unicode` takes for it: characters of Latin-1 except
//! for control characters that have no escape of a letter.

use core::fmt::{self, Write};

use crate::list::{List, View};
use crate::term::Term;
use crate::text::name;

fn is_printable(c: char) -> bool {
    matches!(
        c,
        ' '..='~' | '\u{a0}'..='\u{ff}' | '\n' | '\r' | '\t' | '\u{b}' | '\u{8}' | '\u{c}' | '\u{1b}'
    )
}

/// The character of an element of a list, if it is printable.
fn character(term: &Term) -> Option<char> {
    let character = char::from(u8::try_from(term.as_i64()?).ok()?);
    is_printable(character).then_some(character)
}

/// Whether this list is printed as text.
pub(super) fn is_string(list: &List) -> bool {
    match list.view() {
        View::Nil | View::Improper(_) => false,
        View::Bytes(bytes) => is_latin1(bytes),
        View::Slice(terms) => terms.iter().all(|term| character(term).is_some()),
    }
}

fn is_latin1(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_printable(char::from(*byte)))
}

/// How the bytes of a binary are printed as text.
enum Encoding<'a> {
    Latin1,
    Utf8(&'a str),
}

/// How this binary is printed as text, if it is (`io_lib_pretty:printable_bin/5`).
///
/// UTF-8 up to a character that is not printable is no text, even if what follows is no UTF-8.
fn encoding(bytes: &[u8]) -> Option<Encoding<'_>> {
    let (valid, error) = match core::str::from_utf8(bytes) {
        Ok(valid) => (valid, false),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (core::str::from_utf8(valid).unwrap_or_default(), true)
        }
    };
    if bytes.is_empty() || !valid.chars().all(is_printable) {
        None
    } else if error {
        is_latin1(bytes).then_some(Encoding::Latin1)
    } else if valid.is_ascii() {
        Some(Encoding::Latin1)
    } else {
        Some(Encoding::Utf8(valid))
    }
}

/// Whether this binary is printed as text.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    encoding(bytes).is_some()
}

/// Writes a list as a string, if it is one.
pub(super) fn list(f: &mut impl Write, list: &List) -> Result<bool, fmt::Error> {
    if !is_string(list) {
        return Ok(false);
    }
    f.write_char('"')?;
    for c in list.iter().filter_map(character) {
        name::escaped_char(f, c, '"')?;
    }
    f.write_char('"')?;
    Ok(true)
}

/// Writes a binary as a string, if it is one.
pub(super) fn binary(f: &mut impl Write, bytes: &[u8]) -> Result<bool, fmt::Error> {
    match encoding(bytes) {
        None => return Ok(false),
        Some(Encoding::Latin1) => {
            f.write_str("<<\"")?;
            for byte in bytes {
                name::escaped_char(f, char::from(*byte), '"')?;
            }
            f.write_str("\">>")?;
        }
        Some(Encoding::Utf8(text)) => {
            f.write_str("<<\"")?;
            name::escaped(f, text, '"')?;
            f.write_str("\"/utf8>>")?;
        }
    }
    Ok(true)
}
