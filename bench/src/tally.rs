//! What is in a term: counts and sums that a peer's result must give for a row, as the BEAM's does.
//!
//! Whoever computes it has looked at every element, so that nothing was left undecoded.
//! `tally/1` of `erl/bench_codec.erl` and `peers/ei.c` compute the same.

use std::fmt;
use std::str::FromStr;

/// How many numbers there are.
const FIELDS: usize = 19;

/// Their names, in order; sums are of 64 bits and wrap.
const NAMES: [&str; FIELDS] = [
    "integers",
    "integer_sum",
    "floats",
    "float_sum",
    "atoms",
    "atom_sum",
    "binaries",
    "binary_sum",
    "pids",
    "pid_sum",
    "references",
    "reference_sum",
    "tuples",
    "tuple_elements",
    "lists",
    "list_elements",
    "nils",
    "maps",
    "map_pairs",
];

/// Counts and sums of a term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; FIELDS]);

impl Tally {
    fn add(&mut self, field: usize, value: u64) {
        self.0[field] = self.0[field].wrapping_add(value);
    }

    /// An integer by its lowest 64 bits, two's complement.
    pub fn integer(&mut self, low: u64) {
        self.add(0, 1);
        self.add(1, low);
    }

    /// An integer by sign and magnitude, least byte first.
    pub fn big(&mut self, negative: bool, magnitude: &[u8]) {
        let mut low = [0; 8];
        for (to, from) in low.iter_mut().zip(magnitude) {
            *to = *from;
        }
        let low = u64::from_le_bytes(low);
        self.integer(if negative { low.wrapping_neg() } else { low });
    }

    pub fn float(&mut self, value: f64) {
        self.add(2, 1);
        self.add(3, value.to_bits());
    }

    pub fn atom(&mut self, text: &str) {
        self.add(4, 1);
        self.add(5, sum(text.as_bytes()));
    }

    pub fn binary(&mut self, bytes: &[u8]) {
        self.add(6, 1);
        self.add(7, sum(bytes));
    }

    pub fn pid(&mut self, id: u32, serial: u32, creation: u32) {
        self.add(8, 1);
        self.add(9, u64::from(id) + u64::from(serial) + u64::from(creation));
    }

    pub fn reference(&mut self, words: &[u32], creation: u32) {
        self.add(10, 1);
        self.add(11, words.iter().copied().map(u64::from).sum());
        self.add(11, u64::from(creation));
    }

    pub fn tuple(&mut self, len: usize) {
        self.add(12, 1);
        self.add(13, len as u64);
    }

    /// The elements of a list that is not empty, without its tail, which counts by itself if it is
    /// not `[]`.
    pub fn list(&mut self, len: usize) {
        if len == 0 {
            return self.nil();
        }
        self.add(14, 1);
        self.add(15, len as u64);
    }

    pub fn nil(&mut self) {
        self.add(16, 1);
    }

    /// A list whose elements are bytes.
    pub fn byte_list(&mut self, bytes: &[u8]) {
        self.list(bytes.len());
        self.add(0, bytes.len() as u64);
        self.add(1, sum(bytes));
    }

    pub fn map(&mut self, len: usize) {
        self.add(17, 1);
        self.add(18, len as u64);
    }

    /// An error that names the first number that differs from the expected one.
    pub fn expect(&self, expected: &Self) -> Result<(), String> {
        let differs = (0..FIELDS).find(|&field| self.0[field] != expected.0[field]);
        differs.map_or(Ok(()), |field| {
            Err(format!(
                "wrong result: {} is {}, not {}",
                NAMES[field], self.0[field], expected.0[field]
            ))
        })
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().copied().map(u64::from).sum()
}

impl FromStr for Tally {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        fields
            .ok()
            .and_then(|fields| fields.try_into().ok())
            .map(Self)
            .ok_or_else(|| format!("not a tally: {text}"))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in NAMES.iter().zip(self.0).filter(|(_, value)| *value != 0) {
            write!(f, "{name} {value} ")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let mut ours = Tally::default();
        ours.byte_list(&[1, 2, 3]);
        let same: Tally = "3 6 0 0 0 0 0 0 0 0 0 0 0 0 1 3 0 0 0".parse().unwrap();
        assert_eq!(ours.expect(&same), Ok(()));
        let other: Tally = "3 7 0 0 0 0 0 0 0 0 0 0 0 0 1 3 0 0 0".parse().unwrap();
        assert_eq!(
            ours.expect(&other),
            Err("wrong result: integer_sum is 6, not 7".to_owned())
        );
        assert!("3 6".parse::<Tally>().is_err());
    }

    #[test]
    fn integers_count_by_their_lowest_64_bits() {
        let (mut small, mut big) = (Tally::default(), Tally::default());
        small.integer(-5_i64 as u64);
        big.big(true, &[5, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(small, big);
    }
}
