//! Why a text is no term, and where.

use core::fmt;

/// Why a text could not be parsed as a term, and where.
///
/// Completes "failed to parse a term: …".
///
/// ```
/// use erland_etf::{ParseErrorKind, Term};
///
/// let error = "{ok,\n [1, Two]}".parse::<Term>().unwrap_err();
/// assert_eq!(error.kind(), ParseErrorKind::Variable);
/// assert_eq!((error.line(), error.column()), (2, 6));
/// assert_eq!(error.to_string(), "a variable at line 2, column 6");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    kind: ParseErrorKind,
    line: usize,
    column: usize,
}

impl ParseError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// The line of what is wrong, the first being 1. Lines end in line feeds.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The column in this line where it starts, in characters (code points), the first being 1.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.column
    }

    /// Whether the text ended too early; with more text behind it could be a term.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(
            self.kind,
            ParseErrorKind::End | ParseErrorKind::Unterminated
        )
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, line, column } = self;
        write!(f, "{kind} at line {line}, column {column}")
    }
}

impl core::error::Error for ParseError {}

/// What is wrong with a text that is no term.
///
/// Except for [`BinaryTooLarge`](Self::BinaryTooLarge) and, before OTP 27,
/// [`IntegerTooLarge`](Self::IntegerTooLarge), Erlang refuses the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The text ends before the term does, or holds none.
    #[error("unexpected end of text")]
    End,
    /// This character cannot be here.
    #[error("unexpected {0:?}")]
    Unexpected(char),
    /// There is more behind the term.
    #[error("text behind the term")]
    Trailing,
    /// An atom that is a word of the language must be quoted: `'end'`.
    #[error("a reserved word, which is no atom without quotes")]
    ReservedWord,
    /// A name that starts like a variable; an atom that does so must be quoted.
    #[error("a variable")]
    Variable,
    /// Pids, ports, references and funs of a module have no syntax.
    #[error("an identifier, for which there is no syntax")]
    Identifier,
    /// A record or native record; its fields are not known here.
    #[error("a record")]
    Record,
    /// A fun other than `fun Module:Function/Arity`.
    #[error("a fun that is not by module, name and arity")]
    Fun,
    /// The arity of a fun is more than 255.
    #[error("an arity of more than 255")]
    Arity,
    /// A sign is before something else than an unsigned number.
    #[error("a sign that is not of a number")]
    Sign,
    /// A number ends in the middle, or goes over into a name.
    #[error("a malformed number")]
    Number,
    /// A base is not from 2 to 36.
    #[error("a base that is not from 2 to 36")]
    Base,
    /// An integer takes more than 524,280 bytes, the most that OTP 27 and later hold.
    #[error("an integer of more than 524280 bytes")]
    IntegerTooLarge,
    /// A float is too large.
    #[error("a float that is too large")]
    FloatTooLarge,
    /// An atom has more than 255 characters.
    #[error("an atom of more than 255 characters")]
    AtomTooLong,
    /// A string, quoted atom or character does not end.
    #[error("a quote that does not end")]
    Unterminated,
    /// An escape sequence is malformed or stands for no character.
    #[error("a malformed escape sequence")]
    Escape,
    /// The characters U+FFFE and U+FFFF may not be written.
    #[error("a character that is none")]
    NonCharacter,
    /// Two strings in a row have no white space between them.
    #[error("a string that directly follows a string")]
    StringConcat,
    /// A sigil is none of `~`, `~b`, `~B`, `~s` and `~S`, has no string, or has a suffix.
    #[error("an unknown sigil")]
    Sigil,
    /// A triple-quoted string has text in its first line, or a line that is indented less than
    /// the last one.
    #[error("a triple-quoted string with text outside of its lines")]
    TripleQuoted,
    /// The value, the size and the type of a part of a binary do not agree.
    #[error("a part of a binary whose value, size or type is wrong")]
    Segment,
    /// The parts of binaries are larger than the text allows.
    #[error("binaries that are too large for their text")]
    BinaryTooLarge,
}

/// A [`ParseError`] whose place is still an offset in bytes.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: ParseErrorKind,
    pub(super) at: usize,
}

impl Fault {
    pub(super) fn locate(&self, text: &str) -> ParseError {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        ParseError {
            kind: self.kind,
            line: 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
            column: 1 + line.chars().count(),
        }
    }
}
