//! Operations on single values: sums, gates, activations, and copies.

use std::ops::Range;

use super::Activation;
use super::layout::View;
use super::strip::{load_some, store_some};
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// What is done with each value.
#[derive(Clone, Copy)]
pub(super) enum Pointwise<'a> {
    /// The sum with other maps, and its activation.
    Add(View<'a>, Activation),
    /// The product with a gate: maps of one pixel.
    Multiply(View<'a>),
    /// The activation.
    Activate(Activation),
}

/// An operation on the maps of an image.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) operation: Pointwise<'a>,
    pub(super) path: Path,
    pub(super) from: View<'a>,
    pub(super) to: View<'a>,
}

impl Job<'_> {
    /// Computes some rows of some blocks of channels. The border is not written.
    ///
    /// # Safety
    ///
    /// These rows are in all maps, and meanwhile no other thread writes those that are read or uses `to`.
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
        let Job { operation, from, to, .. } = self.job;
        let (lanes, width) = (to.layout.lanes(), to.layout.shape.width);
        // Whole registers, or as many lanes as a pixel of few channels has.
        let kept = V::LANES.min(lanes);
        for block in self.blocks.clone() {
            for y in self.rows.clone() {
                let row = |view: View<'_>| {
                    view.values.place(view.place(block, y as isize, 0), width * lanes).cast_const()
                };
                let (values, result) = (row(from), row(to).cast_mut());
                let other = match operation {
                    Pointwise::Add(other, _) => row(other),
                    Pointwise::Multiply(gate) => {
                        gate.values.place(gate.place(block, 0, 0), lanes).cast_const()
                    }
                    Pointwise::Activate(_) => values,
                };
                for lane in (0..to.layout.used(block)).step_by(V::LANES) {
                    for x in 0..width {
                        let at = x * lanes + lane;
                        // SAFETY: the caller's. The places of whole rows were checked.
                        unsafe {
                            let value: V = load_some(values.add(at), kept);
                            let value = match operation {
                                Pointwise::Add(_, activation) => {
                                    activation.apply(value.add(load_some(other.add(at), kept)))
                                }
                                Pointwise::Multiply(_) => value.mul(load_some(other.add(lane), kept)),
                                Pointwise::Activate(activation) => activation.apply(value),
                            };
                            store_some(value, result.add(at), kept);
                        }
                    }
                }
            }
        }
    }
}

/// Copies the maps of an image, or some of its rows, to channels from `first` on.
///
/// # Safety
///
/// These rows are in both maps, and meanwhile no other thread writes the former or uses the latter.
pub(super) unsafe fn copy(from: View<'_>, to: View<'_>, first: usize, rows: Range<usize>) {
    let (ins, outs) = (from.layout.lanes(), to.layout.lanes());
    for channel in 0..from.layout.shape.channels {
        for y in rows.clone() {
            for x in 0..to.layout.shape.width {
                let at = |view: View<'_>, channel: usize, lanes: usize| {
                    let place = view.place(channel / lanes, y as isize, x as isize) + channel % lanes;
                    view.values.place(place, 1)
                };
                // SAFETY: the caller's. Both places are checked.
                unsafe { *at(to, first + channel, outs) = *at(from, channel, ins) }
            }
        }
    }
}

/// Writes zeros around some rows of some blocks of maps, and above the first and below the last one if they are among them.
///
/// # Safety
///
/// As for [`copy`].
pub(super) unsafe fn clear_border(to: View<'_>, rows: Range<usize>, blocks: Range<usize>) {
    let [top, left, bottom, right] = to.layout.border;
    if [top, left, bottom, right] == [0; 4] {
        return;
    }
    let (lanes, shape) = (to.layout.lanes(), to.layout.shape);
    let clear = |block: usize, y: isize, x: isize, pixels: usize| {
        let place = to.values.place(to.place(block, y, x), pixels * lanes);
        // SAFETY: the caller's. The place is checked.
        unsafe { std::ptr::write_bytes(place, 0, pixels * lanes) }
    };
    let whole = left + shape.width + right;
    let in_band = |y: isize| {
        let row = (y + top as isize) as usize;
        (to.band[0]..to.band[0] + to.band[1]).contains(&row)
    };
    for block in blocks {
        if rows.start == 0 {
            (0..top).map(|row| row as isize - top as isize).filter(|y| in_band(*y)).for_each(|y| {
                clear(block, y, -(left as isize), whole);
            });
        }
        for y in rows.clone() {
            clear(block, y as isize, -(left as isize), left);
            clear(block, y as isize, shape.width as isize, right);
        }
        if rows.end == shape.height {
            (0..bottom).map(|row| (shape.height + row) as isize).filter(|y| in_band(*y)).for_each(|y| {
                clear(block, y, -(left as isize), whole);
            });
        }
    }
}
