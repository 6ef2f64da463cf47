//! What a prediction needs besides the head: as the classifier's file states it, or as it is given.

use headstart_backbone::BackboneId;
use headstart_provenance::{Pooling, Preprocessing};

use crate::error::Part;
use crate::{Classifier, Error};

/// What a prediction needs besides the head. A classifier that headstart trained states all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// Class names, in label order.
    pub classes: Option<Vec<String>>,
    /// How an image becomes the network's input.
    pub preprocessing: Option<Preprocessing>,
    /// The network that makes the features.
    pub backbone: Option<BackboneId>,
    /// What becomes of the network's maps. If nobody says it, it is what becomes of them by default
    /// ([`Architecture::pooling`](crate::Architecture::pooling)).
    pub pooling: Option<Pooling>,
}

/// A description in which nothing is missing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Complete {
    /// Class names, in label order.
    pub classes: Vec<String>,
    /// How an image becomes the network's input.
    pub preprocessing: Preprocessing,
    /// The network that makes the features.
    pub backbone: BackboneId,
    /// What becomes of the network's maps.
    pub pooling: Pooling,
}

impl Classifier {
    /// Puts together what the classifier's file states and what is given besides.
    ///
    /// # Errors
    /// [`Error::Unstated`] if a part is neither stated nor given; [`Error::Stated`] if it is both; preprocessing that can't
    /// be used; a network that is not in the registry.
    pub fn complete(&self, given: Description) -> Result<Complete, Error> {
        let classes = Some(self.classes().to_vec()).filter(|classes| !classes.is_empty());
        let preprocessing = self.preprocessing().cloned();
        if let Some(stated) = &preprocessing {
            stated.validate().map_err(|reason| self.bad_data(format!("its {reason}")))?;
        }
        let classes = self.one_of(Part::Classes, classes, given.classes)?;
        let backbone = self.one_of(Part::Backbone, self.backbone()?, given.backbone)?;
        let preprocessing = self.one_of(Part::Preprocessing, preprocessing, given.preprocessing)?;
        let stated = self.provenance().map(|provenance| provenance.pooling);
        let pooling = self.one_of(Part::Pooling, stated, given.pooling)?;
        if let Some(preprocessing) = &preprocessing {
            preprocessing.validate()?;
        }
        match (classes, preprocessing, backbone) {
            (Some(classes), Some(preprocessing), Some(backbone)) => {
                let pooling = pooling.unwrap_or(backbone.architecture.pooling());
                Ok(Complete { classes, preprocessing, backbone, pooling })
            }
            (classes, preprocessing, backbone) => {
                let missing = [
                    (Part::Classes, classes.is_none()),
                    (Part::Preprocessing, preprocessing.is_none()),
                    (Part::Backbone, backbone.is_none()),
                    (Part::Activations, self.stated_layers().is_none()),
                ];
                let parts =
                    missing.into_iter().filter_map(|(part, missing)| missing.then_some(part)).collect();
                Err(Error::Unstated { path: self.path(), parts })
            }
        }
    }

    /// The names of the classes, as the file states them or as they are given.
    ///
    /// # Errors
    /// [`Error::Unstated`] and [`Error::Stated`].
    pub(super) fn classes_or(&self, given: Option<Vec<String>>) -> Result<Vec<String>, Error> {
        let stated = Some(self.classes().to_vec()).filter(|classes| !classes.is_empty());
        let unstated = || Error::Unstated { path: self.path(), parts: vec![Part::Classes] };
        self.one_of(Part::Classes, stated, given)?.ok_or_else(unstated)
    }

    /// What is stated or given; both is an error.
    fn one_of<T>(&self, part: Part, stated: Option<T>, given: Option<T>) -> Result<Option<T>, Error> {
        match (stated, given) {
            (Some(_), Some(_)) => Err(Error::Stated { path: self.path(), part }),
            (stated, given) => Ok(stated.or(given)),
        }
    }
}
