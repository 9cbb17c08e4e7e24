//! What follows the tags that are seldom seen: identifiers in old formats, funs, records, text
//! floats, bit strings, large sizes.

use crate::error::DecodeErrorKind as Kind;
use crate::float::Float;
use crate::ident::Reference;
use crate::tag;

use super::cursor::{Cursor, Step};
use super::token::{
    AtomText, ExportParts, FunParts, NodeParts, PidParts, PortParts, RecordParts, ReferenceParts,
    Token,
};

/// `MAX_ARITYVAL` in ERTS: 24 bits.
pub(crate) const MAX_TUPLE_LEN: u32 = (1 << 24) - 1;

/// The most bytes of an integer in OTP 25, whose limit is 8 * (2^19 - 1). From OTP 27 on it is
/// 8 * (2^16 - 1): see `MAX_INTEGER_BYTES` of the writer.
const MAX_INTEGER_BYTES: u32 = 8 * ((1 << 19) - 1);

/// Old formats have two bits for the creation and 18 for the first word of a reference.
const MAX_OLD_CREATION: u8 = 3;
const MAX_OLD_REFERENCE_WORD: u32 = (1 << 18) - 1;

/// `MAX_ARG` in ERTS.
pub(crate) const MAX_FUN_FREE: u32 = 255;

/// What OTP keeps of an integer in one word: 60 bits with sign.
pub(crate) const SMALL: core::ops::Range<i64> = -(1 << 59)..1 << 59;

impl<'a> Cursor<'a> {
    /// The rest of the token with this tag.
    #[inline(never)]
    pub(super) fn rare(&mut self, tag: u8) -> Step<Token<'a>> {
        Ok(match tag {
            tag::SMALL_ATOM | tag::ATOM_UTF8 => Token::Atom(self.rare_atom(tag)?),
            tag::PID => Token::Pid(self.old_pid()?),
            tag::PORT | tag::NEW_PORT | tag::V4_PORT => Token::Port(self.port(tag)?),
            tag::REFERENCE | tag::NEW_REFERENCE => Token::Reference(self.reference(tag)?),
            tag::LARGE_TUPLE => {
                let arity = self.u32()?;
                if arity > MAX_TUPLE_LEN {
                    return Err(Kind::TupleTooLarge(arity));
                }
                self.owe(arity as usize)?;
                Token::Tuple(arity)
            }
            tag::LARGE_BIG => {
                let len = self.u32()?;
                if len > MAX_INTEGER_BYTES {
                    return Err(Kind::IntegerTooLarge(len));
                }
                self.big(len as usize)?
            }
            tag::FLOAT => Token::Float(text_float(self.array()?).ok_or(Kind::Float)?),
            tag::BIT_BINARY => self.bit_binary()?,
            tag::EXPORT => Token::Export(self.export()?),
            tag::NEW_FUN => Token::Fun(self.fun()?),
            tag::RECORD => Token::Record(self.record()?),
            tag::LOCAL => Token::Local(self.local()?),
            tag => return Err(Kind::UnknownTag(tag)),
        })
    }

    fn bit_binary(&mut self) -> Step<Token<'a>> {
        let len = self.u32()?;
        let last_bits = self.u8()?;
        if len == 0 || !(1..=8).contains(&last_bits) {
            return Err(Kind::BitString);
        }
        let bytes = self.take(len as usize)?;
        Ok(match last_bits {
            8 => Token::Binary(bytes),
            _ => Token::BitString { bytes, last_bits },
        })
    }

    // ---- identifiers ----

    fn old_creation(&mut self) -> Step<u32> {
        let creation = self.u8()?;
        if creation > MAX_OLD_CREATION {
            return Err(Kind::Creation(creation));
        }
        Ok(u32::from(creation))
    }

    fn old_pid(&mut self) -> Step<PidParts<'a>> {
        let name = self.node_name()?;
        let id = self.u32()?;
        let serial = self.u32()?;
        let creation = self.old_creation()?;
        Ok(PidParts {
            node: NodeParts { name, creation },
            id,
            serial,
        })
    }

    fn port(&mut self, tag: u8) -> Step<PortParts<'a>> {
        let name = self.node_name()?;
        let id = match tag {
            tag::V4_PORT => u64::from_be_bytes(*self.array()?),
            _ => u64::from(self.u32()?),
        };
        let creation = match tag {
            tag::PORT => self.old_creation()?,
            _ => self.u32()?,
        };
        let node = NodeParts { name, creation };
        Ok(PortParts { node, id })
    }

    #[inline]
    pub(super) fn reference(&mut self, tag: u8) -> Step<ReferenceParts<'a>> {
        let len = match tag {
            tag::REFERENCE => 1,
            _ => self.u16()?,
        };
        // In NEW_REFERENCE_EXT the first word is there or the term is corrupt: OTP reads it
        // whatever the length says.
        let least = u16::from(tag == tag::NEW_REFERENCE);
        if !(least..=Reference::MAX_WORDS as u16).contains(&len) {
            return Err(Kind::ReferenceLength(len));
        }
        let name = self.node_name()?;
        let (creation, words) = match tag {
            tag::NEWER_REFERENCE => {
                let creation = self.u32()?;
                (creation, self.words(len)?)
            }
            tag::NEW_REFERENCE => {
                let creation = self.old_creation()?;
                (creation, self.words(len)?)
            }
            _ => {
                let words = self.words(len)?;
                (self.old_creation()?, words)
            }
        };
        if tag != tag::NEWER_REFERENCE
            && let [first, ..] = words
            && u32::from_be_bytes(*first) > MAX_OLD_REFERENCE_WORD
        {
            return Err(Kind::ReferenceWord);
        }
        let node = NodeParts { name, creation };
        Ok(ReferenceParts { node, words })
    }

    fn words(&mut self, len: u16) -> Step<&'a [[u8; 4]]> {
        let bytes = self.take(usize::from(len).saturating_mul(4))?;
        Ok(bytes.as_chunks().0)
    }

    // ---- funs ----

    fn export(&mut self) -> Step<ExportParts<'a>> {
        let module = self.atom()?;
        let function = self.atom()?;
        // OTP 29 takes any arity, OTP 27 crashes on more than 255: no such fun exists.
        let arity = self.small_integer(Kind::ExportArity)?;
        let arity = u8::try_from(arity).map_err(|_| Kind::ExportArity)?;
        Ok(ExportParts {
            module,
            function,
            arity,
        })
    }

    fn fun(&mut self) -> Step<FunParts<'a>> {
        // The size is known to be wrong in the field, and OTP does not look at it.
        self.u32()?;
        let arity = self.u8()?;
        let uniq = self.array()?;
        let index = self.u32()?;
        let free = self.u32()?;
        if free > MAX_FUN_FREE {
            return Err(Kind::FunFreeVariables(free));
        }
        let module = self.atom()?;
        let old_index = self.small_integer(Kind::Fun)?;
        let old_uniq = self.small_integer(Kind::Fun)?;
        let pid = match self.wrapped_tag()? {
            tag::NEW_PID => self.new_pid()?,
            tag::PID => self.old_pid()?,
            _ => return Err(Kind::Fun),
        };
        self.owe(free as usize)?;
        Ok(FunParts {
            module,
            arity,
            uniq,
            index,
            old_index,
            old_uniq,
            pid,
            free: free as u8,
        })
    }

    /// The tag of a term of known type inside another token. OTP decodes a term there, so it may
    /// have empty lists around it whose tail it is.
    fn wrapped_tag(&mut self) -> Step<u8> {
        loop {
            match self.u8()? {
                tag::LIST => {
                    if self.u32()? != 0 {
                        return Ok(tag::LIST);
                    }
                }
                tag => return Ok(tag),
            }
        }
    }

    /// An integer of one word, or else the error.
    fn small_integer(&mut self, error: Kind) -> Step<i64> {
        let value = match self.wrapped_tag()? {
            tag::SMALL_INTEGER => i64::from(self.u8()?),
            tag::INTEGER => i64::from(self.i32()?),
            tag @ (tag::SMALL_BIG | tag::LARGE_BIG) => {
                let len = match tag {
                    tag::SMALL_BIG => u32::from(self.u8()?),
                    _ => self.u32()?,
                };
                if len > MAX_INTEGER_BYTES {
                    return Err(Kind::IntegerTooLarge(len));
                }
                match self.big(len as usize)? {
                    Token::Integer(value) => value,
                    _ => return Err(error),
                }
            }
            _ => return Err(error),
        };
        if SMALL.contains(&value) {
            Ok(value)
        } else {
            Err(error)
        }
    }

    // ---- records ----

    fn record(&mut self) -> Step<RecordParts<'a>> {
        let len = self.u32()?;
        let exported = match self.u8()? {
            0 => false,
            1 => true,
            flags => return Err(Kind::RecordFlags(flags)),
        };
        let module = self.atom()?;
        let name = self.atom()?;
        let names = *self;
        for _ in 0..len {
            self.atom()?;
        }
        self.owe(len as usize)?;
        Ok(RecordParts {
            module,
            name,
            exported,
            len,
            names,
        })
    }

    // ---- local ----

    /// Everything after the tag. What is inside is another node's business, but only walking it
    /// shows where it ends.
    fn local(&mut self) -> Step<&'a [u8]> {
        // Outside a message its atom table is gone, so nothing in here may refer to it.
        let mut inner = Cursor {
            rest: self.rest,
            atoms: &[],
            owed: 0,
            local: true,
        };
        inner.u32()?;
        loop {
            inner.token()?;
            if inner.owed == 0 {
                break;
            }
        }
        let len = self.rest.len().saturating_sub(inner.rest.len());
        self.take(len)
    }
}

impl<'a> RecordParts<'a> {
    /// The names of the fields, as many as there are values.
    pub fn names(&self) -> impl Iterator<Item = AtomText<'a>> + use<'a> {
        let mut names = self.names;
        // They are atoms: the reader has been here before.
        (0..self.len).map_while(move |_| names.atom().ok())
    }
}

/// The float of FLOAT_EXT: text in 31 bytes with at least one NUL behind it, of the form
/// `sys_chars_to_double` takes (`sys_float.c`): a sign if need be, digits, a point or a comma,
/// digits, an exponent if need be. Too large is an error, too small is zero.
fn text_float(bytes: &[u8; 31]) -> Option<Float> {
    let mut text = *bytes;
    let len = text.iter().position(|byte| *byte == 0)?;
    let text = text.get_mut(..len)?;
    let unsigned = match &mut *text {
        [b'+' | b'-', unsigned @ ..] | unsigned => unsigned,
    };
    let digits = |bytes: &[u8]| {
        bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let (whole, rest) = unsigned.split_at_mut_checked(digits(unsigned))?;
    let [point @ (b'.' | b','), rest @ ..] = rest else {
        return None;
    };
    *point = b'.';
    let (fraction, rest) = rest.split_at_checked(digits(rest))?;
    let exponent = match rest {
        [] => None,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => Some(exponent),
        _ => return None,
    };
    let valid = |part: &[u8]| !part.is_empty() && digits(part) == part.len();
    if !valid(whole) || !valid(fraction) || !exponent.is_none_or(valid) {
        return None;
    }
    Float::new(core::str::from_utf8(text).ok()?.parse().ok()?)
}
