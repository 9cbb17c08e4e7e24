//! How terms that are no containers are made, straight in the container around them.
//!
//! A term is written where it stays, in the arm that knows its kind: to hand it on through results
//! and options costs more than reading it does.

use alloc::vec::Vec;

use crate::atom::Atom;
use crate::binary::Binary;
use crate::error::DecodeErrorKind as Kind;
use crate::integer::Integer;
use crate::read::{Cursor, Padded, Step, Token, Visit};
use crate::term::Term;

use super::Builder;
use super::frame::{push, put};

/// Where the next leaf goes.
pub(super) trait Place {
    fn put(&mut self, term: Term);
}

impl Place for &mut Vec<Term> {
    #[inline(always)]
    fn put(&mut self, term: Term) {
        push(self, term);
    }
}

/// Something that holds `[]`, which needs no dropping.
impl Place for &mut Term {
    #[inline(always)]
    fn put(&mut self, term: Term) {
        put(self, term);
    }
}

struct Leaf<'b, 'r, 'a, P> {
    builder: &'b mut Builder<'r, 'a>,
    place: P,
}

impl<'a, P: Place> Visit<'a> for Leaf<'_, '_, 'a, P> {
    type Output = ();

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<()> {
        self.builder.leaf(token, &mut self.place)
    }

    #[inline(never)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<()> {
        self.builder.leaf(token, &mut self.place)
    }

    #[inline(always)]
    fn visit_short_atom(&mut self, text: &'a [u8], padded: Padded) -> Step<()> {
        let atom = Atom::from_inline(text.len() as u8, padded);
        self.place.put(Term::Atom(atom));
        Ok(())
    }

    #[inline(always)]
    fn visit_wide(&mut self, negative: bool, value: u128, _: &'a [u8]) -> Step<()> {
        let integer = Integer::from_sign_magnitude(negative, value);
        self.place.put(Term::Integer(integer));
        Ok(())
    }

    #[inline(always)]
    fn visit_string(&mut self, len: usize, all: &'a [u8]) -> Step<()> {
        let list = self.builder.string(len, all)?;
        self.place.put(Term::List(list));
        Ok(())
    }

    #[inline(always)]
    fn visit_short_binary(&mut self, bytes: &'a [u8], padded: Padded) -> Step<()> {
        let binary = Binary::from_inline(bytes.len() as u8, padded);
        self.place.put(Term::Binary(binary));
        Ok(())
    }
}

impl<'a> Builder<'_, 'a> {
    /// Reads leaves until all terms that are owed are there or something else is next, which may be
    /// an error.
    #[inline]
    pub(super) fn fill(&mut self, cursor: &mut Cursor<'a>, owed: &mut u32, terms: &mut Vec<Term>) {
        let mut ahead = *cursor;
        let start = terms.len();
        let mut leaf = Leaf {
            builder: self,
            place: terms,
        };
        for _ in 0..*owed {
            if ahead.visit_leaf(&mut leaf).is_none() {
                break;
            }
        }
        let read = leaf.place.len().saturating_sub(start);
        *owed = owed.saturating_sub(read as u32);
        ahead.counted(read);
        *cursor = ahead;
    }

    /// The same for the keys and values of a map.
    #[inline]
    pub(super) fn fill_pairs(
        &mut self,
        cursor: &mut Cursor<'a>,
        owed: &mut u32,
        pairs: &mut Vec<(Term, Term)>,
    ) {
        let mut ahead = *cursor;
        let mut due = *owed;
        if due & 1 == 1
            && let Some((_, value)) = pairs.last_mut()
        {
            // The value of a key that is there already.
            if self.read_leaf(&mut ahead, value) {
                due = due.saturating_sub(1);
            }
        }
        while due > 0 && due & 1 == 0 {
            // Both are written where they stay.
            push(pairs, (Term::nil(), Term::nil()));
            let Some((key, value)) = pairs.last_mut() else {
                break;
            };
            if !self.read_leaf(&mut ahead, key) {
                pairs.pop();
                break;
            }
            due = due.saturating_sub(1);
            if !self.read_leaf(&mut ahead, value) {
                break;
            }
            due = due.saturating_sub(1);
        }
        ahead.counted(owed.saturating_sub(due) as usize);
        *owed = due;
        *cursor = ahead;
    }

    #[inline(always)]
    pub(super) fn read_leaf(&mut self, cursor: &mut Cursor<'a>, place: &mut Term) -> bool {
        let mut leaf = Leaf {
            builder: self,
            place,
        };
        cursor.visit_leaf(&mut leaf).is_some()
    }

    /// Puts the term of this token in its place.
    #[inline(always)]
    pub(super) fn leaf(&mut self, token: Token<'a>, place: &mut impl Place) -> Step<()> {
        match token {
            Token::Integer(value) => place.put(Term::Integer(Integer::small(value))),
            Token::Atom(atom) => place.put(Term::Atom(self.atom(&atom)?)),
            Token::Float(float) => place.put(Term::Float(float)),
            Token::Nil => place.put(Term::nil()),
            Token::Binary(bytes) => place.put(Term::Binary(self.binary(bytes)?)),
            Token::Pid(pid) => place.put(Term::Pid(self.pid(&pid)?)),
            Token::String(bytes) => place.put(Term::List(self.string(bytes.len(), bytes)?)),
            Token::Reference(reference) => place.put(self.reference(&reference)?),
            Token::BigInteger {
                negative,
                magnitude,
            } => place.put(self.big_integer(negative, magnitude)?),
            Token::BitString { bytes, last_bits } => place.put(self.bit_string(bytes, last_bits)?),
            Token::Port(port) => place.put(self.port(&port)?),
            Token::Export(export) => place.put(self.export(&export)?),
            Token::Local(bytes) => place.put(self.local(bytes)?),
            // Not leaves: nobody asks.
            Token::Tuple(_) | Token::List(_) | Token::Map(_) | Token::Fun(_) | Token::Record(_) => {
                return Err(Kind::Eof);
            }
        }
        Ok(())
    }
}
