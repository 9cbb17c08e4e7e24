//! What can be chosen about the bytes of a term.

use alloc::vec::Vec;

use crate::encode;
use crate::error::EncodeError;
use crate::term::Term;

/// How a term is encoded: the options of `term_to_binary/2`.
///
/// Without any, the bytes are those of [`to_vec`](crate::to_vec).
///
/// ```
/// use erland_etf::{EncodeOptions, Term, to_vec};
///
/// let term = Term::list((0..100).map(|_| Term::from(1)));
/// let options = EncodeOptions::new().deterministic();
/// assert_eq!(options.to_vec(&term)?, to_vec(&term)?);
/// # Ok::<(), erland_etf::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    /// 0: not at all.
    #[cfg(feature = "zlib")]
    level: u8,
}

impl EncodeOptions {
    /// No options.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            #[cfg(feature = "zlib")]
            level: 0,
        }
    }

    /// The option `deterministic`: the pairs of a map in the ascending order of their keys, every
    /// integer before every float, so that equal terms give equal bytes. They are the bytes of
    /// `term_to_binary(T, [deterministic, {minor_version, 2}])`, except where maps are keys of a
    /// map: those OTP (seen on 27 and 29) puts in an order that depends on its atom table.
    ///
    /// A [`Map`](crate::Map) is held in that order, so every encoding here is deterministic and
    /// this changes nothing; it says that the caller relies on it. Two terms are equal and have
    /// different bytes all the same: a fun and that of another process, and a reference and one
    /// with zeros behind its words. Each is encoded as it came.
    #[must_use]
    pub const fn deterministic(self) -> Self {
        self
    }

    /// The option `{compressed, Level}`: the compressed form if it is no longer than the plain one,
    /// which is OTP's rule; otherwise the plain one. Level 1 is fastest, 9 takes the most time, 0
    /// does not compress; more than 9 counts as 9. OTP's default is 6.
    ///
    /// The bytes are zlib's format, but not those that OTP's zlib would choose, which differ from
    /// version to version as well. A term of 4 GiB or more has no compressed form.
    #[cfg(feature = "zlib")]
    #[must_use]
    pub const fn compressed(mut self, level: u8) -> Self {
        self.level = if level > 9 { 9 } else { level };
        self
    }

    /// Encodes a term with these options, version byte 131 included.
    ///
    /// # Errors
    ///
    /// As [`to_vec`](crate::to_vec).
    pub fn to_vec(&self, term: &Term) -> Result<Vec<u8>, EncodeError> {
        let plain = encode::to_vec(term)?;
        #[cfg(feature = "zlib")]
        if self.level > 0 {
            return Ok(crate::compress::deflate(plain, self.level));
        }
        Ok(plain)
    }
}
