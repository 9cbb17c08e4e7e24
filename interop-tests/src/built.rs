//! Where is a program of this workspace, built by the same cargo as the test that runs it?

use std::path::PathBuf;
use std::process::Command;

/// Builds the program `bin` of `package` beside the running test and returns its path: a test of
/// one package alone would otherwise find none, or an old one.
///
/// # Panics
///
/// When it does not build.
pub(crate) fn built(package: &str, bin: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // target/PROFILE/deps/TEST
    let directory = test
        .ancestors()
        .nth(2)
        .expect("a test lies in target/PROFILE/deps");
    let target = directory
        .parent()
        .expect("a test lies in target/PROFILE/deps");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build
        .args(["build", "--quiet", "-p", package, "--bin", bin])
        .args(["--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if directory.ends_with("release") {
        build.arg("--release");
    }
    let built = build.status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the program `{bin}` does not build"
    );
    directory.join(bin)
}
