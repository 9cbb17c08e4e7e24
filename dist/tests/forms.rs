//! Known answers: the form of every signal under every combination of the flags that decide it,
//! with no trace token, with one of a small label and with one of a big label.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::forms::*;
use common::*;
use erland_dist::{Control, Destination, EncodeError, Event, Flags, SpawnResult, Target};
use erland_etf::{Pid, Reference, Term};

/// The flags that decide a form; headers and pass-through come on top.
const DECIDING: [Flags; 9] = [
    Flags::SEND_SENDER,
    Flags::EXIT_PAYLOAD,
    Flags::UNLINK_ID,
    Flags::DIST_MONITOR,
    Flags::DIST_MONITOR_NAME,
    Flags::BIG_SEQTRACE_LABELS,
    Flags::SPAWN,
    Flags::ALIAS,
    Flags::ALTACT_SIG,
];

fn combinations() -> impl Iterator<Item = Flags> {
    (0..1_u32 << DECIDING.len()).map(|bits| {
        let chosen = |place: &usize| bits >> place & 1 == 1;
        (0..DECIDING.len())
            .filter(chosen)
            .fold(Flags::MANDATORY - Flags::UNLINK_ID, |flags, place| {
                flags | DECIDING[place]
            })
    })
}

fn small_token() -> Term {
    Term::tuple([int(1), int(17), int(1), pid(p1()), int(0)])
}

/// The same signal with another token; `None` if it has no place for one.
fn with_token(control: &Control, new: Option<Term>) -> Option<Control> {
    let mut control = control.clone();
    let place = match &mut control {
        Control::Send { token, .. }
        | Control::RegSend { token, .. }
        | Control::Exit { token, .. }
        | Control::Exit2 { token, .. }
        | Control::SpawnReply { token, .. }
        | Control::AliasSend { token, .. }
        | Control::AltactSend { token, .. } => token,
        Control::SpawnRequest(request) => &mut request.token,
        _ => return None,
    };
    *place = new.map(Box::new);
    Some(control)
}

/// The tuple that says this, or the flags that are missing. The reason is in the tuple if the
/// second part says so.
fn tuple_of(control: &Control, flags: Flags) -> Result<(Vec<Term>, bool), Flags> {
    let has = |flag| flags.contains(flag);
    let need = |needed: Flags| match needed - flags {
        missing if missing.is_empty() => Ok(()),
        missing => Err(missing),
    };
    let p = |pid: &Pid| Term::from(pid.clone());
    let r = |reference: &Reference| Term::from(reference.clone());
    let target = |target: &Target| match target {
        Target::Pid(pid) => Term::from(pid.clone()),
        Target::Name(name) => Term::from(name.clone()),
    };
    // Operation without and with token, and what is between.
    let traced = |ops: (u64, u64), elements: Vec<Term>, token: &Option<Box<Term>>| {
        let token = token.as_deref().filter(|token| {
            has(Flags::BIG_SEQTRACE_LABELS) || token.as_tuple().unwrap()[1].as_i64().is_some()
        });
        let op = if token.is_some() { ops.1 } else { ops.0 };
        let mut all = vec![int(op)];
        all.extend(elements);
        all.extend(token.cloned());
        all
    };
    let payload = has(Flags::EXIT_PAYLOAD);
    let monitors = Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME;
    Ok(match control {
        Control::Link { from, to } => (vec![int(1), p(from), p(to)], false),
        Control::Unlink { from, to } => (vec![int(4), p(from), p(to)], false),
        Control::UnlinkId { id, from, to } if has(Flags::UNLINK_ID) => {
            (vec![int(35), int(*id), p(from), p(to)], false)
        }
        Control::UnlinkId { from, to, .. } => (vec![int(4), p(from), p(to)], false),
        Control::UnlinkIdAck { id, from, to } => {
            need(Flags::UNLINK_ID)?;
            (vec![int(36), int(*id), p(from), p(to)], false)
        }
        Control::Send {
            from: Some(from),
            to,
            token,
        } if has(Flags::SEND_SENDER) => (traced((22, 23), vec![p(from), p(to)], token), false),
        Control::Send { to, token, .. } => (traced((2, 12), vec![term(""), p(to)], token), false),
        Control::RegSend { from, name, token } => {
            let elements = vec![p(from), term(""), Term::from(name.clone())];
            (traced((6, 16), elements, token), false)
        }
        Control::Exit { from, to, token } => {
            let ops = if payload { (24, 25) } else { (3, 13) };
            (traced(ops, vec![p(from), p(to)], token), !payload)
        }
        Control::Exit2 { from, to, token } => {
            let ops = if payload { (26, 27) } else { (8, 18) };
            (traced(ops, vec![p(from), p(to)], token), !payload)
        }
        Control::MonitorP {
            from,
            target: what,
            reference,
        } => {
            need(monitors)?;
            (vec![int(19), p(from), target(what), r(reference)], false)
        }
        Control::DemonitorP {
            from,
            target: what,
            reference,
        } => {
            need(monitors)?;
            (vec![int(20), p(from), target(what), r(reference)], false)
        }
        Control::MonitorPExit {
            from,
            to,
            reference,
        } => {
            let op = if payload { 28 } else { 21 };
            (vec![int(op), target(from), p(to), r(reference)], !payload)
        }
        Control::GroupLeader { leader, to } => (vec![int(7), p(leader), p(to)], false),
        Control::SpawnRequest(request) => {
            need(Flags::SPAWN)?;
            let function = [
                Term::from(request.module.clone()),
                Term::from(request.function.clone()),
                Term::from(request.arity),
            ];
            let elements = vec![
                r(&request.request),
                p(&request.from),
                p(&request.group_leader),
                Term::tuple(function),
                request.options.clone(),
            ];
            (traced((29, 30), elements, &request.token), false)
        }
        Control::SpawnReply {
            request,
            to,
            flags,
            result,
            token,
        } => {
            let result = match result {
                SpawnResult::Pid(pid) => p(pid),
                SpawnResult::Error(reason) => Term::from(reason.clone()),
            };
            let elements = vec![r(request), p(to), int(u64::from(*flags)), result];
            (traced((31, 32), elements, token), false)
        }
        Control::AliasSend { from, alias, token } if has(Flags::ALTACT_SIG) => {
            let altact = Control::AltactSend {
                priority: false,
                exit: false,
                from: from.clone(),
                to: Destination::Alias(alias.clone()),
                token: token.clone(),
            };
            tuple_of(&altact, flags)?
        }
        Control::AliasSend { from, alias, token } => {
            need(Flags::ALIAS)?;
            (traced((33, 34), vec![p(from), r(alias)], token), false)
        }
        Control::AltactSend {
            priority,
            exit,
            from,
            to,
            token,
        } if has(Flags::ALTACT_SIG) => {
            let (bit, to) = match to {
                Destination::Pid(pid) => (0, p(pid)),
                Destination::Alias(alias) => (4, r(alias)),
                Destination::Name(name) => (8, Term::from(name.clone())),
            };
            let bits = u64::from(*priority) | bit | u64::from(*exit) << 4;
            let mut all = traced((37, 37), vec![int(bits), p(from), to], token);
            if all.len() == 5 {
                all[1] = int(bits | 2);
            }
            (all, false)
        }
        // Priority is lost; an exit signal needs a process.
        Control::AltactSend {
            exit,
            from,
            to,
            token,
            ..
        } => {
            let (from, token) = (from.clone(), token.clone());
            let plain = match (exit, to.clone()) {
                (false, Destination::Pid(to)) => {
                    let from = Some(from);
                    Control::Send { from, to, token }
                }
                (false, Destination::Name(name)) => Control::RegSend { from, name, token },
                (false, Destination::Alias(alias)) => Control::AliasSend { from, alias, token },
                (true, Destination::Pid(to)) => Control::Exit2 { from, to, token },
                (true, _) => return Err(Flags::ALTACT_SIG),
            };
            tuple_of(&plain, flags)?
        }
    })
}

/// Every signal that there is, once per way to trace it.
fn signals() -> Vec<Control> {
    let altact = |exit, to| Control::AltactSend {
        priority: true,
        exit,
        from: p1(),
        to,
        token: None,
    };
    let mut basic: Vec<Control> = forms()
        .into_iter()
        .map(|(_, _, control, _)| control)
        .collect();
    for exit in [false, true] {
        for to in [
            Destination::Pid(q()),
            Destination::Name(atom("srv")),
            Destination::Alias(our_ref()),
        ] {
            basic.push(altact(exit, to));
        }
    }
    let mut all = Vec::new();
    for control in basic {
        let tokens = [None, Some(small_token()), Some(token())];
        let traced: Vec<Control> = tokens
            .into_iter()
            .filter_map(|token| with_token(&control, token))
            .collect();
        if traced.is_empty() {
            all.push(control);
        } else {
            all.extend(traced);
        }
    }
    all
}

#[test]
fn every_signal_has_its_form_under_every_combination_of_flags() {
    let reason = encoded(&payload());
    let (mut said, mut refused) = (0, 0);
    for signal in signals() {
        let given = signal.has_payload().then_some(&reason);
        for flags in combinations() {
            for headers in [Flags::default(), Flags::FRAGMENTS] {
                let flags = flags | headers;
                let (mut elements, in_tuple) = match tuple_of(&signal, flags) {
                    Ok(form) => form,
                    Err(missing) => {
                        let error = EncodeError::NotNegotiated { missing };
                        assert_eq!(try_sent(flags, &signal, given), Err(error), "{signal:?}");
                        refused += 1;
                        continue;
                    }
                };
                if in_tuple {
                    elements.push(payload());
                }
                let after = signal.has_payload() && !in_tuple;
                let mut body = if headers.is_empty() {
                    vec![112, 131]
                } else {
                    vec![131, 68, 0]
                };
                body.extend(tuple(elements));
                if after {
                    body.extend_from_slice(if headers.is_empty() { &[131] } else { &[] });
                    body.extend_from_slice(&reason);
                }
                let bytes = frame(&body);
                assert_eq!(
                    try_sent(flags, &signal, given),
                    Ok(bytes.clone()),
                    "{signal:?} with {flags}"
                );
                said += 1;
                // To be received only.
                if matches!(signal, Control::Unlink { .. }) && flags.contains(Flags::UNLINK_ID) {
                    continue;
                }
                // What is heard says the same again, token included.
                let events = Receiver::new(flags).bytes(&bytes).unwrap();
                let [Event::Deliver { control, payload }] = &events[..] else {
                    panic!("{signal:?} is heard as {events:?}");
                };
                let heard = payload.as_ref().map(|payload| payload.bytes().clone());
                assert_eq!(heard.as_ref(), given, "{signal:?}");
                assert_eq!(
                    try_sent(flags, control, heard.as_ref()),
                    Ok(bytes),
                    "{signal:?} with {flags}"
                );
            }
        }
    }
    assert!(said > 50_000 && refused > 5_000, "{said} and {refused}");
}
