//! What kind of head a fitting makes.

use std::fmt;
use std::str::FromStr;

use headstart_head::Adam;

use crate::Recipe;

/// What kind of head a fitting makes of the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FitRecipe {
    /// L2-regularized logistic regression on standardized features, its strength chosen by cross-validation.
    #[default]
    Logistic,
    /// A hidden layer of 256 units and dropout 0.5 on standardized features, trained for 30 epochs by Adam.
    Mlp,
    /// What the Keras blog's script trains, on features as they are: a hidden layer of 256 units, dropout 0.5, 50 epochs of
    /// RMSprop. Its probabilities are not calibrated unless that is asked for.
    Blog,
}

impl FitRecipe {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logistic, Self::Mlp, Self::Blog];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Mlp => "mlp",
            Self::Blog => "blog",
        }
    }

    /// How its head is trained by epochs; none where it is solved.
    pub(super) fn by_epochs(self, seed: u64) -> Option<Recipe> {
        let mut recipe = Recipe::default();
        match self {
            Self::Logistic => return None,
            Self::Mlp => {
                recipe.options.epochs = 30;
                recipe.options.optimizer = Adam::default().into();
            }
            Self::Blog => {}
        }
        recipe.options.seed = seed;
        Some(recipe)
    }

    /// Whether its features are standardized.
    pub(super) fn is_standardized(self) -> bool {
        self != Self::Blog
    }

    /// The name of its method.
    pub(super) fn solver(self) -> &'static str {
        match self {
            Self::Logistic => "newton",
            Self::Mlp => "adam",
            Self::Blog => "rmsprop",
        }
    }
}

impl fmt::Display for FitRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FitRecipe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|recipe| recipe.name() == text);
        found.ok_or_else(|| format!("expected logistic, mlp or blog, found {text}"))
    }
}
