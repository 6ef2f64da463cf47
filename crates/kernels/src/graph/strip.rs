//! The innermost loop of a convolution: some pixels of a row times some output channels, all sums in registers.
//!
//! A sum goes over all taps and input channels in one order, in parts of one length; bias and residual are added in the end,
//! where they cost the least precision. So an output does not depend on the strip that it is in.

use std::mem::MaybeUninit;

use super::Activation;
use super::activation::UNBOUNDED;
use super::convolution::Job;
use super::layout::{LANES, View};
use crate::lines::LINE;
use crate::vector::{Spread, Vector, prefetch_read, prefetch_write};

/// The most pixels of a strip.
const MOST: usize = 14;

/// About as many values are summed one after the other; a longer sum is one of such sums, whose rounding errors are smaller by
/// the root of their number.
const PARTIAL: usize = 96;

/// Values that follow each other in memory, which a sum goes over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// From the first value of the pixel's window.
    pub(super) offset: usize,
    pub(super) len: usize,
}

/// What a strip is computed from.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    pub(super) runs: &'a [Run],
    /// The window of the first pixel.
    pub(super) from: *const f32,
    /// Values from the window of a pixel to that of the next.
    pub(super) step: usize,
    /// A row of `LANES` for each value of the runs.
    pub(super) weights: *const f32,
    pub(super) bias: *const f32,
    /// Whether its sums take long enough to fetch what is needed after them.
    pub(super) is_long: bool,
}

/// Where the lanes of some pixels are.
pub(super) struct Target<'a> {
    start: *mut f32,
    /// Values from the first pixel to each.
    offsets: &'a Offsets,
}

/// Values from the first pixel of a strip to each.
pub(super) type Offsets = [usize; MOST];

/// The offsets of pixels that follow each other.
static IN_A_ROW: Offsets = {
    let mut offsets = [0; MOST];
    let mut pixel = 0;
    while pixel < MOST {
        offsets[pixel] = pixel * LANES;
        pixel += 1;
    }
    offsets
};

impl<'a> Target<'a> {
    /// The pixels from column `x` on, which may be past the end of the row: then it counts on in the next rows. `offsets` is
    /// memory for them.
    #[inline(always)]
    pub(super) fn of(
        view: View<'_>,
        [block, y, x]: [usize; 3],
        count: usize,
        lane: usize,
        offsets: &'a mut Offsets,
    ) -> Self {
        let width = view.layout.shape.width;
        let (y, x) = if x < width { (y, x) } else { (y + x / width, x % width) };
        let first = view.place(block, y as isize, x as isize);
        if x + count <= width || view.is_contiguous() {
            return Self { start: view.values.place(first + lane, count * LANES - lane), offsets: &IN_A_ROW };
        }
        let (mut left, mut offset) = (width - x, 0);
        let gap = view.layout.row_stride() - width * LANES;
        for place in &mut offsets[..count] {
            if left == 0 {
                (left, offset) = (width, offset + gap);
            }
            *place = offset;
            (left, offset) = (left - 1, offset + LANES);
        }
        Self { start: view.values.place(first + lane, offsets[count - 1] + LANES - lane), offsets }
    }

    /// # Safety
    ///
    /// The target has this pixel.
    #[inline(always)]
    unsafe fn pixel(&self, pixel: usize) -> *mut f32 {
        // SAFETY: the caller's; `of` checked the last of the pixels.
        unsafe { self.start.add(self.offsets[pixel]) }
    }
}

/// The most pixels, of those that there is code for, that are at most `left`. There is less code for steps that are not
/// known when it is compiled.
#[inline(always)]
pub(super) fn largest<V: Vector, const STEP: usize>(left: usize) -> usize {
    match left.min(V::STRIP) {
        4.. if STEP == 0 => 4,
        2.. if STEP == 0 => 1,
        4..7 => 4,
        2..4 => 2,
        left => left.min(MOST),
    }
}

impl Strip<'_> {
    /// Computes `count` pixels, a number that [`largest`] gives.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]. All values that the runs name exist, with a row of weights for each, and the targets have `count`
    /// pixels.
    #[inline(always)]
    pub(super) unsafe fn compute<V: Vector, const STEP: usize, const REGISTERS: usize, const TWICE: bool>(
        &self,
        count: usize,
        residual: Option<Target<'_>>,
        to: Target<'_>,
        activation: Activation,
    ) {
        macro_rules! sized {
            ($($pixels:literal)*) => {
                match count {
                    $($pixels if $pixels <= V::STRIP && (STEP != 0 || $pixels == 1 || $pixels == 4) => {
                        // SAFETY: the caller's.
                        unsafe { self.sums::<V, STEP, REGISTERS, $pixels, TWICE>(residual, &to, activation) }
                    })*
                    _ => unreachable!("`largest` gives only numbers that there is code for"),
                }
            };
        }
        sized!(14 13 12 11 10 9 8 7 4 2 1);
        if activation.bounds().is_some() {
            return;
        }
        for pixel in 0..count {
            for register in 0..REGISTERS {
                // SAFETY: the caller's. The sums were stored there.
                unsafe {
                    let place = to.pixel(pixel).add(register * V::LANES);
                    activation.apply(V::load(place)).store(place);
                }
            }
        }
    }

    /// `PIXELS` pixels, with an activation if it only bounds the values.
    ///
    /// # Safety
    ///
    /// As for [`compute`](Self::compute).
    #[inline(always)]
    unsafe fn sums<
        V: Vector,
        const STEP: usize,
        const REGISTERS: usize,
        const PIXELS: usize,
        const TWICE: bool,
    >(
        &self,
        residual: Option<Target<'_>>,
        to: &Target<'_>,
        activation: Activation,
    ) {
        let step = if STEP == 0 { self.step } else { STEP };
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [[V::splat(0.0); REGISTERS]; PIXELS];
            // They have the time of the sums to arrive.
            if self.is_long {
                for pixel in 0..PIXELS {
                    for line in (0..REGISTERS * V::LANES).step_by(LINE) {
                        if let Some(residual) = &residual {
                            prefetch_read(residual.pixel(pixel).add(line));
                        }
                        prefetch_write(to.pixel(pixel).add(line));
                    }
                }
            }
            let mut row = self.weights;
            // The sums of the values before those that are summed in registers. Short sums have none.
            let mut kept = MaybeUninit::<[[V; REGISTERS]; PIXELS]>::uninit();
            let (mut is_kept, mut summed) = (false, 0);
            for run in self.runs {
                if summed >= PARTIAL {
                    if is_kept {
                        add::<V, REGISTERS, PIXELS>(&mut sums, kept.assume_init_ref());
                    }
                    kept.write(sums);
                    sums = [[V::splat(0.0); REGISTERS]; PIXELS];
                    (is_kept, summed) = (true, 0);
                }
                summed += run.len;
                let window = Spread::<TWICE>::new(self.from.add(run.offset));
                for value in 0..run.len {
                    let mut weights = [V::splat(0.0); REGISTERS];
                    for (register, weights) in weights.iter_mut().enumerate() {
                        *weights = V::load(row.add(register * V::LANES));
                    }
                    for (pixel, sums) in sums.iter_mut().enumerate() {
                        let value: [V; 2] = window.get(pixel * step + value);
                        for register in 0..REGISTERS {
                            sums[register] = value[register].mul_add(weights[register], sums[register]);
                        }
                    }
                    row = row.add(LANES);
                }
            }
            if is_kept {
                add::<V, REGISTERS, PIXELS>(&mut sums, kept.assume_init_ref());
            }
            for register in 0..REGISTERS {
                let bias = V::load(self.bias.add(register * V::LANES));
                sums.iter_mut().for_each(|sums| sums[register] = sums[register].add(bias));
            }
            if let Some(residual) = &residual {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    for (register, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(V::load(residual.pixel(pixel).add(register * V::LANES)));
                    }
                }
            }
            let [least, most] = activation.bounds().unwrap_or(UNBOUNDED).map(|bound| V::splat(bound));
            for (pixel, sums) in sums.into_iter().enumerate() {
                for (register, sum) in sums.into_iter().enumerate() {
                    sum.at_least(least).at_most(most).store(to.pixel(pixel).add(register * V::LANES));
                }
            }
        }
    }
}

/// Sums of a result of so few channels that they are side by side.
pub(super) struct FewSums([f32; MOST * LANES]);

impl FewSums {
    pub(super) fn new() -> Self {
        Self([0.0; MOST * LANES])
    }

    /// Where a strip stores them.
    pub(super) fn target(&mut self) -> Target<'static> {
        Target { start: self.0.as_mut_ptr(), offsets: &IN_A_ROW }
    }

    /// Stores `count` pixels from column `x` on, after the residual and the activation.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; no other thread uses these pixels.
    #[inline(always)]
    pub(super) unsafe fn finish<V: Vector>(&self, job: &Job<'_>, [y, x]: [usize; 2], count: usize) {
        let few = job.to.layout.lanes();
        let width = job.to.layout.shape.width;
        for pixel in 0..count {
            let (y, x) = (y + (x + pixel) / width, (x + pixel) % width);
            let place = |view: View<'_>| view.values.place(view.place(0, y as isize, x as isize), few);
            // SAFETY: the caller's. The places of pixels are checked.
            unsafe {
                let mut sum: V = V::load(self.0.as_ptr().add(pixel * LANES));
                if let Some(residual) = job.residual {
                    sum = sum.add(load_some(place(residual), few));
                }
                store_some(job.packed.activation().apply(sum), place(job.to), few);
            }
        }
    }
}

/// Adds sums to sums.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn add<V: Vector, const REGISTERS: usize, const PIXELS: usize>(
    sums: &mut [[V; REGISTERS]; PIXELS],
    others: &[[V; REGISTERS]; PIXELS],
) {
    for (sums, others) in sums.iter_mut().zip(others) {
        for (sum, other) in sums.iter_mut().zip(others) {
            // SAFETY: the caller's.
            *sum = unsafe { sum.add(*other) };
        }
    }
}

/// A register whose first `count` lanes are from memory.
///
/// # Safety
///
/// As for [`Vector`]; there are `count` values.
#[inline(always)]
pub(super) unsafe fn load_some<V: Vector>(from: *const f32, count: usize) -> V {
    // SAFETY: the caller's; no register has more than LINE lanes.
    unsafe {
        if count == V::LANES {
            return V::load(from);
        }
        let mut values = [0.0; LINE];
        std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), count);
        V::load(values.as_ptr())
    }
}

/// Stores the first `count` lanes.
///
/// # Safety
///
/// As for [`load_some`].
#[inline(always)]
pub(super) unsafe fn store_some<V: Vector>(values: V, to: *mut f32, count: usize) {
    // SAFETY: as for `load_some`.
    unsafe {
        if count == V::LANES {
            return values.store(to);
        }
        let mut stored = [0.0; LINE];
        values.store(stored.as_mut_ptr());
        std::ptr::copy_nonoverlapping(stored.as_ptr(), to, count);
    }
}
