//! How many files this process may have open, which is how many nodes it can serve.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io;

/// Raises the limit to the most that the system allows, and returns that.
///
/// # Errors
/// Those of the system; the former limit then holds.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}
