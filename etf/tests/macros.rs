//! `term!`: what is written is what Erlang reads, and Rust's values are spliced in.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use erland_etf::{ExportFun, Float, Integer, Map, NodeId, Pid, Term, atom, term};

#[track_caller]
fn is(term: Term, text: &str) {
    assert_eq!(term.to_string(), text);
}

#[test]
fn atoms() {
    is(term!(ok), "ok");
    assert_eq!(term!(true), Term::from(true));
    // Rust's keywords are no keywords of Erlang's, and the other way about.
    is(
        term!([fn, match, type, self, crate, if, error, r#loop]),
        "[fn,match,type,self,crate,'if',error,loop]",
    );
    is(term!({fun, a}), "{'fun',a}");
    assert_eq!(term!(é), atom!("é").into());
    is(
        term!({(atom!("hello world")), (atom!("DOWN"))}),
        "{'hello world','DOWN'}",
    );
}

#[test]
fn numbers() {
    is(term!([0, 1, -1, 0xff, 1_000]), "[0,1,-1,255,1000]");
    assert_eq!(
        term!(-170141183460469231731687303715884105728),
        Term::from(i128::MIN)
    );
    assert_eq!(
        term!(170141183460469231731687303715884105727),
        Term::from(i128::MAX)
    );
    is(term!([1.5, -2.0e-3, 1e10]), "[1.5,-0.002,1.0e10]");
    assert_eq!(term!(-0.0), Float::new(-0.0).unwrap().into());
    is(term!({ -1 }), "{-1}");
    is(term!([-1 | -2]), "[-1|-2]");
}

#[test]
fn texts_and_binaries() {
    is(term!("text"), "[116,101,120,116]");
    assert!(term!("").is_nil());
    assert_eq!(term!("ж\n"), Term::list([1078.into(), 10.into()]));
    assert_eq!(term!(<<>>), Term::binary([]));
    assert_eq!(term!(<<"text">>), Term::binary("text"));
    assert_eq!(term!(<<0, 255>>), Term::binary([0, 255]));
    assert_eq!(term!(<<1, "ab", 2>>), Term::binary(b"\x01ab\x02"));
    assert_eq!(term!(<<"né"/utf8>>), Term::binary("né"));
    assert_eq!(
        term!(<<"more than the 14 bytes that are inline">>).as_binary(),
        Some(&b"more than the 14 bytes that are inline"[..])
    );
    is(
        term!([<<>>, <<1>>, <<1, 2>>, <<"é"/utf8>>, <<"a">>]),
        "[<<>>,<<1>>,<<1,2>>,<<195,169>>,<<97>>]",
    );
}

#[test]
fn tuples_and_lists() {
    is(term!({}), "{}");
    is(term!([]), "[]");
    is(term!({{}, [], #{}, {[{}]}}), "{{},[],#{},{[{}]}}");
    is(term!([a, b,]), "[a,b]");
    is(term!({a,}), "{a}");
    is(term!([a | b]), "[a|b]");
    is(term!([a, -1, #{} | <<"t">>]), "[a,-1,#{}|<<116>>]");
    is(term!([1 | [2 | [3]]]), "[1,2,3]");
    is(term!(["a" | {}]), "[[97]|{}]");
    is(term!([fun a:b/1 | #{}]), "[fun a:b/1|#{}]");
    is(term!([a, b, c, d, e, f, g, h | i]), "[a,b,c,d,e,f,g,h|i]");
}

#[test]
fn maps() {
    is(term!(#{}), "#{}");
    is(
        term!(#{a => 1, "k" => -1.5, <<"b">> => <<"c">>, -1 => #{a => b}, 1.0 => {}, #{} => []}),
        "#{-1 => #{a => b},1.0 => {},a => 1,#{} => [],[107] => -1.5,<<98>> => <<99>>}",
    );
    is(
        term!(#{<<1, 2>> => fun a:b/0, <<"é"/utf8>> => <<"é"/utf8>>, fun a:b/0 => a,}),
        "#{fun a:b/0 => a,<<1,2>> => fun a:b/0,<<195,169>> => <<195,169>>}",
    );
    is(term!(#{<<"a">> => -1}), "#{<<97>> => -1}");
    is(term!(#{(1 + 1) => ("x".len())}), "#{2 => 1}");
}

/// `#{a => 1, b => 2, a => 3}` is `#{a => 3, b => 2}` in Erlang.
#[test]
fn the_last_of_equal_keys_counts() {
    is(term!(#{a => 1, b => 2, a => 3, a => 4}), "#{a => 4,b => 2}");
    is(term!(#{1 => a, 1.0 => b, 1 => c}), "#{1 => c,1.0 => b}");
    let many = (0..100).chain(0..100).enumerate();
    let map: Map = many
        .map(|(value, key): (usize, i32)| (Term::from(key), Term::from(value as u64)))
        .collect();
    assert_eq!(map.len(), 100);
    assert!(
        map.iter()
            .all(|(key, value)| value.as_i64() == key.as_i64().map(|key| key + 100))
    );
}

#[test]
fn funs() {
    let fun = ExportFun {
        module: atom!("lists"),
        function: atom!("map"),
        arity: 2,
    };
    assert_eq!(term!(fun lists:map/2), Term::from(fun));
    is(term!({fun lists:map/2, a}), "{fun lists:map/2,a}");
}

#[test]
fn expressions() {
    let pid = Pid::new(NodeId::new(atom!("a@b"), 1), 5, 0);
    let tail = term!([2, 3]);
    let mut count = 0;
    let mut next = || {
        count += 1;
        count
    };
    // Nothing of the macro's own is in the way of these names.
    let (vec, done, term) = (1, 2_u8, Integer::from(3));
    let built = term!({(next()), [(next()) | (tail.clone())], #{(&pid) => (next())}, (vec), (done), (term)});
    let expected = Term::from((
        1,
        Term::list([2.into(), 2.into(), 3.into()]),
        Term::map([(Term::from(pid), 3.into())]).unwrap(),
        1,
        2,
        3,
    ));
    assert_eq!(built, expected);
}

/// Each step of the macro is one level of expansion, of which 128 are allowed.
#[test]
fn hundred_elements() {
    let list = term!([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, g, h, i, j, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1, <<"a">>, <<"a">>, <<"a">>, <<"a">>, <<"a">>, <<"a">>, <<"a">>, <<"a">>, <<"a">>,
        <<"a">>, #{}, #{}, #{}, #{}, #{}, #{}, #{}, #{}, #{}, #{}, {}, [], -1, #{}, <<>>, {}, [],
        -1, #{}, <<>>, {}, [], -1, #{}, <<>>, {}, [], -1, #{}, <<>>, {}, [], -1, #{}, <<>>, {}, [],
        -1, #{}, <<>>, {}, [], -1, #{}, <<>>, {}, [], -1, #{}, <<>>, {}, [], -1, #{}, <<>>, {}, [],
        -1, #{}, <<>>
    ]);
    assert_eq!(list.as_list().map(|list| list.len()), Some(100));
    // As many as 128 steps of eight.
    macro_rules! ten {
        ($($item:tt),*) => { term!([$($item, $item, $item, $item, $item, $item, $item, $item, $item, $item),*]) };
    }
    let list = ten!(
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9
    );
    assert_eq!(list.as_list().map(|list| list.len()), Some(400));
}
