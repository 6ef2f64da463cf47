//! The definition of the layers, in plain loops and f64. Tests compare every path with it.
//!
//! It is slow on purpose: it serves tests and measurements of errors.

/// A 3 x 3 convolution (as networks correlate: kernels are not flipped), stride 1, zero padding 1, with bias.
///
/// # Shapes
///
/// `input` is `in_channels x height x width`, `kernel` is `out_channels x in_channels x 3 x 3`, `bias` has
/// `out_channels` values; the result is `out_channels x height x width`.
///
/// # Panics
///
/// If a slice is shorter than its shape: this function serves tests.
#[must_use]
pub fn convolution(
    input: &[f64],
    [in_channels, height, width]: [usize; 3],
    kernel: &[f32],
    bias: &[f32],
) -> Vec<f64> {
    let mut output = vec![0.0; bias.len() * height * width];
    for (out_channel, map) in output.chunks_exact_mut(height * width).enumerate() {
        for y in 0..height {
            for x in 0..width {
                let mut sum = f64::from(bias[out_channel]);
                for in_channel in 0..in_channels {
                    for ky in 0..3 {
                        for kx in 0..3 {
                            let (row, column) = (y + ky, x + kx);
                            if (1..=height).contains(&row) && (1..=width).contains(&column) {
                                let pixel = input[(in_channel * height + row - 1) * width + column - 1];
                                let tap =
                                    kernel[((out_channel * in_channels + in_channel) * 3 + ky) * 3 + kx];
                                sum += pixel * f64::from(tap);
                            }
                        }
                    }
                }
                map[y * width + x] = sum;
            }
        }
    }
    output
}

/// max(x, 0) of every value, in place.
pub fn relu(values: &mut [f64]) {
    for value in values {
        *value = value.max(0.0);
    }
}

/// 2 x 2 max pooling of stride 2; an odd last row or column is dropped.
///
/// # Shapes
///
/// `input` is `channels x height x width`, the result `channels x height / 2 x width / 2`.
///
/// # Panics
///
/// If the slice is shorter than its shape: this function serves tests.
#[must_use]
pub fn max_pooling(input: &[f64], [channels, height, width]: [usize; 3]) -> Vec<f64> {
    let mut output = Vec::with_capacity(channels * (height / 2) * (width / 2));
    for channel in 0..channels {
        let at = |y: usize, x: usize| input[(channel * height + y) * width + x];
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                let top = at(2 * y, 2 * x).max(at(2 * y, 2 * x + 1));
                let bottom = at(2 * y + 1, 2 * x).max(at(2 * y + 1, 2 * x + 1));
                output.push(top.max(bottom));
            }
        }
    }
    output
}
