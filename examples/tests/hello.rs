//! The program `hello` runs to its end and shows what it promises.

use std::process::Command;

#[test]
fn hello_succeeds_within_a_screen() {
    let output = Command::new(env!("CARGO_BIN_EXE_hello"))
        .output()
        .expect("hello starts");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert!(out.lines().count() < 40, "{out}");
    for shown in [
        "registered     bob",
        "they answer",
        "their monitor",
        "our link",
        "our monitor",
    ] {
        assert!(out.contains(shown), "{shown} is missing in\n{out}");
    }
    assert!(
        out.contains("node down      bob@127.0.0.1: connection_closed"),
        "{out}"
    );
}

/// On a machine without Erlang it does what can be done.
#[test]
fn hello_succeeds_without_erl() {
    let output = Command::new(env!("CARGO_BIN_EXE_hello"))
        .env("PATH", "")
        .output();
    let output = output.expect("hello starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("No erl is on the PATH"));
}

/// A step that fails is named, and is the status.
#[cfg(unix)]
#[test]
fn hello_fails_with_an_erl_that_fails() {
    use std::os::unix::fs::PermissionsExt;

    let dir = std::env::temp_dir().join(format!("erland-hello-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory for a false erl");
    let erl = dir.join("erl");
    std::fs::write(&erl, "#!/bin/sh\nexit 3\n").expect("a false erl");
    std::fs::set_permissions(&erl, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let output = Command::new(env!("CARGO_BIN_EXE_hello"))
        .env("PATH", &dir)
        .output();
    std::fs::remove_dir_all(&dir).expect("the directory is ours");
    let output = output.expect("hello starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty(), "the step is not named");
}
