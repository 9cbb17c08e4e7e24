//! Who answers `net_adm:ping/1`? The process that every node registers as `net_kernel`.
//!
//! It knows one request, `{is_auth, Node}` (OTP, `net_kernel`). Everything else is ignored, as
//! `net_kernel` does with what it does not know.

use erland_etf::{Pid, Reference, Term, atom};

use crate::dest::Dest;
use crate::node::Node;
use crate::process::Context;
use crate::process::received::Received;

/// Starts it; its pid stands for the node itself wherever a signal needs a sender.
pub(crate) fn start(node: &Node) {
    let pid = node.spawn(|mut ctx: Context| async move {
        // An exit signal of a peer must not make the node unreachable.
        ctx.trap_exit(true);
        loop {
            if let Received::Message(message) = ctx.recv().await
                && let Ok(term) = message.into_term()
                && let Some((to, answer)) = answer(&term)
                && let Err(error) = ctx.send(to, answer).await
            {
                tracing::warn!(%error, "net_kernel cannot answer");
            }
        }
    });
    node.inner().set_kernel_pid(pid.clone());
    if let Err(error) = node.register(atom!("net_kernel"), &pid) {
        // The registry of a node that is just starting is empty, and the process is alive.
        tracing::error!(%error, "net_kernel is not registered");
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
