//! Likely label errors by confident learning.
//!
//! C. Northcutt, L. Jiang, I. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of
//! Artificial Intelligence Research 70 (2021), section 3.

use std::cmp::Ordering;

use super::out_of_fold::Probabilities;
use crate::argmax::argmax;

/// How far below a threshold a probability may be and still count. A class whose rows all have the same probability must
/// reach its own mean.
const ROUNDING: f64 = 1e-6;

/// A row whose label is probably wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelIssue {
    /// The row.
    pub row: usize,
    /// The class that it is labelled as.
    pub given: u32,
    /// The class that it is confidently counted as.
    pub suggested: u32,
    /// The probability of the given class, in [0, 1].
    pub self_confidence: f32,
}

/// For each class, the mean probability of the class over the rows with its label. Infinite for a class without rows, so
/// that no row counts as it.
///
/// `labels` has a label below the number of classes for each row of `probabilities`.
#[must_use]
pub fn confident_thresholds(labels: &[u32], probabilities: &Probabilities) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_usize); probabilities.classes()];
    for (row, &label) in probabilities.rows().zip(labels) {
        let (sum, count) = &mut sums[label as usize];
        *sum += f64::from(row[label as usize]);
        *count += 1;
    }
    let mean = |(sum, count)| if count == 0 { f64::INFINITY } else { sum / count as f64 };
    sums.into_iter().map(mean).collect()
}

/// The rows that confident learning counts as another class than their label's, the least self-confident first.
///
/// A row counts as the class whose probability reaches the class's [threshold](confident_thresholds). If there are several,
/// it counts as its most probable class. If that class is not the row's label, the row is off the diagonal of the confident
/// joint. It is then an issue, unless its label is the most probable class.
///
/// The probabilities must come from a model that has not seen the rows: see
/// [`out_of_fold_probabilities`](crate::analysis::out_of_fold_probabilities). `labels` has a label below the number
/// of classes for each row of `probabilities`.
#[must_use]
pub fn find_label_issues(labels: &[u32], probabilities: &Probabilities) -> Vec<LabelIssue> {
    let thresholds = confident_thresholds(labels, probabilities);
    let issue = |(row, (probabilities, &given)): (usize, (&[f32], &u32))| {
        let probable = argmax(probabilities) as u32;
        let mut confident = (0_u32..).zip(probabilities.iter().zip(&thresholds));
        let mut next =
            || confident.find(|(_, (p, t))| f64::from(**p) >= **t - ROUNDING).map(|(class, _)| class);
        let suggested = match (next(), next()) {
            (None, _) => return None,
            (Some(only), None) => only,
            (Some(_), Some(_)) => probable,
        };
        let self_confidence = probabilities[given as usize];
        let kept = suggested == given || self_confidence >= probabilities[probable as usize];
        (!kept).then_some(LabelIssue { row, given, suggested, self_confidence })
    };
    let mut issues: Vec<LabelIssue> =
        probabilities.rows().zip(labels).enumerate().filter_map(issue).collect();
    issues.sort_by(|a, b| {
        let by_confidence = a.self_confidence.partial_cmp(&b.self_confidence).unwrap_or(Ordering::Equal);
        by_confidence.then(a.row.cmp(&b.row))
    });
    issues
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn issues(labels: &[u32], classes: usize, values: &[f32]) -> Vec<LabelIssue> {
        find_label_issues(labels, &Probabilities::new(values.to_vec(), classes).unwrap())
    }

    #[test]
    fn a_row_that_is_surely_of_the_other_class_is_found() {
        let values = [0.9, 0.1, 0.8, 0.2, 0.05, 0.95, 0.1, 0.9, 0.2, 0.8];
        let found = issues(&[0, 0, 0, 1, 1], 2, &values);
        assert_eq!(found, [LabelIssue { row: 2, given: 0, suggested: 1, self_confidence: 0.05 }]);
    }

    #[test]
    fn a_row_that_reaches_no_threshold_is_no_issue_however_improbable_its_label() {
        // Class 1 demands 0.9; the last row of class 0 has only 0.7 of it.
        let values = [0.9, 0.1, 0.9, 0.1, 0.3, 0.7, 0.1, 0.9, 0.1, 0.9];
        assert_eq!(issues(&[0, 0, 0, 1, 1], 2, &values), []);
    }

    #[test]
    fn a_class_without_rows_takes_none() {
        let values = [0.1, 0.0, 0.9, 0.9, 0.1, 0.0, 0.1, 0.9, 0.0];
        assert!(issues(&[0, 0, 1], 3, &values).iter().all(|issue| issue.suggested != 2));
    }

    proptest! {
        #[test]
        fn an_issue_is_never_suggested_its_own_label_and_the_order_is_by_self_confidence(
            rows in proptest::collection::vec((0..4_u32, [0.01..1_f32, 0.01..1.0, 0.01..1.0, 0.01..1.0]), 1..60),
        ) {
            let labels: Vec<u32> = rows.iter().map(|(label, _)| *label).collect();
            let normal = |row: &[f32; 4]| { let sum: f32 = row.iter().sum(); row.map(|p| p / sum) };
            let values: Vec<f32> = rows.iter().flat_map(|(_, row)| normal(row)).collect();
            let found = issues(&labels, 4, &values);
            prop_assert!(found.iter().all(|issue| issue.given != issue.suggested && labels[issue.row] == issue.given));
            prop_assert!(found.is_sorted_by(|a, b| a.self_confidence <= b.self_confidence));
        }
    }
}
