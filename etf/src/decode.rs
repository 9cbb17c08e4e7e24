//! How a [`Term`] is built from tokens, within [`Limits`] and without recursion.

#![deny(clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{iter, mem};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::atom::{Atom, AtomError};
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
    ReferenceParts, Token,
};
use crate::record::{DuplicateField, Record};
use crate::term::Term;
use crate::tuple::Tuple;

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
    /// twice (the offset is then where it ends), or if the limits are exceeded.
    pub fn read_term(&mut self, limits: &Limits) -> Result<Term, DecodeError> {
        let mut builder = Builder {
            reader: self,
            heap: limits.max_heap(),
            stack: SmallVec::new(),
        };
        loop {
            let before = builder.reader.remaining().len();
            let token = builder.reader.inlined_token()?;
            match builder.take(token) {
                Ok(None) => {}
                Ok(Some(term)) => return Ok(term),
                Err(kind) => return Err(builder.reader.error(kind, before)),
            }
        }
    }
}

/// A container that still waits for terms, with what it has.
///
/// Two bytes of input (a tuple of one element) open one of them, and the stack takes three times
/// their size while it doubles. At 32 bytes that keeps decoding within 64 bytes of memory for one
/// of input; what is larger is boxed.
enum Frame {
    Tuple {
        owed: u32,
        terms: Vec<Term>,
    },
    /// At least one element; once it has all, the tail comes.
    List {
        owed: u32,
        terms: Vec<Term>,
    },
    /// Keys and values count one each. A key waits in its pair with `[]` as value.
    Map {
        owed: u32,
        pairs: Vec<(Term, Term)>,
    },
    Fun(Box<OpenFun>),
    Record(Box<OpenRecord>),
}

const _: () = assert!(size_of::<Frame>() <= 32);

impl Frame {
    /// Adds a term, which a container waits for, and gives the container if it was the last.
    #[inline(always)]
    fn add(&mut self, term: Term) -> Result<Option<Term>, Kind> {
        Ok(Some(match self {
            Self::Tuple { owed, terms } => {
                terms.push(term);
                if counted(owed) {
                    return Ok(None);
                }
                Term::Tuple(mem::take(terms).into())
            }
            Self::List { owed: 0, terms } => end_list(mem::take(terms), term),
            Self::List { owed, terms } => {
                terms.push(term);
                counted(owed);
                return Ok(None);
            }
            Self::Map { owed, pairs } => {
                match pairs.last_mut() {
                    Some((_, value)) if *owed & 1 == 1 => *value = term,
                    _ => pairs.push((term, Term::nil())),
                }
                if counted(owed) {
                    return Ok(None);
                }
                Term::Map(
                    Map::from_pairs(mem::take(pairs)).map_err(|DuplicateKey| Kind::DuplicateKey)?,
                )
            }
            Self::Fun(open) => {
                open.free.push(term);
                if counted(&mut open.owed) {
                    return Ok(None);
                }
                open.close()
            }
            Self::Record(open) => {
                open.values.push(term);
                if counted(&mut open.owed) {
                    return Ok(None);
                }
                open.close()?
            }
        }))
    }
}

/// Counts one term off what is owed; whether there is more.
#[inline(always)]
fn counted(owed: &mut u32) -> bool {
    *owed = owed.saturating_sub(1);
    *owed > 0
}

fn end_list(mut terms: Vec<Term>, tail: Term) -> Term {
    if tail.is_nil() {
        return Term::List(terms.into());
    }
    // Else one more term could double the memory.
    terms.reserve_exact(1);
    match List::improper(terms, tail) {
        Ok(list) => Term::List(list),
        Err(tail) => tail,
    }
}

/// A fun that waits for its free variables.
struct OpenFun {
    owed: u32,
    fun: InternalFun,
    free: Vec<Term>,
}

impl OpenFun {
    fn close(&mut self) -> Term {
        Term::from(InternalFun {
            free: mem::take(&mut self.free).into(),
            module: self.fun.module.clone(),
            pid: self.fun.pid.clone(),
            ..self.fun
        })
    }
}

/// A record that waits for its values.
struct OpenRecord {
    owed: u32,
    module: Atom,
    name: Atom,
    exported: bool,
    names: Vec<Atom>,
    values: Vec<Term>,
}

impl OpenRecord {
    fn close(&mut self) -> Result<Term, Kind> {
        let names = mem::take(&mut self.names);
        let values = mem::take(&mut self.values);
        Record::new(
            self.module.clone(),
            self.name.clone(),
            self.exported,
            iter::zip(names, values),
        )
        .map(Term::from)
        .map_err(|DuplicateField| Kind::DuplicateField)
    }
}

struct Builder<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// How much memory may still be used.
    heap: usize,
    stack: SmallVec<[Frame; 8]>,
}

impl<'a> Builder<'_, 'a> {
    /// Goes on with this token. Returns the whole term once it is complete.
    #[inline(always)]
    fn take(&mut self, token: Token<'a>) -> Result<Option<Term>, Kind> {
        let term = match token {
            Token::Integer(value) => Term::Integer(Integer::from(value)),
            Token::Atom(atom) => Term::Atom(self.atom(&atom)?),
            Token::Float(float) => Term::Float(float),
            Token::Nil => Term::nil(),
            Token::Binary(bytes) => Term::Binary(self.binary(bytes)?),
            Token::Pid(pid) => Term::Pid(self.pid(&pid)?),
            Token::Tuple(0) => Term::Tuple(Tuple::default()),
            Token::Tuple(owed) => {
                let terms = self.terms(owed)?;
                self.stack.push(Frame::Tuple { owed, terms });
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
                self.stack.push(Frame::Map { owed, pairs });
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
            Token::Fun(fun) => match self.fun(&fun)? {
                Some(term) => term,
                None => return Ok(None),
            },
            Token::Record(record) => match self.record(&record)? {
                Some(term) => term,
                None => return Ok(None),
            },
        };
        self.deliver(term)
    }

    /// Gives a complete term to the container that waits for it, and that one, if it is complete
    /// then, to the next.
    #[inline(always)]
    fn deliver(&mut self, mut term: Term) -> Result<Option<Term>, Kind> {
        while let Some(frame) = self.stack.last_mut() {
            match frame.add(term)? {
                None => return Ok(None),
                Some(complete) => term = complete,
            }
            self.stack.pop();
        }
        Ok(Some(term))
    }

    // ---- leaves ----

    #[inline(always)]
    fn atom(&mut self, atom: &AtomText<'_>) -> Result<Atom, Kind> {
        self.charge(shared(atom.copied(), atom.copied()))?;
        atom.to_atom().map_err(|error| match error {
            AtomError::TooLong => Kind::AtomTooLong,
        })
    }

    #[inline(always)]
    fn binary(&mut self, bytes: &'a [u8]) -> Result<Binary, Kind> {
        self.charge(shared(bytes.len(), self.reader.copied(bytes)))?;
        Ok(self.reader.to_binary(bytes))
    }

    #[inline(always)]
    fn pid(&mut self, pid: &PidParts<'_>) -> Result<Pid, Kind> {
        let node = self.node(&pid.node)?;
        Ok(Pid::new(node, pid.id, pid.serial))
    }

    #[inline]
    fn node(&mut self, node: &NodeParts<'_>) -> Result<NodeId, Kind> {
        if let Some(known) = self.reader.known_node(node) {
            return Ok(known.clone());
        }
        self.charge(NODE)?;
        self.reader.node(node)
    }

    #[inline(never)]
    fn big_integer(&mut self, negative: bool, magnitude: &[u8]) -> Result<Term, Kind> {
        self.charge(magnitude.len())?;
        let integer = Integer::from_le_magnitude(negative, magnitude);
        Ok(Term::Integer(integer))
    }

    #[inline(never)]
    fn bit_string(&mut self, bytes: &'a [u8], last_bits: u8) -> Result<Term, Kind> {
        self.charge(size_of::<BitString>())?;
        // Bits that must be cleared take a copy, whatever the binary is.
        self.charge(bytes.len())?;
        let bits = BitString::new(self.reader.to_binary(bytes), last_bits);
        bits.map(Term::from).map_err(|_| Kind::BitString)
    }

    #[inline(never)]
    fn port(&mut self, port: &PortParts<'_>) -> Result<Term, Kind> {
        let node = self.node(&port.node)?;
        Ok(Term::Port(Port::new(node, port.id)))
    }

    #[inline(never)]
    fn reference(&mut self, reference: &ReferenceParts<'_>) -> Result<Term, Kind> {
        self.charge(size_of::<Reference>())?;
        let node = self.node(&reference.node)?;
        reference.to_reference(node).map(Term::from)
    }

    #[inline(never)]
    fn export(&mut self, export: &ExportParts<'_>) -> Result<Term, Kind> {
        self.charge(size_of::<Fun>())?;
        let fun = ExportFun {
            module: self.atom(&export.module)?,
            function: self.atom(&export.function)?,
            arity: export.arity,
        };
        Ok(Term::from(Fun::Export(fun)))
    }

    #[inline(never)]
    fn local(&mut self, bytes: &'a [u8]) -> Result<Term, Kind> {
        self.charge(size_of::<Local>())?;
        self.charge(self.reader.copied(bytes))?;
        let local = Local::new(self.reader.to_bytes(bytes));
        Ok(Term::from(local))
    }

    // ---- containers ----

    /// Room for the elements of a container. The reader has seen that the input can hold as many.
    #[inline(always)]
    fn terms(&mut self, len: u32) -> Result<Vec<Term>, Kind> {
        self.charge_each(len as usize, size_of::<Term>())?;
        Ok(Vec::with_capacity(len as usize))
    }

    #[inline(always)]
    fn list(&mut self, owed: u32) -> Result<(), Kind> {
        if let Some(Frame::List {
            owed: due @ 0,
            terms,
        }) = self.stack.last_mut()
        {
            // A list as the tail of a list: both are one and go on in one vector. To join them
            // inside out would take the square of the nesting.
            *due = owed;
            grow(terms, owed as usize);
            return self.charge_each(owed as usize, size_of::<Term>());
        }
        let terms = self.terms(owed)?;
        self.stack.push(Frame::List { owed, terms });
        Ok(())
    }

    /// A list of bytes, or `[]` for the end of the list whose tail they were.
    #[inline]
    fn string(&mut self, bytes: &'a [u8]) -> Result<Term, Kind> {
        if let Some(Frame::List { owed: 0, terms }) = self.stack.last_mut() {
            grow(terms, bytes.len());
            terms.extend(bytes.iter().map(|byte| Term::from(*byte)));
            self.charge_each(bytes.len(), size_of::<Term>())?;
            return Ok(Term::nil());
        }
        Ok(Term::List(List::from_bytes(self.binary(bytes)?)))
    }

    #[inline(never)]
    fn fun(&mut self, parts: &FunParts<'_>) -> Result<Option<Term>, Kind> {
        self.charge(size_of::<Fun>())?;
        let mut open = OpenFun {
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
        self.stack.push(Frame::Fun(Box::new(open)));
        Ok(None)
    }

    #[inline(never)]
    fn record(&mut self, parts: &RecordParts<'_>) -> Result<Option<Term>, Kind> {
        self.charge(size_of::<Record>())?;
        self.charge_each(parts.len as usize, size_of::<Atom>())?;
        let mut names = Vec::with_capacity(parts.len as usize);
        for name in parts.names() {
            names.push(self.atom(&name)?);
        }
        let mut open = OpenRecord {
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
        self.stack.push(Frame::Record(Box::new(open)));
        Ok(None)
    }

    // ---- memory ----

    #[inline(always)]
    fn charge(&mut self, bytes: usize) -> Result<(), Kind> {
        self.heap = self.heap.checked_sub(bytes).ok_or(Kind::HeapLimit)?;
        Ok(())
    }

    #[inline(always)]
    fn charge_each(&mut self, count: usize, bytes: usize) -> Result<(), Kind> {
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

/// Room for this many more. By a quarter at least, so that a chain of short lists is not copied for
/// each; by no more, so that growing stays within 64 bytes of memory for a byte of input.
fn grow(terms: &mut Vec<Term>, more: usize) {
    if terms.capacity().saturating_sub(terms.len()) < more {
        terms.reserve_exact(more.max(terms.len() / 4));
    }
}
