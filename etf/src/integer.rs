//! What an integer is: any whole number, in a form that allocates only past 128 bits.

use alloc::boxed::Box;
use core::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

/// An Erlang integer of any size.
///
/// Values of an `i64` and magnitudes of up to 128 bits are kept inline, larger ones in a boxed
/// [`BigInt`]. Every value has exactly one form, whatever it was made from, so equality and hash
/// go by value. All operations take linear time, except that the decimal text takes the square of
/// the length: half a second for half a megabyte, the most that OTP 27 and later make.
///
/// ```
/// use erland_etf::Integer;
///
/// let id = Integer::from(u64::MAX);
/// assert_eq!(id.to_u64(), Some(u64::MAX));
/// assert_eq!(id.to_i64(), None);
/// assert_eq!(Integer::from(7_u128), Integer::from(7_i8));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

// Canonical: `Small` for all of i64, then a 128-bit magnitude as (low, high) words, then `Big`.
// The magnitudes are words, not a u128, because its alignment would make a term 32 bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    Positive([u64; 2]),
    Negative([u64; 2]),
    Big(Box<BigInt>),
}

/// The value of an [`Integer`], for code that treats the sizes differently.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// Any i64.
    Small(i64),
    /// Beyond i64.
    Magnitude {
        /// Whether the value is below zero.
        negative: bool,
        /// Its distance from zero.
        magnitude: u128,
    },
    /// A magnitude of more than 128 bits.
    Big(&'a BigInt),
}

impl Integer {
    pub(crate) const fn small(value: i64) -> Self {
        Self(Repr::Small(value))
    }

    pub(crate) const fn from_sign_magnitude(negative: bool, magnitude: u128) -> Self {
        if negative {
            if magnitude <= i64::MIN.unsigned_abs() as u128 {
                // Wraps to i64::MIN for 2^63, as it should.
                return Self(Repr::Small((magnitude as u64).wrapping_neg() as i64));
            }
            Self(Repr::Negative(split(magnitude)))
        } else {
            if magnitude <= i64::MAX as u128 {
                return Self(Repr::Small(magnitude as i64));
            }
            Self(Repr::Positive(split(magnitude)))
        }
    }

    /// An integer from the little-endian bytes of its magnitude, in any length, as SMALL_BIG_EXT
    /// and LARGE_BIG_EXT carry it. Zero bytes at the end and a negative zero are harmless.
    ///
    /// Allocates if more than 16 bytes are significant; the cost is linear.
    #[must_use]
    pub fn from_le_magnitude(negative: bool, bytes: &[u8]) -> Self {
        let significant = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        let bytes = bytes.get(..significant).unwrap_or_default();
        let mut low = [0; 16];
        match low.get_mut(..bytes.len()) {
            Some(slot) => {
                slot.copy_from_slice(bytes);
                Self::from_sign_magnitude(negative, u128::from_le_bytes(low))
            }
            None => {
                let sign = if negative { Sign::Minus } else { Sign::Plus };
                Self(Repr::Big(Box::new(BigInt::from_bytes_le(sign, bytes))))
            }
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        match &self.0 {
            Repr::Small(value) => View::Small(*value),
            Repr::Positive(words) => View::Magnitude {
                negative: false,
                magnitude: join(*words),
            },
            Repr::Negative(words) => View::Magnitude {
                negative: true,
                magnitude: join(*words),
            },
            Repr::Big(big) => View::Big(big),
        }
    }

    /// Whether there is memory to be freed.
    #[inline(always)]
    pub(crate) const fn is_boxed(&self) -> bool {
        matches!(self.0, Repr::Big(_))
    }

    /// Whether the value is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(value) => *value < 0,
            Repr::Positive(_) => false,
            Repr::Negative(_) => true,
            Repr::Big(big) => big.sign() == Sign::Minus,
        }
    }

    /// The value, if it fits.
    #[must_use]
    #[inline]
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(value) => Some(*value),
            _ => None,
        }
    }

    /// The value, if it fits.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        match &self.0 {
            Repr::Small(value) => u64::try_from(*value).ok(),
            Repr::Positive([low, 0]) => Some(*low),
            _ => None,
        }
    }

    /// The value, if it fits.
    #[must_use]
    pub fn to_i128(&self) -> Option<i128> {
        match &self.0 {
            Repr::Small(value) => Some(i128::from(*value)),
            Repr::Positive(words) => i128::try_from(join(*words)).ok(),
            Repr::Negative(words) => {
                let magnitude = join(*words);
                (magnitude <= i128::MIN.unsigned_abs()).then_some(magnitude.wrapping_neg() as i128)
            }
            Repr::Big(_) => None,
        }
    }

    /// The value, if it fits.
    #[must_use]
    pub fn to_u128(&self) -> Option<u128> {
        match &self.0 {
            Repr::Small(value) => u128::try_from(*value).ok(),
            Repr::Positive(words) => Some(join(*words)),
            _ => None,
        }
    }

    /// The value. Always allocates, except for zero.
    #[must_use]
    pub fn to_bigint(&self) -> BigInt {
        match &self.0 {
            Repr::Small(value) => BigInt::from(*value),
            Repr::Positive(words) => BigInt::from(join(*words)),
            Repr::Negative(words) => -BigInt::from(join(*words)),
            Repr::Big(big) => BigInt::clone(big),
        }
    }
}

const fn split(magnitude: u128) -> [u64; 2] {
    [magnitude as u64, (magnitude >> 64) as u64]
}

const fn join([low, high]: [u64; 2]) -> u128 {
    (high as u128) << 64 | low as u128
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a), Repr::Small(b)) => a.cmp(b),
            (Repr::Positive(a), Repr::Positive(b)) => join(*a).cmp(&join(*b)),
            (Repr::Negative(a), Repr::Negative(b)) => join(*b).cmp(&join(*a)),
            (Repr::Big(a), Repr::Big(b)) => a.cmp(b),
            // Of two sizes, the larger one is farther from zero on its side.
            _ => self.zone().cmp(&other.zone()),
        }
    }
}

impl Integer {
    fn zone(&self) -> i8 {
        match &self.0 {
            Repr::Small(_) => 0,
            Repr::Positive(_) => 1,
            Repr::Negative(_) => -1,
            Repr::Big(big) if big.sign() == Sign::Minus => -2,
            Repr::Big(_) => 2,
        }
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

macro_rules! from_small {
    ($($int:ty)*) => {$(
        impl From<$int> for Integer {
            fn from(value: $int) -> Self {
                Self::small(i64::from(value))
            }
        }
    )*};
}

from_small!(i8 i16 i32 i64 u8 u16 u32);

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        Self::from_sign_magnitude(false, u128::from(value))
    }
}

impl From<isize> for Integer {
    fn from(value: isize) -> Self {
        // At most 64 bits on every target that Rust has.
        Self::small(value as i64)
    }
}

impl From<usize> for Integer {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<i128> for Integer {
    fn from(value: i128) -> Self {
        Self::from_sign_magnitude(value < 0, value.unsigned_abs())
    }
}

impl From<u128> for Integer {
    fn from(value: u128) -> Self {
        Self::from_sign_magnitude(false, value)
    }
}

impl From<BigInt> for Integer {
    fn from(value: BigInt) -> Self {
        if value.bits() > 128 {
            return Self(Repr::Big(Box::new(value)));
        }
        let mut words = value.iter_u64_digits();
        let magnitude = join([words.next().unwrap_or(0), words.next().unwrap_or(0)]);
        Self::from_sign_magnitude(value.sign() == Sign::Minus, magnitude)
    }
}

impl From<BigUint> for Integer {
    fn from(value: BigUint) -> Self {
        BigInt::from(value).into()
    }
}

impl From<Integer> for BigInt {
    fn from(integer: Integer) -> Self {
        match integer.0 {
            Repr::Big(big) => *big,
            _ => integer.to_bigint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Values around every border of the representations, ascending.
    fn borders() -> Vec<BigInt> {
        let mut values = Vec::new();
        for bits in [0, 7, 8, 31, 32, 63, 64, 127, 128, 129, 4000] {
            for offset in -1..=1 {
                let value = (BigInt::from(1) << bits) + offset;
                values.push(-&value);
                values.push(value);
            }
        }
        values.sort();
        values.dedup();
        values
    }

    #[test]
    fn every_value_has_one_form() {
        for value in borders() {
            let integer = Integer::from(value.clone());
            let fits = [
                (
                    i64::try_from(&value).is_ok(),
                    matches!(integer.0, Repr::Small(_)),
                ),
                (value.bits() > 128, matches!(integer.0, Repr::Big(_))),
            ];
            assert!(fits.iter().all(|(expected, is)| expected == is), "{value}");

            assert_eq!(integer.to_bigint(), value);
            assert_eq!(BigInt::from(integer.clone()), value);
            assert_eq!(integer.is_negative(), value < BigInt::from(0));
            assert_eq!(integer.to_i64(), i64::try_from(&value).ok());
            assert_eq!(integer.to_u64(), u64::try_from(&value).ok());
            assert_eq!(integer.to_i128(), i128::try_from(&value).ok());
            assert_eq!(integer.to_u128(), u128::try_from(&value).ok());

            assert!(
                integer
                    .to_i64()
                    .is_none_or(|value| Integer::from(value) == integer)
            );
            assert!(
                integer
                    .to_u64()
                    .is_none_or(|value| Integer::from(value) == integer)
            );
            assert!(
                integer
                    .to_i128()
                    .is_none_or(|value| Integer::from(value) == integer)
            );
            assert!(
                integer
                    .to_u128()
                    .is_none_or(|value| Integer::from(value) == integer)
            );
            let (_, mut bytes) = value.to_bytes_le();
            for _ in 0..20 {
                assert_eq!(
                    Integer::from_le_magnitude(integer.is_negative(), &bytes),
                    integer
                );
                bytes.push(0);
            }
        }
    }

    #[test]
    fn zero_has_no_sign() {
        for bytes in [&[][..], &[0], &[0; 300]] {
            assert_eq!(Integer::from_le_magnitude(true, bytes), Integer::from(0));
        }
    }

    #[test]
    fn order_is_by_value() {
        let values = borders();
        let integers: Vec<Integer> = values.iter().cloned().map(Integer::from).collect();
        for (i, a) in integers.iter().enumerate() {
            for (j, b) in integers.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a} {b}");
                assert_eq!(a == b, i == j);
            }
        }
    }
}
