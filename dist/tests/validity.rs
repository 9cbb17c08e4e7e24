//! Whose pids and references may stand where in a control message? The checks of
//! `erts_net_message`, one row per operation and element.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::forms::*;
use common::*;
use erland_dist::{ControlError, Flags, FrameFault, FrameKind, Op, Owner, ProtocolError};
use erland_etf::{NodeId, Pid, Reference, Term};

/// The place of an element, and whose it must be.
type Rule = (u32, Option<Owner>);

/// The elements that OTP looks at, with what it asks of them: `None` for any node at all.
fn rules() -> Vec<(&'static [Op], Vec<Rule>)> {
    use Owner::{Elsewhere, Here, HereNow, Peer};
    vec![
        (&[Op::Link], vec![(2, Some(Peer)), (3, Some(Here))]),
        (&[Op::Unlink], vec![(2, Some(Peer)), (3, Some(HereNow))]),
        (
            &[Op::UnlinkId, Op::UnlinkIdAck],
            vec![(3, Some(Peer)), (4, Some(HereNow))],
        ),
        (&[Op::Send, Op::SendTt], vec![(3, None)]),
        (
            &[Op::SendSender, Op::SendSenderTt],
            vec![(2, None), (3, None)],
        ),
        (&[Op::RegSend, Op::RegSendTt], vec![(2, None)]),
        (
            &[Op::Exit, Op::ExitTt, Op::PayloadExit, Op::PayloadExitTt],
            vec![(2, Some(Peer)), (3, Some(HereNow))],
        ),
        (
            &[Op::Exit2, Op::Exit2Tt, Op::PayloadExit2, Op::PayloadExit2Tt],
            vec![(2, Some(Peer)), (3, Some(Here))],
        ),
        (&[Op::GroupLeader], vec![(2, None), (3, None)]),
        (
            &[Op::MonitorP, Op::DemonitorP],
            vec![(2, Some(Peer)), (3, Some(Here)), (4, None)],
        ),
        (
            &[Op::MonitorPExit, Op::PayloadMonitorPExit],
            vec![(2, Some(Elsewhere)), (3, Some(Here)), (4, None)],
        ),
        (
            &[Op::SpawnRequest, Op::SpawnRequestTt],
            vec![(2, Some(Elsewhere)), (3, Some(Elsewhere)), (4, None)],
        ),
        (
            &[Op::SpawnReply, Op::SpawnReplyTt],
            vec![(2, Some(Here)), (3, Some(Here)), (5, Some(Elsewhere))],
        ),
        (
            &[Op::AliasSend, Op::AliasSendTt],
            vec![(2, None), (3, None)],
        ),
        (&[Op::AltactSigSend], vec![(3, None), (4, None)]),
    ]
}

/// Who there is: a node, and who takes it for one of theirs.
fn nodes() -> Vec<(&'static str, NodeId, Vec<Owner>)> {
    use Owner::{Elsewhere, Here, HereNow, Peer};
    let old = |node: NodeId, creation| NodeId::new(node.name().clone(), creation);
    vec![
        ("the peer", beam(), vec![Peer, Elsewhere]),
        ("an earlier peer", old(beam(), 1), vec![Peer, Elsewhere]),
        ("this node", here(), vec![Here, HereNow]),
        (
            "an earlier this node",
            old(here(), 1),
            vec![Here, Elsewhere],
        ),
        (
            "this node, no creation",
            old(here(), 0),
            vec![Here, HereNow],
        ),
        ("a third node", stranger().node().clone(), vec![Elsewhere]),
    ]
}

#[test]
fn pids_and_references_are_of_the_nodes_they_must_be_of() {
    let mut judged = 0;
    for (op, elements, control, _) in forms() {
        let rules = rules();
        let rules = rules.iter().find(|(ops, _)| ops.contains(&op));
        let (_, rules) = rules.unwrap_or_else(|| panic!("{op} has no rule"));
        for (at, element) in elements.iter().enumerate().skip(1) {
            let at = at as u32 + 1;
            let moved = |node: NodeId| match (element.as_pid(), element.as_reference()) {
                (Some(pid), _) => Some(Term::from(Pid::new(node, pid.id(), pid.serial()))),
                (_, Some(reference)) => {
                    Some(Term::from(Reference::new(node, reference.words()).unwrap()))
                }
                _ => None,
            };
            for (who, node, owners) in nodes() {
                let Some(moved) = moved(node) else { continue };
                let rule = rules.iter().find(|(element, _)| *element == at);
                let (_, rule) = rule.unwrap_or_else(|| panic!("{op} {at} has no rule"));
                let mut changed = elements.clone();
                changed[at as usize - 1] = moved;
                let in_tuple = elements.last() == Some(&payload());
                let after = if control.has_payload() && !in_tuple {
                    encoded(&payload())
                } else {
                    bytes::Bytes::new()
                };
                let body = plain(&tuple(changed), &after);
                // UNLINK is for peers without UNLINK_ID.
                let heard = Receiver::new(all_flags() - Flags::UNLINK_ID).body(&body);
                match rule {
                    Some(expected) if !owners.contains(expected) => {
                        let (element, expected) = (at, *expected);
                        let error = ControlError::WrongNode {
                            op,
                            element,
                            expected,
                        };
                        let refused = ProtocolError::Malformed {
                            frame: FrameKind::Header,
                            kind: FrameFault::Control(error),
                        };
                        assert_eq!(heard.unwrap_err(), refused, "{op} {at}: {who}");
                    }
                    _ => assert_eq!(heard.unwrap().len(), 1, "{op} {at}: {who}"),
                }
                judged += 1;
            }
        }
    }
    // Every operation but NODE_LINK has a pid or reference somewhere.
    assert!(judged > 400, "{judged}");
}

#[test]
fn errors_name_the_culprit() {
    let link = tuple([int(1), pid(stranger()), pid(q())]);
    let error = Receiver::new(all_flags())
        .body(&plain(&link, &[]))
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        source.to_string(),
        "element 2 of LINK is not of the sending node"
    );
}
