//! The fully-connected layer.

use candle_core::{Device, Result, Tensor, Var};
use candle_nn::Module;

use crate::activation;
use crate::initializer::glorot_uniform;
use crate::random::Random;
use headstart_weights::Activation;

/// activation(x . kernel + bias), with the kernel in Keras's order: inputs x units.
#[derive(Debug)]
pub struct Dense {
    kernel: Var,
    bias: Option<Var>,
    activation: Activation,
}

impl Dense {
    /// A layer with a glorot_uniform kernel and, with `use_bias`, a bias of zeros.
    ///
    /// # Errors
    ///
    /// When the device is out of memory.
    pub fn new(
        inputs: usize,
        units: usize,
        activation: Activation,
        use_bias: bool,
        random: &mut Random,
        device: &Device,
    ) -> Result<Self> {
        let kernel = glorot_uniform(inputs, units, random, device)?;
        let bias = if use_bias { Some(Tensor::zeros(units, kernel.dtype(), device)?) } else { None };
        Self::from_parameters(&kernel, bias.as_ref(), activation)
    }

    /// A layer with given parameters.
    ///
    /// # Shapes
    ///
    /// `kernel` is `inputs x units`, `bias` has `units` values.
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, or the device is out of memory.
    pub fn from_parameters(kernel: &Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<Self> {
        let (_, units) = kernel.dims2()?;
        if let Some(bias) = bias
            && bias.dims() != [units]
        {
            return Err(candle_core::Error::UnexpectedShape {
                msg: "bias of a Dense layer".to_owned(),
                expected: units.into(),
                got: bias.shape().clone(),
            });
        }
        let bias = bias.map(Var::from_tensor).transpose()?;
        Ok(Self { kernel: Var::from_tensor(kernel)?, bias, activation })
    }

    /// A separate layer with copies of the parameters. A clone of a candle variable would share them.
    ///
    /// # Errors
    ///
    /// When the device is out of memory.
    pub fn try_clone(&self) -> Result<Self> {
        let bias = self.bias.as_ref().map(|bias| bias.copy()).transpose()?;
        Self::from_parameters(&self.kernel.copy()?, bias.as_ref(), self.activation)
    }

    /// The kernel, `inputs x units`.
    #[must_use]
    pub fn kernel(&self) -> &Var {
        &self.kernel
    }

    /// The bias, `units` values, if the layer has one.
    #[must_use]
    pub fn bias(&self) -> Option<&Var> {
        self.bias.as_ref()
    }

    /// The activation.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The number of outputs.
    #[must_use]
    pub fn units(&self) -> usize {
        self.kernel.dims()[1]
    }

    /// x . kernel + bias, before the activation.
    ///
    /// # Shapes
    ///
    /// `x` is `N x inputs`, the result `N x units`.
    ///
    /// # Errors
    ///
    /// When `x` has another shape, or the device fails.
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let product = x.matmul(&self.kernel)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

impl Module for Dense {
    /// activation(x . kernel + bias).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        activation::apply(self.activation, &self.logits(x)?)
    }
}
