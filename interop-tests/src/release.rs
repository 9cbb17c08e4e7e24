//! Which Erlang/OTP releases are on this machine, and by which command each is run?
//!
//! A release is known by what its running `erl` says of itself, never by a path or a package.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The place a release takes in the test matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// OTP 25, the oldest release supported.
    Otp25,
    /// OTP 27.
    Otp27,
    /// OTP 29, or the newest release found if that is newer.
    Newest,
}

impl Slot {
    /// The name of the test module: `otp25`, `otp27` or `newest`.
    pub fn name(self) -> &'static str {
        match self {
            Slot::Otp25 => "otp25",
            Slot::Otp27 => "otp27",
            Slot::Newest => "newest",
        }
    }

    fn takes(self, release: u32) -> bool {
        match self {
            Slot::Otp25 => release == 25,
            Slot::Otp27 => release == 27,
            Slot::Newest => release >= 29,
        }
    }
}

/// An installed OTP release.
#[derive(Debug)]
pub struct Release {
    /// `erlang:system_info(otp_release)` of the running `erl`.
    pub number: u32,
    /// `erlang:system_info(version)`, the version of its run-time system.
    pub erts: String,
    /// The words of the command that runs `erl`.
    pub erl: Vec<String>,
    /// The helper module compiled by this release, as base64, once a first node has compiled it.
    pub(crate) helper: OnceLock<String>,
}

impl Release {
    /// The command of another program of the same installation: `elixir`, `epmd`.
    pub fn program(&self, name: &str) -> Vec<String> {
        let mut words = self.erl.clone();
        if let Some(last) = words.last_mut() {
            let directory = last.strip_suffix("erl").unwrap_or("");
            *last = format!("{directory}{name}");
        }
        words
    }
}

/// The release that takes a slot.
///
/// # Panics
///
/// When no such release is installed: a test that cannot run has failed.
pub fn release(slot: Slot) -> &'static Release {
    let found = installed();
    let chosen = found
        .iter()
        .filter(|release| slot.takes(release.number))
        .max_by_key(|release| release.number);
    let Some(chosen) = chosen else {
        let mut have = String::new();
        for release in found {
            let _ = write!(have, " {}", release.number);
        }
        panic!(
            "no `erl` of {} here (found:{have}): run scripts/otp, which installs it",
            match slot {
                Slot::Otp25 => "OTP 25",
                Slot::Otp27 => "OTP 27",
                Slot::Newest => "OTP 29 or newer",
            }
        );
    };
    note(slot, chosen);
    chosen
}

/// Tells `scripts/test` which release stood behind a module of tests.
fn note(slot: Slot, release: &Release) {
    let Some(path) = std::env::var_os("ERLAND_RELEASES_FILE") else {
        return;
    };
    let line = format!("{} {} {}\n", slot.name(), release.number, release.erts);
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("cannot note the release in {}: {error}", path.display());
    }
}

/// All releases found, each asked once per test program.
pub fn installed() -> &'static [Release] {
    static FOUND: OnceLock<Vec<Release>> = OnceLock::new();
    FOUND.get_or_init(|| {
        // Asked side by side: each start of `erl` takes a quarter of a second.
        let probes: Vec<_> = commands()
            .into_iter()
            .map(|command| std::thread::spawn(move || ask(command)))
            .collect();
        probes
            .into_iter()
            .filter_map(|probe| probe.join().ok().flatten())
            .collect()
    })
}

/// The commands worth asking: the user's own, the one on the PATH, one per chroot.
fn commands() -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for entry in std::env::var("ERLAND_OTP").unwrap_or_default().split(',') {
        let command = entry.split_once('=').map_or(entry, |(_, command)| command);
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        if !words.is_empty() {
            commands.push(words);
        }
    }
    commands.push(vec!["erl".to_owned()]);
    let directory = std::env::var_os("ERLAND_OTP_DIR")
        .map_or_else(|| PathBuf::from("/var/lib/erland-otp"), PathBuf::from);
    let mut chroots: Vec<PathBuf> = std::fs::read_dir(&directory)
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect()
        })
        .unwrap_or_default();
    chroots.sort();
    for chroot in chroots {
        // scripts/otp renames a chroot when it is finished.
        let finished = chroot
            .extension()
            .is_none_or(|extension| extension != "tmp");
        if let (true, Some(path)) = (finished, chroot.to_str()) {
            commands.push(vec!["chroot".to_owned(), path.to_owned(), "erl".to_owned()]);
        }
    }
    commands
}

fn ask(command: Vec<String>) -> Option<Release> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .args(["-noshell", "-eval"])
        .arg("io:format(\"release ~s ~s~n\", [erlang:system_info(X) || X <- [otp_release, version]]), halt(0).")
        .env("HOME", "/tmp")
        .env("ERL_CRASH_DUMP_SECONDS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("release "))?;
    let (number, erts) = line.split_once(' ')?;
    Some(Release {
        number: number.parse().ok()?,
        erts: erts.to_owned(),
        erl: command,
        helper: OnceLock::new(),
    })
}
