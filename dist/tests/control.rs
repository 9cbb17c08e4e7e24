//! Control messages: every operation in every form both ways, and what is refused.

mod common;

use common::forms::*;
use common::*;
use erland_dist::{
    Control, ControlError, Destination, EncodeError, Event, Flags, FrameFault, FrameKind, Op,
    ProtocolError, Target,
};
use erland_etf::Term;

fn pass_through() -> Flags {
    all_flags() - CACHE - Flags::FRAGMENTS
}

/// A peer with this flag may not use the operation.
fn not_with(op: Op) -> Flags {
    match op {
        Op::Unlink => Flags::UNLINK_ID,
        _ => Flags::default(),
    }
}

#[test]
fn table_of_forms_has_every_operation() {
    let forms = forms();
    for op in Op::ALL {
        let known = forms.iter().any(|(form, ..)| form == op);
        assert_eq!(known, *op != Op::NodeLink, "{op}");
        assert_eq!(Op::from_number(u64::from(op.number())), Some(*op));
    }
    assert_eq!(Op::ALL.len(), 31);
}

#[test]
fn every_form_is_received_and_sent() {
    for (op, elements, control, without) in forms() {
        let in_tuple = elements.last() == Some(&payload());
        let after = control.has_payload() && !in_tuple;
        let tuple = tuple(elements);
        let reason = encoded(&payload());
        let after_it = if after { &reason[..] } else { &[] };

        // Behind a header.
        let body = plain(&tuple, after_it);
        let (heard, heard_payload) = Receiver::new(all_flags() - not_with(op)).signal(&body);
        assert_eq!(heard, control, "{op}");
        let heard_payload = heard_payload.map(|payload| payload.to_term().unwrap());
        assert_eq!(heard_payload, control.has_payload().then(payload), "{op}");

        // In pass-through mode.
        let version: &[u8] = if after { &[131] } else { &[] };
        let passed = [&[112, 131], &tuple[..], version, after_it].concat();
        let (heard, heard_payload) = Receiver::new(pass_through() - not_with(op)).signal(&passed);
        assert_eq!(heard, control, "{op}");
        assert_eq!(heard_payload.is_some(), control.has_payload(), "{op}");

        let Some(without) = without else { continue };
        let payload = control.has_payload().then_some(&reason);
        let flags = all_flags() - without;
        assert_eq!(sent(flags, &control, payload), frame(&body), "{op}");
        let flags = pass_through() - without;
        assert_eq!(sent(flags, &control, payload), frame(&passed), "{op}");
    }
}

/// The forms a signal takes where the peer lacks something.
#[test]
fn older_forms_are_used_where_flags_are_missing() {
    let reason = encoded(&payload());
    let altact = |exit, to| Control::AltactSend {
        priority: true,
        exit,
        from: p1(),
        to,
        token: None,
    };
    let to_pid = || Destination::Pid(q());
    let to_name = || Destination::Name(atom("srv"));
    let to_alias = || Destination::Alias(our_ref());
    let send = Control::Send {
        from: Some(p1()),
        to: q(),
        token: None,
    };
    let unlink = Control::UnlinkId {
        id: 7,
        from: p1(),
        to: q(),
    };
    let alias = Control::AliasSend {
        from: p1(),
        alias: our_ref(),
        token: None,
    };
    let cases = [
        (&send, Flags::SEND_SENDER, Op::Send),
        (&unlink, Flags::UNLINK_ID, Op::Unlink),
        (&altact(false, to_pid()), Flags::ALTACT_SIG, Op::SendSender),
        (&altact(false, to_name()), Flags::ALTACT_SIG, Op::RegSend),
        (&altact(false, to_alias()), Flags::ALTACT_SIG, Op::AliasSend),
        (&alias, Flags::default(), Op::AltactSigSend),
        (&altact(true, to_pid()), Flags::ALTACT_SIG, Op::PayloadExit2),
        (
            &altact(true, to_pid()),
            Flags::ALTACT_SIG | Flags::EXIT_PAYLOAD,
            Op::Exit2,
        ),
    ];
    for (control, missing, op) in cases {
        let payload = control.has_payload().then_some(&reason);
        let bytes = sent(all_flags() - missing, control, payload);
        // Length, header, tuple of small arity, small integer.
        assert_eq!(bytes[7], 104);
        assert_eq!(bytes[9..11], [97, op.number()], "{control:?}");
    }
}

#[test]
fn signals_that_cannot_be_said_are_refused() {
    let reference = beam_ref();
    let monitor = Control::MonitorP {
        from: p1(),
        target: Target::Name(atom("srv")),
        reference,
    };
    let ack = Control::UnlinkIdAck {
        id: 7,
        from: p1(),
        to: q(),
    };
    let alias = Control::AliasSend {
        from: p1(),
        alias: our_ref(),
        token: None,
    };
    let exit_alias = Control::AltactSend {
        priority: true,
        exit: true,
        from: p1(),
        to: Destination::Alias(our_ref()),
        token: None,
    };
    let payload = encoded(&payload());
    let cases = [
        (monitor, Flags::DIST_MONITOR_NAME),
        (ack, Flags::UNLINK_ID),
        (alias, Flags::ALIAS),
        (exit_alias, Flags::ALTACT_SIG),
    ];
    for (control, missing) in cases {
        let flags = all_flags() - Flags::ALTACT_SIG - missing;
        let mut outbound = erland_dist::Outbound::new(flags);
        let payload = control.has_payload().then_some(&payload);
        let refused = EncodeError::NotNegotiated { missing };
        assert_eq!(
            outbound.push(None, &control, payload.map(Into::into)),
            Err(refused)
        );
        assert!(outbound.is_empty());
    }
}

/// Without `BIG_SEQTRACE_LABELS` a token with such a label is left out (OTP does the same).
#[test]
fn token_with_a_big_label_stays_behind() {
    let flags = all_flags() - Flags::BIG_SEQTRACE_LABELS;
    let small = |label: i64| {
        let elements = [int(1), Term::from(label), int(1), pid(p1()), int(0)];
        Some(Box::new(Term::tuple(elements)))
    };
    let cases = [
        (traced(), false),
        (small(17), true),
        (small((1 << 27) - 1), true),
        (small(1 << 27), false),
        (small(-(1 << 27)), true),
    ];
    for (token, goes) in cases {
        let control = Control::Send {
            from: Some(p1()),
            to: q(),
            token: token.clone(),
        };
        let bytes = sent(flags, &control, Some(&encoded(&payload())));
        let events = Receiver::new(flags).bytes(&bytes).unwrap();
        let (Control::Send { token: heard, .. }, _) = one_signal(events) else {
            panic!("a message");
        };
        assert_eq!(heard, token.filter(|_| goes));
    }
}

/// What is wrong with a message, to a peer that may use every operation.
fn fault(body: &[u8]) -> ControlError {
    match Receiver::new(all_flags() - Flags::UNLINK_ID).body(body) {
        Err(ProtocolError::Malformed {
            frame: FrameKind::Header,
            kind: FrameFault::Control(error),
        }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn arity_must_be_exact() {
    for (op, elements, control, _) in forms() {
        let payload = encoded(&payload());
        let after = if control.has_payload() {
            &payload[..]
        } else {
            &[]
        };
        let mut longer = elements.clone();
        longer.push(int(0));
        let arity = longer.len() as u32;
        if op != Op::AltactSigSend {
            assert_eq!(
                fault(&plain(&tuple(longer), after)),
                ControlError::Arity { op, arity }
            );
        }
        let shorter = &elements[..elements.len() - 1];
        let arity = shorter.len() as u32;
        if op != Op::AltactSigSend || arity < 4 {
            let body = plain(&tuple(shorter.to_vec()), after);
            assert_eq!(fault(&body), ControlError::Arity { op, arity });
        }
    }
    // A token is announced, and missing.
    let no_token = tuple([int(37), int(2), pid(p1()), pid(q())]);
    let (op, arity) = (Op::AltactSigSend, 4);
    assert_eq!(
        fault(&plain(&no_token, &[106])),
        ControlError::Arity { op, arity }
    );
}

#[test]
fn elements_of_the_wrong_type_are_refused() {
    for (op, elements, _, _) in forms() {
        for element in 1..elements.len() {
            let mut wrong = elements.clone();
            // Any term goes as reason, token, options and in the unused slot; nothing else is an
            // empty tuple.
            let free = matches!(
                (op, element),
                (Op::Send | Op::SendTt, 1)
                    | (Op::RegSend | Op::RegSendTt, 2)
                    | (Op::SpawnRequest | Op::SpawnRequestTt, 5)
                    | (Op::AltactSigSend, 4..)
            ) || elements[element] == token()
                || elements[element] == payload();
            wrong[element] = Term::tuple([]);
            let body = plain(&tuple(wrong), &[106]);
            if free {
                Receiver::new(all_flags()).body(&body).unwrap();
                continue;
            }
            let at = element as u32 + 1;
            match fault(&body) {
                ControlError::Element {
                    op: of, element, ..
                }
                | ControlError::Value { op: of, element } => {
                    assert_eq!((of, element), (op, at), "{op} {element}");
                }
                other => panic!("{op} {element}: {other:?}"),
            }
        }
    }
}

#[test]
fn unlink_id_zero_is_refused() {
    let zero = |op| plain(&tuple([int(op), int(0), pid(p1()), pid(q())]), &[]);
    let op = Op::UnlinkId;
    assert_eq!(fault(&zero(35)), ControlError::UnlinkIdZero { op });
    // OTP does not look at the id of the answer: it fits no request.
    let control = Receiver::new(all_flags()).signal(&zero(36)).0;
    assert!(matches!(control, Control::UnlinkIdAck { id: 0, .. }));
}

#[test]
fn node_link_is_refused() {
    let op = Op::NodeLink;
    let body = plain(&tuple([int(5)]), &[]);
    assert_eq!(fault(&body), ControlError::NotInUse { op });
}

/// `UNLINK` is for peers without `UNLINK_ID` only.
#[test]
fn unlink_without_an_id_is_refused_where_ids_were_negotiated() {
    let op = Op::Unlink;
    let body = plain(&tuple([int(4), pid(p1()), pid(q())]), &[]);
    assert_eq!(
        Receiver::new(all_flags()).body(&body).unwrap_err(),
        ProtocolError::Malformed {
            frame: FrameKind::Header,
            kind: FrameFault::Control(ControlError::NotInUse { op }),
        }
    );
    let control = Receiver::new(all_flags() - Flags::UNLINK_ID)
        .signal(&body)
        .0;
    assert!(matches!(control, Control::Unlink { .. }));
}

#[test]
fn values_that_no_operation_has_are_refused() {
    let both = tuple([int(37), int(12), pid(p1()), pid(q())]);
    let (op, element) = (Op::AltactSigSend, 2);
    assert_eq!(
        fault(&plain(&both, &[106])),
        ControlError::Value { op, element }
    );

    let our = || Term::from(our_ref());
    let flags = tuple([int(31), our(), pid(q()), int(1 << 27), pid(p1())]);
    let (op, element) = (Op::SpawnReply, 4);
    assert_eq!(
        fault(&plain(&flags, &[])),
        ControlError::Value { op, element }
    );

    // Not an integer of 60 bits; no tuple of three.
    let spawn = |function| {
        let from = || pid(p1());
        let options = Term::list([]);
        tuple([
            int(29),
            Term::from(beam_ref()),
            from(),
            from(),
            function,
            options,
        ])
    };
    let (op, element) = (Op::SpawnRequest, 5);
    for function in [
        Term::tuple([term("m"), term("f"), Term::from(1_i64 << 59)]),
        Term::tuple([term("m"), term("f"), Term::from(-(1_i64 << 59) - 1)]),
        Term::tuple([term("m"), term("f"), int(1), int(1)]),
        Term::tuple([term("m"), term("f")]),
    ] {
        assert_eq!(
            fault(&plain(&spawn(function), &[106])),
            ControlError::Value { op, element }
        );
    }
    for arity in [(1_i64 << 59) - 1, -(1 << 59), 256] {
        let function = Term::tuple([term("m"), term("f"), Term::from(arity)]);
        let body = plain(&spawn(function), &[106]);
        Receiver::new(all_flags()).body(&body).unwrap();
    }

    // Flags below 0, in few bits and in many.
    let (op, element) = (Op::AltactSigSend, 2);
    for flags in [-1, -(1_i128 << 80)] {
        let below = tuple([int(37), Term::from(flags), pid(p1()), pid(q())]);
        assert_eq!(
            fault(&plain(&below, &[106])),
            ControlError::Value { op, element }
        );
    }
    // Ids have 64 bits.
    for (op, id) in [(35, 1_i128 << 64), (36, -1)] {
        let unlink = tuple([int(op), Term::from(id), pid(p1()), pid(q())]);
        let error = fault(&plain(&unlink, &[]));
        assert!(
            matches!(error, ControlError::Element { element: 2, .. }),
            "{error:?}"
        );
    }
}

#[test]
fn payload_is_required_where_the_operation_has_one() {
    for (op, elements, control, _) in forms() {
        let in_tuple = elements.last() == Some(&payload());
        if control.has_payload() && !in_tuple {
            let body = plain(&tuple(elements.clone()), &[]);
            assert_eq!(fault(&body), ControlError::PayloadMissing { op });
            for version in [&[][..], &[131]] {
                let passed = [&[112, 131], &tuple(elements.clone())[..], version].concat();
                assert_eq!(
                    Receiver::new(pass_through()).body(&passed).unwrap_err(),
                    ProtocolError::Malformed {
                        frame: FrameKind::PassThrough,
                        kind: FrameFault::Control(ControlError::PayloadMissing { op }),
                    }
                );
            }
        }
    }
}

#[test]
fn what_is_no_control_message_is_refused() {
    let version = plain(&[&[131], &tuple([int(1)])[..]].concat(), &[]);
    for body in [
        plain(&[], &[]),
        plain(&encoded(&term("foo")), &[]),
        plain(&tuple([]), &[]),
        plain(&tuple([term("foo")]), &[]),
        plain(&tuple([Term::from(-1)]), &[]),
        plain(&tuple([Term::from(1_i128 << 70)]), &[]),
        version,
    ] {
        let error = fault(&body);
        assert!(matches!(error, ControlError::NotControl(_)), "{error:?}");
    }
}

#[test]
fn unknown_operations_are_passed_over() {
    let mut receiver = Receiver::new(all_flags());
    for op in [0, 9, 10, 11, 14, 15, 17, 38, 255, u64::MAX] {
        let body = plain(&tuple([int(op), pid(p1()), token()]), &[1, 2, 3]);
        let events = receiver.body(&body).unwrap();
        assert!(matches!(events[..], [Event::UnknownControl { op: seen }] if seen == op));
    }
    let body = plain(&tuple([int(1), pid(p1()), pid(q())]), &[]);
    assert!(matches!(receiver.signal(&body).0, Control::Link { .. }));
    // But they must be tuples.
    let broken = plain(&hex("6803 6163 6a"), &[]);
    assert!(matches!(
        fault(&broken),
        ControlError::Unknown { op: 99, .. }
    ));
}

/// The pids of a link share their nodes: nothing is allocated for either side.
#[test]
fn pids_share_the_nodes_of_the_link() {
    let body = plain(&tuple([int(1), pid(p1()), pid(q())]), &[]);
    let mut receiver = Receiver::new(all_flags());
    let nodes = |control: &Control| match control {
        Control::Link { from, to } => (from.node().clone(), to.node().clone()),
        other => panic!("{other:?}"),
    };
    let first = nodes(&receiver.signal(&body).0);
    let second = nodes(&receiver.signal(&body).0);
    let name = |node: &erland_etf::NodeId| node.name().as_str().as_ptr();
    assert_eq!(name(&first.0), name(&second.0));
    assert_eq!(name(&first.1), name(&second.1));
}

#[test]
fn control_stays_small() {
    assert!(size_of::<Control>() <= 88, "{}", size_of::<Control>());
    assert!(
        size_of::<Option<Event>>() <= 128,
        "{}",
        size_of::<Option<Event>>()
    );
    assert!(
        size_of::<ProtocolError>() <= 40,
        "{}",
        size_of::<ProtocolError>()
    );
}
