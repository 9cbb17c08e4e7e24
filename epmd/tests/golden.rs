//! Bytes that the daemon of OTP 25.2.3 was seen to receive and to send, through the codec in both
//! directions.

use bytes::Bytes;
use erland_epmd::message::{
    Alive2Response, Dump, DumpLine, Names, NodeEntry, Port2Response, Request,
};
use erland_epmd::{Malformed, RequestError};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("hexadecimal")).expect("one digit"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn entry(name: &str, port: u16, extra: &'static [u8]) -> NodeEntry {
    NodeEntry {
        extra: Bytes::from_static(extra),
        ..NodeEntry::new(name, port)
    }
}

#[test]
fn requests() {
    let old = NodeEntry {
        high: 5,
        low: 5,
        ..entry("foo", 1234, b"")
    };
    for (bytes, request) in [
        (
            "0010 78 04d2 4d 00 0006 0006 0003 666f6f 0000",
            Request::Alive2(entry("foo", 1234, b"")),
        ),
        (
            "0010 78 aadf 4d 00 0006 0006 0003 666f6f 0000",
            Request::Alive2(entry("foo", 43743, b"")),
        ),
        (
            "0010 78 04d2 4d 00 0005 0005 0003 666f6f 0000",
            Request::Alive2(old),
        ),
        (
            "0013 78 04d2 4d 00 0006 0006 0004 d0b6d0b6 0002 4558",
            Request::Alive2(entry("жж", 1234, b"EX")),
        ),
        ("0004 7a 666f6f", Request::Port2 { name: "foo".into() }),
        ("0001 6e", Request::Names),
        ("0001 64", Request::Dump),
        ("0001 6b", Request::Kill),
        (
            "0004 73 666f6f",
            Request::Stop {
                name: b"foo".to_vec(),
            },
        ),
    ] {
        assert_eq!(request.encode(), Ok(hex(bytes)));
        assert_eq!(Request::decode(&hex(bytes)), Ok(Some(request)));
    }
}

#[test]
fn replies_to_alive2() {
    let registered = Alive2Response::registered(6, 0x6b00_d300);
    let registered_again = Alive2Response::registered(7, 0x6b00_d301);
    for (bytes, response, result, creation) in [
        ("76 00 6b00d300", registered, 0, 0x6b00_d300),
        ("76 00 6b00d301", registered_again, 0, 0x6b00_d301),
        ("76 01 00000063", Alive2Response::refused(6), 1, 99),
        ("79 01 0063", Alive2Response::refused(5), 1, 99),
        ("79 00 0002", Alive2Response::registered(5, 4), 0, 2),
        ("79 00 0001", Alive2Response::registered(5, 6), 0, 1),
    ] {
        assert_eq!(response.encode(), hex(bytes));
        assert_eq!(Alive2Response::decode(&hex(bytes)), Ok(Some(response)));
        assert_eq!((response.result(), response.creation()), (result, creation));
    }
}

#[test]
fn a_name_that_is_not_utf8_is_refused_and_not_malformed() {
    assert_eq!(
        Request::decode(&hex("000f 78 04d2 4d 00 0006 0006 0002 fffe 0000")),
        Err(RequestError::Unregistrable {
            high: 6,
            reason: Malformed::NameNotUtf8
        })
    );
}

#[test]
fn replies_to_port2() {
    for (bytes, response) in [
        (
            "77 00 04d2 4d 00 0006 0006 0003 666f6f 0000",
            Port2Response::Found(entry("foo", 1234, b"")),
        ),
        (
            "77 00 04d2 4d 00 0006 0006 0004 d0b6d0b6 0002 4558",
            Port2Response::Found(entry("жж", 1234, b"EX")),
        ),
        (
            "77 00 aadf 4d 00 0006 0006 0005 7064683239 0000",
            Port2Response::Found(entry("pdh29", 43743, b"")),
        ),
        ("77 01", Port2Response::NotFound { result: 1 }),
    ] {
        assert_eq!(response.encode(), Ok(hex(bytes)));
        assert_eq!(Port2Response::decode(&hex(bytes)), Ok(Some(response)));
    }
}

#[test]
fn replies_to_names() {
    let none = Names {
        port: 44369,
        entries: vec![],
    };
    assert_eq!(none.encode(), hex("0000ad51"));
    assert_eq!(Names::decode(&hex("0000ad51")), Ok(none));

    let bytes = [
        &hex("00001111")[..],
        b"name foo at port 43743\nname bar at port 1\n",
    ]
    .concat();
    let names = Names {
        port: 4369,
        entries: vec![("foo".into(), 43743), ("bar".into(), 1)],
    };
    assert_eq!(names.encode(), bytes);
    assert_eq!(Names::decode(&bytes), Ok(names));
}

/// What `erl_epmd:names/1` of OTP 25 and 29 makes of the same text, apart from the port 70000, which
/// it takes for one.
#[test]
fn a_name_with_a_line_feed_does_not_hide_the_others() {
    let text = b"\0\0\x11\x11name foo\nbar at port 1\nname ok at port 7\njunk\n\
        name a at port 2\nb at port 3\nname x at port 70000\n\nnam y at port 1\nname z\n";
    let names = Names {
        port: 4369,
        entries: vec![("ok".into(), 7), ("a".into(), 2)],
    };
    assert_eq!(Names::decode(text), Ok(names));
}

#[test]
fn replies_to_dump() {
    let line = |name: &str, port, fd| DumpLine {
        name: name.into(),
        port,
        fd,
    };
    let dump = Dump {
        port: 44372,
        active: vec![line("a", 1, 5)],
        unused: vec![line("c", 1, 5), line("z> at port 2", 1, 6)],
    };
    let bytes = [
        &hex("0000ad54")[..],
        b"active name     <a> at port 1, fd = 5\n\0",
        b"old/unused name <c>, port = 1, fd = 5 \n\0",
        b"old/unused name <z> at port 2>, port = 1, fd = 6 \n\0",
    ]
    .concat();
    assert_eq!(dump.encode(), bytes);
    assert_eq!(Dump::decode(&bytes), Ok(dump));
}

#[test]
fn replies_that_are_none() {
    assert_eq!(Alive2Response::decode(&[]), Ok(None));
    assert_eq!(Alive2Response::decode(&hex("76 00 6b00d3")), Ok(None));
    assert_eq!(
        Alive2Response::decode(&hex("77 01")),
        Err(Malformed::UnknownCode(119))
    );
    assert_eq!(Port2Response::decode(&hex("77")), Ok(None));
    assert_eq!(Port2Response::decode(&hex("77 00 04d2 4d")), Ok(None));
    assert_eq!(
        Port2Response::decode(&hex("76 00")),
        Err(Malformed::UnknownCode(118))
    );
    assert_eq!(Names::decode(&hex("0000ad")), Err(Malformed::Truncated));
    assert_eq!(Names::decode(&hex("00010000")), Err(Malformed::Port));
    // A list that was broken off: the port may have been 12 or 1234.
    for text in ["name foo at port 12", "name foo at port 1\nname b", "n"] {
        let reply = [&[0, 0, 0, 1], text.as_bytes()].concat();
        assert_eq!(Names::decode(&reply), Err(Malformed::Truncated), "{text}");
    }
    for line in [
        &b"active name     <a> at port 1, fd = 5\0"[..],
        b"name a at port 1\n\0",
    ] {
        assert_eq!(
            Dump::decode(&[&[0, 0, 0, 1], line].concat()),
            Err(Malformed::Line)
        );
    }
}
