//! Erlang's terms and their External Term Format.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod atom;
mod binary;
mod float;
mod fun;
mod ident;
mod integer;
mod list;
mod local;
mod map;
mod order;
mod record;
mod term;
mod text;
mod tuple;
mod walk;

// ---- codec: tag, error, limits, read, write, decode, encode, raw ----
// ---- end of codec ----

pub use crate::atom::{Atom, AtomError, MAX_ATOM_CHARACTERS};
pub use crate::binary::{Binary, BitString, BitStringError};
pub use crate::float::Float;
pub use crate::fun::{ExportFun, Fun, InternalFun};
pub use crate::ident::{NodeId, Pid, Port, Reference, ReferenceError};
pub use crate::integer::Integer;
pub use crate::list::{Iter as ListIter, List};
pub use crate::local::Local;
pub use crate::map::{DuplicateKey, Iter as MapIter, Map};
pub use crate::record::{DuplicateField, Iter as RecordIter, Record};
pub use crate::term::Term;
pub use crate::tuple::Tuple;
