//! Does a live BEAM take the same bytes for terms as we do, and for the same terms?
//!
//! "The same" is that the BEAM finds what we encode our term to `=:=` what it decoded itself.
//! Known differences are in `src/known.rs`.

#![no_main]

use erland_fuzz::{differential, mutate};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|data: &[u8]| differential::compare(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});
