//! Does any sequence of messages make a handshake panic, or let somebody in without the cookie?

#![no_main]

use bytes::BytesMut;
use erland_dist::{
    Acceptor, AcceptorStep, Cookie, Flags, GivenName, Identity, Initiator, InitiatorStep,
    LengthPrefix, NodeName, Verdict, split_frame,
};
use libfuzzer_sys::fuzz_target;

const CHALLENGE: u32 = 0x1234_5678;
const VERDICTS: [Verdict; 5] = [
    Verdict::Ok,
    Verdict::OkSimultaneous,
    Verdict::Nok,
    Verdict::NotAllowed,
    Verdict::Alive,
];

fuzz_target!(|data: &[u8]| {
    let [mode, rest @ ..] = data else {
        return;
    };
    let knows_cookie = mode & 2 != 0;
    let messages = messages(rest, knows_cookie);
    let done = if mode & 1 == 0 {
        initiate(&messages, *mode)
    } else {
        accept(&messages, *mode)
    };
    assert!(!done || knows_cookie, "in without the cookie");
});

/// Messages of the lengths that the input says. Somebody who knows the cookie answers the
/// challenge, which no mutation would find.
fn messages(mut rest: &[u8], knows_cookie: bool) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let [len, tail @ ..] = rest {
        let (body, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let mut body = body.to_vec();
        let digest = match body.first() {
            Some(b'r') if body.len() == 21 => 5,
            Some(b'a') if body.len() == 17 => 1,
            _ => usize::MAX,
        };
        if let Some(place) = body.get_mut(digest..).filter(|_| knows_cookie) {
            place.copy_from_slice(&cookie().digest(CHALLENGE));
        }
        messages.push(body);
    }
    messages
}

fn cookie() -> Cookie {
    Cookie::new("secret")
}

fn identity() -> Identity {
    let name = NodeName::parse("us@host").expect("a name");
    Identity {
        name,
        creation: 7,
        flags: Flags::HONOURED,
    }
}

fn initiate(messages: &[Vec<u8>], mode: u8) -> bool {
    let (mut out, peer) = (
        BytesMut::new(),
        NodeName::parse("peer@host").expect("a name"),
    );
    let prefix = LengthPrefix::Two;
    let asks = mode & 4 != 0;
    let mut initiator = if asks {
        let placeholder = NodeName::parse("undefined@host").expect("a name");
        let flags = Flags::HONOURED;
        let cookie = cookie();
        Initiator::start_nameless(
            &placeholder,
            flags,
            peer,
            cookie,
            CHALLENGE,
            prefix,
            &mut out,
        )
    } else {
        Initiator::start(identity(), peer, cookie(), CHALLENGE, prefix, &mut out)
    };
    let mut done = false;
    for message in messages {
        match initiator.receive(message, &mut out) {
            Ok(InitiatorStep::Alive) => {
                let go_on = message.len() % 2 == 0;
                initiator.answer_alive(go_on, &mut out).expect("its turn");
            }
            Ok(InitiatorStep::Done(negotiated)) => {
                assert!(!done, "done once");
                let given = negotiated.given.map(|given| given.name);
                assert_eq!(given.is_some(), asks, "named if it asked for it");
                assert!(given.is_none_or(|name| name.host() == "host"));
                done = true;
            }
            Ok(_) => {}
            Err(error) => drop((error.to_string(), error.stage())),
        }
        drop((
            initiator.closed().to_string(),
            initiator.timed_out().to_string(),
        ));
    }
    well_framed(&mut out, prefix);
    done
}

fn accept(messages: &[Vec<u8>], mode: u8) -> bool {
    let (mut out, prefix) = (BytesMut::new(), LengthPrefix::Four);
    let mut acceptor = Acceptor::new(identity(), CHALLENGE, prefix);
    let mut done = false;
    for message in messages {
        match acceptor.receive(message, &mut out) {
            Ok(AcceptorStep::Decide(claim)) => {
                // A peer from before OTP 23 tells the upper half later.
                let known = match claim.creation {
                    Some(_) => u64::MAX,
                    None => u32::MAX.into(),
                };
                let missing = claim.flags.missing_mandatory() & Flags::from_bits(known);
                assert!(missing.is_empty());
                let verdict = VERDICTS[usize::from(mode >> 2) % VERDICTS.len()];
                acceptor
                    .decide(verdict, cookie(), &mut out)
                    .expect("its turn");
            }
            Ok(AcceptorStep::NameMe(request)) => {
                assert!(request.flags.missing_mandatory().is_empty());
                match NodeName::dynamic(7, request.placeholder.host()) {
                    Ok(name) => {
                        let given = GivenName { name, creation: 4 };
                        acceptor
                            .give_name(&given, cookie(), &mut out)
                            .expect("its turn");
                    }
                    Err(_) => acceptor
                        .decide(Verdict::NotAllowed, cookie(), &mut out)
                        .expect("its turn"),
                }
            }
            Ok(AcceptorStep::Authenticated) => {
                assert!(!done, "done once");
                let negotiated = acceptor.finish(&mut out).expect("its turn");
                assert!(negotiated.peer_flags.missing_mandatory().is_empty());
                done = true;
            }
            Ok(_) => {}
            Err(error) => drop((error.to_string(), error.stage())),
        }
        drop((
            acceptor.closed().to_string(),
            acceptor.timed_out().to_string(),
        ));
    }
    well_framed(&mut out, prefix);
    done
}

/// What is written is whole frames of the handshake.
fn well_framed(out: &mut BytesMut, prefix: LengthPrefix) {
    while let Some(body) = split_frame(out, prefix, 1024).expect("short frames") {
        assert!(!body.is_empty());
    }
    assert!(out.is_empty());
}
