//! Feature maps in the order that the kernels read: blocks of channels, with a border of zeros.
//!
//! Maps of `channels x height x width` are stored as `blocks x padded height x padded width x lanes`. Up to [`FEW`]
//! channels, as many as an image has, are side by side in one block; more come in blocks of [`LANES`]. Spare lanes are
//! zero. The border is the convolution's zero padding: one pixel above and to the left and at least one below and to
//! the right, wide enough to read whole tiles of the next layer. Memory is zero at first and nothing is ever written to
//! a border, so no kernel has to check for edges.

/// Channels of a block, side by side.
pub(crate) const LANES: usize = 32;

/// The most channels that are not worth a block of [`LANES`].
pub(crate) const FEW: usize = 3;

/// The product of dimensions. If it is too large: `usize::MAX`, which is no slice's length.
pub(crate) fn size(dimensions: &[usize]) -> usize {
    dimensions.iter().fold(1, |product: usize, &dimension| product.saturating_mul(dimension))
}

/// The lanes of a block, if there are `channels` channels in all.
pub(crate) fn lanes(channels: usize) -> usize {
    if channels <= FEW { FEW } else { LANES }
}

/// How one image's maps are laid out in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MapLayout {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Rows and columns that the next layer computes, including those of its tiles that are past the edge.
    pub(crate) covered: [usize; 2],
}

impl MapLayout {
    /// Channels side by side in one block.
    pub(crate) fn lanes(self) -> usize {
        lanes(self.channels)
    }

    /// The number of blocks of channels.
    pub(crate) fn blocks(self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Values from one padded row to the next.
    pub(crate) fn row_stride(self) -> usize {
        padded(self.width, self.covered[1]).saturating_mul(self.lanes())
    }

    /// Values from one block of channels to the next.
    pub(crate) fn block_stride(self) -> usize {
        padded(self.height, self.covered[0]).saturating_mul(self.row_stride())
    }

    /// Values in all.
    pub(crate) fn len(self) -> usize {
        self.blocks().saturating_mul(self.block_stride())
    }

    /// Values without border and spare lanes.
    pub(crate) fn values(self) -> usize {
        size(&[self.channels, self.height, self.width])
    }

    /// Where the values of one row of one block begin, after the border.
    pub(crate) fn row(self, block: usize, y: usize) -> usize {
        block * self.block_stride() + (y + 1) * self.row_stride() + self.lanes()
    }
}

/// A side with the border that it needs.
fn padded(side: usize, covered: usize) -> usize {
    side.max(covered).saturating_add(2)
}

/// Copies one image, `channels x height x width`, into blocks.
pub(crate) fn pack(image: &[f32], layout: MapLayout, blocked: &mut [f32]) {
    let lanes = layout.lanes();
    for (channel, map) in image.chunks_exact(layout.height * layout.width).enumerate() {
        for (y, line) in map.chunks_exact(layout.width).enumerate() {
            let row = &mut blocked[layout.row(channel / LANES, y) + channel % LANES..];
            for (x, value) in line.iter().enumerate() {
                row[x * lanes] = *value;
            }
        }
    }
}

/// Copies the maps of one block out as `channels x height x width`, as many channels as `maps` has room for.
pub(crate) fn unpack(block: &[f32], layout: MapLayout, maps: &mut [f32]) {
    let lanes = layout.lanes();
    for (lane, map) in maps.chunks_exact_mut(layout.height * layout.width).enumerate() {
        for (y, line) in map.chunks_exact_mut(layout.width).enumerate() {
            let row = &block[layout.row(0, y) + lane..];
            for (x, value) in line.iter_mut().enumerate() {
                *value = row[x * lanes];
            }
        }
    }
}

/// 2 x 2 max pooling of stride 2 of two rows of pixels. If one of the four values is NaN, so is the result.
pub(crate) fn pool_rows(top: &[f32], bottom: &[f32], lanes: usize, pooled: &mut [f32]) {
    let pairs = top.chunks_exact(2 * lanes).zip(bottom.chunks_exact(2 * lanes));
    for ((top, bottom), pooled) in pairs.zip(pooled.chunks_exact_mut(lanes)) {
        for (lane, pooled) in pooled.iter_mut().enumerate() {
            let upper = larger(top[lane], top[lanes + lane]);
            let lower = larger(bottom[lane], bottom[lanes + lane]);
            *pooled = larger(upper, lower);
        }
    }
}

/// The larger of two values; NaN if either is NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpack_undoes_pack_for_part_filled_blocks() {
        for channels in [1, 3, 4, 31, 32, 33, 70] {
            for covered in [[2, 4], [3, 5], [4, 8], [6, 6]] {
                let layout = MapLayout { channels, height: 3, width: 5, covered };
                let image: Vec<f32> = (0..channels * 15).map(|value| value as f32 + 1.0).collect();
                let mut blocked = vec![0.0; layout.len()];
                pack(&image, layout, &mut blocked);
                let mut back = vec![0.0; image.len()];
                let blocks = blocked.chunks_exact(layout.block_stride());
                blocks.zip(back.chunks_mut(LANES * 15)).for_each(|(block, maps)| unpack(block, layout, maps));
                assert_eq!(image, back);
                let sum: f32 = blocked.iter().sum();
                assert_eq!(sum, image.iter().sum::<f32>(), "borders and spare lanes are zero");
            }
        }
    }

    #[test]
    fn pooling_keeps_nan_from_any_corner() {
        for corner in 0..4 {
            let mut corners = [1.0, 2.0, 3.0, 4.0];
            corners[corner] = f32::NAN;
            let mut pooled = [0.0];
            pool_rows(&corners[..2], &corners[2..], 1, &mut pooled);
            assert!(pooled[0].is_nan(), "corner {corner}");
        }
    }
}
