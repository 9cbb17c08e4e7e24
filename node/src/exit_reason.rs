//! Why did a process end? Exit reasons, their Erlang terms, and what a process body may return.

use std::fmt;

use erland_etf::{RawTerm, Term, atom};

/// The reason of an exit signal, a `'DOWN'` message or a process' end.
///
/// The variants are the reasons that OTP itself gives a meaning; every other one is
/// [`Term`](ExitReason::Term). Equality is that of the Erlang terms.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// `normal`: a link with this reason ends nobody.
    Normal,
    /// `shutdown`: asked to stop, by a supervisor for instance.
    Shutdown,
    /// `{shutdown, Term}`.
    ShutdownWith(Term),
    /// `kill`: as the reason of an exit signal sent by `exit/2` it cannot be trapped.
    Kill,
    /// `killed`: what links and monitors of a process hear that was ended by `kill`.
    Killed,
    /// `noproc`: there was no such process.
    NoProc,
    /// `noconnection`: the connection to its node went down, or could not be set up.
    NoConnection,
    /// Any other term.
    Term(Term),
    /// The peer's reason did not decode; the bytes are kept. The signal itself stands.
    Undecodable(RawTerm),
}

impl ExitReason {
    /// The reason as Erlang code sees it. An undecodable one becomes
    /// `{undecodable_exit_reason, Bytes}`.
    #[must_use]
    pub fn to_term(&self) -> Term {
        match self {
            ExitReason::Normal => atom!("normal").into(),
            ExitReason::Shutdown => atom!("shutdown").into(),
            ExitReason::ShutdownWith(term) => Term::from((atom!("shutdown"), term.clone())),
            ExitReason::Kill => atom!("kill").into(),
            ExitReason::Killed => atom!("killed").into(),
            ExitReason::NoProc => atom!("noproc").into(),
            ExitReason::NoConnection => atom!("noconnection").into(),
            ExitReason::Term(term) => term.clone(),
            ExitReason::Undecodable(raw) => Term::from((
                atom!("undecodable_exit_reason"),
                Term::binary(raw.bytes().as_ref()),
            )),
        }
    }

    /// What a panic of a process body becomes: `{panic, <<"message">>}`.
    pub(crate) fn from_panic(panic: &(dyn std::any::Any + Send)) -> ExitReason {
        let text = panic
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a text");
        ExitReason::Term(Term::from((atom!("panic"), Term::binary(text))))
    }

    pub(crate) fn from_raw(raw: &RawTerm) -> ExitReason {
        match raw.to_term() {
            Ok(term) => term.into(),
            Err(_) => ExitReason::Undecodable(raw.clone()),
        }
    }

    pub(crate) fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal)
    }
}

impl From<Term> for ExitReason {
    fn from(term: Term) -> ExitReason {
        if let Some(atom) = term.as_atom() {
            match atom.as_str() {
                "normal" => return ExitReason::Normal,
                "shutdown" => return ExitReason::Shutdown,
                "kill" => return ExitReason::Kill,
                "killed" => return ExitReason::Killed,
                "noproc" => return ExitReason::NoProc,
                "noconnection" => return ExitReason::NoConnection,
                _ => {}
            }
        } else if let Some([tag, reason]) = term.as_tuple()
            && tag.is_atom("shutdown")
        {
            return ExitReason::ShutdownWith(reason.clone());
        }
        ExitReason::Term(term)
    }
}

impl PartialEq for ExitReason {
    fn eq(&self, other: &ExitReason) -> bool {
        self.to_term() == other.to_term()
    }
}

impl Eq for ExitReason {}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_term().fmt(f)
    }
}

/// What the body of a process may return: its exit reason, or nothing for `normal`.
pub trait IntoExit {
    /// The reason that links and monitors hear.
    fn into_exit(self) -> ExitReason;
}

impl IntoExit for () {
    fn into_exit(self) -> ExitReason {
        ExitReason::Normal
    }
}

impl IntoExit for ExitReason {
    fn into_exit(self) -> ExitReason {
        self
    }
}

/// For bodies that never return: the `!` of a `loop` without a `break`, which has no name on
/// stable Rust outside the result of a function.
impl IntoExit for <fn() -> ! as ReturnType>::Type {
    fn into_exit(self) -> ExitReason {
        self
    }
}

#[doc(hidden)]
pub trait ReturnType {
    type Type;
}

impl<T> ReturnType for fn() -> T {
    type Type = T;
}

impl<T: IntoExit, E: Into<ExitReason>> IntoExit for Result<T, E> {
    fn into_exit(self) -> ExitReason {
        match self {
            Ok(value) => value.into_exit(),
            Err(reason) => reason.into(),
        }
    }
}

/// The reason of a signal on its way: still encoded when it came over the wire.
#[derive(Clone, Debug)]
pub(crate) enum SignalReason {
    Known(ExitReason),
    Raw(RawTerm),
}

impl SignalReason {
    /// Decoded by the process that receives the signal, not by the connection.
    pub(crate) fn into_reason(self) -> ExitReason {
        match self {
            SignalReason::Known(reason) => reason,
            SignalReason::Raw(raw) => ExitReason::from_raw(&raw),
        }
    }
}

impl From<ExitReason> for SignalReason {
    fn from(reason: ExitReason) -> SignalReason {
        SignalReason::Known(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_otp_knows_round_trip() {
        for name in [
            "normal",
            "shutdown",
            "kill",
            "killed",
            "noproc",
            "noconnection",
        ] {
            let term = Term::from(erland_etf::Atom::new(name).unwrap());
            let reason = ExitReason::from(term.clone());
            assert!(!matches!(reason, ExitReason::Term(_)), "{name}");
            assert_eq!(reason.to_term(), term);
        }
        let pair = Term::from((atom!("shutdown"), 1_i64));
        assert!(matches!(
            ExitReason::from(pair),
            ExitReason::ShutdownWith(_)
        ));
    }

    #[test]
    fn a_panic_keeps_its_text() {
        let reason = ExitReason::from_panic(&"went wrong");
        assert_eq!(
            reason.to_string(),
            "{panic,<<119,101,110,116,32,119,114,111,110,103>>}"
        );
    }
}
