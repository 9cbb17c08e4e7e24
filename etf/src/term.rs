//! What a term is: one Rust value for anything Erlang can send.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

use bytes::Bytes;
use num_bigint::{BigInt, BigUint};

use crate::atom::{Atom, AtomError};
use crate::binary::{Binary, BitString};
use crate::float::Float;
use crate::fun::{ExportFun, Fun, InternalFun};
use crate::ident::{Pid, Port, Reference};
use crate::integer::Integer;
use crate::list::List;
use crate::local::Local;
use crate::map::{DuplicateKey, Map};
use crate::order::{self, Rule};
use crate::record::Record;
use crate::tuple::Tuple;

/// Any Erlang term, in 24 bytes.
///
/// | trait or function | Erlang |
/// |---|---|
/// | `==` | `=:=`, so that `1` and `1.0` differ, and `0.0` and `-0.0` (as from OTP 27) |
/// | [`loosely_equal`](Self::loosely_equal) | `==`, so that `1` is equal to `1.0` |
/// | [`standard_cmp`](Self::standard_cmp) | `<`, `>`, `lists:sort/1` |
/// | `Ord` | the order of map keys: the standard order, but every integer before every float |
/// | `Hash` | consistent with `==` here; [`Loose`](crate::Loose) has one for Erlang's `==` |
/// | [`phash2`](Self::phash2) | `erlang:phash2/1` |
/// | `Display`, `Debug` | the text of `~tw`, with `#` of `~tp`; `Debug` adds the creation to identifiers |
/// | `FromStr` | `erl_scan:string/1` and `erl_parse:parse_term/1` |
///
/// None of these, nor `Clone` nor dropping, recurses on nesting: a term may be nested as deep as
/// memory allows.
///
/// ```
/// use erland_etf::{Term, atom};
///
/// let term = Term::from((atom!("ok"), 1, Term::list([2.into(), 3.into()])));
/// assert_eq!(term.to_string(), "{ok,1,[2,3]}");
///
/// match term {
///     Term::Tuple(tuple) => assert!(tuple[0].is_atom("ok")),
///     other => panic!("no tuple: {other}"),
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Term {
    /// An integer of any size.
    Integer(Integer),
    /// A finite float.
    Float(Float),
    /// An atom, such as `ok`; `true` and `false` are atoms too.
    Atom(Atom),
    /// A binary: bytes.
    Binary(Binary),
    /// Bits, in a number that is no multiple of eight.
    BitString(Box<BitString>),
    /// A process identifier.
    Pid(Pid),
    /// A port identifier.
    Port(Port),
    /// A reference or alias.
    Reference(Box<Reference>),
    /// A tuple.
    Tuple(Tuple),
    /// A list, proper or improper; also `[]`, and what Erlang calls a string.
    List(List),
    /// A map.
    Map(Map),
    /// A fun.
    Fun(Box<Fun>),
    /// A native record (OTP 29).
    Record(Box<Record>),
    /// A term in the local external format, which means nothing here.
    Local(Box<Local>),
}

impl Term {
    /// The atom with this text. Literals are better written `Term::from(atom!("ok"))`.
    ///
    /// # Errors
    ///
    /// [`AtomError::TooLong`] if the text has more than 255 characters.
    pub fn atom(text: &str) -> Result<Self, AtomError> {
        Atom::new(text).map(Self::Atom)
    }

    /// The empty list, `[]`.
    #[must_use]
    pub const fn nil() -> Self {
        Self::List(List::nil())
    }

    /// A tuple of these elements.
    #[must_use]
    pub fn tuple(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::Tuple(elements.into_iter().collect())
    }

    /// The proper list of these elements.
    #[must_use]
    pub fn list(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::List(elements.into_iter().collect())
    }

    /// The list `[Elements | Tail]`. Without elements that is the tail itself, and a tail that is
    /// a list is joined; see [`List::improper`].
    #[must_use]
    pub fn improper(elements: impl IntoIterator<Item = Self>, tail: impl Into<Self>) -> Self {
        match List::improper(elements.into_iter().collect(), tail.into()) {
            Ok(list) => Self::List(list),
            Err(tail) => tail,
        }
    }

    /// The binary with a copy of these bytes.
    #[must_use]
    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self::Binary(Binary::copy_from_slice(bytes.as_ref()))
    }

    /// The list of the characters of this text, which is what `"text"` means in Erlang.
    #[must_use]
    pub fn string(text: &str) -> Self {
        let characters = text.chars().map(u32::from);
        match characters
            .clone()
            .map(u8::try_from)
            .collect::<Result<Vec<u8>, _>>()
        {
            Ok(bytes) => Self::List(List::from_bytes(bytes)),
            Err(_) => Self::list(characters.map(Self::from)),
        }
    }

    /// The map of these (key, value) pairs.
    ///
    /// # Errors
    ///
    /// [`DuplicateKey`] if two keys are equal.
    pub fn map(pairs: impl IntoIterator<Item = (Self, Self)>) -> Result<Self, DuplicateKey> {
        Map::from_pairs(pairs.into_iter().collect()).map(Self::Map)
    }

    /// Compares in Erlang's standard order, in which `1` and `1.0` are level.
    ///
    /// number < atom < reference < fun < port < pid < tuple < native record < map < `[]` < list <
    /// bit string. Numbers are compared by their exact values.
    ///
    /// ```
    /// use core::cmp::Ordering;
    /// use erland_etf::{Float, Term};
    ///
    /// let float = Term::from(Float::new(1.0).ok_or("not finite")?);
    /// assert_eq!(Term::from(1).standard_cmp(&float), Ordering::Equal);
    /// assert_eq!(Term::from(2).standard_cmp(&float), Ordering::Greater);
    /// assert_eq!(Term::from(2).cmp(&float), Ordering::Less);
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn standard_cmp(&self, other: &Self) -> Ordering {
        order::compare(self.into(), other.into(), Rule::Standard)
    }

    /// Erlang's `==`: equal but for integers and floats of the same value.
    #[must_use]
    pub fn loosely_equal(&self, other: &Self) -> bool {
        self.standard_cmp(other).is_eq()
    }

    /// The atom, if it is one.
    #[must_use]
    pub fn as_atom(&self) -> Option<&Atom> {
        match self {
            Self::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<&Integer> {
        match self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The integer, if it is one and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_integer()?.to_i64()
    }

    /// The integer, if it is one and fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_integer()?.to_u64()
    }

    /// The float, if it is one; integers are not converted.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(float.get()),
            _ => None,
        }
    }

    /// The bytes of the binary, if it is one.
    #[must_use]
    pub fn as_binary(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(binary) => Some(binary),
            _ => None,
        }
    }

    /// The pid, if it is one.
    #[must_use]
    pub fn as_pid(&self) -> Option<&Pid> {
        match self {
            Self::Pid(pid) => Some(pid),
            _ => None,
        }
    }

    /// The port, if it is one.
    #[must_use]
    pub fn as_port(&self) -> Option<&Port> {
        match self {
            Self::Port(port) => Some(port),
            _ => None,
        }
    }

    /// The reference, if it is one.
    #[must_use]
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            _ => None,
        }
    }

    /// The elements of the tuple, if it is one.
    #[must_use]
    pub fn as_tuple(&self) -> Option<&[Self]> {
        match self {
            Self::Tuple(tuple) => Some(tuple),
            _ => None,
        }
    }

    /// The list, if it is one, proper or not.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether this is `[]`.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.as_list().is_some_and(List::is_empty)
    }

    /// Whether this is the atom with this text.
    #[must_use]
    pub fn is_atom(&self, text: &str) -> bool {
        self.as_atom().is_some_and(|atom| atom == text)
    }
}

macro_rules! from_integers {
    ($($int:ty)*) => {$(
        impl From<$int> for Term {
            fn from(value: $int) -> Self {
                Self::Integer(value.into())
            }
        }
    )*};
}

from_integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize BigInt BigUint);

macro_rules! from_variants {
    ($($type:ident)*) => {$(
        impl From<$type> for Term {
            fn from(value: $type) -> Self {
                Self::$type(value)
            }
        }
    )*};
}

from_variants!(Integer Float Atom Binary Pid Port Tuple List Map);

macro_rules! from_boxed_variants {
    ($($type:ident)*) => {$(
        impl From<$type> for Term {
            fn from(value: $type) -> Self {
                Self::$type(Box::new(value))
            }
        }
    )*};
}

from_boxed_variants!(BitString Reference Fun Record Local);

macro_rules! from_references {
    ($($type:ident)*) => {$(
        impl From<&$type> for Term {
            fn from(value: &$type) -> Self {
                value.clone().into()
            }
        }
    )*};
}

from_references!(Atom Pid Reference);

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Atom(value.into())
    }
}

impl From<Bytes> for Term {
    /// A binary.
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<ExportFun> for Term {
    fn from(fun: ExportFun) -> Self {
        Fun::from(fun).into()
    }
}

impl From<InternalFun> for Term {
    fn from(fun: InternalFun) -> Self {
        Fun::from(fun).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::ident::NodeId;

    #[test]
    fn accessors_answer_for_their_variant_only() {
        let node = NodeId::new(atom!("a@b"), 4);
        let pid = Pid::new(node.clone(), 1, 2);
        let reference = Reference::new(node.clone(), &[1]).unwrap();
        let term = Term::from((
            1,
            true,
            &pid,
            &reference,
            Bytes::from_static(b"x"),
            atom!("a"),
        ));
        let elements = term.as_tuple().unwrap();
        let answers: Vec<[bool; 9]> = elements
            .iter()
            .chain([&term, &Term::nil(), &Term::map([]).unwrap()])
            .map(|term| {
                [
                    term.as_integer().is_some(),
                    term.as_atom().is_some(),
                    term.as_pid().is_some(),
                    term.as_reference().is_some(),
                    term.as_binary().is_some(),
                    term.is_atom("a"),
                    term.as_tuple().is_some(),
                    term.as_list().is_some() && term.is_nil(),
                    term.as_map().is_some(),
                ]
            })
            .collect();
        for (row, answers) in answers.iter().enumerate() {
            for (column, answer) in answers.iter().enumerate() {
                let an_atom = row == 5 && column == 1;
                assert_eq!(*answer, row == column || an_atom, "{row} {column}");
            }
        }
        assert_eq!(
            Term::from(Port::new(node, 7)).as_port().map(Port::id),
            Some(7)
        );
        assert_eq!(Term::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Term::from(u64::MAX).as_i64(), None);
        assert_eq!(Term::from(1).as_f64(), None);
        assert_eq!(
            Float::new(1.5).map(|float| Term::from(float).as_f64()),
            Some(Some(1.5))
        );
    }

    #[test]
    fn a_string_is_the_list_of_its_characters() {
        assert!(Term::string("").is_nil());
        assert_eq!(Term::string("né"), Term::list([110.into(), 233.into()]));
        assert_eq!(Term::string("ж"), Term::list([1078.into()]));
    }
}
