//! How does a node prove that it may connect? [`Cookie`] is the shared secret, and this file makes
//! and checks the digests that show knowledge of it without sending it.
//!
//! "Distribution Protocol", chapter "Semantics of gen_digest()". The digest is MD5: it keeps nodes
//! of different clusters apart, it does not protect against somebody who can alter the traffic.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// The shared secret of the nodes of a cluster.
///
/// It is never printed and cannot be read back.
///
/// ```
/// use erland_dist::Cookie;
///
/// let cookie = Cookie::new("secret");
/// assert!(cookie.verify(42, &Cookie::new("secret").digest(42)));
/// assert_eq!(format!("{cookie:?}"), "Cookie(..)");
/// ```
#[derive(Clone)]
pub struct Cookie {
    /// The text as OTP feeds it to MD5, see [`Cookie::new`].
    digested: Arc<[u8]>,
}

impl Cookie {
    /// A cookie of this text, taken as it is: no surrounding white space is removed.
    ///
    /// OTP digests the characters of the cookie as Latin-1. Text beyond Latin-1 is no usable cookie
    /// of an OTP node; here its UTF-8 is digested, so two nodes of this crate still agree.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Cookie {
        let text = text.into();
        let latin1: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        Cookie {
            digested: latin1.unwrap_or_else(|_| text.into_bytes()).into(),
        }
    }

    /// The answer to `challenge`: MD5 of the cookie and the challenge in decimal.
    #[must_use]
    pub fn digest(&self, challenge: u32) -> [u8; 16] {
        let mut md5 = Md5::new();
        md5.update(&self.digested);
        md5.update(challenge.to_string());
        md5.finalize().into()
    }

    /// Whether `digest` is the right answer to `challenge`.
    ///
    /// Takes the same time for every digest, so a peer cannot find the right one byte by byte.
    #[must_use]
    pub fn verify(&self, challenge: u32, digest: &[u8; 16]) -> bool {
        self.digest(challenge).ct_eq(digest).into()
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digits: &str) -> [u8; 16] {
        u128::from_str_radix(digits, 16).unwrap().to_be_bytes()
    }

    #[test]
    fn digests_are_those_of_otp() {
        // Recorded from a node of OTP 29.1.1.
        let cookie = Cookie::new("abc");
        assert_eq!(
            cookie.digest(0x1234_5678),
            hex("29fe2a04ce0217556ecd16d1b62b8d7c")
        );
        assert_eq!(cookie.digest(5), hex("08b23036b726919c08cfe8703a339035"));
    }

    #[test]
    fn the_challenge_is_unsigned() {
        // erlang:md5("abc4294967295") on OTP 25.2.3.
        assert_eq!(
            Cookie::new("abc").digest(u32::MAX),
            hex("beec35cc2e8e170d9c45291c5c1eb475")
        );
    }

    #[test]
    fn a_cookie_of_latin1_is_digested_as_latin1() {
        // erlang:md5([atom_to_list(list_to_atom([233]))|"5"]) on OTP 25.2.3.
        assert_eq!(
            Cookie::new("\u{e9}").digest(5),
            hex("09d81be92bd9a8380feef7d5620e8e45")
        );
    }

    #[test]
    fn a_cookie_beyond_latin1_is_digested_as_utf8() {
        let cookie = Cookie::new("\u{3e8}\u{e9}");
        let utf8: [u8; 16] = Md5::digest("\u{3e8}\u{e9}7").into();
        assert_eq!(cookie.digest(7), utf8);
    }

    #[test]
    fn only_the_right_digest_is_verified() {
        let cookie = Cookie::new("abc");
        let right = cookie.digest(7);
        assert!(cookie.verify(7, &right));
        assert!(!cookie.verify(8, &right));
        assert!(!Cookie::new("abd").verify(7, &right));
        assert!(!Cookie::new("").verify(7, &right));
        for byte in 0..right.len() {
            for bit in 0..8 {
                let mut wrong = right;
                wrong[byte] ^= 1 << bit;
                assert!(!cookie.verify(7, &wrong));
            }
        }
    }

    #[test]
    fn a_cookie_is_never_printed() {
        let shown = alloc::format!("{:?} {:#?}", Cookie::new("hush"), Cookie::new("hush"));
        assert!(!shown.contains("hush"));
    }
}
