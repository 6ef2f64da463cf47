//! Pooled features of images, or of images and their mirror images.

use headstart_backbone::Backbone as Network;
use headstart_provenance::{Pooling, Preprocessing};

use crate::Error;

/// Computes the pooled features of some images. Where the preprocessing says so, they are the means of the features of an image
/// and of its mirror image.
///
/// # Shapes
/// `pixels` is N x 3 x height x width, the size that of the preprocessing; `features` has N rows.
pub(crate) fn pooled_features(
    network: &dyn Network,
    pixels: &[f32],
    images: usize,
    preprocessing: &Preprocessing,
    pooling: Pooling,
    features: &mut [f32],
) -> Result<(), Error> {
    let shape = [images, 3, preprocessing.height, preprocessing.width];
    network.forward_pooled(pixels, shape, pooling, features)?;
    if preprocessing.mirror {
        let mut mirrored = pixels.to_vec();
        mirrored.chunks_exact_mut(preprocessing.width.max(1)).for_each(<[f32]>::reverse);
        let mut others = vec![0.0; features.len()];
        network.forward_pooled(&mirrored, shape, pooling, &mut others)?;
        features.iter_mut().zip(&others).for_each(|(value, other)| *value = 0.5 * (*value + other));
    }
    Ok(())
}

/// Maps of an image and of its mirror image can't be averaged: their columns are of other places.
pub(crate) fn check_mirror(preprocessing: &Preprocessing, pooling: Pooling) -> Result<(), Error> {
    if preprocessing.mirror && pooling.is_none() {
        let message = "expected pooled features, avg or max, to average those of an image and of its mirror image; found none";
        return Err(Error::setting("pool", message));
    }
    Ok(())
}
