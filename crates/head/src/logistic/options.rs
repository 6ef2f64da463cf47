//! How to fit.

use serde::{Deserialize, Serialize};

use crate::class_weight::ClassWeight;
use crate::error::{Error, check};

/// How to fit a logistic regression, and how to choose its strength.
///
/// More options may come, so other crates start from the default and assign fields:
///
/// ```
/// use headstart_head::ClassWeight;
/// use headstart_head::logistic::LogisticOptions;
///
/// let mut options = LogisticOptions::default();
/// options.class_weight = ClassWeight::Balanced;
/// options.seed = 1;
/// assert_eq!(options.folds, 5);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogisticOptions {
    /// How much the rows of each class count.
    pub class_weight: ClassWeight,
    /// A fit ends when no derivative of the objective, a mean over the rows, is larger in absolute value; > 0.
    pub tolerance: f64,
    /// Steps of Newton's method at most, >= 1.
    pub steps: usize,
    /// The strengths to choose from, each > 0, in ascending order; at least one.
    pub strengths: Vec<f64>,
    /// Parts that are held out in turn, at least 2. There are fewer if a class has fewer groups.
    pub folds: usize,
    /// The shares of the rows that a learning curve has points for beside all rows, each in (0, 1), in ascending order.
    pub shares: Vec<f64>,
    /// Seed of the folds and of the subsets of a learning curve.
    pub seed: u64,
}

impl Default for LogisticOptions {
    /// Tolerance 1e-8, at most 100 steps, [`standard_strengths`], five folds, the shares 1/8, 1/4 and 1/2, seed 0, classes not
    /// weighted.
    fn default() -> Self {
        Self {
            class_weight: ClassWeight::None,
            tolerance: 1e-8,
            steps: 100,
            strengths: standard_strengths(),
            folds: 5,
            shares: vec![0.125, 0.25, 0.5],
            seed: 0,
        }
    }
}

/// 1e-6 to 100, two to a factor of ten.
///
/// A row of D standardized features has a squared length of about D, so the penalty rules where C x N x D is well below 4,
/// the curvature of the logistic loss being at most 1/4: 1e-6 is below that for 100 rows of 25,088 features and for 3,000
/// rows of 1,280. At 100 the rows of a few thousand features are separated nearly without a penalty. Between neighbours,
/// a factor of 3.2 apart, the held-out loss changes by little.
#[must_use]
pub fn standard_strengths() -> Vec<f64> {
    vec![
        1e-6, 3.2e-6, 1e-5, 3.2e-5, 1e-4, 3.2e-4, 1e-3, 3.2e-3, 1e-2, 3.2e-2, 0.1, 0.32, 1.0, 3.2, 10.0,
        32.0, 100.0,
    ]
}

impl LogisticOptions {
    /// Checks every option's range.
    ///
    /// # Errors
    ///
    /// [`Error::Option`], which names the option.
    pub fn validate(&self) -> Result<(), Error> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        check("tolerance", positive(self.tolerance), "a number > 0", &self.tolerance)?;
        check("steps", self.steps > 0, "at least 1", &self.steps)?;
        check("folds", self.folds > 1, "at least 2", &self.folds)?;
        let fits = self.shares.is_sorted_by(|a, b| a < b) && self.shares.iter().all(|&s| s > 0.0 && s < 1.0);
        check("shares", fits, "numbers in (0, 1) in ascending order", &format!("{:?}", self.shares))?;
        let ascending = self.strengths.is_sorted_by(|a, b| a < b);
        let fits = ascending && !self.strengths.is_empty() && self.strengths.iter().all(|&c| positive(c));
        let found = format!("{:?}", self.strengths);
        check("strengths", fits, "numbers > 0 in ascending order, at least one", &found)
    }
}
