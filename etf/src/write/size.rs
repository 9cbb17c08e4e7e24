//! How many bytes each thing that the writer writes takes.
//!
//! Sums saturate: whoever adds up a term refuses the largest number there is.

use crate::atom::Atom;
use crate::error::EncodeError;
use crate::fun::{ExportFun, InternalFun};
use crate::ident::{Pid, Port, Reference};
use crate::integer::{Integer, View};
use crate::record::Record;

use super::{big_len, magnitude_len};

/// Every term has a tag.
const TAG: usize = 1;

/// A tag and a length of 32 bits, as most terms have them.
pub(crate) const HEADER: usize = TAG + 4;

pub(crate) const NIL: usize = TAG;

pub(crate) const FLOAT: usize = TAG + 8;

/// The header of a list held as bytes that is short enough to be written so.
pub(crate) const STRING: usize = TAG + 2;

/// An element of a longer one.
pub(crate) const BYTE: usize = TAG + 1;

pub(crate) const BIT_STRING: usize = HEADER + 1;

pub(crate) const LOCAL: usize = TAG;

/// Without the elements.
pub(crate) const fn tuple(len: usize) -> usize {
    if len <= u8::MAX as usize {
        TAG + 1
    } else {
        HEADER
    }
}

pub(crate) fn integer(integer: &Integer) -> Result<usize, EncodeError> {
    Ok(match integer.view() {
        View::Small(value) => small(value),
        View::Magnitude { magnitude, .. } => big(magnitude_len(magnitude)),
        View::Big(value) => big(big_len(value)?),
    })
}

#[inline(always)]
pub(crate) fn small(value: i64) -> usize {
    if let Ok(value) = i32::try_from(value) {
        if value.cast_unsigned() <= 0xff {
            TAG + 1
        } else {
            TAG + 4
        }
    } else {
        big(magnitude_len(u128::from(value.unsigned_abs())))
    }
}

fn big(len: usize) -> usize {
    const SIGN: usize = 1;
    let header = if len <= u8::MAX as usize {
        TAG + 1
    } else {
        HEADER
    };
    header.saturating_add(SIGN).saturating_add(len)
}

pub(crate) fn atom(atom: &Atom) -> usize {
    let len = atom.byte_len();
    let header = if len <= u8::MAX as usize {
        TAG + 1
    } else {
        TAG + 2
    };
    header.saturating_add(len)
}

pub(crate) fn pid(pid: &Pid) -> usize {
    atom(pid.node().name()).saturating_add(TAG + 4 + 4 + 4)
}

pub(crate) fn port(port: &Port) -> usize {
    atom(port.node().name()).saturating_add(TAG + 8 + 4)
}

pub(crate) fn reference(reference: &Reference) -> usize {
    let words = reference.words().len().saturating_mul(4);
    atom(reference.node().name())
        .saturating_add(TAG + 2 + 4)
        .saturating_add(words)
}

pub(crate) fn export(fun: &ExportFun) -> usize {
    atom(&fun.module)
        .saturating_add(atom(&fun.function))
        .saturating_add(TAG + BYTE)
}

/// Without the free variables.
pub(crate) fn fun(fun: &InternalFun) -> usize {
    const SIZE_ARITY_UNIQ_INDEX_FREE: usize = 4 + 1 + 16 + 4 + 4;
    (TAG + SIZE_ARITY_UNIQ_INDEX_FREE)
        .saturating_add(atom(&fun.module))
        .saturating_add(small(fun.old_index))
        .saturating_add(small(fun.old_uniq))
        .saturating_add(pid(&fun.pid))
}

/// Without the values.
pub(crate) fn record(record: &Record) -> usize {
    const FLAGS: usize = 1;
    let names = record.names().iter().map(atom);
    names.fold(
        (HEADER + FLAGS)
            .saturating_add(atom(record.module()))
            .saturating_add(atom(record.name())),
        usize::saturating_add,
    )
}
