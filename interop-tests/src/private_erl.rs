//! An installation of Erlang/OTP in which `epmd` is ours, without a change to the machine's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::epmd_program::EpmdKind;
use crate::release::Release;

/// Links to the programs of an installation beside our `epmd`. Dropped, it is removed.
///
/// The launcher runs the `epmd` of its own directory, whatever the PATH says, and puts that
/// directory in front of the PATH: the only way to another is to take its place there.
#[derive(Debug)]
pub struct PrivateErl {
    release: &'static Release,
    /// As this process sees it.
    outside: PathBuf,
    /// As the release, which may be in a chroot, sees it.
    inside: PathBuf,
}

impl PrivateErl {
    /// Puts it under `/tmp` of wherever the release is.
    ///
    /// # Panics
    ///
    /// When the files cannot be made.
    pub fn install(release: &'static Release) -> PrivateErl {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let root = match release.erl.as_slice() {
            [chroot, root, _] if chroot == "chroot" => root.as_str(),
            _ => "/",
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tmp/erland-epmd-{}-{number}", std::process::id());
        let (outside, inside) = (Path::new(root).join(&name), Path::new("/").join(&name));
        let (rootdir, bindir) = directories(release);
        fs::create_dir_all(&outside).expect("a directory");
        let mut words = release.erl.clone();
        *words.last_mut().expect("a command") = format!("{}/erl", inside.display());
        // From here on a failure removes the directory.
        let private = PrivateErl {
            release: Box::leak(Box::new(Release {
                number: release.number,
                erts: release.erts.clone(),
                erl: words,
                helper: OnceLock::new(),
            })),
            outside,
            inside,
        };
        let programs = Path::new(root).join(bindir.trim_start_matches('/'));
        for entry in fs::read_dir(programs).expect("the programs of the release") {
            let name = entry.expect("a program").file_name();
            if name != "epmd" {
                let target = Path::new(&bindir).join(&name);
                symlink(target, private.outside.join(&name)).expect("a link");
            }
        }
        let ours = EpmdKind::Ours.command();
        fs::copy(&ours[0], private.outside.join("epmd")).expect("a copy of our epmd");
        // What the script `erl` of an installation does; on the loopback, for a test.
        let script = format!(
            "#!/bin/sh\nROOTDIR={rootdir} BINDIR={} EMU=beam PROGNAME=erl \
             ERL_EPMD_ADDRESS=127.0.0.1\n\
             export ROOTDIR BINDIR EMU PROGNAME ERL_EPMD_ADDRESS\n\
             exec \"$BINDIR/erlexec\" \"$@\"\n",
            private.inside.display()
        );
        let erl = private.outside.join("erl");
        // Linked already where an installation has one there.
        let _ = fs::remove_file(&erl);
        fs::write(&erl, script).expect("a script");
        fs::set_permissions(&erl, fs::Permissions::from_mode(0o755)).expect("executable");
        private
    }

    /// The release with our `epmd`.
    pub fn release(&self) -> &'static Release {
        self.release
    }

    /// Our `epmd` as the release sees it.
    pub fn epmd(&self) -> String {
        format!("{}/epmd", self.inside.display())
    }

    /// Whether a process runs this copy of our `epmd`.
    pub fn runs(&self, pid: u32) -> bool {
        let program = fs::read_link(format!("/proc/{pid}/exe"));
        program.is_ok_and(|program| program == self.outside.join("epmd"))
    }
}

impl Drop for PrivateErl {
    fn drop(&mut self) {
        // What is left lies in a directory for temporary files.
        let _ = fs::remove_dir_all(&self.outside);
    }
}

/// Its ROOTDIR and BINDIR.
fn directories(release: &Release) -> (String, String) {
    let output = Command::new(&release.erl[0])
        .args(&release.erl[1..])
        .args(["-noshell", "-eval"])
        .arg("io:format(\"~s~n~s~n\", [os:getenv(X) || X <- [\"ROOTDIR\", \"BINDIR\"]]), halt(0).")
        .env("HOME", "/tmp")
        .stdin(Stdio::null())
        .output()
        .expect("erl can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines().map(str::to_owned);
    let (Some(rootdir), Some(bindir)) = (lines.next(), lines.next()) else {
        panic!("{} tells no directories: {text}", release.erl.join(" "));
    };
    (rootdir, bindir)
}
