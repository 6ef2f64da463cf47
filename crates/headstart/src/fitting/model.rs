//! A fitted head with all that a prediction needs.

use headstart_head::Head;
use headstart_provenance::Provenance;
use headstart_weights::{Attached, KnownImages, LayerConfig, Model, ModelMetadata, TrainingRecord};

use super::record::FitRecord;
use crate::Error;

/// What a head was fitted to, and what its file says of that.
pub(super) struct ModelParts<'a> {
    pub(super) classes: &'a [String],
    pub(super) row_shape: &'a [usize],
    pub(super) provenance: Option<Provenance>,
    pub(super) record: &'a FitRecord,
    pub(super) known: Option<KnownImages>,
    pub(super) attached: Attached,
}

impl ModelParts<'_> {
    /// The layers of a head without a hidden one.
    pub(super) fn single_layer(&self) -> Vec<LayerConfig> {
        let mut layers = LayerConfig::head_for(self.classes.len(), 0, 0.0);
        layers.retain(|layer| self.row_shape.len() > 1 || *layer != LayerConfig::Flatten);
        layers
    }

    /// The model of a head of these layers.
    ///
    /// # Errors
    /// The head's values can't be had, or the record can't be written.
    pub(super) fn model(self, head: &Head, layers: Vec<LayerConfig>) -> Result<Model, Error> {
        let metadata = ModelMetadata {
            classes: self.classes.to_vec(),
            head: Some(layers),
            row_shape: self.row_shape.to_vec(),
            provenance: self.provenance,
            training: Some(TrainingRecord::new(self.record)?),
            headstart_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        };
        Ok(Model {
            layers: head.to_saved().map_err(headstart_head::Error::from)?,
            layer_names: head.layer_names().to_vec(),
            metadata,
            attached: self.attached,
            known: self.known,
            recorded: None,
        })
    }
}
