//! A mutator that knows where the terms in a term are, so that most of what it makes is a term.

use std::ops::Range;

use libfuzzer_sys::fuzzer_mutate;

use crate::{tokens, zlib};

/// Terms in forms that an encoder would not choose, and at the edges of what a decoder takes.
const TERMS: &[&[u8]] = &[
    &[97, 0],
    &[97, 255],
    &[98, 255, 255, 255, 255],
    &[98, 0, 0, 1, 0],
    &[98, 0x7f, 255, 255, 255],
    &[110, 0, 0],
    &[110, 1, 0, 5],
    &[110, 1, 1, 0],
    &[110, 2, 2, 5, 0],
    &[110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x80],
    &[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0x80],
    &[110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    &[110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x08],
    &[
        110, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ],
    &[111, 0, 0, 0, 1, 0, 5],
    &[70, 0, 0, 0, 0, 0, 0, 0, 0],
    &[70, 0x80, 0, 0, 0, 0, 0, 0, 0],
    &[70, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
    &[70, 0x7f, 0xef, 255, 255, 255, 255, 255, 255],
    &[70, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
    &[70, 0, 0, 0, 0, 0, 0, 0, 1],
    b"\x631.5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\x63-1.50000000000000000000e+00\0\0\0\0\0",
    b"\x639007199254740993,0e-2\0\0\0\0\0\0\0\0\0\0",
    b"\x77\x01a",
    b"\x77\x00",
    b"\x77\x02\xc3\xa9",
    b"\x64\0\x01\xe9",
    b"\x73\x01\xe9",
    b"\x73\x01a",
    b"\x76\0\x01a",
    &[106],
    &[107, 0, 0],
    b"\x6b\0\x02ab",
    &[108, 0, 0, 0, 0, 106],
    &[108, 0, 0, 0, 1, 97, 97, 106],
    &[108, 0, 0, 0, 1, 97, 97, 97, 98],
    &[108, 0, 0, 0, 1, 97, 97, 107, 0, 1, 98],
    &[104, 0],
    &[105, 0, 0, 0, 0],
    &[116, 0, 0, 0, 0],
    &[
        116, 0, 0, 0, 2, 97, 1, 97, 2, 70, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 97, 3,
    ],
    &[
        116, 0, 0, 0, 2, 70, 0, 0, 0, 0, 0, 0, 0, 0, 97, 1, 70, 0x80, 0, 0, 0, 0, 0, 0, 0, 97, 2,
    ],
    &[109, 0, 0, 0, 0],
    &[109, 0, 0, 0, 1, 128],
    &[77, 0, 0, 0, 1, 8, 255],
    &[77, 0, 0, 0, 1, 3, 255],
    &[77, 0, 0, 0, 2, 1, 255, 127],
    b"\x58\x77\x03a@b\0\0\0\x01\0\0\0\x02\0\0\0\x03",
    b"\x67\x64\0\x03a@b\0\0\0\x01\0\0\0\x02\x03",
    b"\x58\x77\x0dnonode@nohost\0\0\0\x01\0\0\0\0\0\0\0\0",
    b"\x59\x77\x03a@b\0\0\0\x01\0\0\0\x03",
    b"\x66\x77\x03a@b\0\0\0\x01\x03",
    b"\x78\x77\x03a@b\0\0\0\x01\0\0\0\x01\0\0\0\x03",
    b"\x5a\0\x02\x77\x03a@b\0\0\0\x03\0\0\0\x01\0\0\0\x02",
    b"\x5a\0\x05\x77\x03a@b\0\0\0\x03\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05",
    b"\x65\x77\x03a@b\0\0\0\x01\x03",
    b"\x72\0\x02\x77\x03a@b\x03\0\x03\xff\xff\0\0\0\x02",
    b"\x71\x77\x01m\x77\x01f\x61\x02",
    b"\x71\x77\x01m\x77\x01f\x62\0\0\0\xff",
    b"\x71\x77\x01m\x77\x01f\x6e\x01\0\x02",
    b"\x71\x77\x01m\x77\x01f\x6c\0\0\0\0\x61\x02",
    b"\x70\0\0\0\x3a\x01uuuuuuuuuuuuuuuu\0\0\0\x07\0\0\0\x01\x77\x01m\x61\x07\x62\x01\0\0\0\
      \x58\x77\x03a@b\0\0\0\x01\0\0\0\0\0\0\0\x03\x6a",
    b"\x43\0\0\0\x00\x01\x77\x01m\x77\x01r",
    b"\x43\0\0\0\x02\x00\x77\x01m\x77\x01r\x77\x01b\x77\x01a\x61\x01\x6a",
    b"\x79\0\0\0\0\x61\x01",
    b"\x79\0\0\0\0\x58\x6a\0\0\0\x01\0\0\0\0\0\0\0\0",
];

/// What libFuzzer calls to make a new input of one that is kept.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed) << 1 | 1);
    // Bytes as bytes now and then: all that is no term is out of reach otherwise.
    if random.below(3) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let inflated = zlib::inflate(&data[..size]);
    let compress = inflated.is_some() && random.below(8) > 0 || random.below(100) == 0;
    let mut term = inflated.unwrap_or_else(|| data[..size].to_vec());
    for _ in 0..=random.below(3) {
        let Some(changed) = change(&term, &mut random) else {
            return fuzzer_mutate(data, size, max_size);
        };
        term = changed;
    }
    if compress {
        term = zlib::deflate(&term);
    }
    if term.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..term.len()].copy_from_slice(&term);
    term.len()
}

/// The same term with one term in it changed, or one of the terms in it if it is none itself;
/// `None` if there is none.
fn change(input: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let body = input.strip_prefix(&[131])?;
    let spans = tokens::spans(body);
    let at = |span: &Range<usize>| &body[span.clone()];
    let place = random.of(&spans)?;
    if spans[0].start > 0 {
        // No term, but there is one in it.
        return Some([&[131], at(place)].concat());
    }
    let (term, other) = (at(place), at(random.of(&spans)?));
    let constant = *random.of(TERMS)?;
    let one: &[u8] = &[0, 0, 0, 1];
    let changed = match random.below(13) {
        0 | 1 => constant.to_vec(),
        2 | 3 => other.to_vec(),
        4 => [&[104, 2], term, other].concat(),
        5 => [&[108], one, term, &[106]].concat(),
        6 => [&[108], one, term, other].concat(),
        7 => [&[116], one, term, constant].concat(),
        8 => [&[116, 0, 0, 0, 2], constant, term, other, term].concat(),
        9 => [&[108, 0, 0, 0, 0], term].concat(),
        10 => [&[105, 0, 0, 0, 2], constant, term].concat(),
        // The header or the first bytes of a leaf, by a little or altogether.
        _ => {
            let mut changed = term.to_vec();
            let index = random.below(changed.len().min(12));
            changed[index] = match random.below(3) {
                0 => changed[index].wrapping_add(1),
                1 => changed[index].wrapping_sub(1),
                _ => random.below(256) as u8,
            };
            changed
        }
    };
    let (before, after) = (&body[..place.start], &body[place.end..]);
    Some([&[131], before, &changed, after].concat())
}

/// Xorshift, which is enough to choose with.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}
