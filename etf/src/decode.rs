//! How a [`Term`] is built from tokens, within [`Limits`] and without recursion.

#![deny(clippy::arithmetic_side_effects)]

mod frame;
mod leaves;
mod recent;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use crate::atom::{Atom, INLINE};
use crate::binary::{Binary, BitString};
use crate::compress;
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::fun::{ExportFun, Fun, InternalFun};
use crate::ident::{NodeId, Pid, Port, Reference};
use crate::integer::Integer;
use crate::limits::Limits;
use crate::list::{LIST, List, bytes_outside};
use crate::local::Local;
use crate::medium::MEDIUM;
use crate::read::{
    AtomText, Cursor, ExportParts, FunParts, NodeParts, PidParts, PortParts, Reader, RecordParts,
    ReferenceParts, Step, Text, Token, Visit,
};
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;

use frame::{Frame, Open, OpenFun, OpenRecord, end_map, grow};
use recent::Recent;

/// Decodes a term from the external format, version byte 131 included.
///
/// Bytes behind the term are ignored, as by `binary_to_term/1`. With the feature `zlib` a
/// compressed term is inflated. The limits are [`Limits::DEFAULT`]; [`from_slice_with`] takes
/// others.
///
/// # Errors
///
/// On bytes that OTP refuses as well, on compressed terms in a build without the feature `zlib`,
/// and past the limits.
///
/// ```
/// use erland_etf::{Term, from_slice};
///
/// assert_eq!(from_slice(&[131, 104, 2, 97, 1, 97, 2])?, Term::from((1, 2)));
/// # Ok::<(), erland_etf::DecodeError>(())
/// ```
pub fn from_slice(bytes: &[u8]) -> Result<Term, DecodeError> {
    from_slice_with(bytes, &Limits::DEFAULT)
}

/// [`from_slice`] within other limits.
///
/// # Errors
///
/// As [`from_slice`].
pub fn from_slice_with(bytes: &[u8], limits: &Limits) -> Result<Term, DecodeError> {
    match compress::plain(bytes, limits)? {
        None => with_version(Reader::new(bytes), limits),
        Some(plain) => with_version(Reader::new(&plain), limits).map_err(compress::inside),
    }
}

/// [`from_slice`], but binaries of 64 bytes or more become slices of the input, without a copy, or
/// of what it is inflated to.
///
/// Each of them keeps the whole input alive; [`Binary::detach`] copies one out.
///
/// # Errors
///
/// As [`from_slice`].
pub fn from_bytes(bytes: &Bytes) -> Result<Term, DecodeError> {
    from_bytes_with(bytes, &Limits::DEFAULT)
}

/// [`from_bytes`] within other limits.
///
/// # Errors
///
/// As [`from_slice`].
pub fn from_bytes_with(bytes: &Bytes, limits: &Limits) -> Result<Term, DecodeError> {
    match compress::plain(bytes, limits)? {
        None => with_version(Reader::from_bytes(bytes), limits),
        Some(plain) => with_version(Reader::from_bytes(&plain), limits).map_err(compress::inside),
    }
}

fn with_version(mut reader: Reader<'_>, limits: &Limits) -> Result<Term, DecodeError> {
    reader.read_version()?;
    reader.read_term(limits)
}

impl Reader<'_> {
    /// Reads one term of any type.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), and if a key of a map or a field of a record occurs
    /// twice (the offset is then that of the end of the map or record), or if the limits are
    /// exceeded.
    pub fn read_term(&mut self, limits: &Limits) -> Result<Term, DecodeError> {
        // A copy, which the loop can keep in registers.
        let mut cursor = self.cursor();
        let mut builder = Builder {
            heap: limits.max_heap(),
            before: 0,
            leaf: Term::nil(),
            recent: Recent::default(),
            reader: self,
        };
        match builder.term(&mut cursor) {
            Ok(term) => {
                self.set_cursor(cursor);
                Ok(term)
            }
            Err(kind) => Err(builder.reader.error(kind, builder.before)),
        }
    }
}

struct Builder<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// How much memory may still be used.
    heap: usize,
    /// How much of the input was left where the last thing started that can be wrong.
    before: usize,
    /// A leaf that was not read in a run of them.
    leaf: Term,
    recent: Recent,
}

/// What the next token starts.
enum Next {
    /// A term that is complete and waits in the builder.
    Leaf,
    // As wide as the boxes: parts of a word that are written apart are slow to read as one.
    /// Of so many elements.
    Tuple(usize),
    /// Of so many elements and a tail, which may itself be the tail of a list.
    List(usize),
    /// Of so many pairs.
    Map(usize),
    Fun(Box<OpenFun>),
    Record(Box<OpenRecord>),
}

impl<'a> Visit<'a> for Builder<'_, 'a> {
    type Output = Next;

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<Next> {
        self.next(token)
    }

    #[inline(never)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<Next> {
        self.next(token)
    }
}

impl<'a> Builder<'_, 'a> {
    #[inline(always)]
    fn next(&mut self, token: Token<'a>) -> Step<Next> {
        Ok(match token {
            Token::Tuple(len) => Next::Tuple(len as usize),
            Token::List(len) => Next::List(len as usize),
            Token::Map(len) => Next::Map(len as usize),
            Token::Fun(fun) => Next::Fun(Box::new(self.fun(&fun)?)),
            Token::Record(record) => Next::Record(Box::new(self.record(&record)?)),
            leaf => {
                let mut term = Term::nil();
                self.leaf(leaf, &mut &mut term)?;
                self.leaf = term;
                Next::Leaf
            }
        })
    }

    /// Reads one term with all that is in it.
    fn term(&mut self, cursor: &mut Cursor<'a>) -> Step<Term> {
        // The containers that are open, each within the one before.
        let mut open = Open::default();
        loop {
            // What is next is no leaf, or the first of all.
            self.before = cursor.remaining().len();
            match cursor.visit(self)? {
                Next::Leaf => open.add(mem::replace(&mut self.leaf, Term::nil())),
                Next::Tuple(len) => {
                    let mut terms = self.terms(len)?;
                    let mut owed = len as u32;
                    self.fill(cursor, &mut owed, &mut terms);
                    // Most tuples have nothing but leaves.
                    if owed > 0 {
                        open.push(Frame::Tuple { owed, terms });
                        continue;
                    }
                    let tuple = terms.into();
                    open.add_tuple(tuple);
                }
                Next::List(len) => {
                    let mut owed = len as u32;
                    if let Some(terms) = open.at_tail() {
                        // A list as the tail of a list: both are one and go on in one vector. To
                        // join them inside out would take the square of the nesting.
                        self.charge_each(len, size_of::<Term>())?;
                        grow(terms, len);
                        open.lengthen(owed);
                    } else if len == 1
                        && let Some(list) = self.pair(cursor)?
                    {
                        open.add_list(list);
                    } else {
                        self.charge(LIST)?;
                        let mut terms = self.terms(len)?;
                        self.fill(cursor, &mut owed, &mut terms);
                        if owed > 0 || !cursor.nil() {
                            open.push(Frame::List { owed, terms });
                            if owed == 0 {
                                continue;
                            }
                        } else {
                            let list = terms.into();
                            open.add_list(list);
                        }
                    }
                }
                Next::Map(len) => {
                    self.charge_each(len, size_of::<(Term, Term)>())?;
                    let mut pairs = Vec::with_capacity(len);
                    let mut owed = (len as u32).saturating_mul(2);
                    self.fill_pairs(cursor, &mut owed, &mut pairs);
                    if owed > 0 {
                        open.push(Frame::Map { owed, pairs });
                        continue;
                    }
                    self.before = cursor.remaining().len();
                    let map = end_map(pairs)?;
                    open.add_map(map);
                }
                Next::Fun(fun) => open.push(Frame::Fun(fun)),
                Next::Record(record) => open.push(Frame::Record(record)),
            }
            // A term was added. Read on in its container, and end all that are complete.
            loop {
                let Some(top) = open.frames.last_mut() else {
                    return Ok(open.root);
                };
                match top {
                    Frame::Tuple { owed, terms } => {
                        if *owed > 0 {
                            self.fill(cursor, owed, terms);
                        }
                        if *owed > 0 {
                            break;
                        }
                        let tuple = mem::take(terms).into();
                        open.end();
                        open.add_tuple(tuple);
                    }
                    Frame::List { owed, terms } => {
                        if *owed > 0 {
                            self.fill(cursor, owed, terms);
                        }
                        if *owed > 0 || !cursor.nil() {
                            break;
                        }
                        let list = mem::take(terms).into();
                        open.end();
                        open.add_list(list);
                    }
                    Frame::Improper { terms } => {
                        let terms = mem::take(terms);
                        let term = self.improper(terms)?;
                        open.end();
                        open.add(term);
                    }
                    Frame::Map { owed, pairs } => {
                        self.fill_pairs(cursor, owed, pairs);
                        if *owed > 0 {
                            break;
                        }
                        self.before = cursor.remaining().len();
                        let map = end_map(mem::take(pairs))?;
                        open.end();
                        open.add_map(map);
                    }
                    Frame::Fun(fun) if fun.owed > 0 => break,
                    Frame::Record(record) if record.owed > 0 => break,
                    Frame::Fun(_) | Frame::Record(_) => {
                        self.before = cursor.remaining().len();
                        match open.frames.pop() {
                            Some(Frame::Fun(fun)) => open.add(fun.end()),
                            Some(Frame::Record(record)) => open.add(record.end()?),
                            _ => {}
                        }
                    }
                }
            }
        }
    }

    /// A list of one element, if that and its tail are leaves; else nothing is read. The frequent
    /// one is `[alias | Reference]`.
    #[inline(never)]
    fn pair(&mut self, cursor: &mut Cursor<'a>) -> Step<Option<List>> {
        let mut ahead = *cursor;
        let heap = self.heap;
        let (mut element, mut tail) = (Term::nil(), Term::nil());
        if self.read_leaf(&mut ahead, &mut element)
            && self.read_leaf(&mut ahead, &mut tail)
            && let Some(list) = List::pair(element, tail)
        {
            ahead.counted(2);
            *cursor = ahead;
            let terms = if list.is_proper() { 1 } else { 2 };
            self.charge_each(terms, size_of::<Term>())?;
            return Ok(Some(list));
        }
        self.heap = heap;
        Ok(None)
    }

    // ---- leaves ----

    #[inline(always)]
    fn atom(&mut self, atom: &AtomText<'_>) -> Step<Atom> {
        match atom.0 {
            Text::Utf8(text) if text.len() > INLINE => {
                self.charge(shared(text.len(), text.len()))?;
                Ok(self.recent.atom(text))
            }
            _ => {
                self.charge(shared(atom.copied(), atom.copied()))?;
                Ok(atom.to_atom())
            }
        }
    }

    #[inline(always)]
    fn binary(&mut self, bytes: &'a [u8]) -> Step<Binary> {
        self.charge(shared(bytes.len(), self.reader.copied(bytes)))?;
        Ok(self.reader.to_binary(bytes))
    }

    #[inline(always)]
    fn pid(&mut self, pid: &PidParts<'_>) -> Step<Pid> {
        let node = self.node(&pid.node)?;
        Ok(Pid::new(node, pid.id, pid.serial))
    }

    #[inline]
    fn node(&mut self, node: &NodeParts<'_>) -> Step<NodeId> {
        if let Some(known) = self.reader.known_node(node) {
            return Ok(known.clone());
        }
        let name = node.name.copied();
        self.charge(NODE.saturating_add(shared(name, name)))?;
        Ok(self.reader.node(node))
    }

    #[inline(never)]
    fn big_integer(&mut self, negative: bool, magnitude: &[u8]) -> Step<Term> {
        if magnitude.len() > INLINE_INTEGER {
            self.charge(BIG.saturating_add(magnitude.len().next_multiple_of(8)))?;
        }
        let integer = Integer::from_le_magnitude(negative, magnitude);
        Ok(Term::Integer(integer))
    }

    #[inline(never)]
    fn bit_string(&mut self, bytes: &'a [u8], last_bits: u8) -> Step<Term> {
        self.charge(size_of::<BitString>())?;
        // Bits that must be cleared take a copy, whatever the binary is.
        self.charge(shared(bytes.len(), bytes.len()))?;
        let bits = BitString::new(self.reader.to_binary(bytes), last_bits);
        bits.map(Term::from).map_err(|_| Kind::BitString)
    }

    #[inline(never)]
    fn port(&mut self, port: &PortParts<'_>) -> Step<Term> {
        let node = self.node(&port.node)?;
        Ok(Term::Port(Port::new(node, port.id)))
    }

    #[inline(never)]
    fn reference(&mut self, reference: &ReferenceParts<'_>) -> Step<Term> {
        self.charge(size_of::<Reference>())?;
        let node = self.node(&reference.node)?;
        Ok(Term::Reference(Box::new(reference.to_reference(node))))
    }

    #[inline(never)]
    fn export(&mut self, export: &ExportParts<'_>) -> Step<Term> {
        self.charge(size_of::<Fun>())?;
        let fun = ExportFun {
            module: self.atom(&export.module)?,
            function: self.atom(&export.function)?,
            arity: export.arity,
        };
        Ok(Term::from(Fun::Export(fun)))
    }

    #[inline(never)]
    fn local(&mut self, bytes: &'a [u8]) -> Step<Term> {
        self.charge(size_of::<Local>())?;
        self.charge(self.reader.copied(bytes))?;
        let local = Local::trusted(self.reader.to_bytes(bytes));
        Ok(Term::from(local))
    }

    // ---- containers ----

    /// Room for the elements of a container. The reader has seen that the input can hold as many.
    #[inline(always)]
    fn terms(&mut self, len: usize) -> Step<Vec<Term>> {
        self.charge_each(len, size_of::<Term>())?;
        Ok(Vec::with_capacity(len))
    }

    /// The list of these elements and, behind them, its tail.
    #[inline(never)]
    fn improper(&mut self, mut terms: Vec<Term>) -> Step<Term> {
        let tail = terms.pop().unwrap_or(Term::nil());
        if let Term::List(list) = &tail {
            // A list of bytes will be joined.
            self.charge_each(list.len(), size_of::<Term>())?;
            grow(&mut terms, list.len());
        } else {
            self.charge(size_of::<Term>())?;
        }
        Ok(match List::improper(terms, tail) {
            Ok(list) => Term::List(list),
            Err(tail) => tail,
        })
    }

    /// The list of the first `len` of these bytes, behind which the rest of the input is.
    #[inline(always)]
    fn string(&mut self, len: usize, all: &'a [u8]) -> Step<List> {
        self.charge(bytes_outside(len))?;
        match List::from_short_bytes(len, all) {
            Some(list) => Ok(list),
            None => self.long_string(all.get(..len).unwrap_or_default()),
        }
    }

    #[inline(never)]
    fn long_string(&mut self, bytes: &'a [u8]) -> Step<List> {
        self.charge(self.reader.copied(bytes))?;
        Ok(List::from_long_bytes(self.reader.to_bytes(bytes)))
    }

    #[inline(never)]
    fn fun(&mut self, parts: &FunParts<'_>) -> Step<OpenFun> {
        self.charge(size_of::<Fun>())?;
        Ok(OpenFun {
            owed: u32::from(parts.free),
            free: self.terms(usize::from(parts.free))?,
            fun: InternalFun {
                module: self.atom(&parts.module)?,
                arity: parts.arity,
                uniq: *parts.uniq,
                index: parts.index,
                old_index: parts.old_index,
                old_uniq: parts.old_uniq,
                pid: self.pid(&parts.pid)?,
                free: Tuple::default(),
            },
        })
    }

    #[inline(never)]
    fn record(&mut self, parts: &RecordParts<'_>) -> Step<OpenRecord> {
        self.charge(size_of::<Record>())?;
        self.charge_each(parts.len as usize, size_of::<Atom>())?;
        let mut names = Vec::with_capacity(parts.len as usize);
        for name in parts.names() {
            names.push(self.atom(&name)?);
        }
        Ok(OpenRecord {
            owed: parts.len,
            module: self.atom(&parts.module)?,
            name: self.atom(&parts.name)?,
            exported: parts.exported,
            names,
            values: self.terms(parts.len as usize)?,
        })
    }

    // ---- memory ----

    #[inline(always)]
    fn charge(&mut self, bytes: usize) -> Step<()> {
        self.heap = self.heap.checked_sub(bytes).ok_or(Kind::HeapLimit)?;
        Ok(())
    }

    #[inline(always)]
    fn charge_each(&mut self, count: usize, bytes: usize) -> Step<()> {
        self.charge(count.saturating_mul(bytes))
    }
}

/// What a [`NodeId`] takes: two counters, an atom, a creation.
const NODE: usize = 40;

/// What a [`BigInt`](num_bigint::BigInt) takes beside its digits.
const BIG: usize = size_of::<num_bigint::BigInt>();

/// The most bytes of an integer that take no memory.
const INLINE_INTEGER: usize = 16;

/// What text or a binary of this length takes, of which so much is copied: nothing if it is kept
/// inline, one block if it is not long, else two counters and a handle more.
const fn shared(len: usize, copied: usize) -> usize {
    if len <= INLINE {
        0
    } else if len <= MEDIUM {
        MEDIUM + 16
    } else {
        copied.saturating_add(48)
    }
}
