//! From 8-bit RGB pixels to the numbers that a network reads.

use headstart_provenance::{ChannelOrder, Preprocessing};
use image::RgbImage;

use crate::DecodeError;
use crate::fit::fitted;

/// Brings an upright image to the input's size and writes its planes to `out`, by the formula of [`Preprocessing`].
///
/// # Shapes
///
/// `image` has any size; `out` is 3 x height x width, C order.
///
/// # Errors
///
/// If `out` has another length, and as [`resize`](crate::resize::resize).
pub fn preprocess(
    image: &RgbImage,
    preprocessing: &Preprocessing,
    out: &mut [f32],
) -> Result<(), DecodeError> {
    let expected = preprocessing.len();
    if out.len() != expected {
        return Err(DecodeError::OutputLength { expected, found: out.len() });
    }
    let Preprocessing { height, width, channel_order, .. } = *preprocessing;
    let resized = fitted(image, preprocessing)?;
    if expected == 0 {
        return Ok(());
    }
    for (plane, out) in out.chunks_exact_mut(height * width).enumerate() {
        let channel = match channel_order {
            ChannelOrder::Rgb => plane,
            ChannelOrder::Bgr => 2 - plane,
        };
        let values = values_of(preprocessing, plane);
        for (value, pixel) in out.iter_mut().zip(resized.as_raw().chunks_exact(3)) {
            *value = values[usize::from(pixel[channel])];
        }
    }
    Ok(())
}

/// The formula's result for each of the 256 values of a channel: computed once for a plane, not once for a pixel.
fn values_of(preprocessing: &Preprocessing, plane: usize) -> [f32; 256] {
    let Preprocessing { scale, mean, std, .. } = preprocessing;
    let mut values = [0.0; 256];
    for (value, x) in values.iter_mut().zip(0u8..=255) {
        *value = (f32::from(x) * scale - mean[plane]) / std[plane];
    }
    values
}
