//! erltf, owned and borrowed.

use std::hint::black_box;

use erltf::{BigInt, BorrowedTerm, OwnedTerm, decode, decode_borrowed, encode};

use super::{Case, same_term};
use crate::corpus::Row;
use crate::tally::Tally;

pub fn cases(row: &Row) -> Vec<Case> {
    let Row { bytes, tally, .. } = row.clone();
    let owned = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "decode",
            row,
            "erltf",
            move || {
                // `BorrowedTerm::from` only borrows, so one count serves both.
                let term = decode(&b).map_err(|e| e.to_string())?;
                count(&BorrowedTerm::from(&term)).expect(&tally)
            },
            move || decode(black_box(&c)),
        )
    };
    let borrowed = {
        let (b, c) = (bytes.clone(), bytes.clone());
        Case::new(
            "decode",
            row,
            "erltf-borrowed",
            move || count(&decode_borrowed(&b).map_err(|e| e.to_string())?).expect(&tally),
            move || {
                decode_borrowed(black_box(&c))
                    .map(|term| drop(black_box(term)))
                    .is_ok()
            },
        )
    };
    let encoding = {
        let term: Result<OwnedTerm, String> = decode(&bytes).map_err(|e| e.to_string());
        let (a, c) = (term.clone(), bytes.clone());
        Case::new(
            "encode",
            row,
            "erltf",
            move || {
                let term = a.as_ref().map_err(String::clone)?;
                same_term(&encode(term).map_err(|e| e.to_string())?, &c)
            },
            move || {
                term.as_ref()
                    .map(|term| drop(black_box(encode(black_box(term)))))
                    .is_ok()
            },
        )
    };
    vec![owned, borrowed, encoding]
}

fn count(term: &BorrowedTerm<'_>) -> Tally {
    let mut tally = Tally::default();
    let mut open = vec![term];
    while let Some(term) = open.pop() {
        match term {
            BorrowedTerm::Integer(value) => tally.integer(*value as u64),
            BorrowedTerm::BigInt(BigInt { sign, digits }) => {
                tally.big(*sign == erltf::Sign::Negative, digits);
            }
            BorrowedTerm::Float(value) => tally.float(*value),
            BorrowedTerm::Atom(text) => tally.atom(text),
            BorrowedTerm::Binary(bytes) => tally.binary(bytes),
            BorrowedTerm::String(text) => tally.byte_list(text.as_bytes()),
            BorrowedTerm::Pid(pid) => tally.pid(pid.id, pid.serial, pid.creation),
            BorrowedTerm::Reference(reference) => {
                tally.reference(&reference.ids, reference.creation);
            }
            BorrowedTerm::Tuple(elements) => {
                tally.tuple(elements.len());
                open.extend(elements);
            }
            BorrowedTerm::List(elements) => {
                tally.list(elements.len());
                open.extend(elements);
            }
            BorrowedTerm::ImproperList { elements, tail } => {
                tally.list(elements.len());
                open.extend(elements);
                open.push(tail);
            }
            BorrowedTerm::Map(map) => {
                tally.map(map.len());
                for (key, value) in map {
                    open.extend([key, value]);
                }
            }
            BorrowedTerm::Nil => tally.nil(),
            BorrowedTerm::BitBinary { .. }
            | BorrowedTerm::Port(_)
            | BorrowedTerm::ExternalFun(_)
            | BorrowedTerm::InternalFun(_) => {}
        }
    }
    tally
}
