//! Properties of the codec: what is encoded is decoded again, and no bytes make it panic.

use bytes::Bytes;
use erland_epmd::Malformed;
use erland_epmd::message::{
    Alive2Response, Dump, DumpLine, KillResponse, Names, NodeEntry, NodeType, Port2Response,
    Request, StopResponse,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Anything that can be registered and looked up, control characters and line ends apart: NAMES
/// has no way to tell those of a name from its own.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9_-]{1,20}", "[^\\p{C}]{1,254}"]
}

fn entry() -> impl Strategy<Value = NodeEntry> {
    let fields = any::<(u16, u8, u8, u16, u16)>();
    (name(), fields, vec(any::<u8>(), 0..40)).prop_map(
        |(name, (port, node_type, protocol, high, low), extra)| NodeEntry {
            name,
            port,
            node_type: NodeType(node_type),
            protocol,
            high,
            low,
            extra: Bytes::from(extra),
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        entry().prop_map(Request::Alive2),
        name().prop_map(|name| Request::Port2 { name }),
        Just(Request::Names),
        Just(Request::Dump),
        Just(Request::Kill),
        vec(any::<u8>(), 1..300).prop_map(|name| Request::Stop { name }),
    ]
}

fn dump_line() -> impl Strategy<Value = DumpLine> {
    (name(), any::<u16>(), any::<i32>()).prop_map(|(name, port, fd)| DumpLine { name, port, fd })
}

proptest! {
    #[test]
    fn requests_come_back(request in request()) {
        let bytes = request.encode().expect("within the limits");
        prop_assert_eq!(Request::decode(&bytes), Ok(Some(request)));
        for end in 0..bytes.len() {
            prop_assert_eq!(Request::decode(&bytes[..end]), Ok(None));
        }
    }

    #[test]
    fn alive2_responses_come_back(high: u16, creation: u32) {
        for response in [Alive2Response::registered(high, creation), Alive2Response::refused(high)] {
            let bytes = response.encode();
            prop_assert_eq!(bytes.len(), if high >= 6 { 6 } else { 4 });
            prop_assert_eq!(Alive2Response::decode(&bytes), Ok(Some(response)));
            for end in 0..bytes.len() {
                prop_assert_eq!(Alive2Response::decode(&bytes[..end]), Ok(None));
            }
        }
    }

    #[test]
    fn port2_responses_come_back(entry in entry(), result in 1..=u8::MAX) {
        for response in [Port2Response::Found(entry), Port2Response::NotFound { result }] {
            let bytes = response.encode().expect("within the limits");
            for end in 0..bytes.len() {
                prop_assert_eq!(Port2Response::decode(&bytes[..end]), Ok(None));
            }
            prop_assert_eq!(Port2Response::decode(&bytes), Ok(Some(response)));
        }
    }

    #[test]
    fn names_come_back(port: u16, entries in vec((name(), any::<u16>()), 0..20)) {
        let names = Names { port, entries };
        prop_assert_eq!(Names::decode(&names.encode()), Ok(names));
    }

    #[test]
    fn dumps_come_back(
        port: u16,
        active in vec(dump_line(), 0..10),
        unused in vec(dump_line(), 0..10),
    ) {
        let dump = Dump { port, active, unused };
        prop_assert_eq!(Dump::decode(&dump.encode()), Ok(dump));
    }

    #[test]
    fn replies_to_kill_and_stop_come_back(junk in vec(any::<u8>(), 0..20)) {
        for response in [KillResponse::Killed, KillResponse::LivingNodes] {
            let bytes = [response.encode(), &junk].concat();
            prop_assert_eq!(KillResponse::decode(&bytes), Ok(Some(response)));
            for end in 0..response.encode().len() {
                prop_assert_eq!(KillResponse::decode(&bytes[..end]), Ok(None));
            }
        }
        for response in [StopResponse::Stopped, StopResponse::NotRegistered] {
            let bytes = [response.encode(), &junk].concat();
            prop_assert_eq!(StopResponse::decode(&bytes), Ok(Some(response)));
            for end in 0..7 {
                prop_assert_eq!(StopResponse::decode(&bytes[..end]), Ok(None));
            }
        }
    }

    /// And what is understood can be written again, junk behind the fields aside.
    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..400)) {
        decode_all(&bytes);
    }

    /// Random bytes seldom get past the length and the code, so these have right ones.
    #[test]
    fn framed_garbage_never_panics(
        code in prop::sample::select(&b"xzndksQ"[..]),
        body in vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..400),
    ) {
        let length = u16::try_from(body.len() + 1).expect("short");
        let packet = [&length.to_be_bytes()[..], &[code], &body].concat();
        decode_all(&packet);
        for code in *b"vyw" {
            decode_all(&[&[code], &body[..]].concat());
        }
    }
}

fn decode_all(bytes: &[u8]) {
    if let Ok(Some(request)) = Request::decode(bytes) {
        match request.encode() {
            Ok(again) => assert_eq!(Request::decode(&again), Ok(Some(request))),
            // Only with the junk behind its fields was it large enough for the daemon.
            Err(error) => {
                assert_eq!(error, Malformed::NameEmpty);
                assert!(
                    matches!(&request, Request::Alive2(entry) if entry.name.is_empty() && entry.extra.is_empty()),
                    "{request:?}"
                );
            }
        }
    }
    if let Ok(Some(response)) = Port2Response::decode(bytes) {
        let again = response.encode().expect("it was decoded");
        assert_eq!(Port2Response::decode(&again), Ok(Some(response)));
    }
    if let Ok(Some(response)) = Alive2Response::decode(bytes) {
        assert!(bytes.starts_with(&response.encode()));
    }
    if let Ok(Some(response)) = KillResponse::decode(bytes) {
        assert!(bytes.starts_with(response.encode()));
    }
    if let Ok(Some(response)) = StopResponse::decode(bytes) {
        assert!(bytes.starts_with(&response.encode()[..7]));
    }
    if let Ok(names) = Names::decode(bytes) {
        assert_eq!(Names::decode(&names.encode()), Ok(names));
    }
    if let Ok(dump) = Dump::decode(bytes) {
        assert_eq!(Dump::decode(&dump.encode()), Ok(dump));
    }
}
