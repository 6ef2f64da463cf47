//! The innermost loop of a convolution: some pixels of a row times some output channels, all sums in registers.
//!
//! A sum goes over all taps and input channels in one order, in parts of one length; bias and residual are added in the end,
//! where they cost the least precision. So an output does not depend on the strip that it is in.

use std::mem::MaybeUninit;

use super::Activation;
use super::activation::UNBOUNDED;
use super::convolution::Job;
use super::layout::{LANES, View};
use super::target::{IN_A_ROW, MOST, Target, before};
use crate::lines::LINE;
use crate::products::UNROLLED;
use crate::vector::{Operation, Spread, Vector, prefetch_read, prefetch_write};

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
    /// Values from the weights of a block of output channels to those of the next.
    pub(super) next: usize,
    pub(super) bias: *const f32,
    /// Whether its sums take long enough to fetch what is needed after them.
    pub(super) is_long: bool,
}

/// The most pixels whose sums fit into the registers, beside those for weights and one for a value.
pub(super) const fn most<V: Vector>(registers: usize) -> usize {
    if registers <= 2 { V::STRIP } else { (2 * V::STRIP + 2 - registers) / registers }
}

/// Whether there is code for so many pixels. There is less for steps that are not known when it is compiled, and for a single
/// register, which few layers need.
const fn is_compiled<V: Vector, const STEP: usize, const REGISTERS: usize>(pixels: usize) -> bool {
    match pixels {
        1 | 4 => true,
        2 => STEP != 0,
        3 | 5 | 6 => STEP != 0 && REGISTERS > 2,
        7 | 9..14 => STEP != 0 && REGISTERS > 1 && pixels <= most::<V>(REGISTERS),
        _ => STEP != 0 && pixels <= most::<V>(REGISTERS),
    }
}

/// The most pixels, of those that there is code for, that are at most `left`.
#[inline(always)]
pub(super) fn largest<V: Vector, const STEP: usize, const REGISTERS: usize>(left: usize) -> usize {
    let mut pixels = left.min(MOST);
    while !is_compiled::<V, STEP, REGISTERS>(pixels) {
        pixels -= 1;
    }
    pixels
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
                    $($pixels if const { is_compiled::<V, STEP, REGISTERS>($pixels) } => {
                        let strip = self;
                        let sums = Sums::<STEP, REGISTERS, $pixels, TWICE> { strip, residual, to: &to, activation };
                        // SAFETY: the caller's.
                        unsafe { V::apart(sums) }
                    })*
                    _ => unreachable!("`largest` gives only numbers that there is code for"),
                }
            };
        }
        sized!(14 13 12 11 10 9 8 7 6 5 4 3 2 1);
        if activation.bounds().is_some() {
            return;
        }
        let Target { start, next, offsets } = to;
        for offset in &offsets[..count] {
            for register in 0..REGISTERS {
                // SAFETY: the caller's. The sums were stored there.
                unsafe {
                    let place = start.add(offset + before::<V>(register, next));
                    activation.apply(V::load(place)).store(place);
                }
            }
        }
    }
}

/// `PIXELS` pixels of a strip, with an activation if it only bounds the values.
///
/// Run it only as [`Strip::compute`] says.
struct Sums<'a, const STEP: usize, const REGISTERS: usize, const PIXELS: usize, const TWICE: bool> {
    strip: &'a Strip<'a>,
    residual: Option<Target<'a>>,
    to: &'a Target<'a>,
    activation: Activation,
}

impl<const STEP: usize, const REGISTERS: usize, const PIXELS: usize, const TWICE: bool> Operation
    for Sums<'_, STEP, REGISTERS, PIXELS, TWICE>
{
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { strip, residual, to, activation } = self;
        let step = if STEP == 0 { strip.step } else { STEP };
        // SAFETY: the caller's.
        unsafe {
            let to = to.places::<PIXELS>();
            let residual = residual.map(|residual| residual.places::<PIXELS>());
            let mut sums = [[V::splat(0.0); REGISTERS]; PIXELS];
            // They have the time of the sums to arrive.
            if strip.is_long {
                for pixel in 0..PIXELS {
                    for register in (0..REGISTERS).step_by(LINE / V::LANES) {
                        if let Some(residual) = &residual {
                            prefetch_read(residual.of::<V>(pixel, register));
                        }
                        prefetch_write(to.of::<V>(pixel, register));
                    }
                }
            }
            let mut row = strip.weights;
            // The sums of the values before those that are summed in registers. Short sums have none.
            let mut kept = MaybeUninit::<[[V; REGISTERS]; PIXELS]>::uninit();
            let (mut is_kept, mut summed) = (false, 0);
            for run in strip.runs {
                if summed >= PARTIAL {
                    if is_kept {
                        add::<V, REGISTERS, PIXELS>(&mut sums, kept.assume_init_ref());
                    }
                    kept.write(sums);
                    sums = [[V::splat(0.0); REGISTERS]; PIXELS];
                    (is_kept, summed) = (true, 0);
                }
                summed += run.len;
                let window = Spread::<TWICE>::new(strip.from.add(run.offset));
                let mut at = 0;
                while run.len - at >= UNROLLED {
                    for value in 0..UNROLLED {
                        add_products(
                            &mut sums,
                            row.add(value * LANES),
                            strip.next,
                            window,
                            [step, at + value],
                        );
                    }
                    (at, row) = (at + UNROLLED, row.add(UNROLLED * LANES));
                }
                while at < run.len {
                    add_products(&mut sums, row, strip.next, window, [step, at]);
                    (at, row) = (at + 1, row.add(LANES));
                }
            }
            if is_kept {
                add::<V, REGISTERS, PIXELS>(&mut sums, kept.assume_init_ref());
            }
            for register in 0..REGISTERS {
                let bias = V::load(strip.bias.add(register * V::LANES));
                sums.iter_mut().for_each(|sums| sums[register] = sums[register].add(bias));
            }
            if let Some(residual) = &residual {
                for (pixel, sums) in sums.iter_mut().enumerate() {
                    for (register, sum) in sums.iter_mut().enumerate() {
                        *sum = sum.add(V::load(residual.of::<V>(pixel, register)));
                    }
                }
            }
            macro_rules! store {
                ($sum:ident => $bounded:expr) => {
                    for (pixel, sums) in sums.into_iter().enumerate() {
                        for (register, $sum) in sums.into_iter().enumerate() {
                            $bounded.store(to.of::<V>(pixel, register));
                        }
                    }
                };
            }
            let bounds = activation.bounds().unwrap_or(UNBOUNDED);
            let [least, most] = bounds.map(|bound| V::splat(bound));
            // A bound that bounds nothing takes no instruction.
            match bounds {
                UNBOUNDED => store!(sum => sum),
                [_, f32::INFINITY] => store!(sum => sum.at_least(least)),
                _ => store!(sum => sum.at_least(least).at_most(most)),
            }
        }
    }
}

/// Adds the products of a value of each pixel: of value `at` of the windows, which are `step` values apart.
///
/// # Safety
///
/// As for [`Vector`]. There is such a value of each pixel, and a row of weights for it, also in the next block of output channels if
/// there are more than two registers.
#[inline(always)]
unsafe fn add_products<V: Vector, const REGISTERS: usize, const PIXELS: usize, const TWICE: bool>(
    sums: &mut [[V; REGISTERS]; PIXELS],
    row: *const f32,
    next: usize,
    window: Spread<TWICE>,
    [step, at]: [usize; 2],
) {
    // SAFETY: the caller's.
    unsafe {
        let mut weights = [V::splat(0.0); REGISTERS];
        for (register, weights) in weights.iter_mut().enumerate() {
            *weights = V::load(row.add(before::<V>(register, next)));
        }
        for (pixel, sums) in sums.iter_mut().enumerate() {
            let value: [V; 2] = window.get(pixel * step + at);
            for register in 0..REGISTERS {
                sums[register] = value[register % 2].mul_add(weights[register], sums[register]);
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
        Target { start: self.0.as_mut_ptr(), next: 0, offsets: &IN_A_ROW }
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
