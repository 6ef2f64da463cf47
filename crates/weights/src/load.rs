//! The convolutions of a network, out of a file of any known layout.

use std::path::Path;

use rayon::prelude::*;

use crate::adapter::{KernelAxes, flip};
use crate::error::{Parameter, ShapeHint, list};
use crate::layout::{Container, detect_hdf5, detect_safetensors, unknown_hdf5};
use crate::stored::StoredTensor;
use crate::survey::{Located, Survey};
use crate::{
    Array, ConvolutionParameters, ConvolutionSlot, Error, Layout, LoadReport, Unused, keras, keras3, legacy,
    torchvision,
};

/// How the kernels of a file are to be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KernelConvention {
    /// Legacy files are taken as written for Theano, which computes a true convolution: their kernels are
    /// reversed along both spatial axes. All other layouts are taken as they are.
    #[default]
    Auto,
    /// The file was written by a backend that correlates (TensorFlow under Keras 1, say): no kernel is reversed.
    Correlation,
    /// The file was written by a backend that convolves: every kernel is reversed, whatever the layout.
    Convolution,
}

/// Choices of [`load_convolutions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// How the kernels of the file are to be understood.
    pub kernel_convention: KernelConvention,
}

/// What [`load_convolutions`] read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// One for each slot, in their order.
    pub parameters: Vec<ConvolutionParameters>,
    /// What was found, done and left out.
    pub report: LoadReport,
}

/// Reads the parameters of `slots` from the file at `path`. Layout and format are told from the content.
///
/// Values of other layers are not read, so the memory is that of the convolutions, whatever else the file holds.
///
/// # Errors
/// [`Error::MissingParameter`] and [`Error::WrongShape`] if the file does not hold a kernel or a bias, or holds one of
/// another shape; [`Error::OtherNetwork`] if it holds more convolutions of this kernel size than there are
/// slots; [`Error::NotFinite`] for NaN or infinity; [`Error::UnknownFormat`] and [`Error::UnknownLayout`] for other
/// kinds of file; [`Error::Damaged`], [`Error::AbsurdShape`], [`Error::WrongType`], [`Error::MissingObject`],
/// [`Error::MissingAttribute`] and [`Error::WrongAttribute`] for a file that does not keep its promises;
/// [`Error::NotAFile`]; [`Error::Io`].
pub fn load_convolutions(
    path: &Path,
    slots: &[ConvolutionSlot],
    options: &LoadOptions,
) -> Result<Loaded, Error> {
    let container = Container::open(path)?;
    let survey = survey(&container, path, slots)?;
    check(path, slots, &survey)?;

    let flipped = match options.kernel_convention {
        KernelConvention::Auto => survey.layout == Layout::LegacySequential,
        KernelConvention::Correlation => false,
        KernelConvention::Convolution => true,
    };
    let read = |tensor: &StoredTensor| match &container {
        Container::Hdf5(file) => file.read(tensor),
        Container::Safetensors(file) => file.read(tensor),
    };
    let load = |(slot, located): (&ConvolutionSlot, &Located)| -> Result<_, Error> {
        // `check` has made sure of both.
        let (Some(kernel), Some(bias)) = (&located.kernel, &located.bias) else { return Ok(None) };
        let ConvolutionSlot { in_channels, out_channels, kernel_size, .. } = *slot;
        let stored = finite(path, slot, Parameter::Kernel, Array::new(kernel.shape.clone(), read(kernel)?)?)?;
        let mut values =
            survey.axes.to_out_in_height_width(stored.values, out_channels, in_channels, kernel_size);
        if flipped {
            flip(&mut values, kernel_size);
        }
        Ok(Some(ConvolutionParameters {
            kernel: Array::new(vec![out_channels, in_channels, kernel_size, kernel_size], values)?,
            bias: finite(path, slot, Parameter::Bias, Array::new(bias.shape.clone(), read(bias)?)?)?,
        }))
    };
    // One task a layer; of several errors the first layer's is told, whichever thread was faster.
    let loaded: Vec<_> = slots.par_iter().zip(&survey.located).map(load).collect();
    let parameters = loaded.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let report = LoadReport {
        layout: survey.layout,
        flipped,
        applied: slots.iter().map(|slot| slot.name.clone()).collect(),
        missing: Vec::new(),
        unused: survey.others.into_iter().map(|t| Unused { name: t.name, shape: t.shape }).collect(),
    };
    Ok(Loaded { parameters, report })
}

fn survey(container: &Container, path: &Path, slots: &[ConvolutionSlot]) -> Result<Survey, Error> {
    match container {
        Container::Hdf5(file) => match detect_hdf5(file)? {
            Some(Layout::LegacySequential) => legacy::survey(file, slots),
            Some(Layout::Keras) => keras::survey(file, slots),
            Some(Layout::Keras3) => keras3::survey(file, slots),
            _ => Err(unknown_hdf5(file)?),
        },
        Container::Safetensors(file) if detect_safetensors(file) == Some(Layout::Safetensors) => {
            Ok(torchvision::survey(file, slots))
        }
        Container::Safetensors(file) => {
            let names: Vec<String> = file.tensors().map(|t| t.name.clone()).collect();
            let found = if names.is_empty() { "no tensors".to_owned() } else { list(&names, 6) };
            Err(Error::UnknownLayout { path: path.to_owned(), found })
        }
    }
}

/// Every slot has its kernel and its bias in the right shapes, and the file is not that of a larger network.
fn check(path: &Path, slots: &[ConvolutionSlot], survey: &Survey) -> Result<(), Error> {
    for (slot, located) in slots.iter().zip(&survey.located) {
        let kernel = survey.axes.shape(slot.out_channels, slot.in_channels, slot.kernel_size);
        for (parameter, tensor, expected) in [
            (Parameter::Kernel, &located.kernel, kernel),
            (Parameter::Bias, &located.bias, vec![slot.out_channels]),
        ] {
            match tensor {
                None => return Err(missing(path, slots, survey, slot, located, parameter, expected)),
                Some(tensor) if tensor.shape != expected => {
                    return Err(Error::WrongShape {
                        path: path.to_owned(),
                        layer: slot.name.clone(),
                        dataset: tensor.name.clone(),
                        parameter,
                        hint: hint(survey.axes, slot, &tensor.shape),
                        expected: expected.into(),
                        found: tensor.shape.clone().into(),
                    });
                }
                Some(_) => {}
            }
        }
    }
    // A deeper VGG can hold every name of a shallower one, in the right shapes.
    let Some(kernel_size) = slots.first().map(|slot| slot.kernel_size) else { return Ok(()) };
    let extra: Vec<&StoredTensor> =
        survey.others.iter().filter(|t| is_kernel(survey.axes, t, kernel_size)).collect();
    match extra.first() {
        None => Ok(()),
        Some(first) => Err(Error::OtherNetwork {
            path: path.to_owned(),
            expected: slots.len(),
            found: slots.len() + extra.len(),
            extra: first.name.clone(),
        }),
    }
}

fn is_kernel(axes: KernelAxes, tensor: &StoredTensor, kernel_size: usize) -> bool {
    axes.parts(&tensor.shape).is_some_and(|(_, _, size)| size == [kernel_size; 2])
}

/// What a kernel of the wrong shape suggests.
fn hint(axes: KernelAxes, slot: &ConvolutionSlot, found: &[usize]) -> ShapeHint {
    let (other, hint) = match axes {
        KernelAxes::OutInHeightWidth => (KernelAxes::HeightWidthInOut, ShapeHint::ChannelsLast),
        KernelAxes::HeightWidthInOut => (KernelAxes::OutInHeightWidth, ShapeHint::ChannelsFirst),
    };
    if found == other.shape(slot.out_channels, slot.in_channels, slot.kernel_size) {
        hint
    } else {
        ShapeHint::OtherNetwork
    }
}

fn missing(
    path: &Path,
    slots: &[ConvolutionSlot],
    survey: &Survey,
    slot: &ConvolutionSlot,
    located: &Located,
    parameter: Parameter,
    expected: Vec<usize>,
) -> Error {
    let also: Vec<String> = slots
        .iter()
        .zip(&survey.located)
        .filter(|(other, located)| {
            other.name != slot.name && (located.kernel.is_none() || located.bias.is_none())
        })
        .map(|(other, _)| other.name.clone())
        .collect();
    let others =
        if also.is_empty() { String::new() } else { format!("{} are missing too; ", list(&also, 4)) };
    let kernels: Vec<String> = survey
        .located
        .iter()
        .filter_map(|located| located.kernel.as_ref())
        .chain(&survey.others)
        .filter(|t| is_kernel(survey.axes, t, slot.kernel_size))
        .map(|t| t.name.clone())
        .collect();
    let found = match kernels.len() {
        0 => format!("{others}the file holds no convolution"),
        1 => format!("{others}the file holds one convolution ({})", kernels[0]),
        n => format!("{others}the file holds {n} convolutions ({})", list(&kernels, 20)),
    };
    Error::MissingParameter {
        path: path.to_owned(),
        layer: slot.name.clone(),
        place: located.place.clone(),
        parameter,
        expected: expected.into(),
        found,
    }
}

fn finite(path: &Path, slot: &ConvolutionSlot, parameter: Parameter, array: Array) -> Result<Array, Error> {
    match array.first_not_finite() {
        None => Ok(array),
        Some((index, value)) => {
            Err(Error::NotFinite { path: path.to_owned(), layer: slot.name.clone(), parameter, index, value })
        }
    }
}
