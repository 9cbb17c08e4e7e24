//! Rust values as terms. What is one variant of [`Term`] has its `From` beside that type.
//!
//! There is none for `f64`, which may be infinite ([`Float`] has `TryFrom`); for `char`, which is
//! an integer in Erlang and text in Rust; for `()`, which is `{}` to some and `ok` or `nil` to
//! others; and for `Option`, since what stands for nothing is a matter of each protocol:
//! `undefined`, `nil`, or that a key is left out.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::binary::Binary;
use crate::convert::ConvertError;
use crate::float::Float;
use crate::term::Term;

impl TryFrom<f64> for Float {
    type Error = ConvertError;

    fn try_from(value: f64) -> Result<Self, ConvertError> {
        Self::new(value).ok_or(ConvertError::Float)
    }
}

impl TryFrom<f64> for Term {
    type Error = ConvertError;

    fn try_from(value: f64) -> Result<Self, ConvertError> {
        Float::try_from(value).map(Self::Float)
    }
}

impl From<&str> for Term {
    /// A binary, which is what text is in Elixir and in most Erlang written now;
    /// [`Term::string`] is the list of characters.
    fn from(text: &str) -> Self {
        Self::Binary(text.into())
    }
}

impl From<String> for Binary {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<String> for Term {
    /// A binary, as for [`&str`](#impl-From%3C%26str%3E-for-Term).
    fn from(text: String) -> Self {
        Self::Binary(text.into())
    }
}

impl<T: Into<Term>> From<Vec<T>> for Term {
    /// A list, also of bytes; the binary with these bytes is `Binary::from(bytes)`.
    fn from(elements: Vec<T>) -> Self {
        Self::list(elements.into_iter().map(Into::into))
    }
}

impl<T: Clone + Into<Term>> From<&[T]> for Term {
    /// A list, also of bytes; the binary with these bytes is [`Term::binary`].
    fn from(elements: &[T]) -> Self {
        Self::list(elements.iter().cloned().map(Into::into))
    }
}

impl<T: Into<Term>, const N: usize> From<[T; N]> for Term {
    /// A list, also of bytes.
    fn from(elements: [T; N]) -> Self {
        Self::list(elements.map(Into::into))
    }
}

impl<K: Into<Term>, V: Into<Term>> From<BTreeMap<K, V>> for Term {
    /// A map. Of keys that become equal terms, the last one counts.
    fn from(pairs: BTreeMap<K, V>) -> Self {
        let pairs = pairs.into_iter();
        Self::Map(pairs.map(|(k, v)| (k.into(), v.into())).collect())
    }
}

#[cfg(feature = "std")]
impl<K: Into<Term>, V: Into<Term>, S> From<std::collections::HashMap<K, V, S>> for Term {
    /// A map. Of keys that become equal terms, any one counts.
    fn from(pairs: std::collections::HashMap<K, V, S>) -> Self {
        let pairs = pairs.into_iter();
        Self::Map(pairs.map(|(k, v)| (k.into(), v.into())).collect())
    }
}

macro_rules! from_tuples {
    ($(($($type:ident $value:ident),+))*) => {$(
        impl<$($type: Into<Term>),+> From<($($type,)+)> for Term {
            /// A tuple.
            fn from(($($value,)+): ($($type,)+)) -> Self {
                Self::tuple([$($value.into()),+])
            }
        }
    )*};
}

from_tuples! {
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, F f)
    (A a, B b, C c, D d, E e, F f, G g)
    (A a, B b, C c, D d, E e, F f, G g, H h)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k)
    (A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{atom, term};
    use num_bigint::{BigInt, BigUint};
    use std::string::ToString;
    use std::vec;

    #[test]
    fn tuples_of_up_to_twelve() {
        assert_eq!(Term::from((1,)).to_string(), "{1}");
        let twelve = Term::from((
            1_u8,
            2_i128,
            false,
            Term::nil(),
            ("x".len(),),
            atom!("a"),
            "text",
            String::from("more"),
            [1, 2],
            vec![-1_i8],
            &[true][..],
            BTreeMap::from([(1, 2)]),
        ));
        let expected = term!({1, 2, false, [], {1}, a, <<"text">>, <<"more">>, [1, 2], [-1], [true], #{1 => 2}});
        assert_eq!(twelve, expected);
    }

    #[test]
    fn integers_of_every_type() {
        let big: BigUint = BigUint::from(1_u32) << 200;
        assert_eq!(Term::from(big.clone()), Term::from(BigInt::from(big)));
        assert_eq!(Term::from(BigUint::from(7_u32)), Term::from(7));
        assert_eq!(Term::from(usize::MAX), Term::from(usize::MAX as u64));
        assert_eq!(Term::from(isize::MIN), Term::from(isize::MIN as i64));
    }

    #[test]
    fn bytes_are_a_list_unless_they_are_said_to_be_a_binary() {
        assert_eq!(Term::from(vec![1_u8, 2]), term!([1, 2]));
        assert_eq!(Term::from(Binary::from(vec![1_u8, 2])), term!(<<1, 2>>));
        assert!(Term::from(Vec::<Term>::new()).is_nil());
    }

    #[test]
    fn floats_are_finite() {
        assert_eq!(Term::try_from(1.5), Ok(term!(1.5)));
        for value in [f64::NAN, f64::INFINITY] {
            assert_eq!(Term::try_from(value), Err(ConvertError::Float));
        }
    }

    #[test]
    fn maps() {
        /// Equal as a term, whatever is in it.
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
        struct Same(u8);
        impl From<Same> for Term {
            fn from(_: Same) -> Self {
                term!(same)
            }
        }
        let map = BTreeMap::from([(Same(2), "last"), (Same(1), "first")]);
        assert_eq!(Term::from(map), term!(#{same => <<"last">>}));
    }

    #[cfg(feature = "std")]
    #[test]
    fn hash_maps() {
        let map = std::collections::HashMap::from([("a", 1), ("b", 2)]);
        assert_eq!(Term::from(map), term!(#{<<"a">> => 1, <<"b">> => 2}));
    }
}
