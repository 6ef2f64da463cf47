//! A list of layers with parameters.

use candle_core::{Device, Result as CandleResult, Tensor, Var};
use candle_nn::Module;
use headstart_weights::{Array, HeadLayer};
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::dense::Dense;
use crate::dropout::{Dropout, Mode};
use crate::error::Error;
use crate::random::{Random, Stream};

/// Values of a kernel at most: 1 GiB of f32, and as much again for gradient and optimizer; far beyond any head, and a number that a slip of the keyboard exceeds.
const LARGEST_KERNEL: usize = 1 << 28;

/// What a layer is, without its parameters; the names are Keras's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case")]
pub enum LayerConfig {
    /// N x ... to N x values, in C order: channels, height, width (Keras's 'th' order).
    Flatten,
    /// activation(x . kernel + bias).
    Dense {
        /// How many outputs, > 0.
        units: usize,
        /// The activation.
        activation: Activation,
        /// Whether it has a bias.
        use_bias: bool,
    },
    /// Inverted dropout.
    Dropout {
        /// Probability in [0, 1) that a value is dropped.
        rate: f32,
    },
}

impl LayerConfig {
    /// The head of the bottleneck-features script: Flatten, Dense 256 relu, Dropout 0.5, Dense 1 sigmoid.
    #[must_use]
    pub fn default_head() -> Vec<Self> {
        Self::binary_head(256, 0.5)
    }

    /// The script's head with another hidden layer: Flatten, Dense `units` relu, Dropout `rate`, Dense 1 sigmoid; with
    /// no units logistic regression, Flatten and Dense 1 sigmoid.
    #[must_use]
    pub fn binary_head(units: usize, rate: f32) -> Vec<Self> {
        let output = Self::Dense { units: 1, activation: Activation::Sigmoid, use_bias: true };
        Self::with_hidden(units, rate, output)
    }

    /// The same for many classes: the last layer is Dense `classes` without an activation, for its logits are what the
    /// loss takes. Softmax of them gives probabilities.
    #[must_use]
    pub fn multiclass_head(classes: usize, units: usize, rate: f32) -> Vec<Self> {
        let output = Self::Dense { units: classes, activation: Activation::Linear, use_bias: true };
        Self::with_hidden(units, rate, output)
    }

    /// The head for a number of classes, of which there are at least two: [`binary_head`](Self::binary_head) for two,
    /// else [`multiclass_head`](Self::multiclass_head).
    #[must_use]
    pub fn head_for(classes: usize, units: usize, rate: f32) -> Vec<Self> {
        if classes == 2 {
            Self::binary_head(units, rate)
        } else {
            Self::multiclass_head(classes, units, rate)
        }
    }

    fn with_hidden(units: usize, rate: f32, output: Self) -> Vec<Self> {
        if units == 0 {
            return vec![Self::Flatten, output];
        }
        let hidden = Self::Dense { units, activation: Activation::Relu, use_bias: true };
        vec![Self::Flatten, hidden, Self::Dropout { rate }, output]
    }

    /// The names of layers as Keras 1 and 2 number them, each class from 1: `flatten_1`, `dense_1`, `dropout_1`,
    /// `dense_2`.
    fn numbered_names(configs: &[Self]) -> Vec<String> {
        let name = |(index, config): (usize, &Self)| {
            let class = config.keras_name();
            let number = configs[..=index].iter().filter(|other| other.keras_name() == class).count();
            format!("{class}_{number}")
        };
        configs.iter().enumerate().map(name).collect()
    }

    /// The class name in Keras, in lower case.
    #[must_use]
    pub fn keras_name(&self) -> &'static str {
        match self {
            Self::Flatten => "flatten",
            Self::Dense { .. } => "dense",
            Self::Dropout { .. } => "dropout",
        }
    }
}

/// A layer with its parameters.
#[derive(Debug)]
pub enum Layer {
    /// See [`LayerConfig::Flatten`].
    Flatten,
    /// See [`Dense`].
    Dense(Dense),
    /// See [`Dropout`].
    Dropout(Dropout),
}

/// A network of [`Layer`]s over rows of one shape.
#[derive(Debug)]
pub struct Head {
    layers: Vec<Layer>,
    layer_names: Vec<String>,
    row_shape: Vec<usize>,
    device: Device,
}

impl Head {
    /// Builds the layers for rows of `row_shape`, with initial parameters from `seed`.
    ///
    /// # Errors
    ///
    /// Where a setting is out of its range, the last layer is not Dense, or a Dense layer stands before rows are
    /// flat.
    pub fn new(
        configs: &[LayerConfig],
        row_shape: &[usize],
        seed: u64,
        device: &Device,
    ) -> Result<Self, Error> {
        match configs.last() {
            None => return Err(Error::NoDense),
            Some(LayerConfig::Dense { .. }) => {}
            Some(other) => return Err(Error::NotDenseAtEnd { found: other.keras_name() }),
        }
        let mut random = Random::new(seed, Stream::Initialization);
        let mut shape = row_shape.to_vec();
        let mut layers = Vec::with_capacity(configs.len());
        for (layer, config) in configs.iter().enumerate() {
            layers.push(match *config {
                LayerConfig::Flatten => {
                    shape = vec![shape.iter().product()];
                    Layer::Flatten
                }
                LayerConfig::Dropout { rate } => {
                    if !(0.0..1.0).contains(&rate) {
                        let (setting, expected, found) = ("rate", "a number in [0, 1)", rate.to_string());
                        return Err(Error::LayerSetting { layer, setting, expected, found });
                    }
                    Layer::Dropout(Dropout { rate })
                }
                LayerConfig::Dense { units, activation, use_bias } => {
                    let &[inputs] = shape.as_slice() else {
                        return Err(Error::NotFlat { layer, found: shape });
                    };
                    if units == 0 || inputs.checked_mul(units).is_none_or(|size| size > LARGEST_KERNEL) {
                        let expected = "at least 1, and a kernel (inputs x units) of at most 2^28 values";
                        let (setting, found) = ("units", units.to_string());
                        return Err(Error::LayerSetting { layer, setting, expected, found });
                    }
                    shape = vec![units];
                    Layer::Dense(Dense::new(inputs, units, activation, use_bias, &mut random, device)?)
                }
            });
        }
        let layer_names = LayerConfig::numbered_names(configs);
        Ok(Self { layers, layer_names, row_shape: row_shape.to_vec(), device: device.clone() })
    }

    /// A head of its own with copies of the parameters.
    ///
    /// # Errors
    ///
    /// Where the device is out of memory.
    pub fn try_clone(&self) -> CandleResult<Self> {
        let copy = |layer: &Layer| {
            Ok(match layer {
                Layer::Flatten => Layer::Flatten,
                Layer::Dropout(dropout) => Layer::Dropout(*dropout),
                Layer::Dense(dense) => Layer::Dense(dense.try_clone()?),
            })
        };
        let layers = self.layers.iter().map(copy).collect::<CandleResult<_>>()?;
        let (layer_names, row_shape) = (self.layer_names.clone(), self.row_shape.clone());
        Ok(Self { layers, layer_names, row_shape, device: self.device.clone() })
    }

    /// The layers, in order.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers' names as Keras 1 and 2 number them: `flatten_1`, `dense_1`, `dropout_1`, `dense_2`.
    #[must_use]
    pub fn layer_names(&self) -> &[String] {
        &self.layer_names
    }

    /// The shape of the rows that it takes.
    #[must_use]
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// Where its parameters lie.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The last Dense layer.
    #[must_use]
    pub fn output(&self) -> Option<&Dense> {
        self.dense().last()
    }

    /// How many classes it tells apart: two with one unit at the end, else as many as there are units.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.output().map_or(0, |output| output.units().max(2))
    }

    /// The Dense layers, in order.
    pub fn dense(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            Layer::Flatten | Layer::Dropout(_) => None,
        })
    }

    /// All parameters: each Dense layer's kernel, then its bias.
    #[must_use]
    pub fn parameters(&self) -> Vec<Var> {
        self.dense().flat_map(|dense| std::iter::once(dense.kernel()).chain(dense.bias())).cloned().collect()
    }

    /// How many numbers it learns.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|parameter| parameter.elem_count()).sum()
    }

    /// The last Dense layer's output before its activation, which losses take.
    ///
    /// # Shapes
    ///
    /// `rows` is `N x` the row shape, the result `N x units`.
    ///
    /// # Errors
    ///
    /// Where the shape is another, or the device fails.
    pub fn logits(&self, rows: &Tensor, mode: &mut Mode<'_>) -> CandleResult<Tensor> {
        let last = self.layers.iter().rposition(|layer| matches!(layer, Layer::Dense(_)));
        let mut x = rows.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            x = match layer {
                Layer::Flatten => x.flatten_from(1)?,
                Layer::Dense(dense) if Some(index) == last => dense.logits(&x)?,
                Layer::Dense(dense) => dense.forward(&x)?,
                Layer::Dropout(dropout) => dropout.forward(&x, mode)?,
            };
        }
        Ok(x)
    }

    /// The parameters of the Dense layers with their [names](Self::layer_names), as files hold them.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    pub fn to_saved(&self) -> CandleResult<Vec<HeadLayer>> {
        let array = |tensor: &Tensor| {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            Ok::<_, candle_core::Error>(Array { shape: tensor.dims().to_vec(), values })
        };
        let mut saved = Vec::new();
        for (layer, name) in self.layers.iter().zip(&self.layer_names) {
            if let Layer::Dense(dense) = layer {
                let bias = dense.bias().map(|bias| array(bias)).transpose()?;
                saved.push(HeadLayer { name: name.clone(), kernel: array(dense.kernel())?, bias });
            }
        }
        Ok(saved)
    }

    /// Takes saved parameters in the place of its own, by order.
    ///
    /// # Errors
    ///
    /// [`Error::Parameters`] where a shape, or the number of layers, is not the head's; then nothing has
    /// changed.
    pub fn set_parameters(&mut self, saved: &[HeadLayer]) -> Result<(), Error> {
        let layers = self.dense().count();
        if saved.len() != layers {
            let (expected, found) = (vec![layers], vec![saved.len()]);
            return Err(Error::Parameters {
                layer: "head".to_owned(),
                what: "Dense layers",
                expected,
                found,
            });
        }
        let mut changes = Vec::new();
        for (dense, saved) in self.dense().zip(saved) {
            let none = Array { shape: vec![0], values: Vec::new() };
            let kernel = ("kernel", Some(dense.kernel()), &saved.kernel);
            let bias = ("bias", dense.bias(), saved.bias.as_ref().unwrap_or(&none));
            for (what, parameter, array) in [kernel, bias] {
                let expected = parameter.map_or(vec![0], |parameter| parameter.dims().to_vec());
                if expected != array.shape {
                    let (layer, found) = (saved.name.clone(), array.shape.clone());
                    return Err(Error::Parameters { layer, what, expected, found });
                }
                if let Some(parameter) = parameter {
                    let tensor = Tensor::from_slice(&array.values, array.shape.as_slice(), &self.device)?;
                    changes.push((parameter.clone(), tensor));
                }
            }
        }
        for (parameter, tensor) in changes {
            parameter.set(&tensor)?;
        }
        Ok(())
    }

    /// Copies of all parameters, in the order of [`Head::parameters`].
    pub(crate) fn snapshot(&self) -> CandleResult<Vec<Tensor>> {
        self.parameters().iter().map(|parameter| parameter.copy()).collect()
    }

    /// Takes a snapshot back.
    pub(crate) fn restore(&mut self, snapshot: &[Tensor]) -> CandleResult<()> {
        self.parameters().iter().zip(snapshot).try_for_each(|(parameter, kept)| parameter.set(kept))
    }
}

impl Module for Head {
    /// Inference: the last Dense layer's output, after its activation.
    fn forward(&self, rows: &Tensor) -> CandleResult<Tensor> {
        let logits = self.logits(rows, &mut Mode::Inference)?;
        match self.output() {
            Some(output) => output.activation().apply(&logits),
            None => Ok(logits),
        }
    }
}
