//! Do frames of an established link ever panic or allocate by claim, and do they mean the same
//! however the stream is cut?

#![no_main]

use bytes::{BufMut, BytesMut};
use erland_dist::{ConnectionLimits, Event, Flags, Inbound, Outbound};
use erland_etf::{NodeId, atom};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [mode, cut, rest @ ..] = data else {
        return;
    };
    let flags = match mode & 3 {
        0 => Flags::HONOURED,
        1 => Flags::HONOURED - Flags::FRAGMENTS,
        2 => Flags::HONOURED - Flags::DIST_HDR_ATOM_CACHE,
        _ => Flags::MANDATORY,
    };
    let stream = if mode & 4 == 0 {
        BytesMut::from(rest)
    } else {
        framed(rest, flags)
    };
    let (events, failed) = run(flags, &stream, stream.len());
    let (cut_events, cut_failed) = run(flags, &stream, usize::from(*cut).max(1));
    assert_eq!(cut_failed, failed);
    assert_eq!(cut_events.len(), events.len());
    for (one, other) in events.iter().zip(&cut_events) {
        assert!(same(one, other), "{one:?} and {other:?}");
    }
});

/// Frames of the lengths that the input says, each with the beginning that the flags ask for, so
/// that not all of the time goes into finding those.
fn framed(mut rest: &[u8], flags: Flags) -> BytesMut {
    let headers = flags.contains(Flags::FRAGMENTS) || flags.contains(Flags::DIST_HDR_ATOM_CACHE);
    let mut stream = BytesMut::new();
    while let [len, tail @ ..] = rest {
        let (body, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let start: &[u8] = match (body.is_empty(), headers) {
            (true, _) => &[],
            (false, true) => &[131],
            (false, false) => &[112, 131],
        };
        stream.put_u32((start.len() + body.len()) as u32);
        stream.put_slice(start);
        stream.put_slice(body);
    }
    stream
}

/// All events of a stream that comes in pieces, and whether it ended in an error.
fn run(flags: Flags, stream: &[u8], piece: usize) -> (Vec<Event>, bool) {
    let peer = NodeId::new(atom!("peer@host"), 4);
    let local = NodeId::new(atom!("local@host"), 5);
    let mut inbound = Inbound::new(flags, &local, &peer, ConnectionLimits::default());
    let mut outbound = Outbound::new(flags);
    let mut received = BytesMut::new();
    let mut events = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        received.extend_from_slice(piece);
        loop {
            match inbound.poll(&mut received) {
                Ok(Some(event)) => {
                    // What came in can be sent on, or is refused with an error.
                    if let Event::Deliver { control, payload } = &event {
                        let payload = payload.as_ref().map(|payload| payload.bytes().clone());
                        let _ = outbound.push(None, control, payload.as_ref().map(Into::into));
                    }
                    events.push(event);
                }
                Ok(None) => break,
                Err(_) => {
                    assert!(inbound.poll(&mut received).is_err(), "an error is for good");
                    return (events, true);
                }
            }
        }
    }
    (events, false)
}

fn same(one: &Event, other: &Event) -> bool {
    match (one, other) {
        (Event::Tick, Event::Tick) => true,
        (Event::UnknownControl { op: one }, Event::UnknownControl { op: other }) => one == other,
        (
            Event::Deliver {
                control: one,
                payload: first,
            },
            Event::Deliver {
                control: other,
                payload: second,
            },
        ) => {
            one == other
                && first
                    .as_ref()
                    .map(|payload| (payload.bytes(), payload.atoms()))
                    == second
                        .as_ref()
                        .map(|payload| (payload.bytes(), payload.atoms()))
        }
        _ => false,
    }
}
