//! Maps in the order that the kernels of a graph read: blocks of channels, with a border of zeros where a window needs one.
//!
//! Maps are stored as `blocks x rows x columns x lanes`, as those of a stack are. Channels come in blocks of [`LANES`]; as few
//! as an image has are side by side. Spare lanes of the last block hold anything: no kernel mixes lanes, and sums over
//! channels stop at the last one.
//!
//! The border is written by whoever writes the maps, so that memory can be used again for maps of another layout.

use std::ops::Range;

use super::Shape;
use crate::buffer::Shared;
pub(super) use crate::feature_maps::LANES;
use crate::feature_maps::lanes;

/// How one image's maps are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    /// Rows above, columns to the left, rows below and columns to the right, all of zeros.
    pub(super) border: [usize; 4],
}

impl Layout {
    /// Makes the border at least this wide.
    pub(super) fn widen(&mut self, least: [usize; 4]) {
        for (border, least) in self.border.iter_mut().zip(least) {
            *border = least.max(*border);
        }
    }

    /// Channels side by side.
    pub(super) fn lanes(self) -> usize {
        lanes(self.shape.channels)
    }

    /// The number of blocks of channels.
    pub(super) fn blocks(self) -> usize {
        self.shape.channels.div_ceil(LANES)
    }

    /// The lanes of a block that channels are in.
    pub(super) fn used(self, block: usize) -> usize {
        self.lanes().min(self.shape.channels - block * LANES)
    }

    /// Values from one row to the next.
    pub(super) fn row_stride(self) -> usize {
        let [_, left, _, right] = self.border;
        (left + self.shape.width + right).saturating_mul(self.lanes())
    }

    /// Rows with the border.
    pub(super) fn rows(self) -> usize {
        let [top, _, bottom, _] = self.border;
        top + self.shape.height + bottom
    }

    /// Values of `rows` rows in all blocks.
    pub(super) fn len_of(self, rows: usize) -> usize {
        self.blocks().saturating_mul(rows).saturating_mul(self.row_stride())
    }

    /// Values in all.
    pub(super) fn len(self) -> usize {
        self.len_of(self.rows())
    }
}

/// Some blocks in twos, which are computed together. The first of an odd number is alone: the last one may have spare lanes, and
/// fits better beside a full one.
pub(super) fn in_twos(blocks: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let twos = blocks.len().div_ceil(2);
    (0..twos).map(move |two| {
        let end = blocks.end - 2 * (twos - 1 - two);
        end.saturating_sub(2).max(blocks.start)..end
    })
}

/// Maps in memory, or a band of their rows.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) values: Shared<'a>,
    pub(super) layout: Layout,
    /// The row of the maps, counted with the border, that the memory begins with; and how many rows it has.
    pub(super) band: [usize; 2],
    /// Values from one block to the next.
    pub(super) block_stride: usize,
    /// The block that the memory begins with.
    pub(super) first: usize,
    /// Values from the maps of one image to those of the next, if the memory holds several images.
    pub(super) image_stride: usize,
}

impl<'a> View<'a> {
    /// All rows.
    pub(super) fn whole(values: Shared<'a>, layout: Layout) -> Self {
        Self::band(values, layout, [0, layout.rows()])
    }

    /// A band of rows: the first of them, counted with the border, and their number.
    pub(super) fn band(values: Shared<'a>, layout: Layout, band: [usize; 2]) -> Self {
        Self { values, layout, band, block_stride: band[1] * layout.row_stride(), first: 0, image_stride: 0 }
    }

    /// All rows of the blocks from `first` on.
    pub(super) fn blocks(values: Shared<'a>, layout: Layout, first: usize) -> Self {
        Self { first, ..Self::whole(values, layout) }
    }

    /// The maps of one of several images.
    pub(super) fn of_image(self, image: usize) -> Self {
        Self { values: self.values.from(image * self.image_stride), ..self }
    }

    /// Where a pixel is: of a block, and of a row and column that may be in the border (then the row is negative, or past
    /// the last).
    pub(super) fn place(self, block: usize, y: isize, x: isize) -> usize {
        let [top, left, ..] = self.layout.border;
        let row = (y + top as isize) as usize - self.band[0];
        debug_assert!(row < self.band[1]);
        (block - self.first) * self.block_stride
            + row * self.layout.row_stride()
            + (x + left as isize) as usize * self.layout.lanes()
    }

    /// Whether the pixels of all rows follow each other without a gap.
    pub(super) fn is_contiguous(self) -> bool {
        let [_, left, _, right] = self.layout.border;
        left + right == 0
    }
}
