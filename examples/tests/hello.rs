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
