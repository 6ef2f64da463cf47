//! The one error type of the crate.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use headstart_files::ErrorKind;

use crate::Parameter;

/// What can go wrong with a file of parameters. Every message names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file can't be opened, read or written.
    #[error(transparent)]
    File(#[from] headstart_files::Error),
    /// The content is neither HDF5 nor safetensors nor a `.keras` archive.
    #[error("{}: expected an HDF5 (.h5), a safetensors or a .keras file, found {found}; {advice}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What the content is, or looks like.
        found: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A readable file, but its names follow no layout this crate knows.
    #[error(
        "{}: expected layer_0, layer_1, ... (legacy Keras), a layer_names attribute (Keras 1 and 2), \
         layers/.../vars (Keras 3) or features.N.weight (torchvision); found {found}", .path.display()
    )]
    UnknownLayout {
        /// The file.
        path: PathBuf,
        /// The names at the top of the file.
        found: String,
    },
    /// A part of the file is stored in a way that is valid, but that this crate does not read.
    #[error("{}: cannot read {object}: {feature} is not supported; {advice}", .path.display())]
    UnsupportedStorage {
        /// The file.
        path: PathBuf,
        /// The group or dataset that was being read.
        object: String,
        /// What is not supported.
        feature: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The file breaks off, or contradicts itself.
    #[error(
        "{}: cannot read {object}: {reason}; the file may be truncated or damaged: copy or download it again",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The group or dataset that was being read.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An attribute is absent.
    #[error("{}: expected the attribute {attribute} ({expected}) on {object}, found none", .path.display())]
    MissingAttribute {
        /// The file.
        path: PathBuf,
        /// The group that should carry it.
        object: String,
        /// The attribute's name.
        attribute: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// An attribute holds something else than it should.
    #[error("{}: expected the attribute {attribute} of {object} to be {expected}, found {found}", .path.display())]
    WrongAttribute {
        /// The file.
        path: PathBuf,
        /// The group that carries it.
        object: String,
        /// The attribute's name.
        attribute: String,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// A group or dataset is absent, although the rest of the file says that it is there.
    #[error("{}: expected {object}, as {promised_by} says, found none", .path.display())]
    MissingObject {
        /// The file.
        path: PathBuf,
        /// The absent group or dataset.
        object: String,
        /// The attribute or name that says so.
        promised_by: String,
    },
    /// The network asks for parameters that the file does not hold.
    #[error(
        "{}: {layer} ({place}): expected a {parameter} of shape {}, found none; \
         {found}. Is it the file of another network?",
        .path.display(), Shape(.expected)
    )]
    MissingParameter {
        /// The file.
        path: PathBuf,
        /// The layer's Keras name.
        layer: String,
        /// Where in the file it was looked for.
        place: String,
        /// Which of the layer's parameters.
        parameter: Parameter,
        /// The shape it should have, in the file's own order of axes.
        expected: Box<[usize]>,
        /// What else is missing, and the convolutions that the file does hold, as a phrase.
        found: Box<str>,
    },
    /// A parameter has another shape than its layer.
    #[error(
        "{}: {layer} ({dataset}): expected a {parameter} of shape {}, found {}{hint}",
        .path.display(), Shape(.expected), Shape(.found)
    )]
    WrongShape {
        /// The file.
        path: PathBuf,
        /// The layer's Keras name.
        layer: String,
        /// The dataset's name in the file.
        dataset: String,
        /// Which of the layer's parameters.
        parameter: Parameter,
        /// The shape it should have, in the file's own order of axes.
        expected: Box<[usize]>,
        /// The shape it has.
        found: Box<[usize]>,
        /// What the shape suggests.
        hint: ShapeHint,
    },
    /// The file holds every layer of the network, and more convolutions than that.
    #[error(
        "{}: expected the {expected} convolutions of the network, found {found}: {extra} is too many. \
         Choose the network that the file was written for",
        .path.display()
    )]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// Convolutions in the network.
        expected: usize,
        /// Convolutions in the file.
        found: usize,
        /// The first one that the network has no place for.
        extra: String,
    },
    /// Nothing says whether the kernels of a file must be reversed.
    #[error(
        "{}: its kernels have the axes (out, in, h, w) of Keras 1, and it does not name its backend; \
         expected to be told whether they were written for Theano, which convolves, or for TensorFlow, which correlates",
        .path.display()
    )]
    UnknownKernels {
        /// The file.
        path: PathBuf,
    },
    /// Values that are not floating point numbers of 16, 32 or 64 bits.
    #[error("{}: {dataset}: expected floating point values (16, 32 or 64 bits), found {found}", .path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The dataset's name.
        dataset: String,
        /// The type it is stored as.
        found: String,
    },
    /// A shape that cannot be true of this file, or that no network has.
    #[error("{}: {dataset}: shape {} is not believable: {reason}", .path.display(), Shape(.shape))]
    AbsurdShape {
        /// The file.
        path: PathBuf,
        /// The dataset's name.
        dataset: String,
        /// The declared shape.
        shape: Vec<u64>,
        /// Why it cannot be.
        reason: String,
    },
    /// NaN or infinity among the parameters.
    #[error(
        "{}: {layer}: expected finite values, found {value} at position {index} of its {parameter}; \
         the training that wrote the file diverged, or the file is damaged", .path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The layer's name.
        layer: String,
        /// Which of the layer's parameters.
        parameter: Parameter,
        /// Position in C order.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A batch normalization divides by the square root of a negative number.
    #[error(
        "{}: {layer}: expected a variance of 0 or more, found {value} at index {index}; these are not the weights of a \
         trained network",
        .path.display()
    )]
    NegativeVariance {
        /// The file.
        path: PathBuf,
        /// The layer's name.
        layer: String,
        /// Position of the channel.
        index: usize,
        /// The first negative value.
        value: f32,
    },
    /// A file that is valid, but not one that this function reads.
    #[error("{}: expected {expected}, found {found}", .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What the function reads.
        expected: &'static str,
        /// What the file is.
        found: String,
    },
    /// The suffix of a file is that of no layout.
    #[error(
        "{}: expected a name that ends in .weights.h5 (Keras 3), .h5 or .hdf5 (every Keras), or .safetensors \
         where a model can be written", .path.display()
    )]
    UnknownSuffix {
        /// The file.
        path: PathBuf,
    },
    /// Layers that cannot be written as they are.
    #[error("{}: cannot write layer {layer:?}: {reason}", .path.display())]
    InvalidLayer {
        /// The file.
        path: PathBuf,
        /// The layer's name.
        layer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The rows of a head's first kernel must be reordered, but neither the file nor the caller says their shape.
    #[error(
        "{}: to reorder the rows of {layer}, expected the shape of a feature map (channels, height, width), found {}",
        .path.display(), if .found.is_empty() { "none".to_owned() } else { Shape(.found).to_string() }
    )]
    UnknownRowShape {
        /// The file.
        path: PathBuf,
        /// The first dense layer.
        layer: String,
        /// The shape of a row, as far as it is known.
        found: Vec<usize>,
    },
    /// What a Keras model says about the order of its rows contradicts their shape.
    #[error(
        "{}: expected feature maps in the order {said}, as the file says, but their shape {} looks like the opposite; \
         say which order they have",
        .path.display(), Shape(.shape)
    )]
    UnclearOrder {
        /// The file.
        path: PathBuf,
        /// Shape of a row in the file's order.
        shape: Vec<usize>,
        /// The order that the file says.
        said: &'static str,
    },
    /// A head does not say in which order it flattens feature maps, and the features have an order.
    #[error(
        "{}: does not say in which order it flattens feature maps: expected channels, height, width or height, width, \
         channels, found neither; say which", .path.display()
    )]
    UnstatedOrder {
        /// The file.
        path: PathBuf,
    },
    /// Nothing says which axis of some features has the channels.
    #[error(
        "rows of shape {}: expected to know whether their axes are channels, height, width or height, width, channels; \
         say which", Shape(.shape)
    )]
    UnstatedAxes {
        /// Shape of a row of the features.
        shape: Vec<usize>,
    },
    /// Features are of another shape than the head's.
    #[error("{}: takes rows of shape {expected:?}, but the features have {found:?}", .path.display())]
    OtherRows {
        /// The head's file.
        path: PathBuf,
        /// Shape of the rows that it takes.
        expected: Vec<usize>,
        /// Shape of the features' rows.
        found: Vec<usize>,
    },
    /// The caller names activations for a file that says them itself.
    #[error("{}: the file states its activations itself; do not name any", .path.display())]
    ActivationsStated {
        /// The file.
        path: PathBuf,
    },
    /// The caller says how feature maps were laid flat for a head that takes pooled features.
    #[error(
        "{}: takes pooled features, which have no order of axes; do not give an order or a shape of maps",
        .path.display()
    )]
    PooledRows {
        /// The file.
        path: PathBuf,
    },
    /// The caller names more or fewer activations than there are dense layers.
    #[error("{}: has {expected} Dense layers: expected an activation for each, found {found}", .path.display())]
    ActivationCount {
        /// The file.
        path: PathBuf,
        /// Dense layers in the file.
        expected: usize,
        /// Activations that were named.
        found: usize,
    },
    /// A description that has no JSON form.
    #[error("the description of a model: expected something with a JSON form, found none: {reason}")]
    NoJson {
        /// What the serializer said.
        reason: String,
    },
    /// A shape and a number of values that do not fit together.
    #[error("shape {} does not hold {values} values", Shape(.shape))]
    ArrayLength {
        /// The shape.
        shape: Vec<usize>,
        /// The number of values given.
        values: usize,
    },
}

/// What a parameter of the wrong shape suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeHint {
    /// Another network's channels.
    OtherNetwork,
    /// The right channels in the order (out, in, h, w), where the layout has (h, w, in, out).
    ChannelsFirst,
    /// The right channels in the order (h, w, in, out), where the layout has (out, in, h, w).
    ChannelsLast,
}

impl fmt::Display for ShapeHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherNetwork => "; is it the file of another network?",
            Self::ChannelsFirst => {
                "; these are the axes (out, in, h, w) of Keras 1's dim_ordering 'th', which is not supported \
                 in this layout: use the file with TensorFlow kernels"
            }
            Self::ChannelsLast => {
                "; these are TensorFlow's axes (h, w, in, out), which this layout does not have"
            }
        })
    }
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File(error) => error.kind(),
            Self::UnknownSuffix { .. }
            | Self::UnknownKernels { .. }
            | Self::UnknownRowShape { .. }
            | Self::UnclearOrder { .. }
            | Self::UnstatedOrder { .. }
            | Self::UnstatedAxes { .. }
            | Self::ActivationsStated { .. }
            | Self::PooledRows { .. }
            | Self::ActivationCount { .. } => ErrorKind::Usage,
            Self::InvalidLayer { .. } | Self::NoJson { .. } | Self::ArrayLength { .. } => ErrorKind::Internal,
            Self::UnknownFormat { .. }
            | Self::UnknownLayout { .. }
            | Self::UnsupportedStorage { .. }
            | Self::Damaged { .. }
            | Self::MissingAttribute { .. }
            | Self::WrongAttribute { .. }
            | Self::MissingObject { .. }
            | Self::MissingParameter { .. }
            | Self::WrongShape { .. }
            | Self::OtherNetwork { .. }
            | Self::WrongType { .. }
            | Self::AbsurdShape { .. }
            | Self::NotFinite { .. }
            | Self::NegativeVariance { .. }
            | Self::OtherRows { .. }
            | Self::Unsupported { .. } => ErrorKind::BadData,
        }
    }

    /// An error of the system, with what was tried: `map_err(Error::io(path, "read it"))`.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let told = headstart_files::Error::io(path, action);
        move |cause| Self::File(told(cause))
    }

    pub(crate) fn unsupported_storage(
        path: &Path,
        object: &str,
        feature: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self::UnsupportedStorage {
            path: path.to_owned(),
            object: object.to_owned(),
            feature: feature.into(),
            advice,
        }
    }

    pub(crate) fn damaged(path: &Path, object: &str, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), object: object.to_owned(), reason: reason.to_string() }
    }
}

/// A shape as people write it: (64, 3, 3, 3).
pub(crate) struct Shape<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Display> fmt::Display for Shape<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, axis) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{axis}")?;
        }
        // As Python writes a tuple of one: without the comma (64) reads as a number.
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

/// At most `limit` names, joined by commas, and how many more there are.
pub(crate) fn list(names: &[String], limit: usize) -> String {
    let mut text = names.iter().take(limit).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > limit {
        text.push_str(&format!(" and {} more", names.len() - limit));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_read_like_tuples() {
        assert_eq!(Shape(&[64, 3, 3, 3]).to_string(), "(64, 3, 3, 3)");
        assert_eq!(Shape(&[64]).to_string(), "(64,)");
        assert_eq!(Shape::<usize>(&[]).to_string(), "()");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..5).map(|i| format!("n{i}")).collect();
        assert_eq!(list(&names, 2), "n0, n1 and 3 more");
        assert_eq!(list(&names[..2], 2), "n0, n1");
    }
}
