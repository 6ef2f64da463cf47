//! Weights against classes of unequal size.

use serde::{Deserialize, Serialize};

use crate::error::{Error, check};

/// Factors for the loss of training rows, by class (Keras's `class_weight`). Validation and accuracy are not weighted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// The same weight for all classes.
    #[default]
    None,
    /// rows / (classes x rows of the class), so that all classes count the same; scikit-learn's `balanced`.
    Balanced,
    /// A weight for each class, each >= 0.
    Given(Vec<f32>),
}

impl ClassWeight {
    /// A weight for each class; empty if all have the same.
    ///
    /// # Errors
    ///
    /// When a class to be balanced has no rows, or the given weights are not one number >= 0 for each class.
    pub fn weights(&self, labels: &[u32], classes: usize) -> Result<Vec<f32>, Error> {
        Ok(self.exact(labels, classes)?.into_iter().map(|weight| weight as f32).collect())
    }

    /// [`weights`](Self::weights) before they are rounded.
    pub(crate) fn exact(&self, labels: &[u32], classes: usize) -> Result<Vec<f64>, Error> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Balanced => {
                let mut counts = vec![0_usize; classes];
                for &label in labels {
                    if let Some(count) = counts.get_mut(label as usize) {
                        *count += 1;
                    }
                }
                if let Some(class) = counts.iter().position(|&count| count == 0) {
                    return Err(Error::NoRowsOfClass { classes, class });
                }
                let weight = |&count: &usize| labels.len() as f64 / (classes * count) as f64;
                Ok(counts.iter().map(weight).collect())
            }
            Self::Given(weights) => {
                let fits = weights.len() == classes && weights.iter().all(|&w| w >= 0.0 && w.is_finite());
                let found = format!("{weights:?}");
                check("class weights", fits, "a number >= 0 for each class of the head", &found)?;
                Ok(weights.iter().map(|&weight| f64::from(weight)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_give_each_class_the_same_sum() {
        let weights = ClassWeight::Balanced.weights(&[0, 0, 0, 1, 2, 2], 3).unwrap();
        assert_eq!(weights, [6.0 / 9.0, 2.0, 1.0]);
        let error = ClassWeight::Balanced.weights(&[0, 0, 2], 3).unwrap_err();
        assert!(matches!(error, Error::NoRowsOfClass { classes: 3, class: 1 }), "{error}");
    }

    #[test]
    fn weights_that_do_not_fit_are_refused() {
        for weights in [vec![1.0], vec![1.0, -1.0], vec![1.0, f32::NAN], vec![1.0; 3]] {
            let error = ClassWeight::Given(weights).weights(&[0, 1], 2).unwrap_err().to_string();
            assert!(error.starts_with("class weights: expected a number >= 0 for each class"), "{error}");
        }
    }
}
