//! The innermost loop nest: for one product of each tile, a group of tiles times all input channels times a block of
//! output channels.
//!
//! After a ReLU many channels are zero over whole tiles. Those that are zero in all tiles of a group are left out of its
//! sums: they would add zeros, so that no bit depends on which tiles make up a group.

use std::sync::atomic::{Ordering, compiler_fence};

use crate::activations::LANES;
use crate::lines::LINE;
use crate::vector::{Spread, Vector, prefetch_later, prefetch_read};

/// Tiles of a group at most. Two registers of each hold sums, and two more what sums come to; the latter go to the first
/// cache and back where there are but 16 registers. With more tiles, fewer channels are zero in all of them; with fewer,
/// kernels are read more often.
pub(crate) const GROUP: usize = 6;

/// How many lines of channels ahead of their use the values of tiles are fetched.
const AHEAD: usize = 8;

/// Lines of channels that are summed before their sum goes to that of the lines before them. In three steps (some
/// channels of a line, the lines of a chunk, the chunks) a sum of 512 terms loses a quarter of what it loses in one.
const CHUNK: usize = 4;
/// Lines of channels from which on the first step takes half a line: the longest sums lose the most.
const LONG: usize = 16;

/// `m = v kernels`: `TILES x LANES` from `channels / LINE x TILES x LINE` and `channels x LANES`. Channels whose bit in
/// `active` is not set, of [`LANES`] in each of its places, are zero in all tiles.
///
/// With each [`LINE`] channels `ahead` lines of kernels are fetched that will be read later, from `later` on.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn multiply<V: Vector, const TILES: usize, const TWICE: bool>(
    v: &[f32],
    active: &[u32],
    kernels: &[f32],
    m: &mut [f32],
    later: *const f32,
    ahead: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        if kernels.len() < LONG * LINE * LANES {
            multiply_by::<V, TILES, LINE, TWICE>(v, active, kernels, m, later, ahead);
        } else {
            multiply_by::<V, TILES, { LINE / 2 }, TWICE>(v, active, kernels, m, later, ahead);
        }
    }
}

/// As [`multiply`]; `TERMS` channels are summed in the first step.
///
/// # Safety
///
/// As for [`Vector`].
#[inline(always)]
unsafe fn multiply_by<V: Vector, const TILES: usize, const TERMS: usize, const TWICE: bool>(
    v: &[f32],
    active: &[u32],
    kernels: &[f32],
    m: &mut [f32],
    mut later: *const f32,
    ahead: usize,
) {
    let lines = v.len() / (TILES * LINE);
    assert!(active.len() * LANES == lines * LINE);
    assert!(kernels.len() == lines * LINE * LANES && m.len() == TILES * LANES);
    for lane in (0..LANES).step_by(2 * V::LANES) {
        // SAFETY: `v` has `lines` times TILES * LINE values and `kernels` as many times LINE rows of LANES, which the
        // two pointers walk over; two registers from `lane` on end within a row, of `kernels` and of `m`.
        unsafe {
            let (mut value, mut row) = (v.as_ptr(), kernels.as_ptr().add(lane));
            // Beside `value`, from which the prefetches go: from one pointer for both AVX2 takes 7 % longer.
            let mut values = Spread::<TWICE>::new(value);
            for chunk in (0..lines).step_by(CHUNK) {
                let mut totals = [[V::splat(0.0); 2]; TILES];
                for line in chunk..lines.min(chunk + CHUNK) {
                    let active = active[line * LINE / LANES] >> (line * LINE % LANES);
                    // The values of the lines to come, which run on into the next group's.
                    if lane == 0 {
                        for _ in 0..ahead {
                            prefetch_later(later);
                            later = later.wrapping_add(LINE);
                        }
                        for tile in 0..TILES {
                            prefetch_read(value.wrapping_add((AHEAD * TILES + tile) * LINE));
                        }
                    }
                    for first in (0..LINE).step_by(TERMS) {
                        let sums = sums::<V, TILES, TWICE>(
                            (active >> first) & ((1 << TERMS) - 1),
                            values.wrapping_add(first),
                            row.add(first * LANES),
                        );
                        for (total, sum) in totals.iter_mut().zip(sums) {
                            *total = [total[0].add(sum[0]), total[1].add(sum[1])];
                        }
                    }
                    values = values.wrapping_add(TILES * LINE);
                    value = value.wrapping_add(TILES * LINE);
                    row = row.wrapping_add(LINE * LANES);
                }
                for (tile, total) in totals.into_iter().enumerate() {
                    let to = m.as_mut_ptr().add(tile * LANES + lane);
                    for (half, sum) in total.into_iter().enumerate() {
                        let to = to.add(half * V::LANES);
                        let before = if chunk == 0 { V::splat(0.0) } else { V::load(to) };
                        sum.add(before).store(to);
                    }
                }
            }
        }
    }
}

/// The sums of the products of those channels whose bits are set.
///
/// # Safety
///
/// As for [`Vector`]; for each of these channels, counted from the lowest bit on, there is a value of every tile, LINE
/// apart from `values` on, and a row of LANES from `row` on, less what lies before it in its row.
#[inline(always)]
unsafe fn sums<V: Vector, const TILES: usize, const TWICE: bool>(
    mut active: u32,
    values: Spread<TWICE>,
    row: *const f32,
) -> [[V; 2]; TILES] {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; TILES];
        // The first product is no addition to zeros: filling registers with these takes as long as adding to them.
        for first in [true, false] {
            while active != 0 {
                let channel = active.trailing_zeros() as usize;
                active &= active - 1;
                let (values, row) = (values.wrapping_add(channel), row.add(channel * LANES));
                let kernel = [V::load(row), V::load(row.add(V::LANES))];
                for (tile, sums) in sums.iter_mut().enumerate() {
                    let value: [V; 2] = values.get(tile * LINE);
                    *sums = if first {
                        [value[0].mul(kernel[0]), value[1].mul(kernel[1])]
                    } else {
                        [value[0].mul_add(kernel[0], sums[0]), value[1].mul_add(kernel[1], sums[1])]
                    };
                    // Else the compiler loads the values of all tiles first, into registers that sums need.
                    if !V::SPREADS {
                        compiler_fence(Ordering::AcqRel);
                    }
                }
                if first {
                    break;
                }
            }
        }
        sums
    }
}
