//! What several tests start from.

use std::fs;
use std::path::Path;

/// The name and the bytes of everything in the corpus that fuzzing starts from, in order: real
/// terms of every release, and what has hurt before.
pub(crate) fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/etf");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    assert!(files.len() > 200, "{} files", files.len());
    files
}
