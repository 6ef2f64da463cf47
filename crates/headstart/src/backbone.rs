//! A pretrained network: which one it is, its weights, and the device that it runs on.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::Device;
use headstart_backbone::{Architecture, Backbone as Network, BackboneId, Engine, Precision};
use headstart_provenance::{Pooling, Preprocessing, Provenance, WeightsFile};
use headstart_weights::{KernelConvention, LoadOptions, LoadReport, Source, StoredFile, describe};

use crate::shipped::Shipped;
use crate::{DeviceChoice, Error};

/// A pretrained network and its weights, in a file or in the program. The weights are read when a job needs them.
///
/// ```no_run
/// use headstart::Backbone;
///
/// let backbone = Backbone::open("vgg16_weights.h5")?;
/// println!("{}", backbone.id());
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Backbone {
    id: BackboneId,
    weights: Weights,
    /// How a GPU multiplies.
    precision: Precision,
    /// The device, once it was chosen or a job asked for it.
    device: OnceLock<Device>,
    /// BLAKE3 of the weights, once a job asked for it.
    hash: OnceLock<String>,
}

/// Where the weights are.
#[derive(Debug, Clone)]
enum Weights {
    File(PathBuf),
    Shipped(&'static Shipped),
    /// In the file of a model, under the name that they had.
    Bundled {
        file: StoredFile,
        name: String,
    },
}

impl Weights {
    fn source(&self) -> Source<'_> {
        match self {
            Self::File(path) => path.into(),
            Self::Shipped(shipped) => shipped.source(),
            Self::Bundled { file, .. } => file.source(),
        }
    }
}

impl Backbone {
    /// The network that a file of weights belongs to, on the default device. Network and layout are told from the file's
    /// content.
    ///
    /// # Errors
    /// A file that can't be read, or that holds the weights of no known network; [`Error::OtherArchitecture`] if a
    /// `config.json` of timm beside it names another network.
    pub fn open(weights: impl AsRef<Path>) -> Result<Self, Error> {
        let weights = weights.as_ref();
        let backbone = Self::named(Architecture::of_file(weights)?, weights);
        backbone.check_named()?;
        Ok(backbone)
    }

    /// A network by name, with the file of its weights, on the default device. Neither the file nor the device is opened
    /// yet.
    #[must_use]
    pub fn named(architecture: Architecture, weights: impl Into<PathBuf>) -> Self {
        Self::new(architecture, Weights::File(weights.into()))
    }

    /// A network by name, with the weights that are part of this program, on the default device. They are in a program that
    /// was built with the feature of the network's name: `efficientnet-lite2`. They are the same as those of the file, and so
    /// are the features.
    ///
    /// # Errors
    /// [`Error::NoWeights`] if the program has none of the network.
    pub fn shipped(architecture: Architecture) -> Result<Self, Error> {
        Ok(Self::new(architecture, Weights::Shipped(Shipped::of(architecture)?)))
    }

    /// A network by name, with weights that the file of a model holds.
    pub(crate) fn bundled(architecture: Architecture, file: StoredFile, name: String) -> Self {
        Self::new(architecture, Weights::Bundled { file, name })
    }

    /// The whole file of the weights, to put it into a model.
    ///
    /// # Errors
    /// It can't be read, or is an archive that can't be read within another file.
    pub(crate) fn stored_file(&self) -> Result<StoredFile, Error> {
        match &self.weights {
            Weights::Bundled { file, .. } => Ok(file.clone()),
            Weights::Shipped(shipped) => Ok(shipped.stored_file()),
            Weights::File(path) => {
                let file = StoredFile::whole(path)?;
                // What can't be read there is refused now, not by the person who predicts with it.
                describe(file.source())?;
                Ok(file)
            }
        }
    }

    /// The networks whose weights are part of this program.
    pub fn shipped_networks() -> impl Iterator<Item = Architecture> {
        Shipped::networks()
    }

    fn new(architecture: Architecture, weights: Weights) -> Self {
        let id = BackboneId::new(architecture, KernelConvention::Auto);
        let precision = Precision::default();
        Self { id, weights, precision, device: OnceLock::new(), hash: OnceLock::new() }
    }

    /// Reads the kernels in another way than the file's layout says.
    #[must_use]
    pub fn with_kernels(mut self, kernels: KernelConvention) -> Self {
        self.id.kernels = kernels;
        self
    }

    /// Runs on another device.
    #[must_use]
    pub fn on(mut self, device: Device) -> Self {
        self.device = OnceLock::from(device);
        self
    }

    /// Multiplies in another precision, which a manifest tells. Only NVIDIA GPUs have another one than f32.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The network and how its weights are read, as manifests and models name it.
    #[must_use]
    pub fn id(&self) -> BackboneId {
        self.id
    }

    /// The network.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.id.architecture
    }

    /// The file of the weights, or of the model that holds them; only a name, if they are part of the program.
    #[must_use]
    pub fn weights(&self) -> &Path {
        self.weights.source().path()
    }

    /// Where the weights are read.
    pub(crate) fn source(&self) -> Source<'_> {
        self.weights.source()
    }

    /// The device that it runs on. The default device is opened when it is first asked for, so a program that was built for
    /// GPUs needs none if it chooses the CPU.
    ///
    /// # Errors
    /// [`Error::Device`] if the default device can't be opened.
    pub fn device(&self) -> Result<&Device, Error> {
        if let Some(device) = self.device.get() {
            return Ok(device);
        }
        let default = DeviceChoice::default().open()?;
        Ok(self.device.get_or_init(|| default))
    }

    /// What features of this network depend on, if its maps are pooled in this way. Reads the file of the weights once, to
    /// hash it.
    ///
    /// # Errors
    /// The file of the weights can't be read.
    pub fn provenance(&self, preprocessing: &Preprocessing, pooling: Pooling) -> Result<Provenance, Error> {
        Ok(Provenance::new(self.id.to_string(), self.weights_file()?, preprocessing.clone(), pooling))
    }

    /// The file of the weights, as it is recognised again.
    pub(crate) fn weights_file(&self) -> Result<WeightsFile, Error> {
        if let Weights::Shipped(shipped) = &self.weights {
            return Ok(shipped.file());
        }
        let blake3 = match self.hash.get() {
            Some(hash) => hash.clone(),
            None => {
                let hash = headstart_weights::fingerprint(self.source())?;
                self.hash.get_or_init(|| hash).clone()
            }
        };
        let name = match &self.weights {
            Weights::Bundled { name, .. } => name.clone(),
            _ => self.weights().file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        Ok(WeightsFile { name, blake3 })
    }

    /// The engine that suits this number of images.
    pub(crate) fn engine(&self, images: usize) -> Result<Engine, Error> {
        let engine = self.architecture().suited_engine(self.device()?, images);
        Ok(engine.with_precision(self.precision)?)
    }

    /// Reads the weights and builds the network for an engine.
    pub(crate) fn load(&self, engine: Engine) -> Result<(Box<dyn Network>, LoadReport), Error> {
        self.check_named()?;
        let options = LoadOptions::default().with_kernel_convention(self.id.kernels);
        Ok(self.id.architecture.load(self.weights.source(), &options, self.device()?, engine)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a machine without a GPU, opening the default device of a program that was built for GPUs fails.
    #[test]
    fn the_default_device_is_opened_only_when_it_is_needed() {
        let vgg16 = "vgg16".parse().unwrap();
        let backbone = Backbone::named(vgg16, "weights.h5");
        assert!(backbone.device.get().is_none());
        assert!(backbone.clone().on(Device::Cpu).device().unwrap().is_cpu());
        assert!(backbone.device.get().is_none());
        assert!(backbone.device().is_ok());
    }
}
