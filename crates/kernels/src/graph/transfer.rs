//! Images are copied into the first maps, and the last maps to the caller: there a plane is one channel, in maps channels are in
//! blocks.

use std::ops::Range;

use super::Pooling;
use super::layout::{LANES, View};
use super::pointwise::clear_border;
use crate::feature_maps::FEW;
use crate::path::Path;
use crate::vector::{Operation, Vector};

/// Copies some rows of an image, `C x H x W`, into maps and their border.
///
/// # Safety
///
/// No other thread uses these rows now. The path is supported.
pub(super) unsafe fn pack(image: &[f32], to: View<'_>, rows: Range<usize>, path: Path) {
    // SAFETY: the caller's.
    unsafe {
        clear_border(to, rows.clone(), 0..to.layout.blocks());
        path.run(Pack { image, to, rows });
    }
}

struct Pack<'a> {
    image: &'a [f32],
    to: View<'a>,
    rows: Range<usize>,
}

impl Operation for Pack<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { image, to, rows } = self;
        let (shape, lanes) = (to.layout.shape, to.layout.lanes());
        let planes = image.chunks_exact(shape.height * shape.width);
        for y in rows {
            let mut lines = planes.clone().map(|plane| &plane[y * shape.width..][..shape.width]);
            for block in 0..to.layout.blocks() {
                let row = to.values.place(to.place(block, y as isize, 0), shape.width * lanes);
                // SAFETY: the caller's; the place of the whole row was checked.
                let row = unsafe { std::slice::from_raw_parts_mut(row, shape.width * lanes) };
                if shape.channels == FEW
                    && let (Some(first), Some(second), Some(third)) =
                        (lines.next(), lines.next(), lines.next())
                {
                    // All channels in one pass over the row.
                    let (pixels, _) = row.as_chunks_mut::<FEW>();
                    for (((pixel, a), b), c) in pixels.iter_mut().zip(first).zip(second).zip(third) {
                        *pixel = [*a, *b, *c];
                    }
                } else {
                    for (lane, line) in lines.by_ref().take(to.layout.used(block)).enumerate() {
                        for (pixel, value) in row.chunks_exact_mut(lanes).zip(line) {
                            pixel[lane] = *value;
                        }
                    }
                }
            }
        }
    }
}

/// Copies some blocks of channels of maps to their planes of `C x H x W`.
///
/// # Safety
///
/// All rows are there; no other thread writes them or uses these planes.
pub(super) unsafe fn unpack(from: View<'_>, blocks: Range<usize>, to: *mut f32) {
    let (shape, lanes) = (from.layout.shape, from.layout.lanes());
    for block in blocks {
        for lane in 0..from.layout.used(block) {
            let mut at = (block * LANES + lane) * shape.height * shape.width;
            for y in 0..shape.height {
                for pixel in row(from, block, y).chunks_exact(lanes) {
                    // SAFETY: the caller's.
                    unsafe { to.add(at).write(pixel[lane]) };
                    at += 1;
                }
            }
        }
    }
}

/// Pools some blocks of channels of maps to a value each. A mean is summed in f64, in the order of the pixels, and rounded once; a
/// largest value is NaN if one of the map is.
///
/// # Safety
///
/// As for [`unpack`]; the path is supported.
pub(super) unsafe fn pool(pooling: Pooling, from: View<'_>, blocks: Range<usize>, path: Path, to: *mut f32) {
    // SAFETY: the caller's.
    unsafe { path.run(Pool { pooling, from, blocks, to }) }
}

struct Pool<'a> {
    pooling: Pooling,
    from: View<'a>,
    blocks: Range<usize>,
    to: *mut f32,
}

impl Operation for Pool<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pooling, from, blocks, to } = self;
        let (shape, lanes) = (from.layout.shape, from.layout.lanes());
        let area = (shape.height * shape.width) as f64;
        for block in blocks {
            let (mut sums, mut largest) = ([-0.0; LANES], [f32::NEG_INFINITY; LANES]);
            for y in 0..shape.height {
                for pixel in row(from, block, y).chunks_exact(lanes) {
                    match pooling {
                        Pooling::Average => {
                            sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
                        }
                        Pooling::Max => {
                            for (largest, value) in largest.iter_mut().zip(pixel) {
                                if !(*largest >= *value || largest.is_nan()) {
                                    *largest = *value;
                                }
                            }
                        }
                    }
                }
            }
            for lane in 0..from.layout.used(block) {
                let value = match pooling {
                    Pooling::Average => (sums[lane] / area) as f32,
                    Pooling::Max => largest[lane],
                };
                // SAFETY: the caller's.
                unsafe { to.add(block * LANES + lane).write(value) };
            }
        }
    }
}

/// A row of a block.
#[inline(always)]
fn row<'m>(from: View<'m>, block: usize, y: usize) -> &'m [f32] {
    let len = from.layout.shape.width * from.layout.lanes();
    let place = from.values.place(from.place(block, y as isize, 0), len);
    // SAFETY: the place of the whole row was checked, and no other thread writes it, as the callers' callers promise.
    unsafe { std::slice::from_raw_parts(place, len) }
}
