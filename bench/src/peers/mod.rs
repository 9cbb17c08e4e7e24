//! Who is measured: each peer gives its cases of a row, verified before they are timed.

pub mod eetf;
pub mod ei;
pub mod erland;
pub mod erlang_term;
pub mod erltf;
pub mod otp;
pub mod structs;

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::corpus::Row;

/// One peer doing one thing to one row.
pub struct Case {
    /// As in a `FIG` line: `decode`, `encode`, `skip`, `walk`, `serde-decode`, `serde-encode`.
    pub what: &'static str,
    pub row: &'static str,
    pub peer: String,
    /// Does it once, outside the timed part, and looks at every element of the result.
    pub verify: Box<dyn FnMut() -> Result<(), String>>,
    /// How long that many operations take.
    pub run: Box<dyn FnMut(u64) -> Result<Duration, String>>,
}

impl Case {
    /// A case whose operation is a function of this program. What it returns is dropped within the
    /// timed part.
    pub fn new<T>(
        what: &'static str,
        row: &Row,
        peer: &str,
        mut verify: impl FnMut() -> Result<(), String> + 'static,
        mut operation: impl FnMut() -> T + 'static,
    ) -> Self {
        Self {
            what,
            row: row.name,
            peer: peer.to_owned(),
            verify: Box::new(move || guarded(&mut verify)),
            run: Box::new(move |count| {
                let start = Instant::now();
                for _ in 0..count {
                    drop(black_box(operation()));
                }
                Ok(start.elapsed())
            }),
        }
    }
}

/// A peer that panics on a row fails it.
fn guarded(verify: &mut dyn FnMut() -> Result<(), String>) -> Result<(), String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(verify))
        .unwrap_or_else(|_| Err("panics".to_owned()))
}

/// The cases of all peers of this program.
pub fn all(row: &Row) -> Vec<Case> {
    let mut cases = erland::cases(row);
    cases.extend(structs::cases(row));
    cases.extend(erltf::cases(row));
    cases.extend(eetf::cases(row));
    cases.extend(erlang_term::cases(row));
    cases
}

/// What a peer has encoded must be the term of the row.
pub fn same_term(encoded: &[u8], row: &[u8]) -> Result<(), String> {
    let ours = erland_etf::from_slice(encoded).map_err(|error| format!("wrong bytes: {error}"))?;
    let expected = erland_etf::from_slice(row).map_err(|error| error.to_string())?;
    if ours == expected {
        Ok(())
    } else {
        Err("wrong bytes: another term".to_owned())
    }
}
