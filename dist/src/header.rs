//! What stands before the control message of a frame? Reads and writes distribution headers and
//! fragment headers.
//!
//! OTP "External Term Format", "Distribution Header": after the version 131 comes 68 (a whole
//! message), 69 (the first fragment of one) or 70 (a later fragment), and in the first two cases
//! the list of atom cache references. This file reads the layout; what the references mean is in
//! `atom_cache.rs`, what the fragment numbers mean in `fragment.rs`.

#![deny(clippy::arithmetic_side_effects)]

use bytes::{BufMut, BytesMut};
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u64};
use nom::{IResult, Parser};

use crate::error::{FrameFault, FrameKind, ProtocolError};

/// Version byte before every distribution header, and before every term in pass-through frames.
pub(crate) const VERSION: u8 = 131;
/// Normal distribution header.
pub(crate) const HEADER: u8 = 68;
/// Distribution header of a first fragment.
pub(crate) const FIRST_FRAGMENT: u8 = 69;
/// Header of a later fragment.
pub(crate) const FRAGMENT: u8 = 70;
/// First byte of a pass-through frame; receivers skip it unread.
pub(crate) const PASS_THROUGH: u8 = 112;

/// Failed parses carry no detail: all there is to say is that the header is cut short.
type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// What a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// 68: a whole message.
    Whole,
    /// 69: the first of `fragment` fragments.
    First { sequence: u64, fragment: u64 },
    /// 70: a later fragment; `fragment` counts down to 1.
    Next { sequence: u64, fragment: u64 },
}

impl Lead {
    pub(crate) fn kind(self) -> FrameKind {
        match self {
            Lead::Whole => FrameKind::Header,
            Lead::First { .. } => FrameKind::FirstFragment,
            Lead::Next { .. } => FrameKind::Fragment,
        }
    }
}

/// One entry of the atom cache references of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheRef<'a> {
    /// Segment × 256 + index in the segment: below 2048.
    pub(crate) slot: u16,
    /// The text to put into the slot first, as it came.
    pub(crate) new: Option<&'a [u8]>,
}

/// Reads what a frame begins with; returns it with the rest of the frame.
pub(crate) fn lead(frame: &[u8]) -> Result<(Lead, &[u8]), ProtocolError> {
    let unknown = |kind| ProtocolError::Malformed {
        frame: FrameKind::Unknown,
        kind,
    };
    let (rest, (version, tag)) =
        complete((be_u8, be_u8).parse(frame)).ok_or(unknown(FrameFault::Truncated))?;
    if version != VERSION {
        return Err(unknown(FrameFault::Version(version)));
    }
    let fragment_ids = |kind| {
        complete((be_u64, be_u64).parse(rest)).ok_or(ProtocolError::Malformed {
            frame: kind,
            kind: FrameFault::Truncated,
        })
    };
    match tag {
        HEADER => Ok((Lead::Whole, rest)),
        FIRST_FRAGMENT => {
            let (rest, (sequence, fragment)) = fragment_ids(FrameKind::FirstFragment)?;
            Ok((Lead::First { sequence, fragment }, rest))
        }
        FRAGMENT => {
            let (rest, (sequence, fragment)) = fragment_ids(FrameKind::Fragment)?;
            Ok((Lead::Next { sequence, fragment }, rest))
        }
        other => Err(unknown(FrameFault::HeaderTag(other))),
    }
}

/// Reads the atom cache references at the front of `input`, handing each to `each` in order;
/// returns the rest, which begins with the control message.
///
/// Layout: the number N of references; if it is not 0, N + 1 nibbles in N / 2 + 1 bytes, low
/// nibble first, of which the last one tells whether texts have lengths of two bytes; then the
/// references. So the nibble of `LongAtoms` is the low one of the last byte for even N and the
/// high one for odd N.
pub(crate) fn cache_refs<'a>(
    input: &'a [u8],
    mut each: impl FnMut(CacheRef<'a>) -> Result<(), FrameFault>,
) -> Result<&'a [u8], FrameFault> {
    let truncated = FrameFault::Truncated;
    let (rest, count) = complete(be_u8(input)).ok_or(truncated)?;
    if count == 0 {
        return Ok(rest);
    }
    let (mut rest, flags) =
        complete(take((count >> 1).saturating_add(1))(rest)).ok_or(truncated)?;
    let mut nibbles = flags.iter().flat_map(|byte| [byte & 0x0f, byte >> 4]);
    let long = nibbles
        .clone()
        .nth(usize::from(count))
        .is_some_and(|nibble| nibble & 1 != 0);
    for nibble in nibbles.by_ref().take(usize::from(count)) {
        let (after, entry) = complete(cache_ref(rest, nibble, long)).ok_or(truncated)?;
        each(entry)?;
        rest = after;
    }
    Ok(rest)
}

fn cache_ref(input: &[u8], nibble: u8, long: bool) -> Parsed<'_, CacheRef<'_>> {
    let (input, index) = be_u8(input)?;
    let slot = u16::from_be_bytes([nibble & 7, index]);
    if nibble & 8 == 0 {
        return Ok((input, CacheRef { slot, new: None }));
    }
    let (input, len) = if long {
        be_u16(input)?
    } else {
        be_u8.map(u16::from).parse(input)?
    };
    let (input, text) = take(len)(input)?;
    let new = Some(text);
    Ok((input, CacheRef { slot, new }))
}

/// What the references of a header take, their number included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RefsLen {
    count: u8,
    /// Texts of new entries, without their lengths.
    text: usize,
    new: usize,
    /// A text is longer than a length of one byte can say.
    long: bool,
}

impl RefsLen {
    /// Counts one reference more, of at most 255.
    pub(crate) fn add(&mut self, new: Option<&[u8]>) {
        self.count = self.count.saturating_add(1);
        if let Some(text) = new {
            self.new = self.new.saturating_add(1);
            self.text = self.text.saturating_add(text.len());
            self.long |= text.len() > usize::from(u8::MAX);
        }
    }

    /// Bytes of number, flags and references.
    pub(crate) fn bytes(&self) -> usize {
        if self.count == 0 {
            return 1;
        }
        let lengths = if self.long { 2 } else { 1 };
        let flags = usize::from(self.count >> 1).saturating_add(1);
        usize::from(self.count)
            .saturating_add(flags)
            .saturating_add(self.new.saturating_mul(lengths))
            .saturating_add(self.text)
            .saturating_add(1)
    }
}

/// References that [`put_known_refs`] writes at most, without flags.
const FEW_REFS: usize = 15;

/// [`put_cache_refs`] for few references without new entries, in one step: what nearly all
/// messages have. False if these are not such; then nothing is appended.
#[inline]
pub(crate) fn put_known_refs(len: RefsLen, slots: &[u16], out: &mut BytesMut) -> bool {
    if len.new > 0 || slots.len() > FEW_REFS {
        return false;
    }
    let mut bytes = [0; 1 + FEW_REFS.div_ceil(2) + FEW_REFS];
    let flags = if slots.is_empty() {
        0
    } else {
        (slots.len() >> 1).saturating_add(1)
    };
    let (count, rest) = bytes.split_at_mut(1);
    let (nibbles, indexes) = rest.split_at_mut(flags);
    count.fill(len.count);
    for ((place, slot), number) in indexes.iter_mut().zip(slots).zip(0_u32..) {
        let [segment, index] = slot.to_be_bytes();
        *place = index;
        if let Some(pair) = nibbles.get_mut((number >> 1) as usize) {
            *pair |= segment << ((number & 1) << 2);
        }
    }
    let end = flags.saturating_add(slots.len()).saturating_add(1);
    out.extend_from_slice(bytes.get(..end).unwrap_or_default());
    true
}

/// Appends the references of a header in the layout that [`cache_refs`] reads; `len` has counted
/// exactly these.
pub(crate) fn put_cache_refs<'a>(
    len: RefsLen,
    refs: impl Iterator<Item = CacheRef<'a>> + Clone,
    out: &mut BytesMut,
) {
    out.put_u8(len.count);
    if len.count == 0 {
        return;
    }
    let nibble = |entry: CacheRef<'_>| {
        let [segment, _] = entry.slot.to_be_bytes();
        segment | if entry.new.is_some() { 8 } else { 0 }
    };
    let mut nibbles = refs.clone().map(nibble).chain([u8::from(len.long)]);
    while let Some(low) = nibbles.next() {
        out.put_u8(low | nibbles.next().unwrap_or(0) << 4);
    }
    for entry in refs {
        let [_, index] = entry.slot.to_be_bytes();
        out.put_u8(index);
        let Some(text) = entry.new else {
            continue;
        };
        if len.long {
            // An atom has at most 1,020 bytes.
            out.put_u16(text.len() as u16);
        } else {
            out.put_u8(text.len() as u8);
        }
        out.extend_from_slice(text);
    }
}

fn complete<T>(parsed: Parsed<'_, T>) -> Option<(&[u8], T)> {
    parsed.ok()
}
