//! The parameters of a network, out of a file of any known layout.

use std::path::Path;

use rayon::prelude::*;

use crate::adapter::{KernelAxes, flip};
use crate::error::list;
use crate::layout::{Container, detect_hdf5, detect_safetensors, unknown_hdf5};
use crate::load_check;
use crate::stored::StoredTensor;
use crate::survey::{Located, StoredLayer, Survey, WrittenFor, assign};
use crate::{
    Array, Error, LayerParameters, LayerSlot, Layout, LoadReport, Parameter, ParameterSlot, Source, Unused,
    keras, keras3, legacy, torchvision,
};

/// How the kernels of a file are to be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KernelConvention {
    /// The file decides. Legacy files are taken as written for Theano, which computes a true convolution: their kernels
    /// are reversed along both spatial axes. So are those of Keras 1 and 2 if the attribute `backend` says theano. All
    /// others are taken as they are.
    #[default]
    Auto,
    /// The file was written by a backend that correlates (TensorFlow under Keras 1, say): no kernel is reversed.
    Correlation,
    /// The file was written by a backend that convolves: every kernel is reversed, whatever the layout.
    Convolution,
}

/// Choices of [`load_layers`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadOptions {
    /// How the kernels of the file are to be understood.
    pub kernel_convention: KernelConvention,
}

impl LoadOptions {
    /// The same with another kernel convention.
    #[must_use]
    pub fn with_kernel_convention(self, kernel_convention: KernelConvention) -> Self {
        Self { kernel_convention }
    }
}

/// What [`load_layers`] read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// One for each slot that is needed, in their order.
    pub layers: Vec<LayerParameters>,
    /// What was found, done and left out.
    pub report: LoadReport,
}

/// Reads the parameters of `slots` from a file, given by its path or its bytes. Layout and format are detected from the
/// content.
///
/// Values of other layers are not read, so the memory is that of the network, whatever else the file holds.
///
/// # Errors
/// [`Error::MissingParameter`] and [`Error::WrongShape`] if the file does not hold a parameter, or holds one of another
/// shape; [`Error::OtherNetwork`] if it holds more convolutions of the network's kernel sizes than the network has;
/// [`Error::UnknownKernels`] if nothing says whether the kernels must be reversed; [`Error::NotFinite`] for NaN or infinity; [`Error::NegativeVariance`];
/// [`Error::UnsupportedStorage`] for forms of HDF5 that are not read; [`Error::UnknownFormat`] and [`Error::UnknownLayout`] for other kinds of file;
/// [`Error::Damaged`], [`Error::AbsurdShape`], [`Error::WrongType`], [`Error::MissingObject`],
/// [`Error::MissingAttribute`] and [`Error::WrongAttribute`] for a file that does not hold what it says; [`Error::File`]
/// if it can't be read.
pub fn load_layers<'a>(
    source: impl Into<Source<'a>>,
    slots: &[LayerSlot],
    options: &LoadOptions,
) -> Result<Loaded, Error> {
    let source = source.into();
    let (container, path) = (Container::open(source)?, source.path());
    let survey = survey(&container, &contents(&container)?, path, slots)?;
    load_check::check(path, slots, &survey)?;

    let written_for = match options.kernel_convention {
        KernelConvention::Auto => stated(path, &survey)?,
        KernelConvention::Correlation => WrittenFor::Correlation,
        KernelConvention::Convolution => WrittenFor::Convolution,
    };
    let flipped = written_for != WrittenFor::Correlation;
    let reader = Reader { path, container: &container, survey: &survey, written_for };
    // One task per layer. Of several errors the first layer's is reported, independent of which thread was faster.
    let needed: Vec<_> = load_check::needed(slots, &survey).collect();
    let loaded: Vec<_> =
        needed.par_iter().with_max_len(1).map(|(slot, located)| reader.layer(slot, located)).collect();
    let layers: Vec<LayerParameters> = loaded.into_iter().collect::<Result<_, _>>()?;
    let unsure = options.kernel_convention == KernelConvention::Auto;
    let report = LoadReport {
        layout: survey.layout,
        flipped,
        named_otherwise: unsure && names_otherwise(path, &survey),
        unwritten: container.unwritten(),
        applied: layers.iter().map(|layer| layer.name.clone()).collect(),
        unused: survey.others.into_iter().map(|t| Unused { name: t.name, shape: t.shape }).collect(),
    };
    Ok(Loaded { layers, report })
}

/// Checks that a file, given by its path or its bytes, holds the parameters of `slots`, and is not that of a larger network.
/// No value is read.
///
/// # Errors
/// As [`load_layers`], except for what is wrong with values.
pub fn check_layers<'a>(source: impl Into<Source<'a>>, slots: &[LayerSlot]) -> Result<(), Error> {
    let source = source.into();
    let container = Container::open(source)?;
    fits(&container, &contents(&container)?, source.path(), slots).result
}

/// How each of several lists of slots fits a file, given by its path or its bytes, as [`check_layers`] tells it. The file is
/// opened, and its names are read, once.
///
/// # Errors
/// The file can't be read.
pub fn check_each<'a, 'b>(
    source: impl Into<Source<'a>>,
    lists: impl IntoIterator<Item = &'b [LayerSlot]>,
) -> Result<Vec<Fit>, Error> {
    let source = source.into();
    let container = Container::open(source)?;
    let contents = contents(&container)?;
    Ok(lists.into_iter().map(|slots| fits(&container, &contents, source.path(), slots)).collect())
}

/// How a list of slots fits a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fit {
    /// Parameters that the file has, whatever their shapes.
    pub found: usize,
    /// Why the file is not that of these slots, if it is not.
    pub result: Result<(), Error>,
}

fn fits(container: &Container<'_>, contents: &Contents, path: &Path, slots: &[LayerSlot]) -> Fit {
    match survey(container, contents, path, slots) {
        Ok(survey) => {
            let located = load_check::needed(slots, &survey).flat_map(|(_, located)| located);
            let found = located.filter(|located| located.tensor.is_some()).count();
            Fit { found, result: load_check::check(path, slots, &survey) }
        }
        Err(error) => Fit { found: 0, result: Err(error) },
    }
}

/// What the file says that its kernels were written for. Keras takes kernels as they are if a file says nothing. Files with
/// the axes (out, in, h, w) are left over from the days of Theano, and as likely to be the one as the other.
fn stated(path: &Path, survey: &Survey) -> Result<WrittenFor, Error> {
    match (survey.written_for, survey.axes) {
        (WrittenFor::Unstated, KernelAxes::HeightWidthInOut) => Ok(WrittenFor::Correlation),
        (WrittenFor::Unstated, KernelAxes::OutInHeightWidth) => {
            Err(Error::UnknownKernels { path: path.to_owned() })
        }
        (stated, _) => Ok(stated),
    }
}

/// Whether the name of a file that does not state its backend says something else than what was assumed.
fn names_otherwise(path: &Path, survey: &Survey) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase().replace('-', "_");
    match (survey.written_for, survey.layout) {
        (WrittenFor::Unstated, _) => name.contains("th_kernels"),
        (_, Layout::LegacySequential) => name.contains("tf_kernels"),
        _ => false,
    }
}

/// The layers of a file, before anybody asked for one.
enum Contents {
    Layers(Layout, Vec<StoredLayer>),
    /// A file without layers, or one of no known layout.
    Unlayered,
}

fn contents(container: &Container<'_>) -> Result<Contents, Error> {
    let Container::Hdf5(file) = container else { return Ok(Contents::Unlayered) };
    let Some(layout) = detect_hdf5(file)? else { return Ok(Contents::Unlayered) };
    let layers = match layout {
        Layout::LegacySequential => legacy::layers_of(file)?,
        Layout::Keras => keras::unnested_layers_of(file)?,
        Layout::Keras3 => keras3::layers_of(file)?,
        Layout::Safetensors | Layout::Model => return Ok(Contents::Unlayered),
    };
    Ok(Contents::Layers(layout, layers))
}

fn survey(
    container: &Container<'_>,
    contents: &Contents,
    path: &Path,
    slots: &[LayerSlot],
) -> Result<Survey, Error> {
    match container {
        Container::Hdf5(file) => match contents {
            Contents::Layers(Layout::LegacySequential, layers) => Ok(legacy::survey(layers.clone(), slots)),
            Contents::Layers(Layout::Keras, layers) => keras::survey(file, layers.clone(), slots),
            Contents::Layers(Layout::Keras3, layers) => Ok(assign(layers.clone(), slots, Layout::Keras3)),
            _ => Err(unknown_hdf5(file)?),
        },
        Container::Safetensors(file)
            if detect_safetensors(file) == Some(Layout::Safetensors)
                || torchvision::is_written_for(file, slots) =>
        {
            Ok(torchvision::survey(file, slots))
        }
        Container::Safetensors(file) => {
            let names: Vec<String> = file.tensors().map(|t| t.name.clone()).collect();
            let found = if names.is_empty() { "no tensors".to_owned() } else { list(&names, 6) };
            Err(Error::UnknownLayout { path: path.to_owned(), found })
        }
    }
}

/// Reads the values that a survey found.
struct Reader<'a> {
    path: &'a Path,
    container: &'a Container<'a>,
    survey: &'a Survey,
    written_for: WrittenFor,
}

impl Reader<'_> {
    fn layer(&self, slot: &LayerSlot, located: &[Located]) -> Result<LayerParameters, Error> {
        let mut arrays = Vec::with_capacity(located.len());
        for (parameter, located) in slot.parameters.iter().zip(located) {
            // The check refused a file where one is absent.
            if let Some(tensor) = &located.tensor {
                arrays.push((parameter.parameter, self.parameter(&slot.name, parameter, tensor)?));
            }
        }
        Ok(LayerParameters { name: slot.name.clone(), arrays })
    }

    fn parameter(&self, layer: &str, slot: &ParameterSlot, tensor: &StoredTensor) -> Result<Array, Error> {
        let ParameterSlot { parameter, ref shape, .. } = *slot;
        let values = match self.container {
            Container::Hdf5(file) => file.read(tensor)?,
            Container::Safetensors(file) => file.read(tensor)?,
        };
        let stored = Array::new(tensor.shape.clone(), values)?;
        if let Some((index, value)) = stored.first_not_finite() {
            let (path, layer) = (self.path.to_owned(), layer.to_owned());
            return Err(Error::NotFinite { path, layer, parameter, index, value });
        }
        let negative = |value: &f32| parameter == Parameter::Variance && *value < 0.0;
        if let Some(index) = stored.values.iter().position(negative) {
            let (path, layer, value) = (self.path.to_owned(), layer.to_owned(), stored.values[index]);
            return Err(Error::NegativeVariance { path, layer, index, value });
        }
        let mut values = self.survey.axes.to_memory(parameter, shape, stored.values);
        let flipped = match self.written_for {
            WrittenFor::Correlation | WrittenFor::Unstated => false,
            WrittenFor::Convolution => slot.is_convolution(),
            WrittenFor::KerasConvolution => slot.is_convolution() && parameter != Parameter::DepthwiseKernel,
        };
        if let (true, &[.., height, width]) = (flipped, shape.as_slice()) {
            flip(&mut values, [height, width]);
        }
        Array::new(shape.clone(), values)
    }
}
