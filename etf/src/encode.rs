//! How a [`Term`] is written, in its exact size and without recursion.

#![deny(clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::{mem, slice};

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::error::EncodeError;
use crate::fun::{Fun, InternalFun};
use crate::list::View as ListView;
use crate::read::{FunParts, MAX_FUN_FREE, MAX_MAP_LEN, MAX_TUPLE_LEN, NodeParts, PidParts, SMALL};
use crate::record::Record;
use crate::term::Term;
use crate::walk::Children;
use crate::write::{FunStart, MAX_STRING_LEN, Writer, len32, size};

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
    let mut writer = Writer::new(&mut out);
    writer.version();
    write(term, &mut writer)?;
    Ok(out.into())
}

impl Term {
    /// How many bytes [`encode`](Self::encode) appends.
    ///
    /// # Errors
    ///
    /// As [`to_vec`].
    pub fn encoded_len(&self) -> Result<usize, EncodeError> {
        let mut len = 0_usize;
        visit(self, |term| {
            let (own, inside) = size(term)?;
            len = len.saturating_add(own);
            Ok(inside)
        })?;
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
        visit(self, |term| match term {
            Self::Record(_) => Err(Found),
            term => Ok(Some(Children::of(term.into()))),
        })
        .is_err()
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
        write(term, self)
    }
}

// ---- size ----

/// Calls the function with this term and those inside, each of which tells what is inside of it.
fn visit<'t, E>(
    term: &'t Term,
    mut inside: impl FnMut(&'t Term) -> Result<Option<Children<'t>>, E>,
) -> Result<(), E> {
    let mut stack: SmallVec<[Children<'t>; 8]> = SmallVec::new();
    let Some(mut current) = inside(term)? else {
        return Ok(());
    };
    loop {
        let Some(term) = current.next() else {
            match stack.pop() {
                Some(outer) => current = outer,
                None => return Ok(()),
            }
            continue;
        };
        if let Some(inner) = inside(term)? {
            let outer = mem::replace(&mut current, inner);
            if !outer.is_empty() {
                stack.push(outer);
            }
        }
    }
}

/// The bytes of a term without the terms inside, and these. All that can be wrong with a term is
/// found here, before anything is written.
#[inline]
fn size(term: &Term) -> Result<(usize, Option<Children<'_>>), EncodeError> {
    let inside = |own| (own, Some(Children::of(term.into())));
    Ok(match term {
        Term::Integer(integer) => (size::integer(integer)?, None),
        Term::Float(_) => (size::FLOAT, None),
        Term::Atom(atom) => (size::atom(atom), None),
        Term::Binary(binary) => {
            len32(binary.len(), EncodeError::BinaryTooLarge)?;
            (size::HEADER.saturating_add(binary.len()), None)
        }
        Term::BitString(bits) => {
            len32(bits.bytes().len(), EncodeError::BinaryTooLarge)?;
            (size::BIT_STRING.saturating_add(bits.bytes().len()), None)
        }
        Term::Pid(pid) => (size::pid(pid), None),
        Term::Port(port) => (size::port(port), None),
        Term::Reference(reference) => (size::reference(reference), None),
        Term::Local(local) => (size::LOCAL.saturating_add(local.bytes().len()), None),
        Term::Tuple(tuple) => {
            if tuple.len() > MAX_TUPLE_LEN as usize {
                return Err(EncodeError::TupleTooLarge);
            }
            inside(size::tuple(tuple.len()))
        }
        Term::List(list) => match list.view() {
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
                inside(size::HEADER + size::NIL)
            }
            ListView::Improper(terms) => {
                len32(terms.len().saturating_sub(1), EncodeError::ListTooLarge)?;
                inside(size::HEADER)
            }
        },
        Term::Map(map) => {
            if map.len() > MAX_MAP_LEN as usize {
                return Err(EncodeError::MapTooLarge);
            }
            inside(size::HEADER)
        }
        Term::Fun(fun) => match &**fun {
            Fun::Export(fun) => (size::export(fun), None),
            Fun::Internal(fun) => {
                if fun.free.len() > MAX_FUN_FREE as usize {
                    return Err(EncodeError::FunTooLarge);
                }
                if !SMALL.contains(&fun.old_index) || !SMALL.contains(&fun.old_uniq) {
                    return Err(EncodeError::FunOutOfRange);
                }
                inside(size::fun(fun))
            }
        },
        Term::Record(record) => {
            len32(record.len(), EncodeError::RecordTooLarge)?;
            inside(size::record(record))
        }
    })
}

/// Whether OTP would write the proper list of these terms as bytes.
fn is_string(terms: &[Term]) -> bool {
    terms.len() <= MAX_STRING_LEN && terms.iter().all(|term| byte(term).is_some())
}

fn byte(term: &Term) -> Option<u8> {
    u8::try_from(term.as_i64()?).ok()
}

// ---- bytes ----

/// Terms still to be written, and what comes after them.
enum Frame<'t> {
    Terms(slice::Iter<'t, Term>, End),
    Pairs(slice::Iter<'t, (Term, Term)>, Option<&'t Term>),
}

/// What a container has behind its last term.
#[derive(Clone, Copy)]
enum End {
    Nothing,
    Nil,
    Fun(FunStart),
}

/// Writes a term that [`Term::encoded_len`] found nothing wrong with.
fn write<'t>(term: &'t Term, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let mut stack: SmallVec<[Frame<'t>; 8]> = SmallVec::new();
    let mut current = Frame::Terms(slice::from_ref(term).iter(), End::Nothing);
    loop {
        let next = match &mut current {
            Frame::Terms(terms, _) => terms.next(),
            Frame::Pairs(pairs, value) => value.take().or_else(|| {
                let (key, next) = pairs.next()?;
                *value = Some(next);
                Some(key)
            }),
        };
        let Some(term) = next else {
            match &current {
                Frame::Terms(_, End::Nil) => writer.nil(),
                Frame::Terms(_, End::Fun(start)) => writer.fun_end(*start),
                Frame::Terms(_, End::Nothing) | Frame::Pairs(..) => {}
            }
            match stack.pop() {
                Some(outer) => current = outer,
                None => return Ok(()),
            }
            continue;
        };
        if let Some(inner) = open(term, writer)? {
            stack.push(mem::replace(&mut current, inner));
        }
    }
}

/// Writes a term up to the terms inside, which it returns.
#[inline]
fn open<'t>(term: &'t Term, writer: &mut Writer<'_>) -> Result<Option<Frame<'t>>, EncodeError> {
    match term {
        Term::Integer(integer) => writer.any_integer(integer)?,
        Term::Float(float) => writer.float(*float),
        Term::Atom(atom) => writer.atom(atom),
        Term::Binary(binary) => writer.binary(binary)?,
        Term::BitString(bits) => writer.bit_string(bits)?,
        Term::Pid(pid) => writer.pid(pid),
        Term::Port(port) => writer.port(port),
        Term::Reference(reference) => writer.reference(reference),
        Term::Local(local) => writer.local(local.bytes()),
        Term::Tuple(tuple) => {
            writer.tuple_header(len32(tuple.len(), EncodeError::TupleTooLarge)?);
            return Ok(Some(Frame::Terms(tuple.iter(), End::Nothing)));
        }
        Term::List(list) => return open_list(list.view(), writer),
        Term::Map(map) => {
            writer.map_header(len32(map.len(), EncodeError::MapTooLarge)?);
            return Ok(Some(Frame::Pairs(map.0.iter(), None)));
        }
        Term::Fun(fun) => match &**fun {
            Fun::Export(fun) => {
                writer.export_of(&(&fun.module).into(), &(&fun.function).into(), fun.arity);
            }
            Fun::Internal(fun) => return Ok(Some(open_fun(fun, writer))),
        },
        Term::Record(record) => return open_record(record, writer).map(Some),
    }
    Ok(None)
}

fn open_list<'t>(
    list: ListView<'t>,
    writer: &mut Writer<'_>,
) -> Result<Option<Frame<'t>>, EncodeError> {
    match list {
        ListView::Nil => writer.nil(),
        ListView::Bytes(bytes) if bytes.len() <= MAX_STRING_LEN => {
            writer.string_header(bytes.len());
            writer.raw(bytes);
        }
        ListView::Bytes(bytes) => {
            writer.list_header(len32(bytes.len(), EncodeError::ListTooLarge)?);
            for byte in bytes {
                writer.integer(*byte);
            }
            writer.nil();
        }
        ListView::Slice(terms) if is_string(terms) => {
            writer.string_header(terms.len());
            for byte in terms.iter().filter_map(byte) {
                writer.raw(&[byte]);
            }
        }
        ListView::Slice(terms) => {
            writer.list_header(len32(terms.len(), EncodeError::ListTooLarge)?);
            return Ok(Some(Frame::Terms(terms.iter(), End::Nil)));
        }
        ListView::Improper(terms) => {
            let len = terms.len().saturating_sub(1);
            writer.list_header(len32(len, EncodeError::ListTooLarge)?);
            return Ok(Some(Frame::Terms(terms.iter(), End::Nothing)));
        }
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
