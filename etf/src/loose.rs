//! Terms that are one where Erlang's `==` says so: keys for a hash map or a sorted map by it.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::convert::Infallible;
use core::hash::{Hash, Hasher};
use core::slice;

use num_bigint::BigInt;

use crate::float::Float;
use crate::fun::InternalFun;
use crate::integer::Integer;
use crate::list::{List, View};
use crate::term::Term;
use crate::walk::{self, TermRef};

/// A term, or a reference to one, with `Eq`, `Ord` and `Hash` by Erlang's `==` and standard order
/// instead of `=:=` and the order of keys.
///
/// So `1` and `1.0` are one key of a `HashMap<Loose<Term>, _>`, as they are one for
/// `lists:keyfind/3`, `ets` tables of type `ordered_set` and `gb_trees`. As in Erlang the keys of
/// maps inside of a term are still compared by `=:=`.
///
/// ```
/// use std::collections::HashMap;
///
/// use erland_etf::{Float, Loose, Term};
///
/// let float = Term::from(Float::new(1.0).ok_or("not finite")?);
/// let table = HashMap::from([(Loose(Term::from(1)), "one")]);
/// assert_eq!(table.get(&Loose(float)), Some(&"one"));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Loose<T>(
    /// The term.
    pub T,
);

impl<T: Borrow<Term>> Loose<T> {
    fn term(&self) -> &Term {
        self.0.borrow()
    }
}

impl<T: Borrow<Term>, U: Borrow<Term>> PartialEq<Loose<U>> for Loose<T> {
    fn eq(&self, other: &Loose<U>) -> bool {
        self.term().loosely_equal(other.term())
    }
}

impl<T: Borrow<Term>> Eq for Loose<T> {}

impl<T: Borrow<Term>, U: Borrow<Term>> PartialOrd<Loose<U>> for Loose<T> {
    fn partial_cmp(&self, other: &Loose<U>) -> Option<Ordering> {
        Some(self.term().standard_cmp(other.term()))
    }
}

impl<T: Borrow<Term>> Ord for Loose<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.term().standard_cmp(other.term())
    }
}

impl<T: Borrow<Term>> Hash for Loose<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.term(), state);
    }
}

/// The terms inside of one container that count loosely.
enum Inside<'a> {
    Terms(slice::Iter<'a, Term>),
    Values(slice::Iter<'a, (Term, Term)>),
}

impl<'a> Iterator for Inside<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        match self {
            Self::Terms(terms) => terms.next(),
            Self::Values(pairs) => pairs.next().map(|(_, value)| value),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Terms(terms) => terms.size_hint(),
            Self::Values(pairs) => pairs.size_hint(),
        }
    }
}

impl ExactSizeIterator for Inside<'_> {}

fn hash<H: Hasher>(term: &Term, state: &mut H) {
    let inside = outside(term, state);
    let Ok(()) = walk::visit(inside, |term| Ok::<_, Infallible>(outside(term, state)));
}

/// Hashes what is no term in a term, and the keys of a map; returns the terms that are left.
fn outside<'a, H: Hasher>(term: &'a Term, state: &mut H) -> Inside<'a> {
    let term = TermRef::from(term);
    match term {
        TermRef::Float(float) => {
            state.write_u8(term.rank());
            match whole(float) {
                Some(integer) => integer.hash(state),
                None => float.hash(state),
            }
        }
        TermRef::List(list) => return outside_list(list, state),
        TermRef::Map(map) => {
            state.write_u8(term.rank());
            state.write_usize(map.len());
            for (key, _) in map {
                walk::hash(key.into(), state);
            }
            return Inside::Values(map.0.iter());
        }
        TermRef::InternalFun(fun) => return outside_fun(fun, state),
        TermRef::Tuple(tuple) => {
            state.write_u8(term.rank());
            state.write_usize(tuple.len());
            return Inside::Terms(tuple.iter());
        }
        TermRef::Record(record) => {
            state.write_u8(term.rank());
            walk::definition(record).hash(state);
            return Inside::Terms(record.values().iter());
        }
        TermRef::Integer(_)
        | TermRef::Atom(_)
        | TermRef::Reference(_)
        | TermRef::ExportFun(_)
        | TermRef::Port(_)
        | TermRef::Pid(_)
        | TermRef::Binary(_)
        | TermRef::BitString(_)
        | TermRef::Local(_) => walk::hash(term, state),
    }
    Inside::Terms([].iter())
}

fn outside_list<'a, H: Hasher>(list: &'a List, state: &mut H) -> Inside<'a> {
    match list.view() {
        // Nothing in these that counts otherwise.
        View::Nil | View::Bytes(_) => walk::hash(TermRef::List(list), state),
        View::Slice(terms) | View::Improper(terms) => {
            state.write_u8(TermRef::List(list).rank());
            state.write_usize(list.len());
            state.write_u8(u8::from(list.is_proper()));
            return Inside::Terms(terms.iter());
        }
    }
    Inside::Terms([].iter())
}

/// By what the standard order looks at, which is less than what makes funs the same.
fn outside_fun<'a, H: Hasher>(fun: &'a InternalFun, state: &mut H) -> Inside<'a> {
    state.write_u8(TermRef::InternalFun(fun).rank());
    (&fun.module, fun.index, fun.old_uniq, fun.free.len()).hash(state);
    Inside::Terms(fun.free.iter())
}

/// The integer of the same value, if there is one.
fn whole(float: Float) -> Option<Integer> {
    let bits = float.get().to_bits();
    let fraction_bits = f64::MANTISSA_DIGITS - 1;
    let fraction = bits & ((1 << fraction_bits) - 1);
    let exponent = bits >> fraction_bits & 0x7ff;
    if exponent == 0 {
        // The two zeros, and what is far below 1.
        return (fraction == 0).then(|| Integer::from(0_i64));
    }
    let mantissa = fraction | 1 << fraction_bits;
    // The value is mantissa * 2^(exponent - bias).
    let bias = 1023 + u64::from(fraction_bits);
    let magnitude = match exponent.checked_sub(bias) {
        Some(shift) if shift <= 64 => u128::from(mantissa) << shift,
        Some(shift) => {
            let magnitude = BigInt::from(mantissa) << shift;
            let negative = float.get() < 0.0;
            return Some(Integer::from(if negative { -magnitude } else { magnitude }));
        }
        None => {
            let shift = u32::try_from(bias.saturating_sub(exponent)).ok()?;
            if mantissa.trailing_zeros() < shift {
                return None;
            }
            u128::from(mantissa >> shift)
        }
    };
    Some(Integer::from_sign_magnitude(float.get() < 0.0, magnitude))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_floats_are_integers() {
        let whole = |value: f64| whole(Float::new(value).unwrap());
        for value in [0_i64, 1, -1, 2, 3, 255, 1 << 52, (1 << 53) - 1, -(1 << 62)] {
            assert_eq!(whole(value as f64), Some(value.into()));
        }
        assert_eq!(whole(-0.0), Some(0_i64.into()));
        for value in [0.5, -0.5, 1.5, 5e-324, 1e-300, 4_503_599_627_370_495.5] {
            assert_eq!(whole(value), None, "{value}");
        }
        for power in [53, 63, 64, 116, 117, 127, 128, 200, 1023] {
            let big = BigInt::from(1) << power;
            assert_eq!(whole(2_f64.powi(power)), Some(big.clone().into()));
            assert_eq!(whole(-(2_f64.powi(power))), Some((-big).into()));
        }
    }
}
