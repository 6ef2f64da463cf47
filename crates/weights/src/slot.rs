//! What a network asks of a file, and what it gets.

use crate::{Array, Parameter};

/// One layer of a network: its parameters, and where files of the known layouts hold them.
///
/// The network's own table hands in a slice of these, in the order in which the network applies them. A slot may take
/// parameters from several layers of a file, such as a convolution and the batch normalization after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerSlot {
    /// The network's name for it, which errors and reports show: `block1_conv1`.
    pub name: String,
    /// Its parameters.
    pub parameters: Vec<ParameterSlot>,
    /// Whether the network needs it. Values of a layer that it does not need are not read, and no file must have them.
    pub is_needed: bool,
}

impl LayerSlot {
    /// A layer of these parameters.
    #[must_use]
    pub fn new(name: impl Into<String>, parameters: Vec<ParameterSlot>) -> Self {
        Self { name: name.into(), parameters, is_needed: true }
    }

    /// A layer that a file of the whole network has, and that comes after all that is computed: a classifier, or a
    /// convolution after the last pooling. Files may have it or not.
    #[must_use]
    pub fn behind(name: impl Into<String>, parameters: Vec<ParameterSlot>) -> Self {
        Self { name: name.into(), parameters, is_needed: false }
    }

    /// A convolution with a bias. Its kernel has `shape`: (out, in, height, width).
    ///
    /// Keras's files hold it under `name`, legacy ones in `layer_{legacy_layer}`, and safetensors files as
    /// `{module}.weight` and `{module}.bias`.
    ///
    /// # Examples
    /// ```
    /// use headstart_weights::{LayerSlot, Parameter};
    ///
    /// let slot = LayerSlot::convolution("block1_conv1", [64, 3, 3, 3], 1, "features.0");
    /// assert_eq!(slot.shape(Parameter::Bias), Some(&[64][..]));
    /// ```
    #[must_use]
    pub fn convolution(
        name: impl Into<String>,
        shape: [usize; 4],
        legacy_layer: usize,
        module: &str,
    ) -> Self {
        let name = name.into();
        let kernel = ParameterSlot::new(Parameter::Kernel, shape)
            .keras(&name, 0)
            .legacy(legacy_layer, 0)
            .safetensors(format!("{module}.weight"));
        let bias = ParameterSlot::new(Parameter::Bias, [shape[0]])
            .keras(&name, 1)
            .legacy(legacy_layer, 1)
            .safetensors(format!("{module}.bias"));
        Self::new(name, vec![kernel, bias])
    }

    /// The shape of one of its parameters; `None` if it has none of this kind.
    #[must_use]
    pub fn shape(&self, parameter: Parameter) -> Option<&[usize]> {
        let found = self.parameters.iter().find(|slot| slot.parameter == parameter);
        found.map(|slot| slot.shape.as_slice())
    }
}

/// One parameter of a layer, and its place in each layout. A layout without a place never holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterSlot {
    /// What it does in the layer.
    pub parameter: Parameter,
    /// The shape that it has in memory: (out, in, height, width) for the kernel of a convolution, (channels, 1, height,
    /// width) for that of a depthwise one.
    pub shape: Vec<usize>,
    /// In Keras's files, the layer's name and the position among the layer's tensors.
    pub keras: Option<(String, usize)>,
    /// In legacy files, the k of `layer_{k}`, which counts padding and pooling layers too, and the p of `param_{p}`.
    pub legacy: Option<(usize, usize)>,
    /// In safetensors files, the tensor's name, as torchvision or timm writes it: `features.0.weight`.
    pub safetensors: Option<String>,
}

impl ParameterSlot {
    /// A parameter that no layout has a place for yet.
    #[must_use]
    pub fn new(parameter: Parameter, shape: impl Into<Vec<usize>>) -> Self {
        Self { parameter, shape: shape.into(), keras: None, legacy: None, safetensors: None }
    }

    /// Places it in Keras's files: the tensor at `position` of a layer.
    #[must_use]
    pub fn keras(mut self, layer: impl Into<String>, position: usize) -> Self {
        self.keras = Some((layer.into(), position));
        self
    }

    /// Places it in legacy files: `layer_{layer}/param_{position}`.
    #[must_use]
    pub fn legacy(mut self, layer: usize, position: usize) -> Self {
        self.legacy = Some((layer, position));
        self
    }

    /// Places it in safetensors files.
    #[must_use]
    pub fn safetensors(mut self, tensor: impl Into<String>) -> Self {
        self.safetensors = Some(tensor.into());
        self
    }

    /// Whether it is the kernel of a convolution, depthwise or not.
    pub(crate) fn is_convolution(&self) -> bool {
        self.parameter.is_kernel() && self.shape.len() == 4
    }
}

/// The parameters of one layer, ready for a framework that correlates.
///
/// The kernel of a convolution is (out, in, height, width): `y[o] = sum x[i, y + dy, x + dx] * kernel[o, i, dy, dx]`, which
/// candle, PyTorch and TensorFlow call a convolution. That of a depthwise one is (channels, 1, height, width).
#[derive(Clone, Debug, PartialEq)]
pub struct LayerParameters {
    /// The network's name for the layer.
    pub name: String,
    /// The arrays, in the order of the layer's slot.
    pub arrays: Vec<(Parameter, Array)>,
}

impl LayerParameters {
    /// The parameters of a convolution with a bias.
    #[must_use]
    pub fn convolution(name: impl Into<String>, kernel: Array, bias: Array) -> Self {
        Self { name: name.into(), arrays: vec![(Parameter::Kernel, kernel), (Parameter::Bias, bias)] }
    }

    /// One of the arrays; `None` if the layer has none of this kind.
    #[must_use]
    pub fn array(&self, parameter: Parameter) -> Option<&Array> {
        self.arrays.iter().find(|(found, _)| *found == parameter).map(|(_, array)| array)
    }
}
