//! What a float is: an IEEE 754 double that is neither infinite nor NaN.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

/// An Erlang float: always finite, as in Erlang, so equality and order are total.
///
/// `0.0` and `-0.0` are two values here, as for `=:=` since OTP 27. The order is by value, with
/// `-0.0` before `0.0`.
#[derive(Clone, Copy)]
pub struct Float(f64);

impl Float {
    /// The float with this value, or `None` for NaN and the infinities, which Erlang does not have.
    #[must_use]
    pub const fn new(value: f64) -> Option<Self> {
        if value.is_finite() {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl From<Float> for f64 {
    fn from(float: Float) -> Self {
        float.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_values() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Float::new(value), None);
        }
        for value in [0.0, f64::MAX, f64::MIN, 5e-324] {
            assert_eq!(Float::new(value).unwrap().get(), value);
        }
    }

    #[test]
    fn the_two_zeros_differ() {
        let [zero, negative] = [0.0, -0.0].map(|value| Float::new(value).unwrap());
        assert_ne!(zero, negative);
        assert!(negative < zero);
    }
}
