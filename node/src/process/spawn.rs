//! How does a process begin? It enters the table with its first relations, then its task starts.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use erland_etf::Pid;

use super::relations::Relations;
use super::task::ProcessTask;
use super::{Context, Kind, Process};
use crate::exit_reason::{ExitReason, IntoExit};
use crate::node::Node;

impl Node {
    /// Starts a process: the future that `body` makes runs until it returns, panics, or an exit
    /// signal ends it.
    ///
    /// What the body returns is the exit reason: `()` is `normal`. A panic is the exit reason
    /// `{panic, Text}`; the node and every other process live on.
    ///
    /// # Panics
    ///
    /// When 2^28 processes are alive on this node.
    ///
    /// ```
    /// # async fn example(node: erland::Node) {
    /// let pid = node.spawn(|mut ctx| async move {
    ///     println!("got {:?}", ctx.recv().await);
    /// });
    /// # let _ = pid;
    /// # }
    /// ```
    pub fn spawn<F, B>(&self, body: F) -> Pid
    where
        F: FnOnce(Context) -> B,
        B: Future + Send + 'static,
        B::Output: IntoExit,
    {
        let process = self.prepare(|_, _| {});
        self.start_process(process, body)
    }

    /// Starts a process of the node's own: it runs until every process of the user's has ended.
    pub(crate) fn spawn_system<F, B>(&self, body: F) -> Pid
    where
        F: FnOnce(Context) -> B,
        B: Future + Send + 'static,
        B::Output: IntoExit,
    {
        let process = self.enter(Kind::System, |_, _| {});
        self.start_process(process, body)
    }

    /// Enters a process whose first relations `relate` sets; it has no task yet.
    pub(crate) fn prepare(&self, relate: impl FnOnce(&mut Relations, &Pid)) -> Arc<Process> {
        self.enter(Kind::User, relate)
    }

    fn enter(&self, kind: Kind, relate: impl FnOnce(&mut Relations, &Pid)) -> Arc<Process> {
        self.inner()
            .processes
            .insert(|pid| {
                let mut relations = Relations::default();
                relate(&mut relations, &pid);
                Arc::new(Process::new(pid, kind, relations))
            })
            // OTP's `system_limit`, which is an error of the caller there too: see `Node::spawn`.
            .unwrap_or_else(|_| panic!("system_limit: 2^28 processes are alive"))
    }

    pub(crate) fn start_process<F, B>(&self, process: Arc<Process>, body: F) -> Pid
    where
        F: FnOnce(Context) -> B,
        B: Future + Send + 'static,
        B::Output: IntoExit,
    {
        let (pid, kind) = (process.pid.clone(), process.kind);
        let context = Context::new(Arc::clone(&process), self.clone());
        // The closure is user code: its panic is the process' exit, not the spawner's.
        let body = catch_unwind(AssertUnwindSafe(|| body(context)));
        self.inner()
            .runtime
            .spawn(ProcessTask::new(process, self.clone(), body));
        // Shutdown asks those that are there to end; who comes later is asked here.
        if kind == Kind::User && self.inner().tasks.is_stopping() {
            self.exit(&pid, ExitReason::Shutdown);
        }
        pid
    }
}
