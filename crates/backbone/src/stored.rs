//! Where files hold the parameters of a convolution, and what they add up to.

use headstart_weights::{LayerParameters, LayerSlot, Parameter, ParameterSlot};

use crate::description::Convolution;

/// A part of a file that holds parameters.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A module of PyTorch: timm's and torchvision's names are `{module}.weight` and so on.
    Module(String),
    /// A layer of Keras.
    Keras(String),
}

impl Place {
    /// The name of the module or layer.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Module(name) | Self::Keras(name) => name,
        }
    }

    /// A parameter that lies here.
    fn parameter(&self, parameter: Parameter, shape: impl Into<Vec<usize>>) -> ParameterSlot {
        let slot = ParameterSlot::new(parameter, shape);
        let (tensor, position) = match parameter {
            Parameter::Bias | Parameter::Beta => ("bias", 1),
            Parameter::Mean => ("running_mean", 2),
            Parameter::Variance => ("running_var", 3),
            _ => ("weight", 0),
        };
        match self {
            Self::Module(module) => slot.safetensors(format!("{module}.{tensor}")),
            Self::Keras(layer) => slot.keras(layer, position),
        }
    }
}

/// One of the terms whose sum a convolution is: a convolution, with the batch normalization after it if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    /// The name that errors show.
    layer: String,
    kernel: Kernel,
    /// The batch normalization and its epsilon.
    pub(crate) norm: Option<(Place, f64)>,
}

#[derive(Debug, Clone)]
enum Kernel {
    /// The term is the maps as they are.
    Identity,
    /// A kernel of this height and width, in the middle of the sum's.
    Stored { place: Place, size: [usize; 2], is_biased: bool },
}

impl Term {
    /// A convolution of the sum's own kernel size, with a bias.
    pub(crate) fn biased(layer: impl Into<String>, place: Place, size: [usize; 2]) -> Self {
        let kernel = Kernel::Stored { place, size, is_biased: true };
        Self { layer: layer.into(), kernel, norm: None }
    }

    /// A convolution without a bias, with a kernel of this height and width.
    pub(crate) fn unbiased(layer: impl Into<String>, place: Place, size: [usize; 2]) -> Self {
        let kernel = Kernel::Stored { place, size, is_biased: false };
        Self { layer: layer.into(), kernel, norm: None }
    }

    /// The maps as they are.
    pub(crate) fn identity(layer: impl Into<String>) -> Self {
        Self { layer: layer.into(), kernel: Kernel::Identity, norm: None }
    }

    /// The same with a batch normalization after it.
    pub(crate) fn normalized(mut self, place: Place, epsilon: f64) -> Self {
        self.norm = Some((place, epsilon));
        self
    }

    /// Its parameters in files.
    pub(crate) fn slot(&self, convolution: &Convolution) -> LayerSlot {
        let [out, inputs, ..] = convolution.shape();
        let mut parameters = Vec::new();
        if let Kernel::Stored { place, size: [height, width], is_biased } = &self.kernel {
            let kind = kind(convolution);
            parameters.push(place.parameter(kind, [out, inputs, *height, *width]));
            if *is_biased {
                parameters.push(place.parameter(Parameter::Bias, [out]));
            }
        }
        if let Some((place, _)) = &self.norm {
            let norm = [Parameter::Gamma, Parameter::Beta, Parameter::Mean, Parameter::Variance];
            parameters.extend(norm.map(|parameter| place.parameter(parameter, [out])));
        }
        LayerSlot::new(&self.layer, parameters)
    }
}

/// The value of a parameter for a channel, or what it is where a layer has none.
fn value(parameters: &LayerParameters, parameter: Parameter, channel: usize, default: f64) -> f64 {
    parameters.array(parameter).map_or(default, |array| f64::from(array.values[channel]))
}

fn kind(convolution: &Convolution) -> Parameter {
    if convolution.is_depthwise() { Parameter::DepthwiseKernel } else { Parameter::Kernel }
}

/// A convolution's kernel and bias: the sum of its terms.
///
/// # Shapes
/// [`Convolution::shape`], and its out channels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Folded {
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Folded {
    /// Adds the terms in f64 and rounds the sum once. Each has its parameters in the same order.
    ///
    /// A batch normalization makes of y: gamma (y - mean) / sqrt(variance + epsilon) + beta (S. Ioffe and C. Szegedy, "Batch
    /// Normalization", 2015, algorithm 2).
    pub(crate) fn of(
        convolution: &Convolution,
        terms: &[Term],
        mut parameters: Vec<LayerParameters>,
    ) -> Self {
        let [out, inputs, height, width] = convolution.shape();
        let taps = inputs * height * width;
        if let ([term], [own]) = (terms, &mut parameters[..])
            && let Some(mut kernel) = term.take_kernel(convolution, own)
        {
            let scaled = |(channel, values): (usize, &mut [f32])| {
                let scale = term.scale(own, channel);
                values.iter_mut().for_each(|value| *value = (scale * f64::from(*value)) as f32);
                term.bias(own, channel, scale) as f32
            };
            let bias = kernel.chunks_exact_mut(taps).enumerate().map(scaled).collect();
            return Self { kernel, bias };
        }
        let (mut kernel, mut bias) = (Vec::with_capacity(out * taps), Vec::with_capacity(out));
        // One channel at a time: doubles of a whole kernel would be memory that is touched once.
        let mut sums = vec![0.0; taps];
        for channel in 0..out {
            sums.fill(0.0);
            let mut sum = 0.0;
            for (term, parameters) in terms.iter().zip(&parameters) {
                sum += term.add(convolution, parameters, channel, &mut sums);
            }
            kernel.extend(sums.iter().map(|&value: &f64| value as f32));
            bias.push(sum as f32);
        }
        Self { kernel, bias }
    }
}

impl Term {
    /// Adds the kernel of one channel to `kernel`, and returns its bias.
    fn add(
        &self,
        convolution: &Convolution,
        parameters: &LayerParameters,
        channel: usize,
        kernel: &mut [f64],
    ) -> f64 {
        let [_, inputs, height, width] = convolution.shape();
        let scale = self.scale(parameters, channel);
        let [top, left] = self.margin(height, width);
        match &self.kernel {
            Kernel::Identity => {
                let input = channel % inputs;
                kernel[(input * height + top) * width + left] += scale;
            }
            Kernel::Stored { size: [rows, columns], .. } => {
                let stored = parameters.array(kind(convolution)).map_or(&[][..], |stored| &stored.values);
                let values = stored.get(channel * inputs * rows * columns..).unwrap_or_default();
                if [*rows, *columns] == [height, width] {
                    for (sum, value) in kernel.iter_mut().zip(values) {
                        *sum += scale * f64::from(*value);
                    }
                } else {
                    for (line, values) in values.chunks_exact(*columns).take(inputs * rows).enumerate() {
                        let (input, row) = (line / rows, line % rows);
                        let start = (input * height + top + row) * width + left;
                        for (sum, value) in kernel[start..].iter_mut().zip(values) {
                            *sum += scale * f64::from(*value);
                        }
                    }
                }
            }
        }
        self.bias(parameters, channel, scale)
    }

    /// What the kernel of a channel is multiplied with.
    fn scale(&self, parameters: &LayerParameters, channel: usize) -> f64 {
        self.norm.as_ref().map_or(1.0, |(_, epsilon)| {
            let value = |parameter| value(parameters, parameter, channel, 1.0);
            value(Parameter::Gamma) / (value(Parameter::Variance) + epsilon).sqrt()
        })
    }

    /// The bias of a channel whose kernel is multiplied with `scale`.
    fn bias(&self, parameters: &LayerParameters, channel: usize, scale: f64) -> f64 {
        let value = |parameter| value(parameters, parameter, channel, 0.0);
        value(Parameter::Beta) + (value(Parameter::Bias) - value(Parameter::Mean)) * scale
    }

    /// Takes the values of the kernel out of the parameters, if it is of the sum's size.
    fn take_kernel(&self, convolution: &Convolution, parameters: &mut LayerParameters) -> Option<Vec<f32>> {
        let [_, _, height, width] = convolution.shape();
        let Kernel::Stored { size, .. } = &self.kernel else { return None };
        let kind = kind(convolution);
        let array = parameters.arrays.iter_mut().find(|(found, _)| *found == kind);
        let (_, array) = array.filter(|_| *size == [height, width])?;
        Some(std::mem::take(&mut array.values))
    }

    /// Rows and columns of the sum's kernel before this one's.
    fn margin(&self, height: usize, width: usize) -> [usize; 2] {
        let [rows, columns] = match &self.kernel {
            Kernel::Identity => [1, 1],
            Kernel::Stored { size, .. } => *size,
        };
        [(height - rows) / 2, (width - columns) / 2]
    }
}
