//! What does a received control message say? Reads every operation in every form.
//!
//! Beyond types and arity this judges what can be judged knowing both nodes: that a signal which
//! acts in the name of a process comes from the node of that process, and that it is for this node
//! (`erts_net_message` in `dist.c`, OTP 25 to 29, closes the link otherwise). Whether a process of
//! this node is still there is for the node to see.

use alloc::boxed::Box;
use core::mem;
use core::ops::Range;

use erland_etf::{Atom, DecodeError, Limits, NodeId, Pid, Reader, Reference, Term, Token};

use super::op::{Arity, Place};
use super::{Control, Destination, Op, SpawnRequest, SpawnResult, Target, altact};
use crate::error::{ControlError, Owner};
use crate::flags::Flags;

/// What the trace token or the option list of one control message may take in memory. OTP's own
/// take a few hundred bytes.
const LIMITS: Limits = Limits::DEFAULT.with_max_heap(16 * 1024 * 1024);

/// The flags of a `SPAWN_REPLY` have fewer bits than this.
const SPAWN_REPLY_FLAG_BITS: u32 = 27;

/// The arity in a spawn request is an integer of 60 bits in OTP ("small"); a larger one is refused.
const SMALL: Range<i64> = -(1 << 59)..1 << 59;

/// What a link knows of its two ends: whose pids there may be, and which protocol they speak.
///
/// Pids of these nodes are decoded without allocating.
#[derive(Debug)]
pub(crate) struct Ends {
    local: NodeId,
    peer: NodeId,
    /// Both sides know `UNLINK_ID`, so neither may say `UNLINK`.
    unlink_id: bool,
}

impl Ends {
    pub(crate) fn new(flags: Flags, local: &NodeId, peer: &NodeId) -> Ends {
        Ends {
            local: local.clone(),
            peer: peer.clone(),
            unlink_id: flags.contains(Flags::UNLINK_ID),
        }
    }

    fn is_owned(&self, node: &NodeId, owner: Owner) -> bool {
        let here = |node: &NodeId| node == &self.local || node.name() == self.local.name();
        // Creation 0 stands for whatever incarnation there is.
        let now = |node: &NodeId| {
            node == &self.local || (here(node) && node.creation() == ANY_INCARNATION)
        };
        match owner {
            Owner::Peer => node == &self.peer || node.name() == self.peer.name(),
            Owner::Here => here(node),
            Owner::HereNow => now(node),
            Owner::Elsewhere => !now(node),
        }
    }
}

/// The creation of a node whose creation is not known.
const ANY_INCARNATION: u32 = 0;

/// A control message.
#[derive(Debug)]
pub(crate) enum Decoded {
    Known {
        op: Op,
        control: Control,
        /// Length of its tuple in bytes.
        len: usize,
        payload: Payload,
    },
    /// A well-formed tuple with an operation that is not in the table.
    Unknown { op: u64 },
}

/// Where the payload is, in the bytes that the control message began.
#[derive(Debug)]
pub(crate) enum Payload {
    Nowhere,
    /// The exit reason in the tuple.
    InTuple(Range<usize>),
    /// What follows the tuple, if there is anything.
    After,
}

/// Reads the control message at the front of `bytes`, with `atoms` as the message's atom table.
pub(crate) fn decode(bytes: &[u8], atoms: &[Atom], ends: &Ends) -> Result<Decoded, ControlError> {
    let mut reader = Reader::new(bytes).with_atoms(atoms);
    let arity = reader.tuple_header().map_err(ControlError::NotControl)?;
    let number = reader.read_u64().map_err(ControlError::NotControl)?;
    let Some(op) = Op::from_number(number) else {
        return unknown(number, arity, reader);
    };
    let expected = match op.arity() {
        Arity::Exactly(expected) => arity == expected,
        Arity::AtLeast(least) => arity >= least,
    };
    if !expected {
        return Err(ControlError::Arity { op, arity });
    }
    let mut elements = Elements {
        reader,
        ends,
        op,
        element: 1,
    };
    let control = elements.control(arity)?;
    let payload = match op.place() {
        Place::Nowhere => Payload::Nowhere,
        Place::InTuple => Payload::InTuple(elements.skip()?),
        Place::After => {
            // Only here can there be more elements than were read: those of a later release.
            while elements.element < arity {
                elements.skip()?;
            }
            Payload::After
        }
    };
    let len = elements.reader.position();
    Ok(Decoded::Known {
        op,
        control,
        len,
        payload,
    })
}

/// An operation of a later release: all that can be asked of it is to be a tuple.
fn unknown(op: u64, arity: u32, mut reader: Reader<'_>) -> Result<Decoded, ControlError> {
    for _ in 1..arity {
        reader
            .skip()
            .map_err(|error| ControlError::Unknown { op, error })?;
    }
    Ok(Decoded::Unknown { op })
}

/// The elements of a control message as they are read, one after the other.
struct Elements<'a> {
    reader: Reader<'a>,
    ends: &'a Ends,
    op: Op,
    /// The element that was read last.
    element: u32,
}

/// At which node a pid or reference is to be expected. It may be of another.
#[derive(Clone, Copy)]
enum Side {
    Peer,
    Local,
}

impl Side {
    fn of(owner: Owner) -> Side {
        match owner {
            Owner::Peer | Owner::Elsewhere => Side::Peer,
            Owner::Here | Owner::HereNow => Side::Local,
        }
    }
}

impl Elements<'_> {
    fn control(&mut self, arity: u32) -> Result<Control, ControlError> {
        Ok(match self.op {
            Op::Link => Control::Link {
                from: self.pid_of(Owner::Peer)?,
                to: self.pid_of(Owner::Here)?,
            },
            // Whoever knows UNLINK_ID must use it: mandatory since OTP 26.
            Op::Unlink if self.ends.unlink_id => {
                return Err(ControlError::NotInUse { op: self.op });
            }
            Op::Unlink => Control::Unlink {
                from: self.pid_of(Owner::Peer)?,
                to: self.pid_of(Owner::HereNow)?,
            },
            Op::UnlinkId => Control::UnlinkId {
                id: self.unlink_id()?,
                from: self.pid_of(Owner::Peer)?,
                to: self.pid_of(Owner::HereNow)?,
            },
            // 0 acknowledges nothing, which OTP lets pass.
            Op::UnlinkIdAck => Control::UnlinkIdAck {
                id: self.unsigned()?,
                from: self.pid_of(Owner::Peer)?,
                to: self.pid_of(Owner::HereNow)?,
            },
            Op::NodeLink => return Err(ControlError::NotInUse { op: self.op }),
            Op::Send | Op::SendTt => {
                self.skip()?;
                Control::Send {
                    from: None,
                    to: self.pid(Side::Local)?,
                    token: self.token()?,
                }
            }
            Op::SendSender | Op::SendSenderTt => Control::Send {
                from: Some(self.pid(Side::Peer)?),
                to: self.pid(Side::Local)?,
                token: self.token()?,
            },
            Op::RegSend | Op::RegSendTt => {
                let from = self.pid(Side::Peer)?;
                self.skip()?;
                Control::RegSend {
                    from,
                    name: self.atom()?,
                    token: self.token()?,
                }
            }
            Op::Exit | Op::ExitTt | Op::PayloadExit | Op::PayloadExitTt => Control::Exit {
                from: self.pid_of(Owner::Peer)?,
                to: self.pid_of(Owner::HereNow)?,
                token: self.token()?,
            },
            Op::Exit2 | Op::Exit2Tt | Op::PayloadExit2 | Op::PayloadExit2Tt => Control::Exit2 {
                from: self.pid_of(Owner::Peer)?,
                to: self.pid_of(Owner::Here)?,
                token: self.token()?,
            },
            Op::MonitorP => Control::MonitorP {
                from: self.pid_of(Owner::Peer)?,
                target: self.target_of(Owner::Here)?,
                reference: self.reference(Side::Peer)?,
            },
            Op::DemonitorP => Control::DemonitorP {
                from: self.pid_of(Owner::Peer)?,
                target: self.target_of(Owner::Here)?,
                reference: self.reference(Side::Peer)?,
            },
            // Of any node but this: it is the reference that tells whose monitor it is.
            Op::MonitorPExit | Op::PayloadMonitorPExit => Control::MonitorPExit {
                from: self.target_of(Owner::Elsewhere)?,
                to: self.pid_of(Owner::Here)?,
                reference: self.reference(Side::Local)?,
            },
            Op::GroupLeader => Control::GroupLeader {
                leader: self.pid(Side::Peer)?,
                to: self.pid(Side::Local)?,
            },
            Op::SpawnRequest | Op::SpawnRequestTt => {
                let request = self.reference_of(Owner::Elsewhere)?;
                let from = self.pid_of(Owner::Elsewhere)?;
                let group_leader = self.pid(Side::Peer)?;
                let (module, function, arity) = self.function()?;
                Control::SpawnRequest(Box::new(SpawnRequest {
                    request,
                    from,
                    group_leader,
                    module,
                    function,
                    arity,
                    options: self.term()?,
                    token: self.token()?,
                }))
            }
            Op::SpawnReply | Op::SpawnReplyTt => Control::SpawnReply {
                request: self.reference_of(Owner::Here)?,
                to: self.pid_of(Owner::Here)?,
                flags: self.spawn_reply_flags()?,
                result: match self.target_of(Owner::Elsewhere)? {
                    Target::Pid(pid) => SpawnResult::Pid(pid),
                    Target::Name(reason) => SpawnResult::Error(reason),
                },
                token: self.token()?,
            },
            Op::AliasSend | Op::AliasSendTt => Control::AliasSend {
                from: self.pid(Side::Peer)?,
                alias: self.reference(Side::Local)?,
                token: self.token()?,
            },
            Op::AltactSigSend => self.altact(arity)?,
        })
    }
}

/// Single elements. Each of these reads the next one.
impl<'a> Elements<'a> {
    /// A pid that must be of certain nodes.
    fn pid_of(&mut self, owner: Owner) -> Result<Pid, ControlError> {
        let pid = self.pid(Side::of(owner))?;
        self.check(pid.node(), owner)?;
        Ok(pid)
    }

    /// A reference that must be of certain nodes.
    fn reference_of(&mut self, owner: Owner) -> Result<Reference, ControlError> {
        let reference = self.reference(Side::of(owner))?;
        self.check(reference.node(), owner)?;
        Ok(reference)
    }

    /// A name, or a pid that must be of certain nodes.
    fn target_of(&mut self, owner: Owner) -> Result<Target, ControlError> {
        let target = self.target(Side::of(owner))?;
        if let Target::Pid(pid) = &target {
            self.check(pid.node(), owner)?;
        }
        Ok(target)
    }

    /// The element just read is of `node`; may it be?
    fn check(&self, node: &NodeId, expected: Owner) -> Result<(), ControlError> {
        if self.ends.is_owned(node, expected) {
            Ok(())
        } else {
            Err(ControlError::WrongNode {
                op: self.op,
                element: self.element,
                expected,
            })
        }
    }

    /// A trace token, if the operation has one.
    fn token(&mut self) -> Result<Option<Box<Term>>, ControlError> {
        if self.op.has_token() {
            self.term().map(|token| Some(Box::new(token)))
        } else {
            Ok(None)
        }
    }

    fn unlink_id(&mut self) -> Result<u64, ControlError> {
        match self.unsigned()? {
            0 => Err(ControlError::UnlinkIdZero { op: self.op }),
            id => Ok(id),
        }
    }

    /// `{Module, Function, Arity}`, of which the arity may be any integer that is not a bignum.
    fn function(&mut self) -> Result<(Atom, Atom, i64), ControlError> {
        let function = self.next(|reader| {
            Ok(match reader.tuple_header()? {
                3 => Some((reader.read_atom()?, reader.read_atom()?, reader.read_i64()?)),
                _ => None,
            })
        })?;
        function
            .filter(|(_, _, arity)| SMALL.contains(arity))
            .ok_or(self.not_allowed())
    }

    fn spawn_reply_flags(&mut self) -> Result<u32, ControlError> {
        let flags = self.unsigned()?;
        u32::try_from(flags)
            .ok()
            .filter(|flags| flags >> SPAWN_REPLY_FLAG_BITS == 0)
            .ok_or(self.not_allowed())
    }

    /// `{37, Flags, From, To}` with the token as fifth element if the flags say so, and possibly
    /// more elements.
    fn altact(&mut self, arity: u32) -> Result<Control, ControlError> {
        let flags = self.altact_flags()?;
        let from = self.pid(Side::Peer)?;
        let to = match (flags & altact::ALIAS != 0, flags & altact::NAME != 0) {
            (false, false) => Destination::Pid(self.pid(Side::Local)?),
            (true, false) => Destination::Alias(self.reference(Side::Local)?),
            (false, true) => Destination::Name(self.atom()?),
            (true, true) => {
                let (op, element) = (self.op, 2);
                return Err(ControlError::Value { op, element });
            }
        };
        let token = match flags & altact::TOKEN {
            0 => None,
            _ if arity < 5 => return Err(ControlError::Arity { op: self.op, arity }),
            _ => Some(Box::new(self.term()?)),
        };
        Ok(Control::AltactSend {
            priority: flags & altact::PRIO != 0,
            exit: flags & altact::EXIT != 0,
            from,
            to,
            token,
        })
    }

    /// The flags that are known are the lowest five bits; the integer may have any number of
    /// others.
    fn altact_flags(&mut self) -> Result<u64, ControlError> {
        let flags = self.next(|reader| {
            Ok(match reader.next_token()? {
                Token::Integer(flags) => u64::try_from(flags).ok(),
                Token::BigInteger {
                    negative: false,
                    magnitude,
                } => magnitude.first().map(|byte| u64::from(*byte)),
                _ => None,
            })
        })?;
        flags.ok_or(self.not_allowed())
    }

    fn target(&mut self, side: Side) -> Result<Target, ControlError> {
        self.at(side);
        self.next(|reader| {
            Ok(match reader.clone().next_token()? {
                Token::Atom(_) => Target::Name(reader.read_atom()?),
                _ => Target::Pid(reader.read_pid()?),
            })
        })
    }

    fn pid(&mut self, side: Side) -> Result<Pid, ControlError> {
        self.at(side);
        self.next(Reader::read_pid)
    }

    fn reference(&mut self, side: Side) -> Result<Reference, ControlError> {
        self.at(side);
        self.next(Reader::read_reference)
    }

    fn atom(&mut self) -> Result<Atom, ControlError> {
        self.next(Reader::read_atom)
    }

    fn unsigned(&mut self) -> Result<u64, ControlError> {
        self.next(Reader::read_u64)
    }

    fn term(&mut self) -> Result<Term, ControlError> {
        self.next(|reader| reader.read_term(&LIMITS))
    }

    /// Reads past an element; returns where it is.
    fn skip(&mut self) -> Result<Range<usize>, ControlError> {
        let start = self.reader.position();
        self.next(Reader::skip)?;
        Ok(start..self.reader.position())
    }

    /// Makes identifiers of this node cost no allocation.
    fn at(&mut self, side: Side) {
        let node = match side {
            Side::Peer => &self.ends.peer,
            Side::Local => &self.ends.local,
        };
        self.reader = mem::replace(&mut self.reader, Reader::new(&[])).with_node(node);
    }

    fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, ControlError> {
        self.element = self.element.saturating_add(1);
        read(&mut self.reader).map_err(|error| ControlError::Element {
            op: self.op,
            element: self.element,
            error,
        })
    }

    /// The element just read has the right type and a wrong value.
    fn not_allowed(&self) -> ControlError {
        ControlError::Value {
            op: self.op,
            element: self.element,
        }
    }
}
