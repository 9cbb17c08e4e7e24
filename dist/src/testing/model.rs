//! What can one side tell the other, and what should the other hear? Made-up signals.
//!
//! The second half repeats, independently of the encoder, which form a signal takes on a link with
//! given flags, so that a simulation knows what to expect.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use erland_etf::{Atom, NodeId, Pid, Reference, Term};

use super::beam;
use super::rng::Rng;
use crate::control::{Control, Destination, SpawnRequest, SpawnResult, Target};
use crate::flags::Flags;

/// Texts of atoms: empty, short, at and past what is stored inline, not ASCII, and long.
const ATOMS: &[&str] = &[
    "",
    "a",
    "ok",
    "error",
    "normal",
    "exactly14bytes",
    "fifteen_bytes_!",
    "åäö",
    "ключ",
    "a_name_of_more_than_a_few_bytes_as_modules_have",
    "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語",
];

/// The two nodes of one direction.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
}

pub(super) fn atom(rng: &mut Rng) -> Atom {
    let text = rng.pick(ATOMS).unwrap_or_default();
    Atom::new(text).unwrap_or(Atom::inline(""))
}

/// One of so many atoms of short text.
pub(super) fn one_of(rng: &mut Rng, many: u64) -> Atom {
    let number = rng.below(many);
    Atom::new(&format!("atom{number}")).unwrap_or(Atom::inline(""))
}

pub(super) fn pid(rng: &mut Rng, node: &NodeId) -> Pid {
    let serial = if rng.one_in(2) { 0 } else { rng.below(9) };
    Pid::new(node.clone(), rng.next_u64() as u32, serial as u32)
}

pub(super) fn reference(rng: &mut Rng, node: &NodeId) -> Reference {
    let words: Vec<u32> = (0..rng.between(1, 5))
        .map(|_| rng.next_u64() as u32)
        .collect();
    // Five words are never too many.
    Reference::new(node.clone(), &words).unwrap_or_else(|_| reference(rng, node))
}

/// A term of a handful of elements.
pub(super) fn term(rng: &mut Rng, nodes: &Nodes, depth: u32) -> Term {
    let kinds = if depth == 0 { 7 } else { 10 };
    match rng.below(kinds) {
        0 => Term::from(rng.below(300)),
        1 => Term::from(rng.next_u64() as i64),
        2 => Term::from(atom(rng)),
        3 => Term::from(pid(rng, &nodes.from)),
        4 => Term::from(reference(rng, &nodes.to)),
        5 => {
            let len = rng.below(200) as usize;
            Term::binary(rng.bytes(len))
        }
        6 => Term::nil(),
        7 => Term::list((0..rng.below(4)).map(|_| term(rng, nodes, depth - 1))),
        _ => Term::tuple((0..rng.below(4)).map(|_| term(rng, nodes, depth - 1))),
    }
}

/// A payload that is to be sent.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Bytes,
    /// What its references mean.
    pub(super) atoms: Vec<Atom>,
    /// What it says, if it is a term.
    pub(super) term: Option<Term>,
}

/// An encoded payload, now and then a large one, now and then one that is no term: carrying it is
/// the link's affair, decoding it is not. But where it goes into the control tuple (`strict`), it
/// must be a term.
///
/// `large` is what a large one has at most, `slots` the size of the sender's cache: some payloads
/// refer to atoms, out of not many more than there are slots.
pub(super) fn payload(
    rng: &mut Rng,
    nodes: &Nodes,
    strict: bool,
    large: u64,
    slots: u64,
) -> Content {
    let kind = rng.below(12);
    if kind == 0 && !strict {
        let len = rng.between(1, large) as usize;
        let bytes = rng.bytes(16).repeat(len / 16 + 1).into();
        let (atoms, term) = (Vec::new(), None);
        return Content { bytes, atoms, term };
    }
    if kind < 7 {
        let many = slots + slots / 2 + 3;
        let most = if rng.one_in(8) { 255 } else { 7 };
        let atoms: Vec<Atom> = (0..rng.between(1, most))
            .map(|_| match rng.below(4) {
                0 => atom(rng),
                _ => one_of(rng, many),
            })
            .collect();
        let most = if kind < 3 { large } else { 60 };
        let (term, bytes) = beam::payload(rng, &atoms, most);
        let (bytes, term) = (bytes.into(), Some(term));
        return Content { bytes, atoms, term };
    }
    let term = if kind == 7 {
        let len = rng.between(1, large) as usize;
        Term::binary(Bytes::from(rng.bytes(8).repeat(len / 8 + 1)))
    } else {
        term(rng, nodes, 3)
    };
    let mut out = BytesMut::new();
    let bytes = match term.encode(&mut out) {
        Ok(()) => out.freeze(),
        Err(_) => Bytes::from_static(&[106]),
    };
    let (atoms, term) = (Vec::new(), Some(term));
    Content { bytes, atoms, term }
}

fn token(rng: &mut Rng, nodes: &Nodes) -> Option<Box<Term>> {
    rng.one_in(3).then(|| {
        let label = if rng.one_in(2) {
            Term::from(rng.below(1 << 30))
        } else {
            term(rng, nodes, 1)
        };
        Box::new(Term::tuple([
            Term::from(rng.below(64)),
            label,
            Term::from(rng.below(1000)),
            Term::from(pid(rng, &nodes.from)),
            Term::from(rng.below(1000)),
        ]))
    })
}

fn target(rng: &mut Rng, node: &NodeId) -> Target {
    if rng.one_in(2) {
        Target::Pid(pid(rng, node))
    } else {
        Target::Name(atom(rng))
    }
}

/// Any control message that `from` may send. Its receiver makes it different from all others.
pub(super) fn control(rng: &mut Rng, nodes: &Nodes, from: &Pid) -> Control {
    let from = from.clone();
    let to = pid(rng, &nodes.to);
    match rng.below(20) {
        0 => Control::Link { from, to },
        1 => Control::UnlinkId {
            id: rng.next_u64().max(1),
            from,
            to,
        },
        2 => Control::UnlinkIdAck {
            id: rng.next_u64().max(1),
            from,
            to,
        },
        3 => Control::Exit {
            from,
            to,
            token: token(rng, nodes),
        },
        4 => Control::Exit2 {
            from,
            to,
            token: token(rng, nodes),
        },
        5 => Control::MonitorP {
            from,
            target: target(rng, &nodes.to),
            reference: reference(rng, &nodes.from),
        },
        6 => Control::DemonitorP {
            from,
            target: target(rng, &nodes.to),
            reference: reference(rng, &nodes.from),
        },
        7 => Control::MonitorPExit {
            from: target(rng, &nodes.from),
            to,
            reference: reference(rng, &nodes.to),
        },
        8 => Control::GroupLeader { leader: from, to },
        9 => Control::SpawnRequest(Box::new(SpawnRequest {
            request: reference(rng, &nodes.from),
            from,
            group_leader: pid(rng, &nodes.from),
            module: atom(rng),
            function: atom(rng),
            arity: rng.below(300) as i64 - 10,
            options: term(rng, nodes, 2),
            token: token(rng, nodes),
        })),
        10 => Control::SpawnReply {
            request: reference(rng, &nodes.to),
            to,
            flags: rng.below(4) as u32,
            result: if rng.one_in(2) {
                SpawnResult::Pid(from)
            } else {
                SpawnResult::Error(atom(rng))
            },
            token: token(rng, nodes),
        },
        11 => Control::AliasSend {
            from,
            alias: reference(rng, &nodes.to),
            token: token(rng, nodes),
        },
        12 => Control::AltactSend {
            priority: rng.one_in(2),
            exit: rng.one_in(2),
            from,
            to: match rng.below(3) {
                0 => Destination::Pid(to),
                1 => Destination::Name(atom(rng)),
                _ => Destination::Alias(reference(rng, &nodes.to)),
            },
            token: token(rng, nodes),
        },
        13 | 14 => Control::RegSend {
            from,
            name: atom(rng),
            token: token(rng, nodes),
        },
        _ => Control::Send {
            from: (!rng.one_in(5)).then_some(from),
            to,
            token: token(rng, nodes),
        },
    }
}

/// What the other side hears of a signal on a link with `flags`; `None` if it cannot be said.
pub(super) fn heard(control: &Control, flags: Flags) -> Option<Control> {
    let mut heard = control.clone();
    match &mut heard {
        Control::Send { token, .. }
        | Control::RegSend { token, .. }
        | Control::Exit { token, .. }
        | Control::Exit2 { token, .. }
        | Control::SpawnReply { token, .. }
        | Control::AliasSend { token, .. }
        | Control::AltactSend { token, .. } => limit_label(token, flags),
        Control::SpawnRequest(request) => limit_label(&mut request.token, flags),
        Control::Link { .. }
        | Control::Unlink { .. }
        | Control::UnlinkId { .. }
        | Control::UnlinkIdAck { .. }
        | Control::MonitorP { .. }
        | Control::DemonitorP { .. }
        | Control::MonitorPExit { .. }
        | Control::GroupLeader { .. } => {}
    }
    match heard {
        Control::UnlinkId { from, to, .. } if !flags.contains(Flags::UNLINK_ID) => {
            Some(Control::Unlink { from, to })
        }
        Control::UnlinkIdAck { .. } if !flags.contains(Flags::UNLINK_ID) => None,
        Control::MonitorP { .. } | Control::DemonitorP { .. }
            if !flags.contains(Flags::DIST_MONITOR)
                || !flags.contains(Flags::DIST_MONITOR_NAME) =>
        {
            None
        }
        Control::SpawnRequest(_) if !flags.contains(Flags::SPAWN) => None,
        Control::AliasSend { from, alias, token } if flags.contains(Flags::ALTACT_SIG) => {
            Some(Control::AltactSend {
                priority: false,
                exit: false,
                from,
                to: Destination::Alias(alias),
                token,
            })
        }
        Control::AliasSend { .. } if !flags.contains(Flags::ALIAS) => None,
        Control::Send { to, token, .. } if !flags.contains(Flags::SEND_SENDER) => {
            let from = None;
            Some(Control::Send { from, to, token })
        }
        Control::AltactSend {
            exit,
            from,
            to,
            token,
            ..
        } if !flags.contains(Flags::ALTACT_SIG) => {
            let plain = match to {
                Destination::Pid(to) if exit => Control::Exit2 { from, to, token },
                Destination::Name(_) | Destination::Alias(_) if exit => return None,
                Destination::Name(name) => Control::RegSend { from, name, token },
                Destination::Alias(alias) => Control::AliasSend { from, alias, token },
                Destination::Pid(to) => {
                    let from = Some(from);
                    Control::Send { from, to, token }
                }
            };
            self::heard(&plain, flags)
        }
        heard => Some(heard),
    }
}

/// Whether the payload of a signal, as it is heard, travels in the control tuple.
pub(super) fn is_in_tuple(heard: &Control, flags: Flags) -> bool {
    !flags.contains(Flags::EXIT_PAYLOAD)
        && matches!(
            heard,
            Control::Exit { .. } | Control::Exit2 { .. } | Control::MonitorPExit { .. }
        )
}

fn limit_label(token: &mut Option<Box<Term>>, flags: Flags) {
    let fits = token.as_deref().is_none_or(|token| {
        let label = token.as_tuple().and_then(|token| token.get(1));
        label
            .and_then(Term::as_i64)
            .is_some_and(|label| (-134_217_728..=134_217_727).contains(&label))
    });
    if !fits && !flags.contains(Flags::BIG_SEQTRACE_LABELS) {
        *token = None;
    }
}
