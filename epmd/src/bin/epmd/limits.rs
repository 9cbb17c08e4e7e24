//! How many files this process may have open, which is how many nodes it can serve.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;

/// macOS grants no more, even where the hard limit is without end: `OPEN_MAX` of its
/// `setrlimit(2)`.
const OPEN_MAX_OF_MACOS: u64 = 10_240;

/// Raises the limit to the most that the system allows, and returns what it is then.
///
/// # Errors
/// Those of the system; the former limit then holds.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let most = if cfg!(target_os = "macos") {
        hard.min(OPEN_MAX_OF_MACOS)
    } else {
        hard
    };
    if soft < most {
        setrlimit(Resource::RLIMIT_NOFILE, most, hard)?;
    }
    Ok(soft.max(most))
}
