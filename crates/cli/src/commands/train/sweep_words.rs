//! A sweep as a table, and what follows from it in words.

use headstart::sweep::{FoldMeans, Score, Sweep};

use crate::words::quoted;

/// The table, the best, and what to take; `written` is whether the head is trained on all rows, and `arguments` are those of
/// the sweep.
pub(super) fn lines(
    sweep: &Sweep,
    written: bool,
    arguments: &mut dyn Iterator<Item = String>,
) -> Vec<String> {
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
    lines.push(format!("take      {}", take(sweep)));
    let units = sweep.chosen_head().and_then(|head| sweep.scores[head].candidate.units());
    if let Some(units) = units.filter(|_| !written) {
        lines.push(format!("to write  {}", command(units, arguments)));
    }
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

/// The head to take. Nearest neighbours are none, however good they are.
fn take(sweep: &Sweep) -> String {
    match sweep.chosen_head() {
        Some(head) if head != sweep.chosen => {
            let head = sweep.scores[head].candidate;
            format!("{head}, the head to write; of all, {}; but neighbours are no head", verdict(sweep))
        }
        _ => verdict(sweep),
    }
}

/// The command that trains the head on all rows: that of the sweep, with the head in place of the sweep.
fn command(units: usize, arguments: &mut dyn Iterator<Item = String>) -> String {
    // The program may have been started under any path.
    let _ = arguments.next();
    let (mut words, mut epochs) = (vec!["headstart".to_owned()], false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--sweep" | "--json" => {}
            "--folds" => drop(arguments.next()),
            folds if folds.starts_with("--folds=") => {}
            other => {
                epochs |= other == "--epochs" || other.starts_with("--epochs=");
                words.push(quoted(other));
            }
        }
    }
    words.extend(["--units".to_owned(), units.to_string()]);
    if !epochs {
        words.extend(["--epochs".to_owned(), SWEEP_EPOCHS.to_string()]);
    }
    words.extend(["-o".to_owned(), "model.safetensors".to_owned()]);
    words.join(" ")
}

/// The epochs of a sweep that names none, as its flags have it.
const SWEEP_EPOCHS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_writes_the_head_is_that_of_the_sweep() {
        let after = |line: &str| command(64, &mut line.split('|').map(str::to_owned));
        assert_eq!(
            after("/bin/headstart|train|--train|my photos.npy|--sweep|--folds|4|--seed=3"),
            "headstart train --train 'my photos.npy' --seed=3 --units 64 --epochs 20 -o model.safetensors"
        );
        assert_eq!(
            after("headstart|--json|train|--folds=3|--sweep|--epochs|8|--train|f.npy"),
            "headstart train --epochs 8 --train f.npy --units 64 -o model.safetensors"
        );
    }
}
