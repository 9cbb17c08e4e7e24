//! Which of two terms is smaller: Erlang's standard order, and the order of map keys. And the traits
//! that come of it.
//!
//! Both follow `erts_cmp_compound` (ERTS, `utils.c`, OTP 29), of which the second is its "exact"
//! form: every integer before every float, and so a total order that agrees with `=:=`.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use core::{iter, mem};

use num_bigint::{BigInt, Sign};

use crate::binary::compare_bits;
use crate::equal::{common_equal, equal};
use crate::float::Float;
use crate::fun::{Fun, InternalFun};
use crate::integer::{self, Integer};
use crate::list::{self, List};
use crate::map::Map;
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;
use crate::walk::{self, Pairwise, Stack, TermRef};

/// Which of the two orders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Numbers by value: `1 == 1.0`.
    Standard,
    /// Every integer before every float: `1` and `1.0` differ.
    Exact,
}

impl TermRef<'_> {
    /// The place of the type among all types: number < atom < reference < fun < port < pid < tuple
    /// < native record < map < nil < list < bit string. What only another runtime can read comes
    /// last.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Integer(_) | Self::Float(_) => 0,
            Self::Atom(_) => 1,
            Self::Reference(_) => 2,
            Self::InternalFun(_) | Self::ExportFun(_) => 3,
            Self::Port(_) => 4,
            Self::Pid(_) => 5,
            Self::Tuple(_) => 6,
            Self::Record(_) => 7,
            Self::Map(_) => 8,
            Self::List(list) if list.is_empty() => 9,
            Self::List(_) => 10,
            Self::Binary(_) | Self::BitString(_) => 11,
            Self::Local(_) => 12,
        }
    }
}

/// Two containers being compared, by which rule, and what it is if they do not differ.
struct Frame<'a> {
    inside: Pairwise<'a>,
    rule: Rule,
    otherwise: Ordering,
}

/// What is known of two terms before looking inside.
enum Step<'a> {
    Known(Ordering),
    /// It is that of these, and then these.
    Inside(Frame<'a>, Option<Frame<'a>>),
}

impl<'a> Frame<'a> {
    fn new(inside: Pairwise<'a>, rule: Rule) -> Self {
        Self {
            inside,
            rule,
            otherwise: Ordering::Equal,
        }
    }

    fn is_spent(&self) -> bool {
        self.inside.is_empty() && self.otherwise.is_eq()
    }
}

impl<'a> From<Frame<'a>> for Step<'a> {
    fn from(frame: Frame<'a>) -> Self {
        Self::Inside(frame, None)
    }
}

/// Compares by a rule.
pub(crate) fn compare(a: TermRef<'_>, b: TermRef<'_>, rule: Rule) -> Ordering {
    let (mut current, mut stack) = match outside(a, b, rule) {
        Step::Known(ordering) => return ordering,
        Step::Inside(first, second) => (first, Stack::from_iter(second)),
    };
    loop {
        let Some((a, b)) = current.inside.next() else {
            if current.otherwise.is_ne() {
                return current.otherwise;
            }
            match stack.pop() {
                Some(outer) => current = outer,
                None => return Ordering::Equal,
            }
            continue;
        };
        match common_compare(a, b) {
            Some(Ordering::Equal) => continue,
            Some(unequal) => return unequal,
            None => {}
        }
        match outside(a.into(), b.into(), current.rule) {
            Step::Known(Ordering::Equal) => {}
            Step::Known(unequal) => return unequal,
            Step::Inside(first, second) => {
                let outer = mem::replace(&mut current, first);
                if !outer.is_spent() {
                    stack.push(outer);
                }
                stack.extend(second);
            }
        }
    }
}

/// By either rule, for what is compared most often: without the preparations that a container
/// needs, which makes it twice as fast.
#[inline]
fn common_compare(a: &Term, b: &Term) -> Option<Ordering> {
    match (a, b) {
        (Term::Atom(a), Term::Atom(b)) => Some(a.cmp(b)),
        (Term::Integer(a), Term::Integer(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn outside<'a>(a: TermRef<'a>, b: TermRef<'a>, rule: Rule) -> Step<'a> {
    use TermRef as T;
    Step::Known(match (a, b) {
        (T::Integer(a), T::Integer(b)) => a.cmp(b),
        (T::Atom(a), T::Atom(b)) => a.cmp(b),
        (T::Float(a), T::Float(b)) => floats(a, b, rule),
        (T::Integer(a), T::Float(b)) => mixed(a, b, rule),
        (T::Float(a), T::Integer(b)) => mixed(b, a, rule).reverse(),
        (T::Binary(a), T::Binary(b)) => a.cmp(b),
        (T::BitString(a), T::BitString(b)) => a.cmp(b),
        (T::Binary(a), T::BitString(b)) => compare_bits((a, 8), (b.bytes(), b.last_bits())),
        (T::BitString(a), T::Binary(b)) => compare_bits((a.bytes(), a.last_bits()), (b, 8)),
        (T::Pid(a), T::Pid(b)) => a.cmp(b),
        (T::Port(a), T::Port(b)) => a.cmp(b),
        (T::Reference(a), T::Reference(b)) => a.cmp(b),
        (T::ExportFun(a), T::ExportFun(b)) => a.cmp(b),
        (T::InternalFun(_), T::ExportFun(_)) => Ordering::Less,
        (T::ExportFun(_), T::InternalFun(_)) => Ordering::Greater,
        (T::Local(a), T::Local(b)) => a.cmp(b),
        (T::Tuple(a), T::Tuple(b)) => match a.len().cmp(&b.len()) {
            Ordering::Equal => return Frame::new(Pairwise::terms(a, b), rule).into(),
            unequal => unequal,
        },
        (T::Map(a), T::Map(b)) => match a.len().cmp(&b.len()) {
            Ordering::Equal => {
                let keys = Pairwise::Keys(a.0.iter(), b.0.iter());
                let values = Pairwise::Values(a.0.iter(), b.0.iter());
                let values = Frame::new(values, rule);
                return Step::Inside(Frame::new(keys, Rule::Exact), Some(values));
            }
            unequal => unequal,
        },
        (T::InternalFun(a), T::InternalFun(b)) => return funs(a, b, rule),
        (T::Record(a), T::Record(b)) => match definition(a).cmp(&definition(b)) {
            Ordering::Equal => {
                return Frame::new(Pairwise::terms(a.values(), b.values()), rule).into();
            }
            unequal => unequal,
        },
        (T::List(a), T::List(b)) => return lists(a, b, rule),
        _ => a.rank().cmp(&b.rank()),
    })
}

fn funs<'a>(a: &'a InternalFun, b: &'a InternalFun, rule: Rule) -> Step<'a> {
    let erlang = |fun: &'a InternalFun| (&fun.module, fun.index, fun.old_uniq, fun.free.len());
    // Erlang leaves these out, so that funs may be level which are not equal (seen on 27 and 29).
    // The order of keys may not: it has to find each of them.
    let rest = |fun: &InternalFun| (fun.uniq, fun.arity);
    match erlang(a).cmp(&erlang(b)) {
        Ordering::Equal => Frame {
            inside: Pairwise::terms(&a.free, &b.free),
            rule,
            otherwise: match rule {
                Rule::Standard => Ordering::Equal,
                Rule::Exact => rest(a).cmp(&rest(b)),
            },
        }
        .into(),
        unequal => Step::Known(unequal),
    }
}

fn definition(record: &Record) -> impl Ord + '_ {
    let names = record.names();
    let kind = (record.module(), record.name(), record.is_exported());
    (kind, names.len(), names)
}

fn lists<'a>(a: &'a List, b: &'a List, rule: Rule) -> Step<'a> {
    use list::View as V;
    let (inside, otherwise) = match (a.view(), b.view()) {
        (V::Bytes(a), V::Bytes(b)) => return Step::Known(a.cmp(b)),
        // With the tails, which are the last of the terms.
        (V::Improper(x), V::Improper(y)) if x.len() == y.len() => {
            (Pairwise::terms(x, y), Ordering::Equal)
        }
        (V::Slice(x) | V::Improper([x @ .., _]), V::Slice(y) | V::Improper([y @ .., _])) => {
            (Pairwise::terms(x, y), ends(a, b))
        }
        _ => return Step::Known(lists_of_bytes(a, b, rule)),
    };
    Step::Inside(
        Frame {
            inside,
            rule,
            otherwise,
        },
        None,
    )
}

/// Two lists at least one of which is held as bytes or empty.
fn lists_of_bytes(a: &List, b: &List, rule: Rule) -> Ordering {
    for (x, y) in iter::zip(a, b) {
        // One of the two is an integer, which is compared with anything without looking inside.
        if let Step::Known(unequal @ (Ordering::Less | Ordering::Greater)) =
            outside(x.into(), y.into(), rule)
        {
            return unequal;
        }
    }
    ends(a, b)
}

/// The order of what follows the last common element of two lists, unless it is two tails that are
/// not `[]`.
fn ends(a: &List, b: &List) -> Ordering {
    // A tail is no list, so that the other list, or its tail `[]`, is of another rank.
    let rest = |list: &List, other: &List| {
        if list.len() > other.len() {
            TermRef::List(list).rank()
        } else {
            TermRef::from(list.tail()).rank()
        }
    };
    rest(a, b).cmp(&rest(b, a))
}

fn floats(a: Float, b: Float, rule: Rule) -> Ordering {
    if rule == Rule::Standard && a.get() == b.get() {
        return Ordering::Equal;
    }
    a.cmp(&b)
}

fn mixed(integer: &Integer, float: Float, rule: Rule) -> Ordering {
    match rule {
        Rule::Exact => Ordering::Less,
        Rule::Standard => by_value(integer, float.get()),
    }
}

/// An integer against a float as numbers, without rounding either.
fn by_value(integer: &Integer, float: f64) -> Ordering {
    match integer.view() {
        integer::View::Small(small) => {
            // From 2^63 on a float is beyond any i64, and has no digits after the point anyway.
            if float >= TWO_TO_63 {
                return Ordering::Less;
            }
            if float < -TWO_TO_63 {
                return Ordering::Greater;
            }
            let whole = float as i64;
            // Exact: a float with digits after the point is far below 2^53.
            let rest = float - whole as f64;
            small
                .cmp(&whole)
                .then_with(|| 0.0_f64.total_cmp(&(rest + 0.0)))
        }
        integer::View::Magnitude {
            negative,
            magnitude,
        } => {
            let float = if negative { -float } else { float };
            let ordering = if float >= TWO_TO_128 {
                Ordering::Less
            } else {
                // Beyond 2^63, so cutting digits after the point off does not matter. A float of
                // the other sign becomes 0.
                magnitude.cmp(&(float as u128))
            };
            if negative {
                ordering.reverse()
            } else {
                ordering
            }
        }
        integer::View::Big(big) => {
            let negative = big.sign() == Sign::Minus;
            let float = if negative { -float } else { float };
            let ordering = if float < TWO_TO_128 {
                Ordering::Greater
            } else {
                big.magnitude().cmp(whole(float).magnitude())
            };
            if negative {
                ordering.reverse()
            } else {
                ordering
            }
        }
    }
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_128: f64 = 340_282_366_920_938_463_463_374_607_431_768_211_456.0;

/// The value of a float that is at least 2^128 and so has no digits after the point.
fn whole(float: f64) -> BigInt {
    const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = float.to_bits();
    let fraction = bits & ((1 << FRACTION) - 1) | 1 << FRACTION;
    let exponent = (bits >> FRACTION & 0x7ff).saturating_sub(1023 + u64::from(FRACTION));
    BigInt::from(fraction) << exponent
}

// ---- the traits ----

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        common_equal(self, other).unwrap_or_else(|| equal(self.into(), other.into()))
    }
}

impl Eq for Term {}

impl Ord for Term {
    fn cmp(&self, other: &Self) -> Ordering {
        common_compare(self, other)
            .unwrap_or_else(|| compare(self.into(), other.into(), Rule::Exact))
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        walk::hash(self.into(), state);
    }
}

macro_rules! compared_as_terms {
    ($($type:ty: $reference:path,)*) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                equal($reference(self), $reference(other))
            }
        }

        impl Eq for $type {}

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> Ordering {
                compare($reference(self), $reference(other), Rule::Exact)
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Hash for $type {
            fn hash<H: Hasher>(&self, state: &mut H) {
                walk::hash($reference(self), state);
            }
        }
    )*};
}

compared_as_terms! {
    Tuple: TermRef::Tuple,
    List: TermRef::List,
    Map: TermRef::Map,
    Record: TermRef::Record,
    Fun: TermRef::from,
    InternalFun: TermRef::InternalFun,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Atom, Binary, BitString, ExportFun, Local, NodeId, Pid, Port, Reference, atom};
    use bytes::Bytes;
    use std::vec;
    use std::vec::Vec;

    fn float(value: f64) -> Term {
        Float::new(value).unwrap().into()
    }

    fn power(bits: u32, offset: i8) -> Term {
        ((BigInt::from(1) << bits) + offset).into()
    }

    fn node() -> NodeId {
        NodeId::new(atom!("a@host"), 4)
    }

    fn internal(index: u32, old_uniq: i64, free: Vec<Term>) -> InternalFun {
        InternalFun {
            module: atom!("m"),
            arity: 0,
            uniq: [0; 16],
            index,
            old_index: 0,
            old_uniq,
            pid: Pid::new(node(), 1, 0),
            free: free.into(),
        }
    }

    fn record(name: Atom, exported: bool, fields: &[(Atom, i32)]) -> Term {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), Term::from(*value)));
        Record::new(atom!("m"), name, exported, fields)
            .unwrap()
            .into()
    }

    #[test]
    fn ascending_by_either_rule() {
        let export = |function| {
            Term::from(ExportFun {
                module: atom!("a"),
                function,
                arity: 0,
            })
        };
        let bits = BitString::new(Binary::from(&[0x20][..]), 3).unwrap();
        let ascending: Vec<Term> = vec![
            (-1).into(),
            float(0.5),
            atom!("a").into(),
            atom!("aa").into(),
            Reference::new(node(), &[1, 2, 3]).unwrap().into(),
            internal(0, 9, vec![]).into(),
            internal(1, 5, vec![]).into(),
            internal(1, 5, vec![2.into()]).into(),
            internal(1, 5, vec![3.into()]).into(),
            internal(1, 6, vec![]).into(),
            export(atom!("f")),
            export(atom!("g")),
            Port::new(node(), 1).into(),
            Pid::new(node(), 1, 0).into(),
            Term::tuple([]),
            Term::tuple([2.into()]),
            Term::tuple([1.into(), 1.into()]),
            record(atom!("r"), false, &[(atom!("z"), 1), (atom!("y"), 1)]),
            record(atom!("r"), true, &[]),
            record(atom!("r"), true, &[(atom!("a"), 1)]),
            record(atom!("r"), true, &[(atom!("a"), 2)]),
            record(atom!("r"), true, &[(atom!("b"), 0)]),
            record(atom!("s"), false, &[]),
            Term::map([]).unwrap(),
            Term::map([(2.into(), 1.into())]).unwrap(),
            Term::map([(2.into(), 2.into())]).unwrap(),
            Term::map([(3.into(), 0.into())]).unwrap(),
            Term::map([(1.into(), 9.into()), (2.into(), 9.into())]).unwrap(),
            Term::nil(),
            Term::improper([1.into()], atom!("t")),
            Term::list([1.into()]),
            Term::improper([1.into(), 2.into()], atom!("t")),
            Term::list([1.into(), 2.into()]),
            Term::list([1.into(), 2.into(), atom!("a").into()]),
            Term::improper([1.into()], Term::binary("")),
            Term::list([2.into()]),
            Term::list([atom!("a").into()]),
            Term::binary(""),
            Term::from(bits),
            Term::binary([0x20]),
            Term::binary([0x20, 0]),
            Local::trusted(Bytes::new()).into(),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.standard_cmp(b), i.cmp(&j), "{a} {b}");
                assert_eq!(a.cmp(b), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn numbers_compare_by_exact_value() {
        let ascending = [
            vec![negate(power(1024, 0))],
            vec![float(f64::MIN)],
            vec![negate(power(200, 0)), float(-(2_f64.powi(200)))],
            vec![negate(power(200, -1))],
            vec![negate(power(63, 1))],
            vec![negate(power(63, 0)), float(-(2_f64.powi(63)))],
            vec![(-1).into(), float(-1.0)],
            vec![float(-0.5)],
            vec![0.into(), float(0.0), float(-0.0)],
            vec![float(5e-324)],
            vec![float(0.5)],
            vec![1.into(), float(1.0)],
            vec![power(53, 0), float(2_f64.powi(53))],
            vec![power(53, 1)],
            vec![power(63, -1)],
            vec![power(63, 0), float(2_f64.powi(63))],
            vec![power(63, 1)],
            vec![power(64, 0), float(2_f64.powi(64))],
            vec![power(128, -1)],
            vec![power(128, 0), float(2_f64.powi(128))],
            vec![power(128, 1)],
            vec![power(1023, 0), float(2_f64.powi(1023))],
            vec![power(1023, 1)],
            vec![float(f64::MAX)],
            vec![power(1024, 0)],
        ];
        for (i, level) in ascending.iter().enumerate() {
            for (j, other) in ascending.iter().enumerate() {
                for (a, b) in level.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    assert_eq!(a.standard_cmp(b), i.cmp(&j), "{a} {b}");
                    assert_eq!(a.loosely_equal(b), i == j, "{a} {b}");
                }
            }
        }
    }

    fn negate(term: Term) -> Term {
        (-term.as_integer().unwrap().to_bigint()).into()
    }

    #[test]
    fn as_a_key_every_integer_is_before_every_float() {
        assert!(power(2000, 0) < float(-1.0));
        assert!(float(-0.0) < float(0.0));
        assert!(Term::tuple([2.into()]) < Term::tuple([float(1.0)]));
        // In the standard order keys are compared so, and values are not.
        let map = |key: Term, value: Term| Term::map([(key, value)]).unwrap();
        let standard = |a: &Term, b: &Term| a.standard_cmp(b);
        assert_eq!(
            standard(&map(2.into(), 0.into()), &map(float(1.0), 0.into())),
            Ordering::Less
        );
        assert!(!map(1.into(), 0.into()).loosely_equal(&map(float(1.0), 0.into())));
        assert!(map(0.into(), 1.into()).loosely_equal(&map(0.into(), float(1.0))));
        assert_ne!(map(0.into(), 1.into()), map(0.into(), float(1.0)));
    }

    #[test]
    fn who_made_a_fun_does_not_matter_but_its_code_does() {
        let fun = internal(1, 5, vec![]);
        let elsewhere = InternalFun {
            pid: Pid::new(node(), 2, 0),
            old_index: fun.old_index + 1,
            ..fun.clone()
        };
        assert_eq!(fun, elsewhere);
        assert_eq!(fun.cmp(&elsewhere), Ordering::Equal);
        // Nor does the old index, which is the index in all that was ever compiled.
        let moved = InternalFun {
            old_index: 9,
            ..fun.clone()
        };
        assert_eq!(fun, moved);
        assert_eq!(fun.cmp(&moved), Ordering::Equal);
        let reloaded = InternalFun {
            uniq: [1; 16],
            ..fun.clone()
        };
        assert_ne!(fun, reloaded);
        assert!(fun < reloaded);
        assert!(Term::from(fun).loosely_equal(&reloaded.into()));
    }
}
