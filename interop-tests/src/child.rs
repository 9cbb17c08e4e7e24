//! What does a child process print, and how is it ended?

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::deadline::within;

/// What a child process has printed so far, on both of its outputs.
#[derive(Clone, Debug, Default)]
pub struct Output {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    open: usize,
}

impl Output {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// All lines printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.state().lines.clone()
    }

    /// Whether a line printed so far contains `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.state().lines.iter().any(|line| line.contains(text))
    }

    /// Whether both outputs are closed.
    pub fn is_closed(&self) -> bool {
        self.state().open == 0
    }

    /// Waits until both outputs are closed, as they are when the process has ended.
    pub async fn closed(&self) {
        within(
            "the end of a child process",
            self.wait(|state| (state.open == 0).then_some(())),
        )
        .await;
    }

    /// Waits for a line that contains `text` and returns it.
    ///
    /// # Panics
    ///
    /// When the process ends, or the deadline passes, without such a line.
    pub async fn line_with(&self, text: &str) -> String {
        let what = format!("a line with {text:?}");
        let found = within(
            &what,
            self.wait(|state| {
                let line = state.lines.iter().find(|line| line.contains(text));
                match line {
                    Some(line) => Some(Some(line.clone())),
                    None if state.open == 0 => Some(None),
                    None => None,
                }
            }),
        )
        .await;
        match found {
            Some(line) => line,
            None => panic!(
                "the process ended without {what}; it printed:\n{}",
                self.tail()
            ),
        }
    }

    /// The last lines, for the report of a failure.
    pub fn tail(&self) -> String {
        let state = self.state();
        let mut text = String::new();
        for line in state
            .lines
            .iter()
            .skip(state.lines.len().saturating_sub(60))
        {
            let _ = writeln!(text, "  | {line}");
        }
        text
    }

    async fn wait<T>(&self, mut look: impl FnMut(&State) -> Option<T>) -> T {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Enabled before the look: a line in between is not missed.
            changed.as_mut().enable();
            if let Some(value) = look(&self.state()) {
                return value;
            }
            changed.await;
        }
    }

    fn push(&self, line: String) {
        self.state().lines.push(line);
        self.shared.changed.notify_waiters();
    }

    /// Reads `source` to its end in a task; a line that `take` answers `true` for is not kept.
    pub(crate) fn follow<R, F>(
        &self,
        source: R,
        mut take: F,
        at_end: impl FnOnce() + Send + 'static,
    ) where
        R: AsyncRead + Send + Unpin + 'static,
        F: FnMut(&str) -> bool + Send + 'static,
    {
        self.state().open += 1;
        let output = self.clone();
        tokio::spawn(async move {
            let mut reader = BufReader::new(source);
            let mut bytes = Vec::new();
            // A read error is the end of the output like any other.
            while let Ok(1..) = reader.read_until(b'\n', &mut bytes).await {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                if !line.is_empty() && !take(&line) {
                    output.push(line);
                }
            }
            output.state().open -= 1;
            output.shared.changed.notify_waiters();
            at_end();
        });
    }
}

/// Starts `words` with piped standard input and outputs, killed when dropped.
///
/// # Panics
///
/// When the program cannot be started; the message names the remedy.
pub(crate) fn spawn(
    words: &[String],
    arguments: &[String],
    environment: &[(&str, String)],
) -> Child {
    let (program, first) = words
        .split_first()
        .expect("a command has at least one word");
    let child = Command::new(program)
        .args(first)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    match child {
        Ok(child) => child,
        Err(error) => panic!(
            "cannot run `{}` ({error}): run scripts/otp",
            words.join(" ")
        ),
    }
}

/// Sends a signal (`STOP`, `CONT`, `TERM`) to a child process.
///
/// # Panics
///
/// When the process is gone.
pub(crate) async fn signal(child: &Child, name: &str) {
    let pid = child
        .id()
        .expect("the child process still runs")
        .to_string();
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(&pid)
        .status()
        .await;
    assert!(
        status.is_ok_and(|status| status.success()),
        "kill -{name} {pid} failed"
    );
}
