//! How does the dialling side shake hands? One struct per state, each consumed by the step it
//! takes; [`Initiator`] holds the one that is current.
//!
//! ```text
//! AwaitStatus ── ok, ok_simultaneous, named: ──────► AwaitChallenge ─► AwaitAck ─► Over
//!      │ └────── alive ─► AnswerAlive ── go on ─────────────▲
//!      └ nok, not_allowed ─► Over ◄───┘ give up
//! ```

use core::fmt;
use core::mem;

use bytes::BytesMut;

use super::error::{HandshakeError, Misbehaviour, Stage, StatusText};
use super::message::{Ack, AliveAnswer, Challenge, Fault, Reply, SendName, Status, unexpected};
use super::{GivenName, Identity, LengthPrefix, Negotiated, compatible};
use crate::{Cookie, Flags, NodeName};

/// The dialling side of a handshake.
pub struct Initiator {
    state: State,
}

/// What the caller does after a message of the peer.
#[derive(Debug)]
#[must_use]
pub enum InitiatorStep {
    /// Send what was written, then await the next message.
    Continue,
    /// The peer believes this node is connected already. Call [`Initiator::answer_alive`].
    Alive,
    /// The status is `nok`: both nodes dialled each other, and the peer's own attempt is the one
    /// that stays. Close this connection and serve the peer's. The handshake is over.
    ///
    /// Do not wait for the peer's attempt without a deadline: nodes of OTP also say `nok` to a node
    /// that has their own name, or a name with characters beyond ASCII (seen with 25, 27 and 29).
    NotSimultaneous,
    /// The peer is who it should be: the connection is up. What follows on it is no handshake
    /// message. The handshake is over.
    Done(Negotiated),
}

impl Initiator {
    /// Writes our name.
    ///
    /// `challenge` must be unpredictable; `cookie` is the one for `peer`.
    pub fn start(
        us: Identity,
        peer: NodeName,
        cookie: Cookie,
        challenge: u32,
        prefix: LengthPrefix,
        out: &mut BytesMut,
    ) -> Initiator {
        SendName::write(&us, prefix, out);
        Initiator::new(Us::Named(us.announced()), peer, cookie, challenge, prefix)
    }

    /// Asks the peer for a name, as a node of OTP does that was started as `undefined`. The name,
    /// and the incarnation that goes with it, are in [`Negotiated::given`] at the end.
    ///
    /// `placeholder` tells our host; its name part is not sent. Of `flags`,
    /// [`Flags::PUBLISHED`] is not announced: such a node is hidden. `cookie` is the one for
    /// `peer`, `challenge` must be unpredictable.
    pub fn start_nameless(
        placeholder: &NodeName,
        flags: Flags,
        peer: NodeName,
        cookie: Cookie,
        challenge: u32,
        prefix: LengthPrefix,
        out: &mut BytesMut,
    ) -> Initiator {
        let announced = (flags - Flags::PUBLISHED) | Flags::NAME_ME;
        SendName::write_nameless(placeholder.host(), announced, prefix, out);
        let us = Us::Nameless {
            placeholder: placeholder.clone(),
            announced,
        };
        Initiator::new(us, peer, cookie, challenge, prefix)
    }

    fn new(
        us: Us,
        peer: NodeName,
        cookie: Cookie,
        challenge: u32,
        prefix: LengthPrefix,
    ) -> Initiator {
        Initiator {
            state: State::AwaitStatus(AwaitStatus(Attempt {
                us,
                peer,
                cookie,
                challenge,
                prefix,
            })),
        }
    }

    /// Takes the body of the peer's next message.
    ///
    /// # Errors
    /// What is wrong with the message or the peer. The handshake is then over.
    pub fn receive(
        &mut self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<InitiatorStep, HandshakeError> {
        let (state, step) = match mem::replace(&mut self.state, State::Over) {
            State::AwaitStatus(state) => state.receive(body)?,
            State::AwaitChallenge(state) => state.receive(body, out)?,
            State::AwaitAck(state) => (State::Over, state.receive(body)?),
            State::AnswerAlive(_) => return Err(unexpected(body).at(Stage::AnswerAlive)),
            State::Over => return Err(unexpected(body).at(Stage::Over)),
        };
        self.state = state;
        Ok(step)
    }

    /// After [`InitiatorStep::Alive`]: tells the peer whether this attempt goes on. If so, the
    /// peer drops the old connection; if not, the handshake is over.
    ///
    /// OTP goes on if it has no such connection itself, that is if the peer has yet to notice that
    /// it is gone.
    ///
    /// # Errors
    /// [`HandshakeError::OutOfTurn`] at any other stage.
    pub fn answer_alive(&mut self, go_on: bool, out: &mut BytesMut) -> Result<(), HandshakeError> {
        match mem::replace(&mut self.state, State::Over) {
            State::AnswerAlive(state) => {
                self.state = state.answer(go_on, out);
                Ok(())
            }
            other => {
                self.state = other;
                Err(HandshakeError::OutOfTurn(self.stage()))
            }
        }
    }

    /// What is due.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.state {
            State::AwaitStatus(_) => Stage::Status,
            State::AnswerAlive(_) => Stage::AnswerAlive,
            State::AwaitChallenge(_) => Stage::Challenge,
            State::AwaitAck(_) => Stage::Ack,
            State::Over => Stage::Over,
        }
    }

    /// What it means that the peer closes the connection now.
    #[must_use]
    pub fn closed(&self) -> HandshakeError {
        match self.stage() {
            Stage::Ack => HandshakeError::CookieRefusedProbably,
            stage => HandshakeError::Closed(stage),
        }
    }

    /// What it means that the time runs out now.
    #[must_use]
    pub fn timed_out(&self) -> HandshakeError {
        HandshakeError::TimedOut(self.stage())
    }
}

/// The stage alone: digests and challenges are nobody's business.
impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator")
            .field("stage", &self.stage())
            .finish_non_exhaustive()
    }
}

enum State {
    AwaitStatus(AwaitStatus),
    AnswerAlive(AnswerAlive),
    AwaitChallenge(AwaitChallenge),
    AwaitAck(AwaitAck),
    Over,
}

/// Who we are to the peer.
enum Us {
    /// A node with a name, and what it announces.
    Named(Flags),
    Nameless {
        placeholder: NodeName,
        announced: Flags,
    },
    /// The peer has given the name.
    Given { given: GivenName, announced: Flags },
}

impl Us {
    fn announced(&self) -> Flags {
        match self {
            Us::Named(announced) | Us::Nameless { announced, .. } | Us::Given { announced, .. } => {
                *announced
            }
        }
    }
}

/// What stays the same from the first message to the reply.
struct Attempt {
    us: Us,
    peer: NodeName,
    cookie: Cookie,
    challenge: u32,
    prefix: LengthPrefix,
}

struct AwaitStatus(Attempt);

impl AwaitStatus {
    fn receive(self, body: &[u8]) -> Result<(State, InitiatorStep), HandshakeError> {
        let attempt = self.0;
        let stage = Stage::Status;
        let status = Status::parse(body).map_err(|fault| fault.at(stage))?;
        if let Us::Nameless { .. } = &attempt.us {
            return attempt.named(status);
        }
        match status {
            // With `ok_simultaneous` the peer gave up its own attempt for this one.
            Status::Ok | Status::OkSimultaneous => Ok((
                State::AwaitChallenge(AwaitChallenge(attempt)),
                InitiatorStep::Continue,
            )),
            Status::Alive => Ok((
                State::AnswerAlive(AnswerAlive(attempt)),
                InitiatorStep::Alive,
            )),
            Status::Nok => Ok((State::Over, InitiatorStep::NotSimultaneous)),
            Status::NotAllowed => Err(HandshakeError::NotAllowed {
                our_flags: attempt.us.announced(),
            }),
            Status::Named(_) => Err(HandshakeError::PeerMisbehaved {
                stage,
                kind: Misbehaviour::NamedUnasked,
            }),
            Status::Unknown(text) => Err(HandshakeError::Rejected(StatusText::new(text))),
        }
    }
}

impl Attempt {
    /// The answer to our request for a name, which is a name or `not_allowed`
    /// (`dist_util:recv_status/1`).
    fn named(self, status: Status<'_>) -> Result<(State, InitiatorStep), HandshakeError> {
        let stage = Stage::Status;
        let misbehaved = |kind| Err(HandshakeError::PeerMisbehaved { stage, kind });
        let announced = self.us.announced();
        let given = match status {
            Status::Named(fields) => {
                GivenName::parse(fields).map_err(|kind| Fault::from(kind).at(stage))?
            }
            Status::NotAllowed => {
                return Err(HandshakeError::NotAllowed {
                    our_flags: announced,
                });
            }
            Status::Ok | Status::OkSimultaneous | Status::Nok | Status::Alive => {
                return misbehaved(Misbehaviour::NotNamed);
            }
            Status::Unknown(text) => return Err(HandshakeError::Rejected(StatusText::new(text))),
        };
        match &self.us {
            Us::Nameless { placeholder, .. } if placeholder.host() != given.name.host() => {
                return misbehaved(Misbehaviour::NamedElsewhere);
            }
            _ => {}
        }
        let named = Attempt {
            us: Us::Given { given, announced },
            ..self
        };
        Ok((
            State::AwaitChallenge(AwaitChallenge(named)),
            InitiatorStep::Continue,
        ))
    }
}

struct AnswerAlive(Attempt);

impl AnswerAlive {
    fn answer(self, go_on: bool, out: &mut BytesMut) -> State {
        AliveAnswer(go_on).write(self.0.prefix, out);
        if go_on {
            State::AwaitChallenge(AwaitChallenge(self.0))
        } else {
            State::Over
        }
    }
}

struct AwaitChallenge(Attempt);

impl AwaitChallenge {
    fn receive(
        self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(State, InitiatorStep), HandshakeError> {
        let attempt = self.0;
        let theirs = Challenge::parse(body).map_err(|fault| fault.at(Stage::Challenge))?;
        // The node behind the address need not be the one that was dialled: epmd may be stale.
        if theirs.name != attempt.peer {
            return Err(HandshakeError::NameMismatch {
                dialled: attempt.peer,
                answered: theirs.name,
            });
        }
        let flags = compatible(theirs.flags, Flags::ALL, Stage::Challenge)?;
        Reply {
            challenge: attempt.challenge,
            digest: attempt.cookie.digest(theirs.challenge),
        }
        .write(attempt.prefix, out);
        let announced = attempt.us.announced();
        let mut negotiated = Negotiated::new(announced, theirs.name, theirs.creation, flags);
        if let Us::Given { given, .. } = attempt.us {
            negotiated.given = Some(given);
        }
        Ok((
            State::AwaitAck(AwaitAck {
                cookie: attempt.cookie,
                challenge: attempt.challenge,
                negotiated,
            }),
            InitiatorStep::Continue,
        ))
    }
}

struct AwaitAck {
    cookie: Cookie,
    challenge: u32,
    negotiated: Negotiated,
}

impl AwaitAck {
    fn receive(self, body: &[u8]) -> Result<InitiatorStep, HandshakeError> {
        let ack = Ack::parse(body).map_err(|fault| fault.at(Stage::Ack))?;
        if self.cookie.verify(self.challenge, &ack.digest) {
            Ok(InitiatorStep::Done(self.negotiated))
        } else {
            Err(HandshakeError::BadCookie(Stage::Ack))
        }
    }
}
