//! How a head is trained, as one value.

use headstart_head::{ClassWeight, LayerConfig, TrainOptions};

use crate::{Error, LabelledFeatures};

/// A complete way to train a head. The default is the one of the Keras blog's script: a hidden layer of 256 units, dropout
/// 0.5, RMSprop of Keras 1, 50 epochs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recipe {
    /// Units of the hidden layer. 0 leaves out the layer and its dropout, which is logistic regression.
    pub units: usize,
    /// Share of the hidden units that is dropped while training, in [0, 1).
    pub dropout: f32,
    /// How much the rows of each class count.
    pub class_weights: ClassWeights,
    /// Everything else. Its seed is also that of the initial kernels; its class weights are replaced by
    /// [`class_weights`](Self::class_weights).
    pub options: TrainOptions,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { units: 256, dropout: 0.5, class_weights: ClassWeights::None, options: TrainOptions::default() }
    }
}

impl Recipe {
    /// The layers of the head for a number of classes.
    #[must_use]
    pub fn layers(&self, classes: usize) -> Vec<LayerConfig> {
        LayerConfig::head_for(classes, self.units, self.dropout)
    }

    /// The options for some features, with the class weights by label.
    ///
    /// # Errors
    /// [`Error::Setting`] where a class weight names a class that the features do not have.
    pub fn options_for(&self, features: &LabelledFeatures) -> Result<TrainOptions, Error> {
        let mut options = self.options.clone();
        options.class_weight = self.class_weights.resolve(features.classes(), features.class_count())?;
        Ok(options)
    }
}

/// What the loss of a class's rows is multiplied by while training.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum ClassWeights {
    /// Every row counts the same.
    #[default]
    None,
    /// The rows of each class have the same sum of weights.
    Balanced,
    /// Weights by class name or number; 1 for the classes that are left out.
    Given(Vec<(String, f32)>),
}

impl ClassWeights {
    /// The weights of `count` classes, by their names where they have any, or by their numbers.
    ///
    /// # Errors
    /// [`Error::Setting`] for a class that is not among them.
    pub fn resolve(&self, names: Option<&[String]>, count: usize) -> Result<ClassWeight, Error> {
        let given = match self {
            Self::None => return Ok(ClassWeight::None),
            Self::Balanced => return Ok(ClassWeight::Balanced),
            Self::Given(given) => given,
        };
        let mut weights = vec![1.0; count];
        for (class, weight) in given {
            let by_name = names.and_then(|names| names.iter().position(|name| name == class));
            let label = by_name.or_else(|| class.parse().ok()).filter(|&label: &usize| label < count);
            let Some(label) = label else {
                let known =
                    names.map_or(format!("0 to {}", count.saturating_sub(1)), |names| names.join(", "));
                let message = format!("expected a class of {known}, found {class}");
                return Err(Error::setting("class_weight", message));
            };
            weights[label] = *weight;
        }
        Ok(ClassWeight::Given(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_go_by_name_or_by_number() {
        let names = ["cats".to_owned(), "dogs".to_owned(), "a:b".to_owned()];
        let resolved = |given: &[(&str, f32)], names| {
            let given = given.iter().map(|(class, weight)| ((*class).to_owned(), *weight)).collect();
            ClassWeights::Given(given).resolve(names, 3)
        };
        let weights = |weights: [f32; 3]| ClassWeight::Given(weights.to_vec());
        assert_eq!(
            resolved(&[("dogs", 2.0), ("a:b", 0.5)], Some(&names[..])).unwrap(),
            weights([1.0, 2.0, 0.5])
        );
        assert_eq!(resolved(&[("0", 3.0)], Some(&names[..])).unwrap(), weights([3.0, 1.0, 1.0]));
        assert_eq!(resolved(&[("2", 3.0)], None).unwrap(), weights([1.0, 1.0, 3.0]));
        let error = resolved(&[("birds", 1.0)], Some(&names[..])).unwrap_err().to_string();
        assert_eq!(error, "class_weight: expected a class of cats, dogs, a:b, found birds");
        assert!(resolved(&[("3", 1.0)], None).is_err());
    }
}
