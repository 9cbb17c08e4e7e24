//! How a float looks as text.

use core::fmt::{self, Write};

/// The shortest digits that read back as the same float, laid out as `io_lib:format("~w")` does:
/// as a plain number where that is no longer than with an exponent.
pub(super) fn print(f: &mut impl Write, value: f64) -> fmt::Result {
    // "d.ddde-dd" or "de-dd", at most 17 digits: 24 bytes.
    let mut text = Digits::default();
    write!(text, "{value:e}")?;
    // Of two shortest texts that are equally near, Erlang takes the one with the even digit, as
    // rounding to that many digits does. Rounding alone may give text of another float.
    let mut even = Digits::default();
    write!(even, "{value:.*e}", text.precision())?;
    if even.as_str().parse() == Ok(value) {
        text = even;
    }
    let (sign, text) = match text.as_str().strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.as_str()),
    };
    f.write_str(sign)?;
    let (mantissa, exponent) = text.split_once('e').ok_or(fmt::Error)?;
    let (lead, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shown = exponent;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;

    // The value is 0.DIGITS times ten to the power of `place`.
    let place = exponent + 1;
    let digits = lead.len() + fraction.len();
    let with_exponent = shown.len() + 1 + if digits == 1 { 2 } else { 1 };
    match usize::try_from(place) {
        Ok(0) if value == 0.0 => f.write_str("0.0"),
        Ok(0) => write!(f, "0.{lead}{fraction}"),
        Ok(place) if place < digits => {
            let (before, after) = fraction.split_at_checked(place - 1).ok_or(fmt::Error)?;
            write!(f, "{lead}{before}.{after}")
        }
        Ok(place) if value.abs() < EXACT && place - digits + 2 <= with_exponent => {
            write!(f, "{lead}{fraction}{:0<1$}.0", "", place - digits)
        }
        Err(_) if place.unsigned_abs() as usize + 2 <= with_exponent => {
            write!(
                f,
                "0.{:0<1$}{lead}{fraction}",
                "",
                place.unsigned_abs() as usize
            )
        }
        _ => {
            let fraction = if fraction.is_empty() { "0" } else { fraction };
            write!(f, "{lead}.{fraction}e{shown}")
        }
    }
}

/// From 2^53 on not every integer is a float, so the zeros at the end would claim too much.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A short text on the stack.
#[derive(Default)]
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl Digits {
    /// How many digits come after the point.
    fn precision(&self) -> usize {
        let mantissa = self.as_str().split('e').next().unwrap_or_default();
        mantissa
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len())
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let slot = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        slot.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::float::Float;
    use std::string::ToString;

    #[test]
    fn floats_are_the_shortest_text_that_reads_back() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.01, "0.01"),
            (0.001, "0.001"),
            (0.012345, "0.012345"),
            (1e-4, "0.0001"),
            (1.5e-4, "1.5e-4"),
            (1.0e-5, "1.0e-5"),
            (100.0, "100.0"),
            (1000.0, "1.0e3"),
            (1234.0, "1234.0"),
            (123_456_789.123, "123456789.123"),
            (1e15, "1.0e15"),
            (9_007_199_254_740_991.0, "9007199254740991.0"),
            (9_007_199_254_740_992.0, "9.007199254740992e15"),
            (1e21, "1.0e21"),
            (1e22, "1.0e22"),
            (5e-324, "5.0e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (1_883_559_396_074_251.0 + 0.25, "1883559396074251.2"),
            (1_883_559_396_074_251.0 + 0.75, "1883559396074251.8"),
            (2_f64.powi(-44), "5.684341886080802e-14"),
        ];
        for (value, printed) in cases {
            assert_eq!(Float::new(value).unwrap().to_string(), printed);
            assert_eq!(printed.parse(), Ok(value));
        }
    }
}
