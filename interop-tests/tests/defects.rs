//! Do the eight defects that sank earlier implementations of this protocol stay away?
//!
//! Each is driven by a scripted peer that writes the very bytes, or by a live node where that can
//! provoke it; a live node is connected in either case and must notice nothing.

use std::time::Duration;

use erland::dist::Control;
use erland::{Node, NodeDownReason, Payload, Received, Term, atom};
use erland_interop_tests::{
    Erl, Peer, Probe, Watch, World, bare, name_of, on_every_release, within,
};

/// A node connected to a live Erlang node, with a probe registered as `probe`.
async fn setting(world: &World) -> (Node, Erl, Probe) {
    let rust = world.node("rust").await;
    let erl = world.erl("erl").await;
    erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    let probe = Probe::named(&rust, "probe").await;
    (rust, erl, probe)
}

async fn unharmed(rust: &Node, erl: &Erl) {
    erl.expect("nodes(hidden)", "['rust@127.0.0.1']").await;
    erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
    within("our ping", rust.ping("erl@127.0.0.1"))
        .await
        .expect("pong");
}

/// REG_SEND to `probe`.
fn to_probe(peer: &Peer) -> Term {
    Term::from((6_i64, peer.pid(1), atom!(""), atom!("probe")))
}

/// Writes a REG_SEND to `probe` with these bytes for a payload.
async fn send_payload(peer: &mut Peer, payload: &[u8]) {
    let mut frame = vec![131, 68, 0];
    frame.extend_from_slice(&bare(&to_probe(peer)));
    frame.extend_from_slice(payload);
    peer.write_frame(&frame).await;
}

async fn payload(probe: &mut Probe) -> Payload {
    match probe.next().await {
        Received::Message(payload) => payload,
        other => panic!("a message was due, not {other:?}"),
    }
}

/// A distribution header: for each atom its slot and, when it is new, its text.
fn header(refs: &[(u16, Option<&str>)], long: bool) -> Vec<u8> {
    let mut nibbles: Vec<u8> = refs
        .iter()
        .map(|(slot, text)| (slot >> 8) as u8 | if text.is_some() { 8 } else { 0 })
        .collect();
    nibbles.push(u8::from(long));
    let mut out = vec![131, 68, refs.len() as u8];
    out.extend(
        nibbles
            .chunks(2)
            .map(|pair| pair[0] | pair.get(1).unwrap_or(&0) << 4),
    );
    for (slot, text) in refs {
        out.push(*slot as u8);
        if let Some(text) = text {
            match long {
                true => out.extend_from_slice(&(text.len() as u16).to_be_bytes()),
                false => out.push(text.len() as u8),
            }
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// REG_SEND to `probe` of a tuple of these cache references, after `header`.
async fn send_refs(peer: &mut Peer, header: &[u8], refs: &[u8]) {
    let mut frame = header.to_vec();
    frame.extend_from_slice(&bare(&to_probe(peer)));
    frame.extend_from_slice(&[104, refs.len() as u8]);
    for index in refs {
        frame.extend_from_slice(&[82, *index]);
    }
    peer.write_frame(&frame).await;
}

on_every_release! {
    /// The registration's socket was dropped when the start was done, and the name with it.
    async fn epmd_lease_dropped_at_once(release) {
        let world = World::start(release).await;
        let rust = world.node("rust").await;
        // Not even the handle is kept: the node runs on.
        drop(rust);
        let epmd = world.epmd().expect("OTP's epmd");
        epmd.output().line_with("registering 'rust").await;
        let erl = world.erl("erl").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("disconnect_node('rust@127.0.0.1')", "true").await;
        erl.expect("net_adm:ping('rust@127.0.0.1')", "pong").await;
        erl.expect("{ok, Ns} = erl_epmd:names(), lists:keymember(\"rust\", 1, Ns)", "true").await;
        assert!(!epmd.output().contains("unregistering 'rust"), "{}", epmd.output().tail());
    }

    /// A read timeout of ten seconds closed connections on which nothing but ticks went.
    async fn idle_link_closed(release) {
        let world = World::start(release).await;
        let (rust, erl, _probe) = setting(&world).await;
        erl.expect("monitor_node('rust@127.0.0.1', true)", "true").await;
        let _quiet = Peer::dial(&rust, "quiet@127.0.0.1", "secret").await;
        let mut watch = Watch::on(&rust);
        watch.nothing_goes_down_for(Duration::from_secs(12)).await;
        erl.expect("erland_helper:flush()", "[]").await;
        unharmed(&rust, &erl).await;
    }

    /// UNLINK_ID with id 0, on which OTP closes the connection.
    async fn unlink_id_zero(release) {
        let world = World::start(release).await;
        let (rust, erl, mut probe) = setting(&world).await;
        let theirs = probe.learn_pid(&erl, "erland_helper:collector()").await;
        for _ in 0..3 {
            probe.link(&theirs).await;
            probe.unlink(&theirs).await;
        }
        // What the ids are, as a peer sees them.
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        let other = peer.pid(7);
        let mut ids = Vec::new();
        for _ in 0..3 {
            probe.link(&other).await;
            match peer.next_signal().await {
                Some((Control::Link { from, to }, _)) => {
                    assert_eq!((&from, &to), (probe.pid(), &other));
                }
                signal => panic!("a link was due, not {signal:?}"),
            }
            probe.unlink(&other).await;
            let Some((Control::UnlinkId { id, .. }, _)) = peer.next_signal().await else {
                panic!("an unlink was due");
            };
            assert_ne!(id, 0);
            assert!(!ids.contains(&id), "each unlink has its own id");
            ids.push(id);
            let ack = Term::from((36_i64, id, other.clone(), probe.pid().clone()));
            peer.signal(&ack, None).await;
        }
        // One that sends 0 itself breaks the protocol, and only its own link.
        let mut watch = Watch::on(&rust);
        let unlink = Term::from((35_i64, 0_i64, other.clone(), probe.pid().clone()));
        peer.signal(&unlink, None).await;
        let reason = watch.down("odd@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::Protocol(_)), "{reason}");
        peer.closed().await;
        unharmed(&rust, &erl).await;
    }

    /// A cache indexed by the one byte on the wire, although three bits of segment belong to it,
    /// and references in terms taken for cache indices, although they are places in the header.
    async fn one_byte_index_atom_cache(release) {
        let world = World::start(release).await;
        let (rust, erl, mut probe) = setting(&world).await;
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        // The same byte in four segments: four atoms.
        let new = [
            (0x005, Some("in_segment_0")),
            (0x105, Some("in_segment_1")),
            (0x305, Some("in_segment_3")),
            (0x705, Some("in_segment_7")),
        ];
        send_refs(&mut peer, &header(&new, false), &[0, 1, 2, 3]).await;
        assert_eq!(probe.message().await, "{in_segment_0,in_segment_1,in_segment_3,in_segment_7}");
        // Used again in another order: place 0 is slot 0x705 now.
        let old = [(0x705, None), (0x105, None), (0x005, None)];
        send_refs(&mut peer, &header(&old, false), &[0, 1, 2, 0]).await;
        assert_eq!(probe.message().await, "{in_segment_7,in_segment_1,in_segment_0,in_segment_7}");
        // A slot given anew loses what it had; the others keep it.
        let mixed = [(0x105, Some("replaced")), (0x305, None)];
        send_refs(&mut peer, &header(&mixed, false), &[1, 0]).await;
        assert_eq!(probe.message().await, "{in_segment_3,replaced}");
        send_refs(&mut peer, &header(&[(0x105, None)], false), &[0]).await;
        assert_eq!(probe.message().await, "{replaced}");
        drop(peer);
        // And a live node, with more atoms than a byte counts: cached first, used later.
        for _ in 0..2 {
            erl.expect(
                "[{probe, 'rust@127.0.0.1'} ! {list_to_atom(\"a\" ++ integer_to_list(I)), I}
                    || I <- lists:seq(1, 1500)], ok",
                "ok",
            )
            .await;
            for number in 1..=1500 {
                assert_eq!(probe.message().await, format!("{{a{number},{number}}}"));
            }
        }
        unharmed(&rust, &erl).await;
    }

    /// The bit for two-byte lengths sits in the nibble after the last atom's: in the high half of
    /// the last byte when their number is odd.
    async fn odd_long_atom_header(release) {
        let world = World::start(release).await;
        let (rust, erl, mut probe) = setting(&world).await;
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        let long = "\u{20ac}".repeat(255);
        for count in 1..=6_u8 {
            // The long one first, then short ones with lengths of two bytes as well.
            let names: Vec<String> = (1..count).map(|number| format!("short{number}")).collect();
            let mut refs = vec![(0x2aa, Some(long.as_str()))];
            for (place, name) in names.iter().enumerate() {
                refs.push((0x100 + place as u16, Some(name.as_str())));
            }
            let indices: Vec<u8> = (0..count).collect();
            send_refs(&mut peer, &header(&refs, true), &indices).await;
            let message = probe.next_term().await;
            let elements = message.as_tuple().expect("a tuple");
            assert!(elements[0].is_atom(&long), "{count} atoms");
            for (name, element) in names.iter().zip(&elements[1..]) {
                assert!(element.is_atom(name), "{element} for {name} of {count}");
            }
        }
        drop(peer);
        // A live node's header: the long atom with none to five short ones.
        for count in 0..=5 {
            erl.expect(
                &format!(
                    "{{probe, 'rust@127.0.0.1'}} ! [list_to_atom(lists:duplicate(255, 8364))
                        | [list_to_atom(\"s{count}_\" ++ integer_to_list(I)) || I <- lists:seq(1, {count})]], ok"
                ),
                "ok",
            )
            .await;
            let message = probe.next_term().await;
            let list = message.as_list().expect("a list");
            assert_eq!(list.len(), count + 1);
            assert!(list.get(0).is_some_and(|first| first.is_atom(&long)));
        }
        unharmed(&rust, &erl).await;
    }

    /// Memory reserved for what a header of six bytes claims to hold.
    async fn six_byte_list_header_that_claims_4_billion_elements(release) {
        let world = World::start(release).await;
        let (rust, erl, mut probe) = setting(&world).await;
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        let claims: &[&[u8]] = &[
            &[108, 0xff, 0xff, 0xff, 0xff, 106],
            // The same claim by a tuple, a map, a binary, a bit string and a big integer.
            &[105, 0xff, 0xff, 0xff, 0xff, 106],
            &[116, 0xff, 0xff, 0xff, 0xff, 106],
            &[109, 0xff, 0xff, 0xff, 0xff, 106],
            &[77, 0xff, 0xff, 0xff, 0xff, 1],
            &[111, 0xff, 0xff, 0xff, 0xff, 0],
        ];
        for claim in claims {
            send_payload(&mut peer, claim).await;
            let received = payload(&mut probe).await;
            assert!(received.to_term().is_err(), "{claim:?} is no term");
        }
        // Nested, each level with a claim of its own.
        send_payload(&mut peer, &[108, 0xff, 0xff, 0xff, 0xff].repeat(100_000)).await;
        assert!(payload(&mut probe).await.to_term().is_err());
        // The link stands; a sound message follows.
        peer.signal(&to_probe(&peer), Some(&Term::from(atom!("sound")))).await;
        assert_eq!(probe.message().await, "sound");
        // In place of the control message it ends that link, and nothing else.
        let mut watch = Watch::on(&rust);
        peer.write_frame(&[131, 68, 0, 108, 0xff, 0xff, 0xff, 0xff, 106]).await;
        let reason = watch.down("odd@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::Protocol(_)), "{reason}");
        peer.closed().await;
        unharmed(&rust, &erl).await;
    }

    /// A stack overflow on terms nested very deep: on decoding, printing, comparing, dropping.
    async fn nesting_bomb(release) {
        let world = World::start(release).await;
        let (rust, erl, mut probe) = setting(&world).await;
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        let levels: &[(&[u8], &[u8])] = &[
            (&[108, 0, 0, 0, 1], &[106]),
            (&[104, 1], &[]),
            (&[116, 0, 0, 0, 1, 97, 1], &[]),
        ];
        for (open, close) in levels {
            let mut bomb = open.repeat(200_000);
            bomb.push(106);
            bomb.extend(close.repeat(200_000));
            send_payload(&mut peer, &bomb).await;
            let received = payload(&mut probe).await;
            let taken = tokio::task::spawn_blocking(move || {
                let term = received.to_term().expect("deep, but a term");
                assert!(term == term.clone());
                assert!(format!("{term:?}").len() > 200_000);
                assert!(term.to_string().len() > 200_000);
            });
            within("the deep term to be used", taken).await.expect("no panic");
            // Cut short it is no term, and dropping what was built is as deep.
            let half = &bomb[..open.len() * 180_000];
            send_payload(&mut peer, half).await;
            let received = payload(&mut probe).await;
            assert!(received.to_term().is_err());
        }
        // As an exit reason, which is decoded by the process it ends; and as a control message.
        let mut bomb = [104, 1].repeat(200_000);
        bomb.push(106);
        let victim = Probe::start(&rust);
        let watched = probe.monitor(victim.pid()).await;
        let exit = Term::from((26_i64, peer.pid(1), victim.pid().clone()));
        let mut frame = vec![131, 68, 0];
        frame.extend_from_slice(&bare(&exit));
        frame.extend_from_slice(&bomb);
        peer.write_frame(&frame).await;
        match probe.next().await {
            Received::Down(down) => assert_eq!(down.reference, watched),
            other => panic!("a down was due, not {other:?}"),
        }
        let mut watch = Watch::on(&rust);
        let mut frame = vec![131, 68, 0];
        frame.extend_from_slice(&bomb);
        peer.write_frame(&frame).await;
        let reason = watch.down("odd@127.0.0.1").await;
        assert!(matches!(reason, NodeDownReason::Protocol(_)), "{reason}");
        unharmed(&rust, &erl).await;
    }

    /// One undecodable payload took the whole connection, or the node, with it.
    async fn payload_that_does_not_decode(release) {
        let world = World::start(release).await;
        let (rust, erl, mut probe) = setting(&world).await;
        let mut peer = Peer::dial(&rust, "odd@127.0.0.1", "secret").await;
        let payloads: &[&[u8]] = &[
            // An unknown tag, a version byte where none belongs, text that is no UTF-8, an atom
            // reference without an atom, a float that is not a number, a bomb's compressed tag.
            &[0],
            &[255, 1, 2, 3],
            &[131, 97, 1],
            &[119, 2, 0xff, 0xfe],
            &[82, 9],
            &[70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
            &[80, 0xff, 0xff, 0xff, 0xff, 1],
            &[104, 3, 97, 1],
        ];
        let mut watch = Watch::on(&rust);
        for bytes in payloads {
            send_payload(&mut peer, bytes).await;
            let received = payload(&mut probe).await;
            // The receiver hears of it and has the bytes.
            assert!(received.to_term().is_err(), "{bytes:?}");
            assert_eq!(received.raw().map(|raw| &raw.bytes()[..]), Some(*bytes));
            peer.signal(&to_probe(&peer), Some(&Term::from(atom!("sound")))).await;
            assert_eq!(probe.message().await, "sound");
        }
        // As an exit reason: the signal stands.
        let victim = Probe::trapping(&rust).await;
        let watched = probe.monitor(victim.pid()).await;
        let mut frame = vec![131, 68, 0];
        frame.extend_from_slice(&bare(&Term::from((26_i64, peer.pid(1), victim.pid().clone()))));
        frame.push(0);
        peer.write_frame(&frame).await;
        let mut victim = victim;
        match victim.next().await {
            Received::Exit(exit) => assert_eq!(exit.from, peer.pid(1)),
            other => panic!("an exit was due, not {other:?}"),
        }
        // To nobody it is dropped unread.
        let nobody = Term::from((6_i64, peer.pid(1), atom!(""), name_of("nobody")));
        let mut frame = vec![131, 68, 0];
        frame.extend_from_slice(&bare(&nobody));
        frame.push(0);
        peer.write_frame(&frame).await;
        peer.signal(&to_probe(&peer), Some(&Term::from(atom!("sound")))).await;
        assert_eq!(probe.message().await, "sound");
        watch.nothing_goes_down_for(Duration::ZERO).await;
        let _ = watched;
        unharmed(&rust, &erl).await;
    }
}
