//! Do the numbers of the operations agree with what the running release says? There is no table to
//! ask for, so each operation is provoked.

use std::collections::BTreeSet;

use erland::dist::{Control, Op};
use erland::{Flags, Reference, Term, atom};
use erland_interop_tests::{Erl, Peer, Release, World, name_of, on_every_release};

/// The operation of a frame behind an empty header; `None` for a tick.
fn op_of(frame: &[u8]) -> Option<Op> {
    match frame {
        [] => None,
        [131, 68, 0, 104, _, 97, op, ..] => Op::from_number(u64::from(*op)),
        other => panic!("no plain frame: {other:?}"),
    }
}

/// A scripted peer that a live node knows as `X`, with `R`, an alias of it.
async fn introduced(world: &World, erl: &Erl, name: &str, flags: Flags) -> Peer {
    let port = erl
        .eval("element(2, erl_epmd:port_please(\"erl\", {127,0,0,1}))")
        .await;
    let peer = Peer::open_port(port.parse().expect("a port"), name).await;
    let mut peer = peer.shake_hands(erl.name(), world.cookie(), flags).await;
    let alias = Reference::new(peer.id(), &[1, 2, 3, 4, 5]).expect("five words");
    let us = Term::tuple([Term::from(peer.pid(5)), Term::from(alias)]);
    let control = [
        Term::from(6_i64),
        Term::from(peer.pid(5)),
        Term::from(atom!("")),
        Term::from(atom!("evaluator")),
    ];
    let introduce = Term::tuple([Term::from(atom!("introduce")), us]);
    peer.signal(&Term::tuple(control), Some(&introduce)).await;
    erl.eval(
        "(fun({X, R}) ->
         Do = fun(F) -> spawn(fun() -> F(), receive stop -> ok end end) end,
         Traced = fun(F) -> spawn(fun() -> seq_trace:set_token(label, 17),
                    seq_trace:set_token(send, true), F(), receive stop -> ok end end) end,
         put(cast, {X, R, Do, Traced}), ok end)(erland_helper:introduced())",
    )
    .await;
    peer
}

/// Has the live node do something with `X`, `R`, `Do` and `Traced`.
async fn act(erl: &Erl, expression: &str) {
    let bound = format!("(fun({{X, R, Do, Traced}}) -> {expression}, ok end)(get(cast))");
    erl.eval(&bound).await;
}

/// A process of the live node.
async fn some_pid(erl: &Erl, peer: &mut Peer) -> Term {
    act(erl, "{who, node(X)} ! hi").await;
    loop {
        match peer.next_signal().await {
            Some((Control::RegSend { from, name, .. }, _)) if name == atom!("who") => {
                return Term::from(from);
            }
            Some(_) => {}
            None => panic!("closed before a message came"),
        }
    }
}

/// Reads until these operations have come, in this order. Others may be among them: the kernel of
/// the live node has its own to say.
async fn hear(peer: &mut Peer, expected: &[Op], heard: &mut BTreeSet<u8>) {
    for wanted in expected {
        loop {
            let frame = peer.frame().await;
            let frame = frame.unwrap_or_else(|| panic!("closed before {wanted} came"));
            if op_of(&frame) == Some(*wanted) {
                heard.insert(wanted.number());
                break;
            }
        }
    }
}

/// What the node does, and the operations that say so.
type Step = (&'static str, Vec<Op>);

/// What this node does, and what a peer with these flags hears of it.
fn provocations(release: &Release) -> Vec<(Flags, Vec<Step>)> {
    let all = (Flags::HONOURED | Flags::SPAWN | Flags::ALTACT_SIG) - Flags::DIST_HDR_ATOM_CACHE;
    let alias = |traced| match (release.number >= 28, traced) {
        (true, _) => Op::AltactSigSend,
        (false, false) => Op::AliasSend,
        (false, true) => Op::AliasSendTt,
    };
    let exit = "Do(fun() -> link(X), exit(bye) end)";
    let traced_exit = "Traced(fun() -> link(X), exit(bye) end)";
    let mut all_of_them = vec![
        (
            all,
            vec![
                (
                    "Do(fun() -> link(X), unlink(X) end)",
                    vec![Op::Link, Op::UnlinkId],
                ),
                (
                    "Do(fun() -> erlang:demonitor(erlang:monitor(process, X)) end)",
                    vec![Op::MonitorP, Op::DemonitorP],
                ),
                ("X ! hi", vec![Op::SendSender]),
                ("{nobody, node(X)} ! hi", vec![Op::RegSend]),
                ("group_leader(self(), X)", vec![Op::GroupLeader]),
                (exit, vec![Op::Link, Op::PayloadExit]),
                ("exit(X, bye)", vec![Op::PayloadExit2]),
                ("spawn_request(node(X), m, f, [])", vec![Op::SpawnRequest]),
                ("R ! hi", vec![alias(false)]),
                ("Traced(fun() -> X ! hi end)", vec![Op::SendSenderTt]),
                (
                    "Traced(fun() -> {nobody, node(X)} ! hi end)",
                    vec![Op::RegSendTt],
                ),
                ("Traced(fun() -> R ! hi end)", vec![alias(true)]),
                (
                    "Traced(fun() -> spawn_request(node(X), m, f, []) end)",
                    vec![Op::SpawnRequestTt],
                ),
                (traced_exit, vec![Op::Link, Op::PayloadExitTt]),
            ],
        ),
        (
            all - Flags::EXIT_PAYLOAD,
            vec![
                (exit, vec![Op::Link, Op::Exit]),
                (traced_exit, vec![Op::Link, Op::ExitTt]),
                ("exit(X, bye)", vec![Op::Exit2]),
            ],
        ),
        (
            all - Flags::SEND_SENDER,
            vec![
                ("X ! hi", vec![Op::Send]),
                ("Traced(fun() -> X ! hi end)", vec![Op::SendTt]),
            ],
        ),
        (
            all - Flags::ALTACT_SIG,
            vec![
                ("R ! hi", vec![Op::AliasSend]),
                ("Traced(fun() -> R ! hi end)", vec![Op::AliasSendTt]),
            ],
        ),
    ];
    if release.number == 25 {
        all_of_them.push((
            all - Flags::UNLINK_ID,
            vec![(
                "Do(fun() -> link(X), unlink(X) end)",
                vec![Op::Link, Op::Unlink],
            )],
        ));
    }
    all_of_them
}

/// What the peer says, and the operation of the answer.
fn questions(peer: &Peer) -> Vec<(Vec<Term>, Option<Term>, Op)> {
    let int = |value: i64| Term::from(value);
    let sym = |text: &str| Term::from(name_of(text));
    let from = || Term::from(peer.pid(5));
    let reference = || Term::from(peer.reference(7));
    let function = Term::tuple([sym("erlang"), sym("node"), int(0)]);
    let options = Term::list([sym("no_such_option")]);
    let spawn = |op| {
        vec![
            int(op),
            reference(),
            from(),
            from(),
            function.clone(),
            options.clone(),
        ]
    };
    let mut traced = spawn(30);
    traced.push(Term::tuple([int(1), int(17), int(3), from(), int(2)]));
    let none = || Some(Term::list([]));
    let monitor = vec![int(19), from(), sym("nobody_is_called_this"), reference()];
    vec![
        (monitor, None, Op::PayloadMonitorPExit),
        (spawn(29), none(), Op::SpawnReply),
        (traced, none(), Op::SpawnReplyTt),
    ]
}

on_every_release! {
    async fn operations_have_the_numbers_of_the_release(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let mut heard = BTreeSet::new();
        for (number, (flags, script)) in provocations(release).into_iter().enumerate() {
            let mut peer = introduced(&world, &erl, &format!("odd{number}@127.0.0.1"), flags).await;
            for (expression, expected) in script {
                act(&erl, expression).await;
                hear(&mut peer, &expected, &mut heard).await;
            }
            for (question, payload, answer) in questions(&peer) {
                let answer = match answer {
                    Op::PayloadMonitorPExit if !flags.contains(Flags::EXIT_PAYLOAD) => {
                        Op::MonitorPExit
                    }
                    other => other,
                };
                peer.signal(&Term::tuple(question), payload.as_ref()).await;
                hear(&mut peer, &[answer], &mut heard).await;
            }
            if flags.contains(Flags::UNLINK_ID) {
                let to = some_pid(&erl, &mut peer).await;
                let unlink = [Term::from(35_i64), Term::from(9_i64), Term::from(peer.pid(5)), to];
                peer.signal(&Term::tuple(unlink), None).await;
                hear(&mut peer, &[Op::UnlinkIdAck], &mut heard).await;
            }
        }
        // What is left no release says, or this one does not.
        let silent: Vec<Op> = Op::ALL
            .iter()
            .copied()
            .filter(|op| !heard.contains(&op.number()))
            .collect();
        let mut expected = match release.number {
            25 => vec![Op::NodeLink],
            _ => vec![Op::Unlink, Op::NodeLink],
        };
        expected.extend([Op::Exit2Tt, Op::PayloadExit2Tt]);
        if release.number < 28 {
            expected.push(Op::AltactSigSend);
        }
        assert_eq!(silent, expected, "of OTP {}", release.number);
    }
}
