//! A node of ours and a live one dial each other at the same time, in both orders of their names:
//! one connection survives, and what was sent arrives once and in order.

use erland::{NodeEvent, Term, atom};
use erland_interop_tests::{Probe, Watch, World, name_of, on_every_release};

const ROUNDS: usize = 30;
const MESSAGES: i64 = 5;

on_every_release! {
    async fn one_connection_survives_and_nothing_is_lost(release) {
        let world = World::start(release).await;
        let erl = world.erl("m").await;
        for name in ["a", "z"] {
            let rust = world.node(name).await;
            let full = format!("{name}@127.0.0.1");
            let mut probe = Probe::named(&rust, "probe").await;
            let evaluator = (atom!("evaluator"), name_of("m@127.0.0.1"));
            for round in 0..ROUNDS {
                let mut watch = Watch::on(&rust);
                let theirs = format!(
                    "[{{probe, '{full}'}} ! {{theirs, N}} || N <- lists:seq(1, {MESSAGES})],
                     [receive {{ours, N}} -> N after 20000 -> late end || N <- lists:seq(1, {MESSAGES})]"
                );
                let ours = async {
                    // Now before them, now after them.
                    for _ in 0..round * 7 {
                        tokio::task::yield_now().await;
                    }
                    for number in 1..=MESSAGES {
                        probe.send(evaluator.clone(), Term::from((atom!("ours"), number))).await;
                    }
                };
                let (theirs, ()) = tokio::join!(erl.eval(&theirs), ours);
                assert_eq!(theirs, "[1,2,3,4,5]", "round {round} of {name}");
                for number in 1..=MESSAGES {
                    let message = probe.message().await;
                    assert_eq!(message, format!("{{theirs,{number}}}"), "round {round} of {name}");
                }
                assert_eq!(rust.nodes(), ["m@127.0.0.1"]);
                erl.expect(&format!("monitor_node('{full}', true)"), "true").await;
                assert!(rust.disconnect("m@127.0.0.1"));
                // Up once, and down for no reason but this one.
                let mut ups = 0;
                loop {
                    match watch.next().await {
                        NodeEvent::NodeUp { .. } => ups += 1,
                        NodeEvent::NodeDown { .. } => break,
                        _ => {}
                    }
                }
                assert_eq!(ups, 1, "round {round} of {name}");
                erl.expect("erland_helper:reply(20000)", &format!("{{nodedown,'{full}'}}")).await;
                erl.expect("erland_helper:flush()", "[]").await;
                probe.is_quiet().await;
            }
            rust.shutdown().await;
        }
    }
}
