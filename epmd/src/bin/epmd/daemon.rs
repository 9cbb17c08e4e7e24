//! `-daemon`: detached from the terminal, and back at the prompt once the port is bound.
//!
//! A process with more than one thread cannot be forked in safe Rust, and this one need not be: it
//! starts its own program again with the same arguments, and waits. The second process recognises
//! itself by a variable in its environment, leaves the terminal, binds, and writes a byte into the
//! pipe that is its standard output.

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{close, dup2_stdout, setsid};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Set in the environment of the process that is to be the daemon.
const MARKER: &str = "ERLAND_EPMD_DETACHED";

/// The first file descriptor behind the standard streams.
const FIRST_OTHER: i32 = 3;

/// Where the system does not list the open files, those below this are closed: the usual soft
/// limit.
const MAX_UNLISTED: i32 = 1024;

/// Is this the process that is to be the daemon?
pub(crate) fn is_daemon() -> bool {
    std::env::var_os(MARKER).is_some()
}

/// Starts the daemon, and returns once it has bound its port or ended.
///
/// Which of the two it was cannot be told from the result, as it cannot with OTP's: `erl` starts
/// `epmd -daemon` each time, and most often finds that one is there.
pub(crate) fn launch() -> io::Result<()> {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| "epmd".into());
    // Without /proc, as in a bare chroot, the name is all there is to go by.
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(&name));
    let mut child = Command::new(program)
        .arg0(&name)
        .args(arguments)
        .env(MARKER, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut ready) = child.stdout.take() {
        match ready.read_exact(&mut [0]) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Leaves the terminal, the directory and the open files of whoever started this process.
///
/// It must be the first thing that the process does, when no file is open but the inherited ones.
pub(crate) fn detach() -> io::Result<()> {
    for descriptor in inherited() {
        // It is closed either way: the one that served to list the others is closed by now.
        let _ = close(descriptor);
    }
    setsid()?;
    std::env::set_current_dir("/")?;
    umask(Mode::empty());
    Ok(())
}

/// Tells the waiting process that the port is bound, and lets go of the pipe to it.
pub(crate) fn announce() -> io::Result<()> {
    let mut pipe = io::stdout();
    match pipe.write_all(b"\n").and_then(|()| pipe.flush()) {
        // Nobody waits any more, which is no reason not to serve.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
        _ => {}
    }
    let null = nix::fcntl::open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stdout(&null)?;
    Ok(())
}

/// The open file descriptors behind the standard streams. OTP's daemon closes them too: a daemon
/// that held a pipe of `make`, say, would keep that from ending.
fn inherited() -> Vec<i32> {
    let listed = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    let Ok(entries) = listed else {
        return (FIRST_OTHER..MAX_UNLISTED).collect();
    };
    let number = |name: OsString| name.to_str()?.parse().ok();
    entries
        .filter_map(|entry| number(entry.ok()?.file_name()))
        .filter(|descriptor| *descriptor >= FIRST_OTHER)
        .collect()
}
