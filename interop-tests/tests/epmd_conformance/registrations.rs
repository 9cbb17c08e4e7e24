//! Which names are taken, and which refused?

use erland_interop_tests::{Alive, Case, Creation, Script, framed, port2};

use super::conforms;

/// Names that OTP may or may not take for UTF-8.
pub(super) const NAMES: &[(&str, &[u8])] = &[
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
