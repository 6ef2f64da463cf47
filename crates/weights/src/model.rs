//! A head with its description.

use crate::{Attached, HeadLayer, KnownImages, ModelMetadata, RecordedAnswers};

/// A head with its description.
///
/// The rows of its first kernel are channels-first ([`FlattenOrder::ChannelsFirst`](crate::FlattenOrder)), whatever order
/// its file has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The dense layers, in order.
    pub layers: Vec<HeadLayer>,
    /// The names of every layer in order, including those without parameters (`flatten_1`, `dropout_1`) if they are
    /// known.
    pub layer_names: Vec<String>,
    /// What is known about it.
    pub metadata: ModelMetadata,
    /// What comes with it in a `.safetensors`.
    pub attached: Attached,
    /// The images that it knows, if it is to tell others from them.
    pub known: Option<KnownImages>,
    /// What it said of a few images when it was made.
    pub recorded: Option<RecordedAnswers>,
}

impl Model {
    /// The model without the network's weights. Its recorded answers stay: it still takes these weights and no others.
    #[must_use]
    pub fn without_backbone(mut self) -> Self {
        self.attached.backbone = None;
        self
    }
}
