//! How a [`Term`] is built from tokens, within [`Limits`] and without recursion.

#![deny(clippy::arithmetic_side_effects)]

mod frame;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::atom::Atom;
use crate::binary::{Binary, BitString};
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::fun::{ExportFun, Fun, InternalFun};
use crate::ident::{NodeId, Pid, Port, Reference};
use crate::integer::Integer;
use crate::limits::Limits;
use crate::list::List;
use crate::local::Local;
use crate::map::{DuplicateKey, Map};
use crate::read::{
    AtomText, ExportParts, FunParts, NodeParts, PidParts, PortParts, Reader, RecordParts,
    ReferenceParts, Step, Token, Visit,
};
use crate::record::Record;
use crate::term::Term;
use crate::tuple::Tuple;

use frame::{Frame, OpenFun, OpenRecord, counted, end_list, grow};

/// Decodes a term from the external format, version byte 131 included.
///
/// Bytes behind the term are ignored, as by `binary_to_term/1`. The limits are [`Limits::DEFAULT`];
/// [`Reader::read_term`] takes others.
///
/// # Errors
///
/// On bytes that OTP refuses as well, on compressed terms, and past the limits.
///
/// ```
/// use erland_etf::{Term, from_slice};
///
/// assert_eq!(from_slice(&[131, 104, 2, 97, 1, 97, 2])?, Term::from((1, 2)));
/// # Ok::<(), erland_etf::DecodeError>(())
/// ```
pub fn from_slice(bytes: &[u8]) -> Result<Term, DecodeError> {
    with_version(Reader::new(bytes))
}

/// [`from_slice`], but binaries of 64 bytes or more become slices of the input, without a copy.
///
/// Each of them keeps the whole input alive; [`Binary::detach`] copies one out.
///
/// # Errors
///
/// As [`from_slice`].
pub fn from_bytes(bytes: &Bytes) -> Result<Term, DecodeError> {
    with_version(Reader::from_bytes(bytes))
}

fn with_version(mut reader: Reader<'_>) -> Result<Term, DecodeError> {
    reader.read_version()?;
    reader.read_term(&Limits::DEFAULT)
}

impl Reader<'_> {
    /// Reads one term of any type.
    ///
    /// # Errors
    ///
    /// As [`next_token`](Self::next_token), and if a key of a map or a field of a record occurs
    /// twice (the offset is then that of its last part), or if the limits are exceeded.
    pub fn read_term(&mut self, limits: &Limits) -> Result<Term, DecodeError> {
        // A copy, which the loop can keep in registers.
        let mut cursor = self.cursor();
        let mut builder = Builder {
            reader: self,
            heap: limits.max_heap(),
            stack: SmallVec::new(),
            top: Frame::Root,
        };
        loop {
            let before = cursor.remaining().len();
            let step = match cursor.visit(&mut builder) {
                Ok(None) => Ok(None),
                Ok(Some(term)) => builder.deliver(term),
                Err(kind) => Err(kind),
            };
            match step {
                Ok(None) => {}
                Ok(Some(term)) => {
                    self.set_cursor(cursor);
                    return Ok(term);
                }
                Err(kind) => return Err(builder.reader.error(kind, before)),
            }
        }
    }
}

struct Builder<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// How much memory may still be used.
    heap: usize,
    /// The container whose terms are next, and those around it.
    top: Frame,
    stack: SmallVec<[Frame; 8]>,
}

impl<'a> Visit<'a> for Builder<'_, 'a> {
    type Output = Option<Term>;

    #[inline(always)]
    fn visit(&mut self, token: Token<'a>) -> Step<Option<Term>> {
        self.term(token)
    }

    #[inline(never)]
    fn visit_rare(&mut self, token: Token<'a>) -> Step<Option<Term>> {
        self.term(token)
    }
}

impl<'a> Builder<'_, 'a> {
    /// The term of this token, or `None` if it opens a container.
    #[inline(always)]
    fn term(&mut self, token: Token<'a>) -> Step<Option<Term>> {
        Ok(Some(match token {
            Token::Integer(value) => Term::Integer(Integer::from(value)),
            Token::Atom(atom) => Term::Atom(self.atom(&atom)?),
            Token::Float(float) => Term::Float(float),
            Token::Nil => Term::nil(),
            Token::Binary(bytes) => Term::Binary(self.binary(bytes)?),
            Token::Pid(pid) => Term::Pid(self.pid(&pid)?),
            Token::Tuple(0) => Term::Tuple(Tuple::default()),
            Token::Tuple(owed) => {
                let terms = self.terms(owed)?;
                self.open(Frame::Tuple { owed, terms });
                return Ok(None);
            }
            Token::List(owed) => {
                self.list(owed)?;
                return Ok(None);
            }
            Token::String(bytes) => self.string(bytes)?,
            Token::Map(0) => Term::Map(Map::default()),
            Token::Map(len) => {
                self.charge_each(len as usize, size_of::<(Term, Term)>())?;
                let pairs = Vec::with_capacity(len as usize);
                let owed = len.saturating_mul(2);
                self.open(Frame::Map { owed, pairs });
                return Ok(None);
            }
            Token::BigInteger {
                negative,
                magnitude,
            } => self.big_integer(negative, magnitude)?,
            Token::BitString { bytes, last_bits } => self.bit_string(bytes, last_bits)?,
            Token::Port(port) => self.port(&port)?,
            Token::Reference(reference) => self.reference(&reference)?,
            Token::Export(export) => self.export(&export)?,
            Token::Local(bytes) => self.local(bytes)?,
            Token::Fun(fun) => return self.fun(&fun),
            Token::Record(record) => return self.record(&record),
        }))
    }

    /// Gives a complete term to the container that waits for it, and that one, if it is complete
    /// then, to the next. Returns the whole term once it is complete.
    #[inline(always)]
    fn deliver(&mut self, mut term: Term) -> Step<Option<Term>> {
        loop {
            let tail = match &mut self.top {
                Frame::Root => return Ok(Some(term)),
                Frame::Tuple { owed, terms } => {
                    terms.push(term);
                    if counted(owed) {
                        return Ok(None);
                    }
                    Term::nil()
                }
                Frame::List { owed: 0, .. } => term,
                Frame::List { owed, terms } => {
                    terms.push(term);
                    counted(owed);
                    return Ok(None);
                }
                Frame::Map { owed, pairs } => {
                    match pairs.last_mut() {
                        Some((_, value)) if *owed & 1 == 1 => *value = term,
                        _ => pairs.push((term, Term::nil())),
                    }
                    if counted(owed) {
                        return Ok(None);
                    }
                    Term::nil()
                }
                Frame::Fun(open) => {
                    open.free.push(term);
                    if counted(&mut open.owed) {
                        return Ok(None);
                    }
                    Term::nil()
                }
                Frame::Record(open) => {
                    open.values.push(term);
                    if counted(&mut open.owed) {
                        return Ok(None);
                    }
                    Term::nil()
                }
            };
            let outer = self.stack.pop().unwrap_or(Frame::Root);
            term = match mem::replace(&mut self.top, outer) {
                Frame::Root => return Ok(Some(tail)),
                Frame::Tuple { terms, .. } => Term::Tuple(terms.into()),
                Frame::List { terms, .. } => end_list(terms, tail),
                Frame::Map { pairs, .. } => {
                    Term::Map(Map::from_pairs(pairs).map_err(|DuplicateKey| Kind::DuplicateKey)?)
                }
                Frame::Fun(open) => open.close(),
                Frame::Record(open) => open.close()?,
            };
        }
    }

    #[inline(always)]
    fn open(&mut self, frame: Frame) {
        self.stack.push(mem::replace(&mut self.top, frame));
    }

    // ---- leaves ----

    #[inline(always)]
    fn atom(&mut self, atom: &AtomText<'_>) -> Step<Atom> {
        self.charge(shared(atom.copied(), atom.copied()))?;
        Ok(atom.to_atom())
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
        self.charge(NODE)?;
        Ok(self.reader.node(node))
    }

    #[inline(never)]
    fn big_integer(&mut self, negative: bool, magnitude: &[u8]) -> Step<Term> {
        self.charge(magnitude.len())?;
        let integer = Integer::from_le_magnitude(negative, magnitude);
        Ok(Term::Integer(integer))
    }

    #[inline(never)]
    fn bit_string(&mut self, bytes: &'a [u8], last_bits: u8) -> Step<Term> {
        self.charge(size_of::<BitString>())?;
        // Bits that must be cleared take a copy, whatever the binary is.
        self.charge(bytes.len())?;
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
        reference.to_reference(node).map(Term::from)
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
    fn terms(&mut self, len: u32) -> Step<Vec<Term>> {
        self.charge_each(len as usize, size_of::<Term>())?;
        Ok(Vec::with_capacity(len as usize))
    }

    #[inline(always)]
    fn list(&mut self, owed: u32) -> Step<()> {
        if let Frame::List {
            owed: due @ 0,
            terms,
        } = &mut self.top
        {
            // A list as the tail of a list: both are one and go on in one vector. To join them
            // inside out would take the square of the nesting.
            *due = owed;
            grow(terms, owed as usize);
            return self.charge_each(owed as usize, size_of::<Term>());
        }
        let terms = self.terms(owed)?;
        self.open(Frame::List { owed, terms });
        Ok(())
    }

    /// A list of bytes, or `[]` for the end of the list whose tail they were.
    #[inline]
    fn string(&mut self, bytes: &'a [u8]) -> Step<Term> {
        if let Frame::List { owed: 0, terms } = &mut self.top {
            grow(terms, bytes.len());
            terms.extend(bytes.iter().map(|byte| Term::from(*byte)));
            self.charge_each(bytes.len(), size_of::<Term>())?;
            return Ok(Term::nil());
        }
        Ok(Term::List(List::from_bytes(self.binary(bytes)?)))
    }

    #[inline(never)]
    fn fun(&mut self, parts: &FunParts<'_>) -> Step<Option<Term>> {
        self.charge(size_of::<Fun>())?;
        let open = OpenFun {
            owed: u32::from(parts.free),
            free: self.terms(u32::from(parts.free))?,
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
        };
        if open.owed == 0 {
            return Ok(Some(open.close()));
        }
        self.open(Frame::Fun(Box::new(open)));
        Ok(None)
    }

    #[inline(never)]
    fn record(&mut self, parts: &RecordParts<'_>) -> Step<Option<Term>> {
        self.charge(size_of::<Record>())?;
        self.charge_each(parts.len as usize, size_of::<Atom>())?;
        let mut names = Vec::with_capacity(parts.len as usize);
        for name in parts.names() {
            names.push(self.atom(&name)?);
        }
        let open = OpenRecord {
            owed: parts.len,
            module: self.atom(&parts.module)?,
            name: self.atom(&parts.name)?,
            exported: parts.exported,
            names,
            values: self.terms(parts.len)?,
        };
        if open.owed == 0 {
            return open.close().map(Some);
        }
        self.open(Frame::Record(Box::new(open)));
        Ok(None)
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

/// What text or a binary of this length takes, of which so much is copied: nothing if it is kept
/// inline, else two counters and a handle more.
const fn shared(len: usize, copied: usize) -> usize {
    if len <= 14 {
        0
    } else {
        copied.saturating_add(48)
    }
}
