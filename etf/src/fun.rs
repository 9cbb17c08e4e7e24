//! What a fun is outside the node that can run it: a name, or fields to be given back unchanged.

use alloc::boxed::Box;

use crate::atom::Atom;
use crate::ident::Pid;
use crate::term::Term;
use crate::tuple::Tuple;

/// An Erlang fun. Nothing here can call one; it can be sent back to where it came from.
#[derive(Clone)]
pub enum Fun {
    /// `fun Module:Function/Arity` ("External Term Format", EXPORT_EXT).
    Export(ExportFun),
    /// A fun with code and free variables of a module ("External Term Format", NEW_FUN_EXT).
    Internal(InternalFun),
}

/// A fun known by name: `fun Module:Function/Arity`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExportFun {
    /// The module.
    pub module: Atom,
    /// The function in it.
    pub function: Atom,
    /// The number of arguments. OTP 27 crashes on more than 255, so that is all there can be.
    pub arity: u8,
}

/// A fun made in a module: all fields of NEW_FUN_EXT, so that it is encoded as it came.
///
/// Equality is Erlang's: the same entry of the same version of the module, and equal free
/// variables. Neither the process that made it matters nor the old index.
#[derive(Clone)]
pub struct InternalFun {
    /// The module that has the code.
    pub module: Atom,
    /// The number of arguments it is called with.
    pub arity: u8,
    /// The MD5 digest of the significant parts of the module.
    pub uniq: [u8; 16],
    /// The position in the module's table of funs.
    pub index: u32,
    /// The position as older formats have it.
    pub old_index: i64,
    /// A hash of the parsed code.
    pub old_uniq: i64,
    /// The process that made it, or the first of its node.
    pub pid: Pid,
    /// The values of the variables it captured; the format takes at most 255.
    pub free: Tuple,
}

impl InternalFun {
    /// The same fun around other free variables, which are as many.
    pub(crate) fn rebuild(&self, make: impl FnOnce(&[Term]) -> Box<[Term]>) -> Self {
        Self {
            module: self.module.clone(),
            arity: self.arity,
            uniq: self.uniq,
            index: self.index,
            old_index: self.old_index,
            old_uniq: self.old_uniq,
            pid: self.pid.clone(),
            free: Tuple(make(&self.free)),
        }
    }
}

impl From<ExportFun> for Fun {
    fn from(fun: ExportFun) -> Self {
        Self::Export(fun)
    }
}

impl From<InternalFun> for Fun {
    fn from(fun: InternalFun) -> Self {
        Self::Internal(fun)
    }
}
