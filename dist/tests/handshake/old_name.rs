//! Is a peer let in that begins as nodes before OTP 23 did, with the name message `n` and a
//! complement?

use bytes::BytesMut;
use erland_dist::{
    Acceptor, AcceptorStep, Flags, HandshakeError, LengthPrefix, MalformedKind, Misbehaviour,
    NodeNameError, Stage, Verdict,
};

use crate::support::{
    ACCEPTOR, CREATION, INITIATOR, ack, bodies, body, challenge, complement, cookie, name,
    new_acceptor, old_send_name, reply,
};

/// An acceptor that has got the name, and what it asks to decide.
fn named(flags: Flags) -> (Acceptor, erland_dist::Claim) {
    let mut acceptor = new_acceptor();
    let message = old_send_name(flags, INITIATOR.as_bytes());
    match acceptor.receive(&message, &mut BytesMut::new()).unwrap() {
        AcceptorStep::Decide(claim) => (acceptor, claim),
        step => panic!("a claim was due, not {step:?}"),
    }
}

#[test]
fn an_old_name_is_let_in() {
    for verdict in [Verdict::Ok, Verdict::OkSimultaneous, Verdict::Alive] {
        let (mut acceptor, claim) = named(Flags::HONOURED);
        assert_eq!(claim.name, name(INITIATOR));
        assert_eq!(claim.creation, None);
        assert_eq!(claim.flags.bits(), Flags::HONOURED.bits() & 0xffff_ffff);
        let mut out = BytesMut::new();
        acceptor.decide(verdict, cookie(), &mut out).unwrap();
        let mut sent = bodies(&mut out, LengthPrefix::Two);
        if verdict == Verdict::Alive {
            let _: AcceptorStep = acceptor.receive(b"strue", &mut out).unwrap();
            sent.extend(bodies(&mut out, LengthPrefix::Two));
        }
        // The challenge is in the new form: HANDSHAKE_23 is mandatory.
        assert_eq!(sent[1], challenge(Flags::HONOURED, ACCEPTOR.as_bytes()));
        assert_eq!(acceptor.stage(), Stage::Complement);
        let step = acceptor.receive(&complement(Flags::HONOURED), &mut out);
        assert!(matches!(step, Ok(AcceptorStep::Continue)), "{step:?}");
        assert!(out.is_empty());
        let step = acceptor.receive(&reply(), &mut out);
        assert!(matches!(step, Ok(AcceptorStep::Authenticated)), "{step:?}");
        let negotiated = acceptor.finish(&mut out).unwrap();
        assert_eq!(body(&mut out), ack());
        assert_eq!(negotiated.peer, name(INITIATOR));
        assert_eq!(negotiated.peer_creation, CREATION);
        assert_eq!(negotiated.peer_flags, Flags::HONOURED);
        assert_eq!(negotiated.flags, Flags::HONOURED);
    }
}

#[test]
fn the_reply_without_the_complement_is_out_of_order() {
    let (mut acceptor, _) = named(Flags::HONOURED);
    let mut out = BytesMut::new();
    acceptor.decide(Verdict::Ok, cookie(), &mut out).unwrap();
    let error = acceptor.receive(&reply(), &mut out).unwrap_err();
    let stage = Stage::Complement;
    let kind = Misbehaviour::OutOfOrder(erland_dist::MessageTag::Reply);
    assert_eq!(error, HandshakeError::PeerMisbehaved { stage, kind });
}

#[test]
fn mandatory_flags_are_looked_for_in_both_halves() {
    let mut out = BytesMut::new();
    let lacking = Flags::MANDATORY - Flags::MAP_TAG;
    let error = new_acceptor()
        .receive(&old_send_name(lacking, INITIATOR.as_bytes()), &mut out)
        .unwrap_err();
    let (stage, missing) = (Stage::SendName, Flags::MAP_TAG);
    assert_eq!(error, HandshakeError::PeerIncompatible { stage, missing });
    assert_eq!(body(&mut out), b"snot_allowed");

    let lacking = Flags::MANDATORY - Flags::V4_NC;
    let (mut acceptor, _) = named(lacking);
    acceptor.decide(Verdict::Ok, cookie(), &mut out).unwrap();
    out.clear();
    let error = acceptor
        .receive(&complement(lacking), &mut out)
        .unwrap_err();
    let (stage, missing) = (Stage::Complement, Flags::V4_NC);
    assert_eq!(error, HandshakeError::PeerIncompatible { stage, missing });
    assert_eq!(body(&mut out), b"snot_allowed");
    assert_eq!(acceptor.stage(), Stage::Over);
}

#[test]
fn the_digest_of_flags_is_in_the_lower_half() {
    let short = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
    let (mut acceptor, claim) = named(short);
    assert!(claim.flags.contains(Flags::MANDATORY_25));
    let mut out = BytesMut::new();
    acceptor.decide(Verdict::Ok, cookie(), &mut out).unwrap();
    let step = acceptor.receive(&complement(short), &mut out);
    assert!(matches!(step, Ok(AcceptorStep::Continue)), "{step:?}");
}

#[test]
fn what_is_malformed_is_told_apart() {
    let stage = Stage::SendName;
    let cases: [(&[u8], MalformedKind); 3] = [
        (b"n\x00\x05\x00\x00\x00", MalformedKind::Truncated),
        (
            b"n\x00\x05\x00\x00\x00\x00host",
            MalformedKind::BadName(NodeNameError::NoAt),
        ),
        (
            b"n\x00\x05\x00\x00\x00\x00",
            MalformedKind::BadName(NodeNameError::NoAt),
        ),
    ];
    for (message, kind) in cases {
        let mut out = BytesMut::new();
        let error = new_acceptor().receive(message, &mut out).unwrap_err();
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
        assert!(out.is_empty());
    }
    let stage = Stage::Complement;
    let good = complement(Flags::HONOURED);
    let cases = [
        (good[..8].to_vec(), MalformedKind::Truncated),
        ([&good[..], b"x"].concat(), MalformedKind::TrailingBytes),
    ];
    for (message, kind) in cases {
        let mut acceptor = crate::support::acceptor_at(stage);
        let error = acceptor
            .receive(&message, &mut BytesMut::new())
            .unwrap_err();
        assert_eq!(error, HandshakeError::Malformed { stage, kind });
    }
}

/// Our own name in the old form is our own name.
#[test]
fn a_peer_with_our_own_name_is_told_nok() {
    let mut out = BytesMut::new();
    let error = new_acceptor()
        .receive(
            &old_send_name(Flags::HONOURED, ACCEPTOR.as_bytes()),
            &mut out,
        )
        .unwrap_err();
    let (stage, kind) = (Stage::SendName, Misbehaviour::ClaimsOurName);
    assert_eq!(error, HandshakeError::PeerMisbehaved { stage, kind });
    assert_eq!(body(&mut out), b"snok");
}
