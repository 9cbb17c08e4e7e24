//! What is a request, and how long may it take?

use erland_interop_tests::{Alive, Case, Creation, Script, framed, names, port2};

use super::{EPMD, asked, asked_with_foo, conforms};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn framing() {
    let foo = Alive::of("foo").bytes();
    let largest = |len: usize| {
        let alive = Alive::of("foo");
        let rest = len - alive.body().len();
        alive.junk(vec![b'.'; rest]).bytes()
    };
    let mut cases = vec![
        asked("length 0", [0, 0]),
        asked("length 0 and a byte", [0, 0, b'n']),
        Case::new("length 1", Script::new().names(0)),
        Case::new(
            "the largest length: 3057",
            Script::new()
                .say(0, largest(3057))
                .registered(0, Creation::First)
                .names(1),
        ),
        Case::new(
            "too long: 3058",
            Script::new().ask(0, largest(3058)).names(1),
        ),
        asked("too long: 3058, the head alone", 3058_u16.to_be_bytes()),
        asked("the longest of all, the head alone", [0xff, 0xff]),
        asked("a byte more than the length", [&names()[..], b"."].concat()),
        asked("two requests in one segment", [names(), names()].concat()),
        asked(
            "a look-up and a byte more",
            [&port2("foo")[..], b"\0"].concat(),
        ),
        Case::new(
            "ALIVE2 and a byte more in one segment",
            Script::new().ask(0, [&foo[..], b"."].concat()).names(1),
        ),
        Case::new(
            "ALIVE2 in two segments, the second with a byte more",
            Script::new()
                .say(0, &foo[..9])
                .seen()
                .send(0, &foo[9..])
                .registered(0, Creation::First)
                .send(0, ".")
                .ended(0)
                .gone("foo"),
        ),
        Case::new(
            "the head in two segments",
            Script::new()
                .say(0, &names()[..1])
                .seen()
                .send(0, &names()[1..2])
                .seen()
                .send(0, "n")
                .listed(0),
        ),
        Case::new(
            "the head and the code in two segments",
            Script::new()
                .say(0, &names()[..1])
                .seen()
                .send(0, &names()[1..])
                .listed(0),
        ),
        Case::new(
            "part of the head, then the end",
            Script::new().say(0, [0]).finish(0).ended(0),
        ),
        Case::new(
            "the head, then the end",
            Script::new().say(0, [0, 1]).finish(0).ended(0),
        ),
        Case::new(
            "part of the body, then the end",
            Script::new().say(0, &foo[..7]).finish(0).ended(0).names(1),
        ),
        Case::new(
            "nothing, then the end",
            Script::new().open(0, EPMD).finish(0).ended(0),
        ),
        Case::new(
            "a request, then the end",
            Script::new().say(0, names()).finish(0).listed(0),
        ),
        Case::new(
            "a look-up, then the end",
            Script::new().say(0, port2("foo")).finish(0).ended(0),
        ),
        Case::new(
            "ALIVE2, then the end",
            Script::new()
                .say(0, &foo)
                .finish(0)
                .registered(0, Creation::First)
                .ended(0)
                .gone("foo")
                .names(1),
        ),
        Case::new(
            "a half-closed one beside others",
            Script::new()
                .say(0, &foo[..5])
                .register(1, "one")
                .say(2, &port2("one")[..4])
                .register(3, "two")
                .seen()
                .send(2, &port2("one")[4..])
                .ended(2)
                .send(0, &foo[5..])
                .registered(0, Creation::First)
                .names(4),
        ),
        asked("a browser", "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
    ];
    let mut bytewise = Script::new().open(0, EPMD);
    for byte in &foo {
        bytewise = bytewise.send(0, [*byte]).seen();
    }
    cases.push(Case::new(
        "ALIVE2 byte by byte",
        bytewise.registered(0, Creation::First).names(1),
    ));
    // Every code that is no request, replies among them, alone and with a body.
    let mut unknown = Script::new();
    for code in 0..=255_u8 {
        if !b"xzndks".contains(&code) {
            unknown = unknown.ask(usize::from(code), framed([code]));
        }
    }
    cases.push(Case::new("unknown codes", unknown.names(300)));
    let unknown = (0..=255_u8)
        .filter(|code| !b"xzndks".contains(code))
        .map(|code| framed([&[code][..], b"\x04\xd2\x4d\0\0\x06\0\x06\0\x03foo\0\0"].concat()));
    cases.push(asked_with_foo(
        "unknown codes with a body",
        &unknown.collect::<Vec<_>>(),
    ));
    conforms(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timeouts() {
    let timed = |name: &str, script: Script| Case::new(name, script).flags("-packet_timeout 1");
    conforms(vec![
        timed("nothing sent", Script::new().open(0, EPMD).ended(0)),
        timed("half a head", Script::new().say(0, [0]).ended(0)),
        timed("a head", Script::new().say(0, [0, 20]).ended(0).names(1)),
        timed(
            "part of a body",
            Script::new()
                .say(0, &Alive::of("foo").bytes()[..9])
                .ended(0)
                .names(1),
        ),
        // The one that times out came later: had they a limit, it would be over for them too.
        timed(
            "no limit for leases",
            Script::new()
                .register(0, "foo")
                .say(1, Alive::of("foo").bytes())
                .refused(1)
                .open(2, EPMD)
                .ended(2)
                .open(3, EPMD)
                .ended(3)
                .still_open(0)
                .still_open(1)
                .names(4),
        ),
        Case::new(
            "a delayed accept",
            Script::new().register(0, "foo").names(1),
        )
        .flags("-delay_accept 1"),
        Case::new(
            "a delayed reply",
            Script::new().register(0, "foo").ask(1, port2("foo")),
        )
        .flags("-delay_write 1"),
    ])
    .await;
}
