//! Do the running releases and we agree on what is a term, which one it is, and on its bytes?

#[path = "../../etf/tests/common/floats.rs"]
mod floats;
mod random;

use erland::etf::{EncodeOptions, InternalFun, Loose, from_slice, to_vec};
use erland::{Atom, Float, NodeId, Pid, Term, atom};
use erland_dist::testing::Rng;
use erland_interop_tests::{Exchange, Release, World, on_every_release, pieces};
use floats::FLOATS;
use random::Kinds;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| *digit != ' ')
        .map(|digit| digit.to_digit(16).expect("a digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The binary that came back, cut into as many pieces as there are to be.
fn answers(term: &Term, count: usize) -> Vec<Vec<u8>> {
    let bytes = term
        .as_binary()
        .unwrap_or_else(|| panic!("no binary: {term}"));
    let pieces: Vec<Vec<u8>> = pieces(bytes).into_iter().map(<[u8]>::to_vec).collect();
    assert_eq!(pieces.len(), count);
    pieces
}

/// What the Erlang function `F`, of a piece to a binary, makes of each piece.
fn of_each(function: &str) -> String {
    format!(
        "F = {function},
         << <<(byte_size(R)):32, R/binary>> || <<L:32, X:L/binary>> <= In, R <- [F(X)] >>"
    )
}

fn random_terms(release: &Release, seed: u64, count: usize, local_funs: bool) -> Vec<Term> {
    let kinds = Kinds {
        record_fields: (release.number >= 29).then_some(5),
        negative_zero: release.number >= 27,
        // OTP 25 writes ports in the older format where it can.
        identifiers: release.number >= 27,
        local_funs,
    };
    let mut rng = Rng::new(seed);
    (0..count)
        .map(|_| random::term(&mut rng, kinds, 3))
        .collect()
}

fn encode(terms: &[Term]) -> Vec<Vec<u8>> {
    let encode = |term| to_vec(term).expect("it can be encoded");
    terms.iter().map(encode).collect()
}

/// Inputs that no encoder makes, and what says the most about each rule.
fn conformance() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = include_str!("conformance.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(hex)
        .collect();
    for (text, _) in FLOATS {
        let padding = vec![0; 31 - text.len()];
        inputs.push([&[131, 99], text.as_bytes(), &padding].concat());
    }
    let atom = |tag: u8, text: &str| {
        let len = (text.len() as u16).to_be_bytes();
        [&[131, tag], &len[..], text.as_bytes()].concat()
    };
    for text in ["a", "\u{1f600}", "é"] {
        for len in [0, 1, 255, 256] {
            inputs.push(atom(118, &text.repeat(len)));
            inputs.push(atom(100, &text.repeat(len)));
        }
    }
    // Maps of more than 32 keys, which OTP holds in another form, with and without a duplicate.
    for (keys, again) in [(8..41_u8, 7), (0..33, 7), (0..33, 99)] {
        let count = keys.len() as u8 + 1;
        let pairs: Vec<u8> = keys.rev().flat_map(|key| [97, key, 106]).collect();
        inputs.push([&[131, 116, 0, 0, 0, count], &pairs[..], &[97, again, 106]].concat());
    }
    // Every tag, except for those that OTP has for itself: with zeros behind it, and nested.
    for tag in (0..=255_u8).filter(|tag| !(72..=76).contains(tag) && *tag != 78) {
        // A LOCAL_EXT is opaque here, whoever made it.
        if tag != 121 {
            inputs.push([&[131, tag][..], &[0; 40]].concat());
            inputs.push([&[131, 104, 1, tag][..], &[0; 40]].concat());
            inputs.push(vec![131, tag]);
        }
    }
    // Every part of one term of many kinds.
    let whole = hex(
        "83 6c00000002 6805 6101 62ffffffff 46 3ff8000000000000 6e 02 00 ffff 770161 \
         7400000001 6b00026162 6d00000002 0102 6801 4d00000001 0360 \
         58 7703614062 00000001 00000000 00000004",
    );
    inputs.extend((0..=whole.len()).map(|len| whole[..len].to_vec()));
    inputs
}

on_every_release! {
    async fn what_is_accepted_and_what_it_is(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let mut inputs = conformance();
        if release.number == 25 {
            // The two zeros are one key there.
            let zeros = hex("83740000000246000000000000000061014680000000000000006102");
            inputs.retain(|input| *input != zeros);
        }
        let function = "fun(X) ->
            try binary_to_term(X) of T -> <<1, (term_to_binary(T, [{minor_version, 2}]))/binary>>
            catch error:badarg -> <<0>> end end";
        let theirs = exchange.ask(&inputs, &of_each(function)).await;
        let (mut accepted, mut refused) = (0, 0);
        let mut differences = Vec::new();
        for (input, theirs) in inputs.iter().zip(answers(&theirs, inputs.len())) {
            let ours = from_slice(input);
            let theirs = match &theirs[..] {
                [1, bytes @ ..] => Some(from_slice(bytes).expect("a term of theirs")),
                _ => None,
            };
            // Native records are unknown before OTP 29.
            let known = |term: &&Term| release.number >= 29 || !term.contains_record();
            let expected = ours.as_ref().ok().filter(known);
            // OTP 25 takes a bit string of no bits in no bytes.
            let no_bits = |six: &[u8]| six == [77, 0, 0, 0, 0, 0];
            if release.number == 25 && input.windows(6).any(no_bits) {
                assert!(ours.is_err() && theirs.is_some());
                continue;
            }
            if expected != theirs.as_ref() {
                differences.push(format!("{input:02x?}: {ours:?}, theirs: {theirs:?}"));
            }
            *if theirs.is_some() { &mut accepted } else { &mut refused } += 1;
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert!(accepted > 60 && refused > 200, "{accepted} accepted, {refused} refused");
    }

    async fn compressed_terms_go_both_ways(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let terms: Vec<Term> = random_terms(release, 0xc0, 400, true)
            .into_iter()
            .map(|term| Term::from((term, Term::binary([7; 100]))))
            .collect();
        let inputs: Vec<Vec<u8>> = (1..=9)
            .cycle()
            .zip(&terms)
            .map(|(level, term)| {
                let bytes = EncodeOptions::new().compressed(level).to_vec(term);
                let bytes = bytes.expect("it can be encoded");
                assert_eq!(bytes[1], 80, "a hundred equal bytes are worth it");
                bytes
            })
            .collect();
        let function = "fun(X) -> term_to_binary(binary_to_term(X), [{compressed, 6}]) end";
        let theirs = exchange.ask(&inputs, &of_each(function)).await;
        for (term, theirs) in terms.iter().zip(answers(&theirs, terms.len())) {
            assert_eq!(theirs[1], 80);
            assert_eq!(from_slice(&theirs).as_ref(), Ok(term));
        }
    }

    async fn deterministic_is_to_the_byte(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let terms = random_terms(release, 0xde7, 4000, false);
        let maps = terms.iter().filter(|term| term.to_string().contains("#{")).count();
        assert!(maps > 1000, "{maps} terms with maps");
        let function =
            "fun(X) -> term_to_binary(binary_to_term(X), [deterministic, {minor_version, 2}]) end";
        let theirs = exchange.ask(&encode(&terms), &of_each(function)).await;
        for (term, theirs) in terms.iter().zip(answers(&theirs, terms.len())) {
            let ours = EncodeOptions::new().deterministic().to_vec(term);
            assert_eq!(ours.as_ref(), Ok(&theirs), "{term:?}");
            assert_eq!(to_vec(term), ours);
        }
    }

    async fn neighbours_in_our_order_are_neighbours_in_theirs(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let mut terms = random_terms(release, 0x50e7, 4000, release.number >= 27);
        // Small ones, so that equal and nearly equal ones stand next to each other.
        terms.extend((-200..200_i64).map(|number| Term::from(number / 2)));
        terms.extend((-200..200_i64).filter_map(|number| {
            Float::new(number as f64 / 4.0).map(Term::from)
        }));
        terms.extend((0..3_i64).map(|number| Term::from((number, Term::from(1)))));
        terms.sort_by(Term::standard_cmp);
        let verdicts = "Ts = [binary_to_term(X) || <<L:32, X:L/binary>> <= In],
            V = fun(true) -> 1; (false) -> 0 end,
            list_to_binary([[V(A =< B), V(A == B), V(A =:= B)]
                            || {A, B} <- lists:zip(lists:droplast(Ts), tl(Ts))])";
        let theirs = exchange.ask(&encode(&terms), verdicts).await;
        let theirs = theirs.as_binary().expect("a binary");
        assert_eq!(theirs.len(), 3 * (terms.len() - 1));
        let mut equal = 0;
        for (pair, theirs) in terms.windows(2).zip(theirs.chunks(3)) {
            let (a, b) = (&pair[0], &pair[1]);
            let ours = [true, Loose(a) == Loose(b), a == b].map(u8::from);
            assert_eq!(ours, theirs, "{a:?} {b:?}");
            equal += usize::from(ours[1]);
        }
        assert!(equal > 200, "{equal} pairs are ==");
    }

    async fn funs_are_equal_where_they_say(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let changes: [fn(&mut InternalFun); 7] = [
            |_| (),
            |fun| fun.uniq = [8; 16],
            |fun| fun.old_index = 4,
            |fun| fun.index = 4,
            |fun| fun.pid = Pid::new(fun.pid.node().clone(), 2, 0),
            |fun| fun.arity = 2,
            |fun| fun.free = vec![Term::nil()].into(),
        ];
        let mut funs = Vec::new();
        for (number, change) in changes.into_iter().enumerate() {
            // In a module of its own: a runtime remembers the first fun of its kind.
            let fun = InternalFun {
                module: Atom::new(&format!("module{number}")).expect("a short name"),
                arity: 1,
                uniq: [7; 16],
                index: 3,
                old_index: 3,
                old_uniq: 99,
                pid: Pid::new(NodeId::new(atom!("x@y"), 4), 1, 0),
                free: vec![].into(),
            };
            let mut changed = fun.clone();
            change(&mut changed);
            funs.extend([Term::from(fun), Term::from(changed)]);
        }
        let verdicts = "Ts = [binary_to_term(X) || <<L:32, X:L/binary>> <= In],
            V = fun(true) -> 1; (false) -> 0 end,
            P = fun P([A, B | Rest]) ->
                      [V(A =:= B), V(A == B), V(A < B), map_size(#{A => 1, B => 1}) | P(Rest)];
                    P([]) -> [] end,
            list_to_binary(P(Ts))";
        let theirs = exchange.ask(&encode(&funs), verdicts).await;
        for (pair, theirs) in funs.chunks(2).zip(theirs.as_binary().expect("bytes").chunks(4)) {
            let (a, b) = (&pair[0], &pair[1]);
            let same = if release.number == 25 {
                // Neither the digest of the module nor the arity count there.
                a.loosely_equal(b)
            } else {
                a == b
            };
            let less = a.standard_cmp(b).is_lt();
            let ours = [same, a.loosely_equal(b), less].map(u8::from);
            let keys = 2 - u8::from(same);
            assert_eq!([ours[0], ours[1], ours[2], keys], theirs, "{a:?} {b:?}");
        }
    }

    async fn what_they_make_comes_back(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let records = if release.number >= 29 {
            "[records:create(shop, item, [{id, 7}, {name, <<\"tea\">>}], #{is_exported => true}),
              records:create(shop, bare, [], #{is_exported => false})]"
        } else {
            "[]"
        };
        let make = format!(
            "Y = {{free, 1.5}},
             Terms = [0, 255, 256, -1, 1 bsl 31, -(1 bsl 31), -(1 bsl 31) - 1, 1 bsl 64,
                      -(1 bsl 64), 1 bsl 2040, 1 bsl 5000, 1.5, 0.0, -0.0, 5.0e-324,
                      foo, '', list_to_atom([233]), list_to_atom([1078]),
                      list_to_atom(lists:duplicate(255, 16#1f600)),
                      [], {{}}, \"abc\", [1, 256], [a | b], [1 | 2], [[]],
                      lists:duplicate(65535, 1), lists:duplicate(65536, 1),
                      list_to_tuple(lists:duplicate(256, x)),
                      <<>>, <<1, 2, 3>>, <<1, 2:3>>, binary:copy(<<9>>, 1000),
                      #{{}}, #{{1 => a, 1.0 => b, \"x\" => []}},
                      maps:from_list([{{I, -I}} || I <- lists:seq(1, 100)]),
                      self(), hd(erlang:ports()), make_ref(), alias(), erlang:monitor(process, self()),
                      fun lists:map/2, fun(X) -> {{X, Y}} end, fun() -> 1 end
                      | {records}],
             put(terms, Terms),
             << <<(byte_size(B)):32, B/binary>>
                || T <- Terms, B <- [term_to_binary(T, [deterministic, {{minor_version, 2}}])] >>"
        );
        let theirs = exchange.ask::<Vec<u8>>(&[], &make).await;
        let theirs = pieces(theirs.as_binary().expect("a binary"));
        assert!(theirs.len() > 42);
        let mut ours = Vec::new();
        for bytes in &theirs {
            let term = from_slice(bytes).expect("a term of theirs");
            let again = to_vec(&term).expect("it can be encoded");
            // The only thing that OTP 25 writes otherwise is a port.
            if release.number > 25 || term.as_port().is_none() {
                assert_eq!(&again, bytes, "{term}");
            }
            ours.push(again);
        }
        let check = "Back = [binary_to_term(X) || <<L:32, X:L/binary>> <= In], Back =:= get(terms)";
        assert!(exchange.ask(&ours, check).await.is_atom("true"));
        assert_eq!(exchange.erl.eval("length(get(terms))").await, theirs.len().to_string());
    }

    async fn local_terms_come_back_to_their_own_runtime(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let make = "T = {self(), make_ref(), hd(erlang:ports()), [a, 1.5]}, put(local, T),
                    B = term_to_binary(T, [local]), <<(byte_size(B)):32, B/binary>>";
        if release.number < 26 {
            // The option is not known there.
            let made = exchange.erl.try_eval("term_to_binary(1, [local])").await;
            assert_eq!(made, Err("{error,badarg}".to_owned()));
            return;
        }
        let theirs = exchange.ask::<Vec<u8>>(&[], make).await;
        let theirs = answers(&theirs, 1).remove(0);
        let term = from_slice(&theirs).expect("a term of theirs");
        assert!(matches!(term, Term::Local(_)), "{term}");
        let ours = to_vec(&term).expect("it can be encoded");
        assert_eq!(ours, theirs);
        let check = "<<L:32, X:L/binary>> = In, binary_to_term(X) =:= get(local)";
        assert!(exchange.ask(&[ours], check).await.is_atom("true"));
    }
}
