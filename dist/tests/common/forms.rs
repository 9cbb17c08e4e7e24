//! The forms of control messages: one table, read both ways.

use erland_dist::{Control, Destination, Flags, Op, SpawnRequest, SpawnResult, Target};
use erland_etf::{Pid, Term};

use super::*;

pub fn int(value: u64) -> Term {
    Term::from(value)
}

pub fn pid(pid: Pid) -> Term {
    Term::from(pid)
}

/// A sequential trace token, with a label that needs `BIG_SEQTRACE_LABELS`.
pub fn token() -> Term {
    let label = Term::tuple([term("l"), int(1)]);
    Term::tuple([int(1), label, int(1), pid(p1()), int(0)])
}

pub fn traced() -> Option<Box<Term>> {
    Some(Box::new(token()))
}

/// What `Reason` and the message are in the table.
pub fn payload() -> Term {
    term("foo")
}

/// Every operation: its tuple, what it means, and the flags which a link must not have for the
/// signal to be sent in this form (`None`: this form is received only).
pub fn forms() -> Vec<(Op, Vec<Term>, Control, Option<Flags>)> {
    let (from, to) = (p1(), q());
    let (p, q_) = (|| pid(p1()), || pid(q()));
    let unused = || term("");
    let none = Flags::default();
    let no_payload = Flags::EXIT_PAYLOAD;
    let send = |from: Option<Pid>, token| Control::Send {
        from,
        to: q(),
        token,
    };
    let reg_send = |token| Control::RegSend {
        from: p1(),
        name: atom("srv"),
        token,
    };
    let exit = |token| Control::Exit {
        from: p1(),
        to: q(),
        token,
    };
    let exit2 = |token| Control::Exit2 {
        from: p1(),
        to: q(),
        token,
    };
    let alias_send = |token| Control::AliasSend {
        from: p1(),
        alias: our_ref(),
        token,
    };
    let monitor_exit = |from| Control::MonitorPExit {
        from,
        to: q(),
        reference: our_ref(),
    };
    let spawn_request = |token| {
        Control::SpawnRequest(Box::new(SpawnRequest {
            request: beam_ref(),
            from: p1(),
            group_leader: p1(),
            module: atom("erpc"),
            function: atom("execute_call"),
            arity: 4,
            options: Term::list([term("monitor")]),
            token,
        }))
    };
    let spawn_elements = |op| {
        vec![
            int(op),
            Term::from(beam_ref()),
            p(),
            p(),
            Term::tuple([term("erpc"), term("execute_call"), int(4)]),
            Term::list([term("monitor")]),
        ]
    };
    let spawn_reply = |result, token| Control::SpawnReply {
        request: our_ref(),
        to: q(),
        flags: 3,
        result,
        token,
    };
    let altact = |priority, exit, to, token| Control::AltactSend {
        priority,
        exit,
        from: p1(),
        to,
        token,
    };
    let our = || Term::from(our_ref());
    let with = |mut elements: Vec<Term>, last: Term| {
        elements.push(last);
        elements
    };
    vec![
        (
            Op::Link,
            vec![int(1), p(), q_()],
            Control::Link {
                from: from.clone(),
                to: to.clone(),
            },
            Some(none),
        ),
        (
            Op::Send,
            vec![int(2), unused(), q_()],
            send(None, None),
            Some(none),
        ),
        (
            Op::Exit,
            vec![int(3), p(), q_(), payload()],
            exit(None),
            Some(no_payload),
        ),
        (
            Op::Unlink,
            vec![int(4), p(), q_()],
            Control::Unlink {
                from: from.clone(),
                to: to.clone(),
            },
            Some(Flags::UNLINK_ID),
        ),
        (
            Op::RegSend,
            vec![int(6), p(), unused(), term("srv")],
            reg_send(None),
            Some(none),
        ),
        (
            Op::GroupLeader,
            vec![int(7), p(), q_()],
            Control::GroupLeader {
                leader: from.clone(),
                to: to.clone(),
            },
            Some(none),
        ),
        (
            Op::Exit2,
            vec![int(8), p(), q_(), payload()],
            exit2(None),
            Some(no_payload),
        ),
        (
            Op::SendTt,
            vec![int(12), unused(), q_(), token()],
            send(None, traced()),
            Some(none),
        ),
        (
            Op::ExitTt,
            vec![int(13), p(), q_(), token(), payload()],
            exit(traced()),
            Some(no_payload),
        ),
        (
            Op::RegSendTt,
            vec![int(16), p(), unused(), term("srv"), token()],
            reg_send(traced()),
            Some(none),
        ),
        (
            Op::Exit2Tt,
            vec![int(18), p(), q_(), token(), payload()],
            exit2(traced()),
            Some(no_payload),
        ),
        (
            Op::MonitorP,
            vec![int(19), p(), q_(), Term::from(beam_ref())],
            Control::MonitorP {
                from: from.clone(),
                target: Target::Pid(to.clone()),
                reference: beam_ref(),
            },
            Some(none),
        ),
        (
            Op::DemonitorP,
            vec![int(20), p(), q_(), Term::from(beam_ref())],
            Control::DemonitorP {
                from: from.clone(),
                target: Target::Pid(to.clone()),
                reference: beam_ref(),
            },
            Some(none),
        ),
        (
            Op::MonitorPExit,
            vec![int(21), p(), q_(), our(), payload()],
            monitor_exit(Target::Pid(p1())),
            Some(no_payload),
        ),
        (
            Op::MonitorPExit,
            vec![int(21), term("srv"), q_(), our(), payload()],
            monitor_exit(Target::Name(atom("srv"))),
            Some(no_payload),
        ),
        (
            Op::SendSender,
            vec![int(22), p(), q_()],
            send(Some(from.clone()), None),
            Some(none),
        ),
        (
            Op::SendSenderTt,
            vec![int(23), p(), q_(), token()],
            send(Some(from.clone()), traced()),
            Some(none),
        ),
        (
            Op::PayloadExit,
            vec![int(24), p(), q_()],
            exit(None),
            Some(none),
        ),
        (
            Op::PayloadExitTt,
            vec![int(25), p(), q_(), token()],
            exit(traced()),
            Some(none),
        ),
        (
            Op::PayloadExit2,
            vec![int(26), p(), q_()],
            exit2(None),
            Some(none),
        ),
        (
            Op::PayloadExit2Tt,
            vec![int(27), p(), q_(), token()],
            exit2(traced()),
            Some(none),
        ),
        (
            Op::PayloadMonitorPExit,
            vec![int(28), p(), q_(), our()],
            monitor_exit(Target::Pid(p1())),
            Some(none),
        ),
        (
            Op::PayloadMonitorPExit,
            vec![int(28), term("srv"), q_(), our()],
            monitor_exit(Target::Name(atom("srv"))),
            Some(none),
        ),
        (
            Op::SpawnRequest,
            spawn_elements(29),
            spawn_request(None),
            Some(none),
        ),
        (
            Op::SpawnRequestTt,
            with(spawn_elements(30), token()),
            spawn_request(traced()),
            Some(none),
        ),
        (
            Op::SpawnReply,
            vec![int(31), our(), q_(), int(3), p()],
            spawn_reply(SpawnResult::Pid(p1()), None),
            Some(none),
        ),
        (
            Op::SpawnReplyTt,
            vec![int(32), our(), q_(), int(3), term("badopt"), token()],
            spawn_reply(SpawnResult::Error(atom("badopt")), traced()),
            Some(none),
        ),
        (
            Op::AliasSend,
            vec![int(33), p(), our()],
            alias_send(None),
            Some(Flags::ALTACT_SIG),
        ),
        (
            Op::AliasSendTt,
            vec![int(34), p(), our(), token()],
            alias_send(traced()),
            Some(Flags::ALTACT_SIG),
        ),
        (
            Op::UnlinkId,
            vec![int(35), int(u64::MAX), p(), q_()],
            Control::UnlinkId {
                id: u64::MAX,
                from: from.clone(),
                to: to.clone(),
            },
            Some(none),
        ),
        (
            Op::UnlinkIdAck,
            vec![int(36), int(1 << 40), p(), q_()],
            Control::UnlinkIdAck {
                id: 1 << 40,
                from: from.clone(),
                to: to.clone(),
            },
            Some(none),
        ),
        (
            Op::AltactSigSend,
            vec![int(37), int(1), p(), q_()],
            altact(true, false, Destination::Pid(to.clone()), None),
            Some(none),
        ),
        (
            Op::AltactSigSend,
            vec![int(37), int(6), p(), our(), token()],
            altact(false, false, Destination::Alias(our_ref()), traced()),
            Some(none),
        ),
        (
            Op::AltactSigSend,
            vec![int(37), int(9), p(), term("srv")],
            altact(true, false, Destination::Name(atom("srv")), None),
            Some(none),
        ),
        (
            Op::AltactSigSend,
            vec![int(37), int(17), p(), q_()],
            altact(true, true, Destination::Pid(to), None),
            Some(none),
        ),
        // Bits and elements of later releases.
        (
            Op::AltactSigSend,
            vec![
                int(37),
                int(1 << 63 | 1 << 20 | 1),
                p(),
                q_(),
                int(7),
                int(8),
            ],
            altact(true, false, Destination::Pid(q()), None),
            None,
        ),
        (
            Op::AltactSigSend,
            vec![int(37), Term::from((1_i128 << 80) + 17), p(), q_()],
            altact(true, true, Destination::Pid(q()), None),
            None,
        ),
    ]
}
