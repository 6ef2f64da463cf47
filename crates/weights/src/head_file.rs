//! A head as its file has it, before anything is assumed about what the file does not say.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::Shape;
use crate::hdf5_file::Hdf5File;
use crate::head_reader::{configured_layers_of, dense_layers, described_layers_of, layers_of};
use crate::keras_archive::KerasArchive;
use crate::keras_config::{self, DataFormat, KerasConfig};
use crate::layout::{Container, detect_safetensors};
use crate::model_rows::reorder;
use crate::model_text::{self, ModelText};
use crate::row_order::{RowOrder, Unsuited, channels_first, looks_turned};
use crate::{
    Activation, Error, FlattenOrder, HeadLayer, ImportOptions, Imported, LayerConfig, Layout, Model,
    ModelMetadata, Unstated, model_file,
};

/// A head that was read, with what is known of the order of its first kernel's rows.
///
/// A file of weights alone says neither that order nor the activations. [`HeadFile::for_rows`] gives the head for some
/// features, and fails where that needs what nobody said; [`HeadFile::imported`] gives it in our own order.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadFile {
    path: PathBuf,
    /// Its first kernel as the file has it.
    model: Model,
    order: RowOrder,
}

impl HeadFile {
    /// Reads a head, with what the caller says besides. The layout is detected from the content, as
    /// [`import_model`](crate::import_model()) says.
    ///
    /// # Errors
    /// [`Error::ActivationsStated`] and [`Error::ActivationCount`] if the options' activations do not fit the file;
    /// [`Error::PooledRows`] for an order or a shape of maps where the head takes pooled features;
    /// [`Error::Unsupported`] for layers and activations that no head has, and for shapes that do not fit each other; and
    /// what [`load_head`](crate::load_head()) returns.
    pub fn open(path: &Path, options: &ImportOptions) -> Result<Self, Error> {
        let mut start = Vec::new();
        let read = headstart_files::open(path)?.take(4).read_to_end(&mut start);
        read.map_err(Error::io(path, "read it"))?;
        let mut head = if KerasArchive::recognises(&start) {
            let KerasArchive { config, metadata, weights } = KerasArchive::open(path)?;
            let metadata: serde_json::Value =
                serde_json::from_str(&metadata).map_err(|e| Error::damaged(path, "metadata.json", e))?;
            let config = keras_config::parse(path, &config, major(metadata["keras_version"].as_str()))?;
            Self::configured(path, &weights, config)?
        } else {
            match Container::open(path.into()).map_err(Error::where_a_head_is)? {
                Container::Safetensors(file) if detect_safetensors(&file) == Some(Layout::Model) => {
                    let model_file::Read { layers, text, attached, known, recorded } =
                        model_file::read(path, &file)?;
                    let mut head = Self::described(path, layers, text)?;
                    (head.model.attached, head.model.known) = (attached, known);
                    head.model.recorded = recorded;
                    head
                }
                Container::Safetensors(_) => {
                    return Err(Error::Unsupported {
                        path: path.to_owned(),
                        expected: "a head: a headstart model, or a file of Keras",
                        found: "a safetensors file that headstart did not write".to_owned(),
                    });
                }
                Container::Hdf5(file) => Self::from_hdf5(path, &file)?,
            }
        };
        head.say(options)?;
        Ok(head)
    }

    fn from_hdf5(path: &Path, file: &Hdf5File) -> Result<Self, Error> {
        let attribute = |name| -> Result<Option<String>, Error> {
            Ok(file.attributes("")?.get(name).and_then(hdf5::AttrValue::as_str).map(str::to_owned))
        };
        if let Some(text) = attribute(model_text::ATTRIBUTE)? {
            let text = ModelText::from_json(path, &text)?;
            let layers = dense_layers(path, described_layers_of(file)?, &|tensor| file.read(tensor))?;
            return Self::described(path, layers, text);
        }
        if let Some(config) = attribute("model_config")? {
            let version = attribute("keras_version")?;
            return Self::configured(
                path,
                file,
                keras_config::parse(path, &config, major(version.as_deref()))?,
            );
        }
        let stored = layers_of(file)?;
        let layer_names = stored.iter().map(|layer| layer.name.clone()).collect();
        let layers = dense_layers(path, stored, &|tensor| file.read(tensor))?;
        let model = Model { layers, layer_names, ..Model::default() };
        Ok(Self { path: path.to_owned(), model, order: RowOrder::Unstated }.with_different_names())
    }

    /// A model that headstart described.
    fn described(path: &Path, layers: Vec<HeadLayer>, text: ModelText) -> Result<Self, Error> {
        let ModelText { layer_names, flatten_order, metadata } = text;
        let mut rest = layer_names.iter();
        if let Some(layer) = layers.iter().find(|layer| !rest.any(|name| *name == layer.name)) {
            return Err(Error::Unsupported {
                path: path.to_owned(),
                expected: "the layers that its description names, in that order",
                found: format!("the layer {}", layer.name),
            });
        }
        Ok(Self::of_model(path, Model { layers, layer_names, metadata, ..Model::default() }, flatten_order))
    }

    /// A model in memory, whose first kernel has rows in an order. Rows of fewer axes than a feature map's have none.
    #[must_use]
    pub fn of_model(path: &Path, model: Model, order: FlattenOrder) -> Self {
        let maps = model.metadata.row_shape.len() == 3 || order == FlattenOrder::ChannelsLast;
        let order = if maps { RowOrder::Stated(order) } else { RowOrder::Unstated };
        Self { path: path.to_owned(), model, order }
    }

    /// A whole model that Keras wrote.
    fn configured(path: &Path, file: &Hdf5File, config: KerasConfig) -> Result<Self, Error> {
        let stored = configured_layers_of(file, &config)?;
        let mut layers = dense_layers(path, stored, &|tensor| file.read(tensor))?;
        config.check_shapes(path, &layers)?;
        let is_dense = |layer: &LayerConfig| matches!(layer, LayerConfig::Dense { .. });
        let dense = config.layer_names.iter().zip(&config.head).filter(|(_, layer)| is_dense(layer));
        for (layer, (name, _)) in layers.iter_mut().zip(dense) {
            layer.name.clone_from(name);
        }
        let row_shape = config.input_shape.unwrap_or_default();
        let order = match (<[usize; 3]>::try_from(row_shape.as_slice()), config.flatten) {
            // Flatten itself moves the channels to the end.
            (Ok(_), Some(DataFormat::ChannelsFirst)) => RowOrder::Stated(FlattenOrder::ChannelsLast),
            (Ok(shape), Some(DataFormat::ChannelsLast)) => {
                RowOrder::Array { shape, said: FlattenOrder::ChannelsLast }
            }
            // A Flatten that knows no data format is of a time when the order was Theano's as often as not.
            (Ok(shape), None) => RowOrder::Array { shape, said: FlattenOrder::ChannelsFirst },
            (Err(_), _) => RowOrder::Unstated,
        };
        let metadata = ModelMetadata { head: Some(config.head), row_shape, ..ModelMetadata::default() };
        let model = Model { layers, layer_names: config.layer_names, metadata, ..Model::default() };
        Ok(Self { path: path.to_owned(), model, order })
    }

    /// Gives each layer a name of its own: in models within models two may have the same.
    fn with_different_names(mut self) -> Self {
        let Model { layers, layer_names, .. } = &mut self.model;
        let twice = layer_names.iter().enumerate().any(|(i, name)| layer_names[..i].contains(name));
        if twice {
            let numbered = (1..).map(|number| format!("dense_{number}"));
            for (layer, name) in layers.iter_mut().zip(numbered) {
                layer.name = name;
            }
            *layer_names = layers.iter().map(|layer| layer.name.clone()).collect();
        }
        self
    }

    /// Takes what the caller says.
    fn say(&mut self, options: &ImportOptions) -> Result<(), Error> {
        let of_maps = options.flatten_order.is_some() || options.row_shape.is_some();
        if of_maps && self.model.metadata.is_pooled() {
            return Err(Error::PooledRows { path: self.path.clone() });
        }
        if let Some(order) = options.flatten_order {
            if let RowOrder::Array { shape, .. } = self.order {
                self.model.metadata.row_shape = channels_first(shape, order).to_vec();
            }
            self.order = RowOrder::Stated(order);
        }
        if let Some(row_shape) = options.row_shape {
            self.say_row_shape(row_shape)?;
        }
        if let Some(activations) = &options.activations {
            self.model.metadata.head = Some(self.named_layers(activations)?);
        }
        Ok(())
    }

    fn say_row_shape(&mut self, row_shape: [usize; 3]) -> Result<(), Error> {
        let Model { layers, layer_names, metadata, .. } = &mut self.model;
        if let Some(first) = layers.first()
            && row_shape.iter().try_fold(1_usize, |product, &axis| product.checked_mul(axis))
                != Some(first.kernel.shape[0])
        {
            return Err(Error::Unsupported {
                path: self.path.clone(),
                expected: "a first kernel with a row for each value of a feature map",
                found: format!(
                    "{}: a kernel {} for {}",
                    first.name,
                    Shape(&first.kernel.shape),
                    Shape(&row_shape)
                ),
            });
        }
        if let RowOrder::Array { shape, .. } = self.order {
            let fits = |order| channels_first(shape, order) == row_shape;
            match [FlattenOrder::ChannelsFirst, FlattenOrder::ChannelsLast].map(fits) {
                [true, false] => self.order = RowOrder::Stated(FlattenOrder::ChannelsFirst),
                [false, true] => self.order = RowOrder::Stated(FlattenOrder::ChannelsLast),
                [true, true] => return Ok(()),
                [false, false] => {
                    let (path, expected) = (self.path.clone(), shape.to_vec());
                    return Err(Error::OtherRows { path, expected, found: row_shape.to_vec() });
                }
            }
        }
        metadata.row_shape = row_shape.to_vec();
        // A head that takes flat rows takes these maps once they are flat.
        if let Some(head) = &mut metadata.head
            && head.len() < LayerConfig::laid_flat(head).len()
        {
            *head = LayerConfig::laid_flat(head);
            let mut name = "flatten".to_owned();
            while layer_names.contains(&name) {
                name.push('_');
            }
            layer_names.insert(0, name);
        }
        Ok(())
    }

    /// The layers of a file that does not say them: Flatten, and the dense layers with the activations that the caller
    /// names.
    fn named_layers(&self, activations: &[Activation]) -> Result<Vec<LayerConfig>, Error> {
        let path = self.path.clone();
        if self.model.metadata.head.is_some() {
            return Err(Error::ActivationsStated { path });
        }
        let (expected, found) = (self.model.layers.len(), activations.len());
        if expected != found {
            return Err(Error::ActivationCount { path, expected, found });
        }
        let dense = self.model.layers.iter().zip(activations).map(|(layer, &activation)| {
            LayerConfig::Dense { units: layer.kernel.shape[1], activation, use_bias: layer.bias.is_some() }
        });
        Ok(std::iter::once(LayerConfig::Flatten).chain(dense).collect())
    }

    /// The head as its file has it: its first kernel's rows may be in any order.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What nobody said.
    #[must_use]
    pub fn unstated(&self) -> Vec<Unstated> {
        let activations = self.model.metadata.head.is_none().then_some(Unstated::Activations);
        let order = self.order == RowOrder::Unstated && !self.model.metadata.is_pooled();
        let order = order.then_some(Unstated::FlattenOrder);
        activations.into_iter().chain(order).collect()
    }

    /// The head for rows of `shape` as they lie in memory. `order` is the order of their three axes, if it is known.
    ///
    /// Flat rows, and maps that are the same in both orders, need no order. A whole Keras model takes an array of its own
    /// input's shape as it lies, as in Keras.
    ///
    /// # Errors
    /// [`Error::UnstatedOrder`] if the head's order matters and nobody said it; [`Error::UnstatedAxes`] if that of the
    /// features does; [`Error::OtherRows`] for another shape than the head's.
    pub fn for_rows(&self, shape: &[usize], order: Option<FlattenOrder>) -> Result<Model, Error> {
        let mut model = self.model.clone();
        let own = <[usize; 3]>::try_from(model.metadata.row_shape.as_slice()).ok();
        let turn = self.order.suited(own, shape, order).map_err(|unsuited| match unsuited {
            Unsuited::Head => Error::UnstatedOrder { path: self.path.clone() },
            Unsuited::Features => Error::UnstatedAxes { shape: shape.to_vec() },
            Unsuited::Shape(expected) => Error::OtherRows {
                path: self.path.clone(),
                expected: expected.to_vec(),
                found: shape.to_vec(),
            },
        })?;
        if let Some((from, to)) = turn {
            let maps = <[usize; 3]>::try_from(shape).ok();
            let row_shape = maps.map_or(own, |shape| Some(channels_first(shape, to)));
            model.metadata.row_shape = row_shape.map(|shape| shape.to_vec()).unwrap_or_default();
            reorder(&self.path, &mut model, from, to, true)?;
        }
        Ok(model)
    }

    /// The head with rows in our own order. Where nobody said the order that they have, they are taken as they are.
    ///
    /// # Errors
    /// [`Error::UnknownRowShape`] if rows must be reordered and neither file nor options say their shape;
    /// [`Error::UnclearOrder`] if what Keras wrote down contradicts the shape, or the shape does not tell.
    pub fn imported(&self) -> Result<Imported, Error> {
        let mut model = self.model.clone();
        let flatten_order = match self.order {
            RowOrder::Stated(order) => order,
            RowOrder::Unstated => FlattenOrder::ChannelsFirst,
            RowOrder::Array { shape, said } => {
                let cube = shape[0] > 1 && shape.iter().all(|&axis| axis == shape[0]);
                if cube || looks_turned(shape, said) {
                    let said = match said {
                        FlattenOrder::ChannelsFirst => "channels, height, width",
                        FlattenOrder::ChannelsLast => "height, width, channels",
                    };
                    let (path, shape) = (self.path.clone(), shape.to_vec());
                    return Err(Error::UnclearOrder { path, shape, said });
                }
                model.metadata.row_shape = channels_first(shape, said).to_vec();
                said
            }
        };
        reorder(&self.path, &mut model, flatten_order, FlattenOrder::ChannelsFirst, false)?;
        Ok(Imported { model, flatten_order, unstated: self.unstated() })
    }
}

/// The first number of a version; files without one are Keras 1's.
fn major(version: Option<&str>) -> u64 {
    version.and_then(|version| version.split('.').next()?.parse().ok()).unwrap_or(1)
}
