//! Is our `phash2` that of the running release, for any term?

mod random;

use erland::Term;
use erland::etf::to_vec;
use erland_dist::testing::Rng;
use erland_interop_tests::{Exchange, World, on_every_release};
use random::Kinds;

const TERMS: usize = 10_000;

on_every_release! {
    async fn ten_thousand_terms_hash_alike(release) {
        let world = World::start(release).await;
        let mut exchange = Exchange::start(&world).await;
        let mut rng = Rng::new(0x6ba5_4002);
        let kinds = Kinds {
            // Of more fields the hash depends on the node's atom table.
            record_fields: (release.number >= 29).then_some(1),
            negative_zero: release.number >= 27,
            identifiers: true,
            local_funs: true,
        };
        let terms: Vec<Term> = (0..TERMS).map(|_| random::term(&mut rng, kinds, 3)).collect();
        let encoded: Vec<Vec<u8>> =
            terms.iter().map(|term| to_vec(term).expect("it can be encoded")).collect();
        let theirs = exchange
            .ask(
                &encoded,
                "Hash = fun(X) -> T = binary_to_term(X),
                     <<(erlang:phash2(T)):32, (erlang:phash2(T, 1 bsl 32)):32,
                       (erlang:phash2(T, 1000)):32>> end,
                 << <<(Hash(X))/binary>> || <<L:32, X:L/binary>> <= In >>",
            )
            .await;
        let words: Vec<u32> = theirs
            .as_binary()
            .expect("a binary")
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().expect("four bytes")))
            .collect();
        assert_eq!(words.len(), 3 * TERMS);
        for (term, theirs) in terms.iter().zip(words.chunks(3)) {
            let range = |range| term.phash2_range(range).expect("a range");
            assert_eq!(
                [term.phash2(), range(1 << 32), range(1000)],
                theirs,
                "{term:?}"
            );
        }
        // Not all of one kind, nor all small.
        let distinct: std::collections::HashSet<u32> =
            terms.iter().map(Term::phash2).collect();
        assert!(distinct.len() > TERMS / 2, "{} hashes", distinct.len());
    }
}
