//! The innermost loop of a convolution: some pixels of a row times some output channels, all sums in registers.
//!
//! A sum goes over all taps and input channels in one order, in parts of one length; bias and residual are added in the end,
//! where they cost the least precision. So an output does not depend on the strip that it is in.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::Activation;
use super::activation::UNBOUNDED;
use super::convolution::Job;
use super::layout::{LANES, View};
use crate::lines::LINE;
use crate::vector::{Operation, Spread, Vector, prefetch_read, prefetch_write};

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
    /// Values from the weights of a block of output channels to those of the next.
    pub(super) next: usize,
    pub(super) bias: *const f32,
    /// Whether its sums take long enough to fetch what is needed after them.
    pub(super) is_long: bool,
}

/// Where the lanes of some pixels are.
pub(super) struct Target<'a> {
    start: *mut f32,
    /// Values from a block of channels to the next.
    next: usize,
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

/// The lanes that come before a register's, where it takes two of them for the lanes of a block, and the next block begins
/// `next` values after it. One register or two may also be a part of a block.
#[inline(always)]
fn before<V: Vector>(register: usize, next: usize) -> usize {
    register / 2 * next + register % 2 * V::LANES
}

/// The pixels of a row of some blocks, and of the rows after it if there are more pixels than it has.
pub(super) struct Walk<'a> {
    view: View<'a>,
    /// Values from a pixel's first block to its last.
    others: usize,
    /// Where the next pixel is, with its lanes from `lane` on.
    next: usize,
    lane: usize,
    /// Pixels that are left in its row, or in all rows if they follow each other without a gap.
    left: usize,
}

impl<'a> Walk<'a> {
    /// From the first pixel of row `y` on, and from a lane of the blocks on.
    #[inline(always)]
    pub(super) fn new(view: View<'a>, blocks: &Range<usize>, [y, lane]: [usize; 2]) -> Self {
        let next = view.place(blocks.start, y as isize, 0) + lane;
        let left = if view.is_contiguous() { usize::MAX } else { view.layout.shape.width };
        Self { view, others: (blocks.len() - 1) * view.block_stride, next, lane, left }
    }

    /// The next pixels. `offsets` is memory for them.
    #[inline(always)]
    pub(super) fn take<'o>(&mut self, count: usize, offsets: &'o mut Offsets) -> Target<'o> {
        let Self { view, others, lane, .. } = *self;
        let width = view.layout.shape.width;
        let gap = view.layout.row_stride() - width * LANES;
        if self.left == 0 {
            (self.next, self.left) = (self.next + gap, width);
        }
        let first = self.next;
        let offsets = if count <= self.left {
            (self.next, self.left) = (self.next + count * LANES, self.left - count);
            &IN_A_ROW
        } else {
            for place in &mut offsets[..count] {
                if self.left == 0 {
                    (self.next, self.left) = (self.next + gap, width);
                }
                *place = self.next - first;
                (self.next, self.left) = (self.next + LANES, self.left - 1);
            }
            &*offsets
        };
        let start = view.values.place(first, others + offsets[count - 1] + LANES - lane);
        Target { start, next: view.block_stride, offsets }
    }
}

impl Target<'_> {
    /// The places of `PIXELS` pixels, for the loops: they would read the target again after each store.
    ///
    /// # Safety
    ///
    /// The target has so many pixels.
    #[inline(always)]
    unsafe fn places<const PIXELS: usize>(&self) -> Places<PIXELS> {
        // SAFETY: the caller's; `Walk::take` checked the last of the pixels of the last block.
        let pixels = std::array::from_fn(|pixel| unsafe { self.start.add(self.offsets[pixel]) });
        Places { pixels, next: self.next }
    }
}

/// The first lanes of some pixels.
struct Places<const PIXELS: usize> {
    pixels: [*mut f32; PIXELS],
    /// Values from a block of channels to the next.
    next: usize,
}

impl<const PIXELS: usize> Places<PIXELS> {
    /// # Safety
    ///
    /// The pixel has the block of this register.
    #[inline(always)]
    unsafe fn of<V: Vector>(&self, pixel: usize, register: usize) -> *mut f32 {
        // SAFETY: the caller's.
        unsafe { self.pixels[pixel].add(before::<V>(register, self.next)) }
    }
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
                let mut next = 0;
                // Four values at a time: with a branch after each, the sums take 2 to 4 % longer on an Intel Xeon.
                macro_rules! values_by {
                    ($count:literal) => {
                        while run.len - next >= $count {
                            for value in 0..$count {
                                let row = row.add(value * LANES);
                                let mut weights = [V::splat(0.0); REGISTERS];
                                for (register, weights) in weights.iter_mut().enumerate() {
                                    *weights = V::load(row.add(before::<V>(register, strip.next)));
                                }
                                for (pixel, sums) in sums.iter_mut().enumerate() {
                                    let value: [V; 2] = window.get(pixel * step + next + value);
                                    for register in 0..REGISTERS {
                                        sums[register] =
                                            value[register % 2].mul_add(weights[register], sums[register]);
                                    }
                                }
                            }
                            (next, row) = (next + $count, row.add($count * LANES));
                        }
                    };
                }
                values_by!(4);
                values_by!(1);
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
            let [least, most] = activation.bounds().unwrap_or(UNBOUNDED);
            let (lower, upper) = (V::splat(least), V::splat(most));
            match [least, most] {
                UNBOUNDED => store!(sum => sum),
                [_, f32::INFINITY] => store!(sum => sum.at_least(lower)),
                _ => store!(sum => sum.at_least(lower).at_most(upper)),
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
