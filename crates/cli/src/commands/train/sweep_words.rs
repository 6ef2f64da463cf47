//! A sweep as a table, and what follows from it in words.

use headstart::sweep::{FoldMeans, Score, Sweep};

/// The table, the best, and what to take; `written` is whether the head is trained on all rows.
pub(super) fn lines(sweep: &Sweep, written: bool) -> Vec<String> {
    let mut lines =
        vec![format!("{:<24}{:<18}{:<18}{:>8}  beside the best", "candidate", "accuracy", "loss", "seconds")];
    lines.extend(sweep.scores.iter().map(|score| {
        let (accuracy, loss) = (means(&score.accuracy), means(&score.loss));
        let (candidate, seconds) = (score.candidate, score.seconds);
        format!("{candidate:<24}{accuracy:<18}{loss:<18}{seconds:>8.2}  {}", beside_best(score))
    }));
    lines.push(
        "Means over the folds +- standard errors; p by McNemar's exact test, corrected by Holm's.".to_owned(),
    );
    lines.push(format!("take      {}", verdict(sweep)));
    lines.extend(to_write(sweep, written));
    lines
}

fn means(metric: &FoldMeans) -> String {
    format!("{:.4} +- {:.4}", metric.mean, metric.standard_error)
}

fn beside_best(score: &Score) -> String {
    match &score.against_best {
        None => "the best".to_owned(),
        Some(comparison) if comparison.is_significant() => format!("worse ({})", p(comparison.corrected_p)),
        Some(comparison) => format!("not distinguishable ({})", p(comparison.corrected_p)),
    }
}

fn p(value: f64) -> String {
    if value < 0.001 { "p < 0.001".to_owned() } else { format!("p = {value:.3}") }
}

/// Which candidate to take, and why.
fn verdict(sweep: &Sweep) -> String {
    let chosen = &sweep.scores[sweep.chosen];
    let best = sweep.scores[sweep.best].candidate;
    if let Some(comparison) = &chosen.against_best {
        let p = p(comparison.corrected_p);
        return format!(
            "{}, the simpler one: {best} is no better than chance differences ({p})",
            chosen.candidate
        );
    }
    let worse: Vec<String> = sweep
        .scores
        .iter()
        .filter_map(|score| {
            let comparison = score.against_best.filter(|comparison| comparison.is_significant())?;
            Some(format!("{} ({})", score.candidate, p(comparison.corrected_p)))
        })
        .collect();
    if worse.is_empty() {
        return format!("{best}, the simplest: all differences are chance differences");
    }
    format!("{best}, better than {}", worse.join(", "))
}

/// How to get the head, where it is not written, or where another one than the chosen candidate is.
fn to_write(sweep: &Sweep, written: bool) -> Option<String> {
    let head = sweep.scores[sweep.chosen_head()?].candidate;
    let instead = format!("nearest neighbours are no head; the best head is {head}");
    match (sweep.chosen_head() == Some(sweep.chosen), written) {
        (true, true) => None,
        (true, false) => Some(format!("to write  add -o, or train with --units {}", head.units()?)),
        (false, true) => Some(format!("written   {head}: {instead}")),
        (false, false) => {
            Some(format!("to write  add -o, or train with --units {}: {instead}", head.units()?))
        }
    }
}
