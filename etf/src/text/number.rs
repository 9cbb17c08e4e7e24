//! How numbers are read: integers in bases, floats, and floats in bases (`erl_scan:scan_number`).

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use num_bigint::BigUint;
use num_traits::{One, Zero};

use crate::float::Float;
use crate::integer::Integer;
use crate::term::Term;
use crate::text::cursor::Cursor;
use crate::text::error::{Fault, ParseErrorKind as Kind};

/// The most bits an integer may have: 524,280 bytes, as in OTP 27 and later.
const MAX_BITS: u64 = 8 * 524_280;

/// Reads the number that starts here with a digit; no sign is part of it.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<Term, Fault> {
    let start = cursor.at();
    let malformed = || Fault {
        kind: Kind::Number,
        at: start,
    };
    let whole = digits(cursor, 10);
    match next(cursor) {
        (Some('.'), Some('0'..='9')) => {
            let end = fraction(cursor).ok_or_else(malformed)?;
            return float(cursor.between(start, end), start);
        }
        (Some('.'), Some(c)) if continues(c) => return Err(malformed()),
        (Some('#'), _) => {}
        (Some(c), _) if continues(c) => return Err(malformed()),
        _ => return integer(whole, 10, start),
    }
    let base = whole.bytes().filter(|byte| *byte != b'_');
    let base = base.fold(0_u32, |base, digit| {
        base.saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    });
    if !(2..=36).contains(&base) {
        return Err(Fault {
            kind: Kind::Base,
            at: start,
        });
    }
    cursor.take("#");
    let whole = digits(cursor, base);
    match next(cursor) {
        (Some('.'), Some(c)) if c.is_digit(base) => {
            cursor.take(".");
            let fraction = digits(cursor, base);
            based_float(cursor, base, whole, fraction, start)
        }
        (Some('.'), Some(c)) if continues(c) => Err(malformed()),
        (Some(c), _) if continues(c) => Err(malformed()),
        _ if whole.is_empty() => Err(malformed()),
        _ => integer(whole, base, start),
    }
}

/// Whether a number followed by this is malformed, not ended.
fn continues(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '@')
}

/// The next two characters.
fn next(cursor: &Cursor<'_>) -> (Option<char>, Option<char>) {
    let mut characters = cursor.rest().chars();
    (characters.next(), characters.next())
}

/// Goes on behind digits, in which `_` may be between two, and gives them out.
fn digits<'a>(cursor: &mut Cursor<'a>, base: u32) -> &'a str {
    let rest = cursor.rest();
    let mut len = 0;
    let mut last_is_digit = false;
    let mut bytes = rest.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let is_digit = char::from(byte).is_digit(base);
        let separates = byte == b'_'
            && last_is_digit
            && bytes.peek().is_some_and(|b| char::from(*b).is_digit(base));
        if !is_digit && !separates {
            break;
        }
        last_is_digit = is_digit;
        len += 1;
    }
    let digits = rest.get(..len).unwrap_or_default();
    cursor.take(digits);
    digits
}

/// Goes on behind `.5e-10` and gives out the offset behind it, or nothing if it is malformed.
fn fraction(cursor: &mut Cursor<'_>) -> Option<usize> {
    cursor.take(".");
    digits(cursor, 10);
    if matches!(cursor.peek_byte(), Some(b'e' | b'E')) {
        cursor.next();
        if matches!(cursor.peek_byte(), Some(b'+' | b'-')) {
            cursor.next();
        }
        if digits(cursor, 10).is_empty() {
            return None;
        }
    }
    (!cursor.peek().is_some_and(continues)).then_some(cursor.at())
}

fn float(text: &str, at: usize) -> Result<Term, Fault> {
    let value = if text.contains('_') {
        without_separators(text).parse()
    } else {
        text.parse()
    };
    let value: f64 = value.map_err(|_| Fault {
        kind: Kind::Number,
        at,
    })?;
    finite(value, at)
}

fn finite(value: f64, at: usize) -> Result<Term, Fault> {
    Float::new(value).map(Term::from).ok_or(Fault {
        kind: Kind::FloatTooLarge,
        at,
    })
}

fn without_separators(digits: &str) -> String {
    digits.chars().filter(|c| *c != '_').collect()
}

/// The float `16#1.8#e3`, after its point and fraction.
///
/// Computed as Erlang does, digits times a power of the base, so it is rounded up to three times.
fn based_float(
    cursor: &mut Cursor<'_>,
    base: u32,
    whole: &str,
    fraction: &str,
    start: usize,
) -> Result<Term, Fault> {
    let fault = |kind| Fault { kind, at: start };
    let mut exponent = None;
    if cursor.starts_with("#e") || cursor.starts_with("#E") {
        cursor.next();
        cursor.next();
        let negative = cursor.take("-");
        if !negative {
            cursor.take("+");
        }
        let digits = digits(cursor, 10);
        if digits.is_empty() {
            return Err(fault(Kind::Number));
        }
        exponent = Some((negative, digits));
    } else if cursor.peek().is_some_and(continues) {
        return Err(fault(Kind::Number));
    }
    if base == 10 {
        if whole.is_empty() {
            return Err(fault(Kind::Number));
        }
        let (sign, exponent) = match exponent {
            Some((true, digits)) => ("-", digits),
            Some((false, digits)) => ("", digits),
            None => ("", "0"),
        };
        let text = [whole, ".", fraction, "e", sign, exponent].concat();
        return float(&text, start);
    }
    let exponent = exponent.map_or(0, |(negative, digits)| {
        let digits = digits.bytes().filter(|byte| *byte != b'_');
        let value = digits.fold(0_i64, |value, digit| {
            value
                .saturating_mul(10)
                .saturating_add(i64::from(digit - b'0'))
        });
        if negative { -value } else { value }
    });
    let fraction = without_separators(fraction);
    let trimmed = fraction.trim_end_matches('0');
    // Of a fraction of zeros one is kept.
    let fraction = if trimmed.is_empty() { "0" } else { trimmed };
    let digits = without_separators(whole) + fraction;
    let factor = big(&digits, base).ok_or(fault(Kind::FloatTooLarge))?;
    let factor = factor.iter_u64_digits().rev().fold(0.0, |value, word| {
        value * 18_446_744_073_709_551_616.0 + word as f64
    });
    let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let power = power(base, exponent.saturating_sub(places));
    // `math:pow/2` fails rather than be infinite, even if it is to be multiplied by 0.
    if !power.is_finite() {
        return Err(fault(Kind::FloatTooLarge));
    }
    finite(factor * power, start)
}

/// The float that is nearest to the base to the power of `exponent`.
fn power(base: u32, exponent: i64) -> f64 {
    // The smallest base is past every float with more.
    let Some(places) = u32::try_from(exponent.unsigned_abs())
        .ok()
        .filter(|places| *places < 1100)
    else {
        return if exponent < 0 { 0.0 } else { f64::INFINITY };
    };
    let power = BigUint::from(base).pow(places);
    if exponent >= 0 {
        return num_traits::ToPrimitive::to_f64(&power).unwrap_or(f64::INFINITY);
    }
    // More bits than a float has, the last one standing for all that follow.
    let shift = power.bits() + 66;
    let one = BigUint::one() << shift;
    let mut quotient = &one / &power;
    if &quotient * &power != one {
        quotient |= BigUint::one();
    }
    let mut value = num_traits::ToPrimitive::to_f64(&quotient).unwrap_or_default();
    for _ in 0..shift {
        value /= 2.0;
    }
    value
}

/// The integer with these digits, in which `_` may be.
fn integer(digits: &str, base: u32, at: usize) -> Result<Term, Fault> {
    let mut small = digits.bytes().filter(|byte| *byte != b'_');
    let small = small.try_fold(0_u128, |value, byte| {
        let digit = char::from(byte).to_digit(base)?;
        value
            .checked_mul(u128::from(base))?
            .checked_add(u128::from(digit))
    });
    if let Some(small) = small {
        return Ok(Integer::from(small).into());
    }
    let big = big(digits, base).ok_or(Fault {
        kind: Kind::IntegerTooLarge,
        at,
    })?;
    Ok(Integer::from(num_bigint::BigInt::from(big)).into())
}

/// The number with these digits, in which `_` may be, if it is not too large.
///
/// Multiplies halves, then halves of those, so that the cost is that of a few multiplications of
/// the whole, which is less than the square of the length.
fn big(digits: &str, base: u32) -> Option<BigUint> {
    let digits = digits.trim_start_matches(['0', '_']);
    let count = digits.bytes().filter(|byte| *byte != b'_').count() as u64;
    // Each digit but the first is at least so many bits.
    if count
        .saturating_sub(1)
        .saturating_mul(u64::from(base.ilog2()))
        > MAX_BITS
    {
        return None;
    }
    // As many digits as a word holds, the last of the number first.
    let mut words = Vec::new();
    let per_word = per_word(base);
    let (mut word, mut scale, mut filled) = (0_u64, 1_u64, 0);
    for byte in digits.bytes().rev().filter(|byte| *byte != b'_') {
        word += u64::from(char::from(byte).to_digit(base)?) * scale;
        filled += 1;
        if filled == per_word {
            words.push(BigUint::from(word));
            (word, scale, filled) = (0, 1, 0);
        } else {
            scale *= u64::from(base);
        }
    }
    if filled > 0 {
        words.push(BigUint::from(word));
    }
    let mut power = BigUint::from(base).pow(per_word);
    while words.len() > 1 {
        let mut halves = mem::take(&mut words).into_iter();
        while let Some(low) = halves.next() {
            words.push(match halves.next() {
                Some(high) if !high.is_zero() => high * &power + low,
                _ => low,
            });
        }
        if words.len() > 1 {
            power = &power * &power;
        }
    }
    let value = words.pop().unwrap_or_default();
    (value.bits() <= MAX_BITS).then_some(value)
}

/// How many digits fit into a word, whatever they are.
fn per_word(base: u32) -> u32 {
    let (mut count, mut scale) = (1, u64::from(base));
    while let Some(next) = scale.checked_mul(u64::from(base)) {
        (count, scale) = (count + 1, next);
    }
    count
}
