//! What may code inside a process do? The handle that its body is given.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use erland_etf::{Atom, Pid, Reference};

use super::mailbox::KEEP_CAPACITY;
use super::received::{Down, DownProcess, Received};
use super::relations::{LinkEntry, MonitorEntry};
use super::{Ended, Inner, Process, RECEIVES_PER_POLL};
use crate::dest::{Dest, MonitorTarget};
use crate::error::{RegisterError, SendError, TrySendError};
use crate::exit_reason::{ExitReason, IntoExit};
use crate::net::Via;
use crate::node::Node;
use crate::payload::Payload;
use crate::process::signal::ExitKind;

/// A process, seen from inside.
///
/// The body of a process gets one and keeps it as long as it runs. Signals act on the process
/// whatever its body is waiting for: an exit signal that is not trapped drops the body at the
/// `await` where it stands, so what the body owns is released by its destructors and by nothing
/// else. A body that never awaits cannot be ended from outside.
///
/// ```
/// # async fn example(node: erland::Node) {
/// use erland::{Context, Received, Term};
///
/// let echo = node.spawn(|mut ctx: Context| async move {
///     loop {
///         if let Received::Message(message) = ctx.recv().await
///             && let Ok(term) = message.to_term()
///             && let Some([from, content]) = term.as_tuple()
///             && let Some(from) = from.as_pid()
///         {
///             let answer = Term::from((ctx.self_pid().clone(), content.clone()));
///             if ctx.send(from, answer).await.is_err() {
///                 break;
///             }
///         }
///     }
/// });
/// # let _ = echo;
/// # }
/// ```
#[derive(Debug)]
pub struct Context {
    process: Arc<Process>,
    node: Node,
}

impl Context {
    pub(super) fn new(process: Arc<Process>, node: Node) -> Context {
        Context { process, node }
    }

    /// This process' pid: Erlang's `self()`.
    #[must_use]
    pub fn self_pid(&self) -> &Pid {
        &self.process.pid
    }

    /// The node this process runs on.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The next message, trapped exit or `'DOWN'`, oldest first; waits until there is one.
    ///
    /// Cancel safe: a dropped future has taken nothing out of the mailbox.
    pub async fn recv(&mut self) -> Received {
        poll_fn(|cx| {
            let mut inner = self.process.inner.lock();
            if inner.budget == 0 {
                // Others first. In the process' own task the next poll handles signals before it
                // gets here again; in any other this is what fills the budget.
                inner.budget = RECEIVES_PER_POLL;
                drop(inner);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match inner.inbox.pop_front() {
                Some(received) => {
                    inner.budget -= 1;
                    Poll::Ready(received)
                }
                None => {
                    if inner.inbox.capacity() > KEEP_CAPACITY {
                        inner.inbox = VecDeque::new();
                    }
                    match &mut inner.receiver {
                        Some(waker) => waker.clone_from(cx.waker()),
                        none => *none = Some(cx.waker().clone()),
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The next message, trapped exit or `'DOWN'` if one is there already.
    pub fn try_recv(&mut self) -> Option<Received> {
        let received = self.process.inner.lock().inbox.pop_front();
        if received.is_some() {
            return received;
        }
        // What has arrived since the body was last polled counts as there.
        let result = self.process.handle_signals(self.node.inner(), None);
        let mut inner = self.process.inner.lock();
        if let Err(Ended(reason)) = result {
            inner.ended = Some(reason);
            drop(inner);
            self.process.mailbox.wake();
            return None;
        }
        inner.inbox.pop_front()
    }

    /// Sends a message, as Erlang's `!`. A destination that does not exist is no error.
    ///
    /// Waits while the connection to the destination's node holds more than its
    /// [limit](crate::NodeBuilder::dist_buf_busy_limit) of unsent bytes (1 MiB), while a message
    /// of more than 64 KiB that this process sent there before is under way if this is one too,
    /// and while four of other processes are; a local destination never waits. The message is taken
    /// only once there is room, and is then written in the background.
    ///
    /// Cancel safe: a dropped future has sent nothing, a completed one has.
    ///
    /// # Errors
    ///
    /// The message cannot be encoded for that node; nothing else. A message to a process of this
    /// node is never encoded, so it always can be sent; one to a node that is still being
    /// connected is checked against what that node knows only once it is, and dropped with a line
    /// in the log if it holds a native record and the node is older than OTP 29.
    pub async fn send(
        &self,
        dest: impl Into<Dest>,
        message: impl Into<Payload>,
    ) -> Result<(), SendError> {
        self.node
            .inner()
            .send_message(&self.process.pid, dest.into(), message.into())
            .await
    }

    /// Sends a message if that takes no waiting: never blocks, and what it takes is on its way as
    /// with [`send`](Context::send). A destination on this node never refuses.
    ///
    /// Makes no connection: [`Node::connect`] does. When there is room again is told by
    /// [`Node::busy_events`]. Keep a clone of a message that may be refused.
    ///
    /// # Errors
    ///
    /// There is no room, no connection, or the message cannot be encoded for that node. Nothing
    /// has been sent then.
    pub fn try_send(
        &self,
        dest: impl Into<Dest>,
        message: impl Into<Payload>,
    ) -> Result<(), TrySendError> {
        self.node
            .inner()
            .try_send_message(&self.process.pid, dest.into(), message.into())
    }

    /// Links this process and another: when either ends, the other gets an exit signal.
    ///
    /// Never waits and never fails: a process that does not exist answers with the exit reason
    /// `noproc`, a node that cannot be reached with `noconnection`.
    pub fn link(&self, other: &Pid) {
        let us = &self.process.pid;
        let mut inner = self.process.inner.lock();
        if other == us || inner.ending {
            return;
        }
        if inner
            .relations()
            .links
            .get(other)
            .is_some_and(LinkEntry::is_active)
        {
            return;
        }
        let via = self.node.inner().start_link(us, other);
        inner
            .relations()
            .links
            .insert(other.clone(), LinkEntry::active(via));
    }

    /// Takes a link back: from here on the other's end sends this process no exit signal.
    pub fn unlink(&self, other: &Pid) {
        let us = &self.process.pid;
        let node = self.node.inner();
        let mut inner = self.process.inner.lock();
        let Some(link) = inner
            .relations
            .as_mut()
            .and_then(|all| all.links.get_mut(other))
        else {
            return;
        };
        if !link.is_active() {
            return;
        }
        let id = node.fresh_unlink_id();
        link.unlinking = Some(id);
        let via = link.via.clone();
        if !node.unlink(&via, us, other, id) {
            // Nobody is left to acknowledge.
            inner.relations().links.remove(other);
        }
    }

    /// Watches a process: when it ends, this process receives one [`Received::Down`].
    ///
    /// Never waits and never fails: a process that does not exist is reported down with `noproc`,
    /// a node that cannot be reached with `noconnection`.
    pub fn monitor(&self, target: impl Into<MonitorTarget>) -> Reference {
        let node = self.node.inner();
        let reference = node.make_reference();
        let mut inner = self.process.inner.lock();
        if inner.ending {
            return reference;
        }
        let entry = node.start_monitor(&self.process.pid, &reference, target.into());
        inner.relations().monitors.insert(reference.clone(), entry);
        reference
    }

    /// Takes a monitor back. A `'DOWN'` that is already in the mailbox stays there;
    /// [`demonitor_flush`](Context::demonitor_flush) removes it.
    pub fn demonitor(&self, reference: &Reference) {
        let mut inner = self.process.inner.lock();
        self.take_back(&mut inner, reference);
    }

    /// Takes a monitor back and its `'DOWN'` out of the mailbox: after this call there is none.
    pub fn demonitor_flush(&mut self, reference: &Reference) {
        let mut inner = self.process.inner.lock();
        if !self.take_back(&mut inner, reference) {
            inner.inbox.retain(
                |received| !matches!(received, Received::Down(Down { reference: r, .. }) if r == reference),
            );
        }
    }

    fn take_back(&self, inner: &mut Inner, reference: &Reference) -> bool {
        let entry = inner
            .relations
            .as_mut()
            .and_then(|all| all.monitors.remove(reference));
        let found = entry.is_some();
        if let Some(entry) = entry {
            self.node
                .inner()
                .take_back_monitor(&self.process.pid, reference, &entry);
        }
        found
    }

    /// Turns exit signals into messages, or back; returns the setting before.
    ///
    /// The reason `kill` of [`exit`](Context::exit) cannot be trapped.
    pub fn trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.process.inner.lock().trap_exit, trap)
    }

    /// Sends an exit signal, as Erlang's `exit/2`: to a process that exists it acts by the rules
    /// of [`trap_exit`](Context::trap_exit), to any other not at all.
    pub fn exit(&self, other: &Pid, reason: impl Into<ExitReason>) {
        self.node
            .inner()
            .exit_process(&self.process.pid, other, reason.into());
    }

    /// Makes an alias of this process: messages to it arrive here until it is taken back with
    /// [`unalias`](Context::unalias) or the process ends; afterwards they vanish.
    pub fn alias(&self) -> Reference {
        let node = self.node.inner();
        let alias = node.make_reference();
        let mut inner = self.process.inner.lock();
        if !inner.ending {
            node.aliases.insert(alias.clone(), self.process.pid.clone());
            inner.relations().aliases.push(alias.clone());
        }
        alias
    }

    /// Takes an alias back; true if it was one of this process.
    pub fn unalias(&self, alias: &Reference) -> bool {
        let mut inner = self.process.inner.lock();
        let Some(relations) = &mut inner.relations else {
            return false;
        };
        let Some(position) = relations.aliases.iter().position(|held| held == alias) else {
            return false;
        };
        relations.aliases.swap_remove(position);
        self.node.inner().aliases.remove(alias);
        true
    }

    /// Registers this process under a name.
    ///
    /// # Errors
    ///
    /// As [`Node::register`].
    pub fn register(&self, name: impl Into<Atom>) -> Result<(), RegisterError> {
        self.node.register(name, &self.process.pid)
    }

    /// Starts a process, as [`Node::spawn`].
    pub fn spawn<F, B>(&self, body: F) -> Pid
    where
        F: FnOnce(Context) -> B,
        B: Future + Send + 'static,
        B::Output: IntoExit,
    {
        self.node.spawn(body)
    }

    /// Starts a process linked to this one, in one step: there is no moment without the link.
    pub fn spawn_link<F, B>(&self, body: F) -> Pid
    where
        F: FnOnce(Context) -> B,
        B: Future + Send + 'static,
        B::Output: IntoExit,
    {
        let us = &self.process.pid;
        let mut inner = self.process.inner.lock();
        let child = self.node.prepare(|relations, _| {
            relations
                .links
                .insert(us.clone(), LinkEntry::active(Via::Local));
        });
        let ending = inner.ending;
        if !ending {
            inner
                .relations()
                .links
                .insert(child.pid.clone(), LinkEntry::active(Via::Local));
        }
        drop(inner);
        let pid = self.node.start_process(child, body);
        if ending {
            // A context that outlives its process: what it spawns is linked to nobody.
            let kind = ExitKind::Link(Via::Local);
            let reason = ExitReason::NoProc.into();
            self.node.inner().signal_exit(us, &pid, reason, kind);
        }
        pid
    }

    /// Starts a process that this one monitors, in one step.
    pub fn spawn_monitor<F, B>(&self, body: F) -> (Pid, Reference)
    where
        F: FnOnce(Context) -> B,
        B: Future + Send + 'static,
        B::Output: IntoExit,
    {
        let us = &self.process.pid;
        let reference = self.node.inner().make_reference();
        let mut inner = self.process.inner.lock();
        let child = self.node.prepare(|relations, _| {
            relations.watch(us.clone(), reference.clone());
        });
        if !inner.ending {
            inner.relations().monitors.insert(
                reference.clone(),
                MonitorEntry {
                    process: DownProcess::Pid(child.pid.clone()),
                    local: Some(child.pid.clone()),
                    via: Via::Local,
                },
            );
        }
        drop(inner);
        (self.node.start_process(child, body), reference)
    }
}
