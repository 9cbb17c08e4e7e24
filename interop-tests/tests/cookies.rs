//! Is a node with another cookie, or not on the allow list, kept out, and is the cause named?

use erland::dist::{HandshakeError, Stage};
use erland::{ConnectError, Flags, HandshakeFailure, PingError};
use erland_interop_tests::{ErlOptions, Watch, World, on_every_release, start, within};

fn handshake_error(error: PingError) -> HandshakeError {
    match error {
        PingError::Connect(ConnectError::Handshake(HandshakeFailure::Protocol(error))) => error,
        other => panic!("a handshake error was due, not {other:?}"),
    }
}

on_every_release! {
    async fn they_dial_us_with_another_cookie(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let friend = world.erl("friend").await;
        friend.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        let mut watch = Watch::on(&rust);
        let stranger = world.erl_with("stranger", ErlOptions::default().cookie("other")).await;
        stranger.expect("net_adm:ping('rust@127.0.0.1')", "pang").await;
        // The accepting side knows for certain.
        match watch.refused().await {
            HandshakeFailure::Protocol(HandshakeError::BadCookie(Stage::Reply)) => {}
            other => panic!("a bad cookie was due, not {other:?}"),
        }
        // The other link is unharmed.
        assert_eq!(rust.nodes(), ["friend@127.0.0.1"]);
        friend.expect("nodes(hidden)", "['rust@127.0.0.1']").await;
        friend.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        // With the right cookie it is welcome.
        stranger.expect("erlang:set_cookie('rust@127.0.0.1', secret)", "true").await;
        stranger.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    }

    async fn we_dial_them_with_another_cookie(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").cookie("other")).await;
        let erl = world.erl("erl").await;
        let error = within("our ping", rust.ping("erl@127.0.0.1")).await.expect_err("pang");
        let error = handshake_error(error);
        assert_eq!(error, HandshakeError::CookieRefusedProbably);
        assert!(error.to_string().contains("cookie"), "{error}");
        erl.output().line_with("Invalid challenge reply").await;
        assert!(rust.nodes().is_empty());
        erl.expect("nodes(connected)", "[]").await;
        // Not an allow list and not flags: the very same node with the right cookie gets in.
        let right = world.node("right").await;
        within("our ping", right.ping("erl@127.0.0.1")).await.expect("pong");
    }

    async fn we_are_not_on_their_allow_list(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_kernel:allow(['friend@127.0.0.1'])", "ok").await;
        let error = within("our ping", rust.ping("erl@127.0.0.1")).await.expect_err("pang");
        match handshake_error(error) {
            HandshakeError::NotAllowed { our_flags } => {
                assert_eq!(our_flags, Flags::HONOURED, "our flags are listed");
            }
            other => panic!("not allowed was due, not {other:?}"),
        }
    }

    async fn a_message_does_not_get_past_another_cookie(release) {
        let world = World::start(release).await;
        let rust = start(world.builder("rust").cookie("other")).await;
        let erl = world.erl("erl").await;
        let mut probe = erland_interop_tests::Probe::trapping(&rust).await;
        let watched = probe.monitor_name("evaluator", "erl@127.0.0.1").await;
        probe
            .send((erland::atom!("evaluator"), erland_interop_tests::name_of("erl@127.0.0.1")), 1_i64)
            .await;
        // What waited for the connection hears of it once; the message has vanished.
        assert_eq!(probe.down(&watched).await, "noconnection");
        probe.is_quiet().await;
        erl.expect("erland_helper:flush()", "[]").await;
    }
}
