//! The rows as Rust types: straight between bytes and values, by serde.
//!
//! Texts are borrowed from the bytes where a peer can do so. A row without a type that a user would
//! write down (`deep1k`) is left out, and so are eetf and erlang-term: they have no serde between
//! bytes and types.

use std::collections::HashMap;
use std::hint::black_box;

use erland_etf::serde::{Cons, from_slice, to_vec};
use erland_etf::{Atom, Integer, Pid, Reference};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Case, same_term};
use crate::corpus::Row;

/// What a `gen_server` gets.
#[derive(Debug, Serialize, Deserialize)]
enum Message<'a> {
    #[serde(rename = "$gen_call")]
    Call((Pid, Cons<Alias, Reference>), #[serde(borrow)] Request<'a>),
    #[serde(rename = "$gen_cast")]
    Cast(Request<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
enum Alias {
    #[serde(rename = "alias")]
    Alias,
}

#[derive(Debug, Serialize, Deserialize)]
enum Request<'a> {
    #[serde(rename = "lookup")]
    Lookup(&'a str, u32),
    #[serde(rename = "stop")]
    Stop,
}

/// `doc100k`, with any type of text: borrowed, or owned for peers that cannot borrow.
#[derive(Debug, Serialize, Deserialize)]
struct Document<T> {
    version: u32,
    title: T,
    orders: Vec<Order<T>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Order<T> {
    id: u64,
    open: bool,
    total: f64,
    customer: Customer<T>,
    tags: Vec<T>,
    lines: Vec<Line<T>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer<T> {
    name: T,
    email: T,
    since: u16,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line<T> {
    sku: T,
    count: u32,
    price: f64,
    note: T,
}

pub fn cases(row: &Row) -> Vec<Case> {
    match row.name {
        "gen_call" => ours::<Message<'static>>(row),
        "ints10k" => [ours::<Vec<i64>>(row), erltf::<Vec<i64>>(row)]
            .into_iter()
            .flatten()
            .collect(),
        "map1k" => {
            let mut cases = ours::<HashMap<&'static str, i64>>(row);
            cases.extend(erltf::<HashMap<String, i64>>(row));
            cases
        }
        "doc100k" => {
            let mut cases = ours::<Document<&'static str>>(row);
            cases.extend(erltf::<Document<String>>(row));
            cases
        }
        "atoms10k" => ours::<Vec<Atom>>(row),
        "bigfloat" => ours::<(Vec<Integer>, Vec<f64>)>(row),
        "strings" => ours::<Vec<Vec<u8>>>(row),
        "pidrefs5k" => ours::<Vec<(Pid, Reference)>>(row),
        _ => Vec::new(),
    }
}

/// Bytes that values can borrow from for the rest of the run.
fn forever(row: &Row) -> &'static [u8] {
    Box::leak(row.bytes.to_vec().into_boxed_slice())
}

fn ours<T: Deserialize<'static> + Serialize + 'static>(row: &Row) -> Vec<Case> {
    let bytes = forever(row);
    let decode = move || from_slice::<T>(black_box(bytes)).map_err(|error| error.to_string());
    let encode = |value: &T| to_vec(value).map_err(|error| error.to_string());
    both(row, bytes, "erland", decode, encode)
}

fn erltf<T: DeserializeOwned + Serialize + 'static>(row: &Row) -> Vec<Case> {
    let bytes = forever(row);
    let decode =
        move || erltf_serde::from_bytes::<T>(black_box(bytes)).map_err(|error| error.to_string());
    let encode = |value: &T| erltf_serde::to_bytes(value).map_err(|error| error.to_string());
    both(row, bytes, "erltf-serde", decode, encode)
}

/// Decoding and encoding of a type. What is decoded is looked at by encoding it again: with ours,
/// which gives the row's term only if every part of the value is there.
fn both<T: Serialize + 'static>(
    row: &Row,
    bytes: &'static [u8],
    peer: &str,
    decode: impl Fn() -> Result<T, String> + Copy + 'static,
    encode: impl Fn(&T) -> Result<Vec<u8>, String> + Copy + 'static,
) -> Vec<Case> {
    let decoding = Case::new(
        "serde-decode",
        row,
        peer,
        move || {
            same_term(
                &to_vec(&decode()?).map_err(|error| error.to_string())?,
                bytes,
            )
        },
        decode,
    );
    let value = decode();
    let encoding = Case::new(
        "serde-encode",
        row,
        peer,
        move || same_term(&encode(&decode()?)?, bytes),
        move || value.as_ref().map(|value| encode(black_box(value))).is_ok(),
    );
    vec![decoding, encoding]
}
