//! Do requests to epmd and its replies ever panic, and does what decodes encode to itself?

#![no_main]

use erland_epmd::Malformed;
use erland_epmd::message::{Alive2Response, Dump, Names, Port2Response, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(request)) = Request::decode(data) {
        match request.encode() {
            Ok(encoded) => assert_eq!(Request::decode(&encoded), Ok(Some(request))),
            // Taken from others as the daemon does, but not sent.
            Err(error) => assert!(matches!(error, Malformed::NameEmpty), "{error:?}"),
        }
    }
    // A request that comes in pieces is not there until it is whole.
    if let Ok(Some(_)) = Request::decode(data) {
        for end in 0..data.len() {
            assert_eq!(Request::decode(&data[..end]), Ok(None));
        }
    }
    if let Ok(Some(reply)) = Alive2Response::decode(data) {
        assert_eq!(Alive2Response::decode(&reply.encode()), Ok(Some(reply)));
    }
    if let Ok(Some(reply)) = Port2Response::decode(data) {
        let encoded = reply.encode().expect("what was decoded can be encoded");
        assert_eq!(Port2Response::decode(&encoded), Ok(Some(reply)));
    }
    if let Ok(names) = Names::decode(data) {
        assert_eq!(Names::decode(&names.encode()), Ok(names));
    }
    if let Ok(dump) = Dump::decode(data) {
        assert_eq!(Dump::decode(&dump.encode()), Ok(dump));
    }
});
