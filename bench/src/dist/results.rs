//! What was measured, and how it is printed: tables, the targets, then the lines for machines.

use crate::epmd::results::quantile;
use crate::report::number;

#[derive(Debug)]
struct Figure {
    scenario: &'static str,
    peer: String,
    metric: &'static str,
    unit: &'static str,
    samples: Vec<f64>,
}

/// All figures, in the order in which they were first measured.
#[derive(Debug, Default)]
pub struct Results(Vec<Figure>);

/// The figures of one pair.
const FIGURES: [(&str, &str); 6] = [
    ("ping/idle", "p50_us"),
    ("ping/idle", "p99_us"),
    ("ping/bulk", "p50_us"),
    ("ping/bulk", "p99_us"),
    ("stream/pings", "mb_per_s"),
    ("stream/alone", "mb_per_s"),
];

impl Results {
    pub fn put(
        &mut self,
        scenario: &'static str,
        peer: &str,
        metric: &'static str,
        unit: &'static str,
        sample: f64,
    ) {
        let same = |f: &&mut Figure| f.scenario == scenario && f.peer == peer && f.metric == metric;
        match self.0.iter_mut().find(same) {
            Some(figure) => figure.samples.push(sample),
            None => self.0.push(Figure {
                scenario,
                peer: peer.to_owned(),
                metric,
                unit,
                samples: vec![sample],
            }),
        }
    }

    fn median(&self, scenario: &str, peer: &str, metric: &str) -> Option<f64> {
        let same = |f: &&Figure| f.scenario == scenario && f.peer == peer && f.metric == metric;
        self.0.iter().find(same).map(Figure::median)
    }

    /// Whether every figure of so many pairs is there and more than nothing.
    pub fn is_complete(&self, pairs: usize) -> bool {
        self.0.len() == pairs * FIGURES.len() && self.0.iter().all(|f| f.median() > 0.0)
    }

    pub fn tables(&self) {
        for (scenario, metric) in FIGURES {
            let unit = self.0.iter().find(|f| f.metric == metric);
            let unit = unit.map_or("", |f| f.unit);
            println!("\n### {scenario}, {metric}\n");
            println!("| peer | median, {unit} | quartiles | least–most |");
            println!("|---|---:|---:|---:|");
            let here = |f: &&Figure| f.scenario == scenario && f.metric == metric;
            for figure in self.0.iter().filter(here) {
                let at = |part| number(quantile(&figure.samples, part));
                println!(
                    "| {} | {} | {}–{} | {}–{} |",
                    figure.peer,
                    at(0.5),
                    at(0.25),
                    at(0.75),
                    at(0.0),
                    at(1.0)
                );
            }
        }
    }

    /// The targets of docs/performance.md; none where a peer was left out.
    pub fn targets(&self) {
        let ours = |scenario, metric| self.median(scenario, "erland", metric);
        let beam = self.0.iter().find(|f| {
            f.peer
                .strip_prefix("otp")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        });
        let beam = beam.and_then(|f| self.median("ping/bulk", &f.peer, "p99_us"));
        let targets = [
            (
                "p50 beside the stream, times its idle p50",
                ours("ping/bulk", "p50_us"),
                ours("ping/idle", "p50_us"),
                "under 2",
            ),
            (
                "p99 beside the stream, times BEAM to BEAM's",
                ours("ping/bulk", "p99_us"),
                beam,
                "under 0.33",
            ),
            (
                "p99 beside the stream, times the raw pair's",
                ours("ping/bulk", "p99_us"),
                self.median("ping/bulk", "raw", "p99_us"),
                "within 1.5",
            ),
            (
                "speed of the stream with pings, times that without",
                ours("stream/pings", "mb_per_s"),
                ours("stream/alone", "mb_per_s"),
                "at least 0.8",
            ),
        ];
        println!("\n### targets, erland to erland\n\n| what | is | target |\n|---|---:|---:|");
        for (what, figure, base, target) in targets {
            if let (Some(figure), Some(base)) = (figure, base) {
                println!("| {what} | {:.2} | {target} |", figure / base);
            }
        }
    }

    pub fn figures(&self) {
        for figure in &self.0 {
            println!(
                "FIG\t{}\t{}\t{}\t{:.1}\t{}",
                figure.scenario,
                figure.peer,
                figure.metric,
                figure.median(),
                figure.unit
            );
        }
    }
}

impl Figure {
    fn median(&self) -> f64 {
        quantile(&self.samples, 0.5)
    }
}
