//! VGG16's base by the seven-loop convolution in f64: slow, and needs nobody else's engine.

use headstart_backbone::Architecture;
use headstart_kernels::reference::{convolution, max_pooling, relu};
use headstart_weights::ConvolutionParameters;
use rayon::prelude::*;

/// The last pooled maps of one image, `3 x side x side`.
pub(crate) fn features(parameters: &[ConvolutionParameters], pixels: &[f32], side: usize) -> Vec<f64> {
    let mut maps: Vec<f64> = pixels.iter().copied().map(f64::from).collect();
    let mut shape = [3, side, side];
    let mut layers = parameters.iter();
    for count in Architecture::Vgg16.convolutions_per_block() {
        for ConvolutionParameters { kernel, bias } in layers.by_ref().take(count) {
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
