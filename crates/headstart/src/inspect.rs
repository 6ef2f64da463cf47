//! What is in a file: features, or weights.

use std::io::Read;
use std::path::Path;

pub use headstart_features::{
    ClassCount, Description as FeaturesDescription, ManifestSummary, Statistics,
    describe as describe_features,
};
pub use headstart_weights::{
    Description as WeightsDescription, Format, Layout, TensorDescription, describe as describe_weights,
};
use serde::Serialize;

use crate::observer::Silent;
use crate::{Architecture, Backbone, Error, InputChoice, Preprocessing};

/// The first bytes of every `.npy` file.
const NPY_MAGIC: &[u8] = b"\x93NUMPY";

/// What is in a file.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FileDescription {
    /// A `.npy`, with its manifest if there is one.
    Features(Box<FeaturesDescription>),
    /// A file of weights or a head.
    Weights {
        /// What is in the file.
        #[serde(flatten)]
        weights: WeightsDescription,
        /// The network that its parameters fit; none for a head, and for a network that is not known.
        network: Option<Box<NetworkDescription>>,
    },
}

/// The network that a file of weights is of.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct NetworkDescription {
    /// Its name.
    pub name: Architecture,
    /// What tells its file from other files of the same network, if there are several kinds of them: "fused".
    pub form: Option<&'static str>,
    /// What images become if nothing is chosen: as a configuration beside the file states it, or else as the Keras blog's
    /// script has it, if it is a file of the script's kind, or else as the weights were trained.
    pub input: Option<Preprocessing>,
    /// Why a configuration beside the file does not go with it or can't be used; there is no input then.
    pub fault: Option<String>,
}

impl NetworkDescription {
    fn of(path: &Path) -> Result<Option<Box<Self>>, Error> {
        // Any failure to tell the network is no failure to describe the file.
        let Ok(name) = Architecture::of_file(path) else { return Ok(None) };
        let backbone = Backbone::named(name, path);
        let otherwise = backbone.script_input();
        let input = otherwise.and_then(|otherwise| {
            let choice = InputChoice { otherwise, ..InputChoice::default() };
            backbone.preprocessing_with(&choice, &mut Silent)
        });
        let form = name.form_of_file(path)?;
        let (input, fault) = match input {
            Ok(input) => (Some(input), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(Some(Box::new(Self { name, form, input, fault })))
    }
}

/// Describes a file of features, of weights or of a head. The content decides which it is. A file that is none of them gets
/// the error of the kind that its name promises.
///
/// # Errors
/// A file that can't be read, or that is of another kind.
pub fn describe(path: impl AsRef<Path>) -> Result<FileDescription, Error> {
    let path = path.as_ref();
    Ok(if starts_as_npy(path)? || path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("npy")) {
        FileDescription::Features(describe_features(path)?.into())
    } else {
        let weights = describe_weights(path)?;
        FileDescription::Weights { weights, network: NetworkDescription::of(path)? }
    })
}

fn starts_as_npy(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::new();
    let file = headstart_files::open(path)?;
    let read = file.take(NPY_MAGIC.len() as u64).read_to_end(&mut start);
    read.map_err(headstart_files::Error::io(path, "read it"))?;
    Ok(start == NPY_MAGIC)
}
