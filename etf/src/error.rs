//! Why bytes are no term, and why a term has no bytes.

use core::fmt;

/// Why bytes could not be decoded, and where.
///
/// Completes "failed to decode a term: …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    // At most eight bytes each, so that a `Result` costs no more than two words to hand on.
    kind: DecodeErrorKind,
    offset: usize,
}

const _: () = assert!(size_of::<DecodeError>() <= 16);

impl DecodeError {
    pub(crate) const fn new(kind: DecodeErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Where in the input the (sub)term starts that is wrong.
    ///
    /// In a compressed term that is the place in its plain form, version byte 131 included, as if it
    /// had come so. If the compression itself is wrong, it is 1.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the input ended too early; with more bytes the same input could be a term.
    #[must_use]
    pub const fn is_eof(&self) -> bool {
        matches!(self.kind, DecodeErrorKind::Eof)
    }

    /// Whether the input may be a term but is past the [`Limits`](crate::Limits).
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        matches!(
            self.kind,
            DecodeErrorKind::HeapLimit | DecodeErrorKind::InflatedLimit
        )
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for DecodeError {}

/// What is wrong with bytes that are no term.
///
/// Except for [`HeapLimit`](Self::HeapLimit), [`InflatedLimit`](Self::InflatedLimit),
/// [`Compressed`](Self::Compressed) and what the typed reading functions find unexpected, the newest
/// OTP refuses the same input, with `badarg`. What some release takes nevertheless, such as an
/// external fun of more than 255 arguments, is listed in the project's protocol notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends within the term, or claims more elements than it has bytes left.
    #[error("unexpected end of input")]
    Eof,
    /// The first byte is not 131 ("External Term Format", "Introduction").
    #[error("version byte {0} instead of 131")]
    Version(u8),
    /// The term is compressed, which a build without the feature `zlib` does not read, nor does a
    /// [`Reader`](crate::Reader).
    #[error("compressed term")]
    Compressed,
    /// A compressed term is larger or smaller than it says.
    #[error("compressed term of another size than it says")]
    CompressedSize,
    /// The bytes of a compressed term are not in zlib's format, or their checksum is wrong.
    #[error("invalid compressed data")]
    CompressedData,
    /// The bytes that came out of a compressed term end within the term. The input did not end.
    #[error("compressed term that ends too early")]
    CompressedEof,
    /// No term starts with this byte, or not in this place.
    #[error("unknown tag {0}")]
    UnknownTag(u8),
    /// An atom has more than 255 characters.
    #[error("atom of more than 255 characters")]
    AtomTooLong,
    /// An atom's text is not UTF-8.
    #[error("atom that is not UTF-8")]
    AtomNotUtf8,
    /// The index of an ATOM_CACHE_REF is not among the atoms of this message's header, or there
    /// is no header.
    #[error("atom cache reference {0} out of range")]
    AtomCacheRef(u8),
    /// A node, module, function, record or field name is not an atom but starts with this tag.
    #[error("tag {0} where an atom is required")]
    NotAnAtom(u8),
    /// A float is infinite, NaN, or not in the text form that FLOAT_EXT prescribes.
    #[error("invalid float")]
    Float,
    /// A bit string uses no bits or more than eight of its last byte, or has no byte.
    #[error("invalid length of a bit string")]
    BitString,
    /// An integer has more bytes than any OTP release can hold.
    #[error("integer of {0} bytes")]
    IntegerTooLarge(u32),
    /// A pid, port or reference in an old format has a creation above 3.
    #[error("creation {0} in a format of two-bit creations")]
    Creation(u8),
    /// A reference has more than 5 words, or none in a format that needs one.
    #[error("reference of {0} words")]
    ReferenceLength(u16),
    /// The first word of a reference in an old format has more than 18 bits.
    #[error("first word of an old reference has more than 18 bits")]
    ReferenceWord,
    /// A tuple has more than 2^24 - 1 elements.
    #[error("tuple of {0} elements")]
    TupleTooLarge(u32),
    /// A map has more than 2^31 - 1 pairs.
    #[error("map of {0} pairs")]
    MapTooLarge(u32),
    /// Two keys of a map are equal.
    #[error("duplicate key in a map")]
    DuplicateKey,
    /// Two fields of a native record have the same name.
    #[error("duplicate field in a record")]
    DuplicateField,
    /// The flags of a native record are neither 0 nor 1.
    #[error("record flags {0}")]
    RecordFlags(u8),
    /// A fun has more than 255 free variables.
    #[error("fun of {0} free variables")]
    FunFreeVariables(u32),
    /// The old index, old uniq or creator of a fun is of the wrong type.
    #[error("malformed fun")]
    Fun,
    /// The arity of an external fun is not an integer from 0 to 255.
    #[error("invalid arity of an external fun")]
    ExportArity,
    /// The decoded term would take more memory than [`Limits::max_heap`](crate::Limits::max_heap).
    #[error("term exceeds the limit on memory")]
    HeapLimit,
    /// The term would take more bytes than
    /// [`Limits::max_inflated`](crate::Limits::max_inflated) once it is no longer compressed.
    #[error("compressed term exceeds the limit on its size")]
    InflatedLimit,
    /// The next term is of another type than the caller asked for.
    #[error("{found} instead of {expected}")]
    Unexpected {
        /// What was asked for.
        expected: TermKind,
        /// What is there.
        found: TermKind,
    },
    /// The next term is an integer outside the range that the caller asked for.
    #[error("integer out of range")]
    IntegerOutOfRange,
}

/// The type of a term, for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TermKind {
    /// An integer.
    Integer,
    /// A float.
    Float,
    /// An atom.
    Atom,
    /// A binary.
    Binary,
    /// A bit string that is no binary.
    BitString,
    /// The empty list or any other list.
    List,
    /// A tuple.
    Tuple,
    /// A map.
    Map,
    /// A pid.
    Pid,
    /// A port.
    Port,
    /// A reference.
    Reference,
    /// A fun.
    Fun,
    /// A native record.
    Record,
    /// A term only its own node can decode.
    Local,
}

impl fmt::Display for TermKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Atom => "atom",
            Self::Binary => "binary",
            Self::BitString => "bit string",
            Self::List => "list",
            Self::Tuple => "tuple",
            Self::Map => "map",
            Self::Pid => "pid",
            Self::Port => "port",
            Self::Reference => "reference",
            Self::Fun => "fun",
            Self::Record => "record",
            Self::Local => "local term",
        })
    }
}

/// Why a term has no external form.
///
/// Every variant is a size that the format, or the newest OTP, refuses. OTP 25 holds larger integers
/// than later releases, so that one read from it may not be written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// An integer of more than 524,280 bytes, the most that OTP 27 and later hold.
    #[error("integer of more than 524280 bytes")]
    IntegerTooLarge,
    /// A binary or bit string of more than 2^32 - 1 bytes.
    #[error("binary of more than 4294967295 bytes")]
    BinaryTooLarge,
    /// A tuple of more than 2^24 - 1 elements.
    #[error("tuple of more than 16777215 elements")]
    TupleTooLarge,
    /// A list of more than 2^32 - 1 elements.
    #[error("list of more than 4294967295 elements")]
    ListTooLarge,
    /// A map of more than 2^31 - 1 pairs.
    #[error("map of more than 2147483647 pairs")]
    MapTooLarge,
    /// A fun of more than 255 free variables.
    #[error("fun of more than 255 free variables")]
    FunTooLarge,
    /// A fun whose old index or old uniq is an integer of more than 60 bits.
    #[error("fun with an old index or old uniq of more than 60 bits")]
    FunOutOfRange,
    /// A native record of more than 2^32 - 1 fields.
    #[error("record of more than 4294967295 fields")]
    RecordTooLarge,
    /// A term of more bytes than memory can hold.
    #[error("term of more bytes than memory can hold")]
    TermTooLarge,
}
