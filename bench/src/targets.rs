//! What is to be reached, and what was: made of the figures of one run.

use crate::corpus::ROWS;
use crate::report::number;
use crate::rounds::{Figure, Outcome};

/// The rows whose work is a plain copy of bytes: nobody copies faster.
const COPIES: [&str; 1] = ["bin1m"];

/// Of decoding, the peers that do not copy the bytes of a binary: on such a row they are beside
/// `erland-bytes`, which does not either.
const BORROWING: [&str; 1] = ["erltf-borrowed"];

/// Two medians of the same work differ by as much.
const EQUAL: f64 = 0.97;

const RUST: [&str; 4] = ["erltf", "erltf-borrowed", "eetf", "erlang-term"];

/// The rows that are decoded into Rust structs.
const STRUCTS: [&str; 3] = ["gen_call", "map1k", "doc100k"];

/// Times that the figures are asked for.
struct Found<'a>(&'a [Outcome]);

/// One sentence: what it says, what is needed, what there is, and where it is worst.
struct Target {
    says: String,
    needed: f64,
    had: f64,
    at: String,
    met: bool,
}

/// The comparison of a row, and its targets.
pub fn print(outcomes: &[Outcome]) {
    let found = Found(outcomes);
    let mut targets = Vec::new();
    for what in ["decode", "encode"] {
        found.rows(what);
        found.against_peers(what, &mut targets);
    }
    found.structs(&mut targets);
    found.skipping(&mut targets);
    println!("\n## Targets\n");
    println!("| target | needed | had | at | met |");
    println!("|---|---:|---:|---|---|");
    for Target {
        says,
        needed,
        had,
        at,
        met,
    } in targets
    {
        let met = if met { "yes" } else { "**no**" };
        println!("| {says} | {needed} | {had:.2} | {at} | {met} |");
    }
}

impl<'a> Found<'a> {
    fn figure(&self, what: &str, row: &str, peer: &str) -> Option<&'a Figure> {
        let mut here = self.0.iter().filter(|o| o.what == what && o.row == row);
        here.find(|o| o.peer == peer)?.figure.as_ref().ok()
    }

    /// The peers beside which `erland` stands, each with its figure; those of Rust only, or all.
    fn peers(&self, what: &str, row: &str, rust: bool) -> Vec<(&'a str, &'a Figure)> {
        let here = self.0.iter().filter(|o| o.what == what && o.row == row);
        here.filter(|o| !o.peer.starts_with("erland") && !o.peer.ends_with("-reuse"))
            .filter(|o| !(COPIES.contains(&row) && BORROWING.contains(&o.peer.as_str())))
            .filter(|o| !rust || RUST.contains(&o.peer.as_str()))
            .filter_map(|o| Some((o.peer.as_str(), o.figure.as_ref().ok()?)))
            .collect()
    }

    fn fastest(&self, what: &str, row: &str, rust: bool) -> Option<(&'a str, &'a Figure)> {
        let peers = self.peers(what, row, rust).into_iter();
        peers.min_by(|a, b| a.1.median.total_cmp(&b.1.median))
    }

    /// Ours beside the fastest peers, row by row.
    fn rows(&self, what: &str) {
        println!("\n## {what}, ours beside the fastest\n");
        println!(
            "| row | erland, ns | fastest of Rust | times ours | fastest of all | times ours |"
        );
        println!("|---|---:|---|---:|---|---:|");
        for row in ROWS {
            let Some(ours) = self.figure(what, row, "erland") else {
                continue;
            };
            print!("| {row} | {} ", number(ours.median));
            for rust in [true, false] {
                match self.fastest(what, row, rust) {
                    Some((peer, figure)) => {
                        let times = figure.median / ours.median;
                        print!("| {peer}, {} | {times:.2} ", number(figure.median));
                    }
                    None => print!("| - | - "),
                }
            }
            println!("|");
        }
    }

    fn against_peers(&self, what: &str, targets: &mut Vec<Target>) {
        let times = |row: &&'static str, rust| {
            let ours = self.figure(what, row, "erland")?;
            let (peer, figure) = self.fastest(what, row, rust)?;
            Some((figure.median / ours.median, format!("{row} ({peer})")))
        };
        let work = ROWS.iter().filter(|row| !COPIES.contains(row));
        let rust: Vec<_> = work.filter_map(|row| times(row, true)).collect();
        let all: Vec<_> = ROWS.iter().filter_map(|row| times(row, false)).collect();
        let says =
            format!("{what}: times faster than the fastest of Rust, on each row but a plain copy");
        targets.extend(worst(says, 1.5, &rust));

        let mut ratios = Vec::new();
        for row in ROWS {
            if let Some(ours) = self.figure(what, row, "erland") {
                let peers = self.peers(what, row, true).into_iter();
                ratios.extend(peers.map(|(_, figure)| figure.median / ours.median));
            }
        }
        let says =
            format!("{what}: times faster than the peers of Rust, geometric mean of all medians");
        targets.extend(mean(says, 3.0, &ratios));
        let says = format!(
            "{what}: not slower than the fastest of all peers; 3 in 100 cannot be told apart"
        );
        targets.extend(worst(says, EQUAL, &all));
        let says =
            format!("{what}: times faster than the fastest of all, geometric mean of the rows");
        let ratios: Vec<f64> = all.iter().map(|(times, _)| *times).collect();
        targets.extend(mean(says, 1.3, &ratios));
    }

    fn structs(&self, targets: &mut Vec<Target>) {
        let times = |row: &&'static str| {
            let term = self.figure("decode", row, "erland")?;
            let structs = self.figure("serde-decode", row, "erland")?;
            Some((term.median / structs.median, (*row).to_owned()))
        };
        let found: Vec<_> = STRUCTS.iter().filter_map(times).collect();
        let says = "serde-decode: times faster into structs than into Term".to_owned();
        targets.extend(worst(says, 2.0, &found));
    }

    fn skipping(&self, targets: &mut Vec<Target>) {
        let times = |row: &&'static str| {
            let walk = self.figure("walk", row, "floor")?;
            let skip = self.figure("skip", row, "erland")?;
            Some((skip.median / walk.median, (*row).to_owned()))
        };
        let found = ROWS
            .iter()
            .filter_map(times)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        targets.extend(found.map(|(had, at)| Target {
            says: "skip: at most so many times as long as walking the bytes".to_owned(),
            needed: 1.5,
            had,
            at,
            met: had <= 1.5,
        }));
    }
}

/// A target that each row has to reach.
fn worst(says: String, needed: f64, rows: &[(f64, String)]) -> Option<Target> {
    let (had, at) = rows.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let reached = rows.iter().filter(|(times, _)| *times >= needed).count();
    let at = format!("{at}; {reached} of {} rows reach it", rows.len());
    Some(Target {
        says,
        needed,
        had: *had,
        at,
        met: *had >= needed,
    })
}

/// A target that the rows have to reach together.
fn mean(says: String, needed: f64, ratios: &[f64]) -> Option<Target> {
    if ratios.is_empty() {
        return None;
    }
    let had = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    Some(Target {
        says,
        needed,
        had,
        at: format!("{} medians", ratios.len()),
        met: had >= needed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(what: &'static str, row: &'static str, peer: &str, median: f64) -> Outcome {
        let figure = Figure {
            median,
            least: median,
            lower: median,
            upper: median,
        };
        Outcome {
            what,
            row,
            peer: peer.to_owned(),
            figure: Ok(figure),
        }
    }

    #[test]
    fn the_fastest_is_of_those_that_do_the_same() {
        let mut outcomes = vec![
            outcome("decode", "bin1m", "erland", 20.0),
            outcome("decode", "bin1m", "erland-bytes", 1.0),
            outcome("decode", "bin1m", "erltf-borrowed", 2.0),
            outcome("decode", "bin1m", "erltf", 30.0),
            outcome("decode", "bin1m", "otp29", 25.0),
        ];
        let found = Found(&outcomes);
        assert_eq!(found.fastest("decode", "bin1m", true).unwrap().0, "erltf");
        assert_eq!(found.fastest("decode", "bin1m", false).unwrap().0, "otp29");
        // Where there are elements to build, borrowing their texts is as good as any other way.
        for outcome in &mut outcomes {
            outcome.row = "map1k";
        }
        assert_eq!(
            Found(&outcomes).fastest("decode", "map1k", true).unwrap().0,
            "erltf-borrowed"
        );
    }

    #[test]
    fn a_target_of_each_row_is_met_by_the_worst_one() {
        let rows = [(2.0, "a".to_owned()), (1.4, "b".to_owned())];
        let target = worst(String::new(), 1.5, &rows).unwrap();
        assert!(!target.met && target.had == 1.4 && target.at == "b; 1 of 2 rows reach it");
        assert!(worst(String::new(), 1.4, &rows).unwrap().met);
    }

    #[test]
    fn means_are_geometric() {
        let target = mean(String::new(), 2.0, &[1.0, 4.0]).unwrap();
        assert!((target.had - 2.0).abs() < 1e-9);
    }
}
