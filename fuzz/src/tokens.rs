//! Where the terms in an encoded term lie.

use std::ops::Range;

use erland_etf::{DecodeError, Reader, Token};

/// How many terms follow a token as its parts.
fn parts(token: &Token<'_>) -> usize {
    match token {
        Token::Tuple(len) => *len as usize,
        // The elements and the tail.
        Token::List(len) => *len as usize + 1,
        Token::Map(len) => *len as usize * 2,
        Token::Fun(fun) => usize::from(fun.free),
        Token::Record(record) => record.len as usize,
        _ => 0,
    }
}

/// All tokens of the term at the front of these bytes, each with its own bytes.
///
/// # Errors
///
/// If there is no term.
pub fn each<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Token<'a>, Range<usize>),
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut owed = 1;
    while owed > 0 {
        let start = reader.position();
        let token = reader.next_token()?;
        owed = owed - 1 + parts(&token);
        visit(token, start..reader.position());
    }
    Ok(())
}

/// Whether a map of several pairs is in a key of a map of several pairs.
///
/// # Errors
///
/// If there is no term.
pub fn has_map_in_key(bytes: &[u8]) -> Result<bool, DecodeError> {
    struct Open {
        waiting: usize,
        /// Of several pairs: then its next part is a key if an even number of them is left.
        is_map: bool,
        in_key: bool,
    }
    let mut open: Vec<Open> = Vec::new();
    let mut found = false;
    each(bytes, |token, _| {
        while open.last().is_some_and(|open| open.waiting == 0) {
            open.pop();
        }
        let mut in_key = false;
        if let Some(around) = open.last_mut() {
            in_key = around.in_key || around.is_map && around.waiting % 2 == 0;
            around.waiting -= 1;
        }
        let is_map = matches!(token, Token::Map(2..));
        found |= is_map && in_key;
        open.push(Open {
            waiting: parts(&token),
            is_map,
            in_key,
        });
    })?;
    Ok(found)
}

/// The bytes of each term in the term at the front of these bytes, in the order of their starts.
/// If the whole is no term, of those in front of the error.
pub fn spans(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    // Terms that are not complete: their place in `spans` and how many parts they wait for.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let all = each(bytes, |token, range| {
        let end = range.end;
        open.push((spans.len(), parts(&token)));
        spans.push(range);
        while let Some((index, 0)) = open.last().copied() {
            spans[index].end = end;
            open.pop();
            if let Some((_, waiting)) = open.last_mut() {
                *waiting -= 1;
            }
        }
    });
    if all.is_err() {
        for (index, _) in open.iter().rev() {
            spans.remove(*index);
        }
    }
    spans
}

/// The same term with some tokens replaced: `None` leaves a token as it is. If it is no term, what
/// is behind the error stays as it is.
pub fn replace(
    bytes: &[u8],
    mut replacement: impl FnMut(&Token<'_>) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut end = 0;
    let all = each(bytes, |token, range| {
        end = range.end;
        match replacement(&token) {
            Some(other) => replaced.extend_from_slice(&other),
            None => replaced.extend_from_slice(&bytes[range]),
        }
    });
    if all.is_err() {
        replaced.extend_from_slice(&bytes[end..]);
    }
    replaced
}
