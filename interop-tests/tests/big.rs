//! Do large terms arrive unchanged, each way?

use erland::{Term, atom};
use erland_interop_tests::{Probe, World, name_of, on_every_release, within};

/// The content of the large binary: a piece without a pattern, again and again. Its length shares
/// few factors with the 64 KiB of a buffer or a fragment, so that no two of those are alike.
fn content() -> Vec<u8> {
    let piece: Vec<u8> = (0..100_000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    piece.repeat(200)
}

/// The same made over there; the piece is what the interpreter of expressions can do in time.
const CONTENT: &str = "binary:copy(<< <<(((I * 2654435761) band 16#ffffffff) bsr 24)>>
    || I <- lists:seq(0, 99999) >>, 200)";

on_every_release! {
    async fn a_binary_of_20_mb_each_way(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let bytes = content();
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        probe.send(evaluator.clone(), Term::binary(&bytes)).await;
        // Compared over there, whole, with one made over there.
        erl.expect("B = erland_helper:reply(20000), byte_size(B)", "20000000").await;
        erl.expect(&format!("B =:= {CONTENT}"), "true").await;
        // The very same binary back.
        probe.introduce(&erl, "P").await;
        erl.expect("P ! B, ok", "ok").await;
        let back = probe.next_term().await;
        assert!(back.as_binary() == Some(&bytes[..]), "equal at the other end");
        // One made over there.
        erl.expect(
            "Own = binary:copy(<<0:8, 1:16, 2:24, 3:32>>, 2000000), P ! Own, byte_size(Own)",
            "20000000",
        )
        .await;
        let own = probe.next_term().await;
        let expected = [0, 0, 1, 0, 0, 2, 0, 0, 0, 3].repeat(2_000_000);
        assert!(own.as_binary() == Some(&expected[..]), "equal at the other end");
    }

    async fn a_list_of_200_000_elements_each_way(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let list = Term::list((1..=200_000_i64).map(Term::from));
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        probe.send(evaluator.clone(), list.clone()).await;
        erl.expect("L = erland_helper:reply(20000), L =:= lists:seq(1, 200000)", "true").await;
        probe.introduce(&erl, "P").await;
        erl.expect("P ! lists:seq(1, 200000), ok", "ok").await;
        assert!(probe.next_term().await == list, "equal at the other end");
        // A list of small integers of that length does not fit the short form for such lists.
        erl.expect("P ! lists:duplicate(200000, 9), ok", "ok").await;
        let nines = Term::list((0..200_000).map(|_| Term::from(9_i64)));
        assert!(probe.next_term().await == nines, "equal at the other end");
        probe.send(evaluator, nines).await;
        erl.expect("erland_helper:reply(20000) =:= lists:duplicate(200000, 9)", "true").await;
    }

    async fn a_map_of_50_000_keys_each_way(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let map = probe
            .learn(&erl, "M = maps:from_list([{{key, I}, [I]} || I <- lists:seq(1, 50000)]), M")
            .await;
        assert_eq!(map.as_map().map(|map| map.len()), Some(50_000));
        probe.send((atom!("evaluator"), name_of(erl.name())), map).await;
        erl.expect("erland_helper:reply(20000) =:= M", "true").await;
    }

    async fn a_term_100_000_deep_each_way(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let deep = probe.learn(&erl, "D = erland_helper:nested(100000), D").await;
        probe.send((atom!("evaluator"), name_of(erl.name())), deep.clone()).await;
        erl.expect("erland_helper:reply(20000) =:= D", "true").await;
        drop(deep);
    }

    async fn large_messages_keep_their_place_among_small_ones(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        erl.expect(
            "Big = binary:copy(<<1>>, 300000),
             [begin P ! {small, I}, P ! {big, I, Big} end || I <- lists:seq(1, 20)], ok",
            "ok",
        )
        .await;
        for number in 1..=20_u32 {
            assert_eq!(probe.message().await, format!("{{small,{number}}}"));
            let big = probe.next_term().await;
            let [tag, place, bytes] = big.as_tuple().expect("a tuple") else {
                panic!("{big}");
            };
            assert!(tag.is_atom("big") && place.as_u64() == Some(number.into()));
            assert_eq!(bytes.as_binary().map(<[u8]>::len), Some(300_000));
        }
        // And the other way round.
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        for number in 1..=20_u32 {
            probe.send(evaluator.clone(), Term::from((atom!("small"), number))).await;
            let big = Term::from((atom!("big"), number, Term::binary(vec![1; 300_000])));
            probe.send(evaluator.clone(), big).await;
        }
        erl.expect(
            "[begin {small, I} = erland_helper:reply(20000), {big, I, Big} = erland_helper:reply(20000) end
                || I <- lists:seq(1, 20)], ok",
            "ok",
        )
        .await;
    }

    async fn large_terms_from_many_processes_at_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        // Their fragments come mixed.
        erl.expect(
            "[spawn(fun() -> P ! {I, binary:copy(<<I>>, 1000000)} end) || I <- lists:seq(1, 16)], ok",
            "ok",
        )
        .await;
        let mut seen = [false; 17];
        for _ in 0..16 {
            let message = probe.next_term().await;
            let [number, bytes] = message.as_tuple().expect("a pair") else {
                panic!("{message}");
            };
            let number = number.as_u64().expect("a number") as usize;
            let expected = vec![number as u8; 1_000_000];
            assert!(bytes.as_binary() == Some(&expected[..]), "message {number} is whole");
            assert!(!std::mem::replace(&mut seen[number], true), "message {number} once");
        }
        within("our ping", rust.ping("erl@127.0.0.1")).await.expect("pong");
    }
}
