//! Rows divided into folds by groups that stay together.

use super::folds::stratified_folds;
use crate::error::Error;
use crate::groups::members;
use crate::random::{Random, Stream};

/// The fold of each row, in 0..folds. All rows of a group are in one fold, and each class is spread over the folds as evenly
/// as the groups allow.
///
/// If each row is its own group, the folds are those of [`stratified_folds`]. Otherwise the groups, shuffled by the seed and
/// the largest first, go one by one to the fold in which the classes of the group are rarest: which has the smallest sum
/// over the group's rows of (rows of the row's class in the fold) / (rows of the class)^2. That keeps the sum of the squared
/// shares of the classes smallest, as scikit-learn's `StratifiedGroupKFold` keeps their deviation. Of equal folds the
/// one with the fewest rows is taken, then the first. `folds` is at least 1.
///
/// # Errors
///
/// [`GroupCount`](crate::evaluation::Error::GroupCount) when there is not one group for each label.
pub fn grouped_folds(
    labels: &[u32],
    groups: Option<&[usize]>,
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, Error> {
    let folds = folds.max(1);
    let mut members = members(groups, labels.len())?;
    if members.len() == labels.len() {
        return Ok(stratified_folds(labels, folds, seed));
    }
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut totals = vec![0.0; classes];
    labels.iter().for_each(|&label| totals[label as usize] += 1.0);

    Random::new(seed, Stream::Folds).shuffle(&mut members);
    // Sorting is stable, so groups of one size keep the shuffled order.
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let mut counts = vec![vec![0.0; classes]; folds];
    let mut sizes = vec![0_usize; folds];
    let mut fold_of = vec![0; labels.len()];
    for rows in members {
        let cost = |fold: usize| -> f64 {
            let share = |&row: &usize| {
                let class = labels[row] as usize;
                counts[fold][class] / (totals[class] * totals[class])
            };
            rows.iter().map(share).sum()
        };
        let mut best = (0, cost(0));
        for fold in 1..folds {
            let cost = cost(fold);
            let smaller = sizes[fold] < sizes[best.0];
            if cost < best.1 || (cost == best.1 && smaller) {
                best = (fold, cost);
            }
        }
        for row in rows {
            counts[best.0][labels[row] as usize] += 1.0;
            sizes[best.0] += 1;
            fold_of[row] = best.0;
        }
    }
    Ok(fold_of)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::error::EvaluationError;

    /// The number of rows of each class in each fold.
    fn counts(labels: &[u32], fold_of: &[usize], folds: usize, classes: usize) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; classes]; folds];
        for (&label, &fold) in labels.iter().zip(fold_of) {
            counts[fold][label as usize] += 1;
        }
        counts
    }

    proptest! {
        #[test]
        fn no_group_is_split_and_every_row_has_one_fold(
            rows in proptest::collection::vec((0..4_u32, 0..30_usize), 1..150),
            folds in 1..8_usize,
            seed: u64,
        ) {
            let (labels, groups): (Vec<u32>, Vec<usize>) = rows.into_iter().unzip();
            let fold_of = grouped_folds(&labels, Some(&groups), folds, seed).unwrap();
            prop_assert_eq!(fold_of.len(), labels.len());
            prop_assert!(fold_of.iter().all(|&fold| fold < folds));
            let mut of_group = BTreeMap::new();
            for (group, fold) in groups.iter().zip(&fold_of) {
                prop_assert_eq!(of_group.entry(group).or_insert(fold), &fold);
            }
        }

        #[test]
        fn groups_of_one_row_are_exactly_stratified(
            labels in proptest::collection::vec(0..5_u32, 1..200),
            folds in 1..8_usize,
            seed: u64,
        ) {
            let ids: Vec<usize> = (0..labels.len()).map(|row| 7 * row + 3).collect();
            let fold_of = grouped_folds(&labels, Some(&ids), folds, seed).unwrap();
            prop_assert_eq!(&fold_of, &grouped_folds(&labels, None, folds, seed).unwrap());
            let counts = counts(&labels, &fold_of, folds, 5);
            for class in 0..5 {
                let of_class = counts.iter().map(|fold| fold[class]);
                prop_assert!(of_class.clone().max().unwrap() - of_class.min().unwrap() <= 1);
            }
        }

        #[test]
        fn classes_differ_by_no_more_than_the_largest_group_where_groups_are_of_one_class(
            sizes in proptest::collection::vec((0..3_u32, 1..6_usize), 4..60),
            folds in 2..6_usize,
            seed: u64,
        ) {
            let (mut labels, mut groups) = (Vec::new(), Vec::new());
            for (group, &(label, size)) in sizes.iter().enumerate() {
                labels.extend(vec![label; size]);
                groups.extend(vec![group; size]);
            }
            let fold_of = grouped_folds(&labels, Some(&groups), folds, seed).unwrap();
            let counts = counts(&labels, &fold_of, folds, 3);
            for class in 0..3 {
                let of_class = counts.iter().map(|fold| fold[class]);
                let largest = sizes.iter().filter(|group| group.0 as usize == class).map(|group| group.1).max();
                prop_assert!(of_class.clone().max().unwrap() - of_class.min().unwrap() <= largest.unwrap_or(0));
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_folds_again_and_another_gives_others() {
        let labels = [0, 1].repeat(60);
        let groups: Vec<usize> = (0..120).map(|row| row / 3).collect();
        let folds = |seed| grouped_folds(&labels, Some(&groups), 5, seed).unwrap();
        assert_eq!(folds(1), folds(1));
        assert_ne!(folds(1), folds(2));
        let error = grouped_folds(&labels, Some(&groups[1..]), 5, 0).unwrap_err();
        assert!(
            matches!(error, Error::Evaluation(EvaluationError::GroupCount { rows: 120, groups: 119 })),
            "{error}"
        );
    }
}
