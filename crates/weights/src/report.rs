//! What became of the tensors of a file.

use serde::Serialize;

use crate::Layout;

/// What loading did: which layers got their parameters, and what the file holds besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// The layout that was found.
    pub layout: Layout,
    /// Whether both spatial axes of every kernel were reversed.
    pub flipped: bool,
    /// Keras names of the layers whose kernel and bias were read, in the order of the network.
    pub applied: Vec<String>,
    /// Keras names of the layers that the file has no parameters for. Loading fails if there are any, so
    /// a report that comes with parameters has none.
    pub missing: Vec<String>,
    /// Tensors that the network has no place for, such as the fully connected layers of a complete VGG.
    pub unused: Vec<Unused>,
}

/// A tensor of the file that was not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// Its full name in the file.
    pub name: String,
    /// Its shape, in the file's order of axes.
    pub shape: Vec<usize>,
}
