//! A place in a text that is being parsed: characters, white space, names.

use crate::text::error::{Fault, ParseErrorKind};
use crate::text::name::{is_lower, is_name_character, is_upper};

/// The rest of the text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// How many bytes are behind.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The text between two offsets.
    pub(super) fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn peek_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Goes on behind this text, if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let next = self.starts_with(text);
        if next {
            self.at += text.len();
        }
        next
    }

    /// Goes on behind the characters of this kind and gives them out.
    pub(super) fn take_while(&mut self, mut accept: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Goes on behind white space and comments.
    pub(super) fn skip_blank(&mut self) -> Result<(), Fault> {
        loop {
            self.take_while(is_white_space);
            if self.peek_byte() != Some(b'%') {
                return Ok(());
            }
            self.take_while(|c| c != '\n' && is_character(c));
            if self.peek().is_some_and(|c| c != '\n') {
                return Err(self.fault(ParseErrorKind::NonCharacter));
            }
        }
    }

    /// The name that starts here, in which the first character may be any; see [`Self::name_kind`].
    pub(super) fn name(&mut self) -> &'a str {
        self.take_while(is_name_character)
    }

    /// Whether a name starts here.
    pub(super) fn name_kind(&self) -> Option<NameKind> {
        self.peek().and_then(|c| match c {
            '_' => Some(NameKind::Variable),
            c if is_upper(c) => Some(NameKind::Variable),
            c if is_lower(c) => Some(NameKind::Atom),
            _ => None,
        })
    }

    pub(super) fn fault(&self, kind: ParseErrorKind) -> Fault {
        Fault { kind, at: self.at }
    }

    /// What comes next cannot be here.
    pub(super) fn unexpected(&self) -> Fault {
        self.fault(match self.peek() {
            Some(c) => ParseErrorKind::Unexpected(c),
            None => ParseErrorKind::End,
        })
    }

    /// Goes on behind white space and this text, which must be there.
    pub(super) fn expect(&mut self, text: &str) -> Result<(), Fault> {
        self.skip_blank()?;
        if self.take(text) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }
}

/// What a name that is not quoted can be.
pub(super) enum NameKind {
    Atom,
    Variable,
}

/// What separates tokens (`erl_scan`: `WHITE_SPACE`).
pub(super) fn is_white_space(c: char) -> bool {
    matches!(c, '\0'..=' ' | '\u{80}'..='\u{a0}')
}

/// What may be in comments and quotes (`erl_scan`: `UNICODE`).
pub(super) fn is_character(c: char) -> bool {
    !matches!(c, '\u{fffe}' | '\u{ffff}')
}
