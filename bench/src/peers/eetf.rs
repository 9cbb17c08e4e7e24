//! eetf, which reads from and writes to a stream.

use std::hint::black_box;

use eetf::Term;
use num_bigint_04::Sign;

use super::{Case, same_term};
use crate::corpus::Row;
use crate::tally::Tally;

pub fn cases(row: &Row) -> Vec<Case> {
    let Row { bytes, tally, .. } = row.clone();
    let decoding = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "decode",
            row,
            "eetf",
            move || count(&Term::decode(&b[..]).map_err(|e| e.to_string())?).expect(&tally),
            move || Term::decode(black_box(&c[..])),
        )
    };
    let encoding = {
        let term = Term::decode(&bytes[..]).map_err(|e| e.to_string());
        let (a, c) = (term.clone(), bytes.clone());
        Case::new(
            "encode",
            row,
            "eetf",
            move || same_term(&encode(a.as_ref().map_err(String::clone)?)?, &c),
            move || {
                term.as_ref()
                    .map(|term| drop(black_box(encode(black_box(term)))))
                    .is_ok()
            },
        )
    };
    vec![decoding, encoding]
}

fn encode(term: &Term) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    term.encode(&mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

fn count(term: &Term) -> Tally {
    let mut tally = Tally::default();
    let mut open = vec![term];
    while let Some(term) = open.pop() {
        match term {
            Term::FixInteger(integer) => tally.integer(i64::from(integer.value) as u64),
            Term::BigInteger(integer) => {
                let (sign, magnitude) = integer.value.to_bytes_le();
                tally.big(sign == Sign::Minus, &magnitude);
            }
            Term::Float(float) => tally.float(float.value),
            Term::Atom(atom) => tally.atom(&atom.name),
            Term::Binary(binary) => tally.binary(&binary.bytes),
            Term::ByteList(list) => tally.byte_list(&list.bytes),
            Term::Pid(pid) => tally.pid(pid.id, pid.serial, pid.creation),
            Term::Reference(reference) => tally.reference(&reference.id, reference.creation),
            Term::Tuple(tuple) => {
                tally.tuple(tuple.elements.len());
                open.extend(&tuple.elements);
            }
            Term::List(list) => {
                tally.list(list.elements.len());
                open.extend(&list.elements);
            }
            Term::ImproperList(list) => {
                tally.list(list.elements.len());
                open.extend(&list.elements);
                open.push(&list.last);
            }
            Term::Map(map) => {
                tally.map(map.map.len());
                for (key, value) in &map.map {
                    open.extend([key, value]);
                }
            }
            Term::BitBinary(_) | Term::Port(_) | Term::ExternalFun(_) | Term::InternalFun(_) => {}
        }
    }
    tally
}
