//! What an atom is in memory, and how a name becomes one.
//!
//! There is no table of atoms: an atom owns, borrows or shares its text, so a peer can exhaust
//! nothing that outlives its messages. Quoting and escaping are the printer's business.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use crate::medium::{MEDIUM, Medium, medium};

/// The most characters (code points, not bytes) an atom may have.
///
/// "External Term Format", ATOM_UTF8_EXT; the same number is `MAX_ATOM_CHARACTERS` in ERTS.
pub const MAX_ATOM_CHARACTERS: usize = 255;

/// A character takes at most four bytes of UTF-8, so no longer text need be counted.
const MAX_ATOM_BYTES: usize = 4 * MAX_ATOM_CHARACTERS;

/// The longest text that is kept inside the 16 bytes of an [`Atom`].
pub(crate) const INLINE: usize = 14;

/// An Erlang atom: a name of at most 255 characters, in 16 bytes.
///
/// Text of up to 14 bytes is kept inline: no allocation, and a comparison of two words. Longer
/// text is either borrowed for the life of the program (the [`atom!`](crate::atom!) macro) or
/// shared and counted. How it is kept never shows: equality, order and hash go by the text alone.
///
/// Atoms are ordered by code points, as Erlang does.
///
/// ```
/// use erland_etf::{Atom, atom};
///
/// let name = Atom::new("gen_server")?;
/// assert_eq!(name, atom!("gen_server"));
/// assert_eq!(name, "gen_server");
/// # Ok::<(), erland_etf::AtomError>(())
/// ```
#[derive(Clone)]
pub struct Atom(Repr);

// Text of INLINE bytes or less is always `Inline`, with zeros behind it, so two inline atoms are
// equal exactly if their words are, and never equal to any other. Whatever is not static is kept as
// its length says.
#[derive(Clone)]
enum Repr {
    Inline { len: u8, text: [u8; INLINE] },
    Static(&'static &'static str),
    // One allocation for the names that are long but not very long; those above go to `Shared`.
    Medium { len: u8, text: Medium },
    Shared(Arc<Box<str>>),
}

/// The text of an [`Atom`].
pub(crate) enum View<'a> {
    /// So many bytes, and zeros behind them.
    Inline(u8, &'a [u8; INLINE]),
    /// So many bytes, and zeros behind them.
    Medium(u8, &'a [u8; MEDIUM]),
    Long(&'a str),
}

impl Atom {
    /// The atom with this text. Allocates if the text is longer than 14 bytes.
    ///
    /// # Errors
    ///
    /// [`AtomError::TooLong`] if the text has more than [`MAX_ATOM_CHARACTERS`] characters.
    pub fn new(text: &str) -> Result<Self, AtomError> {
        if text.len() <= INLINE {
            return Ok(Self(Repr::inline(text)));
        }
        if is_too_long(text) {
            return Err(AtomError::TooLong);
        }
        Ok(Self(Repr::shared(text)))
    }

    /// The atom of bytes that have been checked to be UTF-8 of at most [`MAX_ATOM_CHARACTERS`]
    /// characters; the reader of terms does so. Short ones are copied without another look.
    pub(crate) fn from_checked(bytes: &[u8]) -> Self {
        let mut text = [0; INLINE];
        match text.get_mut(..bytes.len()) {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                let len = bytes.len() as u8;
                Self(Repr::Inline { len, text })
            }
            None => match medium(bytes) {
                Some((len, text)) => Self(Repr::Medium { len, text }),
                // The fallback is never taken; it spares a panic path.
                None => Self(Repr::shared(
                    core::str::from_utf8(bytes).unwrap_or_default(),
                )),
            },
        }
    }

    /// The same of text whose bytes are the lowest of this word, the others being zeros.
    #[inline(always)]
    pub(crate) const fn from_inline(len: u8, word: u128) -> Self {
        let [text @ .., _, _] = word.to_le_bytes();
        Self(Repr::Inline { len, text })
    }

    /// How the text is kept, for code that treats the forms differently.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        match &self.0 {
            Repr::Inline { len, text } => View::Inline(*len, text),
            Repr::Medium { len, text } => View::Medium(*len, text),
            Repr::Static(text) => View::Long(text),
            Repr::Shared(text) => View::Long(text),
        }
    }

    /// Whether there is a reference to be counted.
    #[inline(always)]
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.0, Repr::Medium { .. } | Repr::Shared(_))
    }

    /// How many bytes of UTF-8 the text has.
    #[inline(always)]
    pub(crate) fn byte_len(&self) -> usize {
        match &self.0 {
            // Without looking at what kind it is or behind a pointer.
            Repr::Inline { len, .. } | Repr::Medium { len, .. } => usize::from(*len),
            Repr::Static(text) => text.len(),
            Repr::Shared(text) => text.len(),
        }
    }

    /// An atom of at most 14 bytes, for constants.
    ///
    /// Literals are better served by [`atom!`](crate::atom!), which takes any length.
    ///
    /// # Panics
    ///
    /// If the text is longer than 14 bytes; in a constant that is a compile error.
    #[must_use]
    pub const fn inline(text: &'static str) -> Self {
        assert!(text.len() <= INLINE, "an inline atom has at most 14 bytes");
        Self(Repr::inline(text))
    }

    /// An atom over text that lives as long as the program. Never allocates.
    ///
    /// The reference is double so that an atom stays at 16 bytes; [`atom!`](crate::atom!) writes
    /// it for you.
    ///
    /// # Panics
    ///
    /// If the text has more than [`MAX_ATOM_CHARACTERS`] characters; in a constant that is a
    /// compile error.
    #[must_use]
    pub const fn from_static(text: &'static &'static str) -> Self {
        assert!(
            !is_too_long(text),
            "an atom has at most 255 characters (code points)"
        );
        if text.len() <= INLINE {
            Self(Repr::inline(text))
        } else {
            Self(Repr::Static(text))
        }
    }

    /// The text.
    ///
    /// Text of up to 48 bytes that is no literal is checked for UTF-8 again, a few nanoseconds (this
    /// crate has no unsafe code); [`as_bytes`](Self::as_bytes) is free.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Only whole `str`s are ever copied in, so the fallback is never taken.
            Repr::Inline { .. } | Repr::Medium { .. } => {
                core::str::from_utf8(self.as_bytes()).unwrap_or_default()
            }
            Repr::Static(text) => text,
            Repr::Shared(text) => text,
        }
    }

    /// The text as UTF-8 bytes, at most 1,020.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, text } => text.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Static(text) => text.as_bytes(),
            Repr::Medium { len, text } => text.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Shared(text) => text.as_bytes(),
        }
    }
}

impl Repr {
    /// Of text of at most INLINE bytes.
    const fn inline(text: &str) -> Self {
        let mut inline = [0; INLINE];
        let mut from = text.as_bytes();
        let mut to: &mut [u8] = &mut inline;
        while let ([byte, from_rest @ ..], [slot, to_rest @ ..]) = (from, to) {
            *slot = *byte;
            from = from_rest;
            to = to_rest;
        }
        Self::Inline {
            len: text.len() as u8,
            text: inline,
        }
    }

    /// Of text of more than INLINE bytes.
    fn shared(text: &str) -> Self {
        match medium(text.as_bytes()) {
            Some((len, text)) => Self::Medium { len, text },
            None => Self::Shared(Arc::new(Box::from(text))),
        }
    }
}

const fn is_too_long(text: &str) -> bool {
    if text.len() <= MAX_ATOM_CHARACTERS {
        return false;
    }
    if text.len() > MAX_ATOM_BYTES {
        return true;
    }
    let mut characters = 0;
    let mut bytes = text.as_bytes();
    while let [byte, rest @ ..] = bytes {
        // Every byte but the continuation bytes 10xxxxxx starts a character.
        if *byte & 0b1100_0000 != 0b1000_0000 {
            characters += 1;
        }
        bytes = rest;
    }
    characters > MAX_ATOM_CHARACTERS
}

/// Why text is no atom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AtomError {
    /// It has more than [`MAX_ATOM_CHARACTERS`] characters.
    #[error("an atom has at most 255 characters")]
    TooLong,
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Inline { len, text }, Repr::Inline { len: l, text: t }) => len == l && text == t,
            (Repr::Inline { .. }, _) | (_, Repr::Inline { .. }) => false,
            (Repr::Medium { text: a, .. }, Repr::Medium { text: b, .. }) if Arc::ptr_eq(a, b) => {
                true
            }
            (Repr::Shared(a), Repr::Shared(b)) if Arc::ptr_eq(a, b) => true,
            _ => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for Atom {}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of UTF-8 bytes is the order of code points.
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
        // As for `str`: a byte that UTF-8 never has ends the text.
        state.write_u8(0xff);
    }
}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<Atom> for str {
    fn eq(&self, other: &Atom) -> bool {
        other == self
    }
}

impl PartialEq<Atom> for &str {
    fn eq(&self, other: &Atom) -> bool {
        other == *self
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl TryFrom<&str> for Atom {
    type Error = AtomError;

    fn try_from(text: &str) -> Result<Self, AtomError> {
        Self::new(text)
    }
}

impl From<bool> for Atom {
    /// Erlang's booleans are the atoms `true` and `false`.
    fn from(value: bool) -> Self {
        if value {
            crate::atom!("true")
        } else {
            crate::atom!("false")
        }
    }
}

/// An [`Atom`] from a literal or constant `&'static str`: checked when compiling, no allocation.
///
/// ```
/// use erland_etf::{Atom, atom};
///
/// const REPLY: Atom = atom!("$gen_reply");
/// assert_eq!(REPLY.as_str(), "$gen_reply");
/// assert_eq!(atom!("a name longer than fourteen bytes"), "a name longer than fourteen bytes");
/// ```
///
/// More than 255 characters do not compile:
///
/// ```compile_fail
/// const LONG: &str = match core::str::from_utf8(&[b'a'; 256]) {
///     Ok(text) => text,
///     Err(_) => "",
/// };
/// let atom = erland_etf::atom!(LONG);
/// ```
#[macro_export]
macro_rules! atom {
    ($text:expr) => {
        const { $crate::Atom::from_static(&$text) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::hash_map::DefaultHasher;
    use std::format;
    use std::string::String;

    fn hash(atom: &Atom) -> u64 {
        let mut hasher = DefaultHasher::new();
        atom.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn how_the_text_is_held_never_shows() {
        const FOURTEEN: Atom = crate::atom!("12345678901234");
        const FIFTEEN: Atom = crate::atom!("123456789012345");
        assert!(matches!(FOURTEEN.0, Repr::Inline { .. }));
        assert!(matches!(FIFTEEN.0, Repr::Static(_)));
        for literal in [FOURTEEN, FIFTEEN, crate::atom!("")] {
            let made = Atom::new(literal.as_str()).unwrap();
            assert_eq!(made, literal);
            assert_eq!(made, made.clone());
            assert_eq!(made.cmp(&literal), Ordering::Equal);
            assert_eq!(hash(&made), hash(&literal));
            assert_eq!(made.as_str(), literal.as_str());
        }
        assert_ne!(FOURTEEN, FIFTEEN);
        assert_eq!(Atom::inline("ok"), crate::atom!("ok"));
        assert_ne!(Atom::inline("ok"), crate::atom!("ok\0"));
    }

    #[test]
    fn the_limit_counts_characters() {
        for character in ["a", "é", "ж", "\u{1f600}"] {
            let atom = Atom::new(&character.repeat(255)).unwrap();
            assert_eq!(atom.as_bytes().len(), 255 * character.len());
            let too_long = Atom::new(&character.repeat(256));
            assert_eq!(too_long.unwrap_err(), AtomError::TooLong);
        }
        let mixed = format!("{}{}", "a".repeat(254), "\u{1f600}");
        assert!(Atom::new(&mixed).is_ok());
        assert!(Atom::new(&format!("{mixed}a")).is_err());
    }

    #[test]
    fn order_is_that_of_code_points() {
        let names = [
            "",
            "A",
            "a",
            "a\0",
            "aa",
            "b",
            "é",
            "ж",
            "\u{ffff}",
            "\u{1f600}",
        ];
        for pair in names.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|text| Atom::new(text).unwrap());
            assert!(a < b, "{a} {b}");
        }
    }

    #[test]
    fn compares_with_text() {
        let long = String::from("a name that is not inline");
        assert_eq!(Atom::new(&long).unwrap(), *long);
        assert_eq!("ok", crate::atom!("ok"));
        assert_ne!(crate::atom!("ok"), "okay");
        assert_eq!(Atom::from(true), "true");
        assert_eq!(Atom::from(false), "false");
    }
}
