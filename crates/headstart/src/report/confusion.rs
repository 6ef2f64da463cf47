//! Which classes are taken for each other, and an order in which these are side by side.

/// Two classes with the number of images of either that are taken for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConfusedPair {
    /// In label order.
    pub(super) classes: [usize; 2],
    pub(super) images: u64,
}

/// The pairs of classes that are confused, the most often confused first, then in label order.
pub(super) fn confused_pairs(confusion: &[Vec<u64>]) -> Vec<ConfusedPair> {
    let at = |row: usize, column: usize| confusion[row].get(column).copied().unwrap_or(0);
    let mut pairs: Vec<ConfusedPair> = (0..confusion.len())
        .flat_map(|a| (a + 1..confusion.len()).map(move |b| [a, b]))
        .map(|classes @ [a, b]| ConfusedPair { classes, images: at(a, b) + at(b, a) })
        .filter(|pair| pair.images > 0)
        .collect();
    pairs.sort_by_key(|pair| (std::cmp::Reverse(pair.images), pair.classes));
    pairs
}

/// The class that a class's images are taken for most often, if any is, and how many.
pub(super) fn taken_for(confusion: &[Vec<u64>], class: usize) -> Option<(usize, u64)> {
    let row = confusion.get(class)?.iter().copied().enumerate();
    let wrong = row.filter(|&(other, images)| other != class && images > 0);
    wrong.max_by_key(|&(other, images)| (images, std::cmp::Reverse(other)))
}

/// The classes in an order that puts those side by side that are confused most often. Each begins as a row of its own; pair by
/// pair, the rows of both classes are put end to end, turned so that the two come as near as they can. Classes that are
/// confused with no other stay in label order behind those.
pub(super) fn order_by_confusion(confusion: &[Vec<u64>]) -> Vec<usize> {
    let mut rows: Vec<Vec<usize>> = (0..confusion.len()).map(|class| vec![class]).collect();
    for ConfusedPair { classes: [a, b], .. } in confused_pairs(confusion) {
        let of = |class: usize| rows.iter().position(|row| row.contains(&class));
        let (Some(first), Some(second)) = (of(a), of(b)) else { continue };
        if first == second {
            continue;
        }
        let mut left = std::mem::take(&mut rows[first]);
        let mut right = std::mem::take(&mut rows[second]);
        let place = |row: &[usize], class: usize| row.iter().position(|other| *other == class).unwrap_or(0);
        // The class is to be in the half that meets the other row.
        if 2 * place(&left, a) + 1 < left.len() {
            left.reverse();
        }
        if 2 * place(&right, b) + 1 > right.len() {
            right.reverse();
        }
        left.append(&mut right);
        rows[first.min(second)] = left;
    }
    let (together, alone): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.len() > 1);
    together.into_iter().chain(alone).flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn confused_classes_come_side_by_side() {
        // 0 and 3 are confused, and 3 and 5; 1, 2 and 4 are not.
        let mut confusion = vec![vec![0; 6]; 6];
        (confusion[0][3], confusion[5][3], confusion[3][0]) = (2, 4, 1);
        assert_eq!(order_by_confusion(&confusion), [0, 3, 5, 1, 2, 4]);
        let pairs = confused_pairs(&confusion);
        assert_eq!(
            pairs.iter().map(|pair| (pair.classes, pair.images)).collect::<Vec<_>>(),
            [([3, 5], 4), ([0, 3], 3)]
        );
    }

    proptest! {
        #[test]
        fn every_class_is_there_once(counts in prop::collection::vec(prop::collection::vec(0..5_u64, 9), 9)) {
            let mut order = order_by_confusion(&counts);
            order.sort_unstable();
            prop_assert_eq!(order, (0..9).collect::<Vec<_>>());
        }
    }
}
