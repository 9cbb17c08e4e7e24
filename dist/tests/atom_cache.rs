//! The inbound atom cache: headers captured from OTP 29, every slot, and every way to be wrong.

mod common;

use bytes::BufMut;
use common::*;
use erland_dist::{Control, Event, Flags, FrameFault, FrameKind, ProtocolError};
use erland_etf::Term;

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
