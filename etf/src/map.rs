//! What a map is in memory: pairs in key order, found by binary search.

use alloc::boxed::Box;
use alloc::vec::{self, Vec};
use core::cmp::Ordering;
use core::{mem, slice};

use crate::binary::compare_bits;
use crate::key;
use crate::term::Term;
use crate::{drop, walk};

/// An Erlang map, in a handle of 16 bytes.
///
/// The pairs are kept in the order of their keys ([`Term`]'s `Ord`: every integer before every
/// float). Keys match with `=:=`: `1` and `1.0` are two keys, and so are `0.0` and `-0.0` (as from
/// OTP 27). Lookup is a binary search.
///
/// Clone, drop, comparison and hash take any depth of nesting without recursion.
///
/// ```
/// use erland_etf::{Map, Term, atom};
///
/// let map = Map::from_pairs(vec![
///     (Term::from(atom!("b")), Term::from(2)),
///     (Term::from(atom!("a")), Term::from(1)),
/// ])?;
/// assert_eq!(map.get(&atom!("a").into()), Some(&Term::from(1)));
/// assert_eq!(map.to_string(), "#{a => 1,b => 2}");
/// # Ok::<(), erland_etf::DuplicateKey>(())
/// ```
#[derive(Default)]
pub struct Map(pub(crate) Box<[(Term, Term)]>);

/// Two pairs given for one [`Map`] have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a map has each key once")]
pub struct DuplicateKey;

impl Map {
    /// The map of these (key, value) pairs, in any order.
    ///
    /// Sorts them, except if they are sorted already.
    ///
    /// # Errors
    ///
    /// [`DuplicateKey`] if two keys are equal.
    pub fn from_pairs(mut pairs: Vec<(Term, Term)>) -> Result<Self, DuplicateKey> {
        if !key::ascending(&pairs) && !key::sort(&mut pairs) {
            return Err(DuplicateKey);
        }
        Ok(Self(pairs.into_boxed_slice()))
    }

    /// The value of this key.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<&Term> {
        self.find(|candidate| candidate.cmp(key))
    }

    /// The value of the key that is the atom with this text.
    #[must_use]
    pub fn get_atom(&self, text: &str) -> Option<&Term> {
        self.find(|candidate| match candidate {
            Term::Integer(_) | Term::Float(_) => Ordering::Less,
            Term::Atom(atom) => atom.as_bytes().cmp(text.as_bytes()),
            _ => Ordering::Greater,
        })
    }

    /// The value of the key that is the binary of these bytes, such as text.
    #[must_use]
    pub fn get_binary(&self, bytes: impl AsRef<[u8]>) -> Option<&Term> {
        let bytes = bytes.as_ref();
        self.find(|candidate| match candidate {
            Term::Binary(binary) => (**binary).cmp(bytes),
            Term::BitString(bits) => {
                compare_bits((bits.bytes(), bits.last_bits()), (bytes, u8::BITS as u8))
            }
            Term::Local(_) => Ordering::Greater,
            _ => Ordering::Less,
        })
    }

    fn find(&self, mut compare: impl FnMut(&Term) -> Ordering) -> Option<&Term> {
        let index = self.0.binary_search_by(|(key, _)| compare(key)).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is `#{}`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in key order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The pairs in key order.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<(Term, Term)> {
        mem::take(&mut self.0).into_vec()
    }
}

impl FromIterator<(Term, Term)> for Map {
    /// Of pairs with equal keys, the last one counts, as for `maps:from_list/1`;
    /// [`from_pairs`](Self::from_pairs) refuses them.
    fn from_iter<I: IntoIterator<Item = (Term, Term)>>(pairs: I) -> Self {
        let mut pairs: Vec<(Term, Term)> = pairs.into_iter().collect();
        if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
            // Stable, so that of equal keys the last one given is the last one.
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.dedup_by(|later, earlier| {
                let equal = later.0 == earlier.0;
                if equal {
                    mem::swap(later, earlier);
                }
                equal
            });
        }
        Self(pairs.into_boxed_slice())
    }
}

impl IntoIterator for Map {
    type Item = (Term, Term);
    type IntoIter = vec::IntoIter<(Term, Term)>;

    /// The pairs in key order.
    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Term, &'a Term);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl Clone for Map {
    fn clone(&self) -> Self {
        Self(walk::clone_pairs(&self.0))
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        drop::drop_pairs(mem::take(&mut self.0));
    }
}

/// The (key, value) pairs of a [`Map`] in key order; see [`Map::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(slice::Iter<'a, (Term, Term)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Term, &'a Term);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl core::iter::FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::binary::BitString;
    use crate::float::Float;
    use crate::local::Local;
    use bytes::Bytes;
    use std::vec;

    fn float(value: f64) -> Term {
        Float::new(value).unwrap().into()
    }

    #[test]
    fn keys_match_exactly() {
        let map = Map::from_pairs(vec![
            (float(1.0), 2.into()),
            (float(0.0), 3.into()),
            (1.into(), 1.into()),
            (float(-0.0), 4.into()),
        ])
        .unwrap();
        assert_eq!(map.get(&1.into()), Some(&1.into()));
        assert_eq!(map.get(&float(1.0)), Some(&2.into()));
        assert_eq!(map.get(&float(0.0)), Some(&3.into()));
        assert_eq!(map.get(&float(-0.0)), Some(&4.into()));
        assert_eq!(map.get(&0.into()), None);
        let keys: Vec<&Term> = map.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [&1.into(), &float(-0.0), &float(0.0), &float(1.0)]);
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        let pair = |key: i32| (Term::from(key), Term::nil());
        for keys in [vec![1, 1], vec![2, 1, 2], (0..100).chain([50]).collect()] {
            let pairs = keys.into_iter().map(pair).collect();
            assert_eq!(Map::from_pairs(pairs), Err(DuplicateKey));
        }
    }

    #[test]
    fn finds_atoms_by_text_among_keys_of_all_types() {
        let map = Map::from_pairs(vec![
            (7.into(), 0.into()),
            (Term::string("b"), 0.into()),
            (atom!("b").into(), 1.into()),
            (atom!("a name that is not inline").into(), 2.into()),
            (Term::binary("b"), 0.into()),
            (float(7.0), 0.into()),
        ])
        .unwrap();
        assert_eq!(map.get_atom("b"), Some(&1.into()));
        assert_eq!(map.get_atom("a name that is not inline"), Some(&2.into()));
        assert_eq!(map.get_atom("c"), None);
        assert_eq!(map.get_atom(""), None);
    }

    #[test]
    fn finds_binaries_by_bytes_among_keys_of_all_types() {
        let bits = |bytes: &[u8], last| BitString::new(bytes.into(), last).unwrap();
        let local = Local::new(Bytes::from_static(&[0, 0, 0, 0, 106]));
        let map = Map::from_pairs(vec![
            (7.into(), 0.into()),
            (atom!("b").into(), 0.into()),
            (Term::string("b"), 0.into()),
            (Term::binary("b"), 1.into()),
            (bits(b"b", 7).into(), 0.into()),
            (bits(b"b\0", 7).into(), 0.into()),
            (Term::binary("a key that is not inline"), 2.into()),
            (Term::binary(""), 3.into()),
            (local.unwrap().into(), 0.into()),
        ])
        .unwrap();
        assert_eq!(map.get_binary("b"), Some(&1.into()));
        assert_eq!(map.get_binary(b"a key that is not inline"), Some(&2.into()));
        assert_eq!(map.get_binary([]), Some(&3.into()));
        assert_eq!(map.get_binary("b\0"), None);
        assert_eq!(map.get_binary("c"), None);
    }
}
