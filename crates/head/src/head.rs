//! A list of layers with parameters.

use candle_core::{Device, Result as CandleResult, Tensor, Var};
use candle_nn::Module;
use headstart_weights::{Array, HeadLayer};

use crate::activation;
use crate::dense::Dense;
use crate::dropout::{Dropout, Mode};
use crate::error::Error;
use crate::random::{Random, Stream};
use headstart_weights::LayerConfig;

/// The largest kernel, in values: 1 GiB of f32, and as much again for gradient and optimizer. No real head is as large, but a
/// mistyped number is.
const LARGEST_KERNEL: usize = 1 << 28;

/// A layer with its parameters.
#[derive(Debug)]
#[non_exhaustive]
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
    /// When a setting is out of its range, the last layer is not Dense, or a Dense layer comes before rows are flat.
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

    /// A separate head with copies of the parameters.
    ///
    /// # Errors
    ///
    /// When the device is out of memory.
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

    /// The shape of its rows.
    #[must_use]
    pub fn row_shape(&self) -> &[usize] {
        &self.row_shape
    }

    /// The device that holds its parameters.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The last Dense layer.
    #[must_use]
    pub fn output(&self) -> Option<&Dense> {
        self.dense().last()
    }

    /// The number of classes: two when the last layer has one unit, else the number of its units.
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

    /// The number of trainable values.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|parameter| parameter.elem_count()).sum()
    }

    /// The last Dense layer's output before its activation. Losses take these values.
    ///
    /// # Shapes
    ///
    /// `rows` is `N x` the row shape, the result `N x units`.
    ///
    /// # Errors
    ///
    /// When the rows have another shape, or the device fails.
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

    /// The parameters of the Dense layers with their [names](Self::layer_names), in the form that files hold.
    ///
    /// # Errors
    ///
    /// When the device fails.
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

    /// Replaces its parameters by saved ones, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Parameters`] when a shape or the number of layers differs from the head's. Then nothing is changed.
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

    /// Sets all parameters, in the order of [`Head::parameters`].
    pub(crate) fn restore(&mut self, values: &[Vec<f32>]) -> CandleResult<()> {
        self.parameters().iter().zip(values).try_for_each(|(parameter, values)| {
            parameter.set(&Tensor::from_slice(values, parameter.shape(), &self.device)?)
        })
    }
}

impl Module for Head {
    /// Inference: the last Dense layer's output, after its activation.
    fn forward(&self, rows: &Tensor) -> CandleResult<Tensor> {
        let logits = self.logits(rows, &mut Mode::Inference)?;
        match self.output() {
            Some(output) => activation::apply(output.activation(), &logits),
            None => Ok(logits),
        }
    }
}
