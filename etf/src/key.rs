//! How the pairs of a map are put into the order of their keys.

use alloc::vec::Vec;
use core::mem;

use crate::atom::{INLINE, View as AtomView};
use crate::binary::View as BinaryView;
use crate::term::Term;
use crate::walk::TermRef;

/// Up to this many pairs, sorting them directly is as fast.
const FEW: usize = 32;

/// Whether each key is larger than the one before.
pub(crate) fn ascending(pairs: &[(Term, Term)]) -> bool {
    pairs.is_sorted_by(|(a, _), (b, _)| a < b)
}

/// Sorts by key and says whether all keys differ. Many pairs are sorted by a prefix of each key
/// first, so that most comparisons are of two numbers and every pair is moved once.
pub(crate) fn sort(pairs: &mut [(Term, Term)]) -> bool {
    if pairs.len() <= FEW || u32::try_from(pairs.len()).is_err() {
        pairs.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        return ascending(pairs);
    }
    let key = |index: u32| pairs.get(index as usize).map(|(key, _)| key);
    let prefix = |(index, (key, _)): (u32, &(Term, Term))| (prefix(key), index);
    let mut order: Vec<(u128, u32)> = (0..).zip(&*pairs).map(prefix).collect();
    order.sort_unstable_by(|(p, a), (q, b)| p.cmp(q).then_with(|| key(*a).cmp(&key(*b))));

    // Of equal keys the prefixes are equal.
    let differ = order.is_sorted_by(|(p, a), (q, b)| p != q || key(*a) != key(*b));

    // `order` says which pair belongs in each place: follow each cycle of places, marking them.
    for start in 0..order.len() {
        let mut place = start;
        while let Some((_, from)) = order.get_mut(place) {
            let from = mem::replace(from, place as u32) as usize;
            if from == start {
                break;
            }
            pairs.swap(place, from);
            place = from;
        }
    }
    differ
}

/// A number that is not larger for a smaller term, by the exact rule; equal numbers decide nothing.
pub(crate) fn prefix(term: &Term) -> u128 {
    match term {
        Term::Tuple(tuple) => {
            let len = u32::try_from(tuple.len()).unwrap_or(u32::MAX);
            let first = tuple.first().map_or(0, |first| leaf_prefix(first.into()));
            kind(TermRef::Tuple(tuple)) | u128::from(len) << 88 | first >> 40
        }
        Term::List(list) => {
            let first = list
                .iter()
                .next()
                .map_or(0, |first| leaf_prefix(first.into()));
            kind(TermRef::List(list)) | first >> 8
        }
        leaf => leaf_prefix(leaf.into()),
    }
}

/// The same, from what is outside of a container only.
fn leaf_prefix(term: TermRef<'_>) -> u128 {
    let rest = match term {
        TermRef::Integer(integer) => {
            // Whatever is beyond an i64 is level with its end.
            let end = if integer.is_negative() {
                i64::MIN
            } else {
                i64::MAX
            };
            u128::from(integer.to_i64().unwrap_or(end).cast_unsigned() ^ 1 << 63) << 48
        }
        TermRef::Float(float) => {
            let bits = float.get().to_bits();
            // As `f64::total_cmp` does it: the bits of a negative float are all turned over.
            let flip = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
            1 << 119 | u128::from(bits ^ flip) << 48
        }
        TermRef::Atom(atom) => match atom.view() {
            AtomView::Inline(_, text) => first_inline(text),
            AtomView::Medium(_, text) => first_bytes(text),
            AtomView::Long(text) => first_bytes(text.as_bytes()),
        },
        TermRef::Binary(binary) => match binary.view() {
            BinaryView::Inline(_, bytes) => first_inline(bytes),
            BinaryView::Medium(_, bytes) => first_bytes(bytes),
            BinaryView::Long(bytes) => first_bytes(bytes),
        },
        TermRef::BitString(bits) => first_bytes(bits.bytes()),
        TermRef::Pid(pid) => u128::from(pid.serial()) << 88 | u128::from(pid.id()) << 56,
        _ => 0,
    };
    kind(term) | rest
}

/// The rank of the term in the first of 16 bytes.
fn kind(term: TermRef<'_>) -> u128 {
    u128::from(term.rank()) << 120
}

/// Up to 15 bytes behind the first of 16.
fn first_bytes(bytes: &[u8]) -> u128 {
    let mut first = [0; 15];
    match bytes.first_chunk() {
        Some(bytes) => first = *bytes,
        None => {
            for (slot, byte) in first.iter_mut().zip(bytes) {
                *slot = *byte;
            }
        }
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = first;
    u128::from_be_bytes([0, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o])
}

/// The same of bytes that have zeros behind them.
fn first_inline(bytes: &[u8; INLINE]) -> u128 {
    let mut first = [0; 15];
    if let Some(slot) = first.first_chunk_mut() {
        *slot = *bytes;
    }
    first_bytes(&first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BitString, Float, NodeId, Pid, atom};
    use std::vec;

    #[test]
    fn a_prefix_is_never_larger_for_a_smaller_term() {
        let float = |value| Term::from(Float::new(value).unwrap());
        let pid = |id, serial| Term::from(Pid::new(NodeId::new(atom!("a@b"), 4), id, serial));
        let bits = |bytes: &[u8], last| Term::from(BitString::new(bytes.into(), last).unwrap());
        let big = |bits: u32| num_bigint::BigInt::from(1) << bits;
        let mut leaves = vec![
            float(0.0),
            float(-0.0),
            float(1.0),
            float(-1.0),
            float(f64::MAX),
            float(f64::MIN),
            float(5e-324),
            Term::from(big(64)),
            Term::from(-big(64)),
            Term::from(big(200)),
            Term::from(-big(200)),
            pid(1, 0),
            pid(0, 1),
            pid(2, 1),
            Term::nil(),
            Term::map([]).unwrap(),
            bits(&[0x80], 1),
            bits(&[0x80, 0], 1),
            Term::binary(""),
            Term::binary([0x80]),
            Term::binary([7; 15]),
            Term::binary([7; 16]),
            Term::from(i64::MAX),
            Term::from(i64::MIN),
            Term::from(0),
            Term::from(-1),
            Term::from(1),
            Term::from(256),
        ];
        for text in [
            "",
            "a",
            "a\0",
            "b",
            "ж",
            "a_text_of_15_by",
            "a_text_of_15_byt",
            "a_text_of_15_byu",
        ] {
            leaves.push(Term::atom(text).unwrap());
        }
        let mut terms = leaves.clone();
        for leaf in &leaves {
            terms.push(Term::tuple([leaf.clone()]));
            terms.push(Term::tuple([leaf.clone(), 1.into()]));
            terms.push(Term::tuple([Term::tuple([leaf.clone()])]));
            terms.push(Term::list([leaf.clone()]));
            terms.push(Term::list([leaf.clone(), 1.into()]));
            terms.push(Term::improper([leaf.clone()], atom!("tail")));
        }
        for a in &terms {
            for b in &terms {
                assert!(a > b || prefix(a) <= prefix(b), "{a} {b}");
            }
        }
    }

    #[test]
    fn sorting_tells_whether_all_keys_differ() {
        for (count, text) in [(10_u32, "key"), (100, "key"), (100, "a text of 15 by")] {
            let key = |index: u32| Term::binary(std::format!("{text}{index}"));
            let mut pairs: Vec<_> = (0..count).map(|i| (key(i * 7 % count), i.into())).collect();
            assert!(sort(&mut pairs) && ascending(&pairs), "{count} {text}");
            pairs.push((key(count / 2), 0.into()));
            assert!(!sort(&mut pairs), "{count} {text}");
        }
    }
}
