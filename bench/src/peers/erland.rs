//! Ours, its variants, and the floor.

use std::hint::black_box;

use bytes::BytesMut;
use erland_etf::{RawTerm, Reader, Term, from_bytes, from_slice, to_vec};

use super::{Case, same_term};
use crate::corpus::Row;
use crate::floor;
use crate::tally::Tally;

pub fn cases(row: &Row) -> Vec<Case> {
    let Row { bytes, tally, .. } = row.clone();
    let floor = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "walk",
            row,
            "floor",
            move || {
                floor::walk(&b)
                    .map(drop)
                    .ok_or_else(|| "does not end".to_owned())
            },
            move || floor::walk(black_box(&c)),
        )
    };
    let decode = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "decode",
            row,
            "erland",
            move || count(&from_slice(&b).map_err(|e| e.to_string())?).expect(&tally),
            move || from_slice(black_box(&c)),
        )
    };
    let decode_bytes = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "decode",
            row,
            "erland-bytes",
            move || count(&from_bytes(&b).map_err(|e| e.to_string())?).expect(&tally),
            move || from_bytes(black_box(&c)),
        )
    };
    let mut cases = vec![floor, decode, decode_bytes];
    // A row that does not decode is told by the case above.
    if let Ok(term) = from_slice(&bytes) {
        let term = std::rc::Rc::new(term);
        let (a, b, c) = (term.clone(), term, bytes.clone());
        cases.push(Case::new(
            "encode",
            row,
            "erland",
            {
                let term = a.clone();
                move || same_choices(&to_vec(&term).map_err(|e| e.to_string())?, &c)
            },
            move || to_vec(black_box(&a)),
        ));
        let c = bytes.clone();
        let mut buffer = BytesMut::new();
        cases.push(Case::new(
            "encode",
            row,
            "erland-reuse",
            {
                let term = b.clone();
                move || {
                    let mut out = BytesMut::from(&[131][..]);
                    term.encode(&mut out).map_err(|e| e.to_string())?;
                    same_choices(&out, &c)
                }
            },
            move || {
                buffer.clear();
                buffer.extend_from_slice(&[131]);
                let done = black_box(&b).encode(&mut buffer);
                black_box(&buffer);
                done
            },
        ));
    }
    let (b, c) = (bytes.clone(), bytes.clone());
    cases.push(Case::new(
        "skip",
        row,
        "erland",
        move || {
            let len = skip(&b).map_err(|e| e.to_string())?;
            if len == b.len() - 1 {
                Ok(())
            } else {
                Err(format!("ends after {len} bytes"))
            }
        },
        move || skip(black_box(&c)),
    ));
    let raw = RawTerm::new(bytes.slice(1..));
    let b = raw.clone();
    cases.push(Case::new(
        "skip",
        row,
        "erland-validate",
        move || b.validate().map_err(|e| e.to_string()),
        move || black_box(&raw).validate(),
    ));
    cases
}

fn skip(bytes: &[u8]) -> Result<usize, erland_etf::DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.read_version()?;
    reader.skip().map(<[u8]>::len)
}

/// Ours must not only be the term but choose the tags that the BEAM has chosen: then it is as long.
/// The pairs of a map stand in another order.
fn same_choices(encoded: &[u8], row: &[u8]) -> Result<(), String> {
    same_term(encoded, row)?;
    if encoded.len() == row.len() {
        Ok(())
    } else {
        Err("another length than the BEAM's".to_owned())
    }
}

fn count(term: &Term) -> Tally {
    let mut tally = Tally::default();
    let mut open = vec![term];
    while let Some(term) = open.pop() {
        match term {
            Term::Integer(integer) => match integer.to_i64() {
                Some(value) => tally.integer(value as u64),
                None => tally.big(
                    integer.is_negative(),
                    &integer.to_bigint().magnitude().to_bytes_le(),
                ),
            },
            Term::Float(value) => tally.float(value.get()),
            Term::Atom(atom) => tally.atom(atom.as_str()),
            Term::Binary(bytes) => tally.binary(bytes.as_slice()),
            Term::Pid(pid) => tally.pid(pid.id(), pid.serial(), pid.node().creation()),
            Term::Reference(reference) => {
                tally.reference(reference.words(), reference.node().creation());
            }
            Term::Tuple(elements) => {
                tally.tuple(elements.len());
                open.extend(elements.iter());
            }
            Term::List(list) => {
                tally.list(list.len());
                open.extend(list.iter());
                if !list.is_proper() {
                    open.push(list.tail());
                }
            }
            Term::Map(map) => {
                tally.map(map.len());
                for (key, value) in map {
                    open.extend([key, value]);
                }
            }
            // None is in the corpus; a wrong one then gives a wrong tally.
            _ => {}
        }
    }
    tally
}
