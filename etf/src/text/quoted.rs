//! How text in quotes is read: strings, atoms, characters, sigils, triple-quoted strings
//! (`erl_scan`).

use alloc::string::String;
use alloc::vec;
use core::iter;

use crate::text::cursor::{Cursor, is_character, is_white_space};
use crate::text::error::{Fault, ParseErrorKind as Kind};

/// What a sigil makes of its text.
pub(super) enum Sigil {
    String,
    Binary,
}

/// Reads `'text'` behind its first quote.
pub(super) fn atom(cursor: &mut Cursor<'_>, start: usize) -> Result<String, Fault> {
    let mut text = String::new();
    until(cursor, '\'', true, start, &mut text)?;
    Ok(text)
}

/// Reads `$c` behind its dollar.
pub(super) fn character(cursor: &mut Cursor<'_>) -> Result<char, Fault> {
    if cursor.peek_byte() == Some(b'\\') {
        return escape(cursor);
    }
    let at = cursor.at();
    match cursor.next() {
        Some(c) if is_character(c) => Ok(c),
        Some(_) => Err(Fault {
            kind: Kind::NonCharacter,
            at,
        }),
        None => Err(cursor.fault(Kind::End)),
    }
}

/// Reads `"text"`, or a triple-quoted string, and the strings that follow it.
pub(super) fn strings(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    let mut text = String::new();
    while cursor.peek_byte() == Some(b'"') {
        let start = cursor.at();
        if cursor.starts_with(TRIPLE) {
            triple(cursor, false, &mut text)?;
        } else {
            cursor.next();
            until(cursor, '"', true, start, &mut text)?;
        }
        if cursor.peek_byte() == Some(b'"') {
            return Err(cursor.fault(Kind::StringConcat));
        }
        cursor.skip_blank()?;
    }
    Ok(text)
}

/// Reads a sigil: `~b"text"` and the like.
pub(super) fn sigil(cursor: &mut Cursor<'_>) -> Result<(Sigil, String), Fault> {
    let start = cursor.at();
    let unknown = || Fault {
        kind: Kind::Sigil,
        at: start,
    };
    cursor.next();
    let (sigil, escapes, triple_escapes) = match cursor.name() {
        "" => (Sigil::Binary, true, false),
        "b" => (Sigil::Binary, true, true),
        "B" => (Sigil::Binary, false, false),
        "s" => (Sigil::String, true, true),
        "S" => (Sigil::String, false, false),
        _ => return Err(unknown()),
    };
    let mut text = String::new();
    if cursor.starts_with(TRIPLE) {
        triple(cursor, triple_escapes, &mut text)?;
    } else {
        let close = match cursor.peek() {
            Some('(') => ')',
            Some('[') => ']',
            Some('{') => '}',
            Some('<') => '>',
            Some(c @ ('/' | '|' | '#' | '`' | '\'' | '"')) => c,
            Some(_) => return Err(unknown()),
            None => return Err(cursor.fault(Kind::End)),
        };
        let start = cursor.at();
        cursor.next();
        until(cursor, close, escapes, start, &mut text)?;
    }
    let suffix = cursor.at();
    if !cursor.name().is_empty() {
        return Err(Fault {
            kind: Kind::Sigil,
            at: suffix,
        });
    }
    if cursor.peek_byte() == Some(b'"') {
        return Err(cursor.fault(Kind::StringConcat));
    }
    Ok((sigil, text))
}

/// Reads up to and with this quote; the text started at `start`.
fn until(
    cursor: &mut Cursor<'_>,
    quote: char,
    escapes: bool,
    start: usize,
    text: &mut String,
) -> Result<(), Fault> {
    let plain = |c| c != quote && is_character(c) && !(escapes && c == '\\');
    loop {
        text.push_str(cursor.take_while(plain));
        match cursor.peek() {
            Some('\\') if escapes => text.push(escape(cursor)?),
            Some(c) if c == quote => {
                cursor.next();
                return Ok(());
            }
            Some(_) => return Err(cursor.fault(Kind::NonCharacter)),
            None => {
                return Err(Fault {
                    kind: Kind::Unterminated,
                    at: start,
                });
            }
        }
    }
}

/// Reads an escape sequence, which starts with a backslash (`erl_scan:scan_escape`).
fn escape(cursor: &mut Cursor<'_>) -> Result<char, Fault> {
    let start = cursor.at();
    let malformed = || Fault {
        kind: Kind::Escape,
        at: start,
    };
    cursor.next();
    let Some(c) = cursor.next() else {
        return Err(cursor.fault(Kind::End));
    };
    Ok(match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'e' => '\u{1b}',
        's' => ' ',
        'd' => '\u{7f}',
        '0'..='7' => {
            let mut value = c.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                let Some(digit) = cursor.peek().and_then(|c| c.to_digit(8)) else {
                    break;
                };
                value = 8 * value + digit;
                cursor.next();
            }
            return char::from_u32(value).ok_or_else(malformed);
        }
        '^' => match cursor.next() {
            Some('?') => '\u{7f}',
            Some(c @ ('@'..='_' | 'a'..='z')) => {
                return char::from_u32(u32::from(c) & 31).ok_or_else(malformed);
            }
            Some(_) => return Err(malformed()),
            None => return Err(cursor.fault(Kind::End)),
        },
        'x' if cursor.take("{") => {
            let digits = cursor.take_while(|c| c.is_ascii_hexdigit());
            if cursor.peek().is_none() {
                return Err(cursor.fault(Kind::End));
            }
            let significant = match digits.trim_start_matches('0') {
                "" if !digits.is_empty() => "0",
                significant => significant,
            };
            let value = u32::from_str_radix(significant, 16).ok();
            return value
                .and_then(char::from_u32)
                .filter(|c| is_character(*c) && cursor.take("}"))
                .ok_or_else(malformed);
        }
        'x' => {
            let mut value = 0;
            for _ in 0..2 {
                let Some(c) = cursor.next() else {
                    return Err(cursor.fault(Kind::End));
                };
                value = 16 * value + c.to_digit(16).ok_or_else(malformed)?;
            }
            return char::from_u32(value).ok_or_else(malformed);
        }
        c if is_character(c) => c,
        _ => return Err(malformed()),
    })
}

const TRIPLE: &str = "\"\"\"";

/// Reads a string between three or more quotes. Its lines are those between the first line and
/// the last, without the white space that the last has before its quotes.
fn triple(cursor: &mut Cursor<'_>, escapes: bool, text: &mut String) -> Result<(), Fault> {
    let start = cursor.at();
    let quotes = cursor.take_while(|c| c == '"').len();
    // All lines, and where each starts in `raw` and in the source.
    let mut raw = String::new();
    let mut lines = vec![(0, cursor.at())];
    // How many quotes are still to come; only at the start of a line can the last ones be.
    let mut missing = None;
    while missing != Some(0) {
        let new_line;
        let c = match cursor.peek() {
            Some('\\') if escapes => {
                new_line = cursor.starts_with("\\\n");
                missing = None;
                escape(cursor)?
            }
            Some(c) if is_character(c) => {
                cursor.next();
                missing = match missing {
                    Some(left) if c == '"' => Some(left - 1),
                    Some(left) if left == quotes && is_white_space(c) => missing,
                    _ => None,
                };
                new_line = c == '\n';
                c
            }
            Some(_) => return Err(cursor.fault(Kind::NonCharacter)),
            None => {
                let kind = Kind::Unterminated;
                return Err(Fault { kind, at: start });
            }
        };
        raw.push(c);
        if new_line {
            missing = Some(quotes);
            lines.push((raw.len(), cursor.at()));
        }
    }
    let (last, _) = lines.pop().unwrap_or_default();
    let indent = raw.get(last..raw.len() - quotes).unwrap_or_default();
    let body = raw.get(..last).unwrap_or_default();
    let body = body.strip_suffix('\n').unwrap_or(body);
    let body = body.strip_suffix('\r').unwrap_or(body);
    let mut ends = lines.iter().skip(1).map(|(end, _)| *end);
    for (index, (from, source)) in lines.iter().enumerate() {
        let end = ends.next().unwrap_or(body.len());
        let line = body.get(*from..end).unwrap_or_default();
        let wrong = if index == 0 {
            line.find(|c| !is_white_space(c))
        } else if let Some(line) = line.strip_prefix(indent) {
            text.push_str(line);
            None
        } else if matches!(line, "" | "\n" | "\r\n") {
            text.push_str(line);
            None
        } else {
            let source = cursor.between(*source, cursor.at());
            let same = iter::zip(source.chars(), indent.chars()).take_while(|(a, b)| a == b);
            Some(same.map(|(c, _)| c.len_utf8()).sum())
        };
        if let Some(wrong) = wrong {
            let (kind, at) = (Kind::TripleQuoted, source + wrong);
            return Err(Fault { kind, at });
        }
    }
    Ok(())
}
