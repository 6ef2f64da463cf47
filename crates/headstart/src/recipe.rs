//! How a head is trained, as one value.

use headstart_dataset::did_you_mean;
use headstart_head::{ClassWeight, LayerConfig, TrainOptions};

use crate::{Error, LabelledFeatures, Note};

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
    /// The layers of the head for a number of classes, on feature maps.
    #[must_use]
    pub fn layers(&self, classes: usize) -> Vec<LayerConfig> {
        LayerConfig::head_for(classes, self.units, self.dropout)
    }

    /// The layers of a head for some features. Rows of one axis, such as pooled ones, need no Flatten.
    #[must_use]
    pub fn layers_for(&self, features: &LabelledFeatures) -> Vec<LayerConfig> {
        let mut layers = self.layers(features.class_count());
        if features.features().row_shape().len() == 1 {
            layers.retain(|layer| *layer != LayerConfig::Flatten);
        }
        layers
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
    /// Weights by class name or number; 1 for the classes that are left out. A number is first taken for a name.
    Given(Vec<(String, f32)>),
}

impl ClassWeights {
    /// The weights of `count` classes, by their names where they have any, or by their numbers.
    ///
    /// # Errors
    /// [`Error::Setting`] for a class that is not among them, or that has two weights.
    pub fn resolve(&self, names: Option<&[String]>, count: usize) -> Result<ClassWeight, Error> {
        let given = match self {
            Self::None => return Ok(ClassWeight::None),
            Self::Balanced => return Ok(ClassWeight::Balanced),
            Self::Given(given) => given,
        };
        let mut weights: Vec<Option<f32>> = vec![None; count];
        for (class, weight) in given {
            let Some(label) = label_of(class, names, count) else {
                let known =
                    names.map_or(format!("0 to {}", count.saturating_sub(1)), |names| names.join(", "));
                let names = names.unwrap_or_default().iter().map(String::as_str);
                let hint = did_you_mean(class, names).map(|hint| format!("; {hint}")).unwrap_or_default();
                let message = format!("expected a class of {known}, found {class}{hint}");
                return Err(Error::setting("class_weight", message));
            };
            if weights[label].replace(*weight).is_some() {
                let name = names.map_or_else(|| label.to_string(), |names| names[label].clone());
                let message = format!("expected one weight for the class {name}, found two");
                return Err(Error::setting("class_weight", message));
            }
        }
        Ok(ClassWeight::Given(weights.into_iter().map(|weight| weight.unwrap_or(1.0)).collect()))
    }

    /// Which class a number stands for, where classes have names: for the class of that name, if there is one, else for
    /// the class at that position.
    pub(crate) fn notes(&self, names: Option<&[String]>, count: usize) -> Vec<Note> {
        let (Self::Given(given), Some(names)) = (self, names) else { return Vec::new() };
        let note = |(class, _): &(String, f32)| {
            let position = class.parse().ok().filter(|&position: &usize| position < count)?;
            let label = label_of(class, Some(names), count)?;
            let by_name = names[label] == *class;
            // Both may mean the same.
            if by_name && label == position {
                return None;
            }
            let other = if by_name { names.get(position).cloned() } else { None };
            Some(Note::ClassWeight { given: class.clone(), class: names[label].clone(), other })
        };
        given.iter().filter_map(note).collect()
    }
}

/// The label that a class's name or number stands for. A name comes first.
fn label_of(class: &str, names: Option<&[String]>, count: usize) -> Option<usize> {
    let by_name = names.and_then(|names| names.iter().position(|name| name == class));
    by_name.or_else(|| class.parse().ok()).filter(|&label: &usize| label < count)
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
        let error = resolved(&[("dgos", 1.0)], Some(&names[..])).unwrap_err().to_string();
        assert!(error.ends_with("found dgos; did you mean \"dogs\"?"), "{error}");
        for twice in [[("cats", 2.0), ("cats", 3.0)], [("cats", 2.0), ("0", 3.0)]] {
            let error = resolved(&twice, Some(&names[..])).unwrap_err().to_string();
            assert_eq!(error, "class_weight: expected one weight for the class cats, found two");
        }
    }

    #[test]
    fn a_number_is_a_name_before_it_is_a_position_and_that_is_told() {
        let names = ["1", "2", "10"].map(str::to_owned);
        let given = |class: &str| ClassWeights::Given(vec![(class.to_owned(), 5.0)]);
        let label = |class: &str| match given(class).resolve(Some(&names), 3).unwrap() {
            ClassWeight::Given(weights) => weights.iter().position(|&weight| weight == 5.0),
            _ => None,
        };
        let told = |class: &str| {
            given(class).notes(Some(&names), 3).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!((label("1"), label("2"), label("10"), label("0")), (Some(0), Some(1), Some(2), Some(0)));
        let of_one = "class weight 1: is for the class named 1, not for that at position 1, which is 2";
        assert_eq!(told("1"), [of_one]);
        assert_eq!(told("0"), ["class weight 0: no class has this name, so it is for that at position 0: 1"]);
        assert!(told("10").is_empty(), "no position");
        let numbers = ["0", "1", "2"].map(str::to_owned);
        assert!(given("1").notes(Some(&numbers), 3).is_empty(), "name and position are the same");
        assert!(given("1").notes(None, 3).is_empty());
    }
}
