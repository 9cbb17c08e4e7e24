//! Do both roles produce exactly the bytes of real nodes?
//!
//! The session was recorded from a node of OTP 29.1.1, `pdb@127.0.0.1`, that dialled a test peer
//! with the cookie `abc`. It is replayed once in each role.

use bytes::BytesMut;
use erland_dist::{
    Acceptor, AcceptorStep, Flags, Identity, Initiator, InitiatorStep, LengthPrefix, Verdict,
};

use crate::support::{bodies, cookie, hex, name};

const SEND_NAME: &str = "001c 4e 0000006d07df7fbd 6b00cf73 000d 706462403132372e302e302e31";
const STATUS: &str = "0003 736f6b";
const CHALLENGE: &str =
    "0021 4e 0000006d07df1fbd 12345678 6b00cf73 000e 70647079403132372e302e302e31";
const REPLY: &str = "0015 72 69c5c8e8 29fe2a04ce0217556ecd16d1b62b8d7c";
const ACK: &str = "0011 61 571d67ccbbcd234f266449b89a889953";

const DIALLER_FLAGS: Flags = Flags::from_bits(0x6d_07df_7fbd);
const DIALLED_FLAGS: Flags = Flags::from_bits(0x6d_07df_1fbd);

fn dialler() -> Identity {
    Identity {
        name: name("pdb@127.0.0.1"),
        creation: 0x6b00_cf73,
        flags: DIALLER_FLAGS,
    }
}

fn dialled() -> Identity {
    Identity {
        name: name("pdpy@127.0.0.1"),
        creation: 0x6b00_cf73,
        flags: DIALLED_FLAGS,
    }
}

/// A recorded message with the length prefix of the replay, which is the only difference between
/// TCP and TLS.
fn recorded(message: &str, prefix: LengthPrefix) -> Vec<u8> {
    let bytes = hex(message);
    match prefix {
        LengthPrefix::Two => bytes,
        LengthPrefix::Four => [&[0, 0], bytes.as_slice()].concat(),
    }
}

fn body_of(message: &str) -> Vec<u8> {
    hex(message)[2..].to_vec()
}

fn as_initiator(prefix: LengthPrefix) {
    let mut out = BytesMut::new();
    let mut initiator = Initiator::start(
        dialler(),
        dialled().name,
        cookie(),
        0x69c5_c8e8,
        prefix,
        &mut out,
    );
    assert_eq!(out.split(), recorded(SEND_NAME, prefix));

    let step = initiator.receive(&body_of(STATUS), &mut out).unwrap();
    assert!(matches!(step, InitiatorStep::Continue));
    assert!(out.is_empty());

    let step = initiator.receive(&body_of(CHALLENGE), &mut out).unwrap();
    assert!(matches!(step, InitiatorStep::Continue));
    assert_eq!(out.split(), recorded(REPLY, prefix));

    let step = initiator.receive(&body_of(ACK), &mut out).unwrap();
    let InitiatorStep::Done(negotiated) = step else {
        panic!("{step:?}");
    };
    assert_eq!(negotiated.peer, dialled().name);
    assert_eq!(negotiated.peer_creation, 0x6b00_cf73);
    assert_eq!(negotiated.peer_flags, DIALLED_FLAGS);
    assert_eq!(negotiated.flags, DIALLED_FLAGS);
    assert!(out.is_empty());
}

fn as_acceptor(prefix: LengthPrefix) {
    let mut out = BytesMut::new();
    let mut acceptor = Acceptor::new(dialled(), 0x1234_5678, prefix);

    let step = acceptor.receive(&body_of(SEND_NAME), &mut out).unwrap();
    let AcceptorStep::Decide(claim) = step else {
        panic!("{step:?}");
    };
    assert_eq!(claim.name, dialler().name);
    assert_eq!(claim.creation, Some(0x6b00_cf73));
    assert_eq!(claim.flags, DIALLER_FLAGS);
    assert!(out.is_empty(), "nothing is sent before the decision");

    acceptor.decide(Verdict::Ok, cookie(), &mut out).unwrap();
    let expected = [recorded(STATUS, prefix), recorded(CHALLENGE, prefix)].concat();
    assert_eq!(out.split(), expected);

    let step = acceptor.receive(&body_of(REPLY), &mut out).unwrap();
    assert!(matches!(step, AcceptorStep::Authenticated));
    assert!(
        out.is_empty(),
        "the old connection comes down before the ack"
    );

    let negotiated = acceptor.finish(&mut out).unwrap();
    assert_eq!(out.split(), recorded(ACK, prefix));
    assert_eq!(negotiated.peer, dialler().name);
    assert_eq!(negotiated.peer_creation, 0x6b00_cf73);
    assert_eq!(negotiated.peer_flags, DIALLER_FLAGS);
    assert_eq!(negotiated.flags, DIALLED_FLAGS);
}

#[test]
fn the_recorded_session_as_initiator() {
    as_initiator(LengthPrefix::Two);
    as_initiator(LengthPrefix::Four);
}

#[test]
fn the_recorded_session_as_acceptor() {
    as_acceptor(LengthPrefix::Two);
    as_acceptor(LengthPrefix::Four);
}

/// `snamed:`, the name and creation that an acceptor of OTP 29 gave to a dynamic node, to one that
/// has not asked for it. To one that has: see `naming`.
#[test]
fn the_recorded_name_for_a_dynamic_node() {
    let mut status = b"snamed:\x00\x1724IO7ZEQDIH3O@127.0.0.1".to_vec();
    status.extend(hex("c7eceed3"));
    let mut initiator = crate::support::initiator_at(erland_dist::Stage::Status);
    let error = initiator
        .receive(&status, &mut BytesMut::new())
        .unwrap_err();
    assert_eq!(
        error,
        erland_dist::HandshakeError::PeerMisbehaved {
            stage: erland_dist::Stage::Status,
            kind: erland_dist::Misbehaviour::NamedUnasked,
        }
    );
}

#[test]
fn every_status_has_its_text() {
    let texts = [
        (Verdict::Ok, "sok"),
        (Verdict::OkSimultaneous, "sok_simultaneous"),
        (Verdict::Nok, "snok"),
        (Verdict::NotAllowed, "snot_allowed"),
        (Verdict::Alive, "salive"),
    ];
    for (verdict, text) in texts {
        let mut acceptor = crate::support::acceptor_at(erland_dist::Stage::Decision);
        let mut out = BytesMut::new();
        acceptor.decide(verdict, cookie(), &mut out).unwrap();
        let written = bodies(&mut out, LengthPrefix::Two);
        assert_eq!(written[0], text.as_bytes());
        let challenge_too = matches!(verdict, Verdict::Ok | Verdict::OkSimultaneous);
        assert_eq!(written.len(), if challenge_too { 2 } else { 1 });
    }
}
