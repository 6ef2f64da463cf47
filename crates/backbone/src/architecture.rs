//! A network of the registry, by name or by a file of its parameters.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::str::FromStr;

use candle_core::Device;
use headstart_kernels::graph::Graph;
use headstart_provenance::{Input, Pooling, Preset};
use headstart_weights::{
    Error as WeightsError, Fit, LayerParameters, LayerSlot, LoadOptions, LoadReport, Loaded, Source,
    check_each, describe, load_layers,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::network::{Network, form_of};
use crate::registry::networks;
use crate::{Backbone, Engine, Error, FoldedNetwork, on_device};

/// Tensors of a file that an error shows.
const SHOWN_TENSORS: usize = 4;

/// A network that this crate knows, without parameters.
///
/// It is shown, parsed and serialized as its name.
///
/// # Examples
/// ```
/// use headstart_backbone::Architecture;
///
/// let vgg16: Architecture = "vgg16".parse()?;
/// assert_eq!(vgg16.feature_shape(150, 150)?, [512, 4, 4]);
/// assert!(Architecture::all().any(|network| network == vgg16));
/// # Ok::<(), headstart_backbone::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Architecture(pub(crate) &'static dyn Network);

impl Architecture {
    /// Every network, family by family, the shallowest of each first.
    pub fn all() -> impl Iterator<Item = Self> {
        networks().map(Self)
    }

    /// The network's name: as Keras writes it, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What timm and torchvision call it, first the name that is shown; empty for a network that neither has. Files beside
    /// weights name it so.
    #[must_use]
    pub fn published_names(self) -> &'static [&'static str] {
        self.0.published_names()
    }

    /// The presets that suit its weights, the best first.
    #[must_use]
    pub fn presets(self) -> &'static [Preset] {
        self.0.presets()
    }

    /// The parameters of its layers and their places in files of the known layouts, in the order of the network.
    #[must_use]
    pub fn slots(self) -> Vec<LayerSlot> {
        self.0.slots()
    }

    /// The same for each form in which files hold the parameters; [`slots`](Self::slots) is the first. Libraries name the
    /// layers of a network in their own ways, and some fold its layers before they write them.
    #[must_use]
    pub fn forms(self) -> Vec<Vec<LayerSlot>> {
        self.0.forms()
    }

    /// The smallest height and width of an image.
    #[must_use]
    pub fn smallest_image(self) -> usize {
        self.0.smallest_image()
    }

    /// Height and width of the images that its published weights were trained on.
    #[must_use]
    pub fn image_side(self) -> usize {
        self.0.image_side()
    }

    /// The input that its published weights were trained for or measured with: the first of its presets, the size, and how
    /// images are brought to it.
    #[must_use]
    pub fn input(self) -> Input {
        self.0.input()
    }

    /// The input that the script of the Keras blog gives it; none if the script does not run such a network.
    #[must_use]
    pub fn blog_input(self) -> Option<Input> {
        self.0.blog_input()
    }

    /// Channels, height and width of the features of an image of `height x width` pixels.
    ///
    /// # Errors
    /// [`Error::TooSmall`] below [`smallest_image`](Self::smallest_image).
    pub fn feature_shape(self, height: usize, width: usize) -> Result<[usize; 3], Error> {
        self.check_size(height, width)?;
        Ok(self.0.feature_shape(height, width))
    }

    /// # Errors
    /// [`Error::TooSmall`] below [`smallest_image`](Self::smallest_image).
    pub(crate) fn check_size(self, height: usize, width: usize) -> Result<(), Error> {
        let smallest = self.smallest_image();
        if height < smallest || width < smallest {
            return Err(Error::TooSmall { architecture: self, height, width, smallest });
        }
        Ok(())
    }

    /// Images of a batch that are enough for the full rate. More only take memory.
    #[must_use]
    pub fn batch(self) -> usize {
        self.0.batch()
    }

    /// Images of a batch that keep a device busy, if they are this large: [`batch`](Self::batch) on the CPU, more on a GPU.
    #[must_use]
    pub fn suited_batch(self, device: &Device, height: usize, width: usize) -> usize {
        if device.is_cuda() { on_device::batch(height, width) } else { self.batch() }
    }

    /// What becomes of its maps, unless somebody asks for something else.
    #[must_use]
    pub fn pooling(self) -> Pooling {
        self.0.pooling()
    }

    /// The engine that computes this number of images on a device in the least time, preparation included. For the
    /// networks that run on kernels it is [`Engine::suited`].
    #[must_use]
    pub fn suited_engine(self, device: &Device, images: usize) -> Engine {
        self.0.suited_engine(device, images)
    }

    /// How many batches this number of threads should compute at a time with an engine, each in a rayon pool of one thread. If
    /// it is one, they get more done if they share one batch after the other.
    #[must_use]
    pub fn batches_at_once(self, engine: Engine, threads: usize) -> usize {
        self.0.batches_at_once(engine, threads)
    }

    /// The network whose parameters a file holds, found by names and shapes alone: no value is read.
    ///
    /// # Errors
    /// [`Error::NoNetwork`] if no network fits; [`Error::SeveralNetworks`] if more than one does; [`Error::Weights`] if the
    /// file can't be read.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        Self::of_file_among(path, Self::all())
    }

    fn of_file_among(path: &Path, networks: impl Iterator<Item = Self>) -> Result<Self, Error> {
        let known: Vec<Self> = networks.collect();
        let forms: Vec<(Self, Vec<LayerSlot>)> = known
            .iter()
            .flat_map(|network| network.forms().into_iter().map(|slots| (*network, slots)))
            .collect();
        let mut fitting = Vec::new();
        for ((network, _), fit) in
            forms.iter().zip(check_each(path, forms.iter().map(|(_, slots)| &slots[..]))?)
        {
            match fit.result {
                Ok(()) => fitting.push(*network),
                Err(error) if is_misfit(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let path = path.to_path_buf();
        match fitting.as_slice() {
            &[network] => Ok(network),
            [] => Err(Error::NoNetwork { found: holdings(&path)?, path, known: names(&known) }),
            several => Err(Error::SeveralNetworks { path, found: names(several) }),
        }
    }

    /// Builds the network from parameters in the order of [`slots`](Self::slots), or of another of the
    /// [`forms`](Self::forms).
    ///
    /// # Errors
    /// If a parameter is missing or has the wrong shape, if the engine can't run, or if the device is out of memory.
    pub fn build(
        self,
        parameters: &[LayerParameters],
        device: &Device,
        engine: Engine,
    ) -> Result<Box<dyn Backbone>, Error> {
        self.build_from(parameters.to_vec(), device, engine)
    }

    /// Reads the parameters from a file, given by its path or its bytes, and builds the network. The report says the file's layout and what was used.
    ///
    /// # Errors
    /// [`Error::OtherNetwork`] if the file is that of another known network; else if it can't be read or lacks a parameter, or
    /// as [`build`](Self::build).
    pub fn load<'a>(
        self,
        source: impl Into<Source<'a>>,
        options: &LoadOptions,
        device: &Device,
        engine: Engine,
    ) -> Result<(Box<dyn Backbone>, LoadReport), Error> {
        let loaded = self.read(source.into(), options)?;
        Ok((self.build_from(loaded.layers, device, engine)?, loaded.report))
    }

    /// [`build`](Self::build) with parameters whose memory the network may take.
    fn build_from(
        self,
        parameters: Vec<LayerParameters>,
        device: &Device,
        engine: Engine,
    ) -> Result<Box<dyn Backbone>, Error> {
        self.check(&parameters)?;
        self.0.build(parameters, device, engine)
    }

    /// Reads the parameters as [`load`](Self::load) does, and gives the network as a list of layers.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_folded<'a>(
        self,
        source: impl Into<Source<'a>>,
        options: &LoadOptions,
    ) -> Result<FoldedNetwork, Error> {
        self.folded_from(self.read(source.into(), options)?.layers)
    }

    /// Reads the parameters as [`load`](Self::load) does, as the file has them, each layer with its slot.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_parameters<'a>(
        self,
        source: impl Into<Source<'a>>,
        options: &LoadOptions,
    ) -> Result<Vec<(LayerSlot, LayerParameters)>, Error> {
        let source = source.into();
        let layers = self.read(source, options)?.layers;
        let mut forms = self.forms();
        let slots = forms.swap_remove(self.form_of(source)?);
        Ok(slots.into_iter().filter(|slot| slot.is_needed).zip(layers).collect())
    }

    /// The network as a list of layers, from parameters as [`build`](Self::build) takes them.
    ///
    /// # Errors
    /// If a parameter is missing or has the wrong shape; [`Error::NoLayers`] for a network that has no such list.
    pub fn folded(self, parameters: &[LayerParameters]) -> Result<FoldedNetwork, Error> {
        self.folded_from(parameters.to_vec())
    }

    fn folded_from(self, parameters: Vec<LayerParameters>) -> Result<FoldedNetwork, Error> {
        self.check(&parameters)?;
        let no_layers = || Error::NoLayers { architecture: self };
        let (description, folded) = self.0.folded(parameters).ok_or_else(no_layers)?;
        Ok(FoldedNetwork::new(description, folded))
    }

    /// The parameters of a file, in the form that it has.
    fn read(self, source: Source<'_>, options: &LoadOptions) -> Result<Loaded, Error> {
        let form = self.form_of(source);
        form.and_then(|form| Ok(load_layers(source, &self.forms()[form], options)?))
            .map_err(|error| self.misfit(source, error))
    }

    /// The error of weights that did not load. If their file is that of another network, the error names it.
    fn misfit(self, source: Source<'_>, error: Error) -> Error {
        match (source, &error) {
            (Source::File(path), Error::Weights(weights)) if is_misfit(weights) => {
                match Self::of_file(path) {
                    Ok(found) if found != self => {
                        Error::OtherNetwork { path: path.to_path_buf(), expected: self, found }
                    }
                    _ => error,
                }
            }
            _ => error,
        }
    }

    /// What tells the form of a file from the others that files of this network have: "fused". None if there is only one
    /// form.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn form_of_file(self, path: &Path) -> Result<Option<&'static str>, Error> {
        Ok(self.0.form_names().get(self.form_of(path.into())?).copied())
    }

    /// The position of the form that a file has; of the nearest one if it fits none.
    fn form_of(self, source: Source<'_>) -> Result<usize, Error> {
        let forms = self.forms();
        if forms.len() == 1 {
            return Ok(0);
        }
        let fits = check_each(source, forms.iter().map(Vec::as_slice))?;
        let nearest = |&(_, fit): &(usize, &Fit)| (fit.result.is_ok(), fit.found);
        // Of equals the first.
        Ok(fits.iter().enumerate().rev().max_by_key(nearest).map_or(0, |(form, _)| form))
    }

    /// The graph that the kernels run, from parameters as [`build`](Self::build) takes them; `None` for a network that they
    /// do not run as a graph.
    ///
    /// # Errors
    /// If a parameter is missing or has the wrong shape.
    pub fn graph(self, parameters: &[LayerParameters]) -> Result<Option<Graph>, Error> {
        self.check(parameters)?;
        self.0.graph(parameters.to_vec())
    }

    /// Compares parameters with the network's table.
    pub(crate) fn check(self, parameters: &[LayerParameters]) -> Result<(), Error> {
        let mut forms = self.forms();
        let mut slots = forms.swap_remove(form_of(&forms, parameters));
        slots.retain(|slot| slot.is_needed);
        if slots.len() != parameters.len() {
            let (expected, found) = (slots.len(), parameters.len());
            return Err(Error::LayerCount { architecture: self, expected, found });
        }
        for (slot, layer) in slots.into_iter().zip(parameters) {
            for wanted in slot.parameters {
                let (parameter, expected) = (wanted.parameter, wanted.shape);
                let found = layer.array(parameter).map(|array| array.shape.clone());
                if found.as_ref() != Some(&expected) {
                    return Err(Error::ParameterShape { layer: slot.name, parameter, expected, found });
                }
            }
        }
        Ok(())
    }
}

/// Whether an error says that a file, which could be read, does not hold a network's parameters.
fn is_misfit(error: &WeightsError) -> bool {
    matches!(
        error,
        WeightsError::MissingParameter { .. }
            | WeightsError::WrongShape { .. }
            | WeightsError::OtherNetwork { .. }
            | WeightsError::UnknownLayout { .. }
    )
}

/// What a file holds, for an error.
fn holdings(path: &Path) -> Result<String, Error> {
    let description = describe(path)?;
    let layout =
        description.layout.map_or("a file of another layout".to_owned(), |layout| layout.to_string());
    let count = description.tensors.len();
    let mut shown: Vec<String> = description
        .tensors
        .iter()
        .take(SHOWN_TENSORS)
        .map(|tensor| format!("{} {:?}", tensor.name, tensor.shape))
        .collect();
    if count > SHOWN_TENSORS {
        shown.push("...".to_owned());
    }
    Ok(format!("{layout} with {count} tensors: {}", shown.join(", ")))
}

/// The networks' names in one text.
pub(crate) fn names(networks: &[Architecture]) -> String {
    networks.iter().map(|network| network.name()).collect::<Vec<_>>().join(", ")
}

impl PartialEq for Architecture {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Architecture {}

impl Hash for Architecture {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Architecture").field(&self.name()).finish()
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::all()
            .find(|architecture| architecture.name() == name)
            .ok_or_else(|| Error::UnknownArchitecture { found: name.to_owned() })
    }
}

impl Serialize for Architecture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
