//! Where does a received signal go? To the process it names, or back with the answer of a missing
//! one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use erland_dist::{Control, Destination, SpawnResult, Target};
use erland_etf::{Pid, RawTerm, atom};

use super::Via;
use super::link::Link;
use crate::exit_reason::{ExitReason, SignalReason};
use crate::node::NodeInner;
use crate::payload::Payload;
use crate::process::signal::{DemonitorSignal, ExitKind, ExitSignal, MonitorSignal, Signal};
use crate::send::OutgoingReason;

/// Hands one received signal on. No wildcard arm: a new control message must be thought about.
pub(super) fn deliver(
    node: &NodeInner,
    link: &Arc<Link>,
    control: Control,
    payload: Option<RawTerm>,
) {
    let via = || Via::Link(Arc::clone(link));
    match control {
        Control::Send {
            from: _,
            to,
            token: _,
        } => {
            if let Some(payload) = message(payload) {
                node.deliver(&to, payload);
            }
        }
        Control::RegSend {
            from: _,
            name,
            token: _,
        } => {
            if let Some(payload) = message(payload) {
                node.deliver_to_name(&name, payload);
            }
        }
        Control::AliasSend {
            from: _,
            alias,
            token: _,
        } => {
            if let Some(payload) = message(payload) {
                node.deliver_to_alias(&alias, payload);
            }
        }
        Control::Link { from, to } => {
            let signal = Signal::Link {
                from: from.clone(),
                via: via(),
            };
            if node.processes.push(&to, signal).is_err() {
                let mut noproc = OutgoingReason::new(ExitReason::NoProc);
                node.exit_to_link(&via(), &to, &from, &mut noproc);
            }
        }
        Control::Unlink { from, to: _ } => {
            // UNLINK_ID is mandatory and the form without an id refused on such a connection; nor
            // could the link be taken off without the acknowledgement that orders it.
            tracing::warn!(node = ?link.peer, %from, "UNLINK without an id ignored");
        }
        Control::UnlinkId { id, from, to } => {
            let signal = Signal::Unlink {
                from: from.clone(),
                id,
                via: via(),
            };
            if node.processes.push(&to, signal).is_err() {
                node.unlink_ack(&via(), &to, &from, id);
            }
        }
        Control::UnlinkIdAck { id, from, to } => {
            let _gone = node.processes.push(
                &to,
                Signal::UnlinkAck {
                    from,
                    id,
                    via: via(),
                },
            );
        }
        Control::Exit { from, to, token: _ } => {
            exit(node, from, to, payload, ExitKind::Link(via()));
        }
        Control::Exit2 { from, to, token: _ } => exit(node, from, to, payload, ExitKind::Sent),
        Control::MonitorP {
            from,
            target,
            reference,
        } => {
            let (pid, name) = match target {
                Target::Pid(pid) => (Some(pid), None),
                Target::Name(name) => (node.names.whereis(&name), Some(name)),
            };
            let watched = pid.as_ref().is_some_and(|pid| {
                if !link.relate_watched(&from, &reference, pid) {
                    // Nobody is left on the other side of this connection.
                    return true;
                }
                let signal = MonitorSignal {
                    watcher: from.clone(),
                    reference: reference.clone(),
                    name: name.clone(),
                    via: via(),
                };
                node.processes
                    .push(pid, Signal::Monitor(Box::new(signal)))
                    .is_ok()
            });
            if !watched {
                // By name, the pid in the answer is never looked at.
                let us = pid.unwrap_or_else(|| node.kernel_pid());
                let mut noproc = OutgoingReason::new(ExitReason::NoProc);
                node.down(&via(), &us, name.as_ref(), &from, &reference, &mut noproc);
            }
        }
        Control::DemonitorP {
            from,
            target: _,
            reference,
        } => {
            if let Some(us) = link.forget_watched(&from, &reference) {
                let signal = DemonitorSignal {
                    watcher: from,
                    reference,
                };
                let _gone = node
                    .processes
                    .push(&us, Signal::Demonitor(Box::new(signal)));
            }
        }
        Control::MonitorPExit {
            from: _,
            to: _,
            reference,
        } => {
            // Told to the process that holds the monitor, whatever the peer says: each reference
            // fires once, and only over the connection that it was sent over.
            if let Some(us) = link.forget_watching(&reference)
                && let Some(reason) = payload
            {
                node.local_down(&us, &reference, SignalReason::Raw(reason));
            }
        }
        Control::GroupLeader { leader: _, to } => {
            tracing::debug!(node = ?link.peer, %to, "group leader ignored: processes have none yet");
        }
        Control::SpawnRequest(request) => {
            // SPAWN is not announced: this is the answer OTP gives itself for such a node.
            let refusal = Control::SpawnReply {
                request: request.request,
                to: request.from,
                flags: 0,
                result: SpawnResult::Error(atom!("notsup")),
                token: None,
            };
            link.push(None, &refusal, None);
        }
        Control::SpawnReply { .. } => {
            tracing::debug!(node = ?link.peer, "spawn reply to no request");
        }
        // ALTACT_SIG is not announced; a peer that sends it all the same means what it says, only
        // the priority is lost.
        Control::AltactSend {
            priority: _,
            exit: true,
            from,
            to,
            token: _,
        } => {
            if let Destination::Pid(to) = to {
                exit(node, from, to, payload, ExitKind::Sent);
            }
        }
        Control::AltactSend {
            priority: _,
            exit: false,
            from: _,
            to,
            token: _,
        } => {
            if let Some(payload) = message(payload) {
                match to {
                    Destination::Pid(to) => node.deliver(&to, payload),
                    Destination::Name(name) => node.deliver_to_name(&name, payload),
                    Destination::Alias(alias) => node.deliver_to_alias(&alias, payload),
                }
            }
        }
    }
}

/// Counts and logs a control message that nobody here understands. A newer release may know more:
/// one message is lost, not the connection.
pub(super) fn unknown(node: &NodeInner, link: &Link, op: u64) {
    node.unknown_controls.fetch_add(1, Ordering::Relaxed);
    tracing::warn!(node = ?link.peer, op, "unknown control message ignored");
}

/// Ops that carry a message always have a payload: the connection refuses them without one.
fn message(payload: Option<RawTerm>) -> Option<Payload> {
    payload.map(Payload::from_raw)
}

fn exit(node: &NodeInner, from: Pid, to: Pid, reason: Option<RawTerm>, kind: ExitKind) {
    if let Some(reason) = reason {
        let signal = ExitSignal {
            from,
            reason: SignalReason::Raw(reason),
            kind,
        };
        let _nobody = node.processes.push(&to, Signal::Exit(Box::new(signal)));
    }
}
