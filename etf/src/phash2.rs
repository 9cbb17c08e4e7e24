//! `erlang:phash2/1,2`: the hash that every Erlang node computes alike.
//!
//! The function is `make_hash2` of ERTS (`erl_term_hashing.c`): Bob Jenkins' 96-bit mix over the
//! parts of a term. It has been the same since OTP R11 for what could be hashed then, so its values
//! may be stored and compared between nodes.

use core::{mem, slice};

use crate::atom;
use crate::atom::Atom;
use crate::binary::BitString;
use crate::fun::{ExportFun, InternalFun};
use crate::integer::{Integer, View as IntegerView};
use crate::list::{List, View as ListView};
use crate::record::Record;
use crate::term::Term;
use crate::walk::{Stack, TermRef};

impl Term {
    /// `erlang:phash2(Term)`: a hash from 0 to 2^27 - 1 that is the same on every node, of every
    /// release.
    ///
    /// ```
    /// use erland_etf::{Term, atom};
    ///
    /// let term = Term::from((atom!("user"), 17, Term::string("joe")));
    /// assert_eq!(term.phash2(), 12_636_862); // as erlang:phash2({user, 17, "joe"})
    /// ```
    ///
    /// # What is not reproduced
    ///
    /// - A [`Record`] of more than one field: OTP 29 hashes the values in the order in which the
    ///   names of the fields came into its atom table, which differs from node to node. Here it is
    ///   the order of the definition.
    /// - A [`Local`](crate::Local): only the node that made it knows the term. Here it hashes like
    ///   the binary of its bytes.
    #[must_use]
    pub fn phash2(&self) -> u32 {
        hash(self) & ((1 << 27) - 1)
    }

    /// `erlang:phash2(Term, Range)`: the same hash from 0 to `range` - 1.
    ///
    /// `None` where Erlang raises `badarg`: the range is to be from 1 to 2^32.
    ///
    /// ```
    /// use erland_etf::Term;
    ///
    /// assert_eq!(Term::from(1).phash2_range(1 << 32), Some(539_485_162));
    /// assert_eq!(Term::from(1).phash2_range(16), Some(10));
    /// assert_eq!(Term::from(1).phash2_range(0), None);
    /// ```
    #[must_use]
    pub fn phash2_range(&self, range: u64) -> Option<u32> {
        if range > 1 << 32 {
            return None;
        }
        let rest = u64::from(hash(self)).checked_rem(range)?;
        Some(rest as u32)
    }
}

/// What is still to be hashed of one container.
enum Frame<'t> {
    Terms(slice::Iter<'t, Term>),
    /// The rest of a list that is held as terms. Without elements, `tail` is next.
    List {
        elements: &'t [Term],
        tail: &'t Term,
    },
    /// The hash of a pair starts from 0 and goes into `pairs`, whatever the order of the pairs; the
    /// hash before the map waits in `before`.
    Map {
        rest: slice::Iter<'t, (Term, Term)>,
        value: Option<&'t Term>,
        pairs: u32,
        before: u32,
    },
}

/// The hash over all 32 bits.
fn hash(term: &Term) -> u32 {
    let mut state = State(0);
    let mut stack: Stack<Frame<'_>> = Stack::new();
    let mut current = Frame::Terms(slice::from_ref(term).iter());
    loop {
        let next = match &mut current {
            Frame::Terms(terms) => terms.next(),
            Frame::List { elements, tail } => match state.bytes(elements) {
                [head, rest @ ..] => {
                    *elements = rest;
                    Some(head)
                }
                [] => {
                    let tail = *tail;
                    current = Frame::Terms(slice::from_ref(tail).iter());
                    continue;
                }
            },
            Frame::Map {
                rest,
                value,
                pairs,
                before,
            } => value.take().or_else(|| match rest.next() {
                Some((key, next)) => {
                    // The pair before; 0 if there is none.
                    *pairs ^= mem::take(&mut state.0);
                    *value = Some(next);
                    Some(key)
                }
                None => {
                    let pairs = *pairs ^ state.0;
                    state.0 = *before;
                    state.word(pairs, 19);
                    None
                }
            }),
        };
        let Some(term) = next else {
            match stack.pop() {
                Some(outer) => current = outer,
                None => return state.0,
            }
            continue;
        };
        if let Some(inner) = state.term(term) {
            let outer = mem::replace(&mut current, inner);
            // A chain of last elements stays at one frame.
            if !matches!(&outer, Frame::Terms(rest) if rest.len() == 0) {
                stack.push(outer);
            }
        }
    }
}

/// The hash so far.
struct State(u32);

impl State {
    /// Hashes a term up to the terms inside, which it returns.
    fn term<'t>(&mut self, term: &'t Term) -> Option<Frame<'t>> {
        match TermRef::from(term) {
            TermRef::Integer(integer) => self.integer(integer),
            TermRef::Float(float) => {
                // The two zeros hash alike.
                let bits = (float.get() + 0.0).to_bits();
                self.words((bits >> 32) as u32, bits as u32, 12);
            }
            TermRef::Atom(atom) => {
                let hashed = atom_hash(atom);
                if self.0 == 0 {
                    self.0 = hashed;
                } else {
                    self.word(hashed, 3);
                }
            }
            TermRef::Reference(reference) => {
                self.word(reference.words().first().copied().unwrap_or(0), 7);
            }
            TermRef::ExportFun(fun) => self.export(fun),
            TermRef::InternalFun(fun) => return Some(self.internal(fun)),
            TermRef::Port(port) => self.words(port.id() as u32, (port.id() >> 32) as u32, 6),
            TermRef::Pid(pid) => self.word(pid.id(), 5),
            TermRef::Tuple(tuple) => {
                self.word(tuple.len() as u32, 9);
                return Some(Frame::Terms(tuple.iter()));
            }
            TermRef::Record(record) => {
                self.words(record.len() as u32, definition(record), 23);
                return Some(Frame::Terms(record.values().iter()));
            }
            TermRef::Map(map) => {
                self.word(map.len() as u32, 16);
                return (!map.is_empty()).then(|| Frame::Map {
                    rest: map.0.iter(),
                    value: None,
                    pairs: 0,
                    before: mem::take(&mut self.0),
                });
            }
            TermRef::List(list) => return self.list(list),
            TermRef::Binary(bytes) => self.binary(bytes),
            TermRef::BitString(bits) => self.bit_string(bits),
            TermRef::Local(local) => self.binary(local.bytes()),
        }
        None
    }

    fn integer(&mut self, integer: &Integer) {
        const SMALL: i64 = 1 << 27;
        match integer.view() {
            IntegerView::Small(small) if (-SMALL..SMALL).contains(&small) => {
                if small < 0 {
                    self.word(small.unsigned_abs() as u32, 1);
                }
                self.word(small as u32, 1);
            }
            IntegerView::Small(small) => self.limb(small < 0, small.unsigned_abs()),
            IntegerView::Magnitude {
                negative,
                magnitude,
            } => {
                self.limb(negative, magnitude as u64);
                if let high @ 1.. = (magnitude >> 64) as u64 {
                    self.limb(negative, high);
                }
            }
            IntegerView::Big(big) => {
                for limb in big.iter_u64_digits() {
                    self.limb(integer.is_negative(), limb);
                }
            }
        }
    }

    fn limb(&mut self, negative: bool, limb: u64) {
        let constant = if negative { 10 } else { 11 };
        self.words(limb as u32, (limb >> 32) as u32, constant);
    }

    fn export(&mut self, fun: &ExportFun) {
        self.words(u32::from(fun.arity), atom_hash(&fun.module), 1);
        self.word(atom_hash(&fun.function), 14);
    }

    fn internal<'t>(&mut self, fun: &'t InternalFun) -> Frame<'t> {
        self.words(fun.free.len() as u32, atom_hash(&fun.module), 1);
        self.words(fun.index, fun.old_uniq as u32, 1);
        Frame::Terms(fun.free.iter())
    }

    fn list<'t>(&mut self, list: &'t List) -> Option<Frame<'t>> {
        match list.view() {
            ListView::Nil => self.nil(),
            ListView::Bytes(bytes) => {
                for group in bytes.chunks(4) {
                    self.group(group);
                }
                self.nil();
            }
            ListView::Slice(elements) => {
                let tail = list.tail();
                return Some(Frame::List { elements, tail });
            }
            ListView::Improper([elements @ .., tail]) => {
                return Some(Frame::List { elements, tail });
            }
            ListView::Improper([]) => {}
        }
        None
    }

    fn nil(&mut self) {
        if self.0 == 0 {
            self.0 = 3_468_870_702;
        } else {
            self.word(2, 2);
        }
    }

    /// Hashes the bytes at the front of a list, four at a time, and returns the rest.
    fn bytes<'t>(&mut self, elements: &'t [Term]) -> &'t [Term] {
        let byte = |term: &Term| u8::try_from(term.as_i64()?).ok();
        let mut rest = elements;
        loop {
            let mut group = [0; 4];
            let mut len = 0;
            for (slot, term) in group.iter_mut().zip(rest) {
                let Some(byte) = byte(term) else { break };
                *slot = byte;
                len += 1;
            }
            if len > 0 {
                self.group(group.get(..len).unwrap_or_default());
            }
            rest = rest.get(len..).unwrap_or_default();
            if len < group.len() {
                return rest;
            }
        }
    }

    /// Up to four bytes, the first of which is the highest.
    fn group(&mut self, bytes: &[u8]) {
        let word = bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte));
        self.word(word, 4);
    }

    fn binary(&mut self, bytes: &[u8]) {
        let start = constant(13).wrapping_add(self.0);
        self.0 = if bytes.is_empty() {
            start
        } else {
            block(bytes, start)
        };
    }

    fn bit_string(&mut self, bits: &BitString) {
        if let [whole @ .., last] = &bits.bytes()[..] {
            self.0 = block(whole, constant(13).wrapping_add(self.0));
            let used = u32::from(bits.last_bits());
            self.words(used, u32::from(*last) >> 8_u32.saturating_sub(used), 15);
        }
    }

    /// `UINT32_HASH`
    fn word(&mut self, word: u32, constant: u32) {
        self.words(word, 0, constant);
    }

    /// `UINT32_HASH_2`
    fn words(&mut self, x: u32, y: u32, number: u32) {
        let constant = constant(number);
        let (a, b) = (constant.wrapping_add(x), constant.wrapping_add(y));
        (_, _, self.0) = mix(a, b, self.0);
    }
}

/// The constants `HCONST`, `HCONST_2` and so on: multiples of the golden ratio.
const fn constant(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b9)
}

/// Bob Jenkins' mix of three words.
const fn mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    a = a.wrapping_sub(b).wrapping_sub(c) ^ (c >> 13);
    b = b.wrapping_sub(c).wrapping_sub(a) ^ (a << 8);
    c = c.wrapping_sub(a).wrapping_sub(b) ^ (b >> 13);
    a = a.wrapping_sub(b).wrapping_sub(c) ^ (c >> 12);
    b = b.wrapping_sub(c).wrapping_sub(a) ^ (a << 16);
    c = c.wrapping_sub(a).wrapping_sub(b) ^ (b >> 5);
    a = a.wrapping_sub(b).wrapping_sub(c) ^ (c >> 3);
    b = b.wrapping_sub(c).wrapping_sub(a) ^ (a << 10);
    c = c.wrapping_sub(a).wrapping_sub(b) ^ (b >> 15);
    (a, b, c)
}

/// `block_hash`: bytes in any number. OTP counts them in 32 bits.
fn block(bytes: &[u8], start: u32) -> u32 {
    let (mut a, mut b, mut c) = (constant(1), constant(1), start);
    let (chunks, rest) = bytes.as_chunks::<4>();
    let (triples, single) = chunks.as_chunks::<3>();
    let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
    for [x, y, z] in triples {
        let (x, y) = (a.wrapping_add(word(x)), b.wrapping_add(word(y)));
        (a, b, c) = mix(x, y, c.wrapping_add(word(z)));
    }
    c = c.wrapping_add(bytes.len() as u32);
    // Up to eleven bytes are left. The lowest byte of the third word is the length's.
    let mut last = [0; 12];
    let left = single.as_flattened().iter().chain(rest);
    for (place, byte) in left.enumerate() {
        let place = if place < 8 { place } else { place + 1 };
        if let Some(slot) = last.get_mut(place) {
            *slot = *byte;
        }
    }
    if let ([x, y, z], _) = last.as_chunks::<4>() {
        let (x, y) = (a.wrapping_add(word(x)), b.wrapping_add(word(y)));
        (_, _, c) = mix(x, y, c.wrapping_add(word(z)));
    }
    c
}

/// The hash of an atom in OTP's table: `hashpjw` over the text in Latin-1, as far as it is that
/// (`atom_hash` in `atom.c`).
fn atom_hash(atom: &Atom) -> u32 {
    let mut hash = 0_u32;
    let mut bytes = atom.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        let byte = match byte {
            // Two bytes that are one in Latin-1.
            0xc2 | 0xc3 => byte << 6 | bytes.next().map_or(0, |next| next & 0x3f),
            byte => byte,
        };
        hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        if high != 0 {
            hash ^= high >> 24;
            hash ^= high;
        }
    }
    hash
}

/// The hash of what makes two records the same kind: the tuple of module, name, whether it is
/// exported, and the names of the fields.
fn definition(record: &Record) -> u32 {
    let mut state = State(0);
    state.word((record.len() as u32).wrapping_add(3), 9);
    let exported = if record.is_exported() {
        atom!("true")
    } else {
        atom!("false")
    };
    let head = [record.module(), record.name(), &exported];
    for atom in head.into_iter().chain(record.names()) {
        let hashed = atom_hash(atom);
        if state.0 == 0 {
            state.0 = hashed;
        } else {
            state.word(hashed, 3);
        }
    }
    state.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Float, Local};
    use bytes::Bytes;
    use num_bigint::BigInt;
    use std::vec;
    use std::vec::Vec;

    fn hash32(term: impl Into<Term>) -> u32 {
        term.into().phash2_range(1 << 32).unwrap()
    }

    fn float(value: f64) -> Term {
        Float::new(value).unwrap().into()
    }

    fn bits(bytes: &[u8], last_bits: u8) -> Term {
        BitString::new(bytes.into(), last_bits).unwrap().into()
    }

    /// What OTP 25 and 29 gave.
    #[test]
    fn known_answers() {
        let power = |sign: i8| -> BigInt { BigInt::from(sign) << 64 };
        let map = |pairs: Vec<(Term, Term)>| Term::map(pairs).unwrap();
        let export = ExportFun {
            module: atom!("lists"),
            function: atom!("map"),
            arity: 2,
        };
        let record = Record::new(atom!("rh"), atom!("one"), false, [(atom!("x"), 1.into())]);
        let expected: &[(Term, u32)] = &[
            (0.into(), 3_175_731_469),
            (1.into(), 539_485_162),
            ((-1).into(), 1_117_813_597),
            ((1 << 27).into(), 2_562_491_755),
            (((1 << 27) - 1).into(), 4_273_352_567),
            ((-(1 << 27)).into(), 874_979_335),
            (power(1).into(), 2_519_041_713),
            (power(-1).into(), 2_563_594_619),
            (float(1.0), 3_029_937_084),
            (float(-0.0), 423_528_920),
            (float(0.0), 423_528_920),
            (atom!("a").into(), 97),
            (atom!("foo").into(), 27_999),
            (atom!("").into(), 0),
            (atom!("é").into(), 233),
            (Term::nil(), 3_468_870_702),
            (Term::tuple([]), 221_703_996),
            ((atom!("a"),).into(), 2_853_905_094),
            (Term::list([atom!("a").into()]), 1_634_476_877),
            (Term::string("abc"), 519_996_486),
            (Term::string("abcde"), 2_487_089_008),
            (Term::improper([1.into()], 2), 3_844_221_178),
            (
                Term::improper([1, 2, 3].map(Term::from), atom!("foo")),
                39_336_851,
            ),
            (Term::list([Term::nil()]), 499_070_068),
            (Term::binary([]), 147_926_629),
            (Term::binary([1]), 881_997_586),
            (bits(&[5 << 5], 3), 3_354_768_668),
            (bits(&[1, 2, 5 << 5], 3), 3_252_846_376),
            (map(vec![]), 844_985_373),
            (map(vec![(atom!("a").into(), 1.into())]), 1_401_795_262),
            (
                map(vec![
                    (atom!("a").into(), 1.into()),
                    (atom!("b").into(), 2.into()),
                ]),
                1_982_682_855,
            ),
            (
                map(vec![
                    (1.into(), atom!("a").into()),
                    (float(1.0), atom!("b").into()),
                    (Term::string("x"), Term::nil()),
                ]),
                847_037_132,
            ),
            (export.into(), 840_287_883),
            (record.unwrap().into(), 1_074_285_095),
        ];
        for (term, hash) in expected {
            assert_eq!(hash32(term.clone()), *hash, "{term}");
            assert_eq!(term.phash2(), hash & 0x07ff_ffff, "{term}");
        }
    }

    #[test]
    fn how_a_list_is_held_does_not_show() {
        for len in 0..10_u8 {
            let bytes: Vec<u8> = (0..len).collect();
            let terms: List = bytes.iter().map(|byte| Term::from(*byte)).collect();
            assert_eq!(hash32(List::from_bytes(bytes)), hash32(terms));
        }
    }

    #[test]
    fn the_range_is_that_of_erlang() {
        let term = Term::from(atom!("foo"));
        assert_eq!(term.phash2_range(0), None);
        assert_eq!(term.phash2_range(1), Some(0));
        assert_eq!(term.phash2_range(1000), Some(999));
        assert_eq!(term.phash2_range((1 << 32) + 1), None);
        assert_eq!(term.phash2_range(u64::MAX), None);
    }

    #[test]
    fn a_local_term_hashes_like_its_bytes() {
        let bytes = Bytes::from_static(&[0, 0, 0, 0, 97, 1]);
        let local = Local::new(bytes.clone()).unwrap();
        assert_eq!(hash32(local), hash32(Term::binary(bytes)));
    }
}
