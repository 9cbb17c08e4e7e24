//! How does a signal leave a process? One path for local and remote, up to the last branch.
//!
//! Nothing here fails for a missing process or node: what Erlang answers with `noproc` or
//! `noconnection` comes back as a signal, from wherever it is found out.

use erland_dist::{Control, Target};
use erland_etf::{Atom, NodeId, Pid, Reference};
use tokio::task::coop::consume_budget;

use crate::dest::{Dest, MonitorTarget};
use crate::error::{SendError, TrySendError};
use crate::exit_reason::{ExitReason, SignalReason};
use crate::net::{Link, Via};
use crate::node::NodeInner;
use crate::payload::{Payload, Wire};
use crate::process::received::DownProcess;
use crate::process::relations::MonitorEntry;
use crate::process::signal::{
    DemonitorSignal, DownSignal, ExitKind, ExitSignal, MonitorSignal, Signal,
};

/// Where a process lives, seen from this node.
enum Place {
    Here,
    /// On an earlier incarnation of this node: gone for good.
    Gone,
    Remote,
}

/// An exit reason on its way to many: encoded once, however many remote peers hear it.
#[derive(Debug)]
pub(crate) struct OutgoingReason {
    reason: ExitReason,
    wire: Option<Wire>,
}

impl OutgoingReason {
    pub(crate) fn new(reason: ExitReason) -> OutgoingReason {
        OutgoingReason { reason, wire: None }
    }

    fn local(&self) -> SignalReason {
        SignalReason::Known(self.reason.clone())
    }

    fn wire(&mut self) -> &Wire {
        self.wire.get_or_insert_with(|| {
            Wire::encode(&self.reason.to_term()).unwrap_or_else(|error| {
                tracing::warn!(%error, "exit reason cannot be encoded");
                Wire::unencodable()
            })
        })
    }
}

/// What is left to do for a message.
enum Route {
    /// It was for a process of this node, or for nobody.
    Done,
    Remote {
        node: Atom,
        control: Control,
        payload: Payload,
    },
}

impl NodeInner {
    fn place(&self, pid: &Pid) -> Place {
        self.place_of(pid.node())
    }

    fn place_of(&self, node: &NodeId) -> Place {
        if *node == self.id {
            Place::Here
        } else if *node.name() == *self.name.atom() {
            Place::Gone
        } else {
            Place::Remote
        }
    }

    /// Sends a message, waiting for room on a link.
    pub(crate) async fn send_message(
        &self,
        from: &Pid,
        dest: Dest,
        payload: Payload,
    ) -> Result<(), SendError> {
        // A process that only sends lets signals and other processes in, as one that receives.
        consume_budget().await;
        match self.route(from, dest, payload) {
            Route::Done => Ok(()),
            Route::Remote {
                node,
                control,
                payload,
            } => self.net.send(self, &node, from, &control, &payload).await,
        }
    }

    /// Sends a message if there is room for it now, or refuses it whole.
    pub(crate) fn try_send_message(
        &self,
        from: &Pid,
        dest: Dest,
        payload: Payload,
    ) -> Result<(), TrySendError> {
        match self.route(from, dest, payload) {
            Route::Done => Ok(()),
            Route::Remote {
                node,
                control,
                payload,
            } => self.net.try_send(&node, from, &control, &payload),
        }
    }

    /// Sends a message without waiting for room, as OTP's own processes with `async_dist` do: for
    /// services that one peer must not hold up for all others.
    pub(crate) fn send_at_once(
        &self,
        from: &Pid,
        dest: Dest,
        payload: Payload,
    ) -> Result<(), SendError> {
        if let Route::Remote {
            node,
            control,
            payload,
        } = self.route(from, dest, payload)
        {
            let wire = payload.to_wire(false)?;
            self.net.signal(self, &node, |link| {
                link.push(Some(from), &control, Some(&wire))
            });
        }
        Ok(())
    }

    /// Delivers a message that stays on this node; says where it goes otherwise.
    fn route(&self, from: &Pid, dest: Dest, payload: Payload) -> Route {
        let (node, control) = match dest {
            Dest::Pid(to) => match self.place(&to) {
                Place::Here => {
                    self.deliver(&to, payload);
                    return Route::Done;
                }
                Place::Gone => return Route::Done,
                Place::Remote => {
                    let from = Some(from.clone());
                    let node = to.node().name().clone();
                    (
                        node,
                        Control::Send {
                            from,
                            to,
                            token: None,
                        },
                    )
                }
            },
            Dest::Name(name) => {
                self.deliver_to_name(&name, payload);
                return Route::Done;
            }
            Dest::NameAt { name, node } if node == *self.name.atom() => {
                self.deliver_to_name(&name, payload);
                return Route::Done;
            }
            Dest::NameAt { name, node } => {
                let from = from.clone();
                (
                    node,
                    Control::RegSend {
                        from,
                        name,
                        token: None,
                    },
                )
            }
            Dest::Alias(alias) => match self.place_of(alias.node()) {
                Place::Here => {
                    self.deliver_to_alias(&alias, payload);
                    return Route::Done;
                }
                Place::Gone => return Route::Done,
                Place::Remote => {
                    let from = from.clone();
                    let node = alias.node().name().clone();
                    (
                        node,
                        Control::AliasSend {
                            from,
                            alias,
                            token: None,
                        },
                    )
                }
            },
        };
        Route::Remote {
            node,
            control,
            payload,
        }
    }

    pub(crate) fn deliver(&self, to: &Pid, payload: Payload) {
        // A process that does not exist receives nothing: that is Erlang's contract, not an error.
        let _nobody = self.processes.push(to, Signal::Message(payload));
    }

    pub(crate) fn deliver_to_name(&self, name: &Atom, payload: Payload) {
        if let Some(pid) = self.names.whereis(name) {
            self.deliver(&pid, payload);
        }
    }

    pub(crate) fn deliver_to_alias(&self, alias: &Reference, payload: Payload) {
        if let Some(pid) = self.aliases.owner(alias) {
            self.deliver(&pid, payload);
        }
    }

    /// `exit/2`.
    pub(crate) fn exit_process(&self, from: &Pid, to: &Pid, reason: ExitReason) {
        match self.place(to) {
            Place::Here => self.signal_exit(from, to, reason.into(), ExitKind::Sent),
            Place::Gone => {}
            Place::Remote => {
                let control = Control::Exit2 {
                    from: from.clone(),
                    to: to.clone(),
                    token: None,
                };
                let mut reason = OutgoingReason::new(reason);
                let reason = reason.wire();
                self.net.signal(self, to.node().name(), |link| {
                    link.push(Some(from), &control, Some(reason))
                });
            }
        }
    }

    pub(crate) fn signal_exit(&self, from: &Pid, to: &Pid, reason: SignalReason, kind: ExitKind) {
        let signal = ExitSignal {
            from: from.clone(),
            reason,
            kind,
        };
        let _nobody = self.processes.push(to, Signal::Exit(Box::new(signal)));
    }

    /// Sends the link request; a refusal arrives at `us` as an exit signal of the link.
    pub(crate) fn start_link(&self, us: &Pid, other: &Pid) -> Via {
        let refuse = |reason: ExitReason| {
            self.signal_exit(other, us, reason.into(), ExitKind::Link(Via::Local));
            Via::Local
        };
        match self.place(other) {
            Place::Here => {
                let signal = Signal::Link {
                    from: us.clone(),
                    via: Via::Local,
                };
                match self.processes.push(other, signal) {
                    Ok(()) => Via::Local,
                    Err(_) => refuse(ExitReason::NoProc),
                }
            }
            Place::Gone => refuse(ExitReason::NoProc),
            Place::Remote => {
                let control = Control::Link {
                    from: us.clone(),
                    to: other.clone(),
                };
                let link = self.net.signal(self, other.node().name(), |link| {
                    link.relate_link(us, other) && {
                        link.push(Some(us), &control, None);
                        true
                    }
                });
                match link {
                    Some(link) => Via::Link(link),
                    None => refuse(ExitReason::NoConnection),
                }
            }
        }
    }

    /// Sends the unlink request; false when there is nobody left to acknowledge it.
    pub(crate) fn unlink(&self, via: &Via, us: &Pid, other: &Pid, id: u64) -> bool {
        match via {
            Via::Local => {
                let signal = Signal::Unlink {
                    from: us.clone(),
                    id,
                    via: Via::Local,
                };
                self.processes.push(other, signal).is_ok()
            }
            Via::Link(link) => {
                link.push(
                    Some(us),
                    &Control::UnlinkId {
                        id,
                        from: us.clone(),
                        to: other.clone(),
                    },
                    None,
                );
                true
            }
        }
    }

    pub(crate) fn unlink_ack(&self, via: &Via, us: &Pid, other: &Pid, id: u64) {
        match via {
            Via::Local => {
                let signal = Signal::UnlinkAck {
                    from: us.clone(),
                    id,
                    via: Via::Local,
                };
                let _gone = self.processes.push(other, signal);
            }
            Via::Link(link) => {
                link.push(
                    Some(us),
                    &Control::UnlinkIdAck {
                        id,
                        from: us.clone(),
                        to: other.clone(),
                    },
                    None,
                );
            }
        }
    }

    /// The exit signal of a link: `us` ended.
    pub(crate) fn exit_to_link(
        &self,
        via: &Via,
        us: &Pid,
        peer: &Pid,
        reason: &mut OutgoingReason,
    ) {
        match via {
            Via::Local => self.signal_exit(us, peer, reason.local(), ExitKind::Link(Via::Local)),
            Via::Link(link) => {
                link.forget_link(us, peer);
                let control = Control::Exit {
                    from: us.clone(),
                    to: peer.clone(),
                    token: None,
                };
                link.push(Some(us), &control, Some(reason.wire()));
            }
        }
    }

    /// The end of a monitor: `us` ended.
    pub(crate) fn down(
        &self,
        via: &Via,
        us: &Pid,
        name: Option<&Atom>,
        watcher: &Pid,
        reference: &Reference,
        reason: &mut OutgoingReason,
    ) {
        match via {
            Via::Local => self.local_down(watcher, reference, reason.local()),
            Via::Link(link) => {
                link.forget_watched(watcher, reference);
                let from = match name {
                    Some(name) => Target::Name(name.clone()),
                    None => Target::Pid(us.clone()),
                };
                let control = Control::MonitorPExit {
                    from,
                    to: watcher.clone(),
                    reference: reference.clone(),
                };
                link.push(Some(us), &control, Some(reason.wire()));
            }
        }
    }

    pub(crate) fn local_down(&self, watcher: &Pid, reference: &Reference, reason: SignalReason) {
        let signal = DownSignal {
            reference: reference.clone(),
            reason,
        };
        let _gone = self.processes.push(watcher, Signal::Down(Box::new(signal)));
    }

    /// Sends the monitor request; a refusal arrives at `us` as its `'DOWN'`.
    pub(crate) fn start_monitor(
        &self,
        us: &Pid,
        reference: &Reference,
        target: MonitorTarget,
    ) -> MonitorEntry {
        let here = self.name.atom().clone();
        match target {
            MonitorTarget::Pid(pid) => match self.place(&pid) {
                Place::Here => {
                    self.monitor_local(us, reference, DownProcess::Pid(pid.clone()), Some(pid))
                }
                Place::Gone => self.monitor_local(us, reference, DownProcess::Pid(pid), None),
                Place::Remote => {
                    let node = pid.node().name().clone();
                    let wire = Target::Pid(pid.clone());
                    self.monitor_remote(us, reference, DownProcess::Pid(pid), &node, wire)
                }
            },
            MonitorTarget::Name(name) => {
                let pid = self.names.whereis(&name);
                self.monitor_local(us, reference, DownProcess::Name { name, node: here }, pid)
            }
            MonitorTarget::NameAt { name, node } if node == here => {
                let pid = self.names.whereis(&name);
                self.monitor_local(us, reference, DownProcess::Name { name, node }, pid)
            }
            MonitorTarget::NameAt { name, node } => {
                let wire = Target::Name(name.clone());
                let process = DownProcess::Name {
                    name,
                    node: node.clone(),
                };
                self.monitor_remote(us, reference, process, &node, wire)
            }
        }
    }

    fn monitor_local(
        &self,
        us: &Pid,
        reference: &Reference,
        process: DownProcess,
        pid: Option<Pid>,
    ) -> MonitorEntry {
        // A process that monitors itself never hears of its own end.
        let found = pid.as_ref().is_some_and(|pid| {
            let signal = MonitorSignal {
                watcher: us.clone(),
                reference: reference.clone(),
                name: None,
                via: Via::Local,
            };
            pid == us
                || self
                    .processes
                    .push(pid, Signal::Monitor(Box::new(signal)))
                    .is_ok()
        });
        if !found {
            self.local_down(us, reference, ExitReason::NoProc.into());
        }
        MonitorEntry {
            process,
            local: pid,
            via: Via::Local,
        }
    }

    fn monitor_remote(
        &self,
        us: &Pid,
        reference: &Reference,
        process: DownProcess,
        node: &Atom,
        target: Target,
    ) -> MonitorEntry {
        let control = Control::MonitorP {
            from: us.clone(),
            target,
            reference: reference.clone(),
        };
        let link = self.net.signal(self, node, |link| {
            link.relate_watching(us, reference) && {
                link.push(Some(us), &control, None);
                true
            }
        });
        if link.is_none() {
            self.local_down(us, reference, ExitReason::NoConnection.into());
        }
        MonitorEntry {
            process,
            local: None,
            via: link.map_or(Via::Local, Via::Link),
        }
    }

    /// `demonitor`: tells the other side that nobody watches any more.
    pub(crate) fn take_back_monitor(&self, us: &Pid, reference: &Reference, entry: &MonitorEntry) {
        match &entry.via {
            Via::Local => {
                if let Some(pid) = &entry.local {
                    let signal = DemonitorSignal {
                        watcher: us.clone(),
                        reference: reference.clone(),
                    };
                    let _gone = self
                        .processes
                        .push(pid, Signal::Demonitor(Box::new(signal)));
                }
            }
            Via::Link(link) => {
                link.forget_watching(reference);
                let target = match &entry.process {
                    DownProcess::Pid(pid) => Target::Pid(pid.clone()),
                    DownProcess::Name { name, .. } => Target::Name(name.clone()),
                };
                let control = Control::DemonitorP {
                    from: us.clone(),
                    target,
                    reference: reference.clone(),
                };
                link.push(Some(us), &control, None);
            }
        }
    }
}

impl Via {
    /// Enters a link that crosses; false when its connection is down already.
    pub(crate) fn relate_link(&self, us: &Pid, peer: &Pid) -> bool {
        match self {
            Via::Local => true,
            Via::Link(link) => link.relate_link(us, peer),
        }
    }

    pub(crate) fn forget_link(&self, us: &Pid, peer: &Pid) {
        if let Via::Link(link) = self {
            Link::forget_link(link, us, peer);
        }
    }

    pub(crate) fn forget_watching(&self, reference: &Reference) {
        if let Via::Link(link) = self {
            Link::forget_watching(link, reference);
        }
    }
}
