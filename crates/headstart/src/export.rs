//! A classifier with its network as files of other programs.

mod keras;
mod network;
mod onnx;
mod outside;
mod parts;
mod planes;
mod pytorch;
mod rows;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;
use headstart_backbone::FoldedNetwork;
use headstart_files::IfExists;
use headstart_weights::{Array, FlattenOrder, LoadOptions, save_arrays};

use self::outside::Outside;
use self::parts::{Parts, layers_of};
use crate::novelty::Novelty;
use crate::{Backbone, Classifier, Error, Predictor};

/// What was written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Exported {
    /// Class names, in the order of the probabilities; empty if they are not known.
    pub classes: Vec<String>,
    /// The shape of a row of features.
    pub row_shape: Vec<usize>,
    /// Height and width of the images that it takes; none for a head alone, which takes rows of features.
    pub size: Option<[usize; 2]>,
    /// Whether it tells how unlike an image is to those that the classifier was fitted to.
    pub tells_novelty: bool,
}

impl Predictor<'_> {
    /// Writes all that happens to an image once it has the network's size as one ONNX file: the numbers of its preprocessing,
    /// the network, the pooling, the head and the probabilities. Runtimes give the probabilities of [`run`](Self::run) within
    /// 1e-5.
    ///
    /// - `pixels`, the input: f32, N x 3 x height x width, RGB, 0 to 255, for any N.
    /// - `probabilities`: N x classes. A head of one unit gives both of its classes their probability.
    /// - `features`: N x values, or N x channels x height x width where the network's maps are not pooled.
    /// - `novelty`, where the classifier knows its images: N. Above 1 an image is unknown.
    ///
    /// The texts about the model (`metadata_props`) are `classes` and `preprocessing`, both JSON, `backbone`, `pooling`,
    /// `fingerprint` and `headstart_version`. `preprocessing` says what must become of an image before: its size, and how it is
    /// brought to that.
    ///
    /// ```no_run
    /// use headstart::{Backbone, Classifier, IfExists, Predictor};
    ///
    /// let classifier = Classifier::load("photos.safetensors")?;
    /// let backbone = Backbone::open("vgg16_weights.h5")?;
    /// Predictor::new(&classifier, &backbone)?.export_onnx("photos.onnx", IfExists::Refuse)?;
    /// # Ok::<(), headstart::Error>(())
    /// ```
    ///
    /// # Errors
    /// Weights that the classifier was not trained with, or that can't be read; a name that is taken or can't be written.
    pub fn export_onnx(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<Exported, Error> {
        let path = path.as_ref();
        headstart_files::check_writable(path, if_exists)?;
        let (parts, network) = (self.parts()?, self.folded_network()?);
        let mut graph = onnx::graph(&network, &parts)?;
        for (key, text) in self.texts()? {
            graph.describe(key, text);
        }
        graph.write(path, if_exists)?;
        Ok(Exported { tells_novelty: parts.known.is_some(), ..parts.exported(true) })
    }

    /// Writes the same as a whole model of Keras 3, `.keras`, for a VGG network. It takes pixels, N x height x width x 3, RGB, 0 to
    /// 255. Of any other network, and where features are the means of those of an image and of its mirror image, the head alone
    /// is written, as [`Classifier::export_keras`] does; [`Exported::size`] is none then.
    ///
    /// # Errors
    /// As [`export_onnx`](Self::export_onnx).
    pub fn export_keras(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<Exported, Error> {
        let path = path.as_ref();
        headstart_files::check_writable(path, if_exists)?;
        let (parts, network) = (self.parts()?, self.folded_network()?);
        let texts = self.texts()?.into_iter().map(|(key, text)| (key.to_owned(), text)).collect();
        let whole = keras::whole(&network, &parts)?;
        drop(network);
        let has_network = whole.is_some();
        whole
            .map_or_else(|| keras::head(&parts.row_shape, &parts.layers), Ok)?
            .write(path, &texts, if_exists)?;
        Ok(parts.exported(has_network))
    }

    /// Writes the state dict of a module of PyTorch as safetensors: `scale`, `mean` and `std` of the pixels (N x 3 x height x
    /// width, RGB, 0 to 255), the network's parameters under `backbone.` with the names of timm or torchvision, and the head's
    /// as a Sequential under `head.`, with a logit a class. docs/export.md has the module. The file's metadata are the texts of
    /// [`export_onnx`](Self::export_onnx).
    ///
    /// # Errors
    /// As [`export_onnx`](Self::export_onnx); a network that neither timm nor torchvision has.
    pub fn export_pytorch(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<Exported, Error> {
        let path = path.as_ref();
        headstart_files::check_writable(path, if_exists)?;
        let (parts, backbone) = (self.parts()?, self.checked_backbone()?);
        let layers = backbone.architecture().load_parameters(backbone.source(), &load_options(backbone))?;
        let Some(network) = pytorch::network(layers, parts.preprocessing) else {
            let network = backbone.architecture();
            let message = format!(
                "expected a network of timm or torchvision, found {network}, which neither has; write it as .onnx"
            );
            return Err(self.classifier().bad_data(message));
        };
        let (normalization, head) = (pytorch::normalization(parts.preprocessing), pytorch::head(&parts));
        let state = normalization.iter().chain(&network).chain(&head);
        let arrays: Vec<(String, &Array)> = state.map(|(name, array)| (name.clone(), array)).collect();
        let mut texts: BTreeMap<String, String> =
            self.texts()?.into_iter().map(|(key, text)| (key.to_owned(), text)).collect();
        let published = backbone.architecture().published_names().first().copied().unwrap_or_default();
        texts.insert("architecture".to_owned(), published.to_owned());
        texts.insert("mirror".to_owned(), parts.preprocessing.mirror.to_string());
        save_arrays(path, &arrays, texts, if_exists)?;
        Ok(parts.exported(true))
    }

    /// What it consists of besides the network.
    fn parts(&self) -> Result<Parts<'_>, Error> {
        let row_shape = self.row_shape()?;
        let layers = layers_of(self.judge()?.head())?;
        Novelty::of(self.classifier(), row_shape.iter().product())?;
        let known = self.classifier().model().known.as_ref();
        let (classes, preprocessing, pooling) = (self.classes(), self.preprocessing(), self.pooling());
        Ok(Parts { classes, preprocessing, pooling, row_shape, layers, known })
    }

    /// The network with the weights that the classifier was trained with.
    fn folded_network(&self) -> Result<FoldedNetwork, Error> {
        let backbone = self.checked_backbone()?;
        Ok(backbone.architecture().load_folded(backbone.source(), &load_options(backbone))?)
    }

    /// What an exported file says about itself.
    fn texts(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let json = Error::encoding("the description of an exported model");
        let classes = serde_json::to_string(self.classes()).map_err(json)?;
        let outside = Outside::of(self.preprocessing());
        let json = Error::encoding("the preprocessing of an exported model");
        let mut texts = vec![
            ("classes", classes),
            ("preprocessing", serde_json::to_string(&outside).map_err(json)?),
            ("backbone", self.backbone().id().to_string()),
            ("pooling", self.pooling().name().to_owned()),
            ("headstart_version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let stated = self.classifier().provenance();
        texts.extend(stated.map(|provenance| ("fingerprint", provenance.fingerprint.clone())));
        Ok(texts)
    }
}

impl Classifier {
    /// Writes the head alone as a whole model of Keras 3, `.keras`. It takes rows of features as headstart stores them, and gives
    /// probabilities: that of the second of two classes where it has one unit, else one a class.
    ///
    /// # Errors
    /// A classifier that does not say its activations, or in which order it flattens feature maps; a name that is taken or can't
    /// be written.
    pub fn export_keras(&self, path: impl AsRef<Path>, if_exists: IfExists) -> Result<Exported, Error> {
        let path = path.as_ref();
        headstart_files::check_writable(path, if_exists)?;
        let (stated, first) = (&self.metadata().row_shape, self.model().layers.first());
        let of_kernel = || first.map(|layer| vec![layer.kernel.shape[0]]).unwrap_or_default();
        let row_shape = if stated.is_empty() { of_kernel() } else { stated.clone() };
        let head = self.head(&row_shape, Some(FlattenOrder::ChannelsFirst), &Device::Cpu)?;
        let layers = layers_of(&head)?;
        keras::head(&row_shape, &layers)?.write(path, &BTreeMap::new(), if_exists)?;
        Ok(Exported { classes: self.classes().to_vec(), row_shape, size: None, tells_novelty: false })
    }
}

impl Parts<'_> {
    fn exported(&self, has_network: bool) -> Exported {
        let Self { classes, row_shape, preprocessing, .. } = self;
        Exported {
            classes: classes.to_vec(),
            row_shape: row_shape.clone(),
            size: has_network.then_some([preprocessing.height, preprocessing.width]),
            tells_novelty: false,
        }
    }
}

/// How the weights of a network are read.
fn load_options(backbone: &Backbone) -> LoadOptions {
    LoadOptions::default().with_kernel_convention(backbone.id().kernels)
}

#[cfg(test)]
mod tests;
