//! Do atoms arrive that go through the cache of a connection, and does a large message let small
//! ones of other processes pass?

use erland::{Atom, Payload, Received, Term, atom};
use erland_interop_tests::{Probe, World, name_of, on_every_release};

/// More than twice as many as a cache has slots.
const ATOMS: usize = 4_500;
/// A message has this many of them; more than a header can list in some.
const PER_MESSAGE: usize = 300;

fn numbered(number: usize) -> Term {
    Term::from(Atom::new(&format!("atom_number_{number}")).expect("a short name"))
}

/// The same over there.
const NUMBERED: &str =
    r#"Atoms = [list_to_atom("atom_number_" ++ integer_to_list(I)) || I <- lists:seq(1, 4500)]"#;

/// Texts at every border of length, in characters and in bytes.
const LONG: &str = "Long = [list_to_atom(lists:duplicate(N, C)) || C <- [$x, 246, 8364, 128512],
    N <- [1, 7, 8, 13, 14, 15, 48, 49, 63, 64, 127, 128, 254, 255]]";

on_every_release! {
    /// Each message brings new atoms and one that all have; later ones refer to earlier atoms
    /// whose slots others have taken by then.
    async fn more_atoms_than_slots_from_us(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::start(&rust);
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        erl.expect(&format!("{NUMBERED}, length(Atoms)"), "4500").await;
        let all: Vec<Term> = (1..=ATOMS).map(numbered).collect();
        for round in 0..3 {
            // In the last round few at a time: nearly all of them are known to the receiver.
            let size = if round == 2 { 5 } else { PER_MESSAGE };
            for some in all.chunks(size) {
                let message = Term::tuple([Term::from(atom!("hot")), Term::list(some.iter().cloned())]);
                probe.send(evaluator.clone(), message).await;
            }
            let count = ATOMS / size;
            erl.expect(
                &format!(
                    "lists:append([begin {{hot, Some}} = erland_helper:reply(20000), Some end
                        || _ <- lists:seq(1, {count})]) =:= Atoms"
                ),
                "true",
            )
            .await;
        }
    }

    async fn more_atoms_than_slots_to_us(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        erl.expect(&format!("{NUMBERED}, length(Atoms)"), "4500").await;
        for _ in 0..3 {
            erl.expect(
                "[P ! {hot, lists:sublist(Atoms, I, 30)} || I <- lists:seq(1, 4500, 30)], ok",
                "ok",
            )
            .await;
            for first in (1..=ATOMS).step_by(30) {
                let expected = Term::list((first..first + 30).map(numbered));
                let message = probe.next_term().await;
                assert_eq!(message, Term::tuple([Term::from(atom!("hot")), expected]));
            }
        }
    }

    async fn atoms_of_every_length_there_and_back(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        probe.introduce(&erl, "P").await;
        erl.expect(&format!("{LONG}, length(Long)"), "56").await;
        // Twice: the first time they are new entries.
        for _ in 0..2 {
            erl.expect("P ! Long, ok", "ok").await;
            let message = probe.next_term().await;
            probe.send((atom!("evaluator"), name_of(erl.name())), message).await;
            erl.expect("erland_helper:reply(20000) =:= Long", "true").await;
        }
    }

    /// What one node sent goes to another as it came, with the atoms of its own message.
    async fn messages_are_passed_on_between_caches(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let (one, two) = (world.erl("one").await, world.erl("two").await);
        let mut probe = Probe::start(&rust);
        probe.introduce(&one, "P").await;
        for erl in [&one, &two] {
            erl.expect(&format!("{NUMBERED}, length(Atoms)"), "4500").await;
        }
        let evaluator = (atom!("evaluator"), name_of(two.name()));
        // The caches of the two links are filled with different atoms first.
        for number in 1..100 {
            probe.send(evaluator.clone(), Term::tuple([numbered(number)])).await;
        }
        two.expect("[erland_helper:reply(20000) || _ <- lists:seq(1, 99)], ok", "ok").await;
        one.expect(
            "[P ! {lists:sublist(Atoms, I, 20), self(), make_ref(), P} || I <- lists:seq(1, 4480, 20)], ok",
            "ok",
        )
        .await;
        for _ in 0..224 {
            let Received::Message(message) = probe.next().await else {
                panic!("a message was due");
            };
            let raw = message.raw().expect("it came over a link").clone();
            probe.send(evaluator.clone(), Payload::from_raw(raw)).await;
        }
        two.expect(
            "lists:append([begin {Some, _, _, _} = erland_helper:reply(20000), Some end
                || _ <- lists:seq(1, 224)]) =:= lists:sublist(Atoms, 4480)",
            "true",
        )
        .await;
    }

    /// The receiver is stopped while both are sent, so the small one can only come first if it
    /// leaves first.
    async fn binary_of_200_mb_delays_no_small_message(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let (large, small) = (Probe::start(&rust), Probe::start(&rust));
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        // Both nodes are connected from here on.
        small.send(evaluator.clone(), Term::from(atom!("hello"))).await;
        erl.expect("erland_helper:reply(20000)", "hello").await;
        erl.freeze().await;
        large.send(evaluator.clone(), Term::binary(vec![7; 200_000_000])).await;
        // Behind the large one of the same process.
        large.send(evaluator.clone(), Term::from(atom!("later"))).await;
        for number in 1..=3_u32 {
            small.send(evaluator.clone(), Term::from((atom!("small"), number))).await;
        }
        erl.thaw().await;
        erl.expect("[erland_helper:reply(20000) || _ <- [1, 2, 3]]", "[{small,1},{small,2},{small,3}]")
            .await;
        erl.expect("byte_size(erland_helper:reply(20000))", "200000000").await;
        erl.expect("erland_helper:reply(20000)", "later").await;
    }

    /// More than may be under way at once: they wait for each other, and all of them go on.
    async fn large_messages_of_many_processes(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        let senders: Vec<_> = (1..=12_u32)
            .map(|number| {
                let (probe, evaluator) = (Probe::start(&rust), evaluator.clone());
                tokio::spawn(async move {
                    for place in 1..=10_u32 {
                        let size = if place % 2 == 0 { 1_000_000 } else { 100 };
                        let content = Term::binary(vec![number as u8; size]);
                        probe.send(evaluator.clone(), Term::from((number, place, content))).await;
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.expect("all of its messages were taken");
        }
        erl.expect(
            "Got = [begin {N, I, B} = erland_helper:reply(20000), {N, I, byte_size(B)} end
                || _ <- lists:seq(1, 120)],
             lists:all(fun({_, I, Size}) -> Size =:= element(1 + I rem 2, {1000000, 100}) end, Got)",
            "true",
        )
        .await;
        erl.expect(
            "[[I || {N, I, _} <- Got, N =:= S] || S <- lists:seq(1, 12)]
                =:= lists:duplicate(12, lists:seq(1, 10))",
            "true",
        )
        .await;
    }
}
