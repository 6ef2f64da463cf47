//! Where the sums of a strip's pixels go.

use std::ops::Range;

use super::layout::{LANES, View};
use crate::vector::Vector;

/// The most pixels of a strip.
pub(super) const MOST: usize = 14;

/// Values from the first pixel of a strip to each.
pub(super) type Offsets = [usize; MOST];

/// The offsets of pixels that follow each other.
pub(super) static IN_A_ROW: Offsets = {
    let mut offsets = [0; MOST];
    let mut pixel = 0;
    while pixel < MOST {
        offsets[pixel] = pixel * LANES;
        pixel += 1;
    }
    offsets
};

/// Where the lanes of some pixels are.
pub(super) struct Target<'a> {
    pub(super) start: *mut f32,
    /// Values from a block of channels to the next.
    pub(super) next: usize,
    /// Values from the first pixel to each.
    pub(super) offsets: &'a Offsets,
}

impl Target<'_> {
    /// The places of `PIXELS` pixels, computed once. Otherwise the loops read the target again after each store, because the
    /// compiler can't tell that the store leaves it unchanged.
    ///
    /// # Safety
    ///
    /// The target has so many pixels.
    #[inline(always)]
    pub(super) unsafe fn places<const PIXELS: usize>(&self) -> Places<PIXELS> {
        // SAFETY: the caller's. `Walk::take` checked the last pixel of the last block; sums of few channels have room for `MOST`.
        let pixels = std::array::from_fn(|pixel| unsafe { self.start.add(self.offsets[pixel]) });
        Places { pixels, next: self.next }
    }
}

/// The first lanes of some pixels.
pub(super) struct Places<const PIXELS: usize> {
    pixels: [*mut f32; PIXELS],
    /// Values from a block of channels to the next.
    next: usize,
}

impl<const PIXELS: usize> Places<PIXELS> {
    /// # Safety
    ///
    /// The pixel has the block of this register.
    #[inline(always)]
    pub(super) unsafe fn of<V: Vector>(&self, pixel: usize, register: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.pixels[pixel].add(before::<V>(register, self.next)) }
    }
}

/// The lanes that come before a register's, where it takes two of them for the lanes of a block, and the next block begins
/// `next` values after it. One register or two may also be a part of a block. Where a block takes four, `next` is half of it.
#[inline(always)]
pub(super) fn before<V: Vector>(register: usize, next: usize) -> usize {
    register / 2 * next + register % 2 * V::LANES
}

/// Goes over the pixels of some blocks: a row, then the rows after it.
pub(super) struct Walk<'a> {
    view: View<'a>,
    /// Values from a pixel's first block to its last.
    others: usize,
    /// Values from the first two registers to the next.
    next: usize,
    /// Where the next pixel is, with its lanes from `lane` on.
    place: usize,
    lane: usize,
    /// Pixels that are left in its row; `usize::MAX` if there is no gap after a row.
    left: usize,
}

impl<'a> Walk<'a> {
    /// From the first pixel of row `y` on, and from a lane of the blocks on. The third register of a pixel is of the second block or,
    /// if there is one, at this distance within it.
    #[inline(always)]
    pub(super) fn new(
        view: View<'a>,
        blocks: &Range<usize>,
        [y, lane]: [usize; 2],
        inner: Option<usize>,
    ) -> Self {
        let next = inner.unwrap_or(view.block_stride);
        let place = view.place(blocks.start, y as isize, 0) + lane;
        let left = if view.is_contiguous() { usize::MAX } else { view.layout.shape.width };
        Self { view, others: (blocks.len() - 1) * view.block_stride, next, place, lane, left }
    }

    /// The next `count` pixels, 1 to [`MOST`]. `offsets` is memory for their places.
    #[inline(always)]
    pub(super) fn take<'o>(&mut self, count: usize, offsets: &'o mut Offsets) -> Target<'o> {
        let Self { view, others, next, lane, .. } = *self;
        let width = view.layout.shape.width;
        let gap = view.layout.row_stride() - width * LANES;
        if self.left == 0 {
            (self.place, self.left) = (self.place + gap, width);
        }
        let first = self.place;
        let offsets = if count <= self.left {
            (self.place, self.left) = (self.place + count * LANES, self.left - count);
            &IN_A_ROW
        } else {
            for offset in &mut offsets[..count] {
                if self.left == 0 {
                    (self.place, self.left) = (self.place + gap, width);
                }
                *offset = self.place - first;
                (self.place, self.left) = (self.place + LANES, self.left - 1);
            }
            &*offsets
        };
        let start = view.values.place(first, others + offsets[count - 1] + LANES - lane);
        Target { start, next, offsets }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::buffer::Shared;
    use crate::graph::Shape;
    use crate::graph::layout::Layout;

    const HEIGHT: usize = 6;

    /// Walks from row `y` to the end, `counts` pixels at a time, over and over. Each pixel must be where the view says.
    fn check(view: View<'_>, blocks: &Range<usize>, [y, lane]: [usize; 2], counts: &[usize]) {
        let width = view.layout.shape.width;
        let pixels = (HEIGHT - y) * width;
        let mut walk = Walk::new(view, blocks, [y, lane], None);
        let mut offsets = Offsets::default();
        let (mut done, mut counts) = (0, counts.iter().cycle());
        while done < pixels {
            let count = counts.next().map_or(1, |count| *count).min(pixels - done);
            let target = walk.take(count, &mut offsets);
            for pixel in 0..count {
                for block in blocks.clone() {
                    let at = done + pixel;
                    let expected = view.place(block, (y + at / width) as isize, (at % width) as isize) + lane;
                    let found = target
                        .start
                        .wrapping_add(target.offsets[pixel] + (block - blocks.start) * target.next);
                    assert_eq!(
                        found.cast_const(),
                        view.values.near(expected),
                        "{:?}, pixel {at}",
                        view.layout
                    );
                }
            }
            done += count;
        }
    }

    fn layout(width: usize, border: [usize; 4]) -> Layout {
        Layout { shape: Shape { channels: 3 * LANES, height: HEIGHT, width }, border }
    }

    const BORDERS: [[usize; 4]; 4] = [[0; 4], [1; 4], [0, 2, 0, 0], [2, 0, 1, 3]];

    #[test]
    fn each_pixel_is_where_the_view_says() {
        for border in BORDERS {
            for width in (1..=5).chain([20]) {
                let layout = layout(width, border);
                let mut values = vec![0.0; layout.len()];
                let values = Shared::new(&mut values);
                for view in [View::whole(values, layout), View::band(values, layout, [border[0], HEIGHT])] {
                    for (blocks, lane) in [(0..1, 0), (0..1, 16), (1..3, 0)] {
                        for y in [0, 2] {
                            (1..=MOST).for_each(|count| check(view, &blocks, [y, lane], &[count]));
                            check(view, &blocks, [y, lane], &[width.min(MOST), 3, 1, 7]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn pixels_past_the_memory_are_noticed() {
        for border in BORDERS {
            let layout = layout(5, border);
            let mut values = vec![0.0; layout.len()];
            let whole = View::whole(Shared::new(&mut values), layout);
            let last = whole.place(2, HEIGHT as isize - 1, 4) + LANES;
            let short = View { values: whole.values.part(0, last - 1), ..whole };
            check(View { values: whole.values.part(0, last), ..whole }, &(1..3), [0, 0], &[4]);
            let found = catch_unwind(AssertUnwindSafe(|| check(short, &(1..3), [0, 0], &[4])));
            assert!(found.is_err(), "{border:?}");
        }
    }
}
