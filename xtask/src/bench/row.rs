//! The figures of one thing that was measured.

/// Which figures are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
    /// Not a race: no ratio is shown.
    Accuracy,
}

/// One thing that was measured, for all contestants.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) threads: usize,
    /// For each contestant, one figure per round; none if it was not measured.
    pub(crate) rounds: Vec<Vec<f64>>,
}

impl Row {
    /// The contestant's median over the rounds.
    pub(crate) fn median(&self, contestant: usize) -> Option<f64> {
        median(&self.rounds[contestant])
    }

    /// How many times as good the first contestant is: the median of the rounds' ratios. A disturbed round disturbs
    /// both.
    pub(crate) fn ratio(&self, contestant: usize) -> Option<f64> {
        let (first, other) = (&self.rounds[0], &self.rounds[contestant]);
        let ratio = |(first, other): (f64, f64)| match self.better {
            Better::Higher => first / other,
            Better::Lower | Better::Accuracy => other / first,
        };
        if contestant == 0 || self.better == Better::Accuracy {
            None
        } else if first.len() == other.len() {
            let rounds = first.iter().copied().zip(other.iter().copied());
            median(&rounds.map(ratio).collect::<Vec<_>>())
        } else {
            // One of them was too slow for the same number of rounds.
            Some(ratio((median(first)?, median(other)?)))
        }
    }

    /// The spread of the contestant's rounds as a share of their median. It needs two rounds.
    pub(crate) fn spread(&self, contestant: usize) -> Option<f64> {
        if self.better == Better::Accuracy { None } else { spread(&self.rounds[contestant]) }
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

/// (largest - smallest) / median of at least two values.
pub(crate) fn spread(values: &[f64]) -> Option<f64> {
    let smallest = values.iter().copied().reduce(f64::min)?;
    let largest = values.iter().copied().reduce(f64::max)?;
    (values.len() > 1).then_some((largest - smallest) / median(values)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better, rounds: &[&[f64]]) -> Row {
        let rounds = rounds.iter().map(|rounds| rounds.to_vec()).collect();
        Row { what: "base".to_owned(), unit: "images/s", better, threads: 1, rounds }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round was disturbed for both. Medians alone would give another ratio.
        let race = row(Better::Higher, &[&[20.0, 10.0, 30.0], &[10.0, 5.0, 5.0]]);
        assert_eq!(race.ratio(1), Some(2.0));
        assert_eq!(race.ratio(0), None);
    }

    #[test]
    fn less_time_is_better() {
        assert_eq!(row(Better::Lower, &[&[1.0, 1.0], &[3.0, 3.0]]).ratio(1), Some(3.0));
        assert_eq!(row(Better::Accuracy, &[&[1.0], &[3.0]]).ratio(1), None);
    }

    #[test]
    fn a_contestant_with_fewer_rounds_is_compared_by_medians() {
        assert_eq!(row(Better::Higher, &[&[10.0, 12.0, 30.0], &[4.0]]).ratio(1), Some(3.0));
        assert_eq!(row(Better::Higher, &[&[10.0], &[]]).ratio(1), None);
    }

    #[test]
    fn spread_needs_two_rounds() {
        assert_eq!(row(Better::Higher, &[&[9.0, 11.0, 10.0]]).spread(0), Some(0.2));
        assert_eq!(row(Better::Higher, &[&[9.0]]).spread(0), None);
    }
}
