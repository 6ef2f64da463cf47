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
