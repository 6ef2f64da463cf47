//! The strength of a logistic regression, by cross-validation.

use std::ops::ControlFlow;

use super::options::LogisticOptions;
use super::standardization::Standardization;
use super::{LogisticEvent, OnEvent, TrainingRows};
use crate::analysis::grouped_folds;
use crate::error::{Error, proceed};
use crate::groups::members;
use crate::logits::{Logits, cross_entropy};
use crate::samples::Labelled;

/// The path over the strengths ends after so many in a row that are worse than the best.
const WORSE: usize = 2;

/// A strength that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct StrengthScore {
    /// C.
    pub strength: f64,
    /// The mean log loss of all held-out rows, each weighted by its class as in the fit.
    pub loss: f64,
    /// The same over the rows of each fold.
    pub fold_losses: Vec<f64>,
}

/// A strength that was chosen by cross-validation, and what its models say of the rows that they have not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct StrengthChoice {
    /// C.
    pub strength: f64,
    /// Every strength that was tried, in ascending order.
    pub scores: Vec<StrengthScore>,
    /// Whether the chosen strength is the first or the last of the options, so that one beyond might be better.
    pub at_the_end: bool,
    /// The number of folds: that of the options, or fewer.
    pub folds: usize,
    /// The fold of each row, in 0..folds.
    pub fold_of: Vec<usize>,
    /// For each row, the logits of the model that was fitted to the folds without it.
    pub held_out: Logits,
}

/// Chooses the strength whose models have the smallest log loss on rows that they have not seen: the mean over all rows,
/// each held out once. Of equal strengths the smallest is taken, which has the simplest models.
///
/// `groups` has an id for each row. Rows with the same id are held out together; None holds out each row alone. The folds
/// are those of [`grouped_folds`]. There are as many as the options say, or as the class with the fewest groups has groups.
/// Each fold's features are standardized by the rows that are fitted to.
///
/// The strengths are tried in ascending order. Each fit starts where that of the strength before ended. After two in a
/// row that are worse than the best the rest are left out, because from there on the loss only grows.
///
/// # Errors
///
/// As [`fit`](super::fit); [`GroupCount`](crate::evaluation::Error::GroupCount) when there is not one group for each row; [`Error::SmallClass`] when a class
/// has rows in fewer than two groups; [`Error::ClassInOneFold`] when the groups leave no rows of a class to fit to.
pub fn choose_strength(
    data: Labelled<'_>,
    classes: usize,
    groups: Option<&[usize]>,
    options: &LogisticOptions,
    on_event: &mut dyn FnMut(&LogisticEvent) -> ControlFlow<()>,
) -> Result<StrengthChoice, Error> {
    let rows = TrainingRows::new(data, classes, options)?;
    let mut path = Path::new(&rows, classes, groups, options)?;
    let mut scores = Vec::<StrengthScore>::new();
    let mut best = (f64::NAN, f64::NAN, Vec::new());
    let mut worse = 0;
    for &strength in &options.strengths {
        let logits = path.next(strength, on_event)?;
        let score = path.score(strength, &logits);
        if scores.is_empty() || score.loss < best.1 {
            best = (strength, score.loss, logits);
            worse = 0;
        } else {
            worse += 1;
        }
        scores.push(score);
        if worse == WORSE {
            break;
        }
    }
    let (strength, _, logits) = best;
    let ends = [options.strengths.first(), options.strengths.last()];
    let folds = path.folds.len();
    let fold_of = path.fold_of;
    Ok(StrengthChoice {
        strength,
        scores,
        at_the_end: options.strengths.len() > 1 && ends.contains(&Some(&strength)),
        folds,
        fold_of,
        held_out: Logits::new(logits, rows.units)?,
    })
}

/// The rows of a fold, and the fit to the others that it has come to.
struct FoldPath {
    held_out: Vec<usize>,
    others: Vec<usize>,
    standardization: Standardization,
    parameters: Option<Vec<f64>>,
}

/// The fits of all folds along the strengths.
struct Path<'a> {
    rows: &'a TrainingRows<'a>,
    options: &'a LogisticOptions,
    fold_of: Vec<usize>,
    folds: Vec<FoldPath>,
}

impl<'a> Path<'a> {
    fn new(
        rows: &'a TrainingRows<'a>,
        classes: usize,
        groups: Option<&[usize]>,
        options: &'a LogisticOptions,
    ) -> Result<Self, Error> {
        let (fold_of, folds) = divide(rows.labels, classes, groups, options)?;
        let fold = |fold| {
            let (held_out, others): (Vec<_>, Vec<_>) =
                (0..rows.labels.len()).partition(|&row| fold_of[row] == fold);
            let standardization = rows.standardization(&others)?;
            Ok(FoldPath { held_out, others, standardization, parameters: None })
        };
        let folds = (0..folds).map(fold).collect::<Result<_, Error>>()?;
        Ok(Self { rows, options, fold_of, folds })
    }

    /// The logits of all rows, `N x units`, held out with the next strength.
    fn next(&mut self, strength: f64, on_event: &mut OnEvent<'_>) -> Result<Vec<f64>, Error> {
        let (units, folds) = (self.rows.units, self.folds.len());
        let mut all = vec![0.0; self.rows.labels.len() * units];
        for (number, fold) in (1..).zip(&mut self.folds) {
            let (standardization, start) = (fold.standardization.clone(), fold.parameters.take());
            let model =
                self.rows.fit(&fold.others, standardization, strength, self.options, start, on_event)?;
            let logits = self.rows.logits(&model, &fold.held_out)?;
            for (&row, logits) in fold.held_out.iter().zip(logits.rows()) {
                all[row * units..][..units].copy_from_slice(logits);
            }
            fold.parameters = Some(model.parameters);
            proceed(on_event(&LogisticEvent::HeldOut { strength, fold: number, folds }))?;
        }
        Ok(all)
    }

    /// The losses of some strength's held-out logits.
    fn score(&self, strength: f64, logits: &[f64]) -> StrengthScore {
        let units = self.rows.units;
        let mut sums = vec![(0.0, 0.0); self.folds.len()];
        for (row, (logits, &label)) in logits.chunks_exact(units).zip(self.rows.labels).enumerate() {
            let weight = self.rows.weight(label);
            let (loss, weights) = &mut sums[self.fold_of[row]];
            *loss += weight * cross_entropy(logits, label);
            *weights += weight;
        }
        let total = sums.iter().fold((0.0, 0.0), |all, fold| (all.0 + fold.0, all.1 + fold.1));
        let fold_losses = sums.iter().map(|(loss, weights)| loss / weights.max(f64::MIN_POSITIVE)).collect();
        StrengthScore { strength, loss: total.0 / total.1, fold_losses }
    }
}

/// The fold of each row, and how many folds there are: as many as the options say, or as the class with the fewest groups has
/// groups. The folds are those of [`grouped_folds`] with the options' seed.
///
/// # Errors
///
/// [`GroupCount`](crate::evaluation::Error::GroupCount) when there is not one group for each row; [`Error::SmallClass`] when a
/// class has rows in fewer than two groups; [`Error::ClassInOneFold`] when all rows of a class are in one fold.
pub fn divide(
    labels: &[u32],
    classes: usize,
    groups: Option<&[usize]>,
    options: &LogisticOptions,
) -> Result<(Vec<usize>, usize), Error> {
    let mut counts = vec![0_usize; classes];
    for rows in members(groups, labels.len())? {
        let mut seen: Vec<u32> = rows.iter().map(|&row| labels[row]).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.into_iter().for_each(|label| counts[label as usize] += 1);
    }
    let unit = if groups.is_some() { "groups" } else { "rows" };
    if let Some(class) = counts.iter().position(|&count| count < 2) {
        return Err(Error::SmallClass { class, unit, expected: 2, found: counts[class] });
    }
    let folds = counts.iter().fold(options.folds, |folds, &count| folds.min(count));
    let fold_of = grouped_folds(labels, groups, folds, options.seed)?;
    // Groups of several classes can bring all rows of one class together.
    let mut only: Vec<Option<Option<usize>>> = vec![None; classes];
    for (&label, &fold) in labels.iter().zip(&fold_of) {
        let only = &mut only[label as usize];
        *only = Some(only.map_or(Some(fold), |before| before.filter(|&before| before == fold)));
    }
    match only.iter().enumerate().find_map(|(class, only)| Some((class, (*only)??))) {
        Some((class, fold)) => Err(Error::ClassInOneFold { class, fold: fold + 1, folds }),
        None => Ok((fold_of, folds)),
    }
}
