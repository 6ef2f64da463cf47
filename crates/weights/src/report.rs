//! What loading did with the tensors of a file.

use serde::Serialize;

use crate::Layout;

/// What loading did: which layers got their parameters, and what else the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// The layout that was found.
    pub layout: Layout,
    /// Whether both spatial axes of every kernel were reversed.
    pub flipped: bool,
    /// Whether the name of the file says otherwise (`th_kernels`, `tf_kernels`), and nothing in the file decides it.
    pub named_otherwise: bool,
    /// Tensors whose values, or some of them, were never written. They have the fill value of the file: 0 if it states none.
    pub unwritten: Vec<String>,
    /// Names of the layers whose parameters were read, in the order of the network.
    pub applied: Vec<String>,
    /// Tensors that the network has no place for, such as the fully connected layers at its end.
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
