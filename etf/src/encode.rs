//! How a [`Term`] is written, in its exact size and without recursion.

#![deny(clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::slice;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::error::EncodeError;
use crate::fun::{Fun, InternalFun};
use crate::integer::View as IntegerView;
use crate::list::{List, Short, View as ListView};
use crate::read::{FunParts, MAX_FUN_FREE, MAX_MAP_LEN, MAX_TUPLE_LEN, NodeParts, PidParts, SMALL};
use crate::record::Record;
use crate::term::Term;
use crate::walk::{Children, visit};
use crate::write::{FunStart, MAX_STRING_LEN, Put, Stage, Writer, len32, size};

/// Encodes a term in the external format, version byte 131 included, as `term_to_binary/1` of OTP
/// 26 and later does.
///
/// # Errors
///
/// If some part of the term is larger than the format or OTP takes.
///
/// ```
/// use erland_etf::{Term, to_vec};
///
/// assert_eq!(to_vec(&Term::from((1, 2)))?, [131, 104, 2, 97, 1, 97, 2]);
/// # Ok::<(), erland_etf::EncodeError>(())
/// ```
pub fn to_vec(term: &Term) -> Result<Vec<u8>, EncodeError> {
    let len = term.encoded_len()?.saturating_add(1);
    let mut out = BytesMut::with_capacity(len);
    Writer::new(&mut out).version();
    write(term, &mut out)?;
    Ok(out.into())
}

impl Term {
    /// How many bytes [`encode`](Self::encode) appends.
    ///
    /// # Errors
    ///
    /// As [`to_vec`].
    pub fn encoded_len(&self) -> Result<usize, EncodeError> {
        let len = size_of_all(self)?;
        // No allocation is larger.
        if isize::try_from(len).is_err() {
            return Err(EncodeError::TermTooLarge);
        }
        Ok(len)
    }

    /// Appends the term in the external format, without the version byte 131, as it stands in
    /// messages of the distribution. Makes room once, for its exact size.
    ///
    /// # Errors
    ///
    /// As [`to_vec`]; then nothing is appended.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), EncodeError> {
        Writer::new(out).term(self)
    }

    /// Whether a native record is anywhere in the term. A node before OTP 29 closes the connection
    /// on one.
    #[must_use]
    pub fn contains_record(&self) -> bool {
        struct Found;
        let inside = |term| match term {
            &Self::Record(_) => Err(Found),
            term => Ok(Children::of(term.into())),
        };
        inside(self).and_then(|terms| visit(terms, inside)).is_err()
    }
}

impl Writer<'_> {
    /// Writes a term, after making room for its exact size.
    ///
    /// # Errors
    ///
    /// As [`to_vec`]; then nothing is written.
    pub fn term(&mut self, term: &Term) -> Result<(), EncodeError> {
        let len = term.encoded_len()?;
        self.out.reserve(len);
        write(term, self.out)
    }
}

/// Terms inside a container that are still to be looked at.
enum Inside<'t> {
    Terms(slice::Iter<'t, Term>),
    Pairs(slice::Iter<'t, (Term, Term)>),
}

// ---- size ----

/// How many bytes a term takes with all that is inside.
fn size_of_all(term: &Term) -> Result<usize, EncodeError> {
    let mut len = 0_usize;
    let mut stack: SmallVec<[Inside<'_>; 8]> = SmallVec::new();
    let mut current = Inside::Terms(slice::from_ref(term).iter());
    'container: loop {
        match &current {
            Inside::Terms(terms) => {
                let mut rest = terms.as_slice();
                while let [term, after @ ..] = rest {
                    rest = after;
                    if let Some(value) = small(term) {
                        len = len.saturating_add(size::small(value));
                        continue;
                    }
                    if let Some(inner) = size(term, &mut len)? {
                        if !rest.is_empty() {
                            stack.push(Inside::Terms(rest.iter()));
                        }
                        current = inner;
                        continue 'container;
                    }
                }
            }
            Inside::Pairs(pairs) => {
                let mut rest = pairs.as_slice();
                while let [(key, value), after @ ..] = rest {
                    rest = after;
                    let in_key = size(key, &mut len)?;
                    let in_value = size(value, &mut len)?;
                    // In any order: it is a sum.
                    let inner = match (in_key, in_value) {
                        (None, None) => continue,
                        (Some(inner), None) | (None, Some(inner)) => inner,
                        (Some(in_key), Some(in_value)) => {
                            stack.push(in_key);
                            in_value
                        }
                    };
                    if !rest.is_empty() {
                        stack.push(Inside::Pairs(rest.iter()));
                    }
                    current = inner;
                    continue 'container;
                }
            }
        }
        match stack.pop() {
            Some(outer) => current = outer,
            None => return Ok(len),
        }
    }
}

/// Adds the bytes of a term without the terms inside, and returns these. All that can be wrong with
/// a term is found here, before anything is written.
#[inline(always)]
fn size<'t>(term: &'t Term, len: &mut usize) -> Result<Option<Inside<'t>>, EncodeError> {
    let (own, inside) = match term {
        Term::Integer(integer) => (size::integer(integer)?, None),
        Term::Float(_) => (size::FLOAT, None),
        Term::Atom(atom) => (size::atom(atom), None),
        Term::Binary(binary) => {
            let len = binary.byte_len();
            len32(len, EncodeError::BinaryTooLarge)?;
            (size::HEADER.saturating_add(len), None)
        }
        Term::Pid(pid) => (size::pid(pid), None),
        Term::Reference(reference) => (size::reference(reference), None),
        Term::Tuple(tuple) => {
            if tuple.len() > MAX_TUPLE_LEN as usize {
                return Err(EncodeError::TupleTooLarge);
            }
            (size::tuple(tuple.len()), Some(Inside::Terms(tuple.iter())))
        }
        Term::List(list) => match list.short_len() {
            Some(len) => (size::STRING.saturating_add(usize::from(len)), None),
            None => size_of_list(list)?,
        },
        Term::Map(map) => {
            if map.len() > MAX_MAP_LEN as usize {
                return Err(EncodeError::MapTooLarge);
            }
            (size::HEADER, Some(Inside::Pairs(map.0.iter())))
        }
        rare => size_of_rare(rare)?,
    };
    *len = len.saturating_add(own);
    Ok(inside)
}

/// Of a list that is no short one of bytes.
#[inline(always)]
fn size_of_list(list: &List) -> Result<(usize, Option<Inside<'_>>), EncodeError> {
    Ok(match list.view() {
        ListView::Nil => (size::NIL, None),
        ListView::Bytes(bytes) if bytes.len() <= MAX_STRING_LEN => {
            (size::STRING.saturating_add(bytes.len()), None)
        }
        ListView::Bytes(bytes) => {
            len32(bytes.len(), EncodeError::ListTooLarge)?;
            let elements = bytes.len().saturating_mul(size::BYTE);
            ((size::HEADER + size::NIL).saturating_add(elements), None)
        }
        ListView::Slice(terms) if is_string(terms) => {
            (size::STRING.saturating_add(terms.len()), None)
        }
        ListView::Slice(terms) => {
            len32(terms.len(), EncodeError::ListTooLarge)?;
            (size::HEADER + size::NIL, Some(Inside::Terms(terms.iter())))
        }
        ListView::Improper(terms) => {
            len32(terms.len().saturating_sub(1), EncodeError::ListTooLarge)?;
            (size::HEADER, Some(Inside::Terms(terms.iter())))
        }
    })
}

#[inline(never)]
fn size_of_rare(term: &Term) -> Result<(usize, Option<Inside<'_>>), EncodeError> {
    Ok(match term {
        Term::BitString(bits) => {
            len32(bits.bytes().len(), EncodeError::BinaryTooLarge)?;
            (size::BIT_STRING.saturating_add(bits.bytes().len()), None)
        }
        Term::Port(port) => (size::port(port), None),
        Term::Local(local) => (size::LOCAL.saturating_add(local.bytes().len()), None),
        Term::Fun(fun) => match &**fun {
            Fun::Export(fun) => (size::export(fun), None),
            Fun::Internal(fun) => {
                if fun.free.len() > MAX_FUN_FREE as usize {
                    return Err(EncodeError::FunTooLarge);
                }
                if !SMALL.contains(&fun.old_index) || !SMALL.contains(&fun.old_uniq) {
                    return Err(EncodeError::FunOutOfRange);
                }
                (size::fun(fun), Some(Inside::Terms(fun.free.iter())))
            }
        },
        Term::Record(record) => {
            len32(record.len(), EncodeError::RecordTooLarge)?;
            (
                size::record(record),
                Some(Inside::Terms(record.values().iter())),
            )
        }
        Term::Integer(_)
        | Term::Float(_)
        | Term::Atom(_)
        | Term::Binary(_)
        | Term::Pid(_)
        | Term::Reference(_)
        | Term::Tuple(_)
        | Term::List(_)
        | Term::Map(_) => (0, None),
    })
}

/// Whether OTP would write the proper list of these terms as bytes.
fn is_string(terms: &[Term]) -> bool {
    terms.len() <= MAX_STRING_LEN && terms.iter().all(|term| byte(term).is_some())
}

/// The most frequent kind of term, looked for before all others: runs of integers are long.
#[inline(always)]
fn small(term: &Term) -> Option<i64> {
    match term {
        Term::Integer(integer) => integer.to_i64(),
        _ => None,
    }
}

fn byte(term: &Term) -> Option<u8> {
    u8::try_from(term.as_i64()?).ok()
}

// ---- bytes ----

/// Terms still to be written, and what comes after them.
enum Frame<'t> {
    Terms(slice::Iter<'t, Term>, End),
    Pairs(slice::Iter<'t, (Term, Term)>),
}

/// What a container has behind its last term.
#[derive(Clone, Copy)]
enum End {
    Nothing,
    Nil,
    Fun(FunStart),
}

/// Where a whole term is put.
pub(crate) trait Sink: Put {
    /// Passes on what has been put here, and lends the buffer for other things.
    fn flush(&mut self) -> &mut BytesMut;
}

/// Appends a term that [`Term::encoded_len`] found nothing wrong with.
fn write(term: &Term, out: &mut BytesMut) -> Result<(), EncodeError> {
    write_to(term, Stage::new(out))
}

/// The same to any place, which is inlined, so that it need not be moved.
#[inline(always)]
pub(crate) fn write_to(term: &Term, mut stage: impl Sink) -> Result<(), EncodeError> {
    let mut stack: SmallVec<[Frame<'_>; 8]> = SmallVec::new();
    let mut current = Frame::Terms(slice::from_ref(term).iter(), End::Nothing);
    'container: loop {
        match &current {
            Frame::Terms(terms, end) => {
                let (mut rest, end) = (terms.as_slice(), *end);
                while let [term, after @ ..] = rest {
                    rest = after;
                    if let Some(value) = small(term) {
                        stage.small(value);
                        continue;
                    }
                    if let Some(inner) = open(term, &mut stage)? {
                        // Behind the last element of a tuple nothing comes.
                        if !rest.is_empty() || !matches!(end, End::Nothing) {
                            push(&mut stack, Frame::Terms(rest.iter(), end));
                        }
                        current = inner;
                        continue 'container;
                    }
                }
                match end {
                    End::Nothing => {}
                    End::Nil => stage.nil(),
                    End::Fun(start) => Writer::new(stage.flush()).fun_end(start),
                }
            }
            Frame::Pairs(pairs) => {
                let mut rest = pairs.as_slice();
                while let [(key, value), after @ ..] = rest {
                    rest = after;
                    if let Some(inner) = open(key, &mut stage)? {
                        push(&mut stack, Frame::Pairs(rest.iter()));
                        let value = slice::from_ref(value).iter();
                        push(&mut stack, Frame::Terms(value, End::Nothing));
                        current = inner;
                        continue 'container;
                    }
                    if let Some(inner) = open(value, &mut stage)? {
                        if !rest.is_empty() {
                            push(&mut stack, Frame::Pairs(rest.iter()));
                        }
                        current = inner;
                        continue 'container;
                    }
                }
            }
        }
        match stack.pop() {
            Some(outer) => current = outer,
            None => {
                stage.flush();
                return Ok(());
            }
        }
    }
}

/// Pushes, in a form that the compiler can do in place.
#[inline(always)]
fn push<'t>(stack: &mut SmallVec<[Frame<'t>; 8]>, frame: Frame<'t>) {
    if stack.len() < stack.capacity() {
        stack.push(frame);
    } else {
        push_slow(stack, frame);
    }
}

#[cold]
#[inline(never)]
fn push_slow<'t>(stack: &mut SmallVec<[Frame<'t>; 8]>, frame: Frame<'t>) {
    stack.push(frame);
}

/// Writes a term up to the terms inside, which it returns.
#[inline(always)]
fn open<'t>(term: &'t Term, stage: &mut impl Sink) -> Result<Option<Frame<'t>>, EncodeError> {
    match term {
        Term::Integer(integer) => match integer.view() {
            IntegerView::Small(value) => stage.small(value),
            IntegerView::Magnitude {
                negative,
                magnitude,
            } => stage.wide(negative, magnitude),
            IntegerView::Big(_) => Writer::new(stage.flush()).any_integer(integer)?,
        },
        Term::Float(float) => stage.float(*float),
        Term::Atom(atom) => stage.atom(atom),
        Term::Binary(binary) => stage.checked_binary(binary),
        Term::Pid(pid) => stage.pid(pid),
        Term::Reference(reference) => stage.reference(reference),
        Term::Tuple(tuple) => {
            stage.tuple_header(len32(tuple.len(), EncodeError::TupleTooLarge)?);
            return Ok(Some(Frame::Terms(tuple.iter(), End::Nothing)));
        }
        Term::List(list) => match list.as_short() {
            Some(Short::Inline(len, block)) => stage.short_string(len, block),
            Some(Short::Small(len, block)) => stage.short_string(len, block),
            Some(Short::Large(len, block)) => stage.short_string(len, block),
            None => return open_list(list, stage),
        },
        Term::Map(map) => {
            stage.map_header(len32(map.len(), EncodeError::MapTooLarge)?);
            return Ok(Some(Frame::Pairs(map.0.iter())));
        }
        rare => return open_rare(rare, &mut Writer::new(stage.flush())),
    }
    Ok(None)
}

/// A list that is no short one of bytes.
#[inline(always)]
fn open_list<'t>(list: &'t List, stage: &mut impl Sink) -> Result<Option<Frame<'t>>, EncodeError> {
    match list.view() {
        ListView::Nil => stage.nil(),
        ListView::Bytes(bytes) => match u16::try_from(bytes.len()) {
            Ok(len) => {
                stage.string_header(len);
                stage.raw(bytes);
            }
            Err(_) => {
                stage.list_header(len32(bytes.len(), EncodeError::ListTooLarge)?);
                for byte in bytes {
                    stage.small(i64::from(*byte));
                }
                stage.nil();
            }
        },
        ListView::Slice(terms) => {
            if is_string(terms) {
                stage.string_header(terms.len() as u16);
                for byte in terms.iter().filter_map(byte) {
                    stage.piece(u128::from(byte), 1);
                }
                return Ok(None);
            }
            stage.list_header(len32(terms.len(), EncodeError::ListTooLarge)?);
            return Ok(Some(Frame::Terms(terms.iter(), End::Nil)));
        }
        ListView::Improper(terms) => {
            let len = terms.len().saturating_sub(1);
            stage.list_header(len32(len, EncodeError::ListTooLarge)?);
            return Ok(Some(Frame::Terms(terms.iter(), End::Nothing)));
        }
    }
    Ok(None)
}

#[inline(never)]
fn open_rare<'t>(
    term: &'t Term,
    writer: &mut Writer<'_>,
) -> Result<Option<Frame<'t>>, EncodeError> {
    match term {
        Term::BitString(bits) => writer.bit_string(bits)?,
        Term::Port(port) => writer.port(port),
        Term::Local(local) => writer.local(local.bytes()),
        Term::Fun(fun) => match &**fun {
            Fun::Export(fun) => {
                writer.export_of(&(&fun.module).into(), &(&fun.function).into(), fun.arity);
            }
            Fun::Internal(fun) => return Ok(Some(open_fun(fun, writer))),
        },
        Term::Record(record) => return open_record(record, writer).map(Some),
        Term::Integer(_)
        | Term::Float(_)
        | Term::Atom(_)
        | Term::Binary(_)
        | Term::Pid(_)
        | Term::Reference(_)
        | Term::Tuple(_)
        | Term::List(_)
        | Term::Map(_) => {}
    }
    Ok(None)
}

fn open_fun<'t>(fun: &'t InternalFun, writer: &mut Writer<'_>) -> Frame<'t> {
    let start = writer.fun_header(&FunParts {
        module: (&fun.module).into(),
        arity: fun.arity,
        uniq: &fun.uniq,
        index: fun.index,
        old_index: fun.old_index,
        old_uniq: fun.old_uniq,
        pid: PidParts {
            node: NodeParts::from(fun.pid.node()),
            id: fun.pid.id(),
            serial: fun.pid.serial(),
        },
        // At most `MAX_FUN_FREE`.
        free: fun.free.len() as u8,
    });
    Frame::Terms(fun.free.iter(), End::Fun(start))
}

fn open_record<'t>(record: &'t Record, writer: &mut Writer<'_>) -> Result<Frame<'t>, EncodeError> {
    writer.record_header(
        &record.module().into(),
        &record.name().into(),
        record.is_exported(),
        len32(record.len(), EncodeError::RecordTooLarge)?,
        record.names().iter().map(Into::into),
    );
    Ok(Frame::Terms(record.values().iter(), End::Nothing))
}
