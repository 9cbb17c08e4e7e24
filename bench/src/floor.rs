//! The floor under everything that looks at a term: only walking its bytes.
//!
//! Dispatches on each tag and reads each length, and nothing of what they count. No stack either:
//! the number of terms still owed is enough to find the end. The tags are those of the corpus.

/// Walks the term behind the version byte. `None` if the bytes end early or a tag is not known;
/// otherwise the sum of the tags, so that no visit can be left out.
#[inline(never)]
pub fn walk(bytes: &[u8]) -> Option<u64> {
    let mut at = 1;
    let mut owed = 1_u64;
    let mut sum = 0_u64;
    while owed > 0 {
        owed -= 1;
        let tag = *bytes.get(at)?;
        sum += u64::from(tag);
        at += match tag {
            97 => 2,
            98 => 5,
            70 => 9,
            106 => 1,
            119 => 2 + usize::from(*bytes.get(at + 1)?),
            109 => 5 + long(bytes, at + 1)?,
            107 => 3 + usize::from(short(bytes, at + 1)?),
            110 => 3 + usize::from(*bytes.get(at + 1)?),
            104 => {
                owed += u64::from(*bytes.get(at + 1)?);
                2
            }
            108 => {
                owed += long(bytes, at + 1)? as u64 + 1;
                5
            }
            116 => {
                owed += 2 * long(bytes, at + 1)? as u64;
                5
            }
            // NEW_PID_EXT: the node, then three words.
            88 => 1 + node(bytes, at + 1)? + 12,
            // NEWER_REFERENCE_EXT: the number of its words, the node, the creation, its words.
            90 => 3 + node(bytes, at + 3)? + 4 + 4 * usize::from(short(bytes, at + 1)?),
            _ => return None,
        };
    }
    (at <= bytes.len()).then_some(sum)
}

fn node(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..at + 2)? {
        [119, len] => Some(2 + usize::from(*len)),
        _ => None,
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let len = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
    usize::try_from(len).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // {1, [2.0 | ok], #{<<1, 2>> => "a"}, Pid, Ref, 2^64}, as of OTP 29.
    const TERM: &[u8] = b"\x83h\x06a\x01l\0\0\0\x01F@\0\0\0\0\0\0\0w\x02okt\0\0\0\x01m\0\0\0\x02\x01\x02k\0\x01a\
        Xw\x03n@h\0\0\0\x01\0\0\0\0\0\0\0\x05Z\0\x02w\x03n@h\0\0\0\x05\0\0\0\x01\0\0\0\x02n\x09\0\0\0\0\0\0\0\0\0\x01";

    #[test]
    fn every_tag_is_visited_once() {
        let tags = b"halFwtmkXZn";
        let sum = tags.iter().copied().map(u64::from).sum();
        assert_eq!(walk(TERM), Some(sum));
    }

    #[test]
    fn bytes_that_end_early_have_no_sum() {
        for len in 1..TERM.len() {
            assert_eq!(walk(&TERM[..len]), None, "{len}");
        }
    }
}
