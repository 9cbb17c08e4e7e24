//! Do the two roles understand each other? An initiator against an acceptor in memory, for every
//! verdict and every way to fall out with each other.

use bytes::BytesMut;
use erland_dist::{
    Acceptor, AcceptorStep, Claim, Cookie, Flags, HandshakeError, Identity, Initiator,
    InitiatorStep, LengthPrefix, Negotiated, NodeName, Stage, Verdict,
};

use crate::support::{
    ACCEPTOR, ACCEPTOR_CHALLENGE, CREATION, INITIATOR, INITIATOR_CHALLENGE, bodies, cookie,
    identity, name,
};

/// Two nodes about to connect.
pub(crate) struct Setting {
    pub(crate) dialler: Identity,
    pub(crate) dialled: Identity,
    /// The name that the dialler believes it dials.
    pub(crate) target: NodeName,
    pub(crate) dialler_cookie: Cookie,
    pub(crate) dialled_cookie: Cookie,
    pub(crate) challenges: (u32, u32),
    pub(crate) prefix: LengthPrefix,
    pub(crate) verdict: Verdict,
    /// The dialler's answer to the status `alive`.
    pub(crate) go_on: bool,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            dialler: identity(INITIATOR),
            dialled: identity(ACCEPTOR),
            target: name(ACCEPTOR),
            dialler_cookie: cookie(),
            dialled_cookie: cookie(),
            challenges: (INITIATOR_CHALLENGE, ACCEPTOR_CHALLENGE),
            prefix: LengthPrefix::Two,
            verdict: Verdict::Ok,
            go_on: true,
        }
    }
}

/// How the handshake ended for one side.
#[derive(Debug)]
pub(crate) enum End {
    Up(Negotiated),
    Failed(HandshakeError),
    /// The peer's connection closed first.
    Closed(HandshakeError),
    /// The initiator was told `nok`.
    NotSimultaneous,
    /// The handshake ended with no connection, as this side wished or was told.
    NoConnection,
}

impl End {
    pub(crate) fn negotiated(self) -> Negotiated {
        match self {
            End::Up(negotiated) => negotiated,
            other => panic!("{other:?}"),
        }
    }
}

/// What happened on both sides.
pub(crate) struct Outcome {
    pub(crate) dialler: End,
    pub(crate) dialled: End,
    /// What the acceptor was asked to decide upon, if it came to that.
    pub(crate) claim: Option<Claim>,
}

/// Lets both sides talk until each has come to an end.
pub(crate) fn shake_hands(setting: Setting) -> Outcome {
    let Setting { prefix, .. } = setting;
    let (mut to_dialled, mut to_dialler) = (BytesMut::new(), BytesMut::new());
    let mut initiator = Initiator::start(
        setting.dialler,
        setting.target,
        setting.dialler_cookie,
        setting.challenges.0,
        prefix,
        &mut to_dialled,
    );
    let mut acceptor = Acceptor::new(setting.dialled, setting.challenges.1, prefix);
    let (mut dialler, mut dialled, mut claim) = (None, None, None);
    loop {
        let for_acceptor = bodies(&mut to_dialled, prefix);
        for body in &for_acceptor {
            if dialled.is_some() {
                break;
            }
            match acceptor.receive(body, &mut to_dialler) {
                Ok(AcceptorStep::Continue) => {}
                Ok(AcceptorStep::Decide(peer)) => {
                    claim = Some(peer);
                    acceptor
                        .decide(
                            setting.verdict,
                            setting.dialled_cookie.clone(),
                            &mut to_dialler,
                        )
                        .unwrap();
                    if acceptor.stage() == Stage::Over {
                        dialled = Some(End::NoConnection);
                    }
                }
                Ok(AcceptorStep::Authenticated) => {
                    dialled = Some(End::Up(acceptor.finish(&mut to_dialler).unwrap()));
                }
                Ok(AcceptorStep::GaveUp) => dialled = Some(End::NoConnection),
                Ok(step @ AcceptorStep::NameMe(_)) => panic!("nobody is without a name: {step:?}"),
                Err(error) => dialled = Some(End::Failed(error)),
            }
        }
        let for_initiator = bodies(&mut to_dialler, prefix);
        for body in &for_initiator {
            if dialler.is_some() {
                break;
            }
            match initiator.receive(body, &mut to_dialled) {
                Ok(InitiatorStep::Continue) => {}
                Ok(InitiatorStep::Alive) => {
                    initiator
                        .answer_alive(setting.go_on, &mut to_dialled)
                        .unwrap();
                    if !setting.go_on {
                        dialler = Some(End::NoConnection);
                    }
                }
                Ok(InitiatorStep::NotSimultaneous) => dialler = Some(End::NotSimultaneous),
                Ok(InitiatorStep::Done(negotiated)) => dialler = Some(End::Up(negotiated)),
                Err(error) => dialler = Some(End::Failed(error)),
            }
        }
        if for_acceptor.is_empty() && for_initiator.is_empty() {
            // Nothing is under way any more: whoever has come to an end has closed.
            return Outcome {
                dialler: dialler.unwrap_or_else(|| End::Closed(initiator.closed())),
                dialled: dialled.unwrap_or_else(|| End::Closed(acceptor.closed())),
                claim,
            };
        }
    }
}

fn assert_up(outcome: Outcome) {
    let claim = outcome.claim.unwrap();
    assert_eq!(claim.name, name(INITIATOR));
    assert_eq!(claim.creation, Some(CREATION));
    assert_eq!(claim.flags, Flags::HONOURED);

    let (dialler, dialled) = (outcome.dialler.negotiated(), outcome.dialled.negotiated());
    assert_eq!(dialler.peer, name(ACCEPTOR));
    assert_eq!(dialled.peer, name(INITIATOR));
    for negotiated in [dialler, dialled] {
        assert_eq!(negotiated.peer_creation, CREATION);
        assert_eq!(negotiated.peer_flags, Flags::HONOURED);
        assert_eq!(negotiated.flags, Flags::HONOURED);
    }
}

#[test]
fn a_welcome_peer_is_connected() {
    for prefix in [LengthPrefix::Two, LengthPrefix::Four] {
        for verdict in [Verdict::Ok, Verdict::OkSimultaneous, Verdict::Alive] {
            assert_up(shake_hands(Setting {
                prefix,
                verdict,
                ..Setting::default()
            }));
        }
    }
}

#[test]
fn nok_leaves_the_field_to_the_other_attempt() {
    let outcome = shake_hands(Setting {
        verdict: Verdict::Nok,
        ..Setting::default()
    });
    assert!(matches!(outcome.dialler, End::NotSimultaneous));
    assert!(matches!(outcome.dialled, End::NoConnection));
}

#[test]
fn not_allowed_says_what_was_announced() {
    let outcome = shake_hands(Setting {
        verdict: Verdict::NotAllowed,
        ..Setting::default()
    });
    let End::Failed(error) = outcome.dialler else {
        panic!("{:?}", outcome.dialler);
    };
    let our_flags = Flags::HONOURED;
    assert_eq!(error, HandshakeError::NotAllowed { our_flags });
    assert_eq!(error.stage(), Stage::Status);
    assert!(matches!(outcome.dialled, End::NoConnection));
}

#[test]
fn an_attempt_that_is_given_up_ends_on_both_sides() {
    let outcome = shake_hands(Setting {
        verdict: Verdict::Alive,
        go_on: false,
        ..Setting::default()
    });
    assert!(matches!(outcome.dialler, End::NoConnection));
    assert!(matches!(outcome.dialled, End::NoConnection));
}

#[test]
fn another_cookie_is_a_fact_to_the_acceptor_and_a_guess_to_the_initiator() {
    let settings = [
        Setting {
            dialler_cookie: Cookie::new("abd"),
            ..Setting::default()
        },
        Setting {
            dialled_cookie: Cookie::new("abd"),
            ..Setting::default()
        },
    ];
    for setting in settings {
        let outcome = shake_hands(setting);
        let End::Failed(error) = outcome.dialled else {
            panic!("{:?}", outcome.dialled);
        };
        assert_eq!(error, HandshakeError::BadCookie(Stage::Reply));
        assert_eq!(
            error.to_string(),
            "authenticate the peer: the peer's challenge reply does not match our cookie for it"
        );
        let End::Closed(error) = outcome.dialler else {
            panic!("{:?}", outcome.dialler);
        };
        assert_eq!(error, HandshakeError::CookieRefusedProbably);
        assert_eq!(error.stage(), Stage::Ack);
    }
}

#[test]
fn an_acceptor_that_does_not_know_the_cookie_is_found_out() {
    let mut initiator = crate::support::initiator_at(Stage::Ack);
    let mut forged = vec![b'a'];
    forged.extend(Cookie::new("abd").digest(INITIATOR_CHALLENGE));
    let error = initiator
        .receive(&forged, &mut BytesMut::new())
        .unwrap_err();
    assert_eq!(error, HandshakeError::BadCookie(Stage::Ack));
}

#[test]
fn an_acceptor_that_sends_our_digest_back_is_found_out() {
    let mut initiator = crate::support::initiator_at(Stage::Challenge);
    let mut out = BytesMut::new();
    let theirs = crate::support::challenge(Flags::HONOURED, ACCEPTOR.as_bytes());
    let _: InitiatorStep = initiator.receive(&theirs, &mut out).unwrap();
    let reply = crate::support::body(&mut out);
    let echo = [b"a", &reply[5..]].concat();
    let error = initiator.receive(&echo, &mut out).unwrap_err();
    assert_eq!(error, HandshakeError::BadCookie(Stage::Ack));
}

fn without(text: &str, flags: Flags) -> Identity {
    let mut identity = identity(text);
    identity.flags = Flags::HONOURED - Flags::MANDATORY_25_DIGEST - flags;
    identity
}

#[test]
fn an_initiator_without_mandatory_flags_is_not_allowed() {
    let missing = Flags::V4_NC | Flags::MAP_TAG;
    let outcome = shake_hands(Setting {
        dialler: without(INITIATOR, missing),
        ..Setting::default()
    });
    assert!(outcome.claim.is_none(), "there is nothing to decide");
    let End::Failed(error) = outcome.dialled else {
        panic!("{:?}", outcome.dialled);
    };
    let stage = Stage::SendName;
    assert_eq!(error, HandshakeError::PeerIncompatible { stage, missing });
    assert_eq!(
        error.to_string(),
        "find in the peer the mandatory flags V4_NC, MAP_TAG"
    );
    let End::Failed(error) = outcome.dialler else {
        panic!("{:?}", outcome.dialler);
    };
    assert!(matches!(error, HandshakeError::NotAllowed { .. }));
    assert!(error.to_string().contains("UNLINK_ID"));
    assert!(!error.to_string().contains("V4_NC"));
}

#[test]
fn an_acceptor_without_mandatory_flags_gets_no_reply() {
    let missing = Flags::HANDSHAKE_23 | Flags::UNLINK_ID;
    let outcome = shake_hands(Setting {
        dialled: without(ACCEPTOR, missing),
        ..Setting::default()
    });
    let End::Failed(error) = outcome.dialler else {
        panic!("{:?}", outcome.dialler);
    };
    let stage = Stage::Challenge;
    assert_eq!(error, HandshakeError::PeerIncompatible { stage, missing });
    let End::Closed(error) = outcome.dialled else {
        panic!("{:?}", outcome.dialled);
    };
    assert_eq!(error, HandshakeError::Closed(Stage::Reply));
}

#[test]
fn the_digest_does_for_the_flags_it_stands_for() {
    let short = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
    let shortened = |text| Identity {
        flags: short,
        ..identity(text)
    };
    let settings = [
        (shortened(INITIATOR), identity(ACCEPTOR)),
        (identity(INITIATOR), shortened(ACCEPTOR)),
        (shortened(INITIATOR), shortened(ACCEPTOR)),
    ];
    for (dialler, dialled) in settings {
        let outcome = shake_hands(Setting {
            dialler,
            dialled,
            ..Setting::default()
        });
        let expected = Flags::MANDATORY | short;
        assert_eq!(outcome.dialler.negotiated().flags, expected);
        assert_eq!(outcome.dialled.negotiated().flags, expected);
    }
}

#[test]
fn flags_that_one_side_lacks_are_not_in_effect() {
    let outcome = shake_hands(Setting {
        dialler: without(INITIATOR, Flags::FRAGMENTS),
        dialled: without(ACCEPTOR, Flags::DIST_HDR_ATOM_CACHE),
        ..Setting::default()
    });
    let expected = Flags::HONOURED
        - Flags::MANDATORY_25_DIGEST
        - Flags::FRAGMENTS
        - Flags::DIST_HDR_ATOM_CACHE;
    assert_eq!(outcome.dialler.negotiated().flags, expected);
    let dialled = outcome.dialled.negotiated();
    assert_eq!(dialled.flags, expected);
    assert!(!dialled.peer_flags.contains(Flags::FRAGMENTS));
    assert!(dialled.peer_flags.contains(Flags::DIST_HDR_ATOM_CACHE));
}

#[test]
fn a_node_never_asks_for_a_name() {
    let mut dialler = identity(INITIATOR);
    dialler.flags = dialler.flags | Flags::NAME_ME;
    let outcome = shake_hands(Setting {
        dialler,
        ..Setting::default()
    });
    assert_eq!(outcome.dialled.negotiated().flags, Flags::HONOURED);
}

#[test]
fn another_node_at_the_address_is_not_the_one_dialled() {
    let outcome = shake_hands(Setting {
        target: name("other@127.0.0.1"),
        ..Setting::default()
    });
    let End::Failed(error) = outcome.dialler else {
        panic!("{:?}", outcome.dialler);
    };
    assert_eq!(
        error,
        HandshakeError::NameMismatch {
            dialled: name("other@127.0.0.1"),
            answered: name(ACCEPTOR),
        }
    );
    assert_eq!(error.stage(), Stage::Challenge);
    assert_eq!(
        error.to_string(),
        "reach 'other@127.0.0.1': the node there is 'listens@127.0.0.1'"
    );
    let End::Closed(error) = outcome.dialled else {
        panic!("{:?}", outcome.dialled);
    };
    assert_eq!(error, HandshakeError::Closed(Stage::Reply));
}
