//! Rows divided into folds by groups that stay together.

use super::folds::stratified_folds;
use crate::error::Error;
use crate::groups::members;
use crate::random::{Random, Stream};

/// Passes over the groups to improve the folds, at most. Two or three change everything that any would.
const SWEEPS: usize = 20;

/// The fold of each row, in 0..folds. All rows of a group are in one fold, and each class is spread over the folds as evenly
/// as the groups allow.
///
/// If each row is its own group, the folds are those of [`stratified_folds`]. Otherwise the groups, shuffled by the seed and
/// those with the most uneven classes first, go one by one to the fold that keeps the sum over classes and folds of
/// (share of the class in the fold)^2 smallest; of equal folds to the one with the fewest rows, then to the first. After that
/// single groups are moved as long as that makes the sum smaller. scikit-learn's `StratifiedGroupKFold` does the first part,
/// with the deviation in place of the sum of squares. `folds` is at least 1.
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
    // Sorting is stable, so equal groups keep the shuffled order.
    members.sort_by_cached_key(|rows| std::cmp::Reverse(spread(rows, labels, classes)));
    let mut shares =
        Shares { totals, counts: vec![vec![0.0; classes]; folds], sizes: vec![0; folds], labels };
    let mut fold_of_group = Vec::with_capacity(members.len());
    for rows in &members {
        let best = shares.best(rows);
        shares.add(rows, best, 1.0);
        fold_of_group.push(best);
    }
    for _ in 0..SWEEPS {
        let mut moved = false;
        for (rows, fold) in members.iter().zip(&mut fold_of_group) {
            shares.add(rows, *fold, -1.0);
            let best = shares.best(rows);
            // By more than a rounding error, or two folds would exchange a group without an end.
            if shares.cost(rows, best) < shares.cost(rows, *fold) - 1e-12 {
                (*fold, moved) = (best, true);
            }
            shares.add(rows, *fold, 1.0);
        }
        if !moved {
            break;
        }
    }
    let mut fold_of = vec![0; labels.len()];
    for (rows, fold) in members.iter().zip(fold_of_group) {
        rows.iter().for_each(|&row| fold_of[row] = fold);
    }
    Ok(fold_of)
}

/// The rows of each class in each fold.
struct Shares<'a> {
    labels: &'a [u32],
    /// The rows of each class.
    totals: Vec<f64>,
    /// The same in each fold.
    counts: Vec<Vec<f64>>,
    /// The rows in each fold.
    sizes: Vec<i64>,
}

impl Shares<'_> {
    /// By how much a group that is added to a fold raises half of the sum of the squared shares, less what it raises in
    /// every fold: the sum over its rows of (rows of the row's class in the fold) / (rows of the class)^2.
    fn cost(&self, rows: &[usize], fold: usize) -> f64 {
        let share = |&row: &usize| {
            let class = self.labels[row] as usize;
            self.counts[fold][class] / (self.totals[class] * self.totals[class])
        };
        rows.iter().map(share).sum()
    }

    /// The fold where a group costs least.
    fn best(&self, rows: &[usize]) -> usize {
        let mut best = (0, self.cost(rows, 0));
        for fold in 1..self.sizes.len() {
            let cost = self.cost(rows, fold);
            if cost < best.1 || (cost == best.1 && self.sizes[fold] < self.sizes[best.0]) {
                best = (fold, cost);
            }
        }
        best.0
    }

    /// Adds a group to a fold, or with -1 takes it away.
    fn add(&mut self, rows: &[usize], fold: usize, times: f64) {
        rows.iter().for_each(|&row| self.counts[fold][self.labels[row] as usize] += times);
        self.sizes[fold] += times as i64 * rows.len() as i64;
    }
}

/// The variance of a group's rows of each class, times the square of the number of classes.
fn spread(rows: &[usize], labels: &[u32], classes: usize) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    rows.iter().for_each(|&row| *counts.entry(labels[row]).or_insert(0_usize) += 1);
    classes * counts.values().map(|count| count * count).sum::<usize>() - rows.len() * rows.len()
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
