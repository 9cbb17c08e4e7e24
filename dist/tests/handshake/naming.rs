//! How does a node without a name get one? Both roles against each other, and each against what a
//! node of OTP 29 said.

use bytes::BytesMut;
use erland_dist::{
    Acceptor, AcceptorStep, Cookie, Flags, GivenName, HandshakeError, Identity, Initiator,
    InitiatorStep, LengthPrefix, MalformedKind, Misbehaviour, NameRequest, Negotiated, NodeName,
    NodeNameError, Stage, Verdict,
};

use crate::support::{
    ACCEPTOR, ACCEPTOR_CHALLENGE, CREATION, INITIATOR_CHALLENGE, ack, bodies, body, challenge,
    cookie, hex, identity, name, new_acceptor, reply, send_name,
};

/// What an acceptor of OTP 29 answered to a request from `127.0.0.1`.
const NAMED: &str = "736e616d65643a 0017 3234494f375a455144494833 4f403132372e302e302e31 c7eceed3";
const GIVEN: &str = "24IO7ZEQDIH3O@127.0.0.1";

fn given() -> GivenName {
    GivenName {
        name: name(GIVEN),
        creation: 0xc7ec_eed3,
    }
}

fn nameless(flags: Flags, out: &mut BytesMut) -> Initiator {
    Initiator::start_nameless(
        &name("undefined@127.0.0.1"),
        flags,
        name(ACCEPTOR),
        cookie(),
        INITIATOR_CHALLENGE,
        LengthPrefix::Two,
        out,
    )
}

/// An acceptor that has got this request.
fn asked(flags: Flags, host: &[u8]) -> Result<(Acceptor, NameRequest), HandshakeError> {
    let mut acceptor = new_acceptor();
    match acceptor.receive(&send_name(flags, host), &mut BytesMut::new())? {
        AcceptorStep::NameMe(request) => Ok((acceptor, request)),
        step => panic!("a request was due, not {step:?}"),
    }
}

#[test]
fn a_request_has_the_host_alone_and_is_hidden() {
    let mut out = BytesMut::new();
    let initiator = nameless(Flags::HONOURED | Flags::PUBLISHED, &mut out);
    assert_eq!(initiator.stage(), Stage::Status);
    let sent = body(&mut out);
    let mut expected = send_name(Flags::HONOURED | Flags::NAME_ME, b"127.0.0.1");
    expected[9..13].fill(0);
    assert_eq!(sent, expected);
}

#[test]
fn the_name_that_otp_gave_is_taken() {
    let mut out = BytesMut::new();
    let mut initiator = nameless(Flags::HONOURED, &mut out);
    // Something a later release appends changes nothing.
    for more in ["", "00 ff"] {
        let status = [hex(NAMED), hex(more)].concat();
        let mut again = nameless(Flags::HONOURED, &mut out);
        assert!(matches!(
            again.receive(&status, &mut out),
            Ok(InitiatorStep::Continue)
        ));
    }
    let _: InitiatorStep = initiator.receive(&hex(NAMED), &mut out).unwrap();
    // As it was seen: the request's flag comes back, and PUBLISHED does not.
    let theirs = challenge(Flags::from_bits(0x6f_07df_7fbc), ACCEPTOR.as_bytes());
    let _: InitiatorStep = initiator.receive(&theirs, &mut out).unwrap();
    let step = initiator.receive(&ack(), &mut out).unwrap();
    let InitiatorStep::Done(negotiated) = step else {
        panic!("{step:?}");
    };
    assert_eq!(negotiated.given, Some(given()));
    assert_eq!(negotiated.flags, Flags::HONOURED);
    assert!(negotiated.is_hidden());
}

#[test]
fn a_name_is_given_as_otp_gives_it() {
    // What a node of OTP 29 started as `undefined` says.
    let flags = Flags::from_bits(0x6f_07df_7fbc);
    let (mut acceptor, request) = asked(flags, b"127.0.0.1").unwrap();
    assert_eq!(request.placeholder, name("undefined@127.0.0.1"));
    assert_eq!(request.flags, flags);
    assert_eq!(acceptor.stage(), Stage::Decision);
    let mut out = BytesMut::new();
    acceptor.give_name(&given(), cookie(), &mut out).unwrap();
    let sent = bodies(&mut out, LengthPrefix::Two);
    let theirs = challenge(Flags::HONOURED | Flags::NAME_ME, ACCEPTOR.as_bytes());
    assert_eq!(sent, [hex(NAMED), theirs]);
    let step = acceptor.receive(&reply(), &mut out).unwrap();
    assert!(matches!(step, AcceptorStep::Authenticated));
    let negotiated = acceptor.finish(&mut out).unwrap();
    assert_eq!(negotiated.peer, name(GIVEN));
    assert_eq!(negotiated.peer_creation, 0xc7ec_eed3);
    assert_eq!(negotiated.flags, Flags::HONOURED);
    assert_eq!(negotiated.given, None);
    assert!(negotiated.is_hidden());
}

/// Both roles of ours, each of them visible otherwise.
fn between_us(cookie_of_acceptor: &str) -> (Option<Negotiated>, Option<Negotiated>) {
    let (mut there, mut back) = (BytesMut::new(), BytesMut::new());
    let visible = Flags::HONOURED | Flags::PUBLISHED;
    let mut initiator = nameless(visible, &mut there);
    let us = Identity {
        flags: visible,
        ..identity(ACCEPTOR)
    };
    let mut acceptor = Acceptor::new(us, ACCEPTOR_CHALLENGE, LengthPrefix::Two);
    let (mut up, mut accepted) = (None, None);
    loop {
        let (mut quiet, prefix) = (true, LengthPrefix::Two);
        for body in bodies(&mut there, prefix) {
            quiet = false;
            match acceptor.receive(&body, &mut back) {
                Ok(AcceptorStep::NameMe(_)) => {
                    let cookie = Cookie::new(cookie_of_acceptor);
                    acceptor.give_name(&given(), cookie, &mut back).unwrap();
                }
                Ok(AcceptorStep::Authenticated) => {
                    accepted = Some(acceptor.finish(&mut back).unwrap());
                }
                Ok(step) => panic!("{step:?}"),
                Err(error) => assert_eq!(error, HandshakeError::BadCookie(Stage::Reply)),
            }
        }
        for body in bodies(&mut back, prefix) {
            quiet = false;
            if let InitiatorStep::Done(negotiated) = initiator.receive(&body, &mut there).unwrap() {
                up = Some(negotiated);
            }
        }
        if quiet {
            return (up, accepted);
        }
    }
}

#[test]
fn the_two_roles_agree_on_the_name() {
    let (up, accepted) = between_us("abc");
    let (up, accepted) = (up.unwrap(), accepted.unwrap());
    assert_eq!(up.given.unwrap().name, accepted.peer);
    assert_eq!(
        (up.flags, accepted.flags),
        (Flags::HONOURED, Flags::HONOURED)
    );
    // Not even to be named does anybody get in without the cookie.
    assert_eq!(between_us("abd"), (None, None));
}

#[test]
fn a_request_may_be_refused() {
    let (mut acceptor, _) = asked(Flags::HONOURED | Flags::NAME_ME, b"127.0.0.1").unwrap();
    let mut out = BytesMut::new();
    for verdict in [
        Verdict::Ok,
        Verdict::OkSimultaneous,
        Verdict::Nok,
        Verdict::Alive,
    ] {
        // Whoever has no name cannot be known.
        let error = acceptor.decide(verdict, cookie(), &mut out).unwrap_err();
        assert_eq!(error, HandshakeError::OutOfTurn(Stage::Decision));
    }
    acceptor
        .decide(Verdict::NotAllowed, cookie(), &mut out)
        .unwrap();
    assert_eq!(acceptor.stage(), Stage::Over);
    let status = body(&mut out);
    assert_eq!(status, b"snot_allowed");
    let error = nameless(Flags::HONOURED, &mut out)
        .receive(&status, &mut out)
        .unwrap_err();
    let our_flags = Flags::HONOURED | Flags::NAME_ME;
    assert_eq!(error, HandshakeError::NotAllowed { our_flags });
}

#[test]
fn a_name_is_given_to_those_who_ask() {
    let mut out = BytesMut::new();
    let mut acceptor = crate::support::acceptor_at(Stage::Decision);
    let error = acceptor
        .give_name(&given(), cookie(), &mut out)
        .unwrap_err();
    assert_eq!(error, HandshakeError::OutOfTurn(Stage::Decision));
    assert_eq!(acceptor.stage(), Stage::Decision);
    assert!(out.is_empty());
}

#[test]
fn a_request_with_a_whole_name_or_without_a_host_is_refused_without_a_word() {
    let flags = Flags::HONOURED | Flags::NAME_ME;
    let cases: [(&[u8], NodeNameError); 3] = [
        (b"", NodeNameError::EmptyHost),
        (b"a@127.0.0.1", NodeNameError::ManyAts),
        (&[b'h'; 250], NodeNameError::TooLong),
    ];
    for (host, reason) in cases {
        let mut out = BytesMut::new();
        let error = new_acceptor()
            .receive(&send_name(flags, host), &mut out)
            .unwrap_err();
        let (stage, kind) = (Stage::SendName, MalformedKind::BadName(reason));
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
        assert!(out.is_empty());
    }
}

#[test]
fn a_request_without_mandatory_flags_is_not_allowed() {
    let flags = (Flags::MANDATORY - Flags::V4_NC) | Flags::NAME_ME;
    let mut out = BytesMut::new();
    let error = new_acceptor()
        .receive(&send_name(flags, b"127.0.0.1"), &mut out)
        .unwrap_err();
    let (stage, missing) = (Stage::SendName, Flags::V4_NC);
    assert_eq!(error, HandshakeError::PeerIncompatible { stage, missing });
    assert_eq!(body(&mut out), b"snot_allowed");
}

#[test]
fn any_other_answer_to_a_request_is_the_peers_fault() {
    let stage = Stage::Status;
    let misbehaved = |kind| HandshakeError::PeerMisbehaved { stage, kind };
    let malformed = |kind| HandshakeError::Malformed { stage, kind };
    let named = |name: &[u8], len: u16| {
        [
            b"snamed:",
            &len.to_be_bytes()[..],
            name,
            &CREATION.to_be_bytes(),
        ]
        .concat()
    };
    let cases = [
        (b"sok".to_vec(), misbehaved(Misbehaviour::NotNamed)),
        (
            b"sok_simultaneous".to_vec(),
            misbehaved(Misbehaviour::NotNamed),
        ),
        (b"snok".to_vec(), misbehaved(Misbehaviour::NotNamed)),
        (b"salive".to_vec(), misbehaved(Misbehaviour::NotNamed)),
        (
            named(b"A@127.0.0.2", 11),
            misbehaved(Misbehaviour::NamedElsewhere),
        ),
        (b"snamed:".to_vec(), malformed(MalformedKind::Truncated)),
        (
            named(b"A@127.0.0.1", 16),
            malformed(MalformedKind::Truncated),
        ),
        (
            named(b"A127.0.0.1", 10),
            malformed(MalformedKind::BadName(NodeNameError::NoAt)),
        ),
        (
            named(b"A\xff@127.0.0.1", 12),
            malformed(MalformedKind::BadName(NodeNameError::NotLatin1)),
        ),
    ];
    for (status, expected) in cases {
        let mut out = BytesMut::new();
        let mut initiator = nameless(Flags::HONOURED, &mut out);
        out.clear();
        let error = initiator.receive(&status, &mut out).unwrap_err();
        assert_eq!(error, expected, "{}", status.escape_ascii());
        assert!(out.is_empty());
        assert_eq!(initiator.stage(), Stage::Over);
    }
    let error = nameless(Flags::HONOURED, &mut BytesMut::new())
        .receive(b"sno", &mut BytesMut::new())
        .unwrap_err();
    assert!(matches!(error, HandshakeError::Rejected(_)));
}

/// Characters of Latin-1 are two bytes here, and one in all other messages.
#[test]
fn a_given_name_is_in_utf8() {
    let given = GivenName {
        name: NodeName::parse("\u{e9}@127.0.0.1").unwrap(),
        creation: 4,
    };
    let (mut acceptor, _) = asked(Flags::HONOURED | Flags::NAME_ME, b"127.0.0.1").unwrap();
    let mut out = BytesMut::new();
    acceptor.give_name(&given, cookie(), &mut out).unwrap();
    let status = bodies(&mut out, LengthPrefix::Two).remove(0);
    assert_eq!(status, b"snamed:\x00\x0c\xc3\xa9@127.0.0.1\x00\x00\x00\x04");
    let step = nameless(Flags::HONOURED, &mut out).receive(&status, &mut out);
    assert!(matches!(step, Ok(InitiatorStep::Continue)), "{step:?}");
}
