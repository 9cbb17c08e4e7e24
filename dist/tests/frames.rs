//! Frames: packets captured from OTP 29 both ways, lengths, buffers and what ends a link.

mod common;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use common::*;
use erland_dist::{
    ConnectionLimits, Control, Destination, EncodeError, Event, Flags, FrameFault, FrameKind,
    FrameTooLarge, Inbound, LengthPrefix, Op, Outbound, ProtocolError, Target, split_frame,
};
use erland_etf::{Term, from_slice};

/// Packets of an OTP 29 node with `FRAGMENTS` and without atom cache, but for the last but one,
/// which is of a link in pass-through mode. `P1`, `Q` and `R` stand for the encoded pids and
/// reference.
fn captured() -> Vec<(&'static str, Flags, Control, Option<Term>)> {
    let headers = all_flags() - CACHE;
    let pass_through = all_flags() - CACHE - Flags::FRAGMENTS;
    let (from, to) = (p1(), q());
    let name = atom("srv");
    let token = None;
    let to_srv = Control::RegSend {
        from: from.clone(),
        name: name.clone(),
        token: None,
    };
    vec![
        (
            "834400 6803 6101 P1 Q",
            headers,
            Control::Link {
                from: from.clone(),
                to: to.clone(),
            },
            None,
        ),
        (
            "834400 6804 6123 6101 P1 Q",
            headers,
            Control::UnlinkId {
                id: 1,
                from: from.clone(),
                to: to.clone(),
            },
            None,
        ),
        (
            "834400 6803 611a P1 Q 7703666f6f",
            headers,
            Control::Exit2 {
                from: from.clone(),
                to: to.clone(),
                token: None,
            },
            Some(term("foo")),
        ),
        (
            "834400 6803 6107 P1 Q",
            headers,
            Control::GroupLeader {
                leader: from.clone(),
                to: to.clone(),
            },
            None,
        ),
        (
            "834400 6804 6113 P1 7703737276 R",
            headers,
            Control::MonitorP {
                from: from.clone(),
                target: Target::Name(name.clone()),
                reference: beam_ref(),
            },
            None,
        ),
        (
            "834400 6804 6114 P1 7703737276 R",
            headers,
            Control::DemonitorP {
                from: from.clone(),
                target: Target::Name(name),
                reference: beam_ref(),
            },
            None,
        ),
        (
            "834400 6804 6106 P1 7700 7703737276 770568656c6c6f",
            headers,
            to_srv.clone(),
            Some(term("hello")),
        ),
        (
            "834400 6804 6106 P1 7700 7703737276 6802 77066e6f74696679 77026576",
            headers,
            to_srv.clone(),
            Some(Term::tuple([term("notify"), term("ev")])),
        ),
        (
            "834400 6804 6125 6111 P1 Q 7703666f6f",
            headers,
            Control::AltactSend {
                priority: true,
                exit: true,
                from,
                to: Destination::Pid(to),
                token,
            },
            Some(term("foo")),
        ),
        (
            "70 83 6804 6106 P1 7700 7703737276 83 770568656c6c6f",
            pass_through,
            to_srv,
            Some(term("hello")),
        ),
    ]
}

fn packet(text: &str) -> Vec<u8> {
    let text = text
        .replace(
            "P1",
            r#"58 77 0f "pdc29@127.0.0.1" 0000008b 00000000 6b00d0b9"#,
        )
        .replace(
            "Q",
            r#"58 77 10 "pdpy29@127.0.0.1" 00000065 00000000 6b00cfc9"#,
        )
        .replace(
            "R",
            r#"5a 0003 77 0f "pdc29@127.0.0.1" 6b00d0b9 00010203 04050607 08090a0b"#,
        );
    hex(&text)
}

#[test]
fn captured_packets_are_understood_and_made() {
    for (text, flags, control, payload) in captured() {
        let body = packet(text);
        let (heard, heard_payload) = Receiver::new(flags).signal(&body);
        assert_eq!(heard, control, "{text}");
        let heard_payload = heard_payload.map(|payload| payload.to_term().unwrap());
        assert_eq!(heard_payload, payload, "{text}");

        let payload = payload.as_ref().map(encoded);
        assert_eq!(
            sent(flags, &control, payload.as_ref()),
            frame(&body),
            "{text}"
        );
    }
}

#[test]
fn every_captured_packet_comes_through_one_link() {
    let mut receiver = Receiver::new(all_flags());
    let mut stream = vec![0, 0, 0, 0];
    for (text, flags, ..) in captured() {
        if flags.contains(Flags::FRAGMENTS) {
            stream.extend(frame(&packet(text)));
        }
    }
    let events = receiver.bytes(&stream).unwrap();
    assert!(matches!(events[0], Event::Tick));
    assert_eq!(events.len(), captured().len());
}

#[test]
fn first_byte_of_a_pass_through_frame_is_not_looked_at() {
    let flags = all_flags() - CACHE - Flags::FRAGMENTS;
    let mut body = packet("70 83 6804 6106 P1 7700 7703737276 83 770568656c6c6f");
    for first in [0, 131, 255] {
        body[0] = first;
        let (_, payload) = Receiver::new(flags).message(&body);
        assert_eq!(payload, term("hello"));
    }
}

#[test]
fn tick_is_an_empty_frame() {
    let mut outbound = Outbound::new(all_flags());
    outbound.push_tick();
    assert_eq!(drain(&mut outbound), [0, 0, 0, 0]);
    for flags in [all_flags(), Flags::default()] {
        let events = Receiver::new(flags).bytes(&[0; 12]).unwrap();
        assert!(matches!(
            events[..],
            [Event::Tick, Event::Tick, Event::Tick]
        ));
    }
}

#[test]
fn bytes_after_what_the_operation_has_are_ignored() {
    let mut receiver = Receiver::new(all_flags());
    let (_, payload) = receiver.signal(&packet("834400 6803 6101 P1 Q 7703666f6f ff"));
    assert!(payload.is_none());
    let (_, payload) = receiver.message(&packet("834400 6803 6116 P1 Q 7703666f6f ff"));
    assert_eq!(payload, term("foo"));
}

#[test]
fn payload_that_does_not_decode_closes_nothing() {
    for (flags, before, after) in [
        (all_flags(), "834400", ""),
        (all_flags() - CACHE - Flags::FRAGMENTS, "7083", "83"),
    ] {
        let mut receiver = Receiver::new(flags);
        let bad = packet(&format!("{before} 6803 6116 P1 Q {after} 6d ffffffff 00"));
        let (control, payload) = receiver.signal(&bad);
        assert!(matches!(control, Control::Send { .. }));
        let payload = payload.unwrap();
        assert!(payload.to_term().unwrap_err().is_eof());
        assert_eq!(payload.bytes()[..], hex("6d ffffffff 00"));

        let good = packet(&format!("{before} 6803 6116 P1 Q {after} 7703666f6f"));
        assert_eq!(receiver.message(&good).1, term("foo"));
    }
}

#[test]
fn malformed_frames_close_the_link_and_name_the_fault() {
    use FrameFault as Fault;
    let pass_through = all_flags() - CACHE - Flags::FRAGMENTS;
    let cases: &[(Flags, &str, FrameKind, Fault)] = &[
        (all_flags(), "83", FrameKind::Unknown, Fault::Truncated),
        (all_flags(), "7083", FrameKind::Unknown, Fault::Version(112)),
        (
            all_flags(),
            "8347",
            FrameKind::Unknown,
            Fault::HeaderTag(71),
        ),
        (
            all_flags(),
            "8350",
            FrameKind::Unknown,
            Fault::HeaderTag(80),
        ),
        (all_flags(), "8344", FrameKind::Header, Fault::Truncated),
        (
            all_flags(),
            "8345 00",
            FrameKind::FirstFragment,
            Fault::Truncated,
        ),
        (
            all_flags(),
            "8346 00",
            FrameKind::Fragment,
            Fault::Truncated,
        ),
        (pass_through, "70", FrameKind::PassThrough, Fault::Truncated),
        (
            pass_through,
            "7083",
            FrameKind::PassThrough,
            Fault::Truncated,
        ),
        (
            pass_through,
            "7068",
            FrameKind::PassThrough,
            Fault::Version(104),
        ),
        (
            pass_through,
            "7083 6803 6116 P1 Q 6a",
            FrameKind::PassThrough,
            Fault::Version(106),
        ),
    ];
    for (flags, text, frame, kind) in cases {
        let mut receiver = Receiver::new(*flags);
        let error = receiver.body(&packet(text)).unwrap_err();
        let (frame, kind) = (*frame, *kind);
        assert_eq!(error, ProtocolError::Malformed { frame, kind }, "{text}");
        // The link is over: what comes later is not looked at.
        assert_eq!(receiver.bytes(&[0, 0, 0, 0]).unwrap_err(), error);
    }
}

#[test]
fn errors_say_what_is_wrong() {
    use std::error::Error;
    let error = Receiver::new(all_flags())
        .body(&hex("8344 01 00 07"))
        .unwrap_err();
    assert_eq!(error.to_string(), "peer sent a malformed message");
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "atom cache slot 7 is empty");
}

#[test]
fn frame_over_the_limit_is_refused_by_its_length() {
    let mut limits = ConnectionLimits::default();
    limits.max_frame = 100;
    let mut receiver = Receiver::with_limits(all_flags(), limits);
    assert!(receiver.bytes(&[0, 0, 0]).unwrap().is_empty());
    let error = receiver.bytes(&[101]).unwrap_err();
    let (announced, limit) = (101, 100);
    let expected = ProtocolError::FrameTooLarge(FrameTooLarge { announced, limit });
    assert_eq!(error, expected);
}

#[test]
fn split_frame_takes_both_prefixes() {
    let mut buf = BytesMut::from(&[0, 2, 7, 8, 0, 0, 0][..]);
    let two = LengthPrefix::Two;
    assert_eq!(split_frame(&mut buf, two, 10).unwrap().unwrap()[..], [7, 8]);
    assert!(split_frame(&mut buf, two, 10).unwrap().unwrap().is_empty());
    assert_eq!(split_frame(&mut buf, two, 10), Ok(None));
    assert_eq!(buf[..], [0]);

    let four = LengthPrefix::Four;
    let mut buf = BytesMut::from(&[0, 0, 0, 2, 7, 8][..]);
    assert_eq!(split_frame(&mut buf, four, 2).unwrap().unwrap()[..], [7, 8]);
    let mut buf = BytesMut::from(&[0, 0, 4, 1][..]);
    let (announced, limit) = (1025, 1024);
    let expected = FrameTooLarge { announced, limit };
    assert_eq!(split_frame(&mut buf, four, 1024), Err(expected));
}

/// A claimed length reserves nothing: the room asked for follows what has arrived.
#[test]
fn wanted_room_grows_with_what_arrives() {
    let mut inbound = Inbound::new(all_flags(), &here(), &beam(), ConnectionLimits::default());
    assert_eq!(inbound.wanted(), 64 * 1024);
    let claimed: usize = 200 * 1024 * 1024;
    let mut buf = BytesMut::from(&(claimed as u32).to_be_bytes()[..]);
    let mut rounds = 0;
    while buf.len() < 1024 * 1024 {
        assert!(inbound.poll(&mut buf).unwrap().is_none());
        let wanted = inbound.wanted();
        assert!(wanted > 0 && wanted <= buf.len().max(64 * 1024));
        buf.resize(buf.len() + wanted, 0);
        rounds += 1;
    }
    assert!(rounds < 10, "doubling: {rounds}");

    // A frame that nearly is there: no more than is missing.
    let mut inbound = Inbound::new(all_flags(), &here(), &beam(), ConnectionLimits::default());
    let mut buf = BytesMut::new();
    buf.extend_from_slice(&100_000_u32.to_be_bytes());
    buf.resize(99_000, 0);
    assert!(inbound.poll(&mut buf).unwrap().is_none());
    assert_eq!(inbound.wanted(), 100_004 - 99_000);
}

#[test]
fn small_payloads_leave_the_buffer_and_large_ones_take_it_along() {
    let small = Term::binary([7; 500]);
    let large = Term::binary([8; 5000]);
    let control = Control::Send {
        from: Some(p1()),
        to: q(),
        token: None,
    };
    let mut buf = BytesMut::with_capacity(64 * 1024);
    for term in [&small, &large] {
        let bytes = sent(all_flags(), &control, Some(&encoded(term)));
        buf.extend_from_slice(&bytes);
    }
    let memory = buf.as_ptr() as usize..buf.as_ptr() as usize + buf.len();
    let mut inbound = Inbound::new(all_flags(), &here(), &beam(), ConnectionLimits::default());
    for (term, shared) in [(small, false), (large, true)] {
        let event = inbound.poll(&mut buf).unwrap().unwrap();
        let (_, payload) = one_signal(vec![event]);
        let payload = payload.unwrap();
        assert_eq!(payload.to_term().unwrap(), term);
        let at = payload.bytes().as_ptr() as usize;
        assert_eq!(memory.contains(&at), shared);
    }
}

#[test]
fn large_payloads_are_sent_without_a_copy_and_in_order() {
    let small = encoded(&Term::binary([1; 100]));
    let large = encoded(&Term::binary(vec![2; 4 * 1024]));
    let control = Control::Send {
        from: Some(p1()),
        to: q(),
        token: None,
    };
    let mut outbound = Outbound::with_limits(all_flags(), uncached());
    let mut expected = 0;
    for payload in [&small, &small, &large, &small] {
        outbound.push(None, &control, Some(payload.into())).unwrap();
        expected += sent(all_flags(), &control, Some(payload)).len();
    }
    assert_eq!(outbound.pending(), expected);
    assert_eq!(outbound.pushed_total(), expected as u64);

    let mut segments = VecDeque::new();
    assert!(!outbound.is_empty());
    outbound.transmit(&mut segments);
    assert!(outbound.is_empty());
    assert_eq!(segments.len(), 3, "tail, payload, tail");
    assert_eq!(segments[1].as_ptr(), large.as_ptr(), "not copied");
    assert_eq!(outbound.pending(), expected, "nothing was written yet");
    outbound.sent(expected);
    assert_eq!(outbound.pending(), 0);

    let stream: Vec<u8> = segments.iter().flatten().copied().collect();
    let events = Receiver::new(all_flags()).bytes(&stream).unwrap();
    let payloads: Vec<Term> = events
        .into_iter()
        .map(|event| one_signal(vec![event]).1.unwrap().to_term().unwrap())
        .collect();
    let of = |bytes: &Bytes| from_slice(&[&[131], &bytes[..]].concat()).unwrap();
    assert_eq!(payloads, [of(&small), of(&small), of(&large), of(&small)]);
}

#[test]
fn refused_signal_leaves_nothing_behind() {
    let mut outbound = Outbound::new(all_flags());
    outbound.push_tick();
    let link = Control::Link {
        from: p1(),
        to: q(),
    };
    let payload = encoded(&term("foo"));
    let error = outbound
        .push(None, &link, Some((&payload).into()))
        .unwrap_err();
    assert_eq!(error, EncodeError::PayloadUnexpected { op: Op::Link });
    let send = Control::Send {
        from: Some(p1()),
        to: q(),
        token: None,
    };
    let missing = EncodeError::PayloadMissing { op: Op::SendSender };
    assert_eq!(outbound.push(None, &send, None), Err(missing));
    assert_eq!(
        outbound.push(None, &send, Some((&Bytes::new()).into())),
        Err(missing)
    );
    assert_eq!(outbound.pending(), 4);
    assert_eq!(drain(&mut outbound), [0, 0, 0, 0]);
}

#[test]
fn thousand_small_messages_are_few_segments() {
    let control = Control::Send {
        from: Some(p1()),
        to: q(),
        token: None,
    };
    let payload = encoded(&term("hello"));
    let mut outbound = Outbound::new(all_flags());
    for _ in 0..1000 {
        outbound
            .push(None, &control, Some((&payload).into()))
            .unwrap();
    }
    let mut segments = VecDeque::new();
    outbound.transmit(&mut segments);
    assert!(outbound.is_empty());
    assert!(segments.len() <= 3, "{}", segments.len());
}
