//! A real `erl` (or `elixir`) node: started, asked, stopped, killed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::oneshot;

use crate::base64;
use crate::child::{self, Output};
use crate::deadline::{DEADLINE, within, within_time};
use crate::release::Release;

const HELPER: &str = include_str!("../erl/erland_helper.erl");

/// Reads one line: `B` and the base64 of the compiled helper, or `S` and that of its source,
/// which is compiled and handed back. Kept free of double quotes for Elixir's sake.
const BOOTSTRAP: &str = "
    try
    [Kind | Text] = string:trim(unicode:characters_to_list(io:get_line([]))),
    Data = base64:decode(Text),
    Beam = case Kind of
        $B -> Data;
        $S ->
            Scan = fun Scan(Rest, Line, Forms) ->
                case erl_scan:tokens([], Rest, Line) of
                    {done, {ok, Tokens, Next}, More} ->
                        {ok, Form} = erl_parse:parse_form(Tokens),
                        Scan(More, Next, [Form | Forms]);
                    _ -> lists:reverse(Forms)
                end
            end,
            {ok, _, Code} = compile:forms(Scan(binary_to_list(Data) ++ [10], 1, []), []),
            io:put_chars([[10, $@, $@, $ ], base64:encode(Code), [10]]),
            Code
    end,
    {module, Module} = code:load_binary(erland_helper, [], Beam),
    Module:main()
    catch _:Reason -> erlang:display(Reason), halt(1) end";

/// How a node is started beyond its name.
#[derive(Clone, Debug, Default)]
pub struct ErlOptions {
    /// `-setcookie`; the world's cookie if not given.
    pub cookie: Option<String>,
    /// `-kernel net_ticktime`, in seconds.
    pub ticktime: Option<u32>,
    /// `-hidden`.
    pub hidden: bool,
    /// `HOME`, as the node sees it, and no `-setcookie`: the cookie is that of the file there.
    pub home: Option<String>,
    /// In place of `-name` and the node's name: an option and its value, of a node that is to be
    /// given a name by the first node it connects to. Until then its name is `nonode@nohost`.
    pub nameless: Option<[String; 2]>,
    /// More arguments, such as `-kernel dist_auto_connect never`.
    pub arguments: Vec<String>,
}

impl ErlOptions {
    /// The same with another cookie.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }

    /// The same with a net tick time in seconds.
    #[must_use]
    pub fn ticktime(mut self, seconds: u32) -> Self {
        self.ticktime = Some(seconds);
        self
    }

    /// The same as a hidden node.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// The same with a home directory, and the cookie in it.
    #[must_use]
    pub fn home(mut self, home: &str) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// The same without a name: `option` is `-name` or `-sname`, `name` is `undefined@host`.
    #[must_use]
    pub fn nameless(mut self, option: &str, name: &str) -> Self {
        self.nameless = Some([option.to_owned(), name.to_owned()]);
        self
    }

    /// The same with more arguments, split at white space.
    #[must_use]
    pub fn arguments(mut self, arguments: &str) -> Self {
        self.arguments
            .extend(arguments.split_whitespace().map(str::to_owned));
        self
    }
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<String, String>>>>>;

/// A running node of Erlang or Elixir. Dropped, it is killed.
#[derive(Debug)]
pub struct Erl {
    name: String,
    child: Child,
    stdin: tokio::sync::Mutex<ChildStdin>,
    output: Output,
    waiting: Waiting,
    next: AtomicU64,
}

/// Which program runs the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Erlang,
    Elixir,
}

impl Erl {
    pub(crate) async fn start(
        release: &Release,
        language: Language,
        name: &str,
        epmd_port: u16,
        cookie: &str,
        options: &ErlOptions,
    ) -> Erl {
        let mut flags: Vec<String> = Vec::new();
        // The launcher would start an epmd daemon that outlives the test.
        flags.extend(["-start_epmd", "false"].map(str::to_owned));
        if let Some(seconds) = options.ticktime {
            flags.extend([
                "-kernel".to_owned(),
                "net_ticktime".to_owned(),
                seconds.to_string(),
            ]);
        }
        if options.hidden {
            flags.push("-hidden".to_owned());
        }
        flags.extend(options.arguments.iter().cloned());
        let cookie = options.cookie.as_deref().unwrap_or(cookie);
        // One line: `-eval` takes it as one argument, and so does Elixir's `--erl`.
        let code = BOOTSTRAP.split_whitespace().collect::<Vec<_>>().join(" ");
        let (words, arguments) = match language {
            Language::Erlang => {
                let named = options.nameless.clone();
                flags.push("-noshell".to_owned());
                flags.extend(named.unwrap_or_else(|| ["-name", name].map(str::to_owned)));
                if options.home.is_none() {
                    flags.extend(["-setcookie", cookie].map(str::to_owned));
                }
                // Spawned, because the node only counts as started once `-eval` returns.
                flags.extend(["-eval".to_owned(), format!("spawn(fun() -> {code} end).")]);
                (release.program("erl"), flags)
            }
            Language::Elixir => {
                let code = format!(
                    "{{:ok, t, _}} = :erl_scan.string(~c\"{code}.\"); \
                     {{:ok, f}} = :erl_parse.parse_exprs(t); :erl_eval.exprs(f, [])"
                );
                let arguments = [
                    "--erl",
                    &flags.join(" "),
                    "--name",
                    name,
                    "--cookie",
                    cookie,
                    "-e",
                    &code,
                ];
                (
                    release.program("elixir"),
                    arguments.map(str::to_owned).to_vec(),
                )
            }
        };
        let environment = [
            ("ERL_EPMD_PORT", epmd_port.to_string()),
            ("HOME", options.home.clone().unwrap_or("/tmp".to_owned())),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("ERL_CRASH_DUMP_SECONDS", "0".to_owned()),
            ("ERL_AFLAGS", String::new()),
            ("ERL_ZFLAGS", String::new()),
        ];
        let mut child = child::spawn(&words, &arguments, &environment);
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let output = Output::default();
        let waiting = Waiting::default();
        let (beam_sender, beam) = oneshot::channel();
        follow(&output, &mut child, &waiting, beam_sender);

        let known = release.helper.get();
        let first_line = match known {
            Some(beam) => format!("B{beam}\n"),
            None => format!("S{}\n", base64::encode(HELPER.as_bytes())),
        };
        // A node that could not start has closed its input; what it printed is told below.
        let _ = stdin.write_all(first_line.as_bytes()).await;
        let erl = Erl {
            name: name.to_owned(),
            child,
            stdin: tokio::sync::Mutex::new(stdin),
            output,
            waiting,
            next: AtomicU64::new(1),
        };
        if known.is_none()
            && let Ok(beam) = within("the helper module compiled by erl", beam).await
        {
            // Another test may have been first: the same module.
            let _ = release.helper.set(beam);
        }
        let node = erl.eval("node()").await;
        assert_eq!(
            node.trim_matches('\''),
            name,
            "the node runs under the name it was given"
        );
        erl
    }

    /// The node's name, `a@127.0.0.1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the node has printed: log lines, mostly.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Evaluates Erlang expressions (separated by commas, without the final dot) and returns the
    /// last value as `~0p` prints it. Variables keep their values for the next call.
    ///
    /// # Panics
    ///
    /// When the evaluation fails, the node ends, or [`DEADLINE`] passes.
    pub async fn eval(&self, expressions: &str) -> String {
        self.eval_within(DEADLINE, expressions).await
    }

    /// [`eval`](Erl::eval) with a deadline of its own.
    ///
    /// # Panics
    ///
    /// As `eval` does.
    pub async fn eval_within(&self, limit: Duration, expressions: &str) -> String {
        match within_time(limit, expressions, self.request("erl", expressions)).await {
            Ok(value) => value,
            Err(error) => panic!("{}: {expressions}\nfailed: {error}", self.name),
        }
    }

    /// Evaluates Elixir code and returns what `inspect` makes of its value.
    ///
    /// # Panics
    ///
    /// As [`eval`](Erl::eval) does.
    pub async fn elixir(&self, code: &str) -> String {
        match within(code, self.request("ex", code)).await {
            Ok(value) => value,
            Err(error) => panic!("{}: {code}\nfailed: {error}", self.name),
        }
    }

    /// Evaluates and asserts that the value prints as `expected`.
    ///
    /// # Panics
    ///
    /// When the value is another one.
    pub async fn expect(&self, expressions: &str, expected: &str) {
        let value = self.eval(expressions).await;
        assert_eq!(value, expected, "{}: {expressions}", self.name);
    }

    /// Evaluates, keeping what went wrong as a value: `{error,badarg}`, `{down,killed}`.
    ///
    /// # Errors
    ///
    /// The printed class and reason.
    pub async fn try_eval(&self, expressions: &str) -> Result<String, String> {
        within(expressions, self.request("erl", expressions)).await
    }

    async fn request(&self, language: &str, text: &str) -> Result<String, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, sender);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("{id} {language} {text}\n");
        let written = self.stdin.lock().await.write_all(line.as_bytes()).await;
        let gone = || {
            Err(format!(
                "the node {} has ended; it printed:\n{}",
                self.name,
                self.output.tail()
            ))
        };
        if written.is_err() || self.output.is_closed() {
            return gone();
        }
        receiver.await.unwrap_or_else(|_| gone())
    }

    /// `kill -9`: no farewell of any kind. Returns when the process is gone.
    pub async fn kill(&mut self) {
        // Only fails for a process already gone.
        let _ = self.child.start_kill();
        let _ = within("the death of a killed node", self.child.wait()).await;
    }

    /// `kill -STOP`: the process stays, its sockets stay open, nothing answers.
    pub async fn freeze(&self) {
        child::signal(&self.child, "STOP").await;
    }

    /// `kill -CONT`.
    pub async fn thaw(&self) {
        child::signal(&self.child, "CONT").await;
    }

    /// `halt(0)`: an ordinary, quick end. Returns when the process is gone.
    pub async fn stop(mut self) {
        let _ = self.stdin.lock().await.write_all(b"0 erl halt(0)\n").await;
        let _ = within("the end of a halted node", self.child.wait()).await;
    }
}

impl Drop for Erl {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} printed:\n{}", self.name, self.output.tail());
        }
    }
}

/// Sorts the child's lines into answers, the compiled helper, and the rest.
fn follow(output: &Output, child: &mut Child, waiting: &Waiting, beam: oneshot::Sender<String>) {
    let answers = Arc::clone(waiting);
    let mut beam = Some(beam);
    let take = move |line: &str| {
        let Some(answer) = line.strip_prefix("@@ ") else {
            return false;
        };
        let mut words = answer.splitn(3, ' ');
        let (first, verdict, value) = (words.next(), words.next(), words.next());
        let (Some(id), Some(verdict)) = (first.and_then(|id| id.parse().ok()), verdict) else {
            if let (Some(text), Some(beam)) = (first, beam.take()) {
                // Nobody waits when the start has already failed.
                let _ = beam.send(text.to_owned());
            }
            return true;
        };
        let sender = answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
        if let Some(sender) = sender {
            let value = value.unwrap_or_default().to_owned();
            // The asker may have run into its deadline.
            let _ = sender.send(if verdict == "ok" {
                Ok(value)
            } else {
                Err(value)
            });
        }
        true
    };
    let ended = Arc::clone(waiting);
    let at_end = move || ended.lock().unwrap_or_else(PoisonError::into_inner).clear();
    output.follow(
        child.stdout.take().expect("standard output is piped"),
        take,
        at_end,
    );
    output.follow(
        child.stderr.take().expect("standard error is piped"),
        |_| false,
        || (),
    );
}
