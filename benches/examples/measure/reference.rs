//! VGG16's base by the seven-loop convolution in f64: slow, and independent of every engine.

use headstart_kernels::reference::{convolution, max_pooling, relu};
use headstart_weights::{LayerParameters, Parameter};
use rayon::prelude::*;

/// The last pooled maps of one image, `3 x side x side`.
pub(crate) fn features(parameters: &[LayerParameters], pixels: &[f32], side: usize) -> Vec<f64> {
    let mut maps: Vec<f64> = pixels.iter().copied().map(f64::from).collect();
    let mut shape = [3, side, side];
    for layers in parameters.chunk_by(|layer, next| block(layer) == block(next)) {
        for layer in layers {
            let (Some(kernel), Some(bias)) = (layer.array(Parameter::Kernel), layer.array(Parameter::Bias))
            else {
                continue;
            };
            let out_channels = bias.values.len();
            let kernels = kernel.values.par_chunks_exact(kernel.values.len() / out_channels);
            let channels = kernels.zip(&bias.values);
            let channel = |(kernel, bias): (&[f32], &f32)| convolution(&maps, shape, kernel, &[*bias]);
            maps = channels.flat_map_iter(channel).collect();
            relu(&mut maps);
            shape[0] = out_channels;
        }
        maps = max_pooling(&maps, shape);
        shape = [shape[0], shape[1] / 2, shape[2] / 2];
    }
    maps
}

/// The block of a layer, by its name: `block2` of `block2_conv1`.
fn block(layer: &LayerParameters) -> &str {
    layer.name.split('_').next().unwrap_or_default()
}
