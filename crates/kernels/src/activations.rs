//! Feature maps in the order that the kernels read: blocks of channels, with a border of zeros.
//!
//! A map of `channels x height x width` is stored as
//! `ceil(channels / LANES) x (height + 2) x (width + 2) x lanes`, where `lanes` is [`LANES`], or the number of
//! channels where that is smaller (the three of an image). The border of one pixel is the convolution's zero
//! padding, so that no kernel ever asks whether it stands at an edge.

/// Channels that lie side by side.
pub(crate) const LANES: usize = 32;

/// The product of dimensions; `usize::MAX`, which no slice has, where it is larger.
pub(crate) fn size(dimensions: &[usize]) -> usize {
    dimensions.iter().fold(1, |product: usize, &dimension| product.saturating_mul(dimension))
}

/// The dimensions of one image's blocked maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Extent {
    /// Channels side by side in one block.
    pub(crate) fn lanes(self) -> usize {
        self.channels.min(LANES)
    }

    /// How many blocks of channels there are; the last may be part-filled, its other lanes are zero.
    pub(crate) fn blocks(self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Values from one padded row to the next.
    pub(crate) fn row_stride(self) -> usize {
        self.width.saturating_add(2).saturating_mul(self.lanes())
    }

    /// Values from one block of channels to the next.
    pub(crate) fn block_stride(self) -> usize {
        self.height.saturating_add(2).saturating_mul(self.row_stride())
    }

    /// Values in all.
    pub(crate) fn len(self) -> usize {
        self.blocks().saturating_mul(self.block_stride())
    }

    /// The same channels after a 2 x 2 pooling of stride 2.
    pub(crate) fn pooled(self) -> Self {
        Self { height: self.height / 2, width: self.width / 2, ..self }
    }
}

/// Sets the border of one block to zero.
pub(crate) fn clear_border(block: &mut [f32], extent: Extent) {
    let (stride, lanes) = (extent.row_stride(), extent.lanes());
    let last = (extent.height + 1) * stride;
    block[..stride].fill(0.0);
    block[last..].fill(0.0);
    for row in block[stride..last].chunks_exact_mut(stride) {
        row[..lanes].fill(0.0);
        row[stride - lanes..].fill(0.0);
    }
}

/// Lays one image, `channels x height x width`, out in blocks.
pub(crate) fn pack(image: &[f32], extent: Extent, blocked: &mut [f32]) {
    let (lanes, stride, pixels) = (extent.lanes(), extent.row_stride(), extent.height * extent.width);
    for (index, block) in blocked.chunks_exact_mut(extent.block_stride()).enumerate() {
        block.fill(0.0);
        let maps = image[index * LANES * pixels..].chunks_exact(pixels).take(lanes);
        for (lane, map) in maps.enumerate() {
            for (y, line) in map.chunks_exact(extent.width).enumerate() {
                let row = &mut block[(y + 1) * stride + lanes..];
                for (x, value) in line.iter().enumerate() {
                    row[x * lanes + lane] = *value;
                }
            }
        }
    }
}

/// Lays blocked maps out as `channels x height x width`.
pub(crate) fn unpack(blocked: &[f32], extent: Extent, maps: &mut [f32]) {
    let (lanes, stride) = (extent.lanes(), extent.row_stride());
    for (channel, map) in maps.chunks_exact_mut(extent.height * extent.width).enumerate() {
        let block = &blocked[channel / LANES * extent.block_stride()..];
        for (y, line) in map.chunks_exact_mut(extent.width).enumerate() {
            let row = &block[(y + 1) * stride + lanes + channel % LANES..];
            for (x, value) in line.iter_mut().enumerate() {
                *value = row[x * lanes];
            }
        }
    }
}

/// 2 x 2 max pooling of stride 2 of one block, with the border of the result set to zero.
///
/// A NaN among the four is kept.
pub(crate) fn pool_block(block: &[f32], extent: Extent, pooled: &mut [f32]) {
    let (lanes, stride, half) = (extent.lanes(), extent.row_stride(), extent.pooled());
    for y in 0..half.height {
        let top = &block[(2 * y + 1) * stride + lanes..];
        let bottom = &block[(2 * y + 2) * stride + lanes..];
        let out = &mut pooled[(y + 1) * half.row_stride() + lanes..];
        for (x, out) in out.chunks_exact_mut(lanes).take(half.width).enumerate() {
            let at = 2 * x * lanes;
            let (top, bottom) = (&top[at..at + 2 * lanes], &bottom[at..at + 2 * lanes]);
            for (lane, out) in out.iter_mut().enumerate() {
                let upper = larger(top[lane], top[lanes + lane]);
                let lower = larger(bottom[lane], bottom[lanes + lane]);
                *out = larger(upper, lower);
            }
        }
    }
    clear_border(pooled, half);
}

/// The larger of two values; NaN where either is.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    // `a + b` is NaN where either is, and is never taken otherwise.
    if a > b {
        a
    } else if a <= b {
        b
    } else {
        a + b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpack_undoes_pack_for_part_filled_blocks() {
        for channels in [1, 3, 31, 32, 33, 70] {
            let extent = Extent { channels, height: 3, width: 5 };
            let image: Vec<f32> = (0..channels * 15).map(|value| value as f32 + 1.0).collect();
            let mut blocked = vec![f32::NAN; extent.len()];
            pack(&image, extent, &mut blocked);
            let mut back = vec![0.0; image.len()];
            unpack(&blocked, extent, &mut back);
            assert_eq!(image, back);
            let sum: f32 = blocked.iter().sum();
            assert_eq!(sum, image.iter().sum::<f32>(), "borders and spare lanes are zero");
        }
    }

    #[test]
    fn pooling_keeps_nan_from_any_corner() {
        for corner in 0..4 {
            let mut image = [1.0, 2.0, 3.0, 4.0];
            image[corner] = f32::NAN;
            let extent = Extent { channels: 1, height: 2, width: 2 };
            let mut blocked = vec![0.0; extent.len()];
            pack(&image, extent, &mut blocked);
            let mut pooled = vec![0.0; extent.pooled().len()];
            pool_block(&blocked, extent, &mut pooled);
            assert!(pooled[4].is_nan(), "corner {corner}");
        }
    }
}
