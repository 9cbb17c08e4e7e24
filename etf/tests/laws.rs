//! The laws of equality, order, hash and clone, over any terms.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod arbitrary;

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use arbitrary::{bytes, config, term};
use erland_etf::{Float, InternalFun, List, Loose, Map, NodeId, Pid, Record, Term, Tuple, atom};
use proptest::prelude::*;

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The same term with every list of bytes held as terms, and every list of terms that are bytes
/// held as bytes.
fn other_form(term: &Term) -> Term {
    match term {
        Term::Tuple(tuple) => Term::tuple(tuple.iter().map(other_form)),
        Term::List(list) => {
            let same: Vec<Term> = list.iter().map(other_form).collect();
            let slice = List::from(same.clone());
            match list.as_bytes() {
                _ if !list.is_proper() => Term::improper(same, other_form(list.tail())),
                Some(bytes) if matches!(bytes, std::borrow::Cow::Owned(_)) => {
                    List::from_bytes(bytes.into_owned()).into()
                }
                _ => slice.into(),
            }
        }
        Term::Map(map) => {
            Term::map(map.iter().map(|(k, v)| (other_form(k), other_form(v)))).unwrap()
        }
        other => other.clone(),
    }
}

/// The same term with other numbers of the same value, except in the keys of maps.
fn other_numbers(term: &Term) -> Term {
    match term {
        Term::Integer(integer) => match integer.to_i64().map(|value| value as f64) {
            Some(float) if Term::from(integer.clone()).loosely_equal(&number(float)) => {
                number(float)
            }
            _ => term.clone(),
        },
        Term::Float(float) if float.get() as i64 as f64 == float.get() => {
            let integer = Term::from(float.get() as i64);
            if integer.loosely_equal(term) {
                integer
            } else {
                term.clone()
            }
        }
        Term::Tuple(tuple) => Term::tuple(tuple.iter().map(other_numbers)),
        Term::List(list) => {
            let elements: Vec<Term> = list.iter().map(other_numbers).collect();
            Term::improper(
                elements,
                if list.is_proper() {
                    Term::nil()
                } else {
                    other_numbers(list.tail())
                },
            )
        }
        Term::Map(map) => {
            Term::map(map.iter().map(|(k, v)| (k.clone(), other_numbers(v)))).unwrap()
        }
        other => other.clone(),
    }
}

fn number(value: f64) -> Term {
    Float::new(value).unwrap().into()
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn loosely_equal_terms_are_one_and_hash_alike(a in term(), b in term()) {
        let other = other_numbers(&a);
        prop_assert!(a.loosely_equal(&other), "{} {}", a, other);
        prop_assert_eq!(Loose(&a), Loose(&other));
        prop_assert_eq!(hash(&Loose(&a)), hash(&Loose(other)));
        prop_assert_eq!(Loose(&a) == Loose(&b), a.loosely_equal(&b));
        prop_assert_eq!(Loose(&a).cmp(&Loose(&b)), a.standard_cmp(&b));
        if a.loosely_equal(&b) {
            prop_assert_eq!(hash(&Loose(&a)), hash(&Loose(&b)));
        }
        prop_assert_eq!(hash(&Loose(&a)), hash(&Loose(other_form(&a))));
        prop_assert_eq!(a.phash2(), other_form(&a).phash2());
    }

    #[test]
    fn funs_of_one_place_are_loosely_one(a in term(), uniq in any::<u8>()) {
        let one = Term::from(fun_around(a.clone()));
        let inside = other_numbers(&a);
        let other = InternalFun { uniq: [uniq; 16], arity: uniq, ..fun_around(inside) };
        let other = Term::from(other);
        prop_assert_eq!(Loose(&one), Loose(&other));
        prop_assert_eq!(hash(&Loose(one)), hash(&Loose(other)));
    }
}

fn fun_around(inside: Term) -> InternalFun {
    InternalFun {
        module: atom!("m"),
        arity: 0,
        uniq: [0; 16],
        index: 1,
        old_index: 1,
        old_uniq: 2,
        pid: Pid::new(NodeId::new(atom!("a@host"), 1), 1, 0),
        free: Tuple::from(vec![inside]),
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn a_clone_is_the_same(a in term()) {
        let b = a.clone();
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(a.cmp(&b), Ordering::Equal);
        prop_assert_eq!(a.standard_cmp(&b), Ordering::Equal);
        prop_assert_eq!(hash(&a), hash(&b));
        prop_assert_eq!(a.to_string(), b.to_string());
        prop_assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }

    #[test]
    fn order_agrees_with_equality_and_is_antisymmetric(a in term(), b in term()) {
        prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.standard_cmp(&b), b.standard_cmp(&a).reverse());
        prop_assert_eq!(a.loosely_equal(&b), b.loosely_equal(&a));
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
            prop_assert!(a.loosely_equal(&b));
        }
    }

    #[test]
    fn order_is_transitive(terms in prop::collection::vec(term(), 3..7)) {
        let mut exact = terms.clone();
        exact.sort();
        let mut standard = terms;
        standard.sort_by(Term::standard_cmp);
        // Sorted by neighbours means sorted throughout only if the order is transitive.
        for i in 0..exact.len() {
            for j in i..exact.len() {
                prop_assert!(exact[i] <= exact[j]);
                prop_assert!(standard[i].standard_cmp(&standard[j]).is_le());
            }
        }
    }

    #[test]
    fn how_a_list_is_held_never_shows(a in term(), b in term()) {
        let other = other_form(&a);
        prop_assert_eq!(&a, &other);
        prop_assert_eq!(hash(&a), hash(&other));
        prop_assert_eq!(format!("{a:?}"), format!("{other:?}"));
        prop_assert_eq!(a.cmp(&b), other.cmp(&b));
        prop_assert_eq!(b.cmp(&a), b.cmp(&other));
        prop_assert_eq!(a.standard_cmp(&b), other.standard_cmp(&b));
        prop_assert_eq!(a == b, other == b);
    }

    #[test]
    fn lists_of_bytes_and_of_terms_are_one_type(bytes in bytes(), other in bytes()) {
        let short = List::from_bytes(bytes.clone());
        let long: List = bytes.iter().map(|byte| Term::from(*byte)).collect();
        prop_assert_eq!(&short, &long);
        prop_assert_eq!(&long, &short);
        prop_assert_eq!(short.len(), long.len());
        prop_assert!(short.iter().eq(long.iter()));
        prop_assert!(short.iter().rev().eq(long.iter().rev()));
        prop_assert_eq!(short.as_bytes(), long.as_bytes());
        for index in 0..=bytes.len() {
            prop_assert_eq!(short.get(index), long.get(index));
        }
        let others = List::from_bytes(other.clone());
        prop_assert_eq!(short.cmp(&others), bytes.cmp(&other));
        prop_assert_eq!(long.cmp(&others), bytes.cmp(&other));
        prop_assert_eq!(others.cmp(&long), other.cmp(&bytes));
        prop_assert_eq!(short.into_vec(), long.into_vec());
    }

    #[test]
    fn where_the_rest_is_the_same_the_one_difference_decides(
        rest in term(),
        a in term(),
        b in term(),
    ) {
        let record = |x: Term| {
            let fields = [(atom!("f"), rest.clone()), (atom!("g"), x)];
            Record::new(atom!("m"), atom!("r"), true, fields).unwrap().into()
        };
        let wrap: [&dyn Fn(Term) -> Term; 6] = [
            &|x| Term::tuple([rest.clone(), x, rest.clone()]),
            &|x| Term::list([rest.clone(), x, rest.clone()]),
            &|x| Term::improper([rest.clone()], Term::tuple([x])),
            &|x| Term::map([(rest.clone(), x)]).unwrap(),
            &|x| Term::map([(x, rest.clone())]).unwrap(),
            &record,
        ];
        for (index, wrap) in wrap.iter().enumerate() {
            let (x, y) = (wrap(a.clone()), wrap(b.clone()));
            prop_assert_eq!(x == y, a == b);
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            // Keys go by the exact rule in either order.
            let standard = if index == 4 { a.cmp(&b) } else { a.standard_cmp(&b) };
            prop_assert_eq!(x.standard_cmp(&y), standard);
        }
    }

    #[test]
    fn containers_compare_as_the_terms_they_are(
        a in prop::collection::vec(term(), 0..4),
        b in prop::collection::vec(term(), 0..4),
    ) {
        let (x, y) = (Tuple::from(a.clone()), Tuple::from(b.clone()));
        prop_assert_eq!(x == y, a == b);
        prop_assert_eq!(x.cmp(&y), Term::from(x.clone()).cmp(&Term::from(y.clone())));
        prop_assert_eq!(hash(&x), hash(&Term::from(x.clone())));
        let (x, y) = (List::from(a.clone()), List::from(b.clone()));
        prop_assert_eq!(x == y, a == b);
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
    }

    #[test]
    fn a_map_finds_its_keys_and_no_others(
        pairs in prop::collection::vec((term(), term()), 0..6),
        other in term(),
    ) {
        let mut keys: Vec<&Term> = pairs.iter().map(|(key, _)| key).collect();
        keys.sort();
        let duplicate = keys.windows(2).any(|pair| pair[0] == pair[1]);
        let map = Map::from_pairs(pairs.clone());
        prop_assert_eq!(map.is_err(), duplicate);
        if let Ok(map) = map {
            prop_assert_eq!(map.len(), pairs.len());
            for (key, value) in &pairs {
                prop_assert_eq!(map.get(key), Some(value));
            }
            prop_assert_eq!(map.get(&other).is_some(), pairs.iter().any(|(key, _)| *key == other));
            prop_assert!(map.iter().is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn many_pairs_are_sorted_like_few(
        pairs in prop::collection::btree_map(term(), any::<u8>(), 33..50),
        seed in any::<u64>(),
    ) {
        let sorted: Vec<(Term, Term)> =
            pairs.into_iter().map(|(key, value)| (key, value.into())).collect();
        let mut shuffled = sorted.clone();
        shuffled.sort_by_cached_key(|(key, _)| hash(&(seed, key)));
        let map = Map::from_pairs(shuffled.clone());
        prop_assert_eq!(map.map(Map::into_vec), Ok(sorted));
        let again = shuffled[0].clone();
        shuffled.push(again);
        prop_assert!(Map::from_pairs(shuffled).is_err());
    }
}
