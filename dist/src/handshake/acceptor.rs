//! How does the dialled side shake hands? One struct per state, each consumed by the step it
//! takes; [`Acceptor`] holds the one that is current.
//!
//! ```text
//! AwaitName ─► Decide ── ok, ok_simultaneous ──────────────► AwaitReply ─► Authenticated ─► Over
//!  │  │  │       │ └──── alive ─► AwaitAliveAnswer ── true ───────▲ ▲
//!  │  │  └► Over ◄ nok, not_allowed      └ false ─► Over          │ │
//!  │  └ name_me ─► Name ── named: ────────────────────────────────┘ │
//!  └ old form ─► Decide ─► … ─► AwaitComplement ────────────────────┘
//! ```

use core::fmt;
use core::mem;

use bytes::BytesMut;

use super::error::{HandshakeError, MalformedKind, Misbehaviour, Stage};
use super::message::{Ack, AliveAnswer, Challenge, Complement, Fault, Reply, SendName, unexpected};
use super::{GivenName, Identity, LengthPrefix, Negotiated, Verdict, compatible};
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
    /// The peer has no name and asks for one. Call [`Acceptor::give_name`], or refuse it with
    /// [`Verdict::NotAllowed`] by [`Acceptor::decide`].
    NameMe(NameRequest),
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
    /// Its incarnation; `None` from a peer that speaks the handshake before OTP 23, which tells it
    /// later.
    pub creation: Option<u32>,
    /// What it announces, with [`Flags::MANDATORY_25_DIGEST`] expanded; all that is mandatory is
    /// there. Of a peer that speaks the handshake before OTP 23 these are the lower 32.
    pub flags: Flags,
}

/// A node that asks for a name (flag [`Flags::NAME_ME`]). Nothing of this is proved before
/// [`AcceptorStep::Authenticated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRequest {
    /// `undefined@host`, with the host that the peer says it is on.
    pub placeholder: NodeName,
    /// What it announces, with [`Flags::MANDATORY_25_DIGEST`] expanded; all that is mandatory is
    /// there.
    pub flags: Flags,
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
    /// mandatory flags or claims our own name has got its refusal written.
    pub fn receive(
        &mut self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<AcceptorStep, HandshakeError> {
        let (state, step) = match mem::replace(&mut self.state, State::Over) {
            State::AwaitName(state) => state.receive(body, out)?,
            State::AwaitAliveAnswer(state) => state.receive(body, out)?,
            State::AwaitComplement(state) => state.receive(body, out)?,
            State::AwaitReply(state) => state.receive(body)?,
            State::Decide(_) | State::Name(_) => return Err(unexpected(body).at(Stage::Decision)),
            State::Authenticated(_) => return Err(unexpected(body).at(Stage::Finish)),
            State::Over => return Err(unexpected(body).at(Stage::Over)),
        };
        self.state = state;
        Ok(step)
    }

    /// After [`AcceptorStep::Decide`]: tells the peer the verdict. `cookie` is the one for this
    /// peer; it is not used if the peer is refused. After [`AcceptorStep::NameMe`] only
    /// [`Verdict::NotAllowed`] is possible.
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
            State::Name(Name { ours, .. }) if verdict == Verdict::NotAllowed => {
                verdict.write(ours.prefix, out);
                Ok(())
            }
            other => {
                self.state = other;
                Err(HandshakeError::OutOfTurn(self.stage()))
            }
        }
    }

    /// After [`AcceptorStep::NameMe`]: gives the peer its name. `cookie` is the one for a node of
    /// this name. No other node may have or get the name as long as the connection stands.
    ///
    /// The host of the name must be that of the request, else the peer refuses it.
    ///
    /// # Errors
    /// [`HandshakeError::OutOfTurn`] at any other stage.
    pub fn give_name(
        &mut self,
        given: &GivenName,
        cookie: Cookie,
        out: &mut BytesMut,
    ) -> Result<(), HandshakeError> {
        match mem::replace(&mut self.state, State::Over) {
            State::Name(state) => {
                self.state = state.give(given, cookie, out);
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
            State::Decide(_) | State::Name(_) => Stage::Decision,
            State::AwaitAliveAnswer(_) => Stage::AliveAnswer,
            State::AwaitComplement(_) => Stage::Complement,
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
    Name(Name),
    AwaitAliveAnswer(AwaitAliveAnswer),
    AwaitComplement(AwaitComplement),
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

/// What the peer has said of itself so far.
struct Theirs {
    name: NodeName,
    /// `None` until the complement, if one is to come.
    creation: Option<u32>,
    flags: Flags,
}

struct AwaitName(Ours);

impl AwaitName {
    /// Reads and checks the name. A peer is told why it is refused where OTP tells it; all other
    /// errors close without a status.
    fn receive(
        self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(State, AcceptorStep), HandshakeError> {
        let (ours, stage) = (self.0, Stage::SendName);
        let theirs = SendName::parse(body).map_err(|fault| fault.at(stage))?;
        let bad_name = |error| Fault::from(MalformedKind::BadName(error)).at(stage);
        // With this flag the field holds the host alone. The old form has no room for it.
        if theirs.flags.contains(Flags::NAME_ME) {
            let placeholder = NodeName::placeholder(theirs.name).map_err(bad_name)?;
            let flags = ours.compatible(theirs.flags, theirs.creation, stage, out)?;
            let request = NameRequest { placeholder, flags };
            let state = Name { ours, flags };
            return Ok((State::Name(state), AcceptorStep::NameMe(request)));
        }
        let name = NodeName::from_latin1(theirs.name).map_err(bad_name)?;
        let flags = ours.compatible(theirs.flags, theirs.creation, stage, out)?;
        if name == ours.identity.name {
            Verdict::Nok.write(ours.prefix, out);
            return Err(HandshakeError::PeerMisbehaved {
                stage,
                kind: Misbehaviour::ClaimsOurName,
            });
        }
        let claim = Claim {
            name: name.clone(),
            creation: theirs.creation,
            flags,
        };
        let theirs = Theirs {
            name,
            creation: theirs.creation,
            flags,
        };
        let state = State::Decide(Decide { ours, theirs });
        Ok((state, AcceptorStep::Decide(claim)))
    }
}

impl Ours {
    /// The peer's flags, digest expanded, if all is there that is mandatory; of a peer that has
    /// told no creation, these are the lower 32, and the others are checked with the complement.
    fn compatible(
        &self,
        announced: Flags,
        creation: Option<u32>,
        stage: Stage,
        out: &mut BytesMut,
    ) -> Result<Flags, HandshakeError> {
        let known = match creation {
            Some(_) => Flags::ALL,
            None => Flags::LOWER_HALF,
        };
        compatible(announced, known, stage)
            .inspect_err(|_| Verdict::NotAllowed.write(self.prefix, out))
    }
}

struct Decide {
    ours: Ours,
    theirs: Theirs,
}

impl Decide {
    fn decide(self, verdict: Verdict, cookie: Cookie, out: &mut BytesMut) -> State {
        verdict.write(self.ours.prefix, out);
        let accepted = Accepted {
            announced: self.ours.identity.announced(),
            ours: self.ours,
            theirs: self.theirs,
            cookie,
        };
        match verdict {
            Verdict::Ok | Verdict::OkSimultaneous => accepted.challenge(out),
            Verdict::Alive => State::AwaitAliveAnswer(AwaitAliveAnswer(accepted)),
            Verdict::Nok | Verdict::NotAllowed => State::Over,
        }
    }
}

/// A peer that asks for a name.
struct Name {
    ours: Ours,
    flags: Flags,
}

impl Name {
    fn give(self, given: &GivenName, cookie: Cookie, out: &mut BytesMut) -> State {
        given.write(self.ours.prefix, out);
        let accepted = Accepted {
            announced: self.ours.identity.announced_to_nameless(),
            ours: self.ours,
            theirs: Theirs {
                name: given.name.clone(),
                creation: Some(given.creation),
                flags: self.flags,
            },
            cookie,
        };
        accepted.challenge(out)
    }
}

/// A peer that is let in if it knows the cookie.
struct Accepted {
    ours: Ours,
    /// What is announced to this peer.
    announced: Flags,
    theirs: Theirs,
    cookie: Cookie,
}

impl Accepted {
    fn challenge(self, out: &mut BytesMut) -> State {
        let ours = &self.ours;
        Challenge::write(
            &ours.identity,
            self.announced,
            ours.challenge,
            ours.prefix,
            out,
        );
        match self.theirs.creation {
            Some(creation) => State::AwaitReply(self.await_reply(creation)),
            None => State::AwaitComplement(AwaitComplement(self)),
        }
    }

    fn await_reply(self, creation: u32) -> AwaitReply {
        let theirs = self.theirs;
        AwaitReply {
            challenge: self.ours.challenge,
            prefix: self.ours.prefix,
            negotiated: Negotiated::new(self.announced, theirs.name, creation, theirs.flags),
            cookie: self.cookie,
        }
    }
}

/// A peer that speaks the handshake before OTP 23, and has been sent the challenge.
struct AwaitComplement(Accepted);

impl AwaitComplement {
    fn receive(
        self,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(State, AcceptorStep), HandshakeError> {
        let (mut accepted, stage) = (self.0, Stage::Complement);
        let complement = Complement::parse(body).map_err(|fault| fault.at(stage))?;
        let flags = accepted.theirs.flags | complement.flags;
        let creation = complement.creation;
        // With a status out of turn, as OTP does (`dist_util:check_dflags/2` after
        // `recv_complement/1`).
        accepted.theirs.flags = accepted
            .ours
            .compatible(flags, Some(creation), stage, out)?;
        let state = State::AwaitReply(accepted.await_reply(creation));
        Ok((state, AcceptorStep::Continue))
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
            AliveAnswer(true) => Ok((self.0.challenge(out), AcceptorStep::Continue)),
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
