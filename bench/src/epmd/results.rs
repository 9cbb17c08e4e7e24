//! What was measured, and how it is printed: a table per scenario, then the lines for machines.

use super::daemon::Peer;
use crate::report::number;

/// The samples of one figure.
#[derive(Debug)]
struct Figure {
    scenario: String,
    peer: String,
    metric: &'static str,
    unit: &'static str,
    samples: Vec<f64>,
}

impl Figure {
    /// A row of a table, beside the median of OTP's daemon.
    fn print(&self, base: Option<f64>) {
        let at = |part| quantile(&self.samples, part);
        let times = base.map_or("-".to_owned(), |base| format!("{:.2}", at(0.5) / base));
        println!(
            "| {} | {} | {}–{} | {}–{} | {times} |",
            self.peer,
            number(at(0.5)),
            number(at(0.25)),
            number(at(0.75)),
            number(at(0.0)),
            number(at(1.0)),
        );
    }
}

/// All figures, in the order in which they were first measured.
#[derive(Debug, Default)]
pub struct Results {
    figures: Vec<Figure>,
    notes: Vec<String>,
}

/// The daemon that the others stand beside.
const BESIDE: &str = "epmd";

impl Results {
    pub fn put(
        &mut self,
        scenario: &str,
        peer: &str,
        metric: &'static str,
        unit: &'static str,
        sample: f64,
    ) {
        let same = |f: &&mut Figure| f.scenario == scenario && f.peer == peer && f.metric == metric;
        match self.figures.iter_mut().find(same) {
            Some(figure) => figure.samples.push(sample),
            None => self.figures.push(Figure {
                scenario: scenario.to_owned(),
                peer: peer.to_owned(),
                metric,
                unit,
                samples: vec![sample],
            }),
        }
    }

    /// Something to say once.
    pub fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|note| note == text) {
            self.notes.push(text.to_owned());
        }
    }

    fn find(&self, scenario: &str, peer: &str, metric: &str) -> Option<&Figure> {
        let same = |f: &&Figure| f.scenario == scenario && f.peer == peer && f.metric == metric;
        self.figures.iter().find(same)
    }

    /// The median of a figure that was measured.
    pub fn median(&self, scenario: &str, peer: &str, metric: &str) -> Option<f64> {
        let figure = self.find(scenario, peer, metric)?;
        Some(quantile(&figure.samples, 0.5))
    }

    /// `peers` in the order of the rows.
    pub fn tables(&self, peers: &[Peer]) {
        for (scenario, metrics) in self.scenarios() {
            println!("\n### {scenario}");
            for metric in metrics {
                println!("\n| peer | {metric} | quartiles | least–most | times {BESIDE}'s |");
                println!("|---|---:|---:|---:|---:|");
                let base = self.median(scenario, BESIDE, metric);
                let rows = peers.iter();
                for row in rows.filter_map(|peer| self.find(scenario, &peer.name, metric)) {
                    row.print(base);
                }
            }
        }
        if !self.notes.is_empty() {
            println!();
        }
        for note in &self.notes {
            println!("- {note}");
        }
    }

    /// The scenarios with their metrics, in the order in which they were first measured.
    fn scenarios(&self) -> Vec<(&str, Vec<&str>)> {
        let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
        for figure in &self.figures {
            let here = all.iter_mut().find(|(name, _)| *name == figure.scenario);
            match here {
                Some((_, metrics)) if metrics.contains(&figure.metric) => {}
                Some((_, metrics)) => metrics.push(figure.metric),
                None => all.push((&figure.scenario, vec![figure.metric])),
            }
        }
        all
    }

    pub fn figures(&self) {
        for figure in &self.figures {
            println!(
                "FIG\t{}\t{}\t{}\t{:.1}\t{}",
                figure.scenario,
                figure.peer,
                figure.metric,
                quantile(&figure.samples, 0.5),
                figure.unit
            );
        }
    }
}

/// The sample at `part` of the way from the least to the greatest, between two the mean by weight.
pub fn quantile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few samples"
    )]
    let (below, rest) = {
        let at = part * (sorted.len().saturating_sub(1)) as f64;
        (at as usize, at.fract())
    };
    let value = |at: usize| sorted.get(at).or(sorted.last()).copied().unwrap_or(0.0);
    value(below) * (1.0 - rest) + value(below + 1) * rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_samples() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0], 0.5), 3.0);
        assert_eq!(quantile(&[4.0, 1.0], 0.5), 2.5);
        assert_eq!(quantile(&[4.0, 1.0], 1.0), 4.0);
        assert_eq!(quantile(&[7.0], 0.25), 7.0);
    }

    #[test]
    fn samples_gather_by_scenario_peer_and_metric() {
        let mut results = Results::default();
        results.put("cycle", "epmd", "per_s", "/s", 1.0);
        results.put("cycle", "erland", "per_s", "/s", 5.0);
        results.put("cycle", "epmd", "per_s", "/s", 2.0);
        assert_eq!(results.median("cycle", "epmd", "per_s"), Some(1.5));
        assert_eq!(results.median("cycle", "erland", "per_s"), Some(5.0));
        assert_eq!(results.median("held", "erland", "names"), None);
    }
}
