//! Terms as Rust values.
//!
//! Nothing is guessed: a float is no integer of the same value nor the other way about, an atom is
//! no text, and text is a binary only. What is more lenient has a name of its own, such as
//! [`Term::chardata_to_string`].

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use num_bigint::{BigInt, BigUint};

use crate::atom::Atom;
use crate::binary::{Binary, BitString};
use crate::convert::ConvertError;
use crate::error::TermKind;
use crate::float::Float;
use crate::fun::Fun;
use crate::ident::{Pid, Port, Reference};
use crate::integer::Integer;
use crate::list::List;
use crate::map::Map;
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;

fn unexpected(expected: TermKind, found: &Term) -> ConvertError {
    ConvertError::Kind {
        expected,
        found: found.kind(),
    }
}

// ---- what is one variant ----

macro_rules! variants {
    ($unbox:tt $($kind:ident)*) => {$(
        impl TryFrom<Term> for $kind {
            type Error = ConvertError;

            fn try_from(term: Term) -> Result<Self, ConvertError> {
                match term {
                    Term::$kind(value) => Ok($unbox!(value)),
                    other => Err(unexpected(TermKind::$kind, &other)),
                }
            }
        }

        impl TryFrom<&Term> for $kind {
            type Error = ConvertError;

            fn try_from(term: &Term) -> Result<Self, ConvertError> {
                <&Self>::try_from(term).cloned()
            }
        }

        impl<'a> TryFrom<&'a Term> for &'a $kind {
            type Error = ConvertError;

            fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
                match term {
                    Term::$kind(value) => Ok(value),
                    other => Err(unexpected(TermKind::$kind, other)),
                }
            }
        }
    )*};
}

macro_rules! inline {
    ($value:ident) => {
        $value
    };
}

macro_rules! boxed {
    ($value:ident) => {
        *$value
    };
}

variants!(inline Integer Float Atom Binary Pid Port Tuple List Map);
variants!(boxed BitString Reference Fun Record);

// ---- what is made of one variant ----

/// From a reference; what takes the term does nothing else.
macro_rules! by_reference {
    ($($type:ty, $term:ident => $value:expr;)*) => {$(
        impl TryFrom<&Term> for $type {
            type Error = ConvertError;

            fn try_from($term: &Term) -> Result<Self, ConvertError> {
                $value
            }
        }

        impl TryFrom<Term> for $type {
            type Error = ConvertError;

            fn try_from(term: Term) -> Result<Self, ConvertError> {
                Self::try_from(&term)
            }
        }
    )*};
}

macro_rules! integers {
    ($($type:ty)*) => {
        by_reference! {$(
            $type, term => {
                let wide = <&Integer>::try_from(term)?.to_i128();
                wide.and_then(|wide| wide.try_into().ok()).ok_or(ConvertError::IntegerOutOfRange)
            };
        )*}
    };
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 usize);

by_reference! {
    u128, term => <&Integer>::try_from(term)?.to_u128().ok_or(ConvertError::IntegerOutOfRange);
    BigInt, term => Ok(<&Integer>::try_from(term)?.to_bigint());
    f64, term => Ok(<&Float>::try_from(term)?.get());
    bool, term => match <&Atom>::try_from(term)?.as_bytes() {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(ConvertError::Boolean),
    };
    String, term => <&str>::try_from(term).map(String::from);
    Bytes, term => Ok(<&Binary>::try_from(term)?.to_bytes());
}

by_reference! {
    BigUint, term => {
        let integer = <&Integer>::try_from(term)?.to_bigint();
        integer.try_into().map_err(|_| ConvertError::IntegerOutOfRange)
    };
}

impl<'a> TryFrom<&'a Term> for &'a [u8] {
    type Error = ConvertError;

    /// The bytes of a binary.
    fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
        <&Binary>::try_from(term).map(|binary| &**binary)
    }
}

impl<'a> TryFrom<&'a Term> for &'a str {
    type Error = ConvertError;

    /// The text of a binary.
    fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
        core::str::from_utf8(term.try_into()?).map_err(|_| ConvertError::Text)
    }
}

// ---- what has elements ----

fn length(expected: usize, found: usize) -> ConvertError {
    ConvertError::Length { expected, found }
}

impl<T: TryFrom<Term>> TryFrom<Term> for Vec<T>
where
    ConvertError: From<T::Error>,
{
    type Error = ConvertError;

    /// The elements of a proper list.
    fn try_from(term: Term) -> Result<Self, ConvertError> {
        let list = List::try_from(term)?;
        if !list.is_proper() {
            return Err(ConvertError::ImproperList);
        }
        list.into_iter()
            .map(|term| Ok(T::try_from(term)?))
            .collect()
    }
}

impl<'a, T: TryFrom<&'a Term>> TryFrom<&'a Term> for Vec<T>
where
    ConvertError: From<T::Error>,
{
    type Error = ConvertError;

    /// The elements of a proper list.
    fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
        let list = <&List>::try_from(term)?;
        if !list.is_proper() {
            return Err(ConvertError::ImproperList);
        }
        list.iter().map(|term| Ok(T::try_from(term)?)).collect()
    }
}

impl<T: TryFrom<Term>, const N: usize> TryFrom<Term> for [T; N]
where
    ConvertError: From<T::Error>,
{
    type Error = ConvertError;

    /// The elements of a proper list of this length.
    fn try_from(term: Term) -> Result<Self, ConvertError> {
        let elements = Vec::try_from(term)?;
        elements
            .try_into()
            .map_err(|elements: Vec<T>| length(N, elements.len()))
    }
}

impl<'a, T: TryFrom<&'a Term>, const N: usize> TryFrom<&'a Term> for [T; N]
where
    ConvertError: From<T::Error>,
{
    type Error = ConvertError;

    /// The elements of a proper list of this length.
    fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
        let elements = Vec::try_from(term)?;
        elements
            .try_into()
            .map_err(|elements: Vec<T>| length(N, elements.len()))
    }
}

macro_rules! maps {
    ($($(#[$cfg:meta])? [$($generic:tt)*] $type:ty, ($($bound:tt)*);)*) => {$(
        $(#[$cfg])?
        impl<K: TryFrom<Term> + $($bound)*, V: TryFrom<Term>, $($generic)*> TryFrom<Term> for $type
        where
            ConvertError: From<K::Error> + From<V::Error>,
        {
            type Error = ConvertError;

            /// The pairs of a map.
            fn try_from(term: Term) -> Result<Self, ConvertError> {
                let pairs = Map::try_from(term)?.into_iter();
                pairs.map(|(k, v)| Ok((k.try_into()?, v.try_into()?))).collect()
            }
        }

        $(#[$cfg])?
        impl<'a, K: TryFrom<&'a Term> + $($bound)*, V: TryFrom<&'a Term>, $($generic)*>
            TryFrom<&'a Term> for $type
        where
            ConvertError: From<K::Error> + From<V::Error>,
        {
            type Error = ConvertError;

            /// The pairs of a map.
            fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
                let pairs = <&Map>::try_from(term)?.iter();
                pairs.map(|(k, v)| Ok((k.try_into()?, v.try_into()?))).collect()
            }
        }
    )*};
}

maps! {
    [] BTreeMap<K, V>, (Ord);
    #[cfg(feature = "std")]
    [S: Default + core::hash::BuildHasher] std::collections::HashMap<K, V, S>, (Eq + core::hash::Hash);
}

macro_rules! tuples {
    ($($len:literal ($($type:ident $value:ident),+);)*) => {$(
        impl<$($type: TryFrom<Term>),+> TryFrom<Term> for ($($type,)+)
        where
            ConvertError: $(From<$type::Error> +)+,
        {
            type Error = ConvertError;

            /// The elements of a tuple of this size.
            fn try_from(term: Term) -> Result<Self, ConvertError> {
                let elements = Tuple::try_from(term)?.into_vec();
                let [$($value),+] = <[Term; $len]>::try_from(elements)
                    .map_err(|elements| length($len, elements.len()))?;
                Ok(($($value.try_into()?,)+))
            }
        }

        impl<'a, $($type: TryFrom<&'a Term>),+> TryFrom<&'a Term> for ($($type,)+)
        where
            ConvertError: $(From<$type::Error> +)+,
        {
            type Error = ConvertError;

            /// The elements of a tuple of this size.
            fn try_from(term: &'a Term) -> Result<Self, ConvertError> {
                match &**<&Tuple>::try_from(term)? {
                    [$($value),+] => Ok(($($value.try_into()?,)+)),
                    elements => Err(length($len, elements.len())),
                }
            }
        }
    )*};
}

tuples! {
    1 (A a);
    2 (A a, B b);
    3 (A a, B b, C c);
    4 (A a, B b, C c, D d);
    5 (A a, B b, C c, D d, E e);
    6 (A a, B b, C c, D d, E e, F f);
    7 (A a, B b, C c, D d, E e, F f, G g);
    8 (A a, B b, C c, D d, E e, F f, G g, H h);
    9 (A a, B b, C c, D d, E e, F f, G g, H h, I i);
    10 (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j);
    11 (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k);
    12 (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Local, NodeId, atom, term};
    use core::fmt::Debug;
    use std::vec;

    /// By value and by reference.
    fn both<T>(term: Term) -> Result<T, ConvertError>
    where
        T: TryFrom<Term, Error = ConvertError> + Debug + PartialEq,
        T: for<'a> TryFrom<&'a Term, Error = ConvertError>,
    {
        let by_reference = T::try_from(&term);
        assert_eq!(T::try_from(term), by_reference);
        by_reference
    }

    const fn kind(expected: TermKind, found: TermKind) -> ConvertError {
        ConvertError::Kind { expected, found }
    }

    #[test]
    fn integers_within_their_range() {
        macro_rules! check {
            ($($type:ty)*) => {$(
                for value in [<$type>::MIN, <$type>::MAX, 7] {
                    assert_eq!(both::<$type>(value.into()), Ok(value));
                    assert_eq!(both::<BigInt>(value.into()), Ok(value.into()));
                }
                let over: [BigInt; 2] = [BigInt::from(<$type>::MIN) - 1, BigInt::from(<$type>::MAX) + 1];
                for over in over {
                    assert_eq!(both::<$type>(Term::from(over)), Err(ConvertError::IntegerOutOfRange));
                }
            )*};
        }
        check!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
        assert_eq!(both::<BigUint>(term!(7)), Ok(7_u32.into()));
        assert_eq!(
            both::<BigUint>(term!(-7)),
            Err(ConvertError::IntegerOutOfRange)
        );
        let expected = kind(TermKind::Integer, TermKind::Float);
        assert_eq!(both::<u8>(term!(7.0)), Err(expected));
    }

    #[test]
    fn floats_and_booleans() {
        assert_eq!(both::<f64>(term!(-0.5)), Ok(-0.5));
        let expected = kind(TermKind::Float, TermKind::Integer);
        assert_eq!(both::<f64>(term!(1)), Err(expected));
        assert_eq!(both::<bool>(term!(true)), Ok(true));
        assert_eq!(both::<bool>(term!(false)), Ok(false));
        assert_eq!(both::<bool>(term!(undefined)), Err(ConvertError::Boolean));
        let expected = kind(TermKind::Atom, TermKind::Integer);
        assert_eq!(both::<bool>(term!(1)), Err(expected));
    }

    #[test]
    fn text_and_bytes() {
        assert_eq!(both::<String>(term!(<<"né"/utf8>>)).as_deref(), Ok("né"));
        assert_eq!(both::<String>(term!(<<255>>)), Err(ConvertError::Text));
        let expected = kind(TermKind::Binary, TermKind::List);
        assert_eq!(both::<String>(term!("text")), Err(expected));
        assert_eq!(both::<Bytes>(term!(<<255>>)).as_deref(), Ok(&[255][..]));
        assert_eq!(<&str>::try_from(&term!(<<"a">>)), Ok("a"));
        assert_eq!(<&[u8]>::try_from(&term!(<<255>>)), Ok(&[255][..]));
    }

    #[test]
    fn each_variant() {
        let node = NodeId::new(atom!("a@b"), 1);
        let local = Local::new(Bytes::from_static(&[0, 0, 0, 0, 106])).unwrap();
        let record = Record::new(atom!("m"), atom!("r"), true, []).unwrap();
        let terms = [
            term!(1),
            term!(1.0),
            term!(a),
            term!(<<>>),
            BitString::new(Binary::from(&[128][..]), 1).unwrap().into(),
            Pid::new(node.clone(), 1, 2).into(),
            Port::new(node.clone(), 1).into(),
            Reference::new(node, &[1]).unwrap().into(),
            term!({}),
            term!([]),
            term!(#{}),
            term!(fun a:b/1),
            record.into(),
            local.into(),
        ];
        fn check<T>(term: &Term, expected: TermKind)
        where
            T: TryFrom<Term, Error = ConvertError> + Into<Term>,
            T: for<'a> TryFrom<&'a Term, Error = ConvertError>,
            for<'a> &'a T: TryFrom<&'a Term, Error = ConvertError>,
        {
            let found = term.kind();
            let kept = if found == expected {
                Ok(term.clone())
            } else {
                Err(kind(expected, found))
            };
            assert_eq!(T::try_from(term.clone()).map(Into::into), kept);
            assert_eq!(T::try_from(term).map(Into::into), kept);
            assert_eq!(<&T>::try_from(term).err(), kept.err());
        }
        for term in &terms {
            check::<Integer>(term, TermKind::Integer);
            check::<Float>(term, TermKind::Float);
            check::<Atom>(term, TermKind::Atom);
            check::<Binary>(term, TermKind::Binary);
            check::<BitString>(term, TermKind::BitString);
            check::<Pid>(term, TermKind::Pid);
            check::<Port>(term, TermKind::Port);
            check::<Reference>(term, TermKind::Reference);
            check::<Tuple>(term, TermKind::Tuple);
            check::<List>(term, TermKind::List);
            check::<Map>(term, TermKind::Map);
            check::<Fun>(term, TermKind::Fun);
            check::<Record>(term, TermKind::Record);
        }
        let mut kinds: Vec<TermKind> = terms.iter().map(Term::kind).collect();
        kinds.dedup();
        assert_eq!(kinds.len(), terms.len());
    }

    #[test]
    fn lists() {
        assert_eq!(both::<Vec<u8>>(term!([1, 2])), Ok(vec![1, 2]));
        assert_eq!(both::<Vec<u8>>(term!("ab")), Ok(vec![97, 98]));
        assert_eq!(both::<Vec<u8>>(term!([])), Ok(vec![]));
        assert_eq!(
            both::<Vec<u8>>(term!([1 | 2])),
            Err(ConvertError::ImproperList)
        );
        assert_eq!(
            both::<Vec<u8>>(term!([1, 256])),
            Err(ConvertError::IntegerOutOfRange)
        );
        assert_eq!(both::<[i32; 2]>(term!([1, -2])), Ok([1, -2]));
        assert_eq!(both::<[i32; 2]>(term!([1])), Err(length(2, 1)));
        let terms: Vec<Term> = term!([a, 1]).try_into().unwrap();
        assert_eq!(terms, [term!(a), term!(1)]);
    }

    #[test]
    fn maps_of_both_kinds() {
        type Ages = BTreeMap<String, u8>;
        let term = term!(#{<<"joe">> => 7, <<"ann">> => 8});
        let ages = Ages::from([("joe".into(), 7), ("ann".into(), 8)]);
        assert_eq!(both::<Ages>(term.clone()), Ok(ages.clone()));
        assert_eq!(Term::from(ages.clone()), term);
        let expected = kind(TermKind::Binary, TermKind::Atom);
        assert_eq!(both::<Ages>(term!(#{joe => 7})), Err(expected));
        #[cfg(feature = "std")]
        {
            let hashed = both::<std::collections::HashMap<String, u8>>(term).unwrap();
            assert_eq!(hashed.into_iter().collect::<Ages>(), ages);
        }
    }

    #[test]
    fn tuples_of_up_to_twelve() {
        assert_eq!(both::<(u8,)>(term!({ 1 })), Ok((1,)));
        assert_eq!(both::<(u8, bool)>(term!({ 1 })), Err(length(2, 1)));
        let expected = kind(TermKind::Tuple, TermKind::List);
        assert_eq!(both::<(u8,)>(term!([1])), Err(expected));
        let nested = both::<(Vec<(u8, String)>, [f64; 1])>(term!({[{1, <<"a">>}], [2.5]}));
        assert_eq!(nested, Ok((vec![(1, "a".into())], [2.5])));
        type Twelve = (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8);
        let twelve = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        assert_eq!(
            both::<Twelve>(term!({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})),
            Ok(twelve)
        );
        // Parts may stay terms, by value or by reference, and references be taken of all.
        let term = term!({ok, #{}, 7});
        let (ok, map, rest): (&Atom, &Map, &Term) = (&term).try_into().unwrap();
        assert!(*ok == "ok" && map.is_empty() && rest.as_i64() == Some(7));
        let (_, _, rest): (Atom, Map, Term) = term.try_into().unwrap();
        assert_eq!(rest, term!(7));
    }
}
