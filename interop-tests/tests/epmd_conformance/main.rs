//! Does our epmd answer as OTP's does, byte for byte, whatever it is sent?

mod commands;
mod framing;
mod leases;
mod queries;
mod registrations;

use erland_interop_tests::{Case, EpmdKind, Script, Source, same_on_all};

const EPMD: Source = Source::Loopback;

/// OTP 25's daemon sets the measure; OTP's newest must agree, and so must ours.
async fn conforms(cases: Vec<Case>) {
    same_on_all(cases, &EpmdKind::all()).await;
}

fn asked(name: &str, request: impl AsRef<[u8]>) -> Case {
    Case::new(name, Script::new().ask(0, request))
}

/// The requests on connections 0, 1, … of a daemon that has the name `foo` on connection 1000.
fn asked_with_foo(name: &str, requests: &[Vec<u8>]) -> Case {
    let mut script = Script::new().register(1000, "foo");
    for (id, request) in requests.iter().enumerate() {
        script = script.ask(id, request);
    }
    Case::new(name, script.still_open(1000).names(1001))
}
