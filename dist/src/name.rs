//! What is a valid node name? [`NodeName`] is a name of the form `name@host`, checked and taken
//! apart once.
//!
//! The shape is the one the accepting side of OTP's handshake requires of a peer
//! (`dist_util:split_node/1`, OTP 29). The stricter rules for a node's own name, such as letters
//! and digits only or a dot in the host, are OTP's at node start and not checked here.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use erland_etf::Atom;

/// A node name: `name@host`, both parts not empty, in Latin-1, at most 255 characters.
///
/// The order is that of the full names by code point, the order in which two nodes that connect to
/// each other at the same time decide which connection wins.
///
/// ```
/// use erland_dist::NodeName;
///
/// let name = NodeName::parse("rust@127.0.0.1")?;
/// assert_eq!((name.name(), name.host()), ("rust", "127.0.0.1"));
/// # Ok::<(), erland_dist::NodeNameError>(())
/// ```
///
/// A name that came from a peer may hold control characters: [`Debug`](fmt::Debug) escapes them,
/// [`Display`](fmt::Display) does not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    atom: Atom,
}

/// The longest name in characters: an atom holds no more.
const MAX_CHARACTERS: usize = 255;

impl NodeName {
    /// Checks and takes over a name.
    ///
    /// # Errors
    /// The first rule that `text` breaks.
    pub fn parse(text: &str) -> Result<NodeName, NodeNameError> {
        check(text)?;
        let atom = Atom::new(text).map_err(|_| NodeNameError::TooLong)?;
        Ok(NodeName { atom })
    }

    /// The part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().0
    }

    /// The part after the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.parts().1
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.atom.as_str()
    }

    /// The whole name as the atom that stands for the node in Erlang terms.
    #[must_use]
    pub fn atom(&self) -> &Atom {
        &self.atom
    }

    /// The name that these bytes are in Latin-1, as the handshake carries it.
    pub(crate) fn from_latin1(bytes: &[u8]) -> Result<NodeName, NodeNameError> {
        if bytes.len() > MAX_CHARACTERS {
            return Err(NodeNameError::TooLong);
        }
        let text: String = bytes.iter().copied().map(char::from).collect();
        NodeName::parse(&text)
    }

    /// A name for a node on `host` that has none, made of 64 random bits: the name part is a
    /// number from 1 to 2^64 in digits and capital letters, as OTP makes it
    /// (`net_kernel:generate_node_name/2`).
    ///
    /// # Errors
    /// What is wrong with `host`, which must be without an `@`, not empty and not so long that the
    /// name does not fit.
    pub fn dynamic(random: u64, host: &str) -> Result<NodeName, NodeNameError> {
        const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut rest = u128::from(random).saturating_add(1);
        // The lowest digit comes out first.
        let mut reversed = String::new();
        while rest > 0 {
            let digit = usize::try_from(rest % 36).unwrap_or_default();
            reversed.extend(DIGITS.get(digit).copied().map(char::from));
            rest /= 36;
        }
        let mut name: String = reversed.chars().rev().collect();
        name.push('@');
        name.push_str(host);
        NodeName::parse(&name)
    }

    /// `undefined@host`, OTP's name for a node on that host that is yet to get one.
    pub(crate) fn placeholder(host: &[u8]) -> Result<NodeName, NodeNameError> {
        let mut name: Vec<u8> = b"undefined@".into();
        name.extend(host.iter().take(MAX_CHARACTERS));
        NodeName::from_latin1(&name)
    }

    fn parts(&self) -> (&str, &str) {
        // The fallback is never taken: `check` has seen the `@`.
        self.as_str().split_once('@').unwrap_or_default()
    }
}

/// A node name, or its host, in Latin-1, as the handshake carries it.
pub(crate) fn latin1(text: &str) -> impl Iterator<Item = u8> {
    // The fallback is never taken: `check` lets Latin-1 through only.
    text.chars()
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
}

fn check(text: &str) -> Result<(), NodeNameError> {
    let Some((name, host)) = text.split_once('@') else {
        return Err(NodeNameError::NoAt);
    };
    if host.contains('@') {
        return Err(NodeNameError::ManyAts);
    }
    if name.is_empty() {
        return Err(NodeNameError::EmptyName);
    }
    if host.is_empty() {
        return Err(NodeNameError::EmptyHost);
    }
    let mut characters = 0_usize;
    for character in text.chars() {
        if u8::try_from(character).is_err() {
            return Err(NodeNameError::NotLatin1);
        }
        characters = characters.saturating_add(1);
    }
    if characters > MAX_CHARACTERS {
        return Err(NodeNameError::TooLong);
    }
    Ok(())
}

impl TryFrom<Atom> for NodeName {
    type Error = NodeNameError;

    fn try_from(atom: Atom) -> Result<NodeName, NodeNameError> {
        check(atom.as_str())?;
        Ok(NodeName { atom })
    }
}

impl core::str::FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<NodeName, NodeNameError> {
        NodeName::parse(text)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.as_str().escape_debug())
    }
}

/// Why a text is no node name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeNameError {
    /// There is no `@`.
    #[error("find an `@` in the node name")]
    NoAt,
    /// There is more than one `@`.
    #[error("take apart a node name with more than one `@`")]
    ManyAts,
    /// Nothing comes before the `@`.
    #[error("find anything before the `@` of the node name")]
    EmptyName,
    /// Nothing comes after the `@`.
    #[error("find anything after the `@` of the node name")]
    EmptyHost,
    /// A character is beyond Latin-1, which the handshake cannot carry.
    #[error("write the node name in Latin-1")]
    NotLatin1,
    /// There are more than 255 characters.
    #[error("fit the node name into 255 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_name_has_two_parts() {
        let name = NodeName::parse("rust@host.example").unwrap();
        assert_eq!(name.name(), "rust");
        assert_eq!(name.host(), "host.example");
        assert_eq!(name.as_str(), "rust@host.example");
        assert_eq!(name.to_string(), "rust@host.example");
        assert_eq!(name.atom().as_str(), "rust@host.example");
        assert_eq!(NodeName::try_from(name.atom().clone()), Ok(name.clone()));
        assert_eq!("rust@host.example".parse(), Ok(name));
    }

    #[test]
    fn a_bad_shape_is_refused_with_its_reason() {
        let cases = [
            ("", NodeNameError::NoAt),
            ("rust", NodeNameError::NoAt),
            ("a@b@c", NodeNameError::ManyAts),
            ("@", NodeNameError::EmptyName),
            ("@h", NodeNameError::EmptyName),
            ("a@", NodeNameError::EmptyHost),
            ("a@\u{100}", NodeNameError::NotLatin1),
        ];
        for (text, reason) in cases {
            assert_eq!(NodeName::parse(text), Err(reason), "{text}");
            if reason != NodeNameError::NotLatin1 {
                assert_eq!(NodeName::from_latin1(text.as_bytes()), Err(reason));
            }
            let atom = Atom::new(text).unwrap();
            assert_eq!(NodeName::try_from(atom), Err(reason));
        }
    }

    #[test]
    fn the_limit_is_255_characters() {
        for character in ["h", "\u{ff}"] {
            let longest = alloc::format!("a@{}", character.repeat(253));
            let name = NodeName::parse(&longest).unwrap();
            let latin1: Vec<u8> = latin1(name.as_str()).collect();
            assert_eq!(latin1.len(), 255);
            assert_eq!(NodeName::from_latin1(&latin1), Ok(name));
            let longer = longest + character;
            assert_eq!(NodeName::parse(&longer), Err(NodeNameError::TooLong));
        }
        assert_eq!(
            NodeName::from_latin1(&[b'a'; 256]),
            Err(NodeNameError::TooLong)
        );
    }

    #[test]
    fn names_are_ordered_by_code_point() {
        // As `>` orders the atoms on OTP: the `@` counts, the parts do not.
        let sorted = ["A@h", "a-b@h", "a@h", "ab@h", "b@a", "b@b", "\u{e9}@h"];
        for pair in sorted.windows(2) {
            let [smaller, greater] = [pair[0], pair[1]].map(|text| NodeName::parse(text).unwrap());
            assert!(smaller < greater, "{smaller} {greater}");
        }
    }

    #[test]
    fn a_dynamic_name_is_a_number_to_the_base_of_36() {
        // `integer_to_list(N, 36)` on OTP 29.
        let cases = [
            (0, "1"),
            (8, "9"),
            (9, "A"),
            (34, "Z"),
            (35, "10"),
            (u64::MAX - 1, "3W5E11264SGSF"),
            (u64::MAX, "3W5E11264SGSG"),
        ];
        for (random, expected) in cases {
            let name = NodeName::dynamic(random, "127.0.0.1").unwrap();
            assert_eq!((name.name(), name.host()), (expected, "127.0.0.1"));
        }
        assert_eq!(NodeName::dynamic(1, ""), Err(NodeNameError::EmptyHost));
        assert_eq!(NodeName::dynamic(1, "a@b"), Err(NodeNameError::ManyAts));
        let host = "h".repeat(255);
        assert_eq!(NodeName::dynamic(1, &host), Err(NodeNameError::TooLong));
    }

    #[test]
    fn debug_is_safe_to_log() {
        let name = NodeName::parse("a\n'@h").unwrap();
        assert_eq!(alloc::format!("{name:?}"), "'a\\n\\'@h'");
    }
}
