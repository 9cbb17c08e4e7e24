//! How atoms are written as references to the header of their message.
//!
//! ATOM_CACHE_REF ("Distribution Protocol", "Distribution Header") names an atom by its position in
//! the list of atoms that the header has, so the list is made while the message is written.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;

use crate::atom::{Atom, View};
use crate::encode;
use crate::error::EncodeError;
use crate::ident::{Pid, Reference};
use crate::tag;
use crate::term::Term;

use super::{Put, Stage, Writer};

/// The most atoms that a header can list: their number is one byte.
const MOST: usize = 255;

/// Up to so many atoms a look at each of them costs less than a hash.
const FEW: usize = 8;

/// Which position an atom has in the header of the message at hand.
pub trait AtomRefs {
    /// The position of the atom in the list of the header, where it is put now if it is not there
    /// yet. `None` if there is no room for it: then it is written in full.
    fn position(&mut self, atom: &Atom) -> Option<u8>;
}

/// The atoms of one message in the order of their first use, to be listed by its header.
///
/// ```
/// use bytes::BytesMut;
/// use erland_etf::{MessageAtoms, Term, atom, term};
///
/// let (mut atoms, mut bytes) = (MessageAtoms::default(), BytesMut::new());
/// term!({ok, [error, ok]}).encode_with(&mut atoms, &mut bytes)?;
/// assert_eq!(atoms.as_slice(), [atom!("ok"), atom!("error")]);
/// assert_eq!(bytes[..], [104, 2, 82, 0, 108, 0, 0, 0, 2, 82, 1, 82, 0, 106]);
/// # Ok::<(), erland_etf::EncodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MessageAtoms {
    atoms: Vec<Atom>,
    /// Of more atoms than a few: at the hash of an atom, or behind it, its position and 1.
    places: Option<Box<[u8; PLACES]>>,
}

/// Twice as many as there can be atoms, so that the right place is near.
const PLACES: usize = 512;

impl MessageAtoms {
    /// The atoms of the message so far.
    #[must_use]
    pub fn as_slice(&self) -> &[Atom] {
        &self.atoms
    }

    /// The atoms, for a message of which no more is written.
    #[must_use]
    pub fn into_vec(self) -> Vec<Atom> {
        self.atoms
    }

    /// Forgets all atoms, for the next message.
    pub fn clear(&mut self) {
        self.atoms.clear();
        self.places = None;
    }

    /// One atom more; where it is, if there is room.
    fn append(&mut self, atom: &Atom) -> Option<u8> {
        if self.atoms.len() >= MOST {
            return None;
        }
        let position = self.atoms.len() as u8;
        if position == 0 {
            self.atoms.reserve(FEW);
        }
        self.atoms.push(atom.clone());
        Some(position)
    }

    #[inline(never)]
    fn position_of_many(&mut self, atom: &Atom) -> Option<u8> {
        let places = self.places.get_or_insert_with(|| {
            let mut places = Box::new([0; PLACES]);
            for (atom, number) in self.atoms.iter().zip(1..) {
                let (place, _) = find(&places, &self.atoms, atom);
                if let Some(place) = places.get_mut(place) {
                    *place = number;
                }
            }
            places
        });
        let (place, found) = find(places, &self.atoms, atom);
        if found.is_some() {
            return found;
        }
        let position = self.append(atom)?;
        if let Some(place) = self
            .places
            .as_deref_mut()
            .and_then(|places| places.get_mut(place))
        {
            *place = position.saturating_add(1);
        }
        Some(position)
    }
}

impl AtomRefs for MessageAtoms {
    #[inline]
    fn position(&mut self, atom: &Atom) -> Option<u8> {
        if self.atoms.len() > FEW {
            return self.position_of_many(atom);
        }
        match self.atoms.iter().position(|known| known == atom) {
            Some(position) => Some(position as u8),
            None => self.append(atom),
        }
    }
}

/// The place of the atom, or the free one where it belongs; and its position in the list.
fn find(places: &[u8; PLACES], atoms: &[Atom], atom: &Atom) -> (usize, Option<u8>) {
    let mut place = atom.quick_hash() as usize % PLACES;
    loop {
        // There is always a free place: half of them are.
        let number = places.get(place).copied().unwrap_or(0);
        let Some(position) = number.checked_sub(1) else {
            return (place, None);
        };
        if atoms.get(usize::from(position)) == Some(atom) {
            return (place, Some(position));
        }
        place = place.wrapping_add(1) % PLACES;
    }
}

impl Atom {
    /// A hash of the text for tables of limited size: quick, and the same on every machine.
    ///
    /// It withstands no one who chooses texts so that they collide: what a look-up may cost has to
    /// be limited by the size of the table.
    #[must_use]
    #[inline]
    pub fn quick_hash(&self) -> u32 {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |hash: u64, word: u64| (hash.rotate_left(29) ^ word).wrapping_mul(FACTOR);
        let hash = match self.view() {
            // Text of this length is always kept so: these hashes need equal no others.
            View::Inline(len, text) => {
                let mut bytes = [0; 16];
                if let Some((first, _)) = bytes.split_first_chunk_mut() {
                    *first = *text;
                }
                let word = u128::from_le_bytes(bytes);
                mix(mix(u64::from(len), word as u64), (word >> 64) as u64)
            }
            View::Medium(..) | View::Long(_) => {
                let text = self.as_bytes();
                let (words, rest) = text.as_chunks::<8>();
                let words = words.iter().map(|word| u64::from_le_bytes(*word));
                let rest = rest
                    .iter()
                    .fold(0, |word, byte| word << 8 | u64::from(*byte));
                mix(words.fold(text.len() as u64, mix), rest)
            }
        };
        (hash >> 32) as u32
    }
}

/// Another place for bytes, whose atoms are references as far as they can be.
struct Referring<'r, P, R: ?Sized> {
    put: P,
    refs: &'r mut R,
}

impl<P: Put, R: AtomRefs + ?Sized> Put for Referring<'_, P, R> {
    #[inline(always)]
    fn raw(&mut self, bytes: &[u8]) {
        self.put.raw(bytes);
    }

    #[inline(always)]
    fn piece(&mut self, word: u128, len: usize) {
        self.put.piece(word, len);
    }

    #[inline(always)]
    fn short_piece(&mut self, word: u64, len: usize) {
        self.put.short_piece(word, len);
    }

    #[inline(always)]
    fn block<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.put.block(bytes, len);
    }

    #[inline(always)]
    fn atom(&mut self, atom: &Atom) {
        match self.refs.position(atom) {
            Some(position) => {
                let word = u64::from(tag::ATOM_CACHE_REF) | u64::from(position) << 8;
                self.put.short_piece(word, 2);
            }
            None => self.put.atom(atom),
        }
    }
}

impl<R: AtomRefs + ?Sized> encode::Sink for Referring<'_, Stage<'_>, R> {
    #[inline(always)]
    fn flush(&mut self) -> &mut BytesMut {
        self.put.flush()
    }
}

impl Term {
    /// Appends the term as [`encode`](Self::encode) does, with references in place of those atoms
    /// that `refs` has a position for. Names of nodes in pids and references are among them; the
    /// atoms of ports, funs and native records are always written in full.
    ///
    /// Makes room once, for what the term takes without references.
    ///
    /// # Errors
    ///
    /// As [`to_vec`](crate::to_vec); then nothing is appended, and no atom was asked for.
    pub fn encode_with(
        &self,
        refs: &mut impl AtomRefs,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        // A reference is never longer than the atom it stands for.
        out.reserve(self.encoded_len()?);
        let put = Stage::new(out);
        encode::write_to(self, Referring { put, refs })
    }
}

/// Writes terms one by one, with references in place of those atoms that `refs` has a position
/// for; otherwise a [`Writer`].
pub struct RefWriter<'a, R: ?Sized>(Referring<'a, Writer<'a>, R>);

impl<'a, R: AtomRefs + ?Sized> RefWriter<'a, R> {
    /// A writer that appends to this buffer.
    pub fn new(out: &'a mut BytesMut, refs: &'a mut R) -> Self {
        let put = Writer::new(out);
        Self(Referring { put, refs })
    }

    /// Writes the header of a tuple, whose elements are to follow.
    #[inline]
    pub fn tuple_header(&mut self, len: u32) {
        self.0.tuple_header(len);
    }

    /// Writes an integer of any of Rust's types but `u128`, `isize` and `usize`.
    #[inline]
    pub fn integer(&mut self, value: impl Into<i128>) {
        self.0.put.integer(value);
    }

    /// Writes an atom.
    #[inline]
    pub fn atom(&mut self, atom: &Atom) {
        self.0.atom(atom);
    }

    /// Writes a pid.
    #[inline]
    pub fn pid(&mut self, pid: &Pid) {
        self.0.pid(pid);
    }

    /// Writes a reference.
    #[inline]
    pub fn reference(&mut self, reference: &Reference) {
        self.0.reference(reference);
    }

    /// Writes a term, whose atoms are written in full.
    ///
    /// # Errors
    ///
    /// As [`to_vec`](crate::to_vec); then nothing is written.
    pub fn term(&mut self, term: &Term) -> Result<(), EncodeError> {
        self.0.put.term(term)
    }
}

impl<R: ?Sized> fmt::Debug for RefWriter<'_, R> {
    /// The length only: what is in a message is nobody else's to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.put.fmt(f)
    }
}
