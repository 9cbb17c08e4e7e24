//! How does a process run? A future around its body that lets signals act first.
//!
//! A struct future, because an `async fn` around the body would store the body twice.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::exit::Exiting;
use super::{Ended, Process, RECEIVES_PER_POLL};
use crate::exit_reason::{ExitReason, IntoExit};
use crate::node::Node;

pin_project! {
    /// The task of one process.
    pub(super) struct ProcessTask<F> {
        process: Arc<Process>,
        node: Node,
        // Dropped in place as soon as the process ends, before anybody hears of it.
        #[pin]
        body: Option<F>,
        exiting: Option<Exiting>,
        done: bool,
    }

    impl<F> PinnedDrop for ProcessTask<F> {
        /// A runtime that shuts down, or aborts the task, ends the process: links and monitors
        /// hear `killed`.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if *this.done {
                return;
            }
            let _panicked = catch_unwind(AssertUnwindSafe(|| this.body.set(None)));
            let exiting = this.exiting.get_or_insert_with(|| {
                Exiting::begin(this.process, this.node.inner(), ExitReason::Killed)
            });
            while !exiting.proceed(this.process, this.node.inner()) {}
            this.node.inner().processes.departed(this.process.kind);
        }
    }
}

impl<F> ProcessTask<F> {
    pub(super) fn new(
        process: Arc<Process>,
        node: Node,
        body: Result<F, Box<dyn Any + Send>>,
    ) -> ProcessTask<F> {
        let (body, exiting) = match body {
            Ok(body) => (Some(body), None),
            Err(panic) => {
                let reason = panicked(&process, &*panic);
                (None, Some(Exiting::begin(&process, node.inner(), reason)))
            }
        };
        ProcessTask {
            process,
            node,
            body,
            exiting,
            done: false,
        }
    }
}

impl<F> Future for ProcessTask<F>
where
    F: Future,
    F::Output: IntoExit,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        let node = this.node.inner();
        if this.exiting.is_none() {
            let Some(mut reason) = run(this.process, node, this.body.as_mut(), cx) else {
                return Poll::Pending;
            };
            // The body's destructors are user code as well.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| this.body.set(None))) {
                reason = panicked(this.process, &*panic);
            }
            tracing::trace!(pid = %this.process.pid, %reason, "process ended");
            *this.exiting = Some(Exiting::begin(this.process, node, reason));
        }
        if let Some(exiting) = this.exiting
            && !exiting.proceed(this.process, node)
        {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        *this.done = true;
        node.processes.departed(this.process.kind);
        Poll::Ready(())
    }
}

/// Lets signals act, then the body; the exit reason when either ended the process.
fn run<F>(
    process: &Process,
    node: &crate::node::NodeInner,
    body: Pin<&mut Option<F>>,
    cx: &mut TaskContext<'_>,
) -> Option<ExitReason>
where
    F: Future,
    F::Output: IntoExit,
{
    if let Err(Ended(reason)) = process.handle_signals(node, Some(cx.waker())) {
        return Some(reason);
    }
    process.inner.lock().budget = RECEIVES_PER_POLL;
    // A body that is gone has ended: there is no such state before `exiting` is set.
    let body = body.as_pin_mut()?;
    // Unwind safety: after a panic the body is dropped and never polled again, and what it shares
    // with the node is behind locks that it cannot hold across user code.
    match catch_unwind(AssertUnwindSafe(|| body.poll(cx).map(IntoExit::into_exit))) {
        Ok(Poll::Pending) => None,
        // A signal that was there before the body returned, one it sent itself say, comes first.
        Ok(Poll::Ready(reason)) => match process.handle_signals(node, Some(cx.waker())) {
            Err(Ended(signal)) => Some(signal),
            Ok(()) => Some(reason),
        },
        Err(panic) => Some(panicked(process, &*panic)),
    }
}

fn panicked(process: &Process, panic: &(dyn Any + Send)) -> ExitReason {
    let reason = ExitReason::from_panic(panic);
    tracing::error!(pid = %process.pid, %reason, "process panicked");
    reason
}
