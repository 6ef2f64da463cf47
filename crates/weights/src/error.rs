//! The one error type of the crate.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a file of parameters. Every message names the file, what was expected and
/// what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: cannot {doing}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted, as a verb phrase: "open it for reading".
        doing: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// A path that must be a regular file is something else.
    #[error("{}: expected a file, found a folder or a special file", .path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The content is neither HDF5 nor safetensors.
    #[error(
        "{}: expected an HDF5 (.h5) or a safetensors file, found {found}; \
         check that the download was complete and is not an error page", .path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What the first bytes look like.
        found: String,
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
    /// The file breaks off, contradicts itself, or uses a feature that is not supported.
    #[error(
        "{}: cannot read {object}: {reason}; the file may be truncated or damaged: copy or download it again",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The group or dataset that was being read.
        object: String,
        /// What the parser said.
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
    /// A group or dataset that the rest of the file promises is absent.
    #[error("{}: expected {object}, which {promised_by} promises, found none", .path.display())]
    MissingObject {
        /// The file.
        path: PathBuf,
        /// The absent group or dataset.
        object: String,
        /// The attribute or name that promises it.
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
        found: String,
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
    /// The file exists and overwriting was not asked for.
    #[error("{}: exists already; choose another name, or ask for it to be overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The suffix tells no layout.
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
    /// The rows of a head's first kernel must change their order, and nobody says of which shape they are.
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
    /// What a Keras model says of the order of its rows, and their shape, do not go together.
    #[error(
        "{}: its feature maps of shape {} would be {said}, but look like the opposite; say in which order they are",
        .path.display(), Shape(.shape)
    )]
    UnclearOrder {
        /// The file.
        path: PathBuf,
        /// Shape of a row in the file's order.
        shape: Vec<usize>,
        /// How Keras lays them out, by what the file says.
        said: &'static str,
    },
    /// A shape and a number of values that do not belong together.
    #[error("shape {} does not hold {values} values", Shape(.shape))]
    ArrayLength {
        /// The shape.
        shape: Vec<usize>,
        /// The number of values given.
        values: usize,
    },
}

/// A parameter of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// The weights.
    Kernel,
    /// What is added to each output.
    Bias,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Bias => "bias",
        })
    }
}

/// What a parameter of the wrong shape suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Whether the file is at fault, so that trying again with it can't help.
    ///
    /// False where the operating system refused, where a name is taken, has no known suffix or is no file's, where the
    /// caller must say what the file does not, and where the caller's own values do not fit.
    #[must_use]
    pub fn is_bad_data(&self) -> bool {
        !matches!(
            self,
            Self::Io { .. }
                | Self::NotAFile { .. }
                | Self::Exists { .. }
                | Self::UnknownSuffix { .. }
                | Self::InvalidLayer { .. }
                | Self::UnknownRowShape { .. }
                | Self::UnclearOrder { .. }
                | Self::ArrayLength { .. }
        )
    }

    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), doing, source }
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
