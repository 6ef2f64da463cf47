//! A parameter in a file, its values not read yet.

use crate::float::FloatFormat;

/// Where a tensor is, and what the file declares about it.
#[derive(Clone, Debug)]
pub(crate) struct StoredTensor {
    /// The full name in the file.
    pub(crate) name: String,
    /// The declared shape; an axis beyond `usize` is saturated.
    pub(crate) shape: Vec<usize>,
    /// How to read its values; `None` if they are not floating point numbers.
    pub(crate) float: Option<FloatFormat>,
    /// The stored type, for people.
    pub(crate) dtype: String,
    /// How the values lie in the file, for people: "contiguous", "chunked (64, 3, 3, 3), deflate".
    pub(crate) storage: String,
}
