//! What the example programs share.

pub mod echo;

use std::error::Error;
use std::fmt::Write as _;

/// An error with everything that caused it, on one line.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a `String` cannot fail.
        let _infallible = write!(line, ": {error}");
        cause = error.source();
    }
    line
}
