//! A classifier with the network's weights, so that its file is all that a prediction needs.

use headstart_weights::RecordedAnswers;

use super::Classifier;
use crate::{Backbone, Error};

impl Classifier {
    /// The network with the weights that the classifier's own file holds; none if it holds none.
    ///
    /// # Errors
    /// Its file does not say which network that is, or names one that is not in the registry.
    pub fn bundled_backbone(&self) -> Result<Option<Backbone>, Error> {
        let Some(file) = self.model.attached.backbone.clone() else { return Ok(None) };
        let (Some(id), Some(provenance)) = (self.backbone()?, self.provenance()) else {
            return Err(self.bad_data("holds weights, but does not say of which network".to_owned()));
        };
        let name = provenance.weights.name.clone();
        Ok(Some(Backbone::bundled(id.architecture, file, name).with_kernels(id.kernels)))
    }

    /// The classifier with the network's weights, so that its file is all that a prediction needs. Only a `.safetensors` can
    /// hold them.
    ///
    /// # Errors
    /// Weights that it was not trained with, or that can't be read within another file; a classifier that does not say which
    /// these are.
    pub fn with_backbone(mut self, backbone: &Backbone) -> Result<Self, Error> {
        let Some(provenance) = self.provenance() else {
            return Err(self.bad_data("does not say with which weights it was trained".to_owned()));
        };
        self.check_weights(backbone, &provenance.weights)?;
        self.model.attached.backbone = Some(backbone.stored_file()?);
        Ok(self.of_own_model())
    }

    /// Whether it has the network's weights with it.
    #[must_use]
    pub fn is_bundled(&self) -> bool {
        self.model.attached.backbone.is_some()
    }

    /// The classifier without the network's weights. It keeps its recorded answers.
    #[must_use]
    pub fn without_backbone(mut self) -> Self {
        self.model = self.model.without_backbone();
        self.of_own_model()
    }

    /// The classifier with answers that it gave.
    pub(crate) fn with_recorded(mut self, recorded: RecordedAnswers) -> Self {
        self.model.recorded = Some(recorded);
        self.of_own_model()
    }

    /// The file's name is kept for messages.
    fn of_own_model(self) -> Self {
        let path = self.path.clone();
        Self { path, ..Self::from_model(self.model) }
    }
}
