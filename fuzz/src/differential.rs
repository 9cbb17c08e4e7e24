//! Inputs, in batches, to erland and to a BEAM; what they disagree on; and the count of it all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io, mem};

use erland_etf::{DecodeErrorKind, Token, from_slice, to_vec};

use crate::beam::{Beam, MAX_ATOMS};
use crate::known::{self, Known, Rewritten};
use crate::tokens;

/// Cases in one frame.
const BATCH: usize = 256;

/// A new BEAM after so many cases, or if half of its atoms are used: besides atoms it keeps every
/// external fun and every fun's module.
const CASES_PER_BEAM: u64 = 200_000;

/// Where inputs are left that are findings.
const ARTIFACTS: &str = "artifacts/etf_differential";

thread_local! {
    // Dropped when the fuzzer ends the process, which is when the last batch goes out and the
    // counts are printed.
    static COMPARISON: RefCell<Comparison> = RefCell::new(Comparison::start());
}

/// Compares this input, sooner or later.
pub fn compare(input: &[u8]) {
    COMPARISON.with_borrow_mut(|comparison| comparison.add(input));
}

/// One input, and what erland encodes the term to that it decoded from it.
struct Case {
    input: Vec<u8>,
    encoded: Option<Vec<u8>>,
    /// `erlang:phash2/2` of that term.
    hash: u32,
    /// What of both is the same on all nodes.
    same: Same,
    /// For an input rewritten to explain a disagreement: what it came from.
    origin: Option<Box<Origin>>,
}

struct Origin {
    input: Vec<u8>,
    verdict: u8,
    /// What this attempt takes for the reason.
    known: Vec<Known>,
    /// The attempts that are left if this one explains nothing.
    others: Vec<Rewritten>,
}

impl Origin {
    /// Whether OTP has missed that two keys are equal; without the reason for that it should
    /// refuse the input too.
    fn is_unseen_duplicate(&self) -> bool {
        self.verdict == b'A'
            && self.known.contains(&Known::ShortReference)
            && from_slice(&self.input)
                .is_err_and(|error| error.kind() == DecodeErrorKind::DuplicateKey)
    }
}

/// What a BEAM should make of a term as erland does, besides the term.
#[derive(Clone, Copy)]
struct Same {
    hash: bool,
    bytes: bool,
}

impl Same {
    fn of(encoded: &[u8], release: u32) -> Self {
        let mut same = Self {
            hash: true,
            // Before, atoms within keys were put in the order of the atom table, and the keys of
            // maps within keys still are.
            bytes: release >= 27 && tokens::has_map_in_key(&encoded[1..]) == Ok(false),
        };
        let read = tokens::each(&encoded[1..], |token, _| match token {
            // Hashed in the order in which the names of the fields are in the atom table.
            Token::Record(record) if record.len > 1 => same.hash = false,
            // Written with the process that made them, which OTP forgets.
            Token::Fun(_) => same.bytes = false,
            _ => {}
        });
        read.expect("what was encoded can be read");
        same
    }
}

impl Case {
    fn new(input: Vec<u8>, release: u32, origin: Option<Origin>) -> Self {
        let term = from_slice(&input).ok();
        let encoded = term
            .as_ref()
            .map(|term| to_vec(term).expect("what was decoded can be encoded"));
        Self {
            hash: term
                .and_then(|term| term.phash2_range(1 << 32))
                .unwrap_or(0),
            same: Same::of(encoded.as_deref().unwrap_or(&[131, 106]), release),
            encoded,
            input,
            origin: origin.map(Box::new),
        }
    }

    fn write(&self, frame: &mut Vec<u8>) {
        let mut write = |bytes: &[u8]| {
            frame.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            frame.extend_from_slice(bytes);
        };
        write(&self.input);
        match &self.encoded {
            Some(encoded) => {
                write(encoded);
                frame.push(u8::from(self.same.hash) | u8::from(self.same.bytes) << 1);
                frame.extend_from_slice(&self.hash.to_be_bytes());
            }
            None => frame.extend_from_slice(&u32::MAX.to_be_bytes()),
        }
    }
}

#[derive(Default)]
struct Counts {
    /// Inputs that the BEAM has decoded or refused, those rewritten not counted.
    compared: u64,
    accepted: u64,
    refused: u64,
    known: BTreeMap<Known, u64>,
    withheld: u64,
    restarts: u64,
    deaths: u64,
    findings: u64,
}

struct Comparison {
    release: u32,
    command: String,
    beam: Beam,
    /// Of the running BEAM.
    cases: u64,
    atoms: u32,
    /// Cases to be sent, and cases whose verdicts are not here yet: the BEAM works on one batch
    /// while the next one is made.
    waiting: Vec<Case>,
    sent: Vec<Case>,
    counts: Counts,
}

impl Comparison {
    fn start() -> Self {
        let command = env::var("ERLAND_FUZZ_ERL").unwrap_or_else(|_| "erl".into());
        let beam = Beam::start(&command).expect("erl starts");
        Self {
            release: beam.release(),
            beam,
            command,
            cases: 0,
            atoms: 0,
            waiting: Vec::with_capacity(BATCH),
            sent: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn add(&mut self, input: &[u8]) {
        if known::fatal(input, self.release) {
            self.counts.withheld += 1;
            // What is known about it taken away, the rest is still a case.
            let mut attempts = known::attempts(input, self.release);
            if attempts.is_empty() || known::fatal(&attempts[0].input, self.release) {
                return;
            }
            let Rewritten { input, known } = attempts.swap_remove(0);
            self.waiting.push(Case::new(input, self.release, None));
            self.count(&known);
        } else {
            self.waiting
                .push(Case::new(input.to_vec(), self.release, None));
        }
        if self.waiting.len() >= BATCH {
            self.exchange();
        }
        if self.cases > CASES_PER_BEAM || self.atoms > MAX_ATOMS / 2 {
            self.finish();
            self.restart();
        }
    }

    /// Sends what waits and takes the verdicts on what was sent before.
    fn exchange(&mut self) {
        let batch = mem::take(&mut self.waiting);
        let before = mem::take(&mut self.sent);
        match self.try_exchange(&batch, &before) {
            Ok(verdicts) => {
                self.judge(before, &verdicts);
                self.sent = batch;
            }
            Err(error) => {
                eprintln!("differential: the BEAM is gone: {error}");
                self.counts.deaths += 1;
                self.one_by_one(before.into_iter().chain(batch));
            }
        }
    }

    fn try_exchange(&mut self, batch: &[Case], before: &[Case]) -> io::Result<Vec<u8>> {
        if !batch.is_empty() {
            let mut frame = Vec::new();
            for case in batch {
                case.write(&mut frame);
            }
            self.beam.send(&frame)?;
            self.cases += batch.len() as u64;
        }
        if before.is_empty() {
            return Ok(Vec::new());
        }
        let mut verdicts = self.beam.receive()?;
        let atoms = verdicts.split_off(before.len().min(verdicts.len()));
        let atoms = <[u8; 4]>::try_from(&atoms[..]).map_err(io::Error::other)?;
        self.atoms = u32::from_be_bytes(atoms);
        Ok(verdicts)
    }

    /// Sends all that waits and takes all verdicts.
    fn finish(&mut self) {
        while !self.waiting.is_empty() || !self.sent.is_empty() {
            self.exchange();
        }
    }

    fn restart(&mut self) {
        self.beam = Beam::start(&self.command).expect("erl starts");
        self.counts.restarts += 1;
        (self.cases, self.atoms) = (0, 0);
    }

    /// Which of these cases, one of which has ended a BEAM, was it?
    fn one_by_one(&mut self, cases: impl Iterator<Item = Case>) {
        self.restart();
        let mut found = false;
        let mut all = Vec::new();
        for case in cases {
            case.write(&mut all);
            let case = [case];
            let verdicts = self
                .try_exchange(&case, &[])
                .and_then(|_| self.try_exchange(&[], &case));
            match verdicts {
                Ok(verdicts) => self.judge(case.into(), &verdicts),
                Err(_) => {
                    found = true;
                    self.finding("death", &case[0].input);
                    self.restart();
                }
            }
        }
        if !found {
            self.finding("death-of-batch", &all);
        }
    }

    fn judge(&mut self, cases: Vec<Case>, verdicts: &[u8]) {
        assert_eq!(cases.len(), verdicts.len(), "one verdict for each case");
        for (case, verdict) in cases.into_iter().zip(verdicts) {
            match (case.origin, verdict) {
                (None, b'a') => self.counts.accepted += 1,
                (None, b'r') => self.counts.refused += 1,
                (None, _) => {
                    let attempts = known::attempts(&case.input, self.release);
                    self.explain(case.input, *verdict, attempts);
                }
                (Some(origin), verdict)
                    if *verdict == b'a' || *verdict == b'r' && origin.is_unseen_duplicate() =>
                {
                    self.count(&origin.known);
                    self.counts.compared += 1;
                    continue;
                }
                (Some(origin), _) => {
                    self.explain(origin.input, origin.verdict, origin.others);
                }
            }
        }
    }

    fn count(&mut self, known: &[Known]) {
        for known in known {
            *self.counts.known.entry(*known).or_default() += 1;
        }
    }

    /// Tries the next attempt; without one the disagreement is a finding.
    fn explain(&mut self, input: Vec<u8>, verdict: u8, mut attempts: Vec<Rewritten>) {
        if attempts.is_empty() {
            self.counts.compared += 1;
            let kind = match verdict {
                b'A' => "only-otp-accepts",
                b'R' => "only-erland-accepts",
                b'D' => "not-equal",
                b'H' => "other-hash",
                b'B' => "other-bytes",
                b'E' => "encoded-refused",
                _ => "other-exception",
            };
            self.finding(kind, &input);
            return;
        }
        let Rewritten { input: next, known } = attempts.remove(0);
        let origin = Origin {
            input,
            verdict,
            known,
            others: attempts,
        };
        self.waiting
            .push(Case::new(next, self.release, Some(origin)));
    }

    fn finding(&mut self, kind: &str, input: &[u8]) {
        self.counts.findings += 1;
        // FNV-1a, for a name that is the same in the next run.
        let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let name = format!("{kind}-otp{}-{hash:016x}", self.release);
        let hex: String = input.iter().take(64).map(|b| format!("{b:02x}")).collect();
        eprintln!("differential: finding {name}: {hex}");
        fs::create_dir_all(ARTIFACTS).expect("a directory for findings");
        fs::write(Path::new(ARTIFACTS).join(name), input).expect("the finding is kept");
    }
}

impl Drop for Comparison {
    fn drop(&mut self) {
        self.finish();
        let counts = &self.counts;
        let compared = counts.compared + counts.accepted + counts.refused;
        let known: u64 = counts.known.values().sum();
        println!(
            "differential: OTP {}: {compared} cases compared, {} accepted by both, {} refused by \
             both, {known} known differences, {} withheld; {} BEAMs, {} of them died; {} findings",
            self.release,
            counts.accepted,
            counts.refused,
            counts.withheld,
            counts.restarts + 1,
            counts.deaths,
            counts.findings
        );
        for (known, count) in &counts.known {
            println!("differential: known difference {known:?}: {count}");
        }
    }
}
