//! What is sent: how fragments are cut, in which order frames leave, and who has to wait.

mod common;

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use common::*;
use erland_dist::{Control, EncodeError, Flags, Outbound, OutboundLimits};
use erland_etf::{Pid, Term};

fn receiver() -> Receiver {
    Receiver::new(all_flags())
}

const KIB: usize = 1024;

fn sender(id: u32) -> Pid {
    Pid::new(beam(), id, 0)
}

fn message(id: u32, name: &str) -> Control {
    Control::RegSend {
        from: sender(id),
        name: atom(name),
        token: None,
    }
}

fn send(outbound: &mut Outbound, id: u32, name: &str, payload: &Bytes) {
    let control = message(id, name);
    outbound
        .push(Some(&sender(id)), &control, Some(payload.into()))
        .expect("it can be sent");
}

fn link(id: u32) -> Control {
    Control::Link {
        from: sender(id),
        to: q(),
    }
}

/// The bodies of the frames of one turn.
fn turn(outbound: &mut Outbound) -> Vec<Vec<u8>> {
    let mut segments = VecDeque::new();
    outbound.transmit(&mut segments);
    let stream = segments.make_contiguous().concat();
    outbound.sent(stream.len());
    bodies(&stream)
}

fn bodies(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    while !stream.is_empty() {
        let len = stream.get_u32() as usize;
        let (body, rest) = stream.split_at(len);
        bodies.push(body.to_vec());
        stream = rest;
    }
    bodies
}

/// Kind, sequence and fragment number of a frame: as in "a message", "fragment 3 of sequence 1".
fn kinds(bodies: &[Vec<u8>]) -> Vec<(u8, u64, u64)> {
    let kind = |body: &Vec<u8>| match body[1] {
        68 => (68, 0, 0),
        tag => {
            let mut rest = &body[2..];
            (tag, rest.get_u64(), rest.get_u64())
        }
    };
    bodies.iter().map(kind).collect()
}

/// The sizes that were seen of an OTP node: 24 bytes of packet around the first fragment's 65,536,
/// 18 around the others'.
#[test]
fn fragments_are_cut_as_otp_cuts_them() {
    let payload = encoded(&Term::binary(vec![7; 200_000]));
    let control =
        sent(all_flags(), &message(1, "srv"), Some(&encoded(&term("x")))).len() - 4 - 3 - 3;
    let mut outbound = Outbound::with_limits(all_flags(), uncached());
    send(&mut outbound, 1, "srv", &payload);
    let stream = drain(&mut outbound);
    let all = bodies(&stream);
    let expected = [(69, 1, 4), (70, 1, 3), (70, 1, 2), (70, 1, 1)];
    assert_eq!(kinds(&all), expected);
    let rest = control + payload.len() - 3 * 65_536;
    let sizes: Vec<usize> = all.iter().map(Vec::len).collect();
    // The number of atom references is one byte of the first.
    assert_eq!(sizes, [65_536 + 19, 65_536 + 18, 65_536 + 18, rest + 18]);
    let (_, received) = one_signal(receiver().bytes(&stream).unwrap());
    assert_eq!(received.unwrap().bytes(), &payload);
}

#[test]
fn only_what_is_larger_than_a_fragment_is_cut() {
    let control =
        sent(all_flags(), &message(1, "srv"), Some(&encoded(&term("x")))).len() - 4 - 3 - 3;
    for over in [0, 1, 2] {
        let payload = encoded(&Term::binary(vec![7; 65_536 - control - 5 + over]));
        let mut outbound = Outbound::with_limits(all_flags(), uncached());
        send(&mut outbound, 1, "srv", &payload);
        let all = bodies(&drain(&mut outbound));
        if over == 0 {
            assert_eq!(kinds(&all), [(68, 0, 0)]);
        } else {
            assert_eq!(kinds(&all), [(69, 1, 2), (70, 1, 1)]);
            assert_eq!(all[1].len(), 18 + over);
        }
    }
    // Nor is anything where fragments were not negotiated.
    let payload = encoded(&Term::binary(vec![7; 200_000]));
    for flags in [all_flags() - Flags::FRAGMENTS, Flags::default()] {
        let stream = sent(flags, &message(1, "srv"), Some(&payload));
        assert_eq!(bodies(&stream).len(), 1);
        let (_, received) = one_signal(Receiver::new(flags).bytes(&stream).unwrap());
        assert_eq!(received.unwrap().bytes(), &payload);
    }
}

/// The control message is in the first fragment whole, however long it is.
#[test]
fn control_message_longer_than_a_fragment() {
    let token = Term::tuple([
        int(1),
        Term::binary(vec![1; 100_000]),
        int(1),
        pid(1),
        int(0),
    ]);
    let control = Control::RegSend {
        from: sender(1),
        name: atom("srv"),
        token: Some(Box::new(token)),
    };
    let payload = encoded(&Term::binary(vec![7; 100_000]));
    let mut outbound = Outbound::new(all_flags());
    outbound
        .push(Some(&sender(1)), &control, Some((&payload).into()))
        .unwrap();
    let stream = drain(&mut outbound);
    assert_eq!(
        kinds(&bodies(&stream)),
        [(69, 1, 3), (70, 1, 2), (70, 1, 1)]
    );
    let (received, _) = one_signal(receiver().bytes(&stream).unwrap());
    assert_eq!(received, control);
    // One without payload is not cut at all, nor one whose payload is in the tuple.
    let flags = all_flags() - Flags::EXIT_PAYLOAD;
    let exit = Control::Exit {
        from: sender(1),
        to: q(),
        token: None,
    };
    let stream = sent(flags, &exit, Some(&payload));
    assert_eq!(kinds(&bodies(&stream)), [(68, 0, 0)]);
}

fn int(value: u64) -> Term {
    Term::from(value)
}

fn pid(id: u32) -> Term {
    Term::from(sender(id))
}

/// Fragments are parts of the payload, not copies of it.
#[test]
fn fragments_are_not_copied() {
    let payload = encoded(&Term::binary(vec![7; 300_000]));
    let mut outbound = Outbound::new(all_flags());
    send(&mut outbound, 1, "srv", &payload);
    let mut segments = VecDeque::new();
    outbound.transmit(&mut segments);
    let memory = payload.as_ptr() as usize..payload.as_ptr() as usize + payload.len();
    let parts = segments
        .iter()
        .filter(|segment| memory.contains(&(segment.as_ptr() as usize)));
    assert_eq!(parts.map(Bytes::len).sum::<usize>(), payload.len());
}

/// All that is queued, then four fragments, one of each sender's message by turns.
#[test]
fn turns_are_round_robin_behind_what_is_queued() {
    let payload = encoded(&Term::binary(vec![7; 6 * 64 * KIB]));
    let small = encoded(&term("small"));
    let mut outbound = Outbound::new(all_flags());
    for id in [1, 2, 3] {
        send(&mut outbound, id, "large", &payload);
    }
    send(&mut outbound, 4, "small", &small);
    let next = kinds(&turn(&mut outbound));
    let firsts = [(69, 1, 7), (69, 2, 7), (69, 3, 7), (68, 0, 0)];
    assert_eq!(next[..4], firsts);
    assert_eq!(next[4..], [(70, 1, 6), (70, 2, 6), (70, 3, 6), (70, 1, 5)]);
    send(&mut outbound, 5, "small", &small);
    outbound.push_tick();
    let mut segments = VecDeque::new();
    outbound.transmit(&mut segments);
    let stream = segments.make_contiguous().concat();
    let tick = bodies(&stream).iter().position(Vec::is_empty);
    assert_eq!(tick, Some(1));
    let mut rest = bodies(&stream);
    rest.retain(|body| !body.is_empty());
    let expected = [(68, 0, 0), (70, 2, 5), (70, 3, 5), (70, 1, 4), (70, 2, 4)];
    assert_eq!(kinds(&rest), expected);
}

/// Signals of every kind wait behind the message of their own sender, in order; a later large one
/// begins when it gets there. Nobody else waits.
#[test]
fn signals_of_one_sender_stay_in_order() {
    let large = encoded(&Term::binary(vec![7; 300_000]));
    let reason = encoded(&term("reason"));
    let mut outbound = Outbound::new(all_flags() - Flags::ALTACT_SIG);
    let us = sender(1);
    send(&mut outbound, 1, "large", &large);
    let hidden = [
        Control::MonitorPExit {
            from: erland_dist::Target::Name(atom("name")),
            to: q(),
            reference: our_ref(),
        },
        Control::AliasSend {
            from: sender(1),
            alias: our_ref(),
            token: None,
        },
        Control::Exit2 {
            from: sender(1),
            to: q(),
            token: None,
        },
    ];
    let leader = Control::GroupLeader {
        leader: sender(9),
        to: q(),
    };
    outbound.push(Some(&us), &link(1), None).unwrap();
    outbound.push(Some(&us), &leader, None).unwrap();
    for control in &hidden {
        outbound
            .push(Some(&us), control, Some((&reason).into()))
            .unwrap();
    }
    send(&mut outbound, 1, "again", &large);
    outbound
        .push(
            Some(&us),
            &Control::Exit {
                from: us.clone(),
                to: q(),
                token: None,
            },
            Some((&reason).into()),
        )
        .unwrap();
    assert!(outbound.held() > large.len());
    outbound.push(Some(&sender(2)), &link(2), None).unwrap();
    outbound.push(None, &link(1), None).unwrap();

    let mut receiver = receiver();
    let mut controls = Vec::new();
    for event in receiver.bytes(&drain(&mut outbound)).unwrap() {
        controls.push(one_signal(vec![event]).0);
    }
    let mut expected = vec![link(2), link(1), message(1, "large"), link(1), leader];
    expected.extend(hidden);
    expected.push(message(1, "again"));
    assert_eq!(controls[..expected.len()], expected);
    assert!(matches!(controls[expected.len()..], [Control::Exit { .. }]));
    assert_eq!(
        (outbound.held(), outbound.bulk(), outbound.queued()),
        (0, 0, 0)
    );
}

#[test]
fn what_cannot_be_said_is_refused_when_it_is_pushed() {
    let flags = all_flags() - Flags::ALIAS - Flags::ALTACT_SIG;
    let large = encoded(&Term::binary(vec![7; 300_000]));
    let mut outbound = Outbound::new(flags);
    send(&mut outbound, 1, "large", &large);
    let before = (outbound.held(), outbound.pending());
    let alias = Control::AliasSend {
        from: sender(1),
        alias: our_ref(),
        token: None,
    };
    let refused = outbound.push(Some(&sender(1)), &alias, Some((&large).into()));
    assert!(matches!(refused, Err(EncodeError::NotNegotiated { .. })));
    let refused = outbound.push(Some(&sender(1)), &link(1), Some((&large).into()));
    assert!(matches!(
        refused,
        Err(EncodeError::PayloadUnexpected { .. })
    ));
    assert_eq!((outbound.held(), outbound.pending()), before);
}

// ---- who has to wait ----

const MARK: usize = 1024 * KIB;

#[test]
fn large_message_of_one_holds_up_no_small_one_of_another() {
    let mut outbound = Outbound::new(all_flags());
    let huge = encoded(&Term::binary(vec![7; 20_000_000]));
    assert!(outbound.room_for(Some(&sender(1)), huge.len()));
    send(&mut outbound, 1, "huge", &huge);
    assert!(outbound.pending() > 19_900_000);
    assert!(outbound.room_for(Some(&sender(2)), 100));
    assert!(outbound.room_for(Some(&sender(2)), 100_000));
    assert!(outbound.room_for(None, 100));
    // Its own small ones go on up to the mark, its own large ones wait.
    assert!(outbound.room_for(Some(&sender(1)), 100));
    assert!(!outbound.room_for(Some(&sender(1)), 100_000));
    let small = encoded(&Term::binary(vec![1; 60 * KIB]));
    let mut taken = 0;
    while outbound.room_for(Some(&sender(1)), small.len()) {
        send(&mut outbound, 1, "small", &small);
        taken += 1;
    }
    assert_eq!(taken, MARK / (60 * KIB) + 1);
    assert!(outbound.room_for(Some(&sender(2)), 100));
    // What never waits is taken.
    outbound.push(Some(&sender(1)), &link(1), None).unwrap();
    // There is room again when it is finished.
    assert!(!outbound.relieved());
    drain(&mut outbound);
    assert!(outbound.relieved());
    assert!(!outbound.relieved(), "it was asked");
    assert!(outbound.room_for(Some(&sender(1)), huge.len()));
    assert_eq!(outbound.pending(), 0);
}

#[test]
fn queue_over_the_mark_holds_everybody_up() {
    let mut outbound = Outbound::new(all_flags());
    let payload = encoded(&Term::binary(vec![1; 50 * KIB]));
    while outbound.room_for(Some(&sender(1)), payload.len()) {
        send(&mut outbound, 1, "small", &payload);
    }
    assert!((MARK..MARK + 51 * KIB).contains(&outbound.queued()));
    assert!(!outbound.room_for(Some(&sender(2)), 1));
    // The first fragment of a large one would go there as well.
    assert!(!outbound.room_for(Some(&sender(2)), 100_000));
    // What is handed out and not written counts.
    let mut segments = VecDeque::new();
    outbound.transmit(&mut segments);
    assert!(!outbound.room_for(Some(&sender(2)), 1));
    outbound.sent(MARK / 3);
    assert!(outbound.room_for(Some(&sender(2)), 1));
    assert!(!outbound.relieved(), "not half empty yet");
    outbound.sent(MARK / 3);
    assert!(outbound.relieved());
}

#[test]
fn so_many_large_messages_are_under_way() {
    let mut outbound = Outbound::new(all_flags());
    let large = encoded(&Term::binary(vec![1; 10 * MARK]));
    for id in 1..=4 {
        assert!(outbound.room_for(Some(&sender(id)), large.len()));
        send(&mut outbound, id, "large", &large);
    }
    assert!(!outbound.room_for(Some(&sender(5)), large.len()));
    assert!(outbound.room_for(Some(&sender(5)), 100));
    let mut rounds = 0;
    while !outbound.room_for(Some(&sender(5)), large.len()) {
        assert!(!turn(&mut outbound).is_empty());
        rounds += 1;
    }
    assert!(outbound.bulk() <= MARK);
    assert!(outbound.relieved());
    assert!(rounds > 100);

    // Many that are just over a fragment are limited by their first fragments.
    let mut outbound = Outbound::new(all_flags());
    let payload = encoded(&Term::binary(vec![1; 66 * KIB]));
    let taken = (1..1000)
        .take_while(|id| {
            let room = outbound.room_for(Some(&sender(*id)), payload.len());
            if room {
                send(&mut outbound, *id, "large", &payload);
            }
            room
        })
        .count();
    assert!(taken <= 17, "{taken}");
}

/// Without fragments there is one queue.
#[test]
fn whole_messages_are_limited_by_the_queue() {
    let mut outbound = Outbound::new(all_flags() - Flags::FRAGMENTS);
    let large = encoded(&Term::binary(vec![1; 10 * MARK]));
    assert!(outbound.room_for(Some(&sender(1)), large.len()));
    send(&mut outbound, 1, "large", &large);
    assert!(!outbound.room_for(Some(&sender(2)), 1));
    assert_eq!((outbound.bulk(), outbound.held()), (0, 0));
}

/// No piece of the accounts is lost however the bytes are written.
#[test]
fn accounts_follow_what_is_written() {
    let mut limits = OutboundLimits::default();
    limits.fragment_size = 1000;
    limits.bulk_per_turn = 3000;
    let mut outbound = Outbound::with_limits(all_flags(), limits);
    let large = encoded(&Term::binary(vec![1; 50_000]));
    let small = encoded(&Term::binary(vec![2; 300]));
    let mut segments = VecDeque::new();
    let mut stream = BytesMut::new();
    let mut round = 0;
    while round < 100 || !outbound.is_empty() || !segments.is_empty() {
        if round < 100 {
            send(&mut outbound, round % 5, "small", &small);
            if round % 10 == 0 {
                send(&mut outbound, round % 7, "large", &large);
            }
        }
        if segments.is_empty() {
            outbound.transmit(&mut segments);
        }
        let mut room = 700;
        while let Some(front) = segments.front_mut() {
            let len = front.len().min(room);
            stream.extend_from_slice(&front[..len]);
            front.advance(len);
            room -= len;
            outbound.sent(len);
            if !front.is_empty() {
                break;
            }
            segments.pop_front();
        }
        round += 1;
    }
    assert_eq!(outbound.pending(), 0);
    assert_eq!(outbound.pushed_total(), stream.len() as u64);
    let events = receiver().bytes(&stream).unwrap();
    assert_eq!(events.len(), 110);
}
