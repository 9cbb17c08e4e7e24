//! Are the bytes of Rust values those that live nodes make of the same terms, in Erlang and in
//! Elixir, and the other way round?

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use erland_etf::serde::{
    Charlist, Config, Cons, ElixirStruct, Keyword, Nothing, Proplist, Record, from_slice,
};
use erland_etf::{Atom, Binary, BitString, Float, Integer, Pid, RawTerm, Reference, Term, atom};
use erland_interop_tests::{Erl, World, on_every_release};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").expect("text grows");
        text
    })
}

/// The bytes of what `binary:encode_hex/1` or `Base.encode16/1` prints.
fn bytes_of(printed: &str) -> Vec<u8> {
    let digits: Vec<u32> = printed
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let bytes = digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes
        .map(|byte| u8::try_from(byte).expect("two digits"))
        .collect()
}

/// Erlang's term is our value: its bytes are ours (maps in the order of their keys, atoms in
/// UTF-8 as OTP 26 writes them), it takes our bytes for its term, we take its bytes for our value.
async fn erlang<T>(erl: &Erl, term: &str, value: T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let ours = Config::new().to_vec(&value).expect("a value");
    let theirs = erl
        .eval(&format!(
            "binary:encode_hex(term_to_binary({term}, [deterministic, {{minor_version, 2}}]))"
        ))
        .await;
    assert_eq!(hex(&ours), hex(&bytes_of(&theirs)), "{term}");
    let same = format!(
        "binary_to_term(binary:decode_hex(<<\"{}\">>)) =:= {term}",
        hex(&ours)
    );
    erl.expect(&same, "true").await;
    let plain = erl
        .eval(&format!("binary:encode_hex(term_to_binary({term}))"))
        .await;
    assert_eq!(
        from_slice::<T>(&bytes_of(&plain)).expect(term),
        value,
        "{term}"
    );
    let local = format!("binary:encode_hex(term_to_binary({term}, [{{minor_version, 1}}]))");
    let local = erl.eval(&local).await;
    assert_eq!(
        from_slice::<T>(&bytes_of(&local)).expect(term),
        value,
        "{term}"
    );
}

/// The same for Elixir, with `nil`.
async fn elixir<T>(erl: &Erl, term: &str, value: T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let config = Config::new().with_nothing(Nothing::Nil);
    let ours = config.to_vec(&value).expect("a value");
    let theirs = erl
        .elixir(&format!(
            "Base.encode16(:erlang.term_to_binary({term}, [:deterministic, minor_version: 2]))"
        ))
        .await;
    assert_eq!(hex(&ours), hex(&bytes_of(&theirs)), "{term}");
    let same = format!(
        ":erlang.binary_to_term(Base.decode16!(\"{}\")) === {term}",
        hex(&ours)
    );
    assert_eq!(erl.elixir(&same).await, "true", "{term}");
    let plain = erl
        .elixir(&format!("Base.encode16(:erlang.term_to_binary({term}))"))
        .await;
    assert_eq!(
        config.from_slice::<T>(&bytes_of(&plain)).expect(term),
        value,
        "{term}"
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Stop,
    Wait(u64),
    Move(i32, f64),
    Rename { from: String, to: Option<String> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "point")]
struct Point {
    x: i32,
    y: Option<i32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    a_list: Vec<u16>,
    binary: Binary,
    #[serde(with = "erland_etf::serde::charlist")]
    charlist: String,
    #[serde(with = "erland_etf::serde::option::nil")]
    nil: Option<u8>,
    #[serde(with = "erland_etf::serde::proplist")]
    options: Options,
    #[serde(with = "erland_etf::serde::record")]
    point: Point,
    rest: Term,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Options {
    active: bool,
    packet: u8,
}

/// A struct of Elixir itself, with a calendar that is an atom.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Date {
    calendar: Atom,
    day: u8,
    month: u8,
    year: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Elixir.Range")]
struct Range {
    first: i64,
    last: i64,
    step: i64,
}

on_every_release! {
    async fn erlang_makes_the_same_bytes(release) {
        let world = World::start(release).await;
        let erl = &world.erl("erl").await;
        erlang(erl, "true", true).await;
        erlang(erl, "[0, 255]", vec![0_u8, 255]).await;
        erlang(erl, "[0, 256]", vec![0_u64, 256]).await;
        erlang(erl, "[]", Vec::<String>::new()).await;
        erlang(erl, "lists:duplicate(65535, 7)", vec![7_u8; 65535]).await;
        erlang(erl, "lists:duplicate(65536, 7)", vec![7_u8; 65536]).await;
        erlang(erl, "{-1, 1 bsl 31, -(1 bsl 63), (1 bsl 64) - 1}", (-1, 1_i64 << 31, i64::MIN, u64::MAX)).await;
        erlang(erl, "{(1 bsl 128) - 1, -(1 bsl 127)}", (u128::MAX, i128::MIN)).await;
        erlang(erl, "{1.5, -0.0, 1.0e300}", (1.5_f32, -0.0_f64, 1e300)).await;
        erlang(erl, "<<$h, 233/utf8>>", String::from("h\u{e9}")).await;
        erlang(erl, "undefined", None::<u8>).await;
        erlang(erl, "#{<<\"a\">> => 1, <<\"b\">> => 2}", BTreeMap::from([(String::from("a"), 1), ("b".into(), 2)])).await;
    }

    async fn erlang_has_our_structs_and_enums(release) {
        let world = World::start(release).await;
        let erl = &world.erl("erl").await;
        erlang(erl, "stop", Command::Stop).await;
        erlang(erl, "{wait, 1 bsl 40}", Command::Wait(1 << 40)).await;
        erlang(erl, "{move, -1, 0.5}", Command::Move(-1, 0.5)).await;
        let rename = Command::Rename { from: "a".into(), to: None };
        erlang(erl, "{rename, #{from => <<\"a\">>, to => undefined}}", rename).await;
        erlang(erl, "{point, 1, undefined}", Record(Point { x: 1, y: None })).await;
        erlang(erl, "[{point, 1, 2}]", vec![Record(Point { x: 1, y: Some(2) })]).await;
        erlang(erl, "[{active, true}, {packet, 4}]", Proplist(Options { active: true, packet: 4 })).await;
        erlang(erl, "\"text\"", Charlist(String::from("text"))).await;
        erlang(erl, "[1078 | \"a\"]", Charlist(String::from("\u{436}a"))).await;
        erlang(erl, "[alias | 1]", Cons(atom!("alias"), 1)).await;
        let everything = Everything {
            a_list: vec![1, 2, 3],
            binary: Binary::from(&[255, 0][..]),
            charlist: "ab".into(),
            nil: None,
            options: Options { active: false, packet: 2 },
            point: Point { x: 0, y: Some(-1) },
            rest: Term::from((atom!("any"), Term::nil())),
        };
        let term = "#{a_list => [1, 2, 3], binary => <<255, 0>>, charlist => \"ab\", nil => nil,
            options => [{active, false}, {packet, 2}], point => {point, 0, -1}, rest => {any, []}}";
        erlang(erl, term, everything).await;
    }

    async fn property_lists_are_read_as_erlang_reads_them(release) {
        let world = World::start(release).await;
        let erl = &world.erl("erl").await;
        let list = "[active, {packet, 4}, {packet, 2}, {a, b, c}, 7, {other, 1}]";
        let printed = erl.eval(&format!("binary:encode_hex(term_to_binary({list}))")).await;
        let options = from_slice::<Proplist<Options>>(&bytes_of(&printed)).expect("a list");
        let (active, packet) = (options.0.active, options.0.packet);
        let read = format!(
            "{{proplists:get_value(active, {list}), proplists:get_value(packet, {list})}}"
        );
        erl.expect(&read, &format!("{{{active},{packet}}}")).await;
    }

    async fn native_types_of_a_live_node(release) {
        let world = World::start(release).await;
        let erl = &world.erl("erl").await;
        // Of the node itself: its name and creation are in them.
        let printed = erl
            .eval("T = {self(), make_ref(), fun lists:map/2, fun(X) -> X end, 1 bsl 200, <<5:3>>},
                binary:encode_hex(term_to_binary(T))")
            .await;
        type Native = (Pid, Reference, Term, RawTerm, Integer, BitString);
        let value: Native = from_slice(&bytes_of(&printed)).expect("native types");
        assert_eq!(value.0.node(), value.1.node());
        assert_eq!(value.0.node().name(), erl.name());
        let ours = hex(&Config::new().to_vec(&value).expect("a value"));
        erl.expect(&format!("binary_to_term(binary:decode_hex(<<\"{ours}\">>)) =:= T"), "true").await;
        let half = Float::new(0.5).expect("finite");
        erlang(erl, "0.5", half).await;
    }

    async fn elixir_makes_the_same_bytes(release) {
        let world = World::start(release).await;
        let ex = &world.elixir("ex").await;
        elixir(ex, "nil", None::<String>).await;
        elixir(ex, "{:ok, nil, \"text\"}", (atom!("ok"), (), String::from("text"))).await;
        elixir(ex, "{:rename, %{from: \"a\", to: nil}}", Command::Rename { from: "a".into(), to: None }).await;
        elixir(ex, "%{\"a\" => 1, \"b\" => 2}", BTreeMap::from([(String::from("a"), 1), ("b".into(), 2)])).await;
        elixir(ex, "[active: true, packet: 4]", Keyword(Options { active: true, packet: 4 })).await;
        elixir(ex, "[a: 1, b: nil]", Keyword(BTreeMap::from([(String::from("a"), Some(1)), ("b".into(), None)]))).await;
        elixir(ex, "~c\"text\"", Charlist(String::from("text"))).await;
        let date = Date { calendar: atom!("Elixir.Calendar.ISO"), day: 29, month: 2, year: 2024 };
        elixir(ex, "~D[2024-02-29]", ElixirStruct(date)).await;
        elixir(ex, "1..9//2", ElixirStruct(Range { first: 1, last: 9, step: 2 })).await;
        // Another struct is no date.
        let range = ex.elixir("Base.encode16(:erlang.term_to_binary(1..9//2))").await;
        assert!(from_slice::<ElixirStruct<Date>>(&bytes_of(&range)).is_err());
        // In a keyword list the first counts, as in Keyword.get/2.
        let list = "[packet: 4, active: false, packet: 2]";
        let printed = ex.elixir(&format!("Base.encode16(:erlang.term_to_binary({list}))")).await;
        let options = from_slice::<Keyword<Options>>(&bytes_of(&printed)).expect("a list").0;
        assert_eq!(ex.elixir(&format!("Keyword.get({list}, :packet)")).await, options.packet.to_string());
    }
}
