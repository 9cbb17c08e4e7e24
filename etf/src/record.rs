//! What a native record is: named fields under a module and a name (OTP 29), no tuple.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{iter, slice};

use crate::atom::Atom;
use crate::term::Term;
use crate::tuple::Tuple;

/// A native record of OTP 29 ("External Term Format", RECORD_EXT).
///
/// Not to be confused with the records of older code, which are tuples whose first element is the
/// record's name. The fields keep the order of the definition, which is part of the value.
///
/// ```
/// use erland_etf::{Record, Term, atom};
///
/// let joe = Record::new(atom!("people"), atom!("person"), true, [
///     (atom!("name"), Term::from(atom!("joe"))),
///     (atom!("age"), Term::from(7)),
/// ])?;
/// assert_eq!(joe.get("age"), Some(&Term::from(7)));
/// assert_eq!(joe.to_string(), "#people:person{name = joe,age = 7}");
/// # Ok::<(), erland_etf::DuplicateField>(())
/// ```
#[derive(Clone)]
pub struct Record {
    module: Atom,
    name: Atom,
    exported: bool,
    // As many as there are values.
    names: Box<[Atom]>,
    values: Tuple,
}

/// Two fields given for one [`Record`] have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record has each field once")]
pub struct DuplicateField;

/// Up to this many field names, comparing each with each is faster than sorting.
const FEW: usize = 16;

impl Record {
    /// The record `#module:name{field = value, ...}`; `exported` as by `-export_record`.
    ///
    /// # Errors
    ///
    /// [`DuplicateField`] if two fields have the same name.
    pub fn new(
        module: Atom,
        name: Atom,
        exported: bool,
        fields: impl IntoIterator<Item = (Atom, Term)>,
    ) -> Result<Self, DuplicateField> {
        let (names, values): (Vec<Atom>, Vec<Term>) = fields.into_iter().unzip();
        if has_duplicate(&names) {
            return Err(DuplicateField);
        }
        Ok(Self {
            module,
            name,
            exported,
            names: names.into_boxed_slice(),
            values: values.into(),
        })
    }

    /// The module that defines the record.
    #[must_use]
    pub fn module(&self) -> &Atom {
        &self.module
    }

    /// The name of the record.
    #[must_use]
    pub fn name(&self) -> &Atom {
        &self.name
    }

    /// Whether the definition is exported (`-export_record`).
    #[must_use]
    pub fn is_exported(&self) -> bool {
        self.exported
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of the field with this name. Looks through the fields one by one.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Term> {
        self.iter()
            .find_map(|(name, value)| (name == field).then_some(value))
    }

    /// The fields in the order of the definition.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.names.iter().zip(&self.values))
    }

    /// The names of the fields in the order of the definition.
    #[must_use]
    pub fn names(&self) -> &[Atom] {
        &self.names
    }

    /// The values of the fields in the order of the definition.
    #[must_use]
    pub fn values(&self) -> &[Term] {
        &self.values
    }

    /// The fields in the order of the definition.
    #[must_use]
    pub fn into_vec(self) -> Vec<(Atom, Term)> {
        iter::zip(self.names, self.values.into_vec()).collect()
    }

    pub(crate) fn values_mut(&mut self) -> &mut Tuple {
        &mut self.values
    }

    /// The same record around other values, which are as many.
    pub(crate) fn rebuild(&self, make: impl FnOnce(&[Term]) -> Box<[Term]>) -> Self {
        Self {
            module: self.module.clone(),
            name: self.name.clone(),
            exported: self.exported,
            names: self.names.clone(),
            values: Tuple(make(&self.values)),
        }
    }
}

pub(crate) fn has_duplicate(names: &[Atom]) -> bool {
    if names.len() <= FEW {
        let mut rest = names;
        while let [name, others @ ..] = rest {
            if others.contains(name) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    let mut sorted: Vec<&Atom> = names.iter().collect();
    sorted.sort_unstable();
    !sorted.is_sorted_by(|a, b| a < b)
}

impl<'a> IntoIterator for &'a Record {
    type Item = (&'a Atom, &'a Term);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The (name, value) fields of a [`Record`] in the order of the definition; see [`Record::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a>(iter::Zip<slice::Iter<'a, Atom>, slice::Iter<'a, Term>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Atom, &'a Term);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl iter::FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use std::format;

    fn record(names: impl IntoIterator<Item = u32>) -> Result<Record, DuplicateField> {
        let fields = names.into_iter().map(|name| {
            let text = format!("field_{name}");
            (Atom::new(&text).unwrap(), Term::from(name))
        });
        Record::new(atom!("m"), atom!("r"), false, fields)
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        assert_eq!(record([1, 2, 1]), Err(DuplicateField));
        assert_eq!(record((0..100).chain([50])), Err(DuplicateField));
        assert_eq!(record(0..100).unwrap().len(), 100);
        assert!(record([]).unwrap().is_empty());
    }

    #[test]
    fn fields_keep_their_order_which_is_part_of_the_value() {
        let descending = record([2, 1]).unwrap();
        assert_ne!(descending, record([1, 2]).unwrap());
        assert_eq!(descending.get("field_1"), Some(&Term::from(1)));
        assert_eq!(descending.get("field_3"), None);
        let values: Vec<Option<u64>> = descending.iter().map(|(_, v)| v.as_u64()).collect();
        assert_eq!(values, [Some(2), Some(1)]);
        let names: Vec<Atom> = descending
            .into_vec()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["field_2", "field_1"]);
    }
}
