//! Is the text of a term that of the running release, and is text taken for what it takes it for?

mod random;

use erland::etf::{ParseErrorKind, to_vec};
use erland::{Atom, Record, Term};
use erland_dist::testing::Rng;
use erland_interop_tests::{Exchange, World, on_every_release, pieces};
use random::Kinds;

const TERMS: usize = 1_500;
const TEXTS: usize = 10_000;

/// A term of the kinds that are printed in more than one way: text, tags, much that is nested.
fn term(rng: &mut Rng, kinds: Kinds, depth: u32) -> Term {
    if depth == 0 || rng.one_in(8) {
        return leaf(rng, kinds);
    }
    let len = match rng.below(6) {
        0 => rng.below(30),
        _ => rng.below(5),
    };
    let inside = |rng: &mut Rng| -> Vec<Term> {
        let less = rng.between(1, 3) as u32;
        (0..len)
            .map(|_| term(rng, kinds, depth.saturating_sub(less)))
            .collect()
    };
    match rng.below(8) {
        0 => Term::tuple(inside(rng)),
        1 | 2 => {
            let tag = [Term::from(tag(rng))];
            Term::tuple(tag.into_iter().chain(inside(rng)))
        }
        3 | 4 => Term::list(inside(rng)),
        5 => Term::improper(inside(rng), leaf(rng, kinds)),
        6 => {
            let (keys, values) = (inside(rng), inside(rng));
            let mut pairs: Vec<_> = keys.into_iter().zip(values).collect();
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.dedup_by(|(a, _), (b, _)| a == b);
            Term::map(pairs).expect("keys that differ")
        }
        _ if kinds.record_fields.is_some() => {
            let names = ["a", "b c", "quite_a_long_name_of_a_field", "\u{436}", "d"];
            let names = names.map(|name| Atom::new(name).expect("a short name"));
            let fields = names.into_iter().zip(inside(rng));
            let record = Record::new(tag(rng), tag(rng), true, fields);
            record.expect("names that differ").into()
        }
        _ => leaf(rng, kinds),
    }
}

fn tag(rng: &mut Rng) -> Atom {
    let len = if rng.one_in(5) {
        rng.below(60)
    } else {
        1 + rng.below(8)
    };
    Atom::new(&"t".repeat(len as usize)).expect("up to 59 characters")
}

fn leaf(rng: &mut Rng, kinds: Kinds) -> Term {
    let text = |rng: &mut Rng| -> String {
        let letters = [
            "a", "b", " ", "\"", "\\", "\n", "\u{1b}", "é", "ÿ", "\u{a0}",
        ];
        let letters = if rng.one_in(2) {
            &letters[..5]
        } else {
            &letters[..]
        };
        let len = if rng.one_in(6) {
            rng.below(130)
        } else {
            rng.below(25)
        };
        (0..len).filter_map(|_| rng.pick(letters)).collect()
    };
    match rng.below(8) {
        0 => Term::string(&text(rng)),
        1 => Term::binary(text(rng)),
        2 => Term::binary(text(rng).chars().map(|c| c as u8).collect::<Vec<u8>>()),
        3 => {
            let mut bytes = text(rng).into_bytes();
            bytes.push(rng.next_u64() as u8);
            Term::binary(bytes)
        }
        4 => Term::string(&(text(rng) + "\u{436}")),
        5 => {
            let words = [
                "and", "maybe", "else", "query", "fun", "Fun", "a@b", "_", "", "é", "É", "÷", "ok",
            ];
            let word = rng.pick(&words).unwrap_or("ok");
            Atom::new(word).expect("a short name").into()
        }
        6 => Term::from(rng.below(300)),
        _ => random::term(rng, kinds, 0),
    }
}

/// Whether this release prints a term in another way.
fn differs(term: &Term, release: u32) -> bool {
    match term {
        // The names in a fun are written as `erlang:fun_to_list/1` does: not as atoms are.
        Term::Fun(_) => true,
        // Words of the language since OTP 27; printed as such by OTP 29.
        Term::Atom(atom) => release < 29 && (atom == "maybe" || atom == "else"),
        // Before OTP 29, UTF-8 that is not all printable was looked at as Latin-1 once more.
        Term::Binary(bytes) => {
            release < 29 && String::from_utf8_lossy(bytes).chars().any(|c| c > 'ÿ')
        }
        // OTP 25 has no modifier `k`, and lays maps out in another way.
        Term::Map(map) => {
            release < 26
                || map
                    .iter()
                    .any(|(key, value)| differs(key, release) || differs(value, release))
        }
        Term::Tuple(tuple) => tuple.iter().any(|term| differs(term, release)),
        Term::List(list) => {
            list.iter().any(|term| differs(term, release))
                || !list.is_proper() && differs(list.tail(), release)
        }
        Term::Record(record) => record.values().iter().any(|term| differs(term, release)),
        _ => false,
    }
}

fn kinds(release: u32) -> Kinds {
    Kinds {
        record_fields: (release >= 29).then_some(5),
        negative_zero: release >= 27,
        identifiers: false,
        local_funs: false,
    }
}

async fn printed(exchange: &mut Exchange, terms: &[Term], format: &str) -> Vec<String> {
    let encoded: Vec<Vec<u8>> = terms
        .iter()
        .map(|term| to_vec(term).expect("it can be encoded"))
        .collect();
    let expression = format!(
        "Text = fun(X) -> unicode:characters_to_binary(
             io_lib:format(\"{format}\", [binary_to_term(X)])) end,
         Piece = fun(B) -> <<(byte_size(B)):32, B/binary>> end,
         iolist_to_binary([Piece(Text(X)) || <<L:32, X:L/binary>> <= In])"
    );
    let mut texts = Vec::new();
    for few in encoded.chunks(250) {
        let answer = exchange.ask(few, &expression).await;
        let answers = pieces(answer.as_binary().expect("a binary"));
        assert_eq!(answers.len(), few.len());
        let text = |text: &[u8]| String::from_utf8(text.to_vec()).expect("UTF-8");
        texts.extend(answers.into_iter().map(text));
    }
    texts
}

/// What these texts are parsed as; nothing where they are refused.
async fn parsed(exchange: &mut Exchange, texts: &[String]) -> Vec<Option<Term>> {
    let expression = "Dot = fun(Ts, At) ->
             case Ts =/= [] andalso element(1, lists:last(Ts)) of
                 dot -> Ts; _ -> Ts ++ [{dot, At}] end end,
         Parse = fun(X) ->
             try {ok, Ts, At} = erl_scan:string(unicode:characters_to_list(X)),
                 {ok, T} = erl_parse:parse_term(Dot(Ts, At)),
                 term_to_binary(T)
             catch _:_ -> <<>> end end,
         Piece = fun(B) -> <<(byte_size(B)):32, B/binary>> end,
         iolist_to_binary([Piece(Parse(X)) || <<L:32, X:L/binary>> <= In])";
    let term = |bytes: &[u8]| erland::etf::from_slice(bytes).expect("a term");
    let mut terms = Vec::new();
    for few in texts.chunks(1000) {
        let answer = exchange.ask(few, expression).await;
        let answers = pieces(answer.as_binary().expect("a binary"));
        assert_eq!(answers.len(), few.len());
        for bytes in answers {
            terms.push((!bytes.is_empty()).then(|| term(bytes)));
        }
    }
    terms
}

/// A text that is a few changes away from one that is a term.
fn mutated(rng: &mut Rng, seeds: &[String]) -> String {
    const PIECES: [&str; 40] = [
        "<<",
        ">>",
        "=>",
        "#{",
        "}",
        "\"\"\"",
        "\"\"\"\n",
        "\n  \"\"\"",
        "\\x{",
        "16#",
        "1.5",
        "e1",
        "~b",
        "~S\"",
        "~",
        "fun m:f/1",
        "/utf8",
        ":8/",
        "-",
        "unit:",
        ":",
        "$",
        "'",
        "\\",
        "\"",
        "[1|",
        "{a,",
        "\n",
        "%",
        "_",
        "(",
        ")",
        ",",
        "|",
        "]",
        ".",
        "0",
        "é",
        "\u{436}",
        "\u{fffe}",
    ];
    let pick = |rng: &mut Rng| seeds[rng.below(seeds.len() as u64) as usize].chars();
    let mut text: Vec<char> = pick(rng).collect();
    for _ in 0..rng.between(1, 4) {
        let at = rng.below(text.len() as u64 + 1) as usize;
        let behind = text.split_off(at);
        let skipped = rng.below(2) as usize;
        match rng.below(6) {
            0 => {
                let other: Vec<char> = pick(rng).collect();
                text.extend(&other[rng.below(other.len() as u64 + 1) as usize..]);
                continue;
            }
            1 => text.extend(char::from_u32(rng.below(127) as u32)),
            2 => text.extend(pick(rng)),
            3 => {}
            _ => text.extend(rng.pick(&PIECES).unwrap_or_default().chars()),
        }
        text.extend(behind.into_iter().skip(skipped));
    }
    text.into_iter().collect()
}

const SEEDS: [&str; 24] = [
    "<<1,2:4/little,3:16/signed-big-unit:2,(<<4>>)/binary,5:3>>",
    "<<\"a\\x{e9}\",\"é\"/utf8,$b/utf16,1.5:32/float,(<<1:4>>)/bits>>",
    "#{a => 1,b => [2|3], # {} => {}}",
    "fun lists:'map'/ 16#2",
    "[1_000,16#ff_ff,36#Zz,$\\^a,$\\x41,- $b,+1,-(2)]",
    "{1.5,-2.0e-3,1_0.0_1E+1_0,16#1.8#e3,2#0.01}",
    "\"a\\n\\101\\q\" \"b\"%c\n\"\"",
    "\"\"\"\n  a\n\n   b\\\n  \"\"\"",
    "~s\"\"\"\n a\\tb\\\n c\n \"\"\"",
    "{~\"a\",~b(b\\)),~B[c\\],~s|d|,~S<e>}",
    "{ok,'an atom','a\\'b',maybe,a@b,é}.",
    "((([a|[b|([c])]])))",
    "[[],{},<<>>,#{},\"\",'']",
    "-1.",
    "#{1 => a,1.0 => b,1 => c}",
    "{<<(<<(<<1>>)/bytes>>):1/binary-unit:4>>}",
    "<<-1:20,16#abc:12/little,1:0,1.0:16/float-native>>",
    "% only\n a %c\n .",
    "\"\\x{1f600}\\^?\\e\\s\\d\"",
    "#Ref<0.1.2.3>",
    "<0.10.0>",
    "#rec{a = 1}",
    "{a,B,_}",
    "1 + 2",
];

on_every_release! {
    async fn what_is_printed_is_what_erlang_prints(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let mut rng = Rng::new(0x7e47_0001);
        let kinds = kinds(release.number);
        let terms: Vec<Term> = (0..TERMS).map(|_| term(&mut rng, kinds, 4)).collect();
        let order = if release.number >= 26 { "k" } else { "" };
        let flat = printed(&mut exchange, &terms, &format!("~t{order}w")).await;
        let pretty = printed(&mut exchange, &terms, &format!("~t{order}p")).await;
        let mut compared = 0;
        for ((term, flat), pretty) in terms.iter().zip(&flat).zip(&pretty) {
            let (line, lines) = (term.to_string(), format!("{term:#}"));
            if !differs(term, release.number) {
                compared += 1;
                assert_eq!(line, *flat);
                assert_eq!(lines, *pretty);
            }
        }
        assert!(compared > TERMS / 4, "only {compared}");
        let broken = pretty.iter().filter(|text| text.contains('\n')).count();
        assert!(broken > TERMS / 5, "only {broken}");
    }

    async fn what_is_printed_is_what_erlang_parses(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let mut rng = Rng::new(0x7e47_0002);
        let kinds = Kinds { record_fields: None, ..kinds(release.number) };
        let terms: Vec<Term> = (0..TERMS).map(|_| term(&mut rng, kinds, 4)).collect();
        let lines: Vec<String> = terms.iter().map(Term::to_string).collect();
        let pretty: Vec<String> = terms.iter().map(|term| format!("{term:#}")).collect();
        for texts in [lines, pretty] {
            let theirs = parsed(&mut exchange, &texts).await;
            for ((term, text), theirs) in terms.iter().zip(&texts).zip(theirs) {
                assert_eq!(text.parse().as_ref(), Ok(term), "{text}");
                assert_eq!(theirs.as_ref(), Some(term), "{text}");
            }
        }
    }

    async fn text_is_taken_and_refused_as_by_the_newest_erlang(release) {
        if release.number < 29 {
            // Sigils, triple quotes, based floats and new words of the language came in between.
            let texts = SEEDS.map(str::to_owned);
            let world = World::start(release).await;
            let mut exchange = Exchange::start(&world).await;
            let theirs = parsed(&mut exchange, &texts).await;
            let both = texts.iter().zip(&theirs).filter(|(text, theirs)| {
                text.parse::<Term>().ok() == **theirs
            });
            assert!(both.count() > SEEDS.len() / 2);
            return;
        }
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let mut rng = Rng::new(0x7e47_0003);
        let kinds = kinds(release.number);
        let mut seeds: Vec<String> = SEEDS.map(str::to_owned).to_vec();
        for _ in 0..200 {
            let term = term(&mut rng, kinds, 2);
            seeds.push(term.to_string());
            seeds.push(format!("{term:#}"));
        }
        seeds.retain(|seed| seed.len() < 500);
        let mut texts = seeds.clone();
        texts.extend((0..TEXTS).map(|_| mutated(&mut rng, &seeds)));
        // Of what is too large here, Erlang would make gigabytes.
        texts.retain(|text| {
            let kind = text.parse::<Term>().map_err(|error| error.kind());
            kind != Err(ParseErrorKind::BinaryTooLarge)
        });
        let theirs = parsed(&mut exchange, &texts).await;
        let mut taken = 0;
        for (text, theirs) in texts.iter().zip(theirs) {
            taken += usize::from(theirs.is_some());
            match (text.parse::<Term>(), theirs) {
                (Ok(ours), Some(theirs)) => assert_eq!(ours, theirs, "{text:?}"),
                (Err(_), None) => {}
                (ours, theirs) => panic!("{text:?}: {ours:?}, but {theirs:?}"),
            }
        }
        assert!(taken > TEXTS / 20, "only {taken}");
    }
}
