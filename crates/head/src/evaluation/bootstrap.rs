//! Confidence intervals by resampling the rows, or groups of rows.

use serde::{Deserialize, Serialize};

use super::calibration::{BinSums, bin_of};
use super::class_counts::ClassCounts;
use super::options::EvaluationOptions;
use super::predictions::Predictions;
use super::ranking::{Ranking, mean_area};
use crate::error::EvaluationError as Error;
use crate::groups::members;
use crate::random::{Random, Stream};

/// A range that holds a metric's true value with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Percentile intervals of the bootstrap (B. Efron and R. Tibshirani, "An introduction to the bootstrap", 1993, chapter
/// 13): each metric is computed for many draws of N of the N rows with replacement, and the middle of its
/// values is the interval.
///
/// Where rows come in groups that are alike inside (the frames of a video), as many groups are drawn as there are, and all rows
/// of a group with it (the cluster bootstrap; A. Davison and D. Hinkley, "Bootstrap methods and their application", 1997,
/// section 3.8). Draws of rows would make the intervals too narrow.
///
/// They show how much depends on the choice of these rows, not on the training. Chance makes the calibration error larger,
/// and resampling adds chance, so its interval is too high. With few rows the whole interval is above the estimate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// The share of the values that an interval holds, in (0, 1).
    pub confidence_level: f64,
    /// The number of draws.
    pub resamples: usize,
    /// The seed of the draws.
    pub seed: u64,
    /// The number of groups that were drawn from; None where rows were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Of the accuracy.
    pub accuracy: Interval,
    /// Of the macro average of F1.
    pub macro_f1: Interval,
    /// Of the area under the ROC curve; None if no draw has one.
    pub roc_auc: Option<Interval>,
    /// The number of draws with rows of every class, which the area needs.
    pub roc_auc_resamples: usize,
    /// Of the mean cross-entropy.
    pub loss: Interval,
    /// Of the expected calibration error.
    pub expected_calibration_error: Interval,
}

/// What a draw needs to know of a row.
struct Row {
    label: u32,
    predicted: u32,
    bin: usize,
    confidence: f64,
    loss: f64,
}

/// The metrics of each draw.
#[derive(Debug, Default)]
pub(super) struct Replicates {
    pub(super) accuracy: Vec<f64>,
    pub(super) macro_f1: Vec<f64>,
    pub(super) roc_auc: Vec<f64>,
    pub(super) loss: Vec<f64>,
    pub(super) expected_calibration_error: Vec<f64>,
}

impl Replicates {
    /// Draws groups, each with the rows in it, and calls `drawn` with each of these. A draw ends after as many groups as there
    /// are in all.
    pub(super) fn new(
        predictions: &Predictions<'_>,
        groups: &[Vec<usize>],
        options: &EvaluationOptions,
        mut drawn: impl FnMut(usize),
    ) -> Self {
        let bins = options.calibration_bins;
        let row = |(row, ((confidence, _), loss)): (usize, ((f64, bool), f64))| Row {
            label: predictions.labels()[row],
            predicted: predictions.predicted()[row],
            bin: bin_of(confidence, bins),
            confidence,
            loss,
        };
        let rows: Vec<Row> =
            predictions.confidences().zip(predictions.losses()).enumerate().map(row).collect();
        let rankings = Ranking::of_classes(predictions);

        let mut random = Random::new(options.seed, Stream::Bootstrap);
        let mut times = vec![0_u32; rows.len()];
        let mut counts = ClassCounts::none(predictions.classes());
        let mut sums = vec![BinSums::default(); bins];
        let mut replicates = Self::default();
        for _ in 0..options.resamples {
            times.fill(0);
            counts.clear();
            sums.fill(BinSums::default());
            let (mut loss, mut count) = (0.0, 0_usize);
            for _ in 0..groups.len() {
                let group = &groups[random.below(groups.len() as u64) as usize];
                count += group.len();
                for &index in group {
                    drawn(index);
                    let row = &rows[index];
                    times[index] += 1;
                    counts.add(row.label, row.predicted);
                    sums[row.bin].add(row.confidence, row.label == row.predicted);
                    loss += row.loss;
                }
            }
            replicates.accuracy.push(counts.accuracy());
            replicates.macro_f1.push(counts.macro_average().f1);
            replicates.loss.push(loss / count as f64);
            replicates.expected_calibration_error.push(BinSums::expected_error(&sums));
            // The rows are ranked once. A draw only changes how often each of them counts.
            let areas = rankings.iter().map(|ranking| ranking.area(|row| times[row]));
            replicates.roc_auc.extend(mean_area(areas));
        }
        replicates
    }
}

/// Draws rows, or groups if there are ids of them, and computes the intervals; None without draws.
pub(super) fn intervals(
    predictions: &Predictions<'_>,
    ids: Option<&[usize]>,
    options: &EvaluationOptions,
) -> Result<Option<Intervals>, Error> {
    let groups = members(ids, predictions.rows())?;
    let replicates = Replicates::new(predictions, &groups, options, |_| ());
    Ok(of_replicates(replicates, ids.map(|_| groups.len()), options))
}

/// The middle of the draws' metrics; None without draws.
fn of_replicates(
    replicates: Replicates,
    groups: Option<usize>,
    options: &EvaluationOptions,
) -> Option<Intervals> {
    let EvaluationOptions { confidence_level, resamples, seed, .. } = *options;
    Some(Intervals {
        confidence_level,
        resamples,
        seed,
        groups,
        roc_auc_resamples: replicates.roc_auc.len(),
        accuracy: middle(replicates.accuracy, confidence_level)?,
        macro_f1: middle(replicates.macro_f1, confidence_level)?,
        roc_auc: middle(replicates.roc_auc, confidence_level),
        loss: middle(replicates.loss, confidence_level)?,
        expected_calibration_error: middle(replicates.expected_calibration_error, confidence_level)?,
    })
}

/// The interval of a mean over the rows, from the draws that [`intervals`] makes; None without draws.
pub(crate) fn interval_of_mean(
    values: &[f64],
    groups: &[Vec<usize>],
    options: &EvaluationOptions,
) -> Option<Interval> {
    let mut random = Random::new(options.seed, Stream::Bootstrap);
    let mut mean = || {
        let (mut sum, mut count) = (0.0, 0_usize);
        for _ in 0..groups.len() {
            let group = &groups[random.below(groups.len() as u64) as usize];
            count += group.len();
            group.iter().for_each(|&row| sum += values[row]);
        }
        sum / count as f64
    };
    middle((0..options.resamples).map(|_| mean()).collect(), options.confidence_level)
}

/// The interval that leaves out as much below as above; None for no values.
fn middle(mut values: Vec<f64>, share: f64) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    let outside = (1.0 - share) / 2.0;
    Some(Interval { low: quantile(&values, outside)?, high: quantile(&values, 1.0 - outside)? })
}

/// The value below which a share of the values lies, interpolated linearly between the two nearest (numpy's default,
/// Hyndman and Fan's type 7); None for no values.
///
/// # Shapes
///
/// `sorted` is in ascending order; `share` is clamped to [0, 1].
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = (place as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(low + (high - low) * (place - below as f64))
}
