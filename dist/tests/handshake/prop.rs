//! What holds for all bytes and all identities?

use bytes::BytesMut;
use erland_dist::{Cookie, Flags, Identity, LengthPrefix, NodeName, Verdict};
use proptest::prelude::*;

use crate::pair::{Setting, shake_hands};
use crate::support::{
    ACCEPTOR, ACCEPTOR_STAGES, INITIATOR, INITIATOR_STAGES, acceptor_at, identity, initiator_at,
};

/// Bytes as a hostile peer may send them: some begin with a tag, so that fields are reached.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"Nnscra".as_slice()),
        Just(b'N'),
    ];
    let rest = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(any::<u8>(), 0..1024),
    ];
    (tag, rest).prop_map(|(tag, mut rest)| {
        rest.insert(0, tag);
        rest
    })
}

/// A valid node name of Latin-1.
fn node_name() -> impl Strategy<Value = NodeName> {
    let part = || "[\u{1}-?A-\u{ff}]{1,127}";
    (part(), part()).prop_map(|(name, host)| NodeName::parse(&format!("{name}@{host}")).unwrap())
}

fn flags() -> impl Strategy<Value = Flags> {
    any::<u64>().prop_map(|bits| Flags::from_bits(bits) | Flags::MANDATORY)
}

fn any_identity() -> impl Strategy<Value = Identity> {
    (node_name(), any::<u32>(), flags()).prop_map(|(name, creation, flags)| Identity {
        name,
        creation,
        flags,
    })
}

proptest! {
    #[test]
    fn no_bytes_harm_a_role(messages in prop::collection::vec(message(), 1..4)) {
        for stage in INITIATOR_STAGES {
            let mut initiator = initiator_at(stage);
            let mut out = BytesMut::new();
            for message in &messages {
                let _ = initiator.receive(message, &mut out);
                let _ = initiator.answer_alive(true, &mut out);
                let _ = (initiator.closed().to_string(), initiator.timed_out().to_string());
            }
        }
        for stage in ACCEPTOR_STAGES {
            let mut acceptor = acceptor_at(stage);
            let mut out = BytesMut::new();
            for message in &messages {
                let _ = acceptor.receive(message, &mut out);
                let _ = acceptor.decide(Verdict::Alive, Cookie::new(""), &mut out);
                let _ = acceptor.finish(&mut out);
                let _ = (acceptor.closed().to_string(), acceptor.timed_out().to_string());
            }
        }
    }

    #[test]
    fn every_error_is_a_plain_line(message in message()) {
        for stage in INITIATOR_STAGES {
            let result = initiator_at(stage).receive(&message, &mut BytesMut::new());
            if let Err(error) = result {
                prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error);
                prop_assert_eq!(error.stage(), stage);
            }
        }
        for stage in ACCEPTOR_STAGES {
            let result = acceptor_at(stage).receive(&message, &mut BytesMut::new());
            if let Err(error) = result {
                prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error);
                prop_assert_eq!(error.stage(), stage);
            }
        }
    }

    #[test]
    fn any_two_compatible_nodes_agree(
        dialler in any_identity(),
        dialled in any_identity(),
        challenges in any::<(u32, u32)>(),
        cookie in ".*",
        four in any::<bool>(),
        alive in any::<bool>(),
    ) {
        prop_assume!(dialler.name != dialled.name);
        let target = dialled.name.clone();
        let outcome = shake_hands(Setting {
            dialler: dialler.clone(),
            dialled: dialled.clone(),
            target,
            dialler_cookie: Cookie::new(cookie.clone()),
            dialled_cookie: Cookie::new(cookie),
            challenges,
            prefix: if four { LengthPrefix::Four } else { LengthPrefix::Two },
            verdict: if alive { Verdict::Alive } else { Verdict::Ok },
            go_on: true,
        });
        let (up, accepted) = (outcome.dialler.negotiated(), outcome.dialled.negotiated());
        prop_assert_eq!(up.flags, accepted.flags);
        prop_assert_eq!(
            up.flags,
            (dialler.flags.expand_digest() & dialled.flags.expand_digest()) - Flags::NAME_ME
        );
        prop_assert_eq!(&up.peer, &dialled.name);
        prop_assert_eq!(&accepted.peer, &dialler.name);
        prop_assert_eq!(up.peer_creation, dialled.creation);
        prop_assert_eq!(accepted.peer_creation, dialler.creation);
    }

    #[test]
    fn no_two_cookies_agree(one in "[a-z]{0,20}", other in "[a-z]{0,20}") {
        prop_assume!(one != other);
        let outcome = shake_hands(Setting {
            dialler: identity(INITIATOR),
            dialled: identity(ACCEPTOR),
            dialler_cookie: Cookie::new(one),
            dialled_cookie: Cookie::new(other),
            ..Setting::default()
        });
        prop_assert!(matches!(outcome.dialled, crate::pair::End::Failed(_)));
        prop_assert!(matches!(outcome.dialler, crate::pair::End::Closed(_)));
    }

    #[test]
    fn names_parse_or_are_refused_and_compare_as_text(one in "\\PC{0,20}", other in node_name()) {
        if let Ok(parsed) = NodeName::parse(&one) {
            prop_assert_eq!(format!("{}@{}", parsed.name(), parsed.host()), one.clone());
            prop_assert_eq!(parsed.cmp(&other), one.chars().cmp(other.as_str().chars()));
        }
        prop_assert_eq!(other.as_str().matches('@').count(), 1);
    }
}
