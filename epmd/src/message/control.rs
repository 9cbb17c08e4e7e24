//! What epmd answers to those who may end it: KILL_REQ and STOP_REQ.

use crate::error::Malformed;

const KILLED: &[u8] = b"OK";
const LIVING_NODES: &[u8] = b"NO";
const STOPPED: &[u8] = b"STOPPED";
const NO_EXIST: &[u8] = b"NOEXIST";

/// The reply to a KILL_REQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillResponse {
    /// The daemon ends.
    Killed,
    /// It does not, because nodes are registered and it was not started with
    /// `-relaxed_command_check`.
    LivingNodes,
}

impl KillResponse {
    /// The reply as it is sent.
    #[must_use]
    pub fn encode(self) -> &'static [u8] {
        match self {
            Self::Killed => KILLED,
            Self::LivingNodes => LIVING_NODES,
        }
    }

    /// The reply at the start of `input`; `None` means that more must arrive.
    ///
    /// # Errors
    /// [`Malformed::UnknownReply`] when this is something else.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, Malformed> {
        one_of(
            input,
            [(KILLED, Self::Killed), (LIVING_NODES, Self::LivingNodes)],
        )
    }
}

/// The reply to a STOP_REQ, where there is one: a daemon that does not allow STOP, which is every
/// one without `-relaxed_command_check`, closes the connection instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopResponse {
    /// The node is no longer registered. It was told nothing.
    Stopped,
    /// No node of that name was.
    NotRegistered,
}

impl StopResponse {
    /// The reply as it is sent. The daemon of OTP forgets to return after `NOEXIST` and sends
    /// `STOPPED` as well; its command line reads seven bytes.
    #[must_use]
    pub fn encode(self) -> &'static [u8] {
        match self {
            Self::Stopped => STOPPED,
            Self::NotRegistered => b"NOEXISTSTOPPED",
        }
    }

    /// The reply at the start of `input`; `None` means that more must arrive. The first seven
    /// bytes decide.
    ///
    /// # Errors
    /// [`Malformed::UnknownReply`] when this is something else.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, Malformed> {
        one_of(
            input,
            [(STOPPED, Self::Stopped), (NO_EXIST, Self::NotRegistered)],
        )
    }
}

fn one_of<T>(input: &[u8], replies: [(&'static [u8], T); 2]) -> Result<Option<T>, Malformed> {
    let mut unfinished = false;
    for (text, reply) in replies {
        if input.starts_with(text) {
            return Ok(Some(reply));
        }
        unfinished |= text.starts_with(input);
    }
    if unfinished {
        Ok(None)
    } else {
        Err(Malformed::UnknownReply)
    }
}
