//! Who may end the daemon or a name, and who may ask at all?

use erland_interop_tests::{
    Alive, Case, Creation, Script, Source, dump, framed, kill, names, own_address, port2, stop,
};

use super::{EPMD, conforms};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_and_stop() {
    let foo = || Script::new().register(0, "foo");
    let relaxed =
        |name: &str, script: Script| Case::new(name, script).flags("-relaxed_command_check");
    conforms(vec![
        Case::new("KILL without names", Script::new().ask(0, kill()).exit()),
        Case::new(
            "KILL with a body",
            Script::new().ask(0, framed("kfoo")).exit(),
        ),
        Case::new(
            "KILL with a name",
            foo().ask(1, kill()).still_open(0).names(2),
        ),
        Case::new(
            "KILL after the last name",
            foo().leave(0, "foo").ask(1, kill()).exit(),
        ),
        Case::new(
            "KILL ends the other connections",
            Script::new()
                .open(0, EPMD)
                .say(1, [0])
                .seen()
                .ask(2, kill())
                .ended(0)
                .ended(1)
                .exit(),
        ),
        Case::new("STOP", foo().ask(1, stop("foo")).still_open(0).names(2)),
        Case::new(
            "STOP of an unknown name",
            foo().ask(1, stop("bar")).names(2),
        ),
        relaxed(
            "KILL with a name, relaxed",
            foo().ask(1, kill()).ended(0).exit(),
        ),
        relaxed(
            "STOP, relaxed",
            foo().ask(1, stop("foo")).ended(0).names(2).dump(3),
        ),
        relaxed(
            "STOP of an unknown name, relaxed",
            foo().ask(1, stop("bar")).still_open(0).names(2),
        ),
        relaxed(
            "STOP without a name, relaxed",
            foo().ask(1, stop("")).still_open(0).names(2),
        ),
        relaxed(
            "STOP with a NUL behind, relaxed",
            foo().ask(1, stop("foo\0")).names(2),
        ),
        relaxed(
            "STOP with a NUL and more behind, relaxed",
            foo().ask(1, stop("foo\0bar")).names(2),
        ),
        relaxed(
            "STOP of an old name, relaxed",
            foo().leave(0, "foo").ask(1, stop("foo")).dump(2),
        ),
        relaxed(
            "STOP of what is no UTF-8, relaxed",
            foo().ask(1, stop(b"\xff")).names(2),
        ),
        relaxed(
            "a stopped name comes back, relaxed",
            foo()
                .ask(1, stop("foo"))
                .ended(0)
                .say(2, Alive::of("foo").bytes())
                .registered(2, Creation::After(0, 1)),
        ),
        relaxed(
            "STOP leaves a refused one alone, relaxed",
            foo()
                .say(1, Alive::of("foo").bytes())
                .refused(1)
                .ask(2, stop("foo"))
                .still_open(1),
        ),
        Case::new(
            "relaxed by the variable: STOP",
            foo().ask(1, stop("foo")).ended(0),
        )
        .variable("ERL_EPMD_RELAXED_COMMAND_CHECK", ""),
        Case::new(
            "relaxed by the variable: KILL",
            foo().ask(1, kill()).ended(0).exit(),
        )
        .variable("ERL_EPMD_RELAXED_COMMAND_CHECK", "false"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_ask_what() {
    let mut cases = Vec::new();
    for source in [
        Source::Loopback,
        Source::Loopback2,
        Source::Loopback6,
        Source::Own,
        Source::Remote,
    ] {
        let requests = [
            port2("foo"),
            port2("bar"),
            stop("bar"),
            stop("foo"),
            framed("?"),
            vec![0, 0],
        ];
        let mut script = Script::new().register(1000, "foo");
        for (id, request) in requests.iter().enumerate() {
            script = script.open(id, source).send(id, request).ended(id);
        }
        for (id, request) in [(20, names()), (21, dump())] {
            script = script.open(id, source).send(id, request).listed(id);
        }
        script = script
            .open(30, source)
            .send(30, Alive::of("new").bytes())
            .registered(30, Creation::First);
        script = script
            .open(31, source)
            .send(31, &Alive::of("cut").bytes()[..9])
            .seen()
            .finish(31)
            .ended(31);
        script = script.names(32).open(33, source).send(33, kill()).ended(33);
        for flags in ["", "-relaxed_command_check"] {
            let case = Case::new(format!("{source:?}"), script.clone()).flags(flags);
            cases.push(match source {
                Source::Own => case.address(own_address().into()),
                _ => case,
            });
        }
    }
    conforms(cases).await;
}
