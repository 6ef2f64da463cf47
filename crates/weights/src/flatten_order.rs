//! The order in which Flatten lays out a feature map, which is also the order of the rows of the next kernel.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Array, Error};

/// The order in which Flatten lays out the values of a feature map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlattenOrder {
    /// Channels, height, width: headstart's, Theano's and PyTorch's; `th` in Keras 1.
    #[default]
    ChannelsFirst,
    /// Height, width, channels: TensorFlow's; `tf` in Keras 1.
    ChannelsLast,
}

impl fmt::Display for FlattenOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChannelsFirst => "channels, height, width",
            Self::ChannelsLast => "height, width, channels",
        })
    }
}

impl FlattenOrder {
    /// The kernel of the first Dense layer for rows flattened in the order `to`, out of one for rows flattened in this
    /// order. The outputs are the same for the same feature map.
    ///
    /// # Shapes
    /// `kernel` is (channels x height x width, out), and so is the result; `[channels, height, width]` is the shape of a
    /// row, for either order.
    ///
    /// # Errors
    /// [`Error::ArrayLength`] if a row has not as many values as the kernel has rows, or the kernel has not two axes.
    ///
    /// # Examples
    /// ```
    /// use headstart_weights::{Array, FlattenOrder};
    ///
    /// // Two channels of 1 x 2, one output; the values name channel and column.
    /// let kernel = Array::new(vec![4, 1], vec![0.0, 0.1, 1.0, 1.1])?;
    /// let theirs = FlattenOrder::ChannelsFirst.permuted(&kernel, [2, 1, 2], FlattenOrder::ChannelsLast)?;
    /// assert_eq!(theirs.values, [0.0, 1.0, 0.1, 1.1]);
    /// # Ok::<(), headstart_weights::Error>(())
    /// ```
    pub fn permuted(self, kernel: &Array, row_shape: [usize; 3], to: Self) -> Result<Array, Error> {
        let [channels, height, width] = row_shape;
        let rows = row_shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
        let &[kernel_rows, outputs] = kernel.shape.as_slice() else {
            return Err(Error::ArrayLength { shape: row_shape.to_vec(), values: kernel.values.len() });
        };
        if rows != Some(kernel_rows) || kernel_rows.checked_mul(outputs) != Some(kernel.values.len()) {
            return Err(Error::ArrayLength { shape: row_shape.to_vec(), values: kernel_rows });
        }
        if self == to || kernel.values.is_empty() {
            return Ok(kernel.clone());
        }
        // Channels-first rows are a (channels, positions) matrix of rows, channels-last ones its transpose.
        let positions = height * width;
        let (outer, inner) = match to {
            Self::ChannelsFirst => (channels, positions),
            Self::ChannelsLast => (positions, channels),
        };
        let mut values = Vec::with_capacity(kernel.values.len());
        for i in 0..outer {
            for j in 0..inner {
                let row = (j * outer + i) * outputs;
                values.extend_from_slice(&kernel.values[row..row + outputs]);
            }
        }
        Array::new(kernel.shape.clone(), values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use FlattenOrder::{ChannelsFirst, ChannelsLast};

    proptest! {
        #[test]
        fn each_row_moves_to_its_place_and_back(
            channels in 1usize..6, height in 1usize..5, width in 1usize..5, outputs in 1usize..4,
        ) {
            let row_shape = [channels, height, width];
            let rows = channels * height * width;
            let kernel =
                Array::new(vec![rows, outputs], (0..rows * outputs).map(|v| v as f32).collect()).unwrap();
            let last = ChannelsFirst.permuted(&kernel, row_shape, ChannelsLast).unwrap();
            for c in 0..channels {
                for y in 0..height {
                    for x in 0..width {
                        for o in 0..outputs {
                            prop_assert_eq!(
                                last.values[((y * width + x) * channels + c) * outputs + o],
                                kernel.values[((c * height + y) * width + x) * outputs + o]
                            );
                        }
                    }
                }
            }
            prop_assert_eq!(ChannelsLast.permuted(&last, row_shape, ChannelsFirst).unwrap(), kernel);
        }
    }

    #[test]
    fn a_row_of_another_size_is_refused() {
        let kernel = Array::new(vec![4, 1], vec![0.0; 4]).unwrap();
        for row_shape in [[2, 1, 1], [2, 2, 2], [usize::MAX, 2, 2]] {
            let error = ChannelsFirst.permuted(&kernel, row_shape, ChannelsLast).unwrap_err();
            assert!(matches!(error, Error::ArrayLength { values: 4, .. }), "{error}");
        }
        let flat = Array::new(vec![4], vec![0.0; 4]).unwrap();
        assert!(ChannelsFirst.permuted(&flat, [2, 1, 2], ChannelsLast).is_err());
    }
}
