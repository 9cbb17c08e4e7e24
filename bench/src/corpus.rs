//! The rows, made by OTP (`corpus/0` of `erl/bench_codec.erl`).

use std::path::Path;

use bytes::Bytes;

use crate::peers::otp::Beam;
use crate::tally::Tally;

/// The rows in the order of the tables.
pub const ROWS: [&str; 10] = [
    "gen_call",
    "ints10k",
    "map1k",
    "doc100k",
    "atoms10k",
    "bin1m",
    "bigfloat",
    "deep1k",
    "strings",
    "pidrefs5k",
];

/// One term in the external format, and what is in it by OTP's count.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: &'static str,
    pub bytes: Bytes,
    pub tally: Tally,
}

/// Lets OTP make the rows, and leaves a copy of each in a directory as `NAME.etf`.
pub fn make(beam: &Beam, directory: &Path) -> Result<Vec<Row>, String> {
    let mut made = beam.corpus()?;
    std::fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut rows = Vec::new();
    for name in ROWS {
        let at = made.iter().position(|(made, _, _)| made == name);
        let (_, tally, bytes) =
            made.swap_remove(at.ok_or_else(|| format!("OTP made no row {name}"))?);
        let file = directory.join(format!("{name}.etf"));
        std::fs::write(&file, &bytes).map_err(|e| format!("{}: {e}", file.display()))?;
        rows.push(Row {
            name,
            bytes: Bytes::from(bytes),
            tally,
        });
    }
    Ok(rows)
}
