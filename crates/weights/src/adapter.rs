//! Foreign kernels made (out, in, kh, kw) for correlation: the flip and the transposes live here alone.

/// The order of axes in which a layout stores the kernels of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelAxes {
    /// Theano and PyTorch: out, in, height, width.
    OutInHeightWidth,
    /// TensorFlow: height, width, in, out.
    HeightWidthInOut,
}

impl KernelAxes {
    /// The stored shape of a square kernel.
    pub(crate) fn shape(self, out_channels: usize, in_channels: usize, size: usize) -> Vec<usize> {
        match self {
            Self::OutInHeightWidth => vec![out_channels, in_channels, size, size],
            Self::HeightWidthInOut => vec![size, size, in_channels, out_channels],
        }
    }

    /// Output channels, input channels and kernel height of a stored shape of four axes.
    pub(crate) fn parts(self, shape: &[usize]) -> Option<(usize, usize, [usize; 2])> {
        match (self, shape) {
            (Self::OutInHeightWidth, &[o, i, h, w]) => Some((o, i, [h, w])),
            (Self::HeightWidthInOut, &[h, w, i, o]) => Some((o, i, [h, w])),
            _ => None,
        }
    }

    /// Values in the order out, in, height, width.
    pub(crate) fn to_out_in_height_width(
        self,
        values: Vec<f32>,
        out_channels: usize,
        in_channels: usize,
        size: usize,
    ) -> Vec<f32> {
        match self {
            Self::OutInHeightWidth => values,
            Self::HeightWidthInOut => transpose(&values, out_channels, in_channels, size * size),
        }
    }
}

/// (positions, in, out) to (out, in, positions), where the positions of a kernel are its height x width.
fn transpose(values: &[f32], out_channels: usize, in_channels: usize, positions: usize) -> Vec<f32> {
    // Blocks keep both the lines read and the lines written in the first-level cache.
    const BLOCK: usize = 16;
    let mut transposed = vec![0.0; values.len()];
    for out_block in (0..out_channels).step_by(BLOCK) {
        let out_end = (out_block + BLOCK).min(out_channels);
        for input in 0..in_channels {
            for position in 0..positions {
                let row = (position * in_channels + input) * out_channels;
                for (out, value) in (out_block..out_end).zip(&values[row + out_block..row + out_end]) {
                    transposed[(out * in_channels + input) * positions + position] = *value;
                }
            }
        }
    }
    transposed
}

/// Reverses both spatial axes of every kernel in place: convolution as Theano computes it becomes the
/// correlation that cuDNN, TensorFlow, PyTorch and candle compute, and the reverse.
///
/// `size` is the height and the width of a kernel. Reversing height and width of a contiguous kernel is
/// reversing its values.
pub(crate) fn flip(values: &mut [f32], size: usize) {
    for kernel in values.chunks_exact_mut((size * size).max(1)) {
        kernel.reverse();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn flip_reverses_height_and_width() {
        let mut values = vec![
            1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, //
            11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0,
        ];
        flip(&mut values, 3);
        assert_eq!(
            values,
            [
                9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, //
                19.0, 18.0, 17.0, 16.0, 15.0, 14.0, 13.0, 12.0, 11.0
            ]
        );
    }

    proptest! {
        #[test]
        fn flip_moves_each_value_to_the_opposite_place(
            kernels in 1usize..6, size in 1usize..6,
        ) {
            let values: Vec<f32> = (0..kernels * size * size).map(|v| v as f32).collect();
            let mut flipped = values.clone();
            flip(&mut flipped, size);
            for k in 0..kernels {
                for y in 0..size {
                    for x in 0..size {
                        prop_assert_eq!(
                            flipped[(k * size + y) * size + x],
                            values[(k * size + size - 1 - y) * size + size - 1 - x]
                        );
                    }
                }
            }
            flip(&mut flipped, size);
            prop_assert_eq!(flipped, values);
        }

        #[test]
        fn transpose_moves_each_value_to_its_axes(
            out in 1usize..40, input in 1usize..20, size in 1usize..4,
        ) {
            let values: Vec<f32> = (0..out * input * size * size).map(|v| v as f32).collect();
            let moved = KernelAxes::HeightWidthInOut.to_out_in_height_width(values.clone(), out, input, size);
            for o in 0..out {
                for i in 0..input {
                    for y in 0..size {
                        for x in 0..size {
                            prop_assert_eq!(
                                moved[((o * input + i) * size + y) * size + x],
                                values[((y * size + x) * input + i) * out + o]
                            );
                        }
                    }
                }
            }
        }
    }
}
