//! Dense layers as Keras stores them.

use crate::Array;

/// The parameters of one dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadLayer {
    /// The Keras name: `dense_1`.
    pub name: String,
    /// Shape (in, out).
    pub kernel: Array,
    /// Shape (out); `None` for a layer built without one.
    pub bias: Option<Array>,
}

/// Choices of [`save_head`](crate::save_head) and [`legacy::write`](crate::legacy::write).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaveOptions {
    /// Replaces a file that exists. Otherwise that is an error.
    pub overwrite: bool,
}
