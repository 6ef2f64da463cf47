//! What every network takes.

use candle_core::{DType, Tensor};

use crate::{Architecture, Error};

/// Channels of an image.
pub(crate) const IMAGE_CHANNELS: usize = 3;

/// The dimensions of a batch that a network can take.
pub(crate) fn check(architecture: Architecture, images: &Tensor) -> Result<[usize; 4], Error> {
    match *images.dims() {
        [count, channels @ IMAGE_CHANNELS, height, width] if images.dtype() == DType::F32 => {
            architecture.check_size(height, width)?;
            Ok([count, channels, height, width])
        }
        ref dims => Err(Error::Images { dtype: images.dtype().as_str(), shape: dims.to_vec() }),
    }
}
