//! Poolings over windows and over whole maps.

use std::ops::Range;

use super::layout::View;
use super::strip::{load_some, store_some};
use super::{Pooling, Window};
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// A pooling on the maps of an image.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) pooling: Pooling,
    /// None for whole maps.
    pub(super) window: Option<Window>,
    pub(super) path: Path,
    pub(super) from: View<'a>,
    pub(super) to: View<'a>,
}

impl Job<'_> {
    /// Computes some rows of some blocks of channels. The border is not written.
    ///
    /// # Safety
    ///
    /// The rows that the windows reach are in `from` and these rows are in `to`, and meanwhile no other thread writes the
    /// former or uses the latter.
    pub(super) unsafe fn run(&self, rows: Range<usize>, blocks: Range<usize>) {
        // SAFETY: the kernels' owner holds a path only if `Path::is_supported` returned true.
        unsafe { self.path.run(Rows { job: *self, rows, blocks }) }
    }
}

struct Rows<'a> {
    job: Job<'a>,
    rows: Range<usize>,
    blocks: Range<usize>,
}

impl Operation for Rows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Job { pooling, from, to, .. } = self.job;
        let (lanes, row_stride) = (from.layout.lanes(), from.layout.row_stride());
        // Whole registers, or as many lanes as a pixel of few channels has.
        let kept = V::LANES.min(lanes);
        for block in self.blocks.clone() {
            for y in self.rows.clone() {
                for x in 0..to.layout.shape.width {
                    let [rows, columns] = self.window(y, x);
                    let [high, wide] = [rows.len(), columns.len()];
                    let whole = high.saturating_sub(1) * row_stride + wide * lanes;
                    let first = from.place(block, rows.start as isize, columns.start as isize);
                    let first = from.values.place(first, whole).cast_const();
                    let result = to.values.place(to.place(block, y as isize, x as isize), lanes);
                    for lane in (0..from.layout.used(block)).step_by(V::LANES) {
                        // SAFETY: the caller's. The places of the window and of the result were checked.
                        unsafe {
                            let at = |y: usize, x: usize| first.add(y * row_stride + x * lanes + lane);
                            let mut sum: V = load_some(at(0, 0), kept);
                            for y in 0..high {
                                for x in usize::from(y == 0)..wide {
                                    let value = load_some(at(y, x), kept);
                                    sum = match pooling {
                                        Pooling::Max => sum.larger(value),
                                        Pooling::Average => sum.add(value),
                                    };
                                }
                            }
                            if pooling == Pooling::Average {
                                sum = sum.div(V::splat((high * wide) as f32));
                            }
                            store_some(sum, result.add(lane), kept);
                        }
                    }
                }
            }
        }
    }
}

impl Rows<'_> {
    /// The rows and columns of the window of an output that are within the maps.
    #[inline(always)]
    fn window(&self, y: usize, x: usize) -> [Range<usize>; 2] {
        let shape = self.job.from.layout.shape;
        let sides = [shape.height, shape.width];
        let Some(window) = self.job.window else { return sides.map(|side| 0..side) };
        let [top, left, ..] = window.padding(shape.height, shape.width);
        let axis = |axis: usize, at: usize, before: usize| {
            let start = at * window.stride[axis];
            start.saturating_sub(before)..sides[axis].min((start + window.size[axis]).saturating_sub(before))
        };
        [axis(0, y, top), axis(1, x, left)]
    }
}
