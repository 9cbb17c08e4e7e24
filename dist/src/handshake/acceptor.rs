//! How does the dialled side shake hands? One struct per state, each consumed by the step it
//! takes; [`Acceptor`] holds the one that is current.
//!
//! ```text
//! AwaitName ─► Decide ── ok, ok_simultaneous ──────────────► AwaitReply ─► Authenticated ─► Over
//!     │          │ └──── alive ─► AwaitAliveAnswer ── true ────────▲
//!     └► Over ◄──┴ nok, not_allowed      └ false ─► Over
//! ```

use core::fmt;
use core::mem;

use bytes::BytesMut;

use super::error::{HandshakeError, MalformedKind, Misbehaviour, Stage};
use super::message::{Ack, AliveAnswer, Challenge, Fault, Reply, SendName, unexpected};
use super::{Identity, LengthPrefix, Negotiated, compatible};
use crate::{Cookie, Flags, NodeName};

/// The dialled side of a handshake.
pub struct Acceptor {
    state: State,
}

/// What the caller does after a message of the peer.
#[derive(Debug)]
#[must_use]
pub enum AcceptorStep {
    /// Send what was written, then await the next message.
    Continue,
    /// The peer has said who it is. Call [`Acceptor::decide`].
    Decide(Claim),
    /// The peer has proved that it knows the cookie. Take down the old connection if the verdict
    /// was [`Verdict::Alive`], then call [`Acceptor::finish`].
    Authenticated,
    /// The peer does not replace its old connection after all. The handshake is over.
    GaveUp,
}

/// What a peer says of itself. Nothing of it is proved before [`AcceptorStep::Authenticated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its name, never the acceptor's own.
    pub name: NodeName,
    /// Its incarnation.
    pub creation: u32,
    /// What it announces, with [`Flags::MANDATORY_25_DIGEST`] expanded; all that is mandatory is
    /// there.
    pub flags: Flags,
}

/// Whether a peer is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is no other connection to this peer and no attempt at one.
    Ok,
    /// There is an own attempt, and the peer's name is the greater one: the own attempt is given
    /// up for this one.
    OkSimultaneous,
    /// There is an own attempt, and the own name is the greater one: this one is refused and the
    /// own attempt goes on. The handshake is over.
    Nok,
    /// The peer may not connect. The handshake is over.
    NotAllowed,
    /// The peer is connected already. It is asked whether this attempt replaces that connection.
    Alive,
}

impl Acceptor {
    /// Awaits the peer's name. `challenge` must be unpredictable.
    #[must_use]
    pub fn new(us: Identity, challenge: u32, prefix: LengthPrefix) -> Acceptor {
        Acceptor {
            state: State::AwaitName(AwaitName(Ours {
                identity: us,
                challenge,
                prefix,
            })),
        }
    }

    /// Takes the body of the peer's next message.
    ///
    /// # Errors
    /// What is wrong with the message or the peer. The handshake is then over; a peer that lacks
    /// mandatory flags, wants a dynamic name or claims our own has got its refusal written.
    pub fn receive(
        &mut self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<AcceptorStep, HandshakeError> {
        let (state, step) = match mem::replace(&mut self.state, State::Over) {
            State::AwaitName(state) => state.receive(body, out)?,
            State::AwaitAliveAnswer(state) => state.receive(body, out)?,
            State::AwaitReply(state) => state.receive(body)?,
            State::Decide(_) => return Err(unexpected(body).at(Stage::Decision)),
            State::Authenticated(_) => return Err(unexpected(body).at(Stage::Finish)),
            State::Over => return Err(unexpected(body).at(Stage::Over)),
        };
        self.state = state;
        Ok(step)
    }

    /// After [`AcceptorStep::Decide`]: tells the peer the verdict. `cookie` is the one for this
    /// peer; it is not used if the peer is refused.
    ///
    /// # Errors
    /// [`HandshakeError::OutOfTurn`] at any other stage.
    pub fn decide(
        &mut self,
        verdict: Verdict,
        cookie: Cookie,
        out: &mut BytesMut,
    ) -> Result<(), HandshakeError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Decide(state) => {
                self.state = state.decide(verdict, cookie, out);
                Ok(())
            }
            other => {
                self.state = other;
                Err(HandshakeError::OutOfTurn(self.stage()))
            }
        }
    }

    /// After [`AcceptorStep::Authenticated`]: proves to the peer that we know the cookie, too. The
    /// connection is up; what follows on it is no handshake message.
    ///
    /// # Errors
    /// [`HandshakeError::OutOfTurn`] at any other stage.
    pub fn finish(&mut self, out: &mut BytesMut) -> Result<Negotiated, HandshakeError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Authenticated(state) => Ok(state.finish(out)),
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
            State::AwaitName(_) => Stage::SendName,
            State::Decide(_) => Stage::Decision,
            State::AwaitAliveAnswer(_) => Stage::AliveAnswer,
            State::AwaitReply(_) => Stage::Reply,
            State::Authenticated(_) => Stage::Finish,
            State::Over => Stage::Over,
        }
    }

    /// What it means that the peer closes the connection now.
    #[must_use]
    pub fn closed(&self) -> HandshakeError {
        HandshakeError::Closed(self.stage())
    }

    /// What it means that the time runs out now.
    #[must_use]
    pub fn timed_out(&self) -> HandshakeError {
        HandshakeError::TimedOut(self.stage())
    }
}

/// The stage alone: digests and challenges are nobody's business.
impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("stage", &self.stage())
            .finish_non_exhaustive()
    }
}

enum State {
    AwaitName(AwaitName),
    Decide(Decide),
    AwaitAliveAnswer(AwaitAliveAnswer),
    AwaitReply(AwaitReply),
    Authenticated(Authenticated),
    Over,
}

/// What stays the same from the first message to the challenge.
struct Ours {
    identity: Identity,
    challenge: u32,
    prefix: LengthPrefix,
}

struct AwaitName(Ours);

impl AwaitName {
    fn receive(
        self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(State, AcceptorStep), HandshakeError> {
        let ours = self.0;
        let claim = claim(body, &ours, out)?;
        let negotiated = Negotiated::new(
            &ours.identity,
            claim.name.clone(),
            claim.creation,
            claim.flags,
        );
        Ok((
            State::Decide(Decide { ours, negotiated }),
            AcceptorStep::Decide(claim),
        ))
    }
}

/// Reads and checks the name. A peer is told why it is refused where OTP tells it; all other errors
/// close without a status.
fn claim(body: &[u8], ours: &Ours, out: &mut BytesMut) -> Result<Claim, HandshakeError> {
    let stage = Stage::SendName;
    let theirs = SendName::parse(body).map_err(|fault| fault.at(stage))?;
    // Before the name is looked at: with this flag the field holds the host alone.
    if theirs.flags.contains(Flags::NAME_ME) {
        Verdict::NotAllowed.write(ours.prefix, out);
        return Err(HandshakeError::DynamicName);
    }
    let name = NodeName::from_latin1(theirs.name)
        .map_err(|error| Fault::from(MalformedKind::BadName(error)).at(stage))?;
    let flags = compatible(theirs.flags, stage)
        .inspect_err(|_| Verdict::NotAllowed.write(ours.prefix, out))?;
    if name == ours.identity.name {
        Verdict::Nok.write(ours.prefix, out);
        return Err(HandshakeError::PeerMisbehaved {
            stage,
            kind: Misbehaviour::ClaimsOurName,
        });
    }
    Ok(Claim {
        name,
        creation: theirs.creation,
        flags,
    })
}

struct Decide {
    ours: Ours,
    negotiated: Negotiated,
}

impl Decide {
    fn decide(self, verdict: Verdict, cookie: Cookie, out: &mut BytesMut) -> State {
        verdict.write(self.ours.prefix, out);
        let accepted = Accepted {
            ours: self.ours,
            negotiated: self.negotiated,
            cookie,
        };
        match verdict {
            Verdict::Ok | Verdict::OkSimultaneous => State::AwaitReply(accepted.challenge(out)),
            Verdict::Alive => State::AwaitAliveAnswer(AwaitAliveAnswer(accepted)),
            Verdict::Nok | Verdict::NotAllowed => State::Over,
        }
    }
}

/// A peer that is let in if it knows the cookie.
struct Accepted {
    ours: Ours,
    negotiated: Negotiated,
    cookie: Cookie,
}

impl Accepted {
    fn challenge(self, out: &mut BytesMut) -> AwaitReply {
        let ours = self.ours;
        Challenge::write(&ours.identity, ours.challenge, ours.prefix, out);
        AwaitReply {
            challenge: ours.challenge,
            prefix: ours.prefix,
            negotiated: self.negotiated,
            cookie: self.cookie,
        }
    }
}

struct AwaitAliveAnswer(Accepted);

impl AwaitAliveAnswer {
    fn receive(
        self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(State, AcceptorStep), HandshakeError> {
        match AliveAnswer::parse(body).map_err(|fault| fault.at(Stage::AliveAnswer))? {
            AliveAnswer(true) => Ok((
                State::AwaitReply(self.0.challenge(out)),
                AcceptorStep::Continue,
            )),
            AliveAnswer(false) => Ok((State::Over, AcceptorStep::GaveUp)),
        }
    }
}

struct AwaitReply {
    challenge: u32,
    prefix: LengthPrefix,
    negotiated: Negotiated,
    cookie: Cookie,
}

impl AwaitReply {
    fn receive(self, body: &[u8]) -> Result<(State, AcceptorStep), HandshakeError> {
        let reply = Reply::parse(body).map_err(|fault| fault.at(Stage::Reply))?;
        if !self.cookie.verify(self.challenge, &reply.digest) {
            return Err(HandshakeError::BadCookie(Stage::Reply));
        }
        Ok((
            State::Authenticated(Authenticated {
                ack: Ack {
                    digest: self.cookie.digest(reply.challenge),
                },
                prefix: self.prefix,
                negotiated: self.negotiated,
            }),
            AcceptorStep::Authenticated,
        ))
    }
}

struct Authenticated {
    ack: Ack,
    prefix: LengthPrefix,
    negotiated: Negotiated,
}

impl Authenticated {
    fn finish(self, out: &mut BytesMut) -> Negotiated {
        self.ack.write(self.prefix, out);
        self.negotiated
    }
}
