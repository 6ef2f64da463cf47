//! What can go wrong in a job.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use headstart_backbone::Architecture;
use headstart_dataset::Limit;
use headstart_files::ErrorKind;
use headstart_provenance::Pooling;

/// Why a job failed. The message says everything: the file, what was expected, what was found, and the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The network could not be built or run.
    #[error(transparent)]
    Backbone(Box<headstart_backbone::Error>),
    /// A folder of images can't be used.
    #[error(transparent)]
    Dataset(#[from] headstart_dataset::Error),
    /// Probabilities can't be judged.
    #[error(transparent)]
    Evaluation(#[from] headstart_head::evaluation::Error),
    /// A file of features can't be read or written.
    #[error(transparent)]
    Features(#[from] headstart_features::Error),
    /// A file can't be opened or written.
    #[error(transparent)]
    File(#[from] headstart_files::Error),
    /// A head could not be built, trained or run.
    #[error(transparent)]
    Head(#[from] headstart_head::Error),
    /// A preprocessing setting can't be used.
    #[error(transparent)]
    Preprocessing(#[from] headstart_provenance::Error),
    /// A file of weights or a model can't be read or written.
    #[error(transparent)]
    Weights(Box<headstart_weights::Error>),
    /// No file of weights was given, and the program has none of its own.
    #[error(
        "expected a file of {weights}, found none{}{}",
        places(.searched),
        .feature.map(|feature| {
            format!(": this program was built without the feature {feature}, which puts them into it")
        }).unwrap_or_default()
    )]
    NoWeights {
        /// The weights, in words, or the name of their file.
        weights: String,
        /// The feature of the crate `headstart` that puts them into a program, if there is one.
        feature: Option<&'static str>,
        /// Where else it was looked for.
        searched: Vec<PathBuf>,
    },
    /// A setting is out of its range, or does not go with another one.
    #[error("{setting}: {message}")]
    Setting {
        /// Its name, in snake case. The binary's flag has the same name.
        setting: &'static str,
        /// What was expected and what was found.
        message: String,
    },
    /// A file or a folder holds something else than the job needs.
    #[error("{}: {message}", .path.display())]
    BadData {
        /// The file or folder.
        path: PathBuf,
        /// What was expected and what was found.
        message: String,
    },
    /// The weights of a network where a trained head should be.
    #[error("{}: expected a trained head, found the weights of {found}", .path.display())]
    NoHead {
        /// The file.
        path: PathBuf,
        /// The network that its parameters fit.
        found: Architecture,
    },
    /// A configuration beside weights says that they are of another network than the one that their parameters fit. The other
    /// network may compute something else from the same parameters.
    #[error(
        "{}: says that the weights are of {named}, {}", .path.display(), otherwise(named, *.is_known, .weights, *.fitting)
    )]
    OtherArchitecture {
        /// The configuration.
        path: PathBuf,
        /// The network that it names, as timm names it.
        named: String,
        /// Whether it is one that headstart has.
        is_known: bool,
        /// The weights.
        weights: PathBuf,
        /// The network that the weights were taken for.
        fitting: Architecture,
    },
    /// A configuration beside weights can't be used.
    #[error("{}: {error}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, or can't be done.
        error: Box<headstart_provenance::Error>,
    },
    /// Features were pooled in another way than those that a head was trained on.
    #[error(
        "{}: features were pooled by {found}, the head was trained on {expected} ({})", .path.display(), .head.display()
    )]
    Pooling {
        /// The `.npy`.
        path: PathBuf,
        /// The file of the head.
        head: PathBuf,
        /// How the head's features were pooled.
        expected: Pooling,
        /// How these were.
        found: Pooling,
    },
    /// Features are not those that a run was trained or validated on.
    #[error("{}: expected the {data} features of the run, found other values", .path.display())]
    OtherData {
        /// The `.npy`.
        path: PathBuf,
        /// Which features of the run: "train" or "validation".
        data: &'static str,
    },
    /// An image can't be read, and the job is to stop at the first such image.
    #[error("{}: {reason}", .path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// Why it can't be read.
        reason: String,
        /// The limit that refused it, if one did.
        limit: Option<Limit>,
    },
    /// Features have no labels: there is no manifest, and no counts were given.
    #[error(
        "{}: expected a manifest ({}) or the number of rows of each class, found neither",
        .path.display(), .manifest.display()
    )]
    NoLabels {
        /// The `.npy`.
        path: PathBuf,
        /// Where its manifest would be.
        manifest: PathBuf,
    },
    /// A model does not state something that a prediction needs.
    #[error("{}: does not state its {}", .path.display(), list(.parts))]
    Unstated {
        /// The model.
        path: PathBuf,
        /// What is missing.
        parts: Vec<Part>,
    },
    /// Nothing says which axis of some feature maps has the channels, and it matters.
    #[error(
        "{}: its rows have shape {shape:?}, and nothing says whether these are channels, height, width or height, width, \
         channels; say which", .path.display()
    )]
    UnstatedAxes {
        /// The `.npy`.
        path: PathBuf,
        /// Shape of a row.
        shape: Vec<usize>,
    },
    /// A model states something that was given besides.
    #[error("{}: states its {part} itself; do not give another", .path.display())]
    Stated {
        /// The model.
        path: PathBuf,
        /// What it states.
        part: Part,
    },
    /// Something failed in the middle of a job.
    #[error("{job}: {error}")]
    During {
        /// What was being done, with the files concerned.
        job: String,
        /// The failure.
        error: Box<Error>,
    },
    /// The observer ended the job.
    #[error("interrupted after {done} of {total} {unit}; {kept}")]
    Interrupted {
        /// How much was done.
        done: usize,
        /// How much there was to do.
        total: usize,
        /// What is counted: "images", "epochs".
        unit: &'static str,
        /// What is kept, and how to go on.
        kept: &'static str,
    },
    /// The system refused something that is not a file: a thread, an input stream.
    #[error("cannot {action}: {cause}")]
    System {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The system's answer.
        cause: io::Error,
    },
    /// A device can't be opened.
    #[error("cannot open the device {device}: {cause}; {advice}")]
    Device {
        /// The device as it was asked for.
        device: String,
        /// What candle said.
        cause: String,
        /// What to do.
        advice: &'static str,
    },
    /// A record could not be put into JSON. It is a bug.
    #[error("{what}: {cause}")]
    Encoding {
        /// The record.
        what: &'static str,
        /// What serde said.
        cause: String,
    },
}

// Boxed, because they are large and every function of this crate returns an `Error`.
impl From<headstart_backbone::Error> for Error {
    fn from(error: headstart_backbone::Error) -> Self {
        Self::Backbone(Box::new(error))
    }
}

impl From<headstart_weights::Error> for Error {
    fn from(error: headstart_weights::Error) -> Self {
        Self::Weights(Box::new(error))
    }
}

/// A part of a model's description that predictions need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The names of the classes.
    Classes,
    /// How an image becomes the network's input.
    Preprocessing,
    /// The network that makes the features.
    Backbone,
    /// What becomes of the network's maps.
    Pooling,
    /// The activations of its layers.
    Activations,
    /// The order in which it flattens feature maps.
    FlattenOrder,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classes => "classes",
            Self::Preprocessing => "preprocessing",
            Self::Backbone => "backbone",
            Self::Pooling => "pooling",
            Self::Activations => "activations",
            Self::FlattenOrder => "order of flattening",
        })
    }
}

/// The places that were looked at.
fn places(searched: &[PathBuf]) -> String {
    let names: Vec<String> = searched.iter().map(|place| place.display().to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" in {}", names.join(", ")) }
}

fn list(parts: &[Part]) -> String {
    parts.iter().map(Part::to_string).collect::<Vec<_>>().join(", its ")
}

/// What is found in place of the network that a configuration names, and what to do.
fn otherwise(named: &str, is_known: bool, weights: &Path, fitting: Architecture) -> String {
    let expected = fitting.published_names().first().copied().unwrap_or(fitting.name());
    let weights = weights.display();
    if is_known {
        return format!(
            "but {weights} has the parameters of {expected}; keep the files of each network in a folder of their own"
        );
    }
    format!(
        "which is not supported; {weights} has the names and shapes of {expected}, which is supported, but {named} may \
         compute something else from them. Take weights of {expected}; if the weights are of {expected}, keep them in a \
         folder without this file"
    )
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Backbone(error) => error.kind(),
            Self::Dataset(error) => error.kind(),
            Self::Evaluation(error) => error.kind(),
            Self::Features(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Head(error) => error.kind(),
            Self::Preprocessing(error) => error.kind(),
            Self::Config { error, .. } => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::During { error, .. } => error.kind(),
            Self::NoWeights { .. }
            | Self::Setting { .. }
            | Self::NoLabels { .. }
            | Self::Unstated { .. }
            | Self::UnstatedAxes { .. }
            | Self::Stated { .. } => ErrorKind::Usage,
            Self::BadData { .. }
            | Self::NoHead { .. }
            | Self::OtherArchitecture { .. }
            | Self::Pooling { .. }
            | Self::OtherData { .. }
            | Self::Image { .. } => ErrorKind::BadData,
            Self::Interrupted { .. } => ErrorKind::Interrupted,
            Self::System { .. } | Self::Device { .. } => ErrorKind::Resources,
            Self::Encoding { .. } => ErrorKind::Internal,
        }
    }

    /// The error of a file operation, whichever crate did it.
    #[must_use]
    pub fn file(&self) -> Option<&headstart_files::Error> {
        match self {
            Self::File(error) | Self::Features(headstart_features::Error::File(error)) => Some(error),
            Self::Weights(error) => match &**error {
                headstart_weights::Error::File(error) => Some(error),
                _ => None,
            },
            Self::During { error, .. } => error.file(),
            _ => None,
        }
    }

    pub(crate) fn setting(setting: &'static str, message: impl Into<String>) -> Self {
        Self::Setting { setting, message: message.into() }
    }

    pub(crate) fn bad_data(path: &Path, message: impl Into<String>) -> Self {
        Self::BadData { path: path.to_path_buf(), message: message.into() }
    }

    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::System { action, cause }
    }

    pub(crate) fn encoding(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |cause| Self::Encoding { what, cause: cause.to_string() }
    }

    /// Checks the number of images that are computed at a time.
    pub(crate) fn check_batch_size(batch_size: usize) -> Result<(), Self> {
        if batch_size > 0 { Ok(()) } else { Err(headstart_dataset::Error::BatchSize.into()) }
    }

    /// The same failure, with what was being done.
    pub(crate) fn during<E: Into<Self>>(job: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |error| Self::During { job: job.into(), error: Box::new(error.into()) }
    }
}
