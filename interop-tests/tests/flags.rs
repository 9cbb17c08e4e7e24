//! Do the flags agree with what the running release says of itself, and are the terms that they
//! announce understood?

use erland::{Flags, Record, Term, atom};
use erland_interop_tests::{Probe, World, name_of, on_every_release, within};

on_every_release! {
    async fn the_mandatory_set_is_theirs(release) {
        let world = World::start(release).await;
        let erl = world.erl("erl").await;
        let flags = async |place: usize| {
            let bits = erl.eval(&format!("element({place}, erts_internal:get_dflags())")).await;
            Flags::from_bits(bits.parse().expect("an integer"))
        };
        let (offered, mandatory) = (flags(2).await, flags(3).await);
        let ours = if release.number == 25 { Flags::MANDATORY_25 } else { Flags::MANDATORY };
        assert_eq!(mandatory, ours, "what OTP {} requires", release.number);
        // We require nothing that this release does not offer.
        assert!(offered.contains(Flags::MANDATORY), "offered: {offered}");
        // We announce nothing that no release has: the rest came with later ones.
        let later = Flags::HONOURED - offered;
        let known = if release.number < 29 { Flags::NATIVE_RECORDS } else { Flags::from_bits(0) };
        assert_eq!(later, known, "beyond OTP {}", release.number);
    }

    async fn native_records_travel_where_they_are_known(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        let mut probe = Probe::start(&rust);
        let evaluator = (atom!("evaluator"), name_of(erl.name()));
        let fields = [(atom!("id"), Term::from(7_i64)), (atom!("name"), Term::binary("tea"))];
        let ours = Record::new(atom!("shop"), atom!("item"), true, fields).expect("two fields");
        within("our ping", rust.ping(erl.name())).await.expect("pong");
        let sent = rust.send(evaluator.clone(), ours.clone()).await;
        if release.number >= 29 {
            sent.expect("this peer knows records");
            let theirs = probe
                .learn(
                    &erl,
                    "R = records:create(shop, item, [{id, 7}, {name, <<\"tea\">>}], #{is_exported => true}), R",
                )
                .await;
            assert_eq!(theirs, Term::from(ours));
            erl.expect("erland_helper:reply(10000) =:= R", "true").await;
        } else {
            sent.expect_err("its decoder would close the connection");
            probe.send(evaluator, atom!("sound")).await;
            erl.expect("erland_helper:reply(10000)", "sound").await;
        }
    }

    async fn code_execution_that_was_not_announced_is_refused_at_once(release) {
        let world = World::start(release).await;
        let _rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        // Not a time-out: the answer is `notsup`, as of any node without the SPAWN flag.
        erl.expect("rpc:call('rust@127.0.0.1', erlang, node, [])", "{badrpc,notsup}").await;
        erl.expect(
            "try erpc:call('rust@127.0.0.1', erlang, node, []) catch error:E -> E end",
            "{erpc,notsup}",
        )
        .await;
        erl.expect("is_pid(spawn('rust@127.0.0.1', lists, seq, [1, 2]))", "true").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }
}
