//! What does each stage make of each message? Wrong ones, cut ones, garbage, and the caller's own
//! steps out of turn.

use bytes::BytesMut;
use erland_dist::{
    AcceptorStep, Flags, HandshakeError, InitiatorStep, MalformedKind, MessageTag, Misbehaviour,
    NodeNameError, Stage, Verdict,
};

use crate::support::{
    ACCEPTOR, ACCEPTOR_STAGES, INITIATOR, INITIATOR_STAGES, acceptor_at, ack, body, challenge,
    cookie, initiator_at, reply, send_name,
};

/// Feeds one message to an initiator at `stage`. An error must leave nothing but the end.
fn to_initiator(stage: Stage, body: &[u8]) -> Result<InitiatorStep, HandshakeError> {
    let mut initiator = initiator_at(stage);
    let mut out = BytesMut::new();
    let result = initiator.receive(body, &mut out);
    if let Err(error) = &result {
        assert_eq!(error.stage(), stage, "{error}");
        assert_eq!(initiator.stage(), Stage::Over);
        assert!(out.is_empty());
    }
    result
}

/// Feeds one message to an acceptor at `stage`. An error must leave nothing but the end.
fn to_acceptor(stage: Stage, body: &[u8]) -> Result<AcceptorStep, HandshakeError> {
    let mut acceptor = acceptor_at(stage);
    let mut out = BytesMut::new();
    let result = acceptor.receive(body, &mut out);
    if let Err(error) = &result {
        assert_eq!(error.stage(), stage, "{error}");
        assert_eq!(acceptor.stage(), Stage::Over);
    }
    result
}

/// A well-formed message of every kind.
fn every_message() -> Vec<(MessageTag, Vec<u8>)> {
    let mut messages = vec![
        (
            MessageTag::Name,
            send_name(Flags::HONOURED, INITIATOR.as_bytes()),
        ),
        (
            MessageTag::Name,
            challenge(Flags::HONOURED, ACCEPTOR.as_bytes()),
        ),
        (
            MessageTag::OldName,
            b"n\x00\x05\x03\x07\x0f\x94a@h".to_vec(),
        ),
        (
            MessageTag::Complement,
            b"c\x00\x00\x00\x04\x00\x00\x00\x07".to_vec(),
        ),
        (MessageTag::Reply, reply()),
        (MessageTag::Ack, ack()),
    ];
    for text in [
        "ok",
        "ok_simultaneous",
        "nok",
        "not_allowed",
        "alive",
        "true",
        "false",
        "named:",
    ] {
        messages.push((MessageTag::Status, format!("s{text}").into_bytes()));
    }
    messages
}

/// The tag that may come at a stage.
fn due(stage: Stage) -> Option<MessageTag> {
    match stage {
        Stage::Status | Stage::AliveAnswer => Some(MessageTag::Status),
        Stage::Challenge | Stage::SendName => Some(MessageTag::Name),
        Stage::Complement => Some(MessageTag::Complement),
        Stage::Ack => Some(MessageTag::Ack),
        Stage::Reply => Some(MessageTag::Reply),
        _ => None,
    }
}

fn expected_refusal(stage: Stage, tag: MessageTag) -> HandshakeError {
    if stage == Stage::Challenge && tag == MessageTag::OldName {
        let kind = MalformedKind::OldHandshake;
        HandshakeError::Malformed { stage, kind }
    } else {
        let kind = Misbehaviour::OutOfOrder(tag);
        HandshakeError::PeerMisbehaved { stage, kind }
    }
}

#[test]
fn a_message_out_of_order_ends_the_handshake() {
    for (tag, message) in every_message() {
        for stage in INITIATOR_STAGES {
            if due(stage) != Some(tag) {
                let error = to_initiator(stage, &message).unwrap_err();
                assert_eq!(error, expected_refusal(stage, tag));
            }
        }
        for stage in ACCEPTOR_STAGES {
            let old = (stage, tag) == (Stage::SendName, MessageTag::OldName);
            if due(stage) != Some(tag) && !old {
                let error = to_acceptor(stage, &message).unwrap_err();
                assert_eq!(error, expected_refusal(stage, tag));
            }
        }
    }
}

#[test]
fn an_unknown_tag_ends_the_handshake() {
    let known = b"Nnscra";
    for tag in (0..=u8::MAX).filter(|tag| !known.contains(tag)) {
        let kind = MalformedKind::UnknownTag(tag);
        for stage in INITIATOR_STAGES {
            let error = to_initiator(stage, &[tag, 0, 0]).unwrap_err();
            assert_eq!(error, HandshakeError::Malformed { stage, kind });
        }
        for stage in ACCEPTOR_STAGES {
            let error = to_acceptor(stage, &[tag, 0, 0]).unwrap_err();
            assert_eq!(error, HandshakeError::Malformed { stage, kind });
        }
    }
}

#[test]
fn an_empty_message_ends_the_handshake() {
    let kind = MalformedKind::Truncated;
    for stage in INITIATOR_STAGES {
        let error = to_initiator(stage, b"").unwrap_err();
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
    }
    for stage in ACCEPTOR_STAGES {
        let error = to_acceptor(stage, b"").unwrap_err();
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
    }
}

#[test]
fn a_message_cut_at_any_byte_is_found_short() {
    let kind = MalformedKind::Truncated;
    for (stage, message) in [
        (
            Stage::Challenge,
            challenge(Flags::HONOURED, ACCEPTOR.as_bytes()),
        ),
        (Stage::Ack, ack()),
    ] {
        for length in 0..message.len() {
            let error = to_initiator(stage, &message[..length]).unwrap_err();
            assert_eq!(error, HandshakeError::Malformed { stage, kind });
        }
        let _: InitiatorStep = to_initiator(stage, &message).unwrap();
    }
    for (stage, message) in [
        (
            Stage::SendName,
            send_name(Flags::HONOURED, INITIATOR.as_bytes()),
        ),
        (Stage::Reply, reply()),
    ] {
        for length in 0..message.len() {
            let error = to_acceptor(stage, &message[..length]).unwrap_err();
            assert_eq!(error, HandshakeError::Malformed { stage, kind });
        }
        let _: AcceptorStep = to_acceptor(stage, &message).unwrap();
    }
}

#[test]
fn a_status_cut_at_any_byte_is_another_status() {
    for text in ["ok_simultaneous", "not_allowed", "alive"] {
        for length in 0..text.len() {
            let cut = format!("s{}", &text[..length]);
            match to_initiator(Stage::Status, cut.as_bytes()) {
                Ok(step) => {
                    assert_eq!(&text[..length], "ok");
                    assert!(matches!(step, InitiatorStep::Continue));
                }
                Err(HandshakeError::Rejected(status)) => {
                    assert_eq!(status.as_bytes(), &text.as_bytes()[..length]);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    for text in ["true", "false"] {
        for length in 0..text.len() {
            let cut = format!("s{}", &text[..length]);
            let error = to_acceptor(Stage::AliveAnswer, cut.as_bytes()).unwrap_err();
            let stage = Stage::AliveAnswer;
            let kind = MalformedKind::UnknownAnswer;
            assert_eq!(error, HandshakeError::Malformed { stage, kind });
        }
    }
}

#[test]
fn only_names_may_be_followed_by_more_bytes() {
    let more = |mut message: Vec<u8>| {
        message.extend(b"later");
        message
    };
    let theirs = more(challenge(Flags::HONOURED, ACCEPTOR.as_bytes()));
    let step = to_initiator(Stage::Challenge, &theirs).unwrap();
    assert!(matches!(step, InitiatorStep::Continue));

    let theirs = more(send_name(Flags::HONOURED, INITIATOR.as_bytes()));
    let step = to_acceptor(Stage::SendName, &theirs).unwrap();
    let AcceptorStep::Decide(claim) = step else {
        panic!("{step:?}");
    };
    assert_eq!(claim.name.as_str(), INITIATOR);

    let kind = MalformedKind::TrailingBytes;
    let stage = Stage::Ack;
    let error = to_initiator(stage, &more(ack())).unwrap_err();
    assert_eq!(error, HandshakeError::Malformed { stage, kind });

    let stage = Stage::Reply;
    let error = to_acceptor(stage, &more(reply())).unwrap_err();
    assert_eq!(error, HandshakeError::Malformed { stage, kind });

    let kind = MalformedKind::UnknownAnswer;
    let stage = Stage::AliveAnswer;
    let error = to_acceptor(stage, &more(b"strue".to_vec())).unwrap_err();
    assert_eq!(error, HandshakeError::Malformed { stage, kind });

    let error = to_initiator(Stage::Status, &more(b"sok".to_vec())).unwrap_err();
    assert!(matches!(error, HandshakeError::Rejected(_)));
}

#[test]
fn an_unknown_status_is_quoted_short_and_escaped() {
    let error = to_initiator(Stage::Status, b"sno\nlog\xff").unwrap_err();
    assert_eq!(
        error.to_string(),
        "get in at the peer: its status is `no\\nlog\\xff`"
    );
    let long = [b's'; 1000];
    let error = to_initiator(Stage::Status, &long).unwrap_err();
    let HandshakeError::Rejected(text) = error else {
        panic!("{error}");
    };
    assert_eq!(text.as_bytes(), [b's'; 32]);
}

#[test]
fn a_bad_name_is_refused_without_a_word() {
    let long = [b"a@".as_slice(), &[b'h'; 254]].concat();
    let names: [(&[u8], NodeNameError); 7] = [
        (b"", NodeNameError::NoAt),
        (b"host", NodeNameError::NoAt),
        (b"a@b@c", NodeNameError::ManyAts),
        (b"a@@", NodeNameError::ManyAts),
        (b"@host", NodeNameError::EmptyName),
        (b"name@", NodeNameError::EmptyHost),
        (&long, NodeNameError::TooLong),
    ];
    for (name, reason) in names {
        let kind = MalformedKind::BadName(reason);

        let stage = Stage::SendName;
        let mut acceptor = acceptor_at(stage);
        let mut out = BytesMut::new();
        let error = acceptor
            .receive(&send_name(Flags::HONOURED, name), &mut out)
            .unwrap_err();
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
        assert!(out.is_empty());

        let stage = Stage::Challenge;
        let error = to_initiator(stage, &challenge(Flags::HONOURED, name)).unwrap_err();
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
    }
}

#[test]
fn a_name_may_be_of_255_bytes_of_latin1() {
    let longest = [b"a@".as_slice(), &[0xe9; 253]].concat();
    let step = to_acceptor(Stage::SendName, &send_name(Flags::HONOURED, &longest)).unwrap();
    let AcceptorStep::Decide(claim) = step else {
        panic!("{step:?}");
    };
    assert_eq!(claim.name.host(), "\u{e9}".repeat(253));
}

#[test]
fn a_peer_with_our_own_name_is_told_nok() {
    let mut acceptor = acceptor_at(Stage::SendName);
    let mut out = BytesMut::new();
    let error = acceptor
        .receive(&send_name(Flags::HONOURED, ACCEPTOR.as_bytes()), &mut out)
        .unwrap_err();
    let stage = Stage::SendName;
    let kind = Misbehaviour::ClaimsOurName;
    assert_eq!(error, HandshakeError::PeerMisbehaved { stage, kind });
    assert_eq!(body(&mut out), b"snok");
}

#[test]
fn a_step_out_of_turn_changes_nothing() {
    let mut out = BytesMut::new();
    for stage in INITIATOR_STAGES {
        if stage != Stage::AnswerAlive {
            let mut initiator = initiator_at(stage);
            let error = initiator.answer_alive(true, &mut out).unwrap_err();
            assert_eq!(error, HandshakeError::OutOfTurn(stage));
            assert_eq!(initiator.stage(), stage);
        }
    }
    for stage in ACCEPTOR_STAGES {
        let mut acceptor = acceptor_at(stage);
        if stage != Stage::Decision {
            let error = acceptor
                .decide(Verdict::Ok, cookie(), &mut out)
                .unwrap_err();
            assert_eq!(error, HandshakeError::OutOfTurn(stage));
            assert_eq!(acceptor.stage(), stage);
        }
        if stage != Stage::Finish {
            let error = acceptor.finish(&mut out).unwrap_err();
            assert_eq!(error, HandshakeError::OutOfTurn(stage));
            assert_eq!(acceptor.stage(), stage);
        }
    }
    assert!(out.is_empty());
}

#[test]
fn a_close_and_a_timeout_name_the_stage() {
    for stage in INITIATOR_STAGES {
        let initiator = initiator_at(stage);
        assert_eq!(initiator.timed_out(), HandshakeError::TimedOut(stage));
        assert_eq!(initiator.timed_out().stage(), stage);
        assert_eq!(initiator.closed().stage(), stage);
        // Closing is how a node says that the digest in the reply is wrong.
        let expected = match stage {
            Stage::Ack => HandshakeError::CookieRefusedProbably,
            stage => HandshakeError::Closed(stage),
        };
        assert_eq!(initiator.closed(), expected);
    }
    for stage in ACCEPTOR_STAGES {
        let acceptor = acceptor_at(stage);
        assert_eq!(acceptor.timed_out(), HandshakeError::TimedOut(stage));
        assert_eq!(acceptor.closed(), HandshakeError::Closed(stage));
        assert_eq!(acceptor.closed().stage(), stage);
    }
}

#[test]
fn debug_shows_the_stage_and_no_more() {
    let acceptor = acceptor_at(Stage::Finish);
    assert_eq!(format!("{acceptor:?}"), "Acceptor { stage: Finish, .. }");
    let initiator = initiator_at(Stage::Ack);
    assert_eq!(format!("{initiator:?}"), "Initiator { stage: Ack, .. }");
}
