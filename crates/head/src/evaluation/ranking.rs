//! The area under the receiver operating characteristic.

use super::predictions::Predictions;

/// Rows by ascending score.
#[derive(Debug)]
pub(super) struct Ranking {
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    row: usize,
    positive: bool,
    /// Whether the next row has another score.
    last_of_ties: bool,
}

impl Ranking {
    /// Ranks the rows by the probability of a class, whose rows are the positive ones.
    fn new(predictions: &Predictions<'_>, class: u32) -> Self {
        let score = |row: usize| predictions.probability(row, class);
        let mut order: Vec<usize> = (0..predictions.rows()).collect();
        order.sort_unstable_by(|&a, &b| score(a).total_cmp(&score(b)));
        let place = |(index, &row): (usize, &usize)| Place {
            row,
            positive: predictions.labels()[row] == class,
            last_of_ties: order.get(index + 1).is_none_or(|&next| score(next) != score(row)),
        };
        Self { places: order.iter().enumerate().map(place).collect() }
    }

    /// The rankings for the areas of all classes. With two classes that of class 1 is enough: the other is its mirror
    /// image.
    pub(super) fn of_classes(predictions: &Predictions<'_>) -> Vec<Self> {
        let first = u32::from(predictions.classes() == 2);
        (first..predictions.classes() as u32).map(|class| Self::new(predictions, class)).collect()
    }

    /// The probability that a positive row has a larger score than a negative one. Ties count half, and each row counts
    /// `weight(row)` times. None without a positive or a negative row.
    pub(super) fn area(&self, weight: impl Fn(usize) -> u32) -> Option<f64> {
        // Positive and negative rows among the current ties, and negative rows before them.
        let (mut positive, mut negative, mut before) = (0, 0, 0);
        let (mut positives, mut twice_area) = (0, 0);
        for place in &self.places {
            let weight = u64::from(weight(place.row));
            let if_positive = weight * u64::from(place.positive);
            positive += if_positive;
            negative += weight - if_positive;
            if place.last_of_ties {
                twice_area += positive * (2 * before + negative);
                positives += positive;
                before += negative;
                (positive, negative) = (0, 0);
            }
        }
        let pairs = positives as f64 * before as f64;
        (pairs > 0.0).then(|| twice_area as f64 / (2.0 * pairs))
    }
}

/// The mean of the areas, as scikit-learn's `multi_class="ovr"` with `average="macro"`; None if one is missing.
pub(super) fn mean_area(areas: impl ExactSizeIterator<Item = Option<f64>>) -> Option<f64> {
    let count = areas.len() as f64;
    areas.sum::<Option<f64>>().map(|sum| sum / count)
}

impl Predictions<'_> {
    /// The area under the ROC curve of each class against the others, in [0, 1]. Ties count half. None for a class without
    /// rows, or with all rows. With two classes both have the area of class 1.
    ///
    /// Probabilities that round to 1 are ties, as in scikit-learn.
    #[must_use]
    pub fn class_roc_auc(&self) -> Vec<Option<f64>> {
        let areas: Vec<_> = Ranking::of_classes(self).iter().map(|ranking| ranking.area(|_| 1)).collect();
        if self.classes() == 2 { areas.repeat(2) } else { areas }
    }
}
