//! Does a node answer? `net_adm:ping/1`.

use erland_etf::{Term, atom};
use tokio::sync::oneshot;

use crate::error::PingError;
use crate::node::Node;
use crate::process::Context;
use crate::process::received::Received;

impl Node {
    /// Connects to a node and asks whether it accepts this one, as `net_adm:ping/1` does: `Ok` is
    /// `pong`.
    ///
    /// Waits as long as the connection lives; wrap it in a timeout where a peer may be connected
    /// but not answer. Cancel safe.
    ///
    /// # Errors
    ///
    /// There is no connection, it went down before the answer, or the answer was not `yes`.
    pub async fn ping(&self, node: &str) -> Result<(), PingError> {
        // `pong` at once for the node's own name too: the question then stays on this node.
        self.connect(node).await?;
        let Ok(name) = erland_etf::Atom::new(node) else {
            return Err(PingError::NoAnswer);
        };
        let (answer, answered) = oneshot::channel();
        let pinger = self.spawn(move |ctx| async move {
            // Nobody listens any more when the caller has gone: nothing is lost.
            let _gone = answer.send(ask(ctx, name).await);
        });
        let guard = KillOnDrop {
            node: self,
            pid: pinger,
        };
        let result = answered.await.unwrap_or(Err(PingError::NoAnswer));
        drop(guard);
        result
    }
}

/// Ends the asking process when the caller stops waiting.
struct KillOnDrop<'a> {
    node: &'a Node,
    pid: erland_etf::Pid,
}

impl Drop for KillOnDrop<'_> {
    fn drop(&mut self) {
        self.node
            .exit(&self.pid, crate::exit_reason::ExitReason::Kill);
    }
}

async fn ask(mut ctx: Context, node: erland_etf::Atom) -> Result<(), PingError> {
    let kernel = (atom!("net_kernel"), node);
    let tag = ctx.monitor(kernel.clone());
    let from = Term::from((ctx.self_pid().clone(), tag.clone()));
    let request = Term::from((atom!("is_auth"), ctx.node().name().atom().clone()));
    let call = Term::from((atom!("$gen_call"), from, request));
    ctx.send(kernel, call)
        .await
        .map_err(|_| PingError::NoAnswer)?;
    loop {
        match ctx.recv().await {
            Received::Down(down) if down.reference == tag => return Err(PingError::NoAnswer),
            Received::Message(message) => {
                let Ok(answer) = message.into_term() else {
                    continue;
                };
                if let Some([answered, word]) = answer.as_tuple()
                    && answered.as_reference() == Some(&tag)
                {
                    return if word.is_atom("yes") {
                        Ok(())
                    } else {
                        Err(PingError::Refused)
                    };
                }
            }
            Received::Down(_) | Received::Exit(_) => {}
        }
    }
}
