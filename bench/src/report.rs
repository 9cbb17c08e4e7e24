//! What is printed: a table per scenario, an overview, the targets, and the `FIG` lines.

use crate::rounds::{Figure, Outcome};

/// The table of one scenario, fastest first, each beside ours.
pub fn scenario(outcomes: &[Outcome], what: &str, row: &str) {
    let mut here: Vec<&Outcome> = outcomes
        .iter()
        .filter(|o| o.what == what && o.row == row)
        .collect();
    if here.is_empty() {
        return;
    }
    println!("\n### {what}/{row}\n");
    println!("| peer | median, ns | quartiles, ns | least, ns | times ours |");
    println!("|---|---:|---:|---:|---:|");
    let ours = here.iter().find(|outcome| outcome.peer == "erland");
    let ours = ours.and_then(|outcome| Some(outcome.figure.as_ref().ok()?.median));
    let key = |outcome: &Outcome| outcome.figure.as_ref().map_or(f64::MAX, |f| f.median);
    here.sort_by(|a, b| key(a).total_cmp(&key(b)));
    for outcome in here {
        match &outcome.figure {
            Ok(Figure {
                median,
                least,
                lower,
                upper,
            }) => {
                let times = ours.map_or("-".to_owned(), |ours| format!("{:.2}", median / ours));
                println!(
                    "| {} | {} | {}–{} | {} | {times} |",
                    outcome.peer,
                    number(*median),
                    number(*lower),
                    number(*upper),
                    number(*least)
                );
            }
            Err(reason) => println!("| {} | fails: {} | | | |", outcome.peer, cell(reason)),
        }
    }
}

/// The lines for machines.
pub fn figures(outcomes: &[Outcome]) {
    for outcome in outcomes {
        if let Ok(figure) = &outcome.figure {
            println!(
                "FIG\t{}/{}\t{}\tns_per_op\t{:.1}\tns",
                outcome.what, outcome.row, outcome.peer, figure.median
            );
        }
    }
}

/// Three digits that count, grouped.
pub fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A text in one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(7.25), "7.2");
        assert_eq!(number(999.6), "1,000");
        assert_eq!(number(1_234_567.0), "1,234,567");
    }
}
