//! Does `erl` start our `epmd` in the place of its own, and use it without knowing?

use std::process::Stdio;

use erland_interop_tests::{
    Erl, ErlOptions, PrivateErl, Reaper, Release, World, free_port, listeners, on_every_release,
    within,
};
use tokio::process::Command;

/// Runs `erl` once; all that it printed, and its exit code.
async fn erl(release: &Release, port: u16, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(&release.erl[0])
        .args(&release.erl[1..])
        .args(arguments)
        .env("ERL_EPMD_PORT", port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_CRASH_DUMP_SECONDS", "0")
        .env("HOME", "/tmp")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within("the end of erl", output)
        .await
        .expect("erl can be run");
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&text).into_owned(),
        output.status.code(),
    )
}

async fn start(world: &World, name: &str) -> Erl {
    // The later flag counts.
    let options = ErlOptions::default().arguments("-start_epmd true");
    world.erl_with(name, options).await
}

/// The process that listens on the port; there must be one.
fn listener(port: u16) -> u32 {
    let pids = listeners(port).into_iter().collect::<Vec<_>>();
    let [pid] = pids[..] else {
        panic!("one process was due on the port, not {pids:?}");
    };
    pid
}

on_every_release! {
    async fn erl_starts_it_and_finds_its_peers(release) {
        let private = PrivateErl::install(release);
        let port = free_port();
        let _reaper = Reaper { port };
        let world = World::with_epmd_port(private.release(), port);
        let one = start(&world, "one").await;
        let daemon = listener(port);
        assert!(private.runs(daemon));
        // The second finds it running.
        let two = start(&world, "two").await;
        assert_eq!(listener(port), daemon);
        two.expect("net_adm:ping('one@127.0.0.1')", "pong").await;
        one.expect("nodes()", "['two@127.0.0.1']").await;
        let sorted = "lists:sort([Name || {Name, _} <- Names])";
        for ask in ["net_adm:names(\"127.0.0.1\")", "net_adm:names()", "erl_epmd:names()"] {
            one.expect(&format!("(fun() -> {{ok, Names}} = {ask}, {sorted} end)()"), "[\"one\",\"two\"]").await;
        }
        one.expect("{port, _, 6} = erl_epmd:port_please(\"two\", {127,0,0,1}), ok", "ok").await;
        one.expect("erl_epmd:port_please(\"three\", {127,0,0,1})", "noport").await;
        one.expect("erlang:system_info(creation) >= 4", "true").await;

        // One with a name that is taken does not start, and says why.
        let arguments = ["-noshell", "-name", "one@127.0.0.1", "-eval", "halt(0)."];
        let (said, code) = erl(private.release(), port, &arguments).await;
        assert!(said.contains("the name one@127.0.0.1 seems to be in use by another Erlang node"), "{said}");
        assert_eq!(code, Some(1));
        one.expect("erl_epmd:port_please(\"one\", {127,0,0,1}) =/= noport", "true").await;

        // Short names.
        let code = "{ok, N} = erl_epmd:names(), io:format(\"~0p~n\", [lists:sort([X || {X, _} <- N])]), halt(0).";
        let (said, _) = erl(private.release(), port, &["-noshell", "-sname", "short", "-eval", code]).await;
        assert!(said.contains("[\"one\",\"short\",\"two\"]"), "{said}");

        // Names go with their nodes, then the daemon can be told to go.
        let epmd = private.epmd();
        let kill = format!("string:trim(os:cmd(\"{epmd} -port {port} -kill\"))");
        one.expect(&kill, "\"Killing not allowed - living nodes in database.\"").await;
        two.stop().await;
        one.stop().await;
        let (said, _) = erl(
            private.release(),
            port,
            &["-noshell", "-eval", &format!("io:put_chars({kill}), halt(0).")],
        )
        .await;
        assert_eq!(said, "Killed");
    }

    async fn erl_starts_it_by_flag(release) {
        let private = PrivateErl::install(release);
        let port = free_port();
        let _reaper = Reaper { port };
        let code = "{ok, [{N, _}]} = erl_epmd:names(), io:put_chars(N), halt(0).";
        let epmd = format!("{} -daemon", private.epmd());
        let arguments = ["-noshell", "-epmd", &epmd, "-name", "flag@127.0.0.1", "-eval", code];
        let (said, status) = erl(release, port, &arguments).await;
        assert_eq!((said.as_str(), status), ("flag", Some(0)));
        assert!(private.runs(listener(port)));
    }
}
