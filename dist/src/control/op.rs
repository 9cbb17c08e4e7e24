//! Which operations are there? The one table of their numbers, arities and payloads.
//!
//! OTP "Distribution Protocol", "Protocol between Connected Nodes", with `dist.h` of OTP 29 for
//! the numbers that the guide leaves out. What the elements of the tuples mean is in
//! `encode.rs` and `decode.rs`.

use core::fmt;

/// Where the payload of a control message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is none.
    Nowhere,
    /// It is the exit reason that ends the control tuple.
    InTuple,
    /// It is the term after the control tuple.
    After,
}

/// How many elements the tuple of an operation has, the operation included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Exactly so many; OTP closes the link otherwise.
    Exactly(u32),
    /// So many or more: `ALTACT_SIG_SEND` may grow in later releases.
    AtLeast(u32),
}

macro_rules! ops {
    ($($(#[$doc:meta])* $op:ident = $number:literal, $name:literal, $arity:ident($n:literal), $place:ident;)*) => {
        /// The operation of a control message: the first element of its tuple.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            $($(#[$doc])* $op = $number,)*
        }

        impl Op {
            /// Every operation, the lowest number first.
            pub const ALL: &[Op] = &[$(Op::$op,)*];

            /// The operation of this number, if it is a known one.
            pub const fn from_number(number: u64) -> Option<Op> {
                match number {
                    $($number => Some(Op::$op),)*
                    _ => None,
                }
            }

            /// The number on the wire.
            pub const fn number(self) -> u8 {
                match self {
                    $(Op::$op => $number,)*
                }
            }

            /// The name in the specification.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Op::$op => $name,)*
                }
            }

            pub(crate) const fn arity(self) -> Arity {
                match self {
                    $(Op::$op => Arity::$arity($n),)*
                }
            }

            pub(crate) const fn place(self) -> Place {
                match self {
                    $(Op::$op => Place::$place,)*
                }
            }
        }
    };
}

ops! {
    /// `{1, FromPid, ToPid}`
    Link = 1, "LINK", Exactly(3), Nowhere;
    /// `{2, Unused, ToPid}`, then the message
    Send = 2, "SEND", Exactly(3), After;
    /// `{3, FromPid, ToPid, Reason}`
    Exit = 3, "EXIT", Exactly(4), InTuple;
    /// `{4, FromPid, ToPid}`; obsolete since OTP 26
    Unlink = 4, "UNLINK", Exactly(3), Nowhere;
    /// `{5}`; obsolete in every release
    NodeLink = 5, "NODE_LINK", Exactly(1), Nowhere;
    /// `{6, FromPid, Unused, ToName}`, then the message
    RegSend = 6, "REG_SEND", Exactly(4), After;
    /// `{7, FromPid, ToPid}`
    GroupLeader = 7, "GROUP_LEADER", Exactly(3), Nowhere;
    /// `{8, FromPid, ToPid, Reason}`
    Exit2 = 8, "EXIT2", Exactly(4), InTuple;
    /// `{12, Unused, ToPid, TraceToken}`, then the message
    SendTt = 12, "SEND_TT", Exactly(4), After;
    /// `{13, FromPid, ToPid, TraceToken, Reason}`
    ExitTt = 13, "EXIT_TT", Exactly(5), InTuple;
    /// `{16, FromPid, Unused, ToName, TraceToken}`, then the message
    RegSendTt = 16, "REG_SEND_TT", Exactly(5), After;
    /// `{18, FromPid, ToPid, TraceToken, Reason}`
    Exit2Tt = 18, "EXIT2_TT", Exactly(5), InTuple;
    /// `{19, FromPid, ToProc, Ref}`
    MonitorP = 19, "MONITOR_P", Exactly(4), Nowhere;
    /// `{20, FromPid, ToProc, Ref}`
    DemonitorP = 20, "DEMONITOR_P", Exactly(4), Nowhere;
    /// `{21, FromProc, ToPid, Ref, Reason}`
    MonitorPExit = 21, "MONITOR_P_EXIT", Exactly(5), InTuple;
    /// `{22, FromPid, ToPid}`, then the message
    SendSender = 22, "SEND_SENDER", Exactly(3), After;
    /// `{23, FromPid, ToPid, TraceToken}`, then the message
    SendSenderTt = 23, "SEND_SENDER_TT", Exactly(4), After;
    /// `{24, FromPid, ToPid}`, then the reason
    PayloadExit = 24, "PAYLOAD_EXIT", Exactly(3), After;
    /// `{25, FromPid, ToPid, TraceToken}`, then the reason
    PayloadExitTt = 25, "PAYLOAD_EXIT_TT", Exactly(4), After;
    /// `{26, FromPid, ToPid}`, then the reason
    PayloadExit2 = 26, "PAYLOAD_EXIT2", Exactly(3), After;
    /// `{27, FromPid, ToPid, TraceToken}`, then the reason
    PayloadExit2Tt = 27, "PAYLOAD_EXIT2_TT", Exactly(4), After;
    /// `{28, FromProc, ToPid, Ref}`, then the reason
    PayloadMonitorPExit = 28, "PAYLOAD_MONITOR_P_EXIT", Exactly(4), After;
    /// `{29, ReqId, From, GroupLeader, {Module, Function, Arity}, OptList}`, then the arguments
    SpawnRequest = 29, "SPAWN_REQUEST", Exactly(6), After;
    /// `{30, ReqId, From, GroupLeader, {Module, Function, Arity}, OptList, Token}`, then the
    /// arguments
    SpawnRequestTt = 30, "SPAWN_REQUEST_TT", Exactly(7), After;
    /// `{31, ReqId, To, Flags, Result}`
    SpawnReply = 31, "SPAWN_REPLY", Exactly(5), Nowhere;
    /// `{32, ReqId, To, Flags, Result, Token}`
    SpawnReplyTt = 32, "SPAWN_REPLY_TT", Exactly(6), Nowhere;
    /// `{33, FromPid, Alias}`, then the message
    AliasSend = 33, "ALIAS_SEND", Exactly(3), After;
    /// `{34, FromPid, Alias, Token}`, then the message
    AliasSendTt = 34, "ALIAS_SEND_TT", Exactly(4), After;
    /// `{35, Id, FromPid, ToPid}`
    UnlinkId = 35, "UNLINK_ID", Exactly(4), Nowhere;
    /// `{36, Id, FromPid, ToPid}`
    UnlinkIdAck = 36, "UNLINK_ID_ACK", Exactly(4), Nowhere;
    /// `{37, Flags, FromPid, To}` or `{37, Flags, FromPid, To, Token}`, then the message or reason
    AltactSigSend = 37, "ALTACT_SIG_SEND", AtLeast(4), After;
}

impl Op {
    /// Whether the tuple has a trace token; for `ALTACT_SIG_SEND` its flags say so instead.
    pub(crate) const fn has_token(self) -> bool {
        matches!(
            self,
            Op::SendTt
                | Op::ExitTt
                | Op::RegSendTt
                | Op::Exit2Tt
                | Op::SendSenderTt
                | Op::PayloadExitTt
                | Op::PayloadExit2Tt
                | Op::SpawnRequestTt
                | Op::SpawnReplyTt
                | Op::AliasSendTt
        )
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
