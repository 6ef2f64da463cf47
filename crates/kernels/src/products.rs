//! The innermost loops: a group of tiles times input channels times a block of output channels. The tiles of a group are side by
//! side in the matrix of one product, or are rows of any products with the same kernels.
//!
//! After a ReLU many channels are zero over whole tiles. Channels that are zero in all tiles of a group are left out of
//! its sums. They would only add zeros, so no bit depends on the choice of a group.

mod tiles;

use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

pub(crate) use self::tiles::Row;
use self::tiles::{Apart, Tiles, Together};
use crate::feature_maps::LANES;
use crate::lines::LINE;
use crate::vector::{Vector, prefetch_later, prefetch_write};

/// The most tiles of a group. Each tile needs two registers for sums and two for totals; with only 16 registers the
/// totals go to the first cache and back. With more tiles, fewer channels are zero in all of them; with fewer, kernels
/// are read more often.
pub(crate) const GROUP: usize = 6;

/// The values of tiles are fetched this many lines of channels before their use.
const AHEAD: usize = 8;

/// Lines of channels that are summed before their sum is added to that of earlier lines. In three steps (some channels
/// of a line, the lines of a chunk, the chunks) a sum of 512 terms has a quarter of the error that it has in one.
pub(crate) const CHUNK: usize = 4;
/// From this many channels on, the first step takes half a line: the longest sums lose the most.
pub(crate) const LONG: usize = 16 * LINE;

/// Kernels that are needed later, and are fetched meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Later {
    pub(crate) from: *const f32,
    /// The lines of them that are fetched for each [`LINE`] channels.
    pub(crate) lines: usize,
}

/// What some sums are parts of.
#[derive(Clone, Copy)]
pub(crate) struct Sums {
    /// Whether the whole sums are of [`LONG`] channels or more.
    pub(crate) is_long: bool,
    /// Whether they are added to those that are in memory.
    pub(crate) onto: bool,
}

/// `m = v kernels` for a group of `tiles` tiles: `tiles x LANES` from
/// `channels / LINE x tiles x LINE` and `channels x LANES`. Each value of `active` has a bit for each of [`LANES`] channels. A
/// channel whose bit is not set is zero in all tiles.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const TWICE: bool>(
    tiles: usize,
    v: &[f32],
    active: &[u32],
    kernels: &[f32],
    m: &mut [f32],
    is_long: bool,
    later: Later,
) {
    let sums = Sums { is_long, onto: false };
    let lines = kernels.len() / (LINE * LANES);
    macro_rules! group_of {
        ($($tiles:literal)*) => {
            match tiles {
                $($tiles => {
                    let tiles = Together::<$tiles, TWICE>::new(v, lines, m);
                    // SAFETY: the caller's; the lengths were checked.
                    unsafe { multiply_tiles::<V, _, $tiles>(tiles, active, kernels, sums, later) }
                })*
                _ => unreachable!("a group has 1 to {GROUP} tiles"),
            }
        };
    }
    group_of!(1 2 3 4 5 6);
}

/// Fetches LANES values that will be written: the channels of a pixel, or sums.
#[inline(always)]
pub(crate) fn fetch_pixel(at: *const f32) {
    prefetch_write(at);
    prefetch_write(at.wrapping_add(LINE));
}

/// [`multiply`] for at most [`GROUP`] rows of `V` with the same kernels, which are of some lines of at most [`CHUNK`]. The sums
/// of the `following` rows are fetched.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn multiply_rows<V: Vector, const TWICE: bool>(
    [rows, following]: [&[Row]; 2],
    lines: &Range<usize>,
    v: &[f32],
    kernels: &[f32],
    m: &mut [f32],
    sums: Sums,
    later: Later,
) {
    assert!(kernels.len() == lines.len() * LINE * LANES);
    let mut active = [0; CHUNK * LINE / LANES];
    for row in rows {
        let of_row = &v[row.active + lines.start * LINE / LANES..][..(lines.len() * LINE).div_ceil(LANES)];
        active.iter_mut().zip(of_row).for_each(|(active, of_row)| *active |= of_row.to_bits());
    }
    following.iter().for_each(|row| fetch_pixel(m.as_ptr().wrapping_add(row.m)));
    macro_rules! rows_of {
        ($($tiles:literal)*) => {
            match rows.len() {
                $($tiles => {
                    let tiles = Apart::<$tiles, TWICE>::new(rows, lines, v, m);
                    // SAFETY: the caller's; the places were checked.
                    unsafe { multiply_tiles::<V, _, $tiles>(tiles, &active, kernels, sums, later) }
                })*
                _ => unreachable!("a group has 1 to {GROUP} rows"),
            }
        };
    }
    rows_of!(1 2 3 4 5 6);
}

/// The products of `TILES` tiles.
///
/// # Safety
///
/// As for [`multiply_by`].
#[inline(always)]
unsafe fn multiply_tiles<V: Vector, T: Tiles, const TILES: usize>(
    tiles: T,
    active: &[u32],
    kernels: &[f32],
    sums: Sums,
    later: Later,
) {
    // SAFETY: the caller's.
    unsafe {
        if sums.is_long {
            multiply_by::<V, T, TILES, { LINE / 2 }>(tiles, active, kernels, sums.onto, later);
        } else {
            multiply_by::<V, T, TILES, LINE>(tiles, active, kernels, sums.onto, later);
        }
    }
}

/// [`multiply_tiles`] with `TERMS` channels in the first step of the sums.
///
/// # Safety
///
/// As for [`Vector`]. There are as many channels of each tile as of `kernels`, and room for its products.
#[inline(always)]
unsafe fn multiply_by<V: Vector, T: Tiles, const TILES: usize, const TERMS: usize>(
    all: T,
    active: &[u32],
    kernels: &[f32],
    onto: bool,
    mut later: Later,
) {
    let lines = kernels.len() / (LINE * LANES);
    assert!(active.len() * LANES >= lines * LINE);
    for lane in (0..LANES).step_by(2 * V::LANES) {
        // SAFETY: `kernels` has `lines` times LINE rows of LANES, which the pointer advances over; two registers from `lane` on
        // end within a row, of `kernels` and of the products. The caller's for the tiles.
        unsafe {
            let (mut tiles, mut row) = (all, kernels.as_ptr().add(lane));
            for chunk in (0..lines).step_by(CHUNK) {
                let mut totals = [[V::splat(0.0); 2]; TILES];
                for line in chunk..lines.min(chunk + CHUNK) {
                    let active = active[line * LINE / LANES] >> (line * LINE % LANES);
                    if lane == 0 {
                        for _ in 0..later.lines {
                            prefetch_later(later.from);
                            later.from = later.from.wrapping_add(LINE);
                        }
                        tiles.fetch();
                    }
                    for first in (0..LINE).step_by(TERMS) {
                        let active = (active >> first) & const { (1 << TERMS) - 1 };
                        let (tiles, row) = (tiles.skip(first), row.add(first * LANES));
                        let sums = if active == const { (1 << TERMS) - 1 } {
                            all_sums::<V, T, TILES, TERMS>(tiles, row)
                        } else {
                            sums::<V, T, TILES>(active, tiles, row)
                        };
                        for (total, sum) in totals.iter_mut().zip(sums) {
                            *total = [total[0].add(sum[0]), total[1].add(sum[1])];
                        }
                    }
                    tiles = tiles.next_line();
                    row = row.wrapping_add(LINE * LANES);
                }
                for (tile, total) in totals.into_iter().enumerate() {
                    for (half, sum) in total.into_iter().enumerate() {
                        let to = all.to(tile).add(lane + half * V::LANES);
                        let before = if chunk == 0 && !onto { V::splat(0.0) } else { V::load(to) };
                        sum.add(before).store(to);
                    }
                }
            }
        }
    }
}

/// Values or channels that are summed without a branch between them; a divisor of half a line. With a branch after each, direct
/// convolutions take 2 to 4 % longer on an Intel Xeon.
pub(crate) const UNROLLED: usize = 4;

/// The sums of the products of `TERMS` channels, as [`sums`] gives them, in fewer instructions.
///
/// # Safety
///
/// As for [`sums`], for so many channels.
#[inline(always)]
unsafe fn all_sums<V: Vector, T: Tiles, const TILES: usize, const TERMS: usize>(
    tiles: T,
    row: *const f32,
) -> [[V; 2]; TILES] {
    const { assert!(TERMS.is_multiple_of(UNROLLED)) }
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; TILES];
        for first in (0..TERMS).step_by(UNROLLED) {
            for channel in first..first + UNROLLED {
                let (tiles, row) = (tiles.skip(channel), row.add(channel * LANES));
                add_products::<V, T, TILES>(&mut sums, channel == 0, tiles, row);
            }
        }
        sums
    }
}

/// The sums of the products of those channels whose bits are set.
///
/// # Safety
///
/// As for [`Vector`]. Each of these channels, counted from the lowest bit on, has a value of every tile and a row of LANES, of
/// which `row` may have skipped the first lanes.
#[inline(always)]
unsafe fn sums<V: Vector, T: Tiles, const TILES: usize>(
    mut active: u32,
    tiles: T,
    row: *const f32,
) -> [[V; 2]; TILES] {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; TILES];
        for is_first in [true, false] {
            while active != 0 {
                let channel = active.trailing_zeros() as usize;
                active &= active - 1;
                let (tiles, row) = (tiles.skip(channel), row.add(channel * LANES));
                add_products::<V, T, TILES>(&mut sums, is_first, tiles, row);
                if is_first {
                    break;
                }
            }
        }
        sums
    }
}

/// Adds the products of one channel to the sums. If it `is_first`, they become the sums: filling registers with zeros takes as long
/// as an addition.
///
/// # Safety
///
/// As for [`sums`], for the channel that `tiles` and `row` begin with.
#[inline(always)]
unsafe fn add_products<V: Vector, T: Tiles, const TILES: usize>(
    sums: &mut [[V; 2]; TILES],
    is_first: bool,
    tiles: T,
    row: *const f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let kernel = [V::load(row), V::load(row.add(V::LANES))];
        for (tile, sums) in sums.iter_mut().enumerate() {
            let value: [V; 2] = tiles.value(tile);
            *sums = if is_first {
                [value[0].mul(kernel[0]), value[1].mul(kernel[1])]
            } else {
                [value[0].mul_add(kernel[0], sums[0]), value[1].mul_add(kernel[1], sums[1])]
            };
            // Otherwise the compiler first loads the values of all tiles, into registers that the sums need.
            if !V::SPREADS {
                compiler_fence(Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::path::Path;
    use crate::vector::Spreading;

    /// A product of a group of tiles with random values.
    #[derive(Clone)]
    struct Case {
        tiles: usize,
        v: Vec<f32>,
        kernels: Vec<f32>,
        m: Vec<f32>,
        is_long: bool,
    }

    struct Multiply<'a> {
        case: &'a mut Case,
        active: &'a [u32],
    }

    impl Spreading for Multiply<'_> {
        #[inline(always)]
        unsafe fn run<V: Vector, const TWICE: bool>(self) {
            let Case { tiles, v, kernels, m, is_long } = self.case;
            let later = Later { from: v.as_ptr(), lines: 0 };
            // SAFETY: the caller's.
            unsafe { multiply::<V, TWICE>(*tiles, v, self.active, kernels, m, *is_long, later) };
        }
    }

    /// Values in -1..1 that look random.
    pub(crate) fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|at| (((at + seed) as f32) * 12.9898).sin() * 43_758.547 % 1.0).collect()
    }

    #[test]
    fn channels_that_are_left_out_change_no_bit() {
        const LINES: usize = 6;
        // Of two lines each: none, all, one half of a line, all but one, and some.
        let masks = [[0, u32::MAX, 0x00ff_ff00], [0xff, 0xfffe_ffff, 0x8421_0f0f]];
        for path in Path::supported() {
            for (seed, tiles) in (1..=GROUP).enumerate() {
                for (active, is_long) in
                    masks.iter().flat_map(|active| [false, true].map(|is_long| (active, is_long)))
                {
                    let mut v = values(LINES * tiles * LINE, seed);
                    for (at, value) in v.iter_mut().enumerate() {
                        let channel = at / (tiles * LINE) * LINE + at % LINE;
                        if active[channel / LANES] >> (channel % LANES) & 1 == 0 {
                            *value = 0.0;
                        }
                    }
                    let kernels = values(LINES * LINE * LANES, seed + 1);
                    let case = Case { tiles, v, kernels, m: vec![f32::NAN; tiles * LANES], is_long };
                    let bits = |active: &[u32]| {
                        let mut case = case.clone();
                        // SAFETY: the CPU has the path.
                        unsafe { path.run_spreading(Multiply { case: &mut case, active }) };
                        case.m.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
                    };
                    assert_eq!(bits(active), bits(&[u32::MAX; 3]), "{path}, {tiles} tiles, {active:x?}");
                }
            }
        }
    }
    /// The products of a case, tile by tile, some lines at a time.
    struct MultiplyRows<'a>(&'a mut Case, [u32; 3]);

    impl Spreading for MultiplyRows<'_> {
        #[inline(always)]
        unsafe fn run<V: Vector, const TWICE: bool>(self) {
            let Self(Case { tiles, v, kernels, m, is_long }, active) = self;
            let (tiles, lines) = (*tiles, kernels.len() / (LINE * LANES));
            let bits = v.len();
            v.extend(active.map(f32::from_bits));
            // The last tile is the first row.
            let row =
                |tile: usize| Row { v: tile * LINE, stride: tiles * LINE, active: bits, m: tile * LANES };
            let rows: Vec<_> = (0..tiles).rev().map(row).collect();
            for first in (0..lines).step_by(CHUNK) {
                let some = first..lines.min(first + CHUNK);
                let kernels = &kernels[some.start * LINE * LANES..some.end * LINE * LANES];
                let sums = Sums { is_long: *is_long, onto: first > 0 };
                let later = Later { from: v.as_ptr(), lines: 0 };
                // SAFETY: the caller's.
                unsafe { multiply_rows::<V, TWICE>([&rows, &[]], &some, v, kernels, m, sums, later) };
            }
        }
    }

    #[test]
    fn rows_are_multiplied_as_tiles_that_lie_side_by_side() {
        const LINES: usize = CHUNK + 1;
        for path in Path::supported() {
            for (tiles, is_long) in (1..=GROUP).flat_map(|tiles| [(tiles, false), (tiles, true)]) {
                for active in [[u32::MAX; 3], [0xff00_ffff, 0x0f, 0x8421]] {
                    let (v, kernels) = (values(LINES * tiles * LINE, tiles), values(LINES * LINE * LANES, 1));
                    let mut case = Case { tiles, v, kernels, m: vec![f32::NAN; tiles * LANES], is_long };
                    let mut rows = case.clone();
                    // SAFETY: the CPU has the path.
                    unsafe {
                        path.run_spreading(Multiply { case: &mut case, active: &active });
                        path.run_spreading(MultiplyRows(&mut rows, active));
                    }
                    assert!(case.m.iter().all(|value| value.is_finite()));
                    assert_eq!(case.m, rows.m, "{path}, {tiles} tiles, {active:x?}");
                }
            }
        }
    }
}
