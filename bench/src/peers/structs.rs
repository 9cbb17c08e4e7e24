//! The rows as Rust types: straight between bytes and values, by serde.
//!
//! Texts are borrowed from the bytes where a peer can do so. A row without a type that a user would
//! write down (`deep1k`) is left out, and so are eetf and erlang-term: they have no serde between
//! bytes and types. erltf has, in erltf_serde: by way of its owned term, so that texts are owned.

use std::collections::HashMap;
use std::hint::black_box;

use erland_etf::serde::{Cons, Pairs, from_slice, to_vec};
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
            // What the codec does; what a hash table costs on top of it is the variant's figure.
            let mut cases = ours::<Pairs<&'static str, i64>>(row);
            cases.extend(variant::<HashMap<&'static str, i64>>(row, "erland-hashmap"));
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
    variant::<T>(row, "erland")
}

fn variant<T: Deserialize<'static> + Serialize + 'static>(row: &Row, peer: &str) -> Vec<Case> {
    let bytes = forever(row);
    let decode = move || from_slice::<T>(black_box(bytes)).map_err(|error| error.to_string());
    let encode = |value: &T| to_vec(value).map_err(|error| error.to_string());
    both(row, peer, decode, encode, |encoded| {
        same_term(encoded, bytes)
    })
}

fn erltf<T: DeserializeOwned + Serialize + 'static>(row: &Row) -> Vec<Case> {
    let bytes = forever(row);
    let read =
        |bytes: &[u8]| erltf_serde::from_bytes::<T>(bytes).map_err(|error| error.to_string());
    let encode = |value: &T| erltf_serde::to_bytes(value).map_err(|error| error.to_string());
    // It reads the names of fields from atoms and writes them as binaries, so that what it has
    // written is another term, and only its own reader can tell whether it is complete.
    let check = move |encoded: &[u8]| looked_at(&read(encoded)?, bytes);
    both(
        row,
        "erltf-serde",
        move || read(black_box(bytes)),
        encode,
        check,
    )
}

/// Looks at every part of a value by encoding it with ours: that gives the row's term only if all is
/// there.
fn looked_at<T: Serialize>(value: &T, row: &[u8]) -> Result<(), String> {
    same_term(&to_vec(value).map_err(|error| error.to_string())?, row)
}

/// Decoding and encoding of a type; `check` looks at what was encoded.
fn both<T: Serialize + 'static>(
    row: &Row,
    peer: &str,
    decode: impl Fn() -> Result<T, String> + Copy + 'static,
    encode: impl Fn(&T) -> Result<Vec<u8>, String> + Copy + 'static,
    check: impl Fn(&[u8]) -> Result<(), String> + 'static,
) -> Vec<Case> {
    let bytes = row.bytes.clone();
    let decoding = Case::new(
        "serde-decode",
        row,
        peer,
        move || looked_at(&decode()?, &bytes),
        decode,
    );
    let value = decode();
    let encoding = Case::new(
        "serde-encode",
        row,
        peer,
        move || check(&encode(&decode()?)?),
        move || {
            value
                .as_ref()
                .map(|value| drop(black_box(encode(black_box(value)))))
                .is_ok()
        },
    );
    vec![decoding, encoding]
}
