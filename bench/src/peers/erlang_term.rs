//! erlang-term, by its `RawTerm`: its `Term` is made from that one and keeps less.

use std::hint::black_box;
use std::time::{Duration, Instant};

use erlang_term::RawTerm;
use num_bigint_04::Sign;

use super::{Case, same_term};
use crate::corpus::Row;
use crate::tally::Tally;

/// Encoding consumes the term, so copies are made ahead, outside the timed part, this many at once.
const COPIES: u64 = 16;

pub fn cases(row: &Row) -> Vec<Case> {
    let Row { bytes, tally, .. } = row.clone();
    let decoding = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "decode",
            row,
            "erlang-term",
            move || count(&decode(&b)?).expect(&tally),
            move || RawTerm::from_bytes(black_box(&c)).map_err(drop),
        )
    };
    let mut encoding = {
        let term = decode(&bytes);
        let c = bytes.clone();
        Case::new(
            "encode",
            row,
            "erlang-term",
            move || same_term(&term.clone()?.to_bytes(), &c),
            || (),
        )
    };
    let term = decode(&bytes);
    encoding.run = Box::new(move |count| {
        let term = term.as_ref().map_err(String::clone)?;
        let mut time = Duration::ZERO;
        let mut left = count;
        while left > 0 {
            let copies: Vec<RawTerm> = (0..left.min(COPIES)).map(|_| term.clone()).collect();
            left -= copies.len() as u64;
            let start = Instant::now();
            for copy in copies {
                drop(black_box(black_box(copy).to_bytes()));
            }
            time += start.elapsed();
        }
        Ok(time)
    });
    vec![decoding, encoding]
}

fn decode(bytes: &[u8]) -> Result<RawTerm, String> {
    RawTerm::from_bytes(bytes).map_err(|error| {
        // The error holds the bytes that are left.
        let text: String = error.to_string().chars().take(60).collect();
        format!("{text}…")
    })
}

fn count(term: &RawTerm) -> Tally {
    let mut tally = Tally::default();
    let mut open = vec![term];
    while let Some(term) = open.pop() {
        match term {
            RawTerm::SmallInt(value) => tally.integer(u64::from(*value)),
            RawTerm::Int(value) => tally.integer(i64::from(*value) as u64),
            RawTerm::SmallBigInt(value) | RawTerm::LargeBigInt(value) => {
                let (sign, magnitude) = value.to_bytes_le();
                tally.big(sign == Sign::Minus, &magnitude);
            }
            RawTerm::Float(value) => tally.float(value.0),
            RawTerm::Atom(text)
            | RawTerm::SmallAtom(text)
            | RawTerm::AtomDeprecated(text)
            | RawTerm::SmallAtomDeprecated(text) => tally.atom(text),
            RawTerm::Binary(bytes) => tally.binary(bytes),
            RawTerm::String(bytes) => tally.byte_list(bytes),
            RawTerm::NewPid {
                id,
                serial,
                creation,
                ..
            } => tally.pid(*id, *serial, *creation),
            RawTerm::NewerRef { id, creation, .. } => tally.reference(id, *creation),
            RawTerm::SmallTuple(elements) | RawTerm::LargeTuple(elements) => {
                tally.tuple(elements.len());
                open.extend(elements);
            }
            // The tail of an improper list is its last element, wrapped.
            RawTerm::List(elements) => match elements.split_last() {
                Some((RawTerm::Improper(tail), elements)) => {
                    tally.list(elements.len());
                    open.extend(elements);
                    open.push(tail);
                }
                _ => {
                    tally.list(elements.len());
                    open.extend(elements);
                }
            },
            RawTerm::Map(pairs) => {
                tally.map(pairs.len());
                for (key, value) in pairs {
                    open.extend([key, value]);
                }
            }
            RawTerm::Nil => tally.nil(),
            RawTerm::Improper(_)
            | RawTerm::BitBinary { .. }
            | RawTerm::Pid { .. }
            | RawTerm::Port { .. }
            | RawTerm::NewPort { .. }
            | RawTerm::Ref { .. }
            | RawTerm::Function { .. } => {}
        }
    }
    tally
}
