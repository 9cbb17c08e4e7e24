//! Properties: events do not depend on how the bytes arrive, and no bytes do harm.

mod common;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use common::*;
use erland_dist::{
    ConnectionLimits, Control, Event, Flags, Inbound, Outbound, OutboundLimits, PayloadRef,
    ProtocolError,
};
use erland_etf::{Atom, MessageAtoms, NodeId, Pid, RawTerm, Term};
use proptest::collection::vec;
use proptest::prelude::*;

/// What is comparable of an event.
#[derive(Debug, PartialEq)]
enum Seen {
    Tick,
    Signal(Control, Option<(Bytes, Vec<Atom>)>),
    Unknown(u64),
}

fn seen(event: Event) -> Seen {
    match event {
        Event::Tick => Seen::Tick,
        Event::UnknownControl { op } => Seen::Unknown(op),
        Event::Deliver { control, payload } => {
            let payload = payload.map(|raw| (raw.bytes().clone(), raw.atoms().to_vec()));
            Seen::Signal(control, payload)
        }
    }
}

/// What comes of a stream that arrives in these pieces.
fn events(flags: Flags, pieces: &[&[u8]]) -> (Vec<Seen>, Option<ProtocolError>) {
    let mut limits = ConnectionLimits::default();
    limits.max_frame = 1 << 20;
    let mut inbound = Inbound::new(flags, &here(), &beam(), limits);
    let mut buf = BytesMut::new();
    let mut all = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match inbound.poll(&mut buf) {
                Ok(Some(event)) => all.push(seen(event)),
                Ok(None) => break,
                Err(error) => return (all, Some(error)),
            }
        }
        assert!(inbound.wanted() > 0);
    }
    (all, None)
}

/// Pieces of `stream` cut at these places.
fn cut<'a>(stream: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = places
        .iter()
        .map(|place| place.index(stream.len() + 1))
        .collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2)
        .map(|pair| &stream[pair[0]..pair[1]])
        .collect()
}

fn flags() -> impl Strategy<Value = Flags> {
    prop::sample::select(vec![
        all_flags(),
        all_flags() - CACHE,
        all_flags() - Flags::FRAGMENTS,
        all_flags() - CACHE - Flags::FRAGMENTS,
        Flags::default(),
    ])
}

fn peer_pid() -> impl Strategy<Value = Pid> {
    (any::<u32>(), any::<u32>()).prop_map(|(id, serial)| Pid::new(beam(), id, serial))
}

fn our_pid() -> impl Strategy<Value = Pid> {
    (any::<u32>(), any::<u32>()).prop_map(|(id, serial)| Pid::new(here(), id, serial))
}

fn any_pid() -> impl Strategy<Value = Pid> {
    let node = prop_oneof![
        Just(here()),
        any::<u32>().prop_map(|creation| NodeId::new(atom("x@y"), creation)),
    ];
    (node, any::<u32>(), any::<u32>()).prop_map(|(node, id, serial)| Pid::new(node, id, serial))
}

fn payload() -> impl Strategy<Value = Term> {
    prop_oneof![
        6 => vec(any::<u8>(), 0..300).prop_map(Term::binary),
        4 => vec("\\PC{0,30}", 0..20)
            .prop_map(|texts| Term::list(texts.iter().map(|text| term(text)))),
        1 => (900_usize..20_000).prop_map(|len| Term::binary(vec![7; len])),
    ]
}

fn signal() -> impl Strategy<Value = (Control, Option<Term>)> {
    prop_oneof![
        (peer_pid(), our_pid()).prop_map(|(from, to)| (Control::Link { from, to }, None)),
        (peer_pid(), our_pid(), 1..=u64::MAX)
            .prop_map(|(from, to, id)| (Control::UnlinkIdAck { id, from, to }, None)),
        (peer_pid(), our_pid(), payload()).prop_map(|(from, to, payload)| {
            let token = None;
            (Control::Exit { from, to, token }, Some(payload))
        }),
        (peer_pid(), any_pid(), payload()).prop_map(|(from, to, payload)| {
            let (from, token) = (Some(from), None);
            (Control::Send { from, to, token }, Some(payload))
        }),
        (peer_pid(), "\\PC{0,40}", payload()).prop_map(|(from, name, payload)| {
            let (name, token) = (atom(&name), None);
            (Control::RegSend { from, name, token }, Some(payload))
        }),
    ]
}

/// A stream of signals and ticks as the outbound half writes it, with few slots and small
/// fragments.
fn stream(flags: Flags, signals: &[(Control, Option<Term>)]) -> Vec<u8> {
    let mut limits = OutboundLimits::default();
    limits.cache_slots = 20;
    limits.fragment_size = 500;
    let mut outbound = Outbound::with_limits(flags, limits);
    let sender = p1();
    for (index, (control, payload)) in signals.iter().enumerate() {
        let (mut atoms, mut bytes) = (MessageAtoms::default(), BytesMut::new());
        if let Some(payload) = payload {
            payload
                .encode_with(&mut atoms, &mut bytes)
                .expect("it can be encoded");
        }
        let bytes = bytes.freeze();
        let payload = payload
            .as_ref()
            .map(|_| PayloadRef::new(&bytes, atoms.as_slice()));
        match outbound.push(Some(&sender), control, payload) {
            Ok(()) if index % 3 == 0 => outbound.push_tick(),
            Ok(()) => {}
            Err(error) => assert!(matches!(
                error,
                erland_dist::EncodeError::NotNegotiated { .. }
            )),
        }
    }
    let bytes = drain(&mut outbound);
    assert_eq!(bytes.len() as u64, outbound.pushed_total());
    assert_eq!(outbound.pending(), 0);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_split_of_the_stream_gives_the_same_events(
        flags in flags(),
        signals in vec(signal(), 0..12),
        places in vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let stream = stream(flags, &signals);
        let whole = events(flags, &[&stream]);
        prop_assert_eq!(whole.1, None);
        prop_assert_eq!(&whole, &events(flags, &cut(&stream, &places)));
        if stream.len() < 2_000 {
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&whole, &events(flags, &bytes));
        }
    }

    #[test]
    fn what_is_sent_is_received(flags in flags(), signals in vec(signal(), 0..12)) {
        let received = events(flags, &[&stream(flags, &signals)]).0;
        let received: Vec<_> = received.into_iter().filter(|seen| *seen != Seen::Tick).collect();
        let all = flags.contains(Flags::SEND_SENDER);
        prop_assert!(!all || received.len() == signals.len());
        for (received, (control, payload)) in received.iter().zip(&signals).filter(|_| all) {
            let Seen::Signal(heard, raw) = received else {
                panic!("{received:?}");
            };
            let raw = raw.clone().map(|(bytes, atoms)| {
                RawTerm::with_atoms(bytes, Arc::new(atoms.into())).to_term().unwrap()
            });
            prop_assert_eq!((heard, &raw), (control, payload));
        }
    }

    #[test]
    fn damaged_streams_do_no_harm(
        flags in flags(),
        signals in vec(signal(), 1..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        places in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut stream = stream(flags, &signals);
        prop_assume!(!stream.is_empty());
        for (place, byte) in damage {
            let place = place.index(stream.len());
            stream[place] = byte;
        }
        let whole = events(flags, &[&stream]);
        prop_assert_eq!(&whole, &events(flags, &cut(&stream, &places)));
        for seen in whole.0 {
            if let Seen::Signal(control, payload) = seen {
                prop_assert_eq!(control.has_payload(), payload.is_some());
            }
        }
    }

    #[test]
    fn frames_of_any_bytes_do_no_harm(
        flags in flags(),
        lead in prop::sample::select(vec![
            vec![], vec![131], vec![131, 68], vec![131, 68, 0], vec![131, 68, 0, 104],
            vec![131, 69], vec![131, 70], vec![112, 131, 104], vec![131, 68, 3, 0x88, 0x08],
        ]),
        rest in vec(any::<u8>(), 0..200),
    ) {
        let body = [&lead[..], &rest].concat();
        let _ = events(flags, &[&frame(&body)]);
    }
}
