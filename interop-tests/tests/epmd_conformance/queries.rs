//! What do look-ups and lists tell?

use erland_interop_tests::{Alive, Case, Creation, Script, framed, port2};

use super::registrations::NAMES;
use super::{asked_with_foo, conforms};

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
