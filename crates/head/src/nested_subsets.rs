//! Parts of some groups, each with about the same share of every class, each within the next.

use crate::error::Error;
use crate::groups::members;
use crate::random::{Random, Stream};

/// A share of the rows, in ascending order: whole groups, and about the share of each class, at least one group of it.
/// `groups` has an id for each row, and the share is in (0, 1]. The same seed gives the same rows, and a smaller share is
/// part of a larger one.
///
/// # Errors
///
/// [`GroupCount`](crate::evaluation::Error::GroupCount) when there is not one group for each label.
pub fn stratified_share(
    labels: &[u32],
    groups: &[usize],
    share: f64,
    seed: u64,
) -> Result<Vec<usize>, Error> {
    let members = members(Some(groups), labels.len())?;
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let groups = members.iter().map(Vec::as_slice).collect();
    Ok(NestedSubsets::new(groups, labels, classes, seed).share(share))
}

/// Groups in an order, so that a share of them is where the order is below it.
pub(crate) struct NestedSubsets<'a> {
    /// From when on a group belongs to a share, and its rows.
    groups: Vec<(f64, &'a [usize])>,
}

impl<'a> NestedSubsets<'a> {
    /// Shuffles the groups by the seed. A group counts for the class that has the largest part of its rows in it. Within its
    /// class it belongs to every share that its middle row is below; the first group of a class, and the first with any
    /// row of a class, belong to every share.
    pub(crate) fn new(mut groups: Vec<&'a [usize]>, labels: &[u32], classes: usize, seed: u64) -> Self {
        let mut totals = vec![0.0; classes];
        groups.iter().copied().flatten().for_each(|&row| totals[labels[row] as usize] += 1.0);
        Random::new(seed, Stream::Subsets).shuffle(&mut groups);
        let own = |group: &[usize]| {
            let mut shares = vec![0.0; classes];
            group.iter().for_each(|&row| shares[labels[row] as usize] += 1.0 / totals[labels[row] as usize]);
            let larger = |best: usize, class: usize| if shares[class] > shares[best] { class } else { best };
            (0..classes).fold(0, larger)
        };
        let own: Vec<usize> = groups.iter().map(|group| own(group)).collect();
        let mut of_class = vec![0.0; classes];
        groups.iter().zip(&own).for_each(|(group, &class)| of_class[class] += group.len() as f64);
        let (mut before, mut seen) = (vec![0.0; classes], vec![false; classes]);
        let place = |(group, class): (&'a [usize], usize)| {
            let size = group.len() as f64;
            let middle = (before[class] + 0.5 * size) / of_class[class];
            before[class] += size;
            let new = group.iter().any(|&row| !seen[labels[row] as usize]);
            group.iter().for_each(|&row| seen[labels[row] as usize] = true);
            (if new { 0.0 } else { middle }, group)
        };
        Self { groups: groups.into_iter().zip(own).map(place).collect() }
    }

    /// The rows of a share in (0, 1], in ascending order.
    pub(crate) fn share(&self, share: f64) -> Vec<usize> {
        let within = self.groups.iter().filter(|(from, _)| *from <= share);
        let mut rows: Vec<usize> = within.flat_map(|(_, rows)| rows.iter().copied()).collect();
        rows.sort_unstable();
        rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_is_the_same_for_the_same_seed_and_asks_for_a_group_a_row() {
        let labels = [0, 1].repeat(50);
        let groups: Vec<usize> = (0..100).map(|row| row / 2).collect();
        let share = |share, seed| stratified_share(&labels, &groups, share, seed).unwrap();
        assert_eq!(share(0.2, 1), share(0.2, 1));
        assert_ne!(share(0.2, 1), share(0.2, 2));
        assert_eq!(share(1.0, 1), (0..100).collect::<Vec<_>>());
        assert!(stratified_share(&labels, &groups[1..], 0.2, 0).is_err());
    }

    proptest! {
        #[test]
        fn subsets_are_nested_and_have_whole_groups_and_every_class(
            rows in proptest::collection::vec((0..4_u32, 0..25_usize), 1..120),
            seed: u64,
        ) {
            let (labels, ids): (Vec<u32>, Vec<usize>) = rows.into_iter().unzip();
            let groups = members(Some(&ids), labels.len()).unwrap();
            let subsets = NestedSubsets::new(groups.iter().map(Vec::as_slice).collect(), &labels, 4, seed);
            let mut smaller = Vec::new();
            for share in [0.01, 0.125, 0.25, 0.5, 1.0] {
                let subset = subsets.share(share);
                prop_assert!(smaller.iter().all(|row| subset.contains(row)));
                for group in &groups {
                    let inside = group.iter().filter(|row| subset.contains(row)).count();
                    prop_assert!(inside == 0 || inside == group.len());
                }
                for class in 0..4 {
                    let has = |rows: &[usize]| rows.iter().any(|&row| labels[row] == class);
                    prop_assert_eq!(has(&subset), labels.contains(&class));
                }
                smaller = subset;
            }
            prop_assert_eq!(smaller.len(), labels.len());
        }

        #[test]
        fn groups_of_one_row_have_the_share_of_each_class_within_one(
            labels in proptest::collection::vec(0..3_u32, 1..150),
            share in 0.01..1.0_f64,
            seed: u64,
        ) {
            let groups = members(None, labels.len()).unwrap();
            let subsets = NestedSubsets::new(groups.iter().map(Vec::as_slice).collect(), &labels, 3, seed);
            let subset = subsets.share(share);
            for class in 0..3 {
                let all = labels.iter().filter(|&&label| label == class).count();
                let found = subset.iter().filter(|&&row| labels[row] == class).count();
                prop_assert!((found as f64 - share * all as f64).abs() <= 1.0, "{} of {}", found, all);
            }
        }
    }
}
