//! Foreign kernels become (out, in, height, width) for correlation, and the reverse. Every flip and transpose is here.

use crate::Parameter;

/// The order of axes in which a layout stores the kernels of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelAxes {
    /// Theano and PyTorch: out, in, height, width.
    OutInHeightWidth,
    /// TensorFlow: height, width, in, out.
    HeightWidthInOut,
}

impl KernelAxes {
    /// The shape that a file has for a parameter of this shape in memory.
    pub(crate) fn stored_shape(self, parameter: Parameter, shape: &[usize]) -> Vec<usize> {
        match (self, parameter, shape) {
            (Self::HeightWidthInOut, Parameter::Kernel, &[o, i, h, w]) => vec![h, w, i, o],
            (Self::HeightWidthInOut, Parameter::DepthwiseKernel, &[c, 1, h, w]) => vec![h, w, c, 1],
            _ => shape.to_vec(),
        }
    }

    /// Height and width of a stored kernel; `None` if the shape has not four axes.
    pub(crate) fn kernel_size(self, stored: &[usize]) -> Option<[usize; 2]> {
        match (self, stored) {
            (Self::OutInHeightWidth, &[_, _, h, w]) | (Self::HeightWidthInOut, &[h, w, _, _]) => Some([h, w]),
            _ => None,
        }
    }

    /// The other one.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::OutInHeightWidth => Self::HeightWidthInOut,
            Self::HeightWidthInOut => Self::OutInHeightWidth,
        }
    }

    /// Stored values in the order of a parameter of this shape in memory.
    pub(crate) fn to_memory(self, parameter: Parameter, shape: &[usize], values: Vec<f32>) -> Vec<f32> {
        match (self, shape) {
            // A depthwise kernel has one input, and its stored channels are the outer axis in memory.
            (Self::HeightWidthInOut, &[o, i, h, w]) if parameter.is_kernel() => {
                transpose(&values, o, i, h * w)
            }
            _ => values,
        }
    }
}

impl KernelAxes {
    /// The reverse of [`to_memory`](Self::to_memory): values of a parameter of this shape in memory, in the order in which they
    /// are stored.
    pub(crate) fn to_stored(self, parameter: Parameter, shape: &[usize], values: &[f32]) -> Vec<f32> {
        match (self, shape) {
            // The transpose of three axes is its own reverse, once the outer ones have changed places.
            (Self::HeightWidthInOut, &[o, i, h, w]) if parameter.is_kernel() => {
                transpose(values, h * w, i, o)
            }
            _ => values.to_vec(),
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
/// `size` is the height and the width of a kernel. Reversing height and width of a contiguous kernel is reversing its
/// values.
pub(crate) fn flip(values: &mut [f32], [height, width]: [usize; 2]) {
    for kernel in values.chunks_exact_mut((height * width).max(1)) {
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
        flip(&mut values, [3, 3]);
        assert_eq!(
            values,
            [
                9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, //
                19.0, 18.0, 17.0, 16.0, 15.0, 14.0, 13.0, 12.0, 11.0
            ]
        );
    }

    #[test]
    fn a_depthwise_kernel_of_tensorflow_moves_its_channels_to_the_front() {
        let (parameter, shape) = (Parameter::DepthwiseKernel, [3, 1, 2, 1]);
        assert_eq!(KernelAxes::HeightWidthInOut.stored_shape(parameter, &shape), [2, 1, 3, 1]);
        let moved =
            KernelAxes::HeightWidthInOut.to_memory(parameter, &shape, vec![0., 1., 2., 10., 11., 12.]);
        assert_eq!(moved, [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
        let back = KernelAxes::HeightWidthInOut.to_stored(parameter, &shape, &moved);
        assert_eq!(back, [0., 1., 2., 10., 11., 12.]);
        let (parameter, shape) = (Parameter::Kernel, [4, 3, 2, 5]);
        let stored: Vec<f32> = (0_u8..120).map(f32::from).collect();
        let moved = KernelAxes::HeightWidthInOut.to_memory(parameter, &shape, stored.clone());
        assert_eq!(KernelAxes::HeightWidthInOut.to_stored(parameter, &shape, &moved), stored);
        assert_eq!(KernelAxes::OutInHeightWidth.stored_shape(parameter, &shape), shape);
    }

    proptest! {
        #[test]
        fn flip_moves_each_value_to_the_opposite_place(
            kernels in 1usize..6, size in 1usize..6,
        ) {
            let values: Vec<f32> = (0..kernels * size * size).map(|v| v as f32).collect();
            let mut flipped = values.clone();
            flip(&mut flipped, [size, size]);
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
            flip(&mut flipped, [size, size]);
            prop_assert_eq!(flipped, values);
        }

        #[test]
        fn transpose_moves_each_value_to_its_axes(
            out in 1usize..40, input in 1usize..20, size in 1usize..4,
        ) {
            let values: Vec<f32> = (0..out * input * size * size).map(|v| v as f32).collect();
            let moved = KernelAxes::HeightWidthInOut.to_memory(
                Parameter::Kernel, &[out, input, size, size], values.clone(),
            );
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
