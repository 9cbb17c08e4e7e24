//! The process `echo`: a partner for whoever tries a node out.
//!
//! | message | what it does |
//! |---|---|
//! | `{Pid, Term}` | `Pid ! {self(), Term}` |
//! | `{stop, Reason}` | exits with `Reason` |
//! | `{link, Pid}`, `{unlink, Pid}` | does so; `Pid ! {self(), linked}`, `{self(), unlinked}` |
//! | `{monitor, Pid, Target}` | monitors a pid or `{Name, Node}`; `Pid ! {self(), monitoring}`, later `Pid ! {self(), down, Target, Reason}` |
//! | `{trap, Pid, Bool}` | sets `trap_exit`; trapped exits go on as `Pid ! {self(), exit, From, Reason}` |
//! | `{send, Dest, Term}` | sends `Term` to a pid or `{Name, Node}` |
//!
//! However it ends, it is started and registered anew.

use erland::{
    Atom, Context, Dest, Down, Exit, ExitReason, MonitorTarget, Node, Payload, Pid, Received,
    Reference, RegisterError, SendError, Term, atom,
};
use std::collections::HashMap;
use tokio::sync::oneshot;

/// The registered name.
pub const NAME: Atom = atom!("echo");

/// The running echo process of a node, and the process that restarts it.
#[derive(Debug)]
pub struct Echo {
    node: Node,
    keeper: Pid,
    /// Nothing is ever sent: the keeper drops its end when it has ended.
    kept: oneshot::Receiver<()>,
}

impl Echo {
    /// Starts `echo`; it is registered when this returns.
    ///
    /// # Errors
    /// The name is taken on this node.
    pub async fn start(node: &Node) -> Result<Self, RegisterError> {
        let (started, first) = oneshot::channel();
        let (keeping, kept) = oneshot::channel();
        let keeper = node.spawn(|ctx| keep(ctx, started, keeping));
        // The keeper ends without an answer only if the whole node does.
        first.await.unwrap_or(Err(RegisterError::NoProc))?;
        Ok(Self {
            node: node.clone(),
            keeper,
            kept,
        })
    }

    /// Ends the restarting, so that a shutdown of the node does not have to wait for a process
    /// that always comes back.
    pub async fn stop(self) {
        self.node.exit(&self.keeper, ExitReason::Shutdown);
        // The keeper's end closes the channel, which is the signal.
        let _closed = self.kept.await;
    }
}

/// The process that starts `echo` again and again.
async fn keep(
    mut ctx: Context,
    started: oneshot::Sender<Result<(), RegisterError>>,
    _keeping: oneshot::Sender<()>,
) -> ExitReason {
    let mut started = Some(started);
    loop {
        let (echo, monitor) = ctx.spawn_monitor(serve);
        let registered = ctx.node().register(NAME, &echo);
        match (started.take(), registered) {
            (Some(started), registered) => {
                let failed = registered.is_err();
                if started.send(registered).is_err() || failed {
                    ctx.exit(&echo, ExitReason::Kill);
                    return ExitReason::Shutdown;
                }
            }
            // It has ended already: its monitor says so next.
            (None, Ok(()) | Err(RegisterError::NoProc)) => {}
            (None, Err(error)) => {
                tracing::error!(%error, "echo cannot be registered anew");
                return ExitReason::Shutdown;
            }
        }
        loop {
            match ctx.recv().await {
                Received::Down(down) if down.reference == monitor => {
                    tracing::info!(reason = %down.reason, "echo has ended and is started anew");
                    break;
                }
                _ => {}
            }
        }
    }
}

/// What a message asks for.
enum Request {
    Echo(Pid, Term),
    Stop(Term),
    Link(Pid),
    Unlink(Pid),
    Monitor(Pid, Term, MonitorTarget),
    Trap(Pid, bool),
    Send(Dest, Term),
}

impl Request {
    fn parse(message: Term) -> Option<Self> {
        let Term::Tuple(tuple) = message else {
            return None;
        };
        // By value, so that a large term is passed on and not copied.
        let elements = match <[Term; 2]>::try_from(tuple.into_vec()) {
            Ok([Term::Pid(pid), term]) => return Some(Self::Echo(pid, term)),
            Ok([tag, argument]) => {
                return match (tag.as_atom()?.as_str(), argument) {
                    ("stop", reason) => Some(Self::Stop(reason)),
                    ("link", Term::Pid(pid)) => Some(Self::Link(pid)),
                    ("unlink", Term::Pid(pid)) => Some(Self::Unlink(pid)),
                    _ => None,
                };
            }
            Err(elements) => elements,
        };
        let [tag, first, second] = <[Term; 3]>::try_from(elements).ok()?;
        match (tag.as_atom()?.as_str(), first) {
            ("monitor", Term::Pid(pid)) => {
                let target = match address(&second)? {
                    Address::Pid(pid) => MonitorTarget::from(pid),
                    Address::NameAt(name, node) => MonitorTarget::from((name, node)),
                };
                Some(Self::Monitor(pid, second, target))
            }
            ("trap", Term::Pid(pid)) if second.is_atom("true") => Some(Self::Trap(pid, true)),
            ("trap", Term::Pid(pid)) if second.is_atom("false") => Some(Self::Trap(pid, false)),
            ("send", dest) => {
                let dest = match address(&dest)? {
                    Address::Pid(pid) => Dest::from(pid),
                    Address::NameAt(name, node) => Dest::from((name, node)),
                };
                Some(Self::Send(dest, second))
            }
            _ => None,
        }
    }
}

enum Address {
    Pid(Pid),
    NameAt(Atom, Atom),
}

fn address(term: &Term) -> Option<Address> {
    if let Some(pid) = term.as_pid() {
        return Some(Address::Pid(pid.clone()));
    }
    match term.as_tuple()? {
        [name, node] => Some(Address::NameAt(
            name.as_atom()?.clone(),
            node.as_atom()?.clone(),
        )),
        _ => None,
    }
}

/// What `echo` remembers between messages.
#[derive(Default)]
struct State {
    /// Who asked for a monitor, and how they named its target.
    monitors: HashMap<Reference, (Pid, Term)>,
    /// Who hears of trapped exits.
    trapping: Option<Pid>,
}

async fn serve(mut ctx: Context) -> ExitReason {
    let mut state = State::default();
    loop {
        let answered = match ctx.recv().await {
            Received::Message(message) => match request(message) {
                Some(Request::Stop(reason)) => return reason.into(),
                Some(request) => answer(&ctx, &mut state, request).await,
                None => Ok(()),
            },
            Received::Exit(exit) => trapped(&ctx, &state, exit).await,
            Received::Down(down) => down_from(&ctx, &mut state, down).await,
            _ => Ok(()),
        };
        if let Err(error) = answered {
            tracing::warn!(%error, "echo cannot send an answer");
        }
    }
}

fn request(message: Payload) -> Option<Request> {
    match message.into_term() {
        Ok(term) => {
            let request = Request::parse(term);
            if request.is_none() {
                tracing::debug!("echo got a message that it does not understand");
            }
            request
        }
        Err(error) => {
            tracing::warn!(%error, "echo got a message that does not decode");
            None
        }
    }
}

async fn answer(ctx: &Context, state: &mut State, request: Request) -> Result<(), SendError> {
    let me = || ctx.self_pid().clone();
    match request {
        Request::Echo(pid, term) => ctx.send(pid, (me(), term)).await,
        Request::Stop(_) => Ok(()),
        Request::Link(pid) => {
            ctx.link(&pid);
            ctx.send(pid, (me(), atom!("linked"))).await
        }
        Request::Unlink(pid) => {
            ctx.unlink(&pid);
            ctx.send(pid, (me(), atom!("unlinked"))).await
        }
        Request::Monitor(pid, named, target) => {
            state
                .monitors
                .insert(ctx.monitor(target), (pid.clone(), named));
            ctx.send(pid, (me(), atom!("monitoring"))).await
        }
        Request::Trap(pid, trap) => {
            ctx.trap_exit(trap);
            state.trapping = trap.then_some(pid);
            Ok(())
        }
        Request::Send(dest, term) => ctx.send(dest, term).await,
    }
}

async fn trapped(ctx: &Context, state: &State, exit: Exit) -> Result<(), SendError> {
    let Some(pid) = &state.trapping else {
        return Ok(());
    };
    let exit = (
        ctx.self_pid().clone(),
        atom!("exit"),
        exit.from,
        exit.reason.to_term(),
    );
    ctx.send(pid, exit).await
}

async fn down_from(ctx: &Context, state: &mut State, down: Down) -> Result<(), SendError> {
    let Some((pid, named)) = state.monitors.remove(&down.reference) else {
        return Ok(());
    };
    let down = (
        ctx.self_pid().clone(),
        atom!("down"),
        named,
        down.reason.to_term(),
    );
    ctx.send(pid, down).await
}
