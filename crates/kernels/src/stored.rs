//! The last step of a tile. Its outputs, already transformed down the columns, are transformed along the rows. Bias,
//! ReLU and pooling are applied, and the part of the tile within the image is stored.

use crate::feature_maps::LANES;
use crate::transform::{Transforms, transform_output};
use crate::vector::Vector;

/// Where a tile's outputs are stored, for one register of channels.
pub(crate) struct Stored<V> {
    pub(crate) bias: V,
    /// The least value that is stored: zero for ReLU, minus infinity for none.
    pub(crate) least: V,
    pub(crate) to: *mut f32,
    /// Values from one row to the next.
    pub(crate) stride: usize,
    /// Rows and columns that are stored: fewer than the tile has at an image's edge.
    pub(crate) size: [usize; 2],
}

impl<V: Vector> Stored<V> {
    /// Stores rows `first` and `first + 1`, already transformed down the columns.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; there is room for `size`.
    #[inline(always)]
    pub(crate) unsafe fn rows<T: Transforms, const K: usize, const L: usize>(
        &self,
        first: usize,
        rows: &[[V; K]; 2],
    ) {
        for (y, row) in (first..self.size[0].min(first + 2)).zip(rows) {
            // SAFETY: the caller's.
            unsafe {
                let row: [V; L] = transform_output::<V, T, K, L>(row);
                self.row(y, &row);
            }
        }
    }

    /// Stores the 2 x 2 max pooling of these two rows, as row `first / 2`.
    ///
    /// # Safety
    ///
    /// As for [`rows`](Self::rows).
    #[inline(always)]
    pub(crate) unsafe fn pooled<T: Transforms, const K: usize, const L: usize>(
        &self,
        first: usize,
        rows: &[[V; K]; 2],
    ) {
        if first / 2 < self.size[0] {
            // SAFETY: the caller's.
            unsafe {
                let top: [V; L] = transform_output::<V, T, K, L>(&rows[0]);
                let bottom: [V; L] = transform_output::<V, T, K, L>(&rows[1]);
                let mut row = [self.bias; L];
                for x in 0..L / 2 {
                    let upper = top[2 * x].larger(top[2 * x + 1]);
                    let lower = bottom[2 * x].larger(bottom[2 * x + 1]);
                    row[x] = upper.larger(lower);
                }
                self.row(first / 2, &row[..L / 2]);
            }
        }
    }

    /// Adds the bias, applies ReLU and stores the columns of row `y` that are within `size`.
    ///
    /// # Safety
    ///
    /// As for [`rows`](Self::rows).
    #[inline(always)]
    unsafe fn row(&self, y: usize, row: &[V]) {
        let (to, columns) = (self.to.wrapping_add(y * self.stride), self.size[1]);
        // SAFETY: the caller's.
        unsafe {
            // The compiler knows the length of a whole row, and unrolls the loop.
            if columns == row.len() {
                for (x, value) in row.iter().enumerate() {
                    value.add(self.bias).at_least(self.least).store(to.add(x * LANES));
                }
            } else {
                for (x, value) in row.iter().enumerate().take(columns) {
                    value.add(self.bias).at_least(self.least).store(to.add(x * LANES));
                }
            }
        }
    }
}
