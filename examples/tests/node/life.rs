//! What the program prints, and when it starts and ends.

use crate::program::{COOKIE, DEADLINE, NAME, Program, free_port, pair};
use erland::{Epmd, Node, NodeEvent};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use tokio::process::Command;
use tokio::time::timeout;

#[tokio::test]
async fn events_are_lines() {
    let (mut program, us) = pair().await;
    us.connect(NAME).await.expect("it accepts");
    assert_eq!(program.line().await.as_deref(), Some("nodeup us@127.0.0.1"));
    us.shutdown().await;
    let down = "nodedown us@127.0.0.1 connection_closed";
    assert_eq!(program.line().await.as_deref(), Some(down));

    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, program.port));
    let stranger = Node::builder("stranger@127.0.0.1")
        .cookie("guess")
        .epmd(Epmd::None);
    let stranger = stranger
        .static_peer(NAME, addr)
        .start()
        .await
        .expect("the node starts");
    assert!(stranger.connect(NAME).await.is_err());
    let line = program.line().await.expect("a line");
    assert!(
        line.starts_with("refused stranger@127.0.0.1 failed to "),
        "{line}"
    );
}

#[tokio::test]
async fn our_end_of_its_standard_input_ends_it() {
    let (mut program, us) = pair().await;
    let mut events = us.events();
    us.connect(NAME).await.expect("it accepts");
    drop(program.child.stdin.take());
    loop {
        match timeout(DEADLINE, events.recv())
            .await
            .expect("an event in time")
        {
            Some(NodeEvent::NodeDown { node, .. }) if node == *NAME => break,
            Some(_) => {}
            None => panic!("the node down was not seen"),
        }
    }
    program.ends_well().await;
}

#[tokio::test]
async fn without_standard_input_it_runs_until_sigterm() {
    let arguments = ["--epmd", "none"];
    let mut null = Program::command(&arguments);
    null.stdin(Stdio::null());
    // A shell is what closes a standard stream; Rust's own way to start a program cannot.
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$0\" \"$@\" <&-", env!("CARGO_BIN_EXE_node")]);
    closed
        .args(["--name", NAME, "--cookie", COOKIE])
        .args(arguments);
    for command in [null, closed] {
        let mut program = Program::start(command);
        program.ready().await;
        program.runs_on().await;
        program.signal("TERM").await;
        program.ends_well().await;
    }
}

#[tokio::test]
async fn epmd_auto_starts_one_and_a_second_program_finds_it() {
    let port = free_port().to_string();
    let mut first = Program::command(&[]);
    first.env("ERL_EPMD_PORT", &port).stdin(Stdio::piped());
    let mut first = Program::start(first);
    first.ready().await;

    // The same name again is refused by the epmd of the first.
    let mut second = Program::command(&["--epmd", &format!("localhost:{port}")]);
    let second = second
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it starts");
    assert!(!second.status.success());
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(error.contains("the name is taken"), "{error}");

    let mut third = Program::command(&["--epmd", "embedded"]);
    let third = third
        .env("ERL_EPMD_PORT", &port)
        .stdin(Stdio::null())
        .output()
        .await;
    let third = third.expect("it starts");
    assert!(!third.status.success());
    let error = String::from_utf8_lossy(&third.stderr);
    assert!(
        error.contains("failed to start the embedded epmd"),
        "{error}"
    );

    drop(first.child.stdin.take());
    first.ends_well().await;
}

#[tokio::test]
async fn the_port_can_be_chosen() {
    let port = free_port();
    let mut command = Program::command(&["--epmd", "none", "--port", &port.to_string()]);
    command.stdin(Stdio::piped());
    assert_eq!(Program::start(command).ready().await, port);
}

#[tokio::test]
async fn wrong_arguments_are_explained() {
    for epmd in ["maybe", ":4369", "localhost:70000"] {
        let output = Program::command(&["--epmd", epmd])
            .output()
            .await
            .expect("it starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--epmd"));
    }
}
