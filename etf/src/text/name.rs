//! Which atoms need quotes, and what is between quotes.

use core::fmt::{self, Write};

/// Whether an atom needs no quotes (`io_lib:quote_atom/2`, with the reserved words of OTP 29).
pub(super) fn is_bare(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_lower)
        && characters.all(is_name_character)
        && !is_reserved(text)
}

/// Whether a name is a word of the language (`erl_scan:f_reserved_word/1`).
pub(super) fn is_reserved(text: &str) -> bool {
    text.len() <= LONGEST_RESERVED && RESERVED.contains(&text)
}

/// Whether an atom without quotes may start so.
pub(super) fn is_lower(c: char) -> bool {
    matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ')
}

/// Whether a variable may start so; another way is `_`.
pub(super) fn is_upper(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ')
}

pub(super) fn is_name_character(c: char) -> bool {
    is_lower(c) || is_upper(c) || matches!(c, '0'..='9' | '_' | '@')
}

#[rustfmt::skip]
const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor",
    "case", "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe",
    "not", "of", "or", "orelse", "receive", "rem", "try", "when", "xor",
];

const LONGEST_RESERVED: usize = "receive".len();

/// Writes an atom, with quotes where it needs them.
pub(super) fn atom(f: &mut impl Write, text: &str) -> fmt::Result {
    if is_bare(text) {
        return f.write_str(text);
    }
    f.write_char('\'')?;
    escaped(f, text, '\'')?;
    f.write_char('\'')
}

/// Writes the text between these quotes (`io_lib:write_string/2`).
pub(super) fn escaped(f: &mut impl Write, text: &str, quote: char) -> fmt::Result {
    text.chars().try_for_each(|c| escaped_char(f, c, quote))
}

/// Writes one character of the text between these quotes.
pub(super) fn escaped_char(f: &mut impl Write, c: char, quote: char) -> fmt::Result {
    match c {
        '\\' => f.write_str("\\\\"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{b}' => f.write_str("\\v"),
        '\u{8}' => f.write_str("\\b"),
        '\u{c}' => f.write_str("\\f"),
        '\u{1b}' => f.write_str("\\e"),
        '\u{7f}' => f.write_str("\\d"),
        '\0'..'\u{20}' | '\u{80}'..'\u{a0}' => write!(f, "\\{:03o}", u32::from(c)),
        c => {
            if c == quote {
                f.write_char('\\')?;
            }
            f.write_char(c)
        }
    }
}
