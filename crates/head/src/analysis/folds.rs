//! Rows divided into folds.

use crate::random::{Random, Stream};

/// The fold of each row, in 0..folds. The folds' sizes differ by at most one, and so does the number of rows of each class
/// in them.
///
/// Each class is shuffled by the seed. Its rows then go to one fold after the other, starting where the class before ended.
/// A class with fewer rows than folds is missing from some folds. `folds` is at least 1.
#[must_use]
pub fn stratified_folds(labels: &[u32], folds: usize, seed: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    let mut random = Random::new(seed, Stream::Folds);
    // Sorting is stable, so each class keeps the shuffled order.
    random.shuffle(&mut rows);
    rows.sort_by_key(|&row| labels[row]);
    let mut fold_of = vec![0; labels.len()];
    for (position, row) in rows.into_iter().enumerate() {
        fold_of[row] = position % folds.max(1);
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folds_are_of_one_size_and_share_each_class(
            labels in proptest::collection::vec(0..5_u32, 1..200),
            folds in 1..8_usize,
            seed: u64,
        ) {
            let fold_of = stratified_folds(&labels, folds, seed);
            let count = |fold, class: Option<u32>| {
                let rows = fold_of.iter().zip(&labels);
                rows.filter(|(f, label)| **f == fold && class.is_none_or(|class| class == **label)).count()
            };
            for class in [None, Some(0), Some(1), Some(2), Some(3), Some(4)] {
                let counts: Vec<usize> = (0..folds).map(|fold| count(fold, class)).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{counts:?}");
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_folds_again_and_another_gives_others() {
        let labels = [0, 1].repeat(50);
        assert_eq!(stratified_folds(&labels, 5, 1), stratified_folds(&labels, 5, 1));
        assert_ne!(stratified_folds(&labels, 5, 1), stratified_folds(&labels, 5, 2));
    }
}
