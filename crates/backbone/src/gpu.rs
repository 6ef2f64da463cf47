//! Batches on a GPU, whose features must not depend on the batch.

use candle_core::Tensor;

use crate::Error;

/// Pixels that a GPU is given at once, for which candle takes about 0.6 GB there.
const PIXELS: usize = 8 * 150 * 150;

/// Number of images that a GPU is given at once; the last group is filled up with zeros. Its libraries choose the order
/// of a sum by the number of rows, and an image's features must not depend on the other images of its batch.
fn group(height: usize, width: usize) -> usize {
    (PIXELS / (height * width).max(1)).clamp(1, 64)
}

/// A batch through a network of candle's ops: in groups of one size on a GPU, at once on the CPU.
pub(crate) fn in_groups(
    images: &Tensor,
    network: impl Fn(&Tensor) -> Result<Tensor, Error>,
) -> Result<Tensor, Error> {
    let (count, _, height, width) = images.dims4()?;
    if images.device().is_cpu() {
        return network(images);
    }
    let group = group(height, width);
    let groups = (0..count).step_by(group).map(|first| {
        let taken = group.min(count - first);
        let images = images.narrow(0, first, taken)?.pad_with_zeros(0, 0, group - taken)?;
        Ok(network(&images)?.narrow(0, 0, taken)?)
    });
    Ok(Tensor::cat(&groups.collect::<Result<Vec<_>, Error>>()?, 0)?)
}
