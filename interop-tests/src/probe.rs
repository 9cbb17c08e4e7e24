//! A process of an erland node that does what the test tells it, and shows what it receives.

use std::pin::Pin;

use erland::{
    Atom, Context, Dest, ExitReason, Node, Payload, Pid, Received, Reference, Term, atom,
};
use tokio::sync::{mpsc, oneshot};

use crate::deadline::within;
use crate::erl::Erl;

type Step = Box<dyn FnOnce(&mut Context) + Send>;

enum Command {
    Run(Step),
    Send(Dest, Payload, oneshot::Sender<()>),
    End(ExitReason),
    Panic(&'static str),
}

/// A process driven by a test. Dropped, it exits `normal`.
#[derive(Debug)]
pub struct Probe {
    node: Node,
    pid: Pid,
    commands: mpsc::UnboundedSender<Command>,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Probe {
    /// Spawns a probe.
    pub fn start(node: &Node) -> Probe {
        let (commands, orders) = mpsc::unbounded_channel();
        let (sink, received) = mpsc::unbounded_channel();
        let pid = node.spawn(move |ctx| body(ctx, orders, sink));
        Probe {
            node: node.clone(),
            pid,
            commands,
            received,
        }
    }

    /// Spawns a probe that traps exits.
    pub async fn trapping(node: &Node) -> Probe {
        let probe = Probe::start(node);
        probe.run(|ctx| ctx.trap_exit(true)).await;
        probe
    }

    /// Spawns a probe registered under `name`.
    pub async fn named(node: &Node, name: &str) -> Probe {
        let probe = Probe::start(node);
        let name = name_of(name);
        let registered = probe.run(move |ctx| ctx.register(name)).await;
        assert!(registered.is_ok(), "the name is free: {registered:?}");
        probe
    }

    /// Its pid.
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// Runs `step` inside the process, after everything that is in its mailbox by now.
    ///
    /// # Panics
    ///
    /// When the process has ended.
    pub async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Context) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = oneshot::channel();
        let step: Step = Box::new(move |ctx| {
            // The test waits; if it has given up there is nobody to tell.
            let _ = answer.send(step(ctx));
        });
        assert!(
            self.commands.send(Command::Run(step)).is_ok(),
            "the probe has ended"
        );
        within("the probe to run a step", answered)
            .await
            .expect("the probe has ended")
    }

    /// Sends a message from the process.
    pub async fn send(&self, dest: impl Into<Dest>, message: impl Into<Payload>) {
        let (answer, answered) = oneshot::channel();
        let command = Command::Send(dest.into(), message.into(), answer);
        assert!(self.commands.send(command).is_ok(), "the probe has ended");
        within("the probe to send", answered)
            .await
            .expect("the probe has ended");
    }

    /// Links to a process.
    pub async fn link(&self, other: &Pid) {
        let other = other.clone();
        self.run(move |ctx| ctx.link(&other)).await;
    }

    /// Takes a link back.
    pub async fn unlink(&self, other: &Pid) {
        let other = other.clone();
        self.run(move |ctx| ctx.unlink(&other)).await;
    }

    /// Monitors a process.
    pub async fn monitor(&self, other: &Pid) -> Reference {
        let other = other.clone();
        self.run(move |ctx| ctx.monitor(&other)).await
    }

    /// Monitors a name on a node.
    pub async fn monitor_name(&self, name: &str, node: &str) -> Reference {
        let target = (name_of(name), name_of(node));
        self.run(move |ctx| ctx.monitor(target)).await
    }

    /// Sends an exit signal.
    pub async fn exit(&self, other: &Pid, reason: impl Into<ExitReason>) {
        let (other, reason) = (other.clone(), reason.into());
        self.run(move |ctx| ctx.exit(&other, reason)).await;
    }

    /// Ends the process with a reason.
    pub fn end(&self, reason: impl Into<ExitReason>) {
        // It may have ended already.
        let _ = self.commands.send(Command::End(reason.into()));
    }

    /// Makes the process panic.
    pub fn panic(&self, text: &'static str) {
        // It may have ended already.
        let _ = self.commands.send(Command::Panic(text));
    }

    /// The next thing received.
    ///
    /// # Panics
    ///
    /// When nothing comes, or the process has ended.
    pub async fn next(&mut self) -> Received {
        within("something in the probe's mailbox", self.received.recv())
            .await
            .expect("the probe has ended")
    }

    /// The next thing received, as the term that Erlang would see.
    pub async fn next_term(&mut self) -> Term {
        self.next()
            .await
            .to_term()
            .expect("what the peer sent decodes")
    }

    /// The next thing received, which must be a message, as text.
    pub async fn message(&mut self) -> String {
        match self.next().await {
            Received::Message(message) => message.to_term().expect("it decodes").to_string(),
            other => panic!("a message was due, not {other:?}"),
        }
    }

    /// The next thing received, which must be a trapped exit from `from`: its reason as text.
    pub async fn exit_from(&mut self, from: &Pid) -> String {
        match self.next().await {
            Received::Exit(exit) if exit.from == *from => exit.reason.to_string(),
            other => panic!("an exit from {from} was due, not {other:?}"),
        }
    }

    /// The next thing received, which must be the end of a monitor: its reason as text.
    pub async fn down(&mut self, reference: &Reference) -> String {
        match self.next().await {
            Received::Down(down) if down.reference == *reference => down.reason.to_string(),
            other => panic!("a down was due, not {other:?}"),
        }
    }

    /// Everything received by now and not yet taken.
    pub async fn drain(&mut self) -> Vec<Received> {
        // Runs after what is in the mailbox, which has then reached the channel.
        self.run(|_| ()).await;
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }

    /// Asserts that nothing was received beyond what the test has taken.
    ///
    /// # Panics
    ///
    /// When there is something.
    pub async fn is_quiet(&mut self) {
        let rest = self.drain().await;
        assert!(rest.is_empty(), "received beyond what was due: {rest:?}");
    }

    /// Binds the Erlang variable `variable` to this probe's pid.
    pub async fn introduce(&self, erl: &Erl, variable: &str) {
        self.hand_over(erl).await;
        erl.eval(&format!("{variable} = erland_helper:introduced()"))
            .await;
    }

    async fn hand_over(&self, erl: &Erl) {
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        self.send(
            evaluator,
            Term::from((atom!("introduce"), self.pid.clone())),
        )
        .await;
    }

    /// Evaluates an Erlang expression and receives its value as a message.
    pub async fn learn(&mut self, erl: &Erl, expression: &str) -> Term {
        self.hand_over(erl).await;
        erl.eval(&format!(
            "erland_helper:introduced() ! {{learn, begin {expression} end}}"
        ))
        .await;
        let message = self.next_term().await;
        match message.as_tuple() {
            Some([tag, value]) if tag.is_atom("learn") => value.clone(),
            _ => panic!("the value of {expression} was due, not {message}"),
        }
    }

    /// Evaluates an Erlang expression whose value is a pid.
    pub async fn learn_pid(&mut self, erl: &Erl, expression: &str) -> Pid {
        let value = self.learn(erl, expression).await;
        value
            .as_pid()
            .cloned()
            .unwrap_or_else(|| panic!("{expression} is {value}, not a pid"))
    }

    /// The node it runs on.
    pub fn node(&self) -> &Node {
        &self.node
    }
}

/// An atom of a text that a test wrote.
///
/// # Panics
///
/// When it is longer than an atom may be.
pub fn name_of(text: &str) -> Atom {
    Atom::new(text).expect("a name of at most 255 characters")
}

fn body(
    mut ctx: Context,
    mut orders: mpsc::UnboundedReceiver<Command>,
    sink: mpsc::UnboundedSender<Received>,
) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> {
    Box::pin(async move {
        loop {
            tokio::select! {
                // The mailbox first: a step runs after everything that has arrived before it.
                biased;
                received = ctx.recv() => {
                    if sink.send(received).is_err() {
                        return ExitReason::Normal;
                    }
                }
                order = orders.recv() => match order {
                    None => return ExitReason::Normal,
                    Some(Command::Run(step)) => step(&mut ctx),
                    Some(Command::Send(dest, message, done)) => {
                        if let Err(error) = ctx.send(dest, message).await {
                            panic!("the message cannot be encoded: {error}");
                        }
                        // The test may have given up.
                        let _ = done.send(());
                    }
                    Some(Command::End(reason)) => return reason,
                    Some(Command::Panic(text)) => panic!("{text}"),
                },
            }
        }
    })
}
