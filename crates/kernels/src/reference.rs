//! The definition of the layers, in plain loops and f64. Tests compare every path with it.
//!
//! It is slow on purpose: it serves tests and measurements of errors.

use crate::error::Error;
use crate::graph::{Graph, Kernel, Maps, Operation, Pooling, Shape, Window};

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

/// Every operation of a graph on one image; returns the values of some maps.
///
/// # Shapes
///
/// `image` is `channels x height x width`; the result has the maps' [`Shape`].
///
/// # Errors
///
/// An image that is too small for the graph, or of another length.
pub fn graph(
    graph: &Graph,
    maps: Maps,
    image: &[f64],
    height: usize,
    width: usize,
) -> Result<Vec<f64>, Error> {
    let shapes = graph.shapes(height, width)?;
    Error::check_length("image", shapes[0].len(), image.len())?;
    let mut values: Vec<Vec<f64>> = vec![image.to_vec()];
    for (node, shape) in graph.nodes.iter().zip(&shapes).skip(1) {
        let from = |index: usize| (values[node.reads[index].0].as_slice(), shapes[node.reads[index].0]);
        let result = match &node.operation {
            Operation::Input => unreachable!("only the first node is the input"),
            Operation::Convolution(kernel) => windowed_convolution(from(0), *shape, kernel),
            Operation::Pool { pooling, window } => {
                let (input, Shape { height, width, .. }) = from(0);
                let [top, left, ..] = window.padding(height, width);
                each(*shape, |channel, y, x| {
                    let at = |y: usize, x: usize| input[(channel * height + y) * width + x];
                    let inside = in_window(window, [y, x], [top, left], [height, width]);
                    pooled(*pooling, inside.map(|(_, [y, x])| at(y, x)))
                })
            }
            Operation::PoolGlobally(pooling) => {
                let (input, from) = from(0);
                let maps = input.chunks_exact(from.height * from.width);
                maps.map(|map| pooled(*pooling, map.iter().copied())).collect()
            }
            Operation::Add => from(0).0.iter().zip(from(1).0).map(|(a, b)| a + b).collect(),
            Operation::Multiply => {
                let (input, Shape { height, width, .. }) = from(0);
                let gate = from(1).0;
                input.iter().enumerate().map(|(at, value)| value * gate[at / (height * width)]).collect()
            }
            Operation::Concatenate => node.reads.iter().flat_map(|maps| values[maps.0].clone()).collect(),
            Operation::Activate(activation) => from(0).0.iter().map(|value| activation.of(*value)).collect(),
        };
        values.push(result);
    }
    Ok(values.swap_remove(maps.0))
}

fn windowed_convolution((input, from): (&[f64], Shape), to: Shape, kernel: &Kernel) -> Vec<f64> {
    let Kernel { groups, window, kernel, bias } = kernel;
    let [top, left, ..] = window.padding(from.height, from.width);
    let [ins, outs] = [from.channels / groups, to.channels / groups];
    each(to, |out, y, x| {
        let inside = in_window(window, [y, x], [top, left], [from.height, from.width]);
        inside.fold(f64::from(bias[out]), |sum, ([ky, kx], [y, x])| {
            (0..ins).fold(sum, |sum, channel| {
                let pixel = input[((out / outs * ins + channel) * from.height + y) * from.width + x];
                let tap = kernel[((out * ins + channel) * window.size[0] + ky) * window.size[1] + kx];
                sum + pixel * f64::from(tap)
            })
        })
    })
}

/// The value of each channel, row and column.
fn each(shape: Shape, mut value: impl FnMut(usize, usize, usize) -> f64) -> Vec<f64> {
    let mut values = Vec::with_capacity(shape.len());
    for channel in 0..shape.channels {
        for y in 0..shape.height {
            for x in 0..shape.width {
                values.push(value(channel, y, x));
            }
        }
    }
    values
}

/// The positions in a window that are within the maps, each with the pixel that it is on.
fn in_window(
    window: &Window,
    [y, x]: [usize; 2],
    [top, left]: [usize; 2],
    [height, width]: [usize; 2],
) -> impl Iterator<Item = ([usize; 2], [usize; 2])> {
    let Window { size, stride, .. } = *window;
    (0..size[0]).flat_map(move |ky| (0..size[1]).map(move |kx| [ky, kx])).filter_map(move |[ky, kx]| {
        let y = (y * stride[0] + ky).checked_sub(top).filter(|y| *y < height)?;
        let x = (x * stride[1] + kx).checked_sub(left).filter(|x| *x < width)?;
        Some(([ky, kx], [y, x]))
    })
}

fn pooled(pooling: Pooling, values: impl Iterator<Item = f64>) -> f64 {
    match pooling {
        Pooling::Max => values.fold(f64::NEG_INFINITY, f64::max),
        Pooling::Average => {
            let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
            sum / count as f64
        }
    }
}
