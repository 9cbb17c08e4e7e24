//! Does our epmd answer as OTP's does, byte for byte, whatever it is sent?

use erland_interop_tests::{
    Alive, Case, Creation, EpmdKind, Script, Source, dump, framed, kill, names, own_address, port2,
    same_on_all, stop,
};

const EPMD: Source = Source::Loopback;

/// OTP 25's daemon sets the measure; OTP's newest must agree, and so must ours.
async fn conforms(cases: Vec<Case>) {
    same_on_all(cases, &EpmdKind::all()).await;
}

fn asked(name: &str, request: impl AsRef<[u8]>) -> Case {
    Case::new(name, Script::new().ask(0, request))
}

/// The requests on connections 0, 1, … of a daemon that has the name `foo` on connection 1000.
fn asked_with_foo(name: &str, requests: &[Vec<u8>]) -> Case {
    let mut script = Script::new().register(1000, "foo");
    for (id, request) in requests.iter().enumerate() {
        script = script.ask(id, request);
    }
    Case::new(name, script.still_open(1000).names(1001))
}

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

/// Names that OTP may or may not take for UTF-8.
const NAMES: &[(&str, &[u8])] = &[
    ("one letter", b"a"),
    ("with an at sign", b"foo@host"),
    ("an at sign", b"@"),
    ("a blank", b" "),
    ("a line", b"foo\nname bar at port 1"),
    ("a tab and a bell", b"\t\x07"),
    ("a delete", b"\x7f"),
    ("a conversion", b"%s%n%d"),
    ("a slash", b"../foo"),
    ("two bytes a character", "ж".as_bytes()),
    ("three", "名".as_bytes()),
    ("four", "😀".as_bytes()),
    ("the last of one byte", b"\x7f"),
    ("the first of two bytes", b"\xc2\x80"),
    ("the last of two bytes", b"\xdf\xbf"),
    ("the first of three bytes", b"\xe0\xa0\x80"),
    ("the last before the surrogates", b"\xed\x9f\xbf"),
    ("the first surrogate", b"\xed\xa0\x80"),
    ("the last surrogate", b"\xed\xbf\xbf"),
    ("the first after the surrogates", b"\xee\x80\x80"),
    ("a byte order mark", b"\xef\xbb\xbffoo"),
    ("U+FFFE", b"\xef\xbf\xbe"),
    ("U+FFFF", b"\xef\xbf\xbf"),
    ("the first of four bytes", b"\xf0\x90\x80\x80"),
    ("U+1FFFF", b"\xf0\x9f\xbf\xbf"),
    ("the last character", b"\xf4\x8f\xbf\xbf"),
    ("one beyond the last character", b"\xf4\x90\x80\x80"),
    ("far beyond", b"\xf7\xbf\xbf\xbf"),
    ("five bytes", b"\xf8\x88\x80\x80\x80"),
    ("an overlong slash", b"\xc0\xaf"),
    ("an overlong NUL", b"\xc0\x80"),
    ("overlong in three bytes", b"\xe0\x80\xaf"),
    ("overlong in four bytes", b"\xf0\x80\x80\xaf"),
    ("a lone continuation", b"foo\x80"),
    ("a cut character of two bytes", b"foo\xc3"),
    ("a cut character of three bytes", b"foo\xe2\x82"),
    ("a cut character of four bytes", b"foo\xf0\x9f\x98"),
    ("Latin-1", b"caf\xe9"),
    ("ff fe", b"\xff\xfe"),
    ("a character cut by ASCII", b"\xe2\x82foo"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_taken_and_refused() {
    let mut cases = Vec::new();
    for (what, name) in NAMES {
        let script = Script::new()
            .say(0, Alive::of(name).bytes())
            .registered(0, Creation::First)
            .still_open(0)
            .ask(1, port2(name))
            .names(2)
            .dump(3);
        cases.push(Case::new(format!("a name: {what}"), script));
    }
    let long = |unit: &str, count: usize| unit.repeat(count);
    for name in [
        long("a", 254),
        long("a", 255),
        long("a", 256),
        long("a", 1020),
        long("a", 1021),
        long("ж", 254),
        long("ж", 255),
        long("ж", 256),
        long("😀", 254),
        long("😀", 255),
        long("😀", 256),
        long("名", 255),
    ] {
        let count = name.chars().count();
        let script = Script::new()
            .say(0, Alive::of(&name).bytes())
            .registered(0, Creation::First)
            .still_open(0)
            .ask(1, port2(&name))
            .names(2)
            .dump(3);
        cases.push(Case::new(
            format!("{count} characters, {} bytes", name.len()),
            script,
        ));
    }
    conforms(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registrations() {
    let refused_or_closed =
        |what: &str, body: Vec<u8>| Case::new(what, Script::new().ask(0, framed(body)).names(1));
    let taken = |what: &str, alive: Alive| {
        let name = alive.name.clone();
        let script = Script::new()
            .say(0, alive.bytes())
            .registered(0, Creation::First)
            .still_open(0)
            .ask(1, port2(name))
            .names(2)
            .dump(3);
        Case::new(what, script)
    };
    let body = Alive::of("foo").body();
    let mut cases = vec![
        refused_or_closed("a NUL first", Alive::of("\0foo").body()),
        refused_or_closed("a NUL inside", Alive::of("f\0oo").body()),
        refused_or_closed("a NUL last", Alive::of("foo\0").body()),
        refused_or_closed("empty, no extra", Alive::of("").body()),
        refused_or_closed(
            "the name overruns",
            [&body[..9], &[0, 9], &body[11..]].concat(),
        ),
        refused_or_closed(
            "the name overruns by far",
            [&body[..9], &[0xff, 0xff], &body[11..]].concat(),
        ),
        refused_or_closed("the extra overruns", [&body[..14], &[0, 1]].concat()),
        refused_or_closed(
            "the extra overruns by far",
            [&body[..14], &[0xff, 0xff]].concat(),
        ),
        taken("junk behind the extra", Alive::of("foo").junk("junk")),
        taken(
            "junk behind an extra",
            Alive::of("foo").extra("EX").junk([0; 200]),
        ),
        taken("empty, with an extra", Alive::of("").extra("EX")),
        taken("empty, with junk", Alive::of("").junk("j")),
        taken("an extra", Alive::of("жж").extra("EX")),
        taken("an extra of NULs", Alive::of("foo").extra([0; 5])),
        taken(
            "an extra of 1020 bytes",
            Alive::of("foo").extra([b'e'; 1020]),
        ),
        taken(
            "an extra of 1021 bytes",
            Alive::of("foo").extra([b'e'; 1021]),
        ),
        taken(
            "an extra of 2000 bytes",
            Alive::of("foo").extra([b'e'; 2000]),
        ),
        taken(
            "the longest name and extra",
            Alive::of("😀".repeat(254)).extra([0xff; 1020]),
        ),
        taken(
            "a hidden node",
            Alive {
                node_type: 72,
                ..Alive::of("foo")
            },
        ),
        taken(
            "an unknown type and protocol",
            Alive {
                node_type: 0,
                protocol: 255,
                ..Alive::of("foo")
            },
        ),
        taken("port 0", Alive::of("foo").port(0)),
        taken("port 65535", Alive::of("foo").port(65535)),
        taken(
            "versions the wrong way round",
            Alive::of("foo").versions(6, 7),
        ),
        taken("version 7 and 5", Alive::of("foo").versions(7, 5)),
        taken("version 65535", Alive::of("foo").versions(65535, 65535)),
    ];
    for len in 0..body.len() {
        cases.push(refused_or_closed(
            &format!("cut to {len} bytes"),
            body[..len].to_vec(),
        ));
    }
    conforms(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creations_and_leases() {
    let again = |id: usize, creation: Creation, script: Script| {
        script
            .say(id, Alive::of("foo").bytes())
            .registered(id, creation)
    };
    let foo = || Script::new().register(0, "foo");
    let short = |high: u16| Alive::of("foo").versions(high, high).bytes();
    let others = |count: usize, script: Script| {
        (0..count).fold(script, |script, other| {
            script.come_and_go(format!("other{other}"), 1)
        })
    };
    let mut cases = vec![
        Case::new(
            "again after the end: one more",
            again(1, Creation::After(0, 1), foo().leave(0, "foo")),
        ),
        Case::new(
            "one more each time",
            again(
                1,
                Creation::After(0, 31),
                foo().leave(0, "foo").come_and_go("foo", 30),
            ),
        ),
        Case::new(
            "version 5: the short form",
            Script::new()
                .say(0, short(5))
                .registered(0, Creation::Short)
                .still_open(0),
        ),
        Case::new(
            "version 0: the short form",
            Script::new()
                .say(0, short(0))
                .registered(0, Creation::Short),
        ),
        Case::new(
            "the short form is of the same number",
            foo()
                .leave(0, "foo")
                .say(1, short(5))
                .registered(1, Creation::ShortAfter(0, 1))
                .leave(1, "foo")
                .say(2, short(4))
                .registered(2, Creation::ShortAfter(0, 2))
                .leave(2, "foo")
                .say(3, short(6))
                .registered(3, Creation::After(0, 3)),
        ),
        Case::new(
            "high 6, low 5: the long form",
            Script::new()
                .say(0, Alive::of("foo").versions(6, 5).bytes())
                .registered(0, Creation::First),
        ),
        Case::new(
            "a duplicate, and the first is left alone",
            foo()
                .say(1, Alive::of("foo").port(99).bytes())
                .refused(1)
                .still_open(1)
                .still_open(0)
                .ask(2, port2("foo"))
                .finish(1)
                .ended(1)
                .seen()
                .still_open(0)
                .ask(3, port2("foo"))
                .names(4)
                .dump(5),
        ),
        Case::new(
            "a duplicate in the short form",
            foo()
                .say(1, short(5))
                .refused(1)
                .still_open(1)
                .still_open(0),
        ),
        Case::new(
            "a refused one is over with its next byte",
            foo()
                .say(1, Alive::of("foo").bytes())
                .refused(1)
                .send(1, [0])
                .ended(1)
                .still_open(0)
                .names(2),
        ),
        Case::new(
            "a refused one does not get the name when it is free",
            foo()
                .say(1, Alive::of("foo").bytes())
                .refused(1)
                .leave(0, "foo")
                .still_open(1)
                .names(2)
                .say(3, Alive::of("foo").bytes())
                .registered(3, Creation::After(0, 1)),
        ),
        Case::new(
            "a byte ends a lease",
            foo().send(0, [0]).ended(0).gone("foo").names(1).dump(2),
        ),
        Case::new(
            "a request on a lease ends it",
            foo().send(0, names()).ended(0).gone("foo"),
        ),
        Case::new(
            "a second ALIVE2 on a lease ends it",
            foo()
                .send(0, Alive::of("bar").bytes())
                .ended(0)
                .gone("foo")
                .names(1),
        ),
        Case::new(
            "half a close ends a lease",
            foo().finish(0).ended(0).gone("foo").names(1),
        ),
        Case::new(
            "two names of one node",
            foo()
                .register(1, "bar")
                .leave(0, "foo")
                .names(2)
                .still_open(1)
                .ask(3, port2("bar")),
        ),
        Case::new(
            "names are bytes: case and composition count",
            foo()
                .register(1, "FOO")
                .register(2, "fo")
                .register(3, "fooo")
                .register(4, "e\u{301}")
                .register(5, "é")
                .names(6),
        ),
        Case::new(
            "a thousand and one names are remembered",
            again(
                1,
                Creation::After(0, 31),
                others(1000, foo().leave(0, "foo").come_and_go("foo", 30)),
            ),
        ),
        Case::new(
            "a thousand and two are not",
            again(
                1,
                Creation::First,
                others(1001, foo().leave(0, "foo").come_and_go("foo", 30)),
            ),
        ),
    ];
    for (count, creation) in [(5, Creation::After(0, 31)), (6, Creation::First)] {
        let script = others(count, foo().leave(0, "foo").come_and_go("foo", 30));
        cases.push(
            Case::new(
                format!("-d: {count} others"),
                again(1, creation, script).dump(2),
            )
            .flags("-d"),
        );
    }
    // A name that comes back is taken out of the old ones, and is the newest when it ends.
    let script = foo()
        .leave(0, "foo")
        .come_and_go("foo", 30)
        .come_and_go("a", 1)
        .come_and_go("b", 1)
        .come_and_go("foo", 1);
    let script = script
        .dump(1)
        .come_and_go("c", 1)
        .come_and_go("d", 1)
        .dump(2)
        .come_and_go("e", 1)
        .dump(3);
    cases.push(
        Case::new(
            "-d: which old one is recycled",
            again(4, Creation::After(0, 32), script).dump(5),
        )
        .flags("-d"),
    );
    conforms(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_ups() {
    let mut requests = vec![
        port2("foo"),
        port2("foo\0"),
        port2("foo\0\0"),
        port2("foo\0bar"),
        port2("\0foo"),
        port2("\0"),
        port2(""),
        port2("bar"),
        port2("fo"),
        port2("fooo"),
        port2("FOO"),
        port2("foo@localhost"),
        port2(" foo"),
        port2("foo\n"),
    ];
    for (_, name) in NAMES {
        requests.push(port2(name));
        requests.push(port2([name, &b"\0"[..]].concat()));
    }
    for unit in ["a", "ж", "名", "😀"] {
        for count in 253..=257 {
            requests.push(port2(unit.repeat(count)));
            requests.push(port2(unit.repeat(count) + "\0"));
        }
    }
    for len in [1019, 1020, 1021, 1022, 3056] {
        requests.push(port2(vec![b'a'; len]));
    }
    let unknown = asked_with_foo("look-ups", &requests);
    let mut registered = vec![unknown];
    for (unit, count) in [
        ("a", 253),
        ("a", 254),
        ("a", 255),
        ("ж", 254),
        ("ж", 255),
        ("😀", 253),
        ("😀", 254),
        ("😀", 255),
    ] {
        let name = unit.repeat(count);
        let script = Script::new()
            .say(0, Alive::of(&name).extra([7; 1020]).bytes())
            .registered(0, Creation::First)
            .ask(1, port2(&name))
            .ask(2, port2(name.clone() + "\0"))
            .ask(3, port2(&name[..name.len() - unit.len()]));
        registered.push(Case::new(
            format!("a look-up of {count} times {unit}"),
            script,
        ));
    }
    let script = Script::new()
        .register(0, "foo")
        .ask(1, port2("foo"))
        .leave(0, "foo")
        .ask(2, port2("foo"));
    registered.push(Case::new("a look-up before and after the end", script));
    conforms(registered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings() {
    let three = || {
        Script::new()
            .register(0, "one")
            .register(1, "two")
            .register(2, "three")
    };
    conforms(vec![
        Case::new("no names", Script::new().names(0).dump(1)),
        Case::new("the newest first", three().names(3).dump(4)),
        Case::new(
            "one that comes back is the newest",
            three()
                .leave(1, "two")
                .names(3)
                .dump(4)
                .say(5, Alive::of("two").port(7).bytes())
                .registered(5, Creation::After(1, 1))
                .names(6)
                .dump(7),
        ),
        Case::new(
            "old ones in their order",
            three()
                .leave(2, "three")
                .leave(0, "one")
                .dump(3)
                .leave(1, "two")
                .dump(4)
                .names(5),
        ),
        Case::new(
            "an old one keeps its last port",
            Script::new()
                .register(0, "foo")
                .leave(0, "foo")
                .say(1, Alive::of("foo").port(4321).bytes())
                .registered(1, Creation::After(0, 1))
                .leave(1, "foo")
                .dump(2),
        ),
        Case::new(
            "NAMES with a body",
            three().say(3, framed("nfoo")).listed(3),
        ),
        Case::new("DUMP with a body", three().say(3, framed("dfoo")).listed(3)),
        Case::new(
            "long names in the list",
            Script::new()
                .say(0, Alive::of("😀".repeat(250)).port(65535).bytes())
                .registered(0, Creation::First)
                .say(1, Alive::of("😀".repeat(251)).port(65535).bytes())
                .registered(1, Creation::First)
                .say(2, Alive::of("😀".repeat(252)).port(65535).bytes())
                .registered(2, Creation::First)
                .say(3, Alive::of("😀".repeat(255)).port(65535).bytes())
                .registered(3, Creation::First)
                .names(4)
                .dump(5),
        ),
    ])
    .await;
}

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
