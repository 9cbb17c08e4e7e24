//! Which capabilities does a node have? [`Flags`] is the set two nodes exchange in the handshake;
//! what both of them have decides the form of everything that follows.
//!
//! Names and bits are those of "Distribution Protocol", chapter "Distribution Flags", without the
//! prefix `DFLAG_`. What a flag changes on the wire is the business of the files that read and
//! write those messages.

use core::fmt;
use core::ops::{BitAnd, BitOr, Sub};

/// A set of distribution flags.
///
/// Bits without a name are kept: a newer release may set them, and a set that is only passed on
/// stays as it was received.
///
/// ```
/// use erland_dist::Flags;
///
/// let theirs = Flags::HONOURED - Flags::V4_NC - Flags::UNLINK_ID;
/// assert_eq!(theirs.missing_mandatory().to_string(), "V4_NC, UNLINK_ID");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal,)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
        }

        /// Every named flag, the lowest bit first.
        const NAMED: &[(Flags, &str)] = &[$((Flags::$name, stringify!($name)),)*];
    };
}

flags! {
    /// Bit 0: the node is to be seen in `nodes/0`. Both sides must set it, else the connection is
    /// hidden.
    PUBLISHED = 0,
    /// Bit 1: obsolete atom cache; never set since OTP R13.
    ATOM_CACHE = 1,
    /// Bit 2: references of more than one word.
    EXTENDED_REFERENCES = 2,
    /// Bit 3: `MONITOR_P`, `DEMONITOR_P`, `MONITOR_P_EXIT`. A peer without it is never sent a
    /// monitor message.
    DIST_MONITOR = 3,
    /// Bit 4: funs have a tag of their own.
    FUN_TAGS = 4,
    /// Bit 5: processes can be monitored by registered name.
    DIST_MONITOR_NAME = 5,
    /// Bit 6: obsolete atom cache of hidden nodes.
    HIDDEN_ATOM_CACHE = 6,
    /// Bit 7: `NEW_FUN_EXT`.
    NEW_FUN_TAGS = 7,
    /// Bit 8: pids and ports with more than 15 significant bits.
    EXTENDED_PIDS_PORTS = 8,
    /// Bit 9: `EXPORT_EXT`.
    EXPORT_PTR_TAG = 9,
    /// Bit 10: `BIT_BINARY_EXT`.
    BIT_BINARIES = 10,
    /// Bit 11: `NEW_FLOAT_EXT`.
    NEW_FLOATS = 11,
    /// Bit 12: the I/O protocol may carry Unicode.
    UNICODE_IO = 12,
    /// Bit 13: messages begin with a distribution header, which holds the atom cache.
    DIST_HDR_ATOM_CACHE = 13,
    /// Bit 14: `SMALL_ATOM_EXT`.
    SMALL_ATOM_TAGS = 14,
    /// Bit 16: atoms in UTF-8.
    UTF8_ATOMS = 16,
    /// Bit 17: `MAP_EXT`.
    MAP_TAG = 17,
    /// Bit 18: creations of 32 bits.
    BIG_CREATION = 18,
    /// Bit 19: `SEND_SENDER` in place of `SEND`.
    SEND_SENDER = 19,
    /// Bit 20: any term may be a sequential trace label.
    BIG_SEQTRACE_LABELS = 20,
    /// Bit 22: exit reasons travel as payload (`PAYLOAD_EXIT` and its kin).
    EXIT_PAYLOAD = 22,
    /// Bit 23: large messages may come in fragments.
    FRAGMENTS = 23,
    /// Bit 24: the handshake of OTP 23, that is `send_name` and `challenge` with tag `N`.
    HANDSHAKE_23 = 24,
    /// Bit 25: `UNLINK_ID` and `UNLINK_ID_ACK`.
    UNLINK_ID = 25,
    /// Bit 26: stands for all that OTP 25 made mandatory, see [`Flags::expand_digest`].
    MANDATORY_25_DIGEST = 26,
    /// Bit 32: `SPAWN_REQUEST` and `SPAWN_REPLY`.
    SPAWN = 32,
    /// Bit 33: the sender asks to be given a node name. A request, not a capability.
    NAME_ME = 33,
    /// Bit 34: pids, ports and references of the sizes of OTP 24.
    V4_NC = 34,
    /// Bit 35: `ALIAS_SEND`.
    ALIAS = 35,
    /// Bit 37: `ALTACT_SIG_SEND`, since OTP 28.
    ALTACT_SIG = 37,
    /// Bit 38: native records, since OTP 29.
    NATIVE_RECORDS = 38,
}

impl Flags {
    /// What [`Flags::MANDATORY_25_DIGEST`] stands for: the set that OTP 25 requires.
    pub const MANDATORY_25: Flags = Flags(
        Flags::EXTENDED_REFERENCES.0
            | Flags::FUN_TAGS.0
            | Flags::NEW_FUN_TAGS.0
            | Flags::EXTENDED_PIDS_PORTS.0
            | Flags::EXPORT_PTR_TAG.0
            | Flags::BIT_BINARIES.0
            | Flags::NEW_FLOATS.0
            | Flags::UTF8_ATOMS.0
            | Flags::MAP_TAG.0
            | Flags::BIG_CREATION.0
            | Flags::HANDSHAKE_23.0,
    );

    /// What a peer must have, else it is refused: the set that OTP 26 to 29 require.
    ///
    /// OTP 25 requires less, but offers all of it.
    pub const MANDATORY: Flags = Flags(Flags::MANDATORY_25.0 | Flags::UNLINK_ID.0 | Flags::V4_NC.0);

    /// What this implementation honours, and so what a node of it announces.
    ///
    /// Without [`Flags::PUBLISHED`]: such a node is hidden.
    pub const HONOURED: Flags = Flags(
        Flags::MANDATORY.0
            | Flags::DIST_MONITOR.0
            | Flags::DIST_MONITOR_NAME.0
            | Flags::DIST_HDR_ATOM_CACHE.0
            | Flags::SMALL_ATOM_TAGS.0
            | Flags::SEND_SENDER.0
            | Flags::BIG_SEQTRACE_LABELS.0
            | Flags::EXIT_PAYLOAD.0
            | Flags::FRAGMENTS.0
            | Flags::MANDATORY_25_DIGEST.0
            | Flags::ALIAS.0
            | Flags::NATIVE_RECORDS.0,
    );

    pub(crate) const ALL: Flags = Flags(u64::MAX);

    /// What the handshake before OTP 23 has in its first message.
    pub(crate) const LOWER_HALF: Flags = Flags(0xffff_ffff);

    /// The set with exactly these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Flags {
        Flags(bits)
    }

    /// The bits as they travel.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds [`Flags::MANDATORY_25`] to a set that has [`Flags::MANDATORY_25_DIGEST`].
    ///
    /// A peer may send the digest in place of the flags it stands for, so this comes before any
    /// look at a single flag of a peer.
    #[must_use]
    pub const fn expand_digest(self) -> Flags {
        if self.contains(Flags::MANDATORY_25_DIGEST) {
            Flags(self.0 | Flags::MANDATORY_25.0)
        } else {
            self
        }
    }

    /// What of [`Flags::MANDATORY`] is not in the set; empty if the node is compatible.
    #[must_use]
    pub const fn missing_mandatory(self) -> Flags {
        Flags(Flags::MANDATORY.0 & !self.expand_digest().0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

/// What is in the first set and not in the second.
impl Sub for Flags {
    type Output = Flags;

    fn sub(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

/// The names, the highest bit first as in OTP's own log of a refused peer; bits without a name in
/// hexadecimal.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        let unnamed = NAMED.iter().fold(*self, |rest, (flag, _)| rest - *flag);
        if !unnamed.is_empty() {
            write!(f, "{:#x}", unnamed.0)?;
            separator = ", ";
        }
        for (flag, name) in NAMED.iter().rev() {
            if self.contains(*flag) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#x}: {self})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_sets_have_the_bits_of_otp() {
        assert_eq!(Flags::MANDATORY_25.bits(), 0x0107_0f94);
        assert_eq!(Flags::MANDATORY.bits(), 0x4_0307_0f94);
        // Without UNICODE_IO and SPAWN, which nothing here serves.
        assert_eq!(Flags::HONOURED.bits(), 0x4c_07df_6fbc);
    }

    #[test]
    fn every_name_has_the_bit_of_otp() {
        // erts/emulator/beam/dist.h and kernel/include/dist.hrl, OTP 29.1.1.
        let table = [
            (0x1, "PUBLISHED"),
            (0x2, "ATOM_CACHE"),
            (0x4, "EXTENDED_REFERENCES"),
            (0x8, "DIST_MONITOR"),
            (0x10, "FUN_TAGS"),
            (0x20, "DIST_MONITOR_NAME"),
            (0x40, "HIDDEN_ATOM_CACHE"),
            (0x80, "NEW_FUN_TAGS"),
            (0x100, "EXTENDED_PIDS_PORTS"),
            (0x200, "EXPORT_PTR_TAG"),
            (0x400, "BIT_BINARIES"),
            (0x800, "NEW_FLOATS"),
            (0x1000, "UNICODE_IO"),
            (0x2000, "DIST_HDR_ATOM_CACHE"),
            (0x4000, "SMALL_ATOM_TAGS"),
            (0x1_0000, "UTF8_ATOMS"),
            (0x2_0000, "MAP_TAG"),
            (0x4_0000, "BIG_CREATION"),
            (0x8_0000, "SEND_SENDER"),
            (0x10_0000, "BIG_SEQTRACE_LABELS"),
            (0x40_0000, "EXIT_PAYLOAD"),
            (0x80_0000, "FRAGMENTS"),
            (0x100_0000, "HANDSHAKE_23"),
            (0x200_0000, "UNLINK_ID"),
            (0x400_0000, "MANDATORY_25_DIGEST"),
            (1 << 32, "SPAWN"),
            (1 << 33, "NAME_ME"),
            (1 << 34, "V4_NC"),
            (1 << 35, "ALIAS"),
            (1 << 37, "ALTACT_SIG"),
            (1 << 38, "NATIVE_RECORDS"),
        ];
        assert_eq!(NAMED.len(), table.len());
        for ((flag, name), (bit, expected)) in NAMED.iter().zip(table) {
            assert_eq!((flag.bits(), *name), (bit, expected));
        }
    }

    #[test]
    fn real_nodes_are_compatible() {
        // What visible nodes of OTP 25.2.3 (and 27.3.4.1) and of OTP 29.1.1 announce.
        for bits in [0x0d_07df_7fbd, 0x6d_07df_7fbd] {
            let theirs = Flags::from_bits(bits);
            assert!(theirs.missing_mandatory().is_empty());
            assert!(theirs.contains(Flags::PUBLISHED | Flags::ALIAS));
            assert!(!theirs.contains(Flags::NAME_ME));
        }
        // Everything that is honoured is also known to the newest of them.
        assert!(Flags::from_bits(0x6d_07df_7fbd).contains(Flags::HONOURED));
    }

    #[test]
    fn the_digest_stands_for_the_set_of_otp_25_and_no_more() {
        let short = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
        assert!(short.missing_mandatory().is_empty());
        assert_eq!(short.expand_digest(), Flags::MANDATORY | short);

        let digest = Flags::MANDATORY_25_DIGEST;
        assert_eq!(digest.missing_mandatory(), Flags::UNLINK_ID | Flags::V4_NC);
        assert_eq!(
            (Flags::UNLINK_ID | Flags::V4_NC).missing_mandatory(),
            Flags::MANDATORY_25
        );
        assert_eq!(Flags::MANDATORY.expand_digest(), Flags::MANDATORY);
    }

    #[test]
    fn sets_read_as_names() {
        assert_eq!(Flags::default().to_string(), "none");
        assert_eq!(
            (Flags::V4_NC | Flags::UNLINK_ID).to_string(),
            "V4_NC, UNLINK_ID"
        );
        let newer = Flags::from_bits(1 << 60 | 1 << 15) | Flags::ALIAS;
        assert_eq!(newer.to_string(), "0x1000000000008000, ALIAS");
        assert_eq!(
            alloc::format!("{:?}", Flags::PUBLISHED),
            "Flags(0x1: PUBLISHED)"
        );
    }
}
