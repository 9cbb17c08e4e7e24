//! Taking terms apart: what a message most often is, in one line each.

use crate::atom;
use crate::binary::BitString;
use crate::convert::ConvertError;
use crate::error::TermKind;
use crate::fun::Fun;
use crate::list::List;
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;

static TRUE: Term = Term::Atom(atom!("true"));

impl Term {
    /// The type, as the type tests of Erlang tell it: a list may be improper or `[]`.
    #[must_use]
    pub fn kind(&self) -> TermKind {
        match self {
            Self::Integer(_) => TermKind::Integer,
            Self::Float(_) => TermKind::Float,
            Self::Atom(_) => TermKind::Atom,
            Self::Binary(_) => TermKind::Binary,
            Self::BitString(_) => TermKind::BitString,
            Self::Pid(_) => TermKind::Pid,
            Self::Port(_) => TermKind::Port,
            Self::Reference(_) => TermKind::Reference,
            Self::Tuple(_) => TermKind::Tuple,
            Self::List(_) => TermKind::List,
            Self::Map(_) => TermKind::Map,
            Self::Fun(_) => TermKind::Fun,
            Self::Record(_) => TermKind::Record,
            Self::Local(_) => TermKind::Local,
        }
    }

    /// The elements behind the tag, if this is a tuple whose first element is the atom with this
    /// text. A bare atom is no tuple; [`is_atom`](Self::is_atom) asks for one.
    ///
    /// ```
    /// use erland_etf::{NodeId, Pid, Term, atom, term};
    ///
    /// let pid = Pid::new(NodeId::new(atom!("a@b"), 1), 5, 0);
    /// let term = term!({ok, (pid), #{size => 3}});
    ///
    /// if let Some([Term::Pid(pid), Term::Map(map)]) = term.tagged("ok") {
    ///     assert_eq!((pid.id(), map.get_atom("size")), (5, Some(&term!(3))));
    /// }
    /// # assert_eq!(term.tagged("ok").map(<[Term]>::len), Some(2));
    /// ```
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Option<&[Self]> {
        match self.as_tuple()? {
            [first, rest @ ..] if first.is_atom(tag) => Some(rest),
            _ => None,
        }
    }

    /// The elements behind the tag, moved out as Rust values: [`tagged`](Self::tagged) with types.
    ///
    /// They are taken as a tuple, so one element alone is a Rust tuple of one.
    ///
    /// ```
    /// use erland_etf::{ConvertError, Map, NodeId, Pid, atom, term};
    ///
    /// let pid = Pid::new(NodeId::new(atom!("a@b"), 1), 5, 0);
    /// let (pid, map): (Pid, Map) = term!({ok, (pid), #{size => 3}}).try_into_tagged("ok")?;
    /// let (reason,): (String,) = term!({error, <<"late">>}).try_into_tagged("error")?;
    /// # assert_eq!((pid.id(), map.len(), reason.as_str()), (5, 1, "late"));
    /// # Ok::<(), ConvertError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConvertError::Kind`] if this is no tuple, [`ConvertError::Tag`] if it has another tag or
    /// none, [`ConvertError::Length`] if there are more or fewer elements, and what the elements'
    /// own conversions find.
    pub fn try_into_tagged<T>(self, tag: &str) -> Result<T, ConvertError>
    where
        T: TryFrom<Self, Error = ConvertError>,
    {
        let mut elements = Tuple::try_from(self)?.into_iter();
        if !elements.next().is_some_and(|first| first.is_atom(tag)) {
            return Err(ConvertError::Tag);
        }
        Self::tuple(elements).try_into()
    }

    /// The boolean, if this is `true` or `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.try_into().ok()
    }

    /// The integer, if it is one and fits.
    #[must_use]
    pub fn as_i128(&self) -> Option<i128> {
        self.as_integer()?.to_i128()
    }

    /// The integer, if it is one and fits.
    #[must_use]
    pub fn as_u128(&self) -> Option<u128> {
        self.as_integer()?.to_u128()
    }

    /// The text of the binary, if it is one and UTF-8. For the text of an atom see
    /// [`Atom::as_str`](crate::Atom::as_str), for lists
    /// [`chardata_to_string`](Self::chardata_to_string).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.try_into().ok()
    }

    /// The bit string, if it is one and no binary.
    #[must_use]
    pub fn as_bit_string(&self) -> Option<&BitString> {
        self.try_into().ok()
    }

    /// The fun, if it is one.
    #[must_use]
    pub fn as_fun(&self) -> Option<&Fun> {
        self.try_into().ok()
    }

    /// The native record, if it is one.
    #[must_use]
    pub fn as_record(&self) -> Option<&Record> {
        self.try_into().ok()
    }
}

impl List {
    /// The value of an atom in this property list, as `proplists:get_value/2` finds it: that of
    /// the first tuple `{key, Value}`, or `true` for a `key` alone. Also keyword lists of Elixir.
    ///
    /// As there, the search ends at a tuple of another size that starts with the key.
    ///
    /// ```
    /// use erland_etf::{List, term};
    ///
    /// let options: List = term!([{packet, 4}, binary, {packet, 2}]).try_into()?;
    /// assert_eq!(options.get_value("packet"), Some(&term!(4)));
    /// assert_eq!(options.get_value("binary"), Some(&term!(true)));
    /// assert_eq!(options.get_value("active"), None);
    /// # Ok::<(), erland_etf::ConvertError>(())
    /// ```
    #[must_use]
    pub fn get_value(&self, key: &str) -> Option<&Term> {
        self.iter()
            .find_map(|property| match property {
                Term::Atom(atom) if atom == key => Some(Some(&TRUE)),
                Term::Tuple(_) => match property.tagged(key)? {
                    [value] => Some(Some(value)),
                    _ => Some(None),
                },
                _ => None,
            })
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term;
    use std::string::String;

    #[test]
    fn a_tag_is_an_atom_in_front() {
        assert_eq!(
            term!({ok, 1, 2}).tagged("ok"),
            Some(&[1.into(), 2.into()][..])
        );
        assert_eq!(term!({ ok }).tagged("ok"), Some(&[][..]));
        for other in [
            term!(ok),
            term!({error, 1}),
            term!({}),
            term!([ok]),
            term!({<<"ok">>}),
        ] {
            assert_eq!(other.tagged("ok"), None, "{other}");
        }
    }

    #[test]
    fn tagged_elements_move_out() {
        let take = |term: Term| term.try_into_tagged::<(u8, String)>("ok");
        assert_eq!(take(term!({ok, 1, <<"a">>})), Ok((1, "a".into())));
        let kind = |expected, found| ConvertError::Kind { expected, found };
        let length = |expected, found| ConvertError::Length { expected, found };
        for (term, error) in [
            (term!(ok), kind(TermKind::Tuple, TermKind::Atom)),
            (term!({}), ConvertError::Tag),
            (term!({error, 1, <<"a">>}), ConvertError::Tag),
            (term!({ ok }), length(2, 0)),
            (term!({ok, 1}), length(2, 1)),
            (term!({ok, 1, a}), kind(TermKind::Binary, TermKind::Atom)),
            (term!({ok, 256, <<"a">>}), ConvertError::IntegerOutOfRange),
        ] {
            assert_eq!(take(term), Err(error));
        }
    }

    #[test]
    fn simple_values() {
        assert_eq!(term!(true).as_bool(), Some(true));
        assert_eq!(term!(maybe).as_bool(), None);
        assert_eq!(Term::from(u128::MAX).as_u128(), Some(u128::MAX));
        assert_eq!(Term::from(u128::MAX).as_i128(), None);
        assert_eq!(Term::from(i128::MIN).as_i128(), Some(i128::MIN));
        assert_eq!(term!(1.0).as_i128(), None);
        assert_eq!(term!(<<"text">>).as_str(), Some("text"));
        assert_eq!(term!(<<255>>).as_str(), None);
        assert_eq!(term!(text).as_str(), None);
        assert!(term!(fun a:b/1).as_fun().is_some() && term!(1).as_fun().is_none());
        assert!(term!(1).as_record().is_none() && term!(<<1>>).as_bit_string().is_none());
    }

    /// Each line as `proplists:get_value(k, List)` answers in OTP.
    #[test]
    fn properties_are_found_as_proplists_does() {
        let value = |list: Term| list.as_list().and_then(|list| list.get_value("k").cloned());
        assert_eq!(value(term!([{k, 1}, {k, 2}])), Some(term!(1)));
        assert_eq!(value(term!([k, {k, 2}])), Some(term!(true)));
        assert_eq!(
            value(term!([1, a, {}, {a, 1}, {"k", 1}, {k, 2}])),
            Some(term!(2))
        );
        assert_eq!(value(term!([{k, 1, 2}, {k, 3}])), None);
        assert_eq!(value(term!([{k}, {k, 3}])), None);
        assert_eq!(value(term!([])), None);
        assert_eq!(value(term!("k")), None);
    }
}
