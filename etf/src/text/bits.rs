//! How the parts of a binary become bits: `<<1, 2:4/little, "abc"/utf8>>` (`eval_bits`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::binary::BitString;
use crate::float::Float;
use crate::integer::Integer;
use crate::term::Term;
use crate::text::error::ParseErrorKind as Kind;

/// What may be written to binaries beyond four bytes for each byte of text.
///
/// Sizes are claims: `<<0:800000>>` is 100,000 bytes. And a binary inside of a binary is copied
/// once for each level.
const ALLOWANCE: usize = 1 << 20;

/// The bytes that may still be written to binaries.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn for_text(text: &str) -> Self {
        Self(text.len().saturating_mul(4).saturating_add(ALLOWANCE))
    }

    fn take(&mut self, bits: usize) -> Result<(), Kind> {
        let left = self.0.checked_sub(bits.div_ceil(8));
        self.0 = left.ok_or(Kind::BinaryTooLarge)?;
        Ok(())
    }
}

/// A binary that is being made.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are used, if not all.
    last_bits: u8,
    /// Where in the text the current part starts.
    pub(super) start: usize,
}

/// What is written after a value: `:Size/Type-Type`.
#[derive(Default)]
pub(super) struct Spec {
    size: Size,
    kind: Option<Type>,
    unit: Option<u16>,
    signed: Option<bool>,
    little: Option<bool>,
}

#[derive(Default)]
pub(super) enum Size {
    #[default]
    Default,
    Given(Term),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Integer,
    Float,
    Binary,
    Utf8,
    Utf16,
    Utf32,
}

impl Spec {
    /// A value of this size, without types yet.
    pub(super) fn new(size: Size) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Adds one of the types; all must agree (`erl_bits:set_bit_type/2`).
    pub(super) fn add(&mut self, name: &str, number: Option<&Term>) -> Result<(), Kind> {
        let (mut kind, mut unit, mut signed, mut little) = (None, None, None, None);
        match (name, number) {
            ("unit", Some(number)) => {
                let number = number
                    .as_u64()
                    .and_then(|number| u16::try_from(number).ok());
                unit = Some(
                    number
                        .filter(|unit| (1..=256).contains(unit))
                        .ok_or(Kind::Segment)?,
                );
            }
            (_, Some(_)) => return Err(Kind::Segment),
            ("integer", None) => kind = Some(Type::Integer),
            ("float", None) => kind = Some(Type::Float),
            ("binary", None) => kind = Some(Type::Binary),
            ("bytes", None) => (kind, unit) = (Some(Type::Binary), Some(8)),
            ("bitstring" | "bits", None) => (kind, unit) = (Some(Type::Binary), Some(1)),
            ("utf8", None) => kind = Some(Type::Utf8),
            ("utf16", None) => kind = Some(Type::Utf16),
            ("utf32", None) => kind = Some(Type::Utf32),
            ("signed", None) => signed = Some(true),
            ("unsigned", None) => signed = Some(false),
            ("big", None) => little = Some(false),
            ("little", None) => little = Some(true),
            ("native", None) => little = Some(cfg!(target_endian = "little")),
            _ => return Err(Kind::Segment),
        }
        merge(&mut self.kind, kind)?;
        merge(&mut self.unit, unit)?;
        merge(&mut self.signed, signed)?;
        merge(&mut self.little, little)
    }

    fn kind(&self) -> Type {
        self.kind.unwrap_or(Type::Integer)
    }

    /// How many bits a number takes, if this is the size of one that does not tell it by itself.
    fn bits(&self, default: usize) -> Result<usize, Kind> {
        match &self.size {
            Size::Default if self.unit.is_some() => Err(Kind::Segment),
            Size::Default => Ok(default),
            Size::Given(size) => {
                let size = size.as_integer().filter(|size| !size.is_negative());
                let size = size.ok_or(Kind::Segment)?.to_u64();
                let size = size.and_then(|size| usize::try_from(size).ok());
                let unit = usize::from(self.unit.unwrap_or(1));
                size.and_then(|size| size.checked_mul(unit))
                    .ok_or(Kind::BinaryTooLarge)
            }
        }
    }
}

fn merge<T: PartialEq>(field: &mut Option<T>, given: Option<T>) -> Result<(), Kind> {
    match (&field, &given) {
        (_, None) => {}
        (None, Some(_)) => *field = given,
        (Some(a), Some(b)) if a == b => {}
        (Some(_), Some(_)) => return Err(Kind::Segment),
    }
    Ok(())
}

impl Bits {
    /// The bit string of all that was written.
    pub(super) fn finish(self) -> Term {
        match self.last_bits {
            0 => Term::Binary(self.bytes.into()),
            bits => match BitString::new(self.bytes.into(), bits) {
                Ok(bits) => Term::BitString(Box::new(bits)),
                // There is a last byte if it has bits.
                Err(_) => Term::Binary(crate::Binary::new()),
            },
        }
    }

    /// Writes one value.
    pub(super) fn write(
        &mut self,
        value: &Term,
        spec: &Spec,
        left: &mut Budget,
    ) -> Result<(), Kind> {
        match (spec.kind(), value) {
            (Type::Integer, Term::Integer(value)) => {
                let bits = spec.bits(8)?;
                left.take(bits)?;
                self.write_integer(value, bits, spec.little == Some(true));
            }
            (Type::Float, Term::Integer(value)) => {
                let value = num_traits::ToPrimitive::to_f64(&value.to_bigint());
                let value = value.and_then(Float::new).ok_or(Kind::Segment)?;
                self.write_float(value.get(), spec, left)?;
            }
            (Type::Float, Term::Float(value)) => self.write_float(value.get(), spec, left)?,
            (Type::Binary, Term::Binary(value)) => self.write_binary(value, 0, spec, left)?,
            (Type::Binary, Term::BitString(value)) => {
                self.write_binary(value.bytes(), value.last_bits(), spec, left)?;
            }
            (Type::Utf8 | Type::Utf16 | Type::Utf32, Term::Integer(value)) => {
                let given = match &spec.size {
                    Size::Default => false,
                    // An accident of `eval_bits`, by which this size is no size.
                    Size::Given(size) => !size.is_atom("undefined"),
                };
                let value = value.to_u64().and_then(|value| u32::try_from(value).ok());
                let value = value.and_then(char::from_u32);
                match value {
                    Some(value) if !given && spec.unit.is_none() => {
                        self.write_character(value, spec, left)?;
                    }
                    _ => return Err(Kind::Segment),
                }
            }
            _ => return Err(Kind::Segment),
        }
        Ok(())
    }

    /// Writes each character of a string, which is given as the list it is.
    pub(super) fn write_string(
        &mut self,
        value: &Term,
        spec: &Spec,
        left: &mut Budget,
    ) -> Result<(), Kind> {
        let characters = value.as_list().ok_or(Kind::Segment)?;
        if characters.is_empty() {
            // The type must be one that a character could have.
            return Bits::default().write(&Term::from(0), spec, left);
        }
        let mut characters = characters.iter();
        characters.try_for_each(|character| self.write(character, spec, left))
    }

    fn write_integer(&mut self, value: &Integer, bits: usize, little: bool) {
        // Two's complement, the low byte first, with the sign in all bytes that follow.
        let (bytes, sign) = match value.to_i64() {
            Some(value) => (value.to_le_bytes().to_vec(), value < 0),
            None => (value.to_bigint().to_signed_bytes_le(), value.is_negative()),
        };
        let byte = |index: usize| {
            let sign = if sign { 0xff } else { 0 };
            bytes.get(index).copied().unwrap_or(sign)
        };
        let (whole, rest) = (bits / 8, (bits % 8) as u8);
        if little {
            (0..whole).for_each(|index| self.push(byte(index), 8));
            self.push(byte(whole), rest);
        } else {
            self.push(byte(whole), rest);
            (0..whole).rev().for_each(|index| self.push(byte(index), 8));
        }
    }

    fn write_float(&mut self, value: f64, spec: &Spec, left: &mut Budget) -> Result<(), Kind> {
        let bits = spec.bits(64)?;
        left.take(bits)?;
        let (bytes, len) = match bits {
            16 => (u64::from(half(value as f32)), 2),
            32 => (u64::from((value as f32).to_bits()), 4),
            64 => (value.to_bits(), 8),
            _ => return Err(Kind::Segment),
        };
        let mut bytes = bytes.to_le_bytes();
        let bytes = bytes.get_mut(..len).unwrap_or_default();
        if spec.little != Some(true) {
            bytes.reverse();
        }
        bytes.iter().for_each(|byte| self.push(*byte, 8));
        Ok(())
    }

    fn write_character(&mut self, value: char, spec: &Spec, left: &mut Budget) -> Result<(), Kind> {
        left.take(32)?;
        let little = spec.little == Some(true);
        let mut buffer = [0; 4];
        match spec.kind() {
            Type::Utf16 => {
                for unit in value.encode_utf16(&mut [0; 2]) {
                    let bytes = if little {
                        unit.to_le_bytes()
                    } else {
                        unit.to_be_bytes()
                    };
                    bytes.into_iter().for_each(|byte| self.push(byte, 8));
                }
            }
            Type::Utf32 => {
                let value = u32::from(value);
                let bytes = if little {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                };
                bytes.into_iter().for_each(|byte| self.push(byte, 8));
            }
            _ => {
                let bytes = value.encode_utf8(&mut buffer).bytes();
                bytes.for_each(|byte| self.push(byte, 8));
            }
        }
        Ok(())
    }

    /// Writes a bit string, or as much of it as the size says.
    fn write_binary(
        &mut self,
        bytes: &[u8],
        last_bits: u8,
        spec: &Spec,
        left: &mut Budget,
    ) -> Result<(), Kind> {
        let unused = if last_bits == 0 {
            0
        } else {
            8 - usize::from(last_bits)
        };
        let all = 8 * bytes.len() - unused;
        let unit = spec.unit.map_or(8, usize::from);
        let bits = match &spec.size {
            // A size of `all` is an accident of `eval_bits`.
            Size::Given(size) if !size.is_atom("all") => {
                let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
                size.and_then(|size| size.checked_mul(unit))
                    .filter(|bits| *bits <= all)
                    .ok_or(Kind::Segment)?
            }
            _ if all.is_multiple_of(unit) => all,
            _ => return Err(Kind::Segment),
        };
        left.take(bits)?;
        let (whole, rest) = (bits / 8, (bits % 8) as u8);
        if self.last_bits == 0 {
            self.bytes.extend(bytes.get(..whole).unwrap_or_default());
        } else {
            bytes
                .iter()
                .take(whole)
                .for_each(|byte| self.push(*byte, 8));
        }
        if let Some(last) = bytes.get(whole).filter(|_| rest > 0) {
            self.push(last >> (8 - rest), rest);
        }
        Ok(())
    }

    /// Writes the low bits of a byte, at most eight.
    fn push(&mut self, byte: u8, bits: u8) {
        if bits == 0 {
            return;
        }
        // To the left, without what is above.
        let byte = byte << (8 - bits);
        match self.bytes.last_mut() {
            Some(last) if self.last_bits > 0 => {
                let free = 8 - self.last_bits;
                *last |= byte >> self.last_bits;
                if bits > free {
                    self.bytes.push(byte << free);
                    self.last_bits = bits - free;
                } else {
                    self.last_bits = (self.last_bits + bits) % 8;
                }
            }
            _ => {
                self.bytes.push(byte);
                self.last_bits = bits % 8;
            }
        }
    }
}

/// The nearest float of 16 bits, an even one of two; infinite if it is too large.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let exponent = ((bits >> 23) & 0xff) as i32 - 127 + 15;
    if exponent >= 31 {
        return sign | 0x7c00;
    }
    let mantissa = (bits & 0x7f_ffff) | 0x80_0000;
    // The mantissa keeps 11 bits with the leading one, fewer below the smallest exponent.
    let drop = if exponent > 0 {
        13
    } else {
        (14 - exponent) as u32
    };
    if drop > 24 {
        return sign;
    }
    let kept = mantissa >> drop;
    let rest = mantissa & ((1 << drop) - 1);
    let middle = 1 << (drop - 1);
    let up = rest > middle || rest == middle && kept & 1 == 1;
    let kept = kept + u32::from(up);
    // A carry goes on into the exponent, as it should; the leading one is not kept.
    let exponent = if exponent > 0 {
        (exponent as u32 - 1) << 10
    } else {
        0
    };
    sign | (exponent + kept) as u16
}
