//! The atom caches: headers captured from OTP 29 both ways, every slot, and every way to be wrong.

mod common;

use bytes::{BufMut, Bytes, BytesMut};
use common::*;
use erland_dist::{
    Control, EncodeError, Event, Flags, FrameFault, FrameKind, Outbound, OutboundLimits,
    PayloadRef, ProtocolError,
};
use erland_etf::{Atom, MessageAtoms, RawTerm, Term};

fn cache() -> Flags {
    all_flags()
}

/// `131, 68` and the references; each is a slot and the text of a new entry.
fn header(long: bool, references: &[(u16, Option<&str>)]) -> Vec<u8> {
    let mut out = vec![131, 68, references.len() as u8];
    if references.is_empty() {
        return out;
    }
    let mut nibbles: Vec<u8> = references
        .iter()
        .map(|(slot, new)| (slot >> 8) as u8 | if new.is_some() { 8 } else { 0 })
        .collect();
    nibbles.push(u8::from(long));
    out.extend(
        nibbles
            .chunks(2)
            .map(|pair| pair[0] | pair.get(1).unwrap_or(&0) << 4),
    );
    for (slot, new) in references {
        out.push(*slot as u8);
        if let Some(text) = new {
            if long {
                out.put_u16(text.len() as u16);
            } else {
                out.push(text.len() as u8);
            }
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// A message to `srv` whose payload is the list of the first `count` atoms of the header.
fn message(header: &[u8], count: u8) -> Vec<u8> {
    let control = tuple([Term::from(6), Term::from(p1()), term(""), term("srv")]);
    let mut payload = vec![104, count];
    for index in 0..count {
        payload.extend([82, index]);
    }
    [header, &control, &payload].concat()
}

fn atoms(texts: &[&str]) -> Term {
    Term::tuple(texts.iter().map(|text| term(text)))
}

#[test]
fn captured_headers() {
    let node = "pdc29@127.0.0.1";
    let pid = "58 52 00 0000008b 00000000 6b00d0b9";
    let mut receiver = Receiver::new(cache());
    // Fill the slots that the captured headers suppose: the node's name and the empty atom.
    let fill = header(false, &[(0x381, Some(node)), (0x005, Some(""))]);
    receiver.body(&message(&fill, 2)).unwrap();
    // The first message names `srv` and `hello`, the second refers to them.
    let first = r#"8344 04 03bf00 81 05 cb 03 "srv" da 05 "hello""#;
    let second = "8344 04 033700 81 05 cb da";
    for header in [first, second] {
        let body = hex(&format!("{header} 6804 6106 {pid} 5201 5202 5203"));
        let (control, payload) = receiver.message(&body);
        let expected = Control::RegSend {
            from: p1(),
            name: atom("srv"),
            token: None,
        };
        assert_eq!(control, expected);
        assert_eq!(payload, term("hello"));
    }
}

#[test]
fn header_with_one_new_entry() {
    let control = tuple([Term::from(6), Term::from(p1()), term(""), term("srv")]);
    let control = &control[..control.len() - 5];
    let body = [&hex(r#"8344 01 08 05 03 "tst""#), control, &hex("5200 6a")].concat();
    let (control, payload) = Receiver::new(cache()).message(&body);
    assert!(matches!(control, Control::RegSend { name, .. } if name == "tst"));
    assert_eq!(payload, Term::nil());
}

/// All 2048 slots are different ones: the segment bits count.
#[test]
fn every_slot_keeps_its_own_atom() {
    let mut receiver = Receiver::new(cache());
    let text = |slot: u16| format!("atom_number_{slot}");
    let slots: Vec<u16> = (0..2048).collect();
    for some in slots.chunks(255) {
        let texts: Vec<String> = some.iter().map(|slot| text(*slot)).collect();
        let new: Vec<_> = some
            .iter()
            .zip(&texts)
            .map(|(slot, text)| (*slot, Some(text.as_str())))
            .collect();
        receiver.body(&message(&header(false, &new), 1)).unwrap();
    }
    for some in slots.chunks(200) {
        let known: Vec<_> = some.iter().map(|slot| (*slot, None)).collect();
        let body = message(&header(false, &known), some.len() as u8);
        let expected = Term::tuple(some.iter().map(|slot| term(&text(*slot))));
        assert_eq!(receiver.message(&body).1, expected);
    }
}

/// The position of a reference in the header, not its slot, is what terms name; and an entry that
/// is replaced by a later reference of the same header stays what it was.
#[test]
fn terms_name_positions_and_updates_go_in_order() {
    let mut receiver = Receiver::new(cache());
    let new = [
        (700, Some("first")),
        (3, Some("second")),
        (700, Some("third")),
    ];
    let body = message(&header(false, &new), 3);
    assert_eq!(
        receiver.message(&body).1,
        atoms(&["first", "second", "third"])
    );
    let body = message(&header(false, &[(3, None), (700, None)]), 2);
    assert_eq!(receiver.message(&body).1, atoms(&["second", "third"]));
}

#[test]
fn long_atoms_with_even_and_odd_numbers_of_references() {
    let long = "å".repeat(255);
    for count in 1..=5_u16 {
        for flag in [false, true] {
            let mut texts = vec!["short"; usize::from(count)];
            if flag {
                texts[usize::from(count) - 1] = &long;
            }
            let new: Vec<_> = (0..count)
                .zip(texts.iter().map(|text| Some(*text)))
                .collect();
            let body = message(&header(flag, &new), count as u8);
            let mut receiver = Receiver::new(cache());
            assert_eq!(receiver.message(&body).1, atoms(&texts), "{count} {flag}");
            // The other bits of the last nibble have no meaning.
            let mut body = body;
            let nibble = 3 + usize::from(count) / 2;
            body[nibble] |= if count % 2 == 0 { 0x0e } else { 0xe0 };
            let mut receiver = Receiver::new(cache());
            assert_eq!(receiver.message(&body).1, atoms(&texts), "{count} {flag}");
        }
    }
}

#[test]
fn as_many_references_as_there_can_be() {
    let texts: Vec<String> = (0..255).map(|index| format!("a{index}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let new: Vec<_> = (1000..).zip(texts.iter().map(|text| Some(*text))).collect();
    let body = message(&header(false, &new), 255);
    assert_eq!(Receiver::new(cache()).message(&body).1, atoms(&texts));
}

#[test]
fn updates_apply_whatever_becomes_of_the_message() {
    let mut receiver = Receiver::new(cache());
    // A payload that does not decode.
    let bad = header(false, &[(1, Some("one"))]);
    let control = tuple([Term::from(2), term(""), Term::from(q())]);
    let (_, payload) = receiver.signal(&[&bad[..], &control, &[255]].concat());
    assert!(payload.unwrap().to_term().is_err());
    // An operation that is not known.
    let unknown = header(false, &[(2, Some("two"))]);
    let events = receiver
        .body(&[&unknown[..], &tuple([Term::from(99)])].concat())
        .unwrap();
    assert!(matches!(events[..], [Event::UnknownControl { op: 99 }]));

    let body = message(&header(false, &[(1, None), (2, None)]), 2);
    assert_eq!(receiver.message(&body).1, atoms(&["one", "two"]));
}

/// A later message may replace entries: the payload keeps the atoms of its own header.
#[test]
fn payload_keeps_the_atoms_of_its_message() {
    let mut receiver = Receiver::new(cache());
    let (_, kept) = receiver.signal(&message(&header(false, &[(9, Some("old"))]), 1));
    receiver
        .body(&message(&header(false, &[(9, Some("new"))]), 1))
        .unwrap();
    assert_eq!(kept.unwrap().to_term().unwrap(), atoms(&["old"]));
}

#[test]
fn references_beyond_the_header_are_the_receivers_affair() {
    let (_, payload) = Receiver::new(cache()).signal(&message(&header(false, &[]), 1));
    assert!(payload.unwrap().to_term().is_err());
}

#[test]
fn repeated_atoms_are_the_same_atom() {
    let long = "an_atom_that_is_not_stored_inline";
    let mut receiver = Receiver::new(cache());
    receiver
        .body(&message(&header(false, &[(9, Some(long))]), 1))
        .unwrap();
    let body = message(&header(false, &[(9, None)]), 1);
    let texts: Vec<Term> = (0..2).map(|_| receiver.message(&body).1).collect();
    let text = |term: &Term| {
        term.as_tuple().unwrap()[0]
            .as_atom()
            .unwrap()
            .as_str()
            .as_ptr()
    };
    assert_eq!(text(&texts[0]), text(&texts[1]));
}

fn fault(flags: Flags, body: &[u8]) -> FrameFault {
    match Receiver::new(flags).body(body) {
        Err(ProtocolError::Malformed {
            frame: FrameKind::Header,
            kind,
        }) => kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn corrupt_headers_close_the_link() {
    let slot = 0x7ff;
    let empty = message(&header(false, &[(slot, None)]), 0);
    assert_eq!(fault(cache(), &empty), FrameFault::EmptyCacheSlot { slot });

    let not_utf8 = hex("8344 01 08 05 02 c3 28");
    assert_eq!(fault(cache(), &not_utf8), FrameFault::CacheAtom { slot: 5 });

    let text = "a".repeat(256);
    let too_long = message(&header(true, &[(5, Some(&text))]), 0);
    assert_eq!(fault(cache(), &too_long), FrameFault::CacheAtom { slot: 5 });

    // Cut short anywhere within the header.
    let whole = header(true, &[(1, Some("one")), (0x205, Some("two")), (1, None)]);
    for len in 2..whole.len() {
        assert_eq!(
            fault(cache(), &whole[..len]),
            FrameFault::Truncated,
            "{len}"
        );
    }
}

#[test]
fn entries_need_the_cache_to_be_negotiated() {
    let body = message(&header(false, &[(5, Some("tst"))]), 0);
    let flags = cache() - Flags::DIST_HDR_ATOM_CACHE;
    assert_eq!(fault(flags, &body), FrameFault::AtomCacheNotNegotiated);
    // An empty header needs nothing.
    Receiver::new(flags)
        .body(&message(&header(false, &[]), 0))
        .unwrap();
}

// ---- what is sent ----

fn to_srv() -> Control {
    Control::RegSend {
        from: p1(),
        name: atom("srv"),
        token: None,
    }
}

fn with_slots(slots: u16) -> Outbound {
    let mut limits = OutboundLimits::default();
    limits.cache_slots = slots;
    Outbound::with_limits(cache(), limits)
}

/// A term whose atoms are references.
fn referring(term: &Term) -> (Bytes, Vec<Atom>) {
    let (mut atoms, mut bytes) = (MessageAtoms::default(), BytesMut::new());
    term.encode_with(&mut atoms, &mut bytes)
        .expect("it can be encoded");
    (bytes.freeze(), atoms.into_vec())
}

/// What is written for a message to `srv` with this term.
fn written(outbound: &mut Outbound, term: &Term) -> Vec<u8> {
    let (bytes, atoms) = referring(term);
    let payload = PayloadRef::new(&bytes, &atoms);
    outbound
        .push(None, &to_srv(), Some(payload))
        .expect("it can be sent");
    drain(outbound)
}

fn atom_list(texts: impl IntoIterator<Item = String>) -> Term {
    Term::list(texts.into_iter().map(|text| term(&text)))
}

/// The packet of OTP 29 for `{srv,N} ! hello`, but for the slots: which atom has which slot is the
/// sender's choice, and here they are taken in the order of first use. OTP lists the atoms of the
/// control message first, here those of the payload come first.
#[test]
fn sent_headers_are_those_of_otp_but_for_the_slots() {
    let mut outbound = Outbound::new(cache());
    let pid = "58 52 01 0000008b 00000000 6b00d0b9";
    let message = format!("6804 6106 {pid} 5202 5203 | 5200");
    let new = r#"8344 04 8888 00 00 05 "hello" 01 0f "pdc29@127.0.0.1" 02 00 03 03 "srv""#;
    let known = "8344 04 000000 00 01 02 03";
    for header in [new, known, known] {
        let expected = frame(&hex(&format!("{header} {message}")));
        let bytes = written(&mut outbound, &term("hello"));
        assert_eq!(bytes, expected);
    }
}

/// Odd and even numbers of references, texts of one and of two bytes of length.
#[test]
fn sent_long_atoms_have_lengths_of_two_bytes() {
    let long = "å".repeat(200);
    for count in 1..=6_u32 {
        for texts in [vec![], vec![long.clone()]] {
            let short = (0..count).map(|number| format!("a{number}"));
            let sent = atom_list(texts.into_iter().chain(short));
            let mut outbound = Outbound::new(cache());
            let mut receiver = Receiver::new(cache());
            for round in 0..2 {
                let bytes = written(&mut outbound, &sent);
                let (_, payload) = one_signal(receiver.bytes(&bytes).unwrap());
                assert_eq!(payload.unwrap().to_term().unwrap(), sent, "{count} {round}");
            }
        }
    }
}

#[test]
fn all_slots_are_used_and_then_used_again() {
    for slots in [1, 2, 8, 255, 256, 2048] {
        let mut outbound = with_slots(slots);
        let mut receiver = Receiver::new(cache());
        let many = usize::from(slots) * 2 + 10;
        for round in 0..3 {
            let texts: Vec<String> = (0..many).map(|number| format!("atom_{number}")).collect();
            for some in texts.chunks(7) {
                let sent = atom_list(some.iter().cloned());
                let bytes = written(&mut outbound, &sent);
                let (control, payload) = one_signal(receiver.bytes(&bytes).unwrap());
                assert_eq!(control, to_srv());
                assert_eq!(payload.unwrap().to_term().unwrap(), sent, "{slots} {round}");
            }
        }
    }
}

/// Whatever is used all the time keeps its slot, however many others come and go.
#[test]
fn atoms_in_use_keep_their_slots() {
    let mut outbound = with_slots(16);
    written(&mut outbound, &term("kept"));
    for number in 0..1000 {
        let sent = atom_list(["kept".to_owned(), format!("passing_{number}")]);
        let bytes = written(&mut outbound, &sent);
        let occurs = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!occurs("kept") && !occurs("pdc29") && !occurs("srv"));
        assert!(occurs("passing_"));
    }
}

/// More atoms than a header can list: the others are written in full.
#[test]
fn as_many_references_as_there_can_be_are_sent() {
    for count in [253, 254, 255, 256, 300, 1000] {
        let sent = atom_list((0..count).map(|number| format!("atom_{number}")));
        let (_, atoms) = referring(&sent);
        assert_eq!(atoms.len(), count.min(255));
        let mut outbound = Outbound::new(cache());
        let mut receiver = Receiver::new(cache());
        for _ in 0..2 {
            let bytes = written(&mut outbound, &sent);
            assert_eq!(usize::from(bytes[6]), (count + 3).min(255));
            let (control, payload) = one_signal(receiver.bytes(&bytes).unwrap());
            assert_eq!(control, to_srv());
            assert_eq!(payload.unwrap().to_term().unwrap(), sent);
        }
    }
}

/// An entry in a header kills a BEAM that has no cache.
#[test]
fn nothing_is_referred_to_without_a_cache() {
    let sent = atom_list(["one".to_owned(), "two".to_owned()]);
    let headers = cache() - Flags::DIST_HDR_ATOM_CACHE;
    let none = headers - Flags::FRAGMENTS;
    for (flags, lead) in [(headers, vec![131, 68, 0]), (none, vec![112, 131])] {
        let mut outbound = Outbound::new(flags);
        assert_eq!(outbound.most_refs(), 0);
        let bytes = written(&mut outbound, &sent);
        assert_eq!(bytes[4..4 + lead.len()], lead);
        let (control, payload) = one_signal(Receiver::new(flags).bytes(&bytes).unwrap());
        let payload = payload.unwrap();
        assert_eq!(
            (control, payload.to_term().unwrap()),
            (to_srv(), sent.clone())
        );
        assert!(payload.atoms().is_empty());
    }
    // A message in fragments has the same header.
    let mut outbound = Outbound::new(headers);
    let large = Term::tuple([term("one"), Term::binary(vec![7; 100_000])]);
    let bytes = written(&mut outbound, &large);
    assert_eq!((bytes[5], bytes[22]), (69, 0));
    // Slots that are not used are no cache either.
    let bytes = written(&mut with_slots(0), &sent);
    assert_eq!(bytes[4..7], [131, 68, 0]);
}

/// Bytes that are no term cannot be rewritten, and are refused.
#[test]
fn payload_that_cannot_be_rewritten_is_refused() {
    let mut outbound = Outbound::new(cache() - Flags::DIST_HDR_ATOM_CACHE);
    let (bytes, atoms) = (Bytes::from_static(&[104, 2, 82, 0]), [atom("one")]);
    let payload = PayloadRef::new(&bytes, &atoms);
    let refused = outbound.push(None, &to_srv(), Some(payload));
    assert!(matches!(refused, Err(EncodeError::Payload(_))));
    assert_eq!(outbound.pending(), 0);
}

/// What came over one link goes over another as it is; its atoms get slots of that link.
#[test]
fn forwarded_payload_keeps_its_bytes() {
    let sent = Term::tuple([term("one"), term("two"), term("one"), Term::from(p1())]);
    let mut first = Outbound::new(cache());
    written(
        &mut first,
        &atom_list((0..50).map(|number| format!("before_{number}"))),
    );
    let mut receiver = Receiver::new(cache());
    receiver
        .bytes(&written(&mut Outbound::new(cache()), &term("other")))
        .unwrap();
    let bytes = written(&mut Outbound::new(cache()), &sent);
    let (_, payload) = one_signal(Receiver::new(cache()).bytes(&bytes).unwrap());
    let raw: RawTerm = payload.unwrap();
    first.push(None, &to_srv(), Some((&raw).into())).unwrap();
    let forwarded = drain(&mut first);
    assert!(forwarded.ends_with(raw.bytes()));
    // The receiver knows what was sent over this link before.
    let mut next = Outbound::new(cache());
    let mut receiver = Receiver::new(cache());
    receiver
        .bytes(&written(&mut next, &term("before")))
        .unwrap();
    next.push(None, &to_srv(), Some((&raw).into())).unwrap();
    let (_, payload) = one_signal(receiver.bytes(&drain(&mut next)).unwrap());
    assert_eq!(payload.unwrap().to_term().unwrap(), sent);
}

/// A signal that is refused after its atoms got slots leaves the two sides agreed.
#[test]
fn refused_signal_changes_nothing_for_the_peer() {
    let mut outbound = with_slots(4);
    let mut receiver = Receiver::new(cache());
    receiver
        .bytes(&written(&mut outbound, &term("one")))
        .unwrap();
    for text in ["two", "three", "four"] {
        let (bytes, atoms) = referring(&term(text));
        let link = Control::Link {
            from: p1(),
            to: q(),
        };
        let refused = outbound.push(None, &link, Some(PayloadRef::new(&bytes, &atoms)));
        assert!(refused.is_err());
        for sent in [term("one"), term(text)] {
            let bytes = written(&mut outbound, &sent);
            let (_, payload) = one_signal(receiver.bytes(&bytes).unwrap());
            assert_eq!(payload.unwrap().to_term().unwrap(), sent);
        }
    }
}
