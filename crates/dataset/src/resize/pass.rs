//! The two passes of a filter: along the rows of an image, and along its columns.
//!
//! Their loops are plain, over samples that lie side by side. pulp compiles them for what the CPU has. They are of whole numbers,
//! so that every version has the same bits.

use std::ops::Range;

use pulp::{Scalar, Simd, WithSimd};

/// Fraction bits of a weight: a sum of weights near one, times 255, with overshoot, must fit into 32 bits.
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Half of the last digit, so that the shift rounds.
pub(super) const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Rows that the pass along the rows computes at a time.
const STRIP: usize = 16;

/// Samples that are computed at a time: a pixel of each row of a strip.
const LANES: usize = 3 * STRIP;

/// The source positions that make one target position.
pub(super) struct Window {
    pub(super) first: usize,
    pub(super) weights: Vec<i32>,
}

/// The source positions that any of the windows reads.
pub(super) fn span(windows: &[Window]) -> Range<usize> {
    let first = windows.iter().map(|window| window.first).min().unwrap_or(0);
    let end = windows.iter().map(|window| window.first + window.weights.len()).max().unwrap_or(0);
    first..end
}

/// It never wraps: [`PRECISION_BITS`] leaves room. With overflow checks the compiler could not compute several at once.
#[inline(always)]
fn with_sample(sum: i32, sample: u8, weight: i32) -> i32 {
    sum.wrapping_add(i32::from(sample).wrapping_mul(weight))
}

#[inline(always)]
fn level(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Weighs samples that follow each other in a window, `stride` apart, in each lane.
#[inline(always)]
fn weigh(samples: &[u8], stride: usize, weights: &[i32], out: &mut [u8; LANES]) {
    let mut sums = [HALF; LANES];
    let mut at = 0;
    for &weight in weights {
        // The window lies inside the image.
        let Some(samples) = samples.get(at..).and_then(|samples| samples.first_chunk::<LANES>()) else {
            break;
        };
        for (sum, &sample) in sums.iter_mut().zip(samples) {
            *sum = with_sample(*sum, sample, weight);
        }
        at += stride;
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = level(sum);
    }
}

/// Runs a loop as it is compiled for AVX2, if the CPU has that; elsewhere as it is compiled for every CPU of the kind.
fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, op);
    }
    op.with_simd(Scalar)
}

/// Filters some of the rows, which are `width` pixels wide. The first of these pixels is at the source position `left`.
pub(super) fn along_rows(
    pixels: &[u8],
    width: usize,
    rows: &Range<usize>,
    windows: &[Window],
    left: usize,
) -> Vec<u8> {
    let pixels = &pixels[3 * width * rows.start..3 * width * rows.end];
    let mut out = vec![0; 3 * rows.len() * windows.len()];
    // The pixels of a column of the strip side by side, before and after the filter.
    let used = span(windows);
    let mut strip = vec![0; LANES * used.len()];
    let mut filtered = vec![[0; LANES]; windows.len()];
    let strips = pixels.chunks(STRIP * 3 * width).zip(out.chunks_mut(STRIP * 3 * windows.len()));
    for (pixels, out) in strips {
        for (row, pixels) in pixels.chunks_exact(3 * width).enumerate() {
            let pixels = &pixels[3 * (used.start - left)..3 * (used.end - left)];
            for (column, pixel) in strip.as_chunks_mut::<LANES>().0.iter_mut().zip(pixels.as_chunks::<3>().0)
            {
                column[3 * row..3 * row + 3].copy_from_slice(pixel);
            }
        }
        dispatch(Strip { samples: &strip, windows, left: used.start, out: &mut filtered });
        for (row, out) in out.chunks_exact_mut(3 * windows.len()).enumerate() {
            for (column, pixel) in filtered.iter().zip(out.as_chunks_mut::<3>().0) {
                pixel.copy_from_slice(&column[3 * row..3 * row + 3]);
            }
        }
    }
    out
}

/// A strip of rows. Its samples begin at the source position `left`.
struct Strip<'a> {
    samples: &'a [u8],
    windows: &'a [Window],
    left: usize,
    out: &'a mut [[u8; LANES]],
}

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (out, window) in self.out.iter_mut().zip(self.windows) {
            weigh(&self.samples[LANES * (window.first - self.left)..], LANES, &window.weights, out);
        }
    }
}

/// Filters some of the columns of rows that are `width` pixels wide. The first row is at the source position `top`.
pub(super) fn along_columns(
    pixels: &[u8],
    width: usize,
    columns: &Range<usize>,
    windows: &[Window],
    top: usize,
) -> Vec<u8> {
    let row_len = 3 * width;
    let mut out = vec![0; 3 * columns.len() * windows.len()];
    for (out, window) in out.chunks_exact_mut(3 * columns.len()).zip(windows) {
        let samples = &pixels[(window.first - top) * row_len + 3 * columns.start..];
        dispatch(Row { samples, row_len, weights: &window.weights, out });
    }
    out
}

/// A row of the result.
struct Row<'a> {
    samples: &'a [u8],
    row_len: usize,
    weights: &'a [i32],
    out: &'a mut [u8],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { samples, row_len, weights, out } = self;
        let mut at = 0;
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        for block in blocks {
            weigh(&samples[at..], row_len, weights, block);
            at += LANES;
        }
        for out in rest {
            let mut sum = HALF;
            let mut place = at;
            for &weight in weights {
                sum = with_sample(sum, samples[place], weight);
                place += row_len;
            }
            *out = level(sum);
            at += 1;
        }
    }
}
