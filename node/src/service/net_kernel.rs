//! Who answers `net_adm:ping/1`? The process that every node registers as `net_kernel`.
//!
//! It knows one request, `{is_auth, Node}` (OTP, `net_kernel`). Everything else is ignored, as
//! `net_kernel` does with what it does not know.

use erland_etf::{Pid, Reference, Term, atom};

use crate::dest::Dest;
use crate::error::Chain;
use crate::node::Node;
use crate::process::Context;
use crate::process::received::Received;

/// Starts it, and a process that starts it again should a peer kill it: the node must not become
/// unreachable. That other one's pid, which nobody is told, stands for the node wherever a signal
/// needs a sender.
pub(crate) fn start(node: &Node) {
    let first = spawn(node);
    let keeper = node.spawn_system(|ctx| keep(ctx, first));
    node.inner().set_kernel_pid(keeper);
}

async fn keep(mut ctx: Context, first: Pid) {
    ctx.monitor(&first);
    loop {
        if let Received::Down(_) = ctx.recv().await {
            if ctx.node().inner().tasks.is_stopping() {
                return;
            }
            let next = spawn(ctx.node());
            ctx.monitor(&next);
        }
    }
}

fn spawn(node: &Node) -> Pid {
    let pid = node.spawn_system(serve);
    if let Err(error) = node.register(atom!("net_kernel"), &pid) {
        // The name is free: the last owner has ended, and nobody else is to take it.
        tracing::error!(%error, "net_kernel is not registered");
    }
    pid
}

async fn serve(mut ctx: Context) {
    // An exit signal of a peer is no reason to end.
    ctx.trap_exit(true);
    loop {
        if let Received::Message(message) = ctx.recv().await
            && let Ok(term) = message.into_term()
            && let Some((to, answer)) = answer(&term)
        {
            // One peer that does not read must not keep all others waiting.
            let sent = ctx
                .node()
                .inner()
                .send_at_once(ctx.self_pid(), to, answer.into());
            if let Err(error) = sent {
                tracing::warn!(error = %Chain(&error), "net_kernel cannot answer");
            }
        }
    }
}

fn answer(term: &Term) -> Option<(Dest, Term)> {
    let [label, from, request] = term.as_tuple()? else {
        return None;
    };
    let ([caller, tag], [question, _node]) = (from.as_tuple()?, request.as_tuple()?) else {
        return None;
    };
    if !label.is_atom("$gen_call") || !question.is_atom("is_auth") {
        return None;
    }
    let to = reply_dest(caller.as_pid()?, tag);
    Some((to, Term::from((tag.clone(), atom!("yes")))))
}

/// Where a reply goes: to the alias in the tag, if there is one, otherwise to the caller
/// (`gen:reply/2`, OTP 24).
fn reply_dest(caller: &Pid, tag: &Term) -> Dest {
    match alias(tag) {
        Some(alias) => Dest::Alias(alias.clone()),
        None => Dest::Pid(caller.clone()),
    }
}

/// The alias in `[alias | Ref]`, or in the `[[alias | Ref] | _]` of a multi-call.
fn alias(tag: &Term) -> Option<&Reference> {
    let list = tag.as_list()?;
    let head = list.get(0)?;
    if head.is_atom("alias") {
        list.tail().as_reference()
    } else {
        alias_in(head)
    }
}

fn alias_in(head: &Term) -> Option<&Reference> {
    let list = head.as_list()?;
    if list.get(0)?.is_atom("alias") {
        list.tail().as_reference()
    } else {
        None
    }
}
