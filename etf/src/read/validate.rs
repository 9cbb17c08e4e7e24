//! Whether a term would decode, without building it.
//!
//! All that tokens can show is checked by reading them. What is left is that the keys of a map
//! differ, and the names of a record's fields: these alone are decoded, each map's until it is
//! complete.

use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::atom::Atom;
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::key;
use crate::limits::Limits;
use crate::read::{Reader, RecordParts, Step, Token, Visit};
use crate::record;
use crate::term::Term;

impl<'a> Reader<'a> {
    /// Reads past one term like [`skip`](Self::skip), but checks all that
    /// [`read_term`](Self::read_term) does except for limits, and returns its bytes.
    ///
    /// Takes no memory for terms without maps of two or more keys; otherwise that of the keys, and
    /// never more than `read_term` may.
    ///
    /// # Errors
    ///
    /// As [`read_term`](Self::read_term) without limits.
    pub fn validate(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.cursor.rest;
        let owed = self.owed_after();
        // The maps and records that are not complete and have something to check.
        let mut open: SmallVec<[Open; 4]> = SmallVec::new();
        let mut cursor = self.cursor;
        loop {
            let before = cursor.rest.len();
            let opened = cursor
                .visit(&mut Containers)
                .map_err(|kind| self.error(kind, before))?;
            match opened {
                Opened::Nothing => {}
                Opened::Map(pairs) => open.push(Open::map(pairs, cursor.owed)),
                Opened::DuplicateField(values) => {
                    open.push(Open::duplicate_field(values, cursor.owed));
                }
            }
            while let Some(top) = open.last_mut()
                && top.next == cursor.owed
            {
                let before = cursor.rest.len();
                if top.next == top.end {
                    top.check().map_err(|kind| self.error(kind, before))?;
                    open.pop();
                    continue;
                }
                let at = cursor;
                let key = match cursor.visit(&mut Key(self)) {
                    Ok(Some(key)) => key,
                    // A container, a rare leaf, or an error that is found once more.
                    Ok(None) | Err(_) => {
                        self.cursor = at;
                        let key = self.read_term(&UNLIMITED)?;
                        cursor = self.cursor;
                        key
                    }
                };
                top.keys.push(key);
                // The key itself is one, its value the other.
                top.next = top.next.saturating_sub(2);
                break;
            }
            if cursor.owed <= owed {
                break;
            }
        }
        self.cursor = cursor;
        Ok(self.since(start))
    }
}

/// Keys are bounded by the input already.
const UNLIMITED: Limits = Limits::DEFAULT.with_max_heap(usize::MAX);

/// A map or record that is not complete.
struct Open {
    /// The keys read so far. None for a record.
    keys: Vec<Term>,
    /// How many terms are owed when the next key is due, or at the end.
    next: usize,
    /// How many terms are owed when it is complete.
    end: usize,
}

impl Open {
    /// A map of so many pairs, all of which are owed.
    fn map(pairs: usize, owed: usize) -> Self {
        Self {
            // The terms owed, of which these are half, are no more than the bytes that are left.
            keys: Vec::with_capacity(pairs),
            next: owed,
            end: owed.saturating_sub(pairs.saturating_mul(2)),
        }
    }

    /// A record whose values are all owed. Its names do not differ, but an error in a value is
    /// found first by decoding, and so here.
    fn duplicate_field(values: usize, owed: usize) -> Self {
        let end = owed.saturating_sub(values);
        Self {
            keys: Vec::new(),
            next: end,
            end,
        }
    }

    /// What is wrong with it now that it is complete.
    fn check(&self) -> Step<()> {
        if self.keys.is_empty() {
            Err(Kind::DuplicateField)
        } else if has_duplicate(&self.keys) {
            Err(Kind::DuplicateKey)
        } else {
            Ok(())
        }
    }
}

fn has_duplicate(keys: &[Term]) -> bool {
    if keys.is_sorted_by(|a, b| a < b) {
        return false;
    }
    if let [a, b] = keys {
        return a == b;
    }
    // Most comparisons are of two numbers.
    let mut order: Vec<(u128, &Term)> = keys.iter().map(|key| (key::prefix(key), key)).collect();
    order.sort_unstable_by(|(p, a), (q, b)| p.cmp(q).then_with(|| a.cmp(b)));
    !order.is_sorted_by(|(p, a), (q, b)| p < q || a < b)
}

/// What a token opens.
enum Opened {
    /// Nothing that has anything to check at its end.
    Nothing,
    /// A map of so many pairs, two or more.
    Map(usize),
    /// A record of so many fields, two of which have the same name.
    DuplicateField(usize),
}

/// Finds what has to be checked at its end.
struct Containers;

impl<'a> Visit<'a> for Containers {
    type Output = Opened;

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<Opened> {
        Ok(match token {
            Token::Map(pairs @ 2..) => Opened::Map(pairs as usize),
            Token::Record(record) if has_duplicate_field(&record) => {
                Opened::DuplicateField(record.len as usize)
            }
            _ => Opened::Nothing,
        })
    }

    #[inline(never)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<Opened> {
        self.visit(token)
    }
}

fn has_duplicate_field(record: &RecordParts<'_>) -> bool {
    let names: Vec<Atom> = record.names().map(|name| name.to_atom()).collect();
    record::has_duplicate(&names)
}

/// Makes the key if it is of a kind that most keys are.
struct Key<'r, 'a>(&'r Reader<'a>);

impl<'a> Visit<'a> for Key<'_, 'a> {
    type Output = Option<Term>;

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<Option<Term>> {
        Ok(match token {
            Token::Atom(atom) => Some(Term::Atom(atom.to_atom())),
            Token::Integer(integer) => Some(Term::from(integer)),
            Token::Binary(bytes) => Some(Term::Binary(self.0.to_binary(bytes))),
            _ => None,
        })
    }

    #[inline(never)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<Option<Term>> {
        self.visit(token)
    }
}
