//! Which form does a signal take on this link? Writes control messages.
//!
//! The flags both sides have decide the form (OTP "Distribution Protocol", "Distribution Flags"):
//! OTP itself never uses an older form than the flags allow. Where the peer lacks a feature, the
//! signal takes the older form that says the same, as in `dist.c` and `erl_proc_sig_queue.c` of
//! OTP 29, or it is refused.

use alloc::boxed::Box;

use erland_etf::{Atom, AtomRefs, Pid, RefWriter, Reference, Term};

use super::{Control, Destination, Op, SpawnRequest, SpawnResult, Target, altact};
use crate::control::op::Arity;
use crate::error::EncodeError;
use crate::flags::Flags;

/// The atom in the slot of `SEND` and `REG_SEND` that once held a cookie.
const UNUSED: Atom = Atom::inline("");

/// Writes the control message for `control` to `out` and returns the operation it took. Atoms in
/// trace tokens and options are written in full.
///
/// An operation with its payload in the tuple is left one element short: the payload goes there.
/// On an error `out` has got part of a message.
pub(crate) fn encode(
    control: &Control,
    flags: Flags,
    out: RefWriter<'_, impl AtomRefs>,
) -> Result<Op, EncodeError> {
    match control {
        Control::Link { from, to } => message(Op::Link, out, |tuple| tuple.pid(from).pid(to)),
        Control::Unlink { from, to } => message(Op::Unlink, out, |tuple| tuple.pid(from).pid(to)),
        Control::UnlinkId { id, from, to } => {
            // A node without UNLINK_ID knows the old protocol only: no id, no acknowledgement.
            if !flags.contains(Flags::UNLINK_ID) {
                return message(Op::Unlink, out, |tuple| tuple.pid(from).pid(to));
            }
            message(Op::UnlinkId, out, |tuple| {
                tuple.unsigned(*id).pid(from).pid(to)
            })
        }
        Control::UnlinkIdAck { id, from, to } => {
            require(flags, Flags::UNLINK_ID)?;
            message(Op::UnlinkIdAck, out, |tuple| {
                tuple.unsigned(*id).pid(from).pid(to)
            })
        }
        Control::Send { from, to, token } => {
            let token = wanted(token, flags);
            match from {
                Some(from) if flags.contains(Flags::SEND_SENDER) => {
                    traced(token, Op::SendSender, Op::SendSenderTt, out, |tuple| {
                        tuple.pid(from).pid(to)
                    })
                }
                Some(_) | None => traced(token, Op::Send, Op::SendTt, out, |tuple| {
                    tuple.atom(&UNUSED).pid(to)
                }),
            }
        }
        Control::RegSend { from, name, token } => {
            let token = wanted(token, flags);
            traced(token, Op::RegSend, Op::RegSendTt, out, |tuple| {
                tuple.pid(from).atom(&UNUSED).atom(name)
            })
        }
        Control::Exit { from, to, token } => {
            let (plain, with_token) = if flags.contains(Flags::EXIT_PAYLOAD) {
                (Op::PayloadExit, Op::PayloadExitTt)
            } else {
                (Op::Exit, Op::ExitTt)
            };
            let token = wanted(token, flags);
            traced(token, plain, with_token, out, |tuple| {
                tuple.pid(from).pid(to)
            })
        }
        Control::Exit2 { from, to, token } => {
            let (plain, with_token) = if flags.contains(Flags::EXIT_PAYLOAD) {
                (Op::PayloadExit2, Op::PayloadExit2Tt)
            } else {
                (Op::Exit2, Op::Exit2Tt)
            };
            let token = wanted(token, flags);
            traced(token, plain, with_token, out, |tuple| {
                tuple.pid(from).pid(to)
            })
        }
        Control::MonitorP {
            from,
            target,
            reference,
        } => {
            require(flags, Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME)?;
            message(Op::MonitorP, out, |tuple| {
                tuple.pid(from).target(target).reference(reference)
            })
        }
        Control::DemonitorP {
            from,
            target,
            reference,
        } => {
            require(flags, Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME)?;
            message(Op::DemonitorP, out, |tuple| {
                tuple.pid(from).target(target).reference(reference)
            })
        }
        Control::MonitorPExit {
            from,
            to,
            reference,
        } => {
            let op = if flags.contains(Flags::EXIT_PAYLOAD) {
                Op::PayloadMonitorPExit
            } else {
                Op::MonitorPExit
            };
            message(op, out, |tuple| {
                tuple.target(from).pid(to).reference(reference)
            })
        }
        Control::GroupLeader { leader, to } => {
            message(Op::GroupLeader, out, |tuple| tuple.pid(leader).pid(to))
        }
        Control::SpawnRequest(request) => {
            require(flags, Flags::SPAWN)?;
            let SpawnRequest {
                request,
                from,
                group_leader,
                module,
                function,
                arity,
                options,
                token,
            } = &**request;
            let token = wanted(token, flags);
            traced(token, Op::SpawnRequest, Op::SpawnRequestTt, out, |tuple| {
                let tuple = tuple.reference(request).pid(from).pid(group_leader);
                let tuple = tuple.function(module, function, *arity);
                tuple.term(options)
            })
        }
        Control::SpawnReply {
            request,
            to,
            flags: established,
            result,
            token,
        } => {
            let token = wanted(token, flags);
            traced(token, Op::SpawnReply, Op::SpawnReplyTt, out, |tuple| {
                let tuple = tuple.reference(request).pid(to);
                let tuple = tuple.unsigned(u64::from(*established));
                match result {
                    SpawnResult::Pid(pid) => tuple.pid(pid),
                    SpawnResult::Error(reason) => tuple.atom(reason),
                }
            })
        }
        Control::AliasSend { from, alias, token } => {
            // As OTP 28 and later say it.
            if flags.contains(Flags::ALTACT_SIG) {
                let altact = Control::AltactSend {
                    priority: false,
                    exit: false,
                    from: from.clone(),
                    to: Destination::Alias(alias.clone()),
                    token: token.clone(),
                };
                return encode(&altact, flags, out);
            }
            require(flags, Flags::ALIAS)?;
            let token = wanted(token, flags);
            traced(token, Op::AliasSend, Op::AliasSendTt, out, |tuple| {
                tuple.pid(from).reference(alias)
            })
        }
        Control::AltactSend {
            priority,
            exit,
            from,
            to,
            token,
        } => {
            if !flags.contains(Flags::ALTACT_SIG) {
                let missing = Flags::ALTACT_SIG;
                let plain = without_altact(*exit, from, to, token)
                    .ok_or(EncodeError::NotNegotiated { missing })?;
                return encode(&plain, flags, out);
            }
            let token = wanted(token, flags);
            let bits = if *priority { altact::PRIO } else { 0 }
                | if *exit { altact::EXIT } else { 0 }
                | if token.is_some() { altact::TOKEN } else { 0 }
                | match to {
                    Destination::Pid(_) => 0,
                    Destination::Name(_) => altact::NAME,
                    Destination::Alias(_) => altact::ALIAS,
                };
            let op = Op::AltactSigSend;
            traced(token, op, op, out, |tuple| {
                let tuple = tuple.unsigned(bits).pid(from);
                match to {
                    Destination::Pid(to) => tuple.pid(to),
                    Destination::Name(to) => tuple.atom(to),
                    Destination::Alias(to) => tuple.reference(to),
                }
            })
        }
    }
}

/// The signal of OTP 27 that does the same, but for priority. An exit signal to an alias has none
/// (`erts_proc_sig_send_exit` drops it), nor has one to a name.
fn without_altact(
    exit: bool,
    from: &Pid,
    to: &Destination,
    token: &Option<Box<Term>>,
) -> Option<Control> {
    let from = from.clone();
    let token = token.clone();
    match (exit, to.clone()) {
        (false, Destination::Pid(to)) => Some(Control::Send {
            from: Some(from),
            to,
            token,
        }),
        (false, Destination::Name(name)) => Some(Control::RegSend { from, name, token }),
        (false, Destination::Alias(alias)) => Some(Control::AliasSend { from, alias, token }),
        (true, Destination::Pid(to)) => Some(Control::Exit2 { from, to, token }),
        (true, Destination::Name(_) | Destination::Alias(_)) => None,
    }
}

fn require(flags: Flags, needed: Flags) -> Result<(), EncodeError> {
    if flags.contains(needed) {
        Ok(())
    } else {
        let missing = needed - flags;
        Err(EncodeError::NotNegotiated { missing })
    }
}

/// The token, unless its label is one that the peer cannot take: without `BIG_SEQTRACE_LABELS`
/// only integers of 28 bits are labels, and a signal with another one goes without its token.
fn wanted(token: &Option<Box<Term>>, flags: Flags) -> Option<&Term> {
    const SMALL: core::ops::Range<i64> = -(1 << 27)..1 << 27;
    let token = token.as_deref()?;
    let small_label = || {
        let label = token.as_tuple()?.get(1)?;
        label.as_i64().filter(|label| SMALL.contains(label))
    };
    (flags.contains(Flags::BIG_SEQTRACE_LABELS) || small_label().is_some()).then_some(token)
}

/// Writes the tuple of `op`, of which `elements` writes all that comes after the operation.
fn message<'a, R: AtomRefs>(
    op: Op,
    out: RefWriter<'a, R>,
    elements: impl FnOnce(Tuple<'a, R>) -> Tuple<'a, R>,
) -> Result<Op, EncodeError> {
    traced(None, op, op, out, elements)
}

/// Writes the tuple of the operation without or with token, as the case is.
fn traced<'a, R: AtomRefs>(
    token: Option<&Term>,
    plain: Op,
    with_token: Op,
    out: RefWriter<'a, R>,
    elements: impl FnOnce(Tuple<'a, R>) -> Tuple<'a, R>,
) -> Result<Op, EncodeError> {
    let op = if token.is_some() { with_token } else { plain };
    let arity = match op.arity() {
        Arity::Exactly(arity) => arity,
        Arity::AtLeast(arity) => arity + u32::from(token.is_some()),
    };
    let mut tuple = elements(Tuple::new(op, arity, out));
    if let Some(token) = token {
        tuple = tuple.term(token);
    }
    tuple.result?;
    Ok(op)
}

/// The elements of a control message as they are written.
struct Tuple<'a, R> {
    writer: RefWriter<'a, R>,
    /// The first error; nothing is written after it.
    result: Result<(), erland_etf::EncodeError>,
}

impl<'a, R: AtomRefs> Tuple<'a, R> {
    fn new(op: Op, arity: u32, mut writer: RefWriter<'a, R>) -> Tuple<'a, R> {
        writer.tuple_header(arity);
        writer.integer(op.number());
        let result = Ok(());
        Tuple { writer, result }
    }

    fn pid(mut self, pid: &Pid) -> Self {
        self.writer.pid(pid);
        self
    }

    fn reference(mut self, reference: &Reference) -> Self {
        self.writer.reference(reference);
        self
    }

    fn atom(mut self, atom: &Atom) -> Self {
        self.writer.atom(atom);
        self
    }

    fn unsigned(mut self, value: u64) -> Self {
        self.writer.integer(value);
        self
    }

    fn target(self, target: &Target) -> Self {
        match target {
            Target::Pid(pid) => self.pid(pid),
            Target::Name(name) => self.atom(name),
        }
    }

    fn function(mut self, module: &Atom, function: &Atom, arity: i64) -> Self {
        self.writer.tuple_header(3);
        self.writer.atom(module);
        self.writer.atom(function);
        self.writer.integer(arity);
        self
    }

    fn term(mut self, term: &Term) -> Self {
        if self.result.is_ok() {
            self.result = self.writer.term(term);
        }
        self
    }
}
