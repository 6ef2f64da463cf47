//! The end of a tile's way: its rows of outputs, once transformed down the columns, are transformed along the rows; bias,
//! ReLU and pooling are applied, and what the image has of the tile is stored.

use crate::activations::LANES;
use crate::transform::transform_output;
use crate::vector::Vector;

/// Where a tile's outputs are stored, for one register of channels.
pub(crate) struct Stored<V> {
    pub(crate) bias: V,
    pub(crate) to: *mut f32,
    /// Values from one row to the next.
    pub(crate) stride: usize,
    /// Rows and columns that there is room for, less than a tile's at an image's edge.
    pub(crate) size: [usize; 2],
}

impl<V: Vector> Stored<V> {
    /// Stores rows `first` and `first + 1`, which are transformed down the columns.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; there is room as `size` says.
    #[inline(always)]
    pub(crate) unsafe fn rows<const K: usize, const L: usize, const OF: usize>(
        &self,
        first: usize,
        rows: &[[V; K]; 2],
    ) {
        for (y, row) in (first..self.size[0].min(first + 2)).zip(rows) {
            // SAFETY: the caller's.
            unsafe {
                let row: [V; L] = transform_output::<V, K, L, OF>(row);
                self.row(y, &row);
            }
        }
    }

    /// As [`rows`](Self::rows), of which the 2 x 2 max pooling makes row `first / 2`.
    ///
    /// # Safety
    ///
    /// As for [`rows`](Self::rows).
    #[inline(always)]
    pub(crate) unsafe fn pooled<const K: usize, const L: usize, const OF: usize>(
        &self,
        first: usize,
        rows: &[[V; K]; 2],
    ) {
        if first / 2 < self.size[0] {
            // SAFETY: the caller's.
            unsafe {
                let top: [V; L] = transform_output::<V, K, L, OF>(&rows[0]);
                let bottom: [V; L] = transform_output::<V, K, L, OF>(&rows[1]);
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

    /// Adds the bias, applies ReLU and stores the columns of row `y` that there is room for.
    ///
    /// # Safety
    ///
    /// As for [`rows`](Self::rows).
    #[inline(always)]
    unsafe fn row(&self, y: usize, row: &[V]) {
        let (to, columns) = (self.to.wrapping_add(y * self.stride), self.size[1]);
        // SAFETY: the caller's.
        unsafe {
            // The compiler knows the length of a whole row, and needs no loop for it.
            if columns == row.len() {
                for (x, value) in row.iter().enumerate() {
                    value.add(self.bias).relu().store(to.add(x * LANES));
                }
            } else {
                for (x, value) in row.iter().enumerate().take(columns) {
                    value.add(self.bias).relu().store(to.add(x * LANES));
                }
            }
        }
    }
}
