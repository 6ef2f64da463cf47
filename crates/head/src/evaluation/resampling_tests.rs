//! The bootstrap against its definition, and against what its intervals promise.

use proptest::prelude::*;

use super::bootstrap::Replicates;
use super::*;
use crate::groups::members;
use crate::random::{Random, Stream};

/// Rows of probabilities in 64ths, so that ties are frequent, with labels.
fn predictions(classes: usize) -> impl Strategy<Value = (Vec<f32>, Vec<u32>)> {
    let row =
        (prop::collection::vec(0_u32..=64, classes - 1), 0..classes as u32).prop_map(|(mut cuts, label)| {
            cuts.extend([0, 64]);
            cuts.sort_unstable();
            (cuts.windows(2).map(|cut| (cut[1] - cut[0]) as f32 / 64.0).collect::<Vec<_>>(), label)
        });
    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let (probabilities, labels): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        (probabilities.concat(), labels)
    })
}

proptest! {
    #[test]
    fn a_draw_has_the_metrics_of_its_rows_written_out(
        (probabilities, labels) in (2_usize..6).prop_flat_map(predictions),
        seed: u64,
    ) {
        let classes = probabilities.len() / labels.len();
        let options = EvaluationOptions { resamples: 5, seed, ..EvaluationOptions::default() };
        let whole = Predictions::new(&probabilities, &labels, classes).unwrap();
        let mut drawn = Vec::new();
        let rows: Vec<Vec<usize>> = (0..labels.len()).map(|row| vec![row]).collect();
        let found = Replicates::new(&whole, &rows, &options, |row| drawn.push(row));

        let mut expected = Replicates::default();
        for rows in drawn.chunks(labels.len()) {
            let values: Vec<f32> =
                rows.iter().flat_map(|row| &probabilities[row * classes..][..classes]).copied().collect();
            let labels: Vec<u32> = rows.iter().map(|&row| labels[row]).collect();
            let draw = Predictions::new(&values, &labels, classes).unwrap();
            expected.accuracy.push(draw.accuracy());
            expected.macro_f1.push(ClassCounts::new(&draw).macro_average().f1);
            expected.roc_auc.extend(ranking::mean_area(draw.class_roc_auc().into_iter()));
            expected.loss.push(draw.loss());
            expected.expected_calibration_error.push(draw.expected_calibration_error(15));
        }
        let close = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
        };
        prop_assert!(close(&found.accuracy, &expected.accuracy));
        prop_assert!(close(&found.macro_f1, &expected.macro_f1));
        prop_assert!(close(&found.roc_auc, &expected.roc_auc));
        prop_assert!(close(&found.loss, &expected.loss));
        prop_assert!(close(&found.expected_calibration_error, &expected.expected_calibration_error));
    }

    #[test]
    fn a_draw_of_groups_has_whole_groups_and_the_metrics_of_their_rows(
        (probabilities, labels) in (2_usize..4).prop_flat_map(predictions),
        ids in prop::collection::vec(0_usize..6, 40),
        seed: u64,
    ) {
        let (rows, classes) = (labels.len(), probabilities.len() / labels.len());
        let options = EvaluationOptions { resamples: 5, seed, ..EvaluationOptions::default() };
        let whole = Predictions::new(&probabilities, &labels, classes).unwrap();
        let groups = members(Some(&ids[..rows]), rows).unwrap();
        let mut drawn = Vec::new();
        let found = Replicates::new(&whole, &groups, &options, |row| drawn.push(row));
        let mut drawn = drawn.into_iter();
        for (draw, (&accuracy, &loss)) in found.accuracy.iter().zip(&found.loss).enumerate() {
            let mut rows = Vec::new();
            for _ in 0..groups.len() {
                let first = drawn.next().unwrap();
                let group = groups.iter().find(|group| group.contains(&first)).unwrap();
                prop_assert_eq!(group[0], first);
                rows.push(first);
                for &row in &group[1..] {
                    prop_assert_eq!(drawn.next(), Some(row));
                    rows.push(row);
                }
            }
            let values: Vec<f32> =
                rows.iter().flat_map(|row| &probabilities[row * classes..][..classes]).copied().collect();
            let labels: Vec<u32> = rows.iter().map(|&row| labels[row]).collect();
            let written_out = Predictions::new(&values, &labels, classes).unwrap();
            prop_assert!((accuracy - written_out.accuracy()).abs() < 1e-12, "draw {}", draw);
            prop_assert!((loss - written_out.loss()).abs() < 1e-12, "draw {}", draw);
        }
        prop_assert_eq!(drawn.next(), None);
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_order((probabilities, labels) in predictions(2)) {
        let whole = Predictions::new(&probabilities, &labels, 2).unwrap();
        let scores = |label| labels.iter().enumerate().filter(move |(_, found)| **found == label)
            .map(|(row, _)| probabilities[2 * row + 1]);
        let (mut pairs, mut ordered) = (0.0, 0.0);
        for positive in scores(1) {
            for negative in scores(0) {
                pairs += 1.0;
                ordered += if positive > negative { 1.0 } else if positive == negative { 0.5 } else { 0.0 };
            }
        }
        let expected = (pairs > 0.0).then(|| ordered / pairs);
        prop_assert_eq!(whole.class_roc_auc(), [expected; 2]);
    }
}

#[test]
fn intervals_hold_the_true_value_as_often_as_they_say() {
    // Rows of confidence 0.8, of which a share of 0.8 is right: accuracy and loss of the distribution are known.
    let (right, rows, trials) = (0.8_f32, 120, 400);
    let truth = f64::from(right);
    let entropy = -(truth * truth.ln() + (1.0 - truth) * (1.0 - truth).ln());
    let names = ["a".to_owned(), "b".to_owned()];
    let mut random = Random::new(3, Stream::Shuffle);
    let (mut accuracies, mut losses) = (0, 0);
    for seed in 0..trials {
        let labels: Vec<u32> = (0..rows).map(|_| u32::from(random.uniform() < 0.5)).collect();
        let toward =
            |&label: &u32| if (random.uniform() < right) == (label == 1) { right } else { 1.0 - right };
        let probabilities = binary_columns(&labels.iter().map(toward).collect::<Vec<_>>());
        let options = EvaluationOptions { resamples: 200, seed, ..EvaluationOptions::default() };
        let intervals =
            Evaluation::new(&probabilities, &labels, &names, &options).unwrap().intervals.unwrap();
        let holds = |interval: Interval, value| (interval.low..=interval.high).contains(&value);
        accuracies += u32::from(holds(intervals.accuracy, truth));
        losses += u32::from(holds(intervals.loss, entropy));
    }
    // 380 expected; the standard deviation is 4.4, and percentile intervals are known to be a little short.
    assert!((360..=395).contains(&accuracies), "{accuracies}");
    assert!((360..=395).contains(&losses), "{losses}");
}

#[test]
fn a_seed_gives_its_intervals_again_and_another_gives_others() {
    let probabilities: Vec<f32> = (0..50).map(|row| (row * 37 % 64) as f32 / 64.0).collect();
    let labels: Vec<u32> = (0..50).map(|row| u32::from(row % 3 == 0)).collect();
    let names = ["a".to_owned(), "b".to_owned()];
    let intervals = |seed, resamples| {
        let options = EvaluationOptions { seed, resamples, ..EvaluationOptions::default() };
        Evaluation::new(&binary_columns(&probabilities), &labels, &names, &options).unwrap().intervals
    };
    assert_eq!(intervals(1, 100), intervals(1, 100));
    assert_ne!(intervals(1, 100).map(|found| found.loss), intervals(2, 100).map(|found| found.loss));
    assert_eq!(intervals(1, 0), None);
}

#[test]
fn options_out_of_range_are_refused() {
    let names = ["a".to_owned(), "b".to_owned()];
    let refused = |options| Evaluation::new(&[0.5, 0.5], &[0], &names, &options).unwrap_err().to_string();
    let options = EvaluationOptions::default;
    assert!(refused(EvaluationOptions { confidence_level: f64::NAN, ..options() }).contains("found NaN"));
    assert!(refused(EvaluationOptions { calibration_bins: 0, ..options() }).contains("1 to 1000, found 0"));
    assert!(refused(EvaluationOptions { top_k: 0, ..options() }).starts_with("top k"));
}

#[test]
fn groups_of_one_row_draw_as_rows_do_and_copies_widen_the_interval() {
    let class_1: Vec<f32> = (0..60).map(|row| (row * 37 % 64) as f32 / 64.0).collect();
    let labels: Vec<u32> = (0..60).map(|row| u32::from(row % 3 == 0)).collect();
    let (names, options) = (["a".to_owned(), "b".to_owned()], EvaluationOptions::default());
    let of = |ids: &[usize], repeat: usize| {
        let repeated: Vec<f32> = class_1.iter().flat_map(|p| vec![*p; repeat]).collect();
        let labels: Vec<u32> = labels.iter().flat_map(|label| vec![*label; repeat]).collect();
        Evaluation::of_groups(&binary_columns(&repeated), &labels, ids, &names, &options).unwrap()
    };
    let alone = Evaluation::new(&binary_columns(&class_1), &labels, &names, &options).unwrap();
    let ones: Vec<usize> = (0..60).map(|row| 1000 - row).collect();
    let mut grouped = of(&ones, 1);
    assert_eq!(grouped.intervals.as_ref().unwrap().groups, Some(60));
    grouped.intervals.as_mut().unwrap().groups = None;
    assert_eq!(grouped, alone);
    // Each row four times: the same intervals if the copies are a group, half as wide ones if nobody says so.
    let copies: Vec<usize> = (0..240).map(|row| row / 4).collect();
    let width = |found: Evaluation| found.intervals.map(|all| all.accuracy.high - all.accuracy.low).unwrap();
    let (expected, found, wrong) =
        (width(alone), width(of(&copies, 4)), width(of(&(0..240).collect::<Vec<_>>(), 4)));
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    assert!((wrong / expected - 0.5).abs() < 0.1, "{wrong} {expected}");
    let error = Evaluation::of_groups(&[0.5, 0.5], &[0], &[], &names, &options).unwrap_err();
    assert_eq!(error.to_string(), "groups: expected one for each of 1 rows, found 0");
}
