//! How cases are timed: in rounds over all peers, so that a slow moment of the machine meets all.

use std::time::Duration;

use crate::peers::Case;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What one sample is to take at least.
    pub sample: Duration,
    pub rounds: usize,
    /// Which of the sorted samples is the figure: 0.5 is the median, 0.0 the least.
    pub part: f64,
}

impl Plan {
    pub const FULL: Self = Self {
        sample: Duration::from_millis(12),
        rounds: 31,
        part: 0.5,
    };
    pub const QUICK: Self = Self {
        sample: Duration::from_millis(3),
        rounds: 9,
        part: 0.5,
    };
}

/// Nanoseconds per operation of one case.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// The median, or the least sample if the plan asks for it.
    pub median: f64,
    pub least: f64,
    pub lower: f64,
    pub upper: f64,
}

/// What came of a case.
#[derive(Debug)]
pub struct Outcome {
    pub what: &'static str,
    pub row: &'static str,
    pub peer: String,
    pub figure: Result<Figure, String>,
}

/// Verifies each case once.
pub fn verify(cases: Vec<Case>) -> Vec<(Case, Result<(), String>)> {
    let check = |mut case: Case| {
        let verdict = (case.verify)();
        (case, verdict)
    };
    cases.into_iter().map(check).collect()
}

/// Times the cases of one scenario against each other.
pub fn measure(cases: Vec<Case>, plan: Plan) -> Vec<Outcome> {
    let mut running: Vec<Running> = verify(cases)
        .into_iter()
        .map(|(mut case, verdict)| {
            let count = verdict.and_then(|()| calibrate(&mut case, plan.sample));
            Running {
                case,
                count,
                samples: Vec::with_capacity(plan.rounds),
            }
        })
        .collect();
    for round in 0..plan.rounds {
        for step in 0..running.len() {
            // Each round begins with another peer, so that none always follows the same one.
            let at = (round + step) % running.len();
            running[at].sample();
        }
    }
    running
        .into_iter()
        .map(|running| running.outcome(plan.part))
        .collect()
}

struct Running {
    case: Case,
    count: Result<u64, String>,
    samples: Vec<f64>,
}

impl Running {
    fn sample(&mut self) {
        if let Ok(count) = self.count {
            match (self.case.run)(count) {
                Ok(time) => self.samples.push(time.as_nanos() as f64 / count as f64),
                Err(reason) => self.count = Err(reason),
            }
        }
    }

    fn outcome(mut self, part: f64) -> Outcome {
        self.samples.sort_by(f64::total_cmp);
        let samples = &self.samples;
        let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize];
        Outcome {
            what: self.case.what,
            row: self.case.row,
            peer: self.case.peer,
            figure: self.count.map(|_| Figure {
                median: at(part),
                least: at(0.0),
                lower: at(0.25),
                upper: at(0.75),
            }),
        }
    }
}

/// How many operations a sample needs. Also what warms the caches and the allocator.
fn calibrate(case: &mut Case, sample: Duration) -> Result<u64, String> {
    let mut count = 1_u64;
    loop {
        let time = (case.run)(count)?.max(Duration::from_nanos(1));
        if time >= sample {
            return Ok(count);
        }
        let missing = sample.as_nanos() as f64 / time.as_nanos() as f64;
        // At most 100 times as many at once: a first call says little of the others.
        count = (count as f64 * missing.clamp(1.1, 100.0)).ceil() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case whose operation takes what the clock says it takes.
    fn case(verdict: Result<(), String>, nanoseconds: Vec<u64>) -> Case {
        let mut turn = 0;
        Case {
            what: "decode",
            row: "gen_call",
            peer: "peer".to_owned(),
            verify: Box::new(move || verdict.clone()),
            run: Box::new(move |count| {
                let each = nanoseconds[turn.min(nanoseconds.len() - 1)];
                turn += 1;
                Ok(Duration::from_nanos(each * count))
            }),
        }
    }

    const PLAN: Plan = Plan {
        sample: Duration::from_nanos(900),
        rounds: 3,
        part: 0.5,
    };

    #[test]
    fn a_sample_has_as_many_operations_as_its_time_takes() {
        let mut case = case(Ok(()), vec![10]);
        let count = calibrate(&mut case, PLAN.sample).unwrap();
        assert!((90..=100).contains(&count), "{count}");
    }

    #[test]
    fn the_figure_is_the_median_of_the_rounds() {
        // The first call calibrates.
        let done = measure(vec![case(Ok(()), vec![1000, 7, 900, 5])], PLAN);
        let figure = done[0].figure.as_ref().unwrap();
        assert_eq!(
            (figure.least, figure.median, figure.upper),
            (5.0, 7.0, 900.0)
        );
    }

    #[test]
    fn a_peer_with_a_wrong_result_is_not_timed() {
        let done = measure(vec![case(Err("wrong".to_owned()), vec![])], PLAN);
        assert_eq!(done[0].figure.as_ref().unwrap_err(), "wrong");
    }
}
