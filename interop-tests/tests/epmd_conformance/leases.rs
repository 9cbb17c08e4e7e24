//! Which creation has a name, and when does it end?

use erland_interop_tests::{Alive, Case, Creation, Script, names, port2};

use super::conforms;

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
