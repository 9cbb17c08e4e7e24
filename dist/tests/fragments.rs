//! Reassembly: what may be interleaved, what ends the link, and what it may cost.

mod common;

use bytes::BufMut;
use common::*;
use erland_dist::{
    ConnectionLimits, Control, ControlError, Event, Flags, FragmentBudget, FrameFault, FrameKind,
    Op, ProtocolError,
};
use erland_etf::Term;

fn lead(tag: u8, sequence: u64, fragment: u64) -> Vec<u8> {
    let mut out = vec![131, tag];
    out.put_u64(sequence);
    out.put_u64(fragment);
    out
}

/// A first fragment with an empty list of references.
fn first(sequence: u64, fragment: u64, control: &[u8], part: &[u8]) -> Vec<u8> {
    [&lead(69, sequence, fragment)[..], &[0], control, part].concat()
}

fn next(sequence: u64, fragment: u64, part: &[u8]) -> Vec<u8> {
    [&lead(70, sequence, fragment)[..], part].concat()
}

fn send_to(name: &str) -> Vec<u8> {
    tuple([Term::from(6), Term::from(p1()), term(""), term(name)])
}

fn exit2() -> Vec<u8> {
    tuple([Term::from(26), Term::from(p1()), Term::from(q())])
}

fn receiver() -> Receiver {
    Receiver::new(all_flags())
}

fn big(len: usize) -> (Term, Vec<u8>) {
    let term = Term::binary((0..len).map(|index| index as u8).collect::<Vec<_>>());
    let bytes = encoded(&term).to_vec();
    (term, bytes)
}

#[test]
fn single_fragment_is_a_whole_message() {
    let (control, payload) = receiver().message(&first(9, 1, &exit2(), &encoded(&term("foo"))));
    assert!(matches!(control, Control::Exit2 { .. }));
    assert_eq!(payload, term("foo"));
}

#[test]
fn three_fragments_of_which_the_first_has_no_payload() {
    let bytes = encoded(&term("hello"));
    let mut receiver = receiver();
    assert!(
        receiver
            .body(&first(9, 3, &send_to("srv"), &[]))
            .unwrap()
            .is_empty()
    );
    assert!(receiver.body(&next(9, 2, &bytes[..3])).unwrap().is_empty());
    let (control, payload) = receiver.message(&next(9, 1, &bytes[3..]));
    assert!(matches!(control, Control::RegSend { name, .. } if name == "srv"));
    assert_eq!(payload, term("hello"));
    // The id is free again.
    let (_, payload) = receiver.message(&first(9, 1, &send_to("srv"), &bytes));
    assert_eq!(payload, term("hello"));
}

#[test]
fn payload_may_be_split_anywhere_and_others_come_between() {
    let (one, one_bytes) = big(300);
    let (two, two_bytes) = big(500);
    for split in [0, 1, 4, 299, 304, 305] {
        let mut receiver = receiver();
        receiver
            .body(&first(1, 2, &send_to("one"), &one_bytes[..split]))
            .unwrap();
        receiver
            .body(&first(u64::MAX, 3, &send_to("two"), &two_bytes[..split]))
            .unwrap();
        // A whole message, a tick and an unknown operation between the fragments.
        let (_, payload) = receiver.message(&plain(&exit2(), &encoded(&term("foo"))));
        assert_eq!(payload, term("foo"));
        assert!(matches!(
            receiver.bytes(&[0; 4]).unwrap()[..],
            [Event::Tick]
        ));
        receiver
            .body(&plain(&tuple([Term::from(99)]), &[]))
            .unwrap();

        receiver.body(&next(u64::MAX, 2, &[])).unwrap();
        let (_, payload) = receiver.message(&next(1, 1, &one_bytes[split..]));
        assert_eq!(payload, one);
        let (control, payload) = receiver.message(&next(u64::MAX, 1, &two_bytes[split..]));
        assert!(matches!(control, Control::RegSend { name, .. } if name == "two"));
        assert_eq!(payload, two);
    }
}

#[test]
fn references_of_the_first_fragment_hold_for_all() {
    let mut receiver = receiver();
    let refs = hex(r#"02 88 00 05 03 "one" 06 03 "two""#);
    let body = [&lead(69, 7, 2)[..], &refs, &send_to("srv"), &[104, 2, 82]].concat();
    assert!(receiver.body(&body).unwrap().is_empty());
    // The slots get other atoms while the message is under way.
    let other = hex(r#"8344 02 88 00 05 01 "x" 06 01 "y""#);
    receiver
        .body(&[&other[..], &send_to("srv"), &[106]].concat())
        .unwrap();
    let (_, payload) = receiver.message(&next(7, 1, &[0, 82, 1]));
    assert_eq!(payload, Term::tuple([term("one"), term("two")]));
}

fn fault(receiver: &mut Receiver, body: &[u8]) -> (FrameKind, FrameFault) {
    match receiver.body(body) {
        Err(ProtocolError::Malformed { frame, kind }) => (frame, kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fragments_out_of_order_close_the_link() {
    for received in [0, 1, 3, 4, u64::MAX] {
        let mut receiver = receiver();
        receiver.body(&first(9, 3, &exit2(), &[106])).unwrap();
        let expected = 2;
        assert_eq!(
            fault(&mut receiver, &next(9, received, &[])),
            (
                FrameKind::Fragment,
                FrameFault::FragmentOrder { expected, received }
            )
        );
    }
}

#[test]
fn unknown_and_reused_sequences_close_the_link() {
    let sequence = 9;
    let unknown = (
        FrameKind::Fragment,
        FrameFault::UnknownSequence { sequence },
    );
    assert_eq!(fault(&mut receiver(), &next(9, 1, &[])), unknown);
    let mut finished = receiver();
    finished.body(&first(9, 1, &exit2(), &[106])).unwrap();
    assert_eq!(fault(&mut finished, &next(9, 1, &[])), unknown);

    for fragment in [1, 2] {
        let mut receiver = receiver();
        receiver.body(&first(9, 2, &exit2(), &[106])).unwrap();
        assert_eq!(
            fault(&mut receiver, &first(9, fragment, &exit2(), &[106])),
            (
                FrameKind::FirstFragment,
                FrameFault::SequenceInUse { sequence }
            )
        );
    }
}

#[test]
fn numbers_no_message_has_close_the_link() {
    assert_eq!(
        fault(&mut receiver(), &first(0, 2, &exit2(), &[106])),
        (FrameKind::FirstFragment, FrameFault::SequenceZero)
    );
    assert_eq!(
        fault(&mut receiver(), &first(9, 0, &exit2(), &[106])),
        (FrameKind::FirstFragment, FrameFault::FragmentZero)
    );
    // A count claims nothing.
    receiver()
        .body(&first(9, u64::MAX, &exit2(), &[106]))
        .unwrap();
}

#[test]
fn fragments_must_be_negotiated() {
    let flags = all_flags() - Flags::FRAGMENTS;
    for (frame, body) in [
        (FrameKind::FirstFragment, first(9, 1, &exit2(), &[106])),
        (FrameKind::Fragment, next(9, 1, &[106])),
    ] {
        let kind = FrameFault::FragmentsNotNegotiated;
        assert_eq!(fault(&mut Receiver::new(flags), &body), (frame, kind));
    }
}

#[test]
fn control_message_must_be_in_the_first_fragment() {
    let control = exit2();
    let (frame, kind) = fault(&mut receiver(), &first(9, 2, &control[..20], &[]));
    assert_eq!(frame, FrameKind::FirstFragment);
    assert!(matches!(
        kind,
        FrameFault::Control(ControlError::Element {
            op: Op::PayloadExit2,
            ..
        })
    ));
}

#[test]
fn fragmented_message_without_payload_is_one_without_payload() {
    let mut receiver = receiver();
    receiver.body(&first(9, 2, &exit2(), &[])).unwrap();
    let missing = ControlError::PayloadMissing {
        op: Op::PayloadExit2,
    };
    assert_eq!(
        fault(&mut receiver, &next(9, 1, &[])),
        (FrameKind::Fragment, FrameFault::Control(missing))
    );
}

#[test]
fn payload_that_does_not_decode_closes_nothing() {
    let mut receiver = receiver();
    receiver.body(&first(9, 2, &exit2(), &[109, 0])).unwrap();
    let (_, payload) = receiver.signal(&next(9, 1, &[255, 255]));
    let payload = payload.unwrap();
    assert_eq!(payload.bytes()[..], [109, 0, 255, 255]);
    assert!(payload.to_term().is_err());
}

/// Operations without payload, with the reason in the tuple, and unknown ones: what their later
/// fragments carry is nothing to anybody, and costs nothing.
#[test]
fn fragments_nobody_asked_for_are_ignored() {
    let mut limits = ConnectionLimits::default();
    limits.max_fragment_bytes = 20_000;
    let mut receiver = Receiver::with_limits(all_flags(), limits);
    let junk = [7; 1000];
    let link = tuple([Term::from(1), Term::from(p1()), Term::from(q())]);
    let exit = tuple([
        Term::from(3),
        Term::from(p1()),
        Term::from(q()),
        term("foo"),
    ]);
    let unknown = tuple([Term::from(99)]);
    receiver.body(&first(1, 50, &link, &junk)).unwrap();
    receiver.body(&first(2, 50, &exit, &junk)).unwrap();
    receiver.body(&first(3, 50, &unknown, &junk)).unwrap();
    for fragment in (2..50).rev() {
        for sequence in 1..=3 {
            assert!(
                receiver
                    .body(&next(sequence, fragment, &junk))
                    .unwrap()
                    .is_empty()
            );
        }
    }
    let (control, payload) = receiver.signal(&next(1, 1, &junk));
    assert!(matches!(control, Control::Link { .. }) && payload.is_none());
    let (control, payload) = receiver.message(&next(2, 1, &junk));
    assert!(matches!(control, Control::Exit { .. }));
    assert_eq!(payload, term("foo"));
    let events = receiver.body(&next(3, 1, &junk)).unwrap();
    assert!(matches!(events[..], [Event::UnknownControl { op: 99 }]));
}

#[test]
fn open_sequences_are_limited_in_number() {
    let mut limits = ConnectionLimits::default();
    limits.max_sequences = 3;
    let mut receiver = Receiver::with_limits(all_flags(), limits);
    for round in 0..5 {
        for sequence in 1..=3 {
            receiver
                .body(&first(sequence, 2, &exit2(), &[106]))
                .unwrap();
        }
        // Finished ones make room.
        for sequence in 1..=3 {
            receiver.body(&next(sequence, 1, &[round])).unwrap();
        }
    }
    for sequence in 1..=3 {
        receiver
            .body(&first(sequence, 2, &exit2(), &[106]))
            .unwrap();
    }
    assert_eq!(
        receiver.body(&first(4, 2, &exit2(), &[106])).unwrap_err(),
        ProtocolError::FragmentBudget(FragmentBudget::Sequences)
    );
}

#[test]
fn stored_bytes_are_limited_and_given_back() {
    let mut limits = ConnectionLimits::default();
    limits.max_fragment_bytes = 100_000;
    let part = [0; 10_000];
    let mut receiver = Receiver::with_limits(all_flags(), limits);
    for sequence in 1..100 {
        receiver.body(&first(sequence, 5, &exit2(), &part)).unwrap();
        for fragment in (1..5).rev() {
            receiver.body(&next(sequence, fragment, &part)).unwrap();
        }
    }
    receiver.body(&first(1, 1000, &exit2(), &part)).unwrap();
    receiver.body(&first(2, 1000, &exit2(), &part)).unwrap();
    let mut error = None;
    for fragment in (1..1000).rev() {
        error = receiver.body(&next(1, fragment, &part)).err();
        if error.is_some() {
            break;
        }
    }
    let expected = ProtocolError::FragmentBudget(FragmentBudget::Bytes);
    assert_eq!(error, Some(expected));
}

/// Empty fragments and messages that only begin cost something as well.
#[test]
fn beginnings_are_charged() {
    let mut limits = ConnectionLimits::default();
    limits.max_fragment_bytes = 1_000_000;
    let mut receiver = Receiver::with_limits(all_flags(), limits);
    let error = (1..10_000)
        .find_map(|sequence| receiver.body(&first(sequence, 2, &exit2(), &[])).err())
        .unwrap();
    assert_eq!(error, ProtocolError::FragmentBudget(FragmentBudget::Bytes));
}

#[test]
fn reassembled_message_is_no_longer_than_a_frame_may_be() {
    let mut limits = ConnectionLimits::default();
    limits.max_frame = 5000;
    let mut receiver = Receiver::with_limits(all_flags(), limits);
    let part = [0; 1000];
    receiver.body(&first(1, 100, &exit2(), &part)).unwrap();
    for fragment in (96..100).rev() {
        receiver.body(&next(1, fragment, &part)).unwrap();
    }
    assert_eq!(
        receiver.body(&next(1, 95, &[0])).unwrap_err(),
        ProtocolError::FragmentBudget(FragmentBudget::Message)
    );
}

/// Fragments of the size that OTP uses.
#[test]
fn large_message_in_fragments_of_64_kib() {
    let (term, bytes) = big(3_000_000);
    let parts: Vec<&[u8]> = bytes.chunks(65_536).collect();
    let mut receiver = receiver();
    let count = parts.len() as u64;
    receiver.body(&first(5, count + 1, &exit2(), &[])).unwrap();
    for (part, fragment) in parts[..parts.len() - 1].iter().zip((2..=count).rev()) {
        assert!(receiver.body(&next(5, fragment, part)).unwrap().is_empty());
    }
    let (_, payload) = receiver.message(&next(5, 1, parts[parts.len() - 1]));
    assert_eq!(payload, term);
}
