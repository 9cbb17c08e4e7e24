//! What do the tests of the handshake share? Identities, messages as bytes, and both roles brought
//! to a given stage.

use bytes::{Buf, BytesMut};
use erland_dist::{
    Acceptor, AcceptorStep, Cookie, Flags, Identity, Initiator, InitiatorStep, LengthPrefix,
    NodeName, Stage, Verdict,
};

pub(crate) const INITIATOR: &str = "dials@127.0.0.1";
pub(crate) const ACCEPTOR: &str = "listens@127.0.0.1";
pub(crate) const INITIATOR_CHALLENGE: u32 = 5;
pub(crate) const ACCEPTOR_CHALLENGE: u32 = 0x1234_5678;
pub(crate) const CREATION: u32 = 0x6b00_cf73;

pub(crate) fn name(text: &str) -> NodeName {
    NodeName::parse(text).unwrap()
}

pub(crate) fn cookie() -> Cookie {
    Cookie::new("abc")
}

pub(crate) fn identity(text: &str) -> Identity {
    Identity {
        name: name(text),
        creation: CREATION,
        flags: Flags::HONOURED,
    }
}

/// The bytes that these hexadecimal digits are; white space is for the eye.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len() % 2, 0);
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

/// The bodies of everything that was written, which must be whole messages.
pub(crate) fn bodies(out: &mut BytesMut, prefix: LengthPrefix) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    while out.has_remaining() {
        let length = match prefix {
            LengthPrefix::Two => usize::from(out.get_u16()),
            LengthPrefix::Four => usize::try_from(out.get_u32()).unwrap(),
        };
        bodies.push(out.split_to(length).to_vec());
    }
    bodies
}

/// The only message that was written.
pub(crate) fn body(out: &mut BytesMut) -> Vec<u8> {
    let mut bodies = bodies(out, LengthPrefix::Two);
    assert_eq!(bodies.len(), 1);
    bodies.remove(0)
}

pub(crate) fn send_name(flags: Flags, name: &[u8]) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend(flags.bits().to_be_bytes());
    body.extend(CREATION.to_be_bytes());
    body.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    body.extend(name);
    body
}

/// `send_name` before OTP 23: version 5, and the lower half of the flags.
pub(crate) fn old_send_name(flags: Flags, name: &[u8]) -> Vec<u8> {
    let mut body = vec![b'n', 0, 5];
    body.extend(&flags.bits().to_be_bytes()[4..]);
    body.extend(name);
    body
}

/// What follows it: the upper half, and the creation.
pub(crate) fn complement(flags: Flags) -> Vec<u8> {
    let mut body = vec![b'c'];
    body.extend(&flags.bits().to_be_bytes()[..4]);
    body.extend(CREATION.to_be_bytes());
    body
}

pub(crate) fn challenge(flags: Flags, name: &[u8]) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend(flags.bits().to_be_bytes());
    body.extend(ACCEPTOR_CHALLENGE.to_be_bytes());
    body.extend(CREATION.to_be_bytes());
    body.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
    body.extend(name);
    body
}

pub(crate) fn reply() -> Vec<u8> {
    let mut body = vec![b'r'];
    body.extend(INITIATOR_CHALLENGE.to_be_bytes());
    body.extend(cookie().digest(ACCEPTOR_CHALLENGE));
    body
}

pub(crate) fn ack() -> Vec<u8> {
    let mut body = vec![b'a'];
    body.extend(cookie().digest(INITIATOR_CHALLENGE));
    body
}

pub(crate) const INITIATOR_STAGES: [Stage; 5] = [
    Stage::Status,
    Stage::AnswerAlive,
    Stage::Challenge,
    Stage::Ack,
    Stage::Over,
];

/// An initiator that has come to `stage` with nothing going wrong.
pub(crate) fn initiator_at(stage: Stage) -> Initiator {
    let mut out = BytesMut::new();
    let out = &mut out;
    let mut initiator = Initiator::start(
        identity(INITIATOR),
        name(ACCEPTOR),
        cookie(),
        INITIATOR_CHALLENGE,
        LengthPrefix::Two,
        out,
    );
    let theirs = challenge(Flags::HONOURED, ACCEPTOR.as_bytes());
    let received: &[&[u8]] = match stage {
        Stage::Status => &[],
        Stage::AnswerAlive => &[b"salive"],
        Stage::Challenge => &[b"sok"],
        Stage::Ack => &[b"sok", &theirs],
        Stage::Over => &[b"sok", &theirs, &ack()],
        other => panic!("no stage of an initiator: {other:?}"),
    };
    for body in received {
        let _: InitiatorStep = initiator.receive(body, out).unwrap();
    }
    assert_eq!(initiator.stage(), stage);
    initiator
}

pub(crate) const ACCEPTOR_STAGES: [Stage; 7] = [
    Stage::SendName,
    Stage::Decision,
    Stage::AliveAnswer,
    Stage::Complement,
    Stage::Reply,
    Stage::Finish,
    Stage::Over,
];

/// An acceptor that awaits the first message.
pub(crate) fn new_acceptor() -> Acceptor {
    Acceptor::new(identity(ACCEPTOR), ACCEPTOR_CHALLENGE, LengthPrefix::Two)
}

/// An acceptor that has come to `stage` with nothing going wrong.
pub(crate) fn acceptor_at(stage: Stage) -> Acceptor {
    let mut out = BytesMut::new();
    let out = &mut out;
    let mut acceptor = new_acceptor();
    if stage != Stage::SendName {
        let theirs = match stage {
            Stage::Complement => old_send_name(Flags::HONOURED, INITIATOR.as_bytes()),
            _ => send_name(Flags::HONOURED, INITIATOR.as_bytes()),
        };
        let step = acceptor.receive(&theirs, out).unwrap();
        assert!(matches!(step, AcceptorStep::Decide(_)));
    }
    let verdict = match stage {
        Stage::SendName | Stage::Decision => None,
        Stage::AliveAnswer => Some(Verdict::Alive),
        _ => Some(Verdict::Ok),
    };
    if let Some(verdict) = verdict {
        acceptor.decide(verdict, cookie(), out).unwrap();
    }
    if matches!(stage, Stage::Finish | Stage::Over) {
        let step = acceptor.receive(&reply(), out).unwrap();
        assert!(matches!(step, AcceptorStep::Authenticated));
    }
    if stage == Stage::Over {
        acceptor.finish(out).unwrap();
    }
    assert_eq!(acceptor.stage(), stage);
    acceptor
}
