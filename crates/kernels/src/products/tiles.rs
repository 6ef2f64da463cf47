//! Where the values of a group of tiles are, and where the sums of their products go.

use std::hint::black_box;
use std::ops::Range;

use super::AHEAD;
use crate::feature_maps::LANES;
use crate::lines::LINE;
use crate::vector::{Spread, Vector, prefetch_read};

/// One product of one tile: a row of `V`, and its sums in `M`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Row {
    /// Where its values begin in `V`.
    pub(crate) v: usize,
    /// Values from one line to the next.
    pub(crate) stride: usize,
    /// Where the bits of its tile's channels begin in `V`. See [`multiply`](super::multiply).
    pub(crate) active: usize,
    /// Where its sums begin in `M`.
    pub(crate) m: usize,
}

/// The values of some tiles, each to be used in all lanes of two multiply-adds, and where their sums go.
pub(super) trait Tiles: Copy {
    /// The value of a tile, once for each of the two.
    ///
    /// # Safety
    ///
    /// As for [`Vector`]; the value exists.
    unsafe fn value<V: Vector>(self, tile: usize) -> [V; 2];

    /// The values some channels later, in the same line.
    fn skip(self, channels: usize) -> Self;

    /// The values one line later.
    fn next_line(self) -> Self;

    /// Fetches the values that follow some lines later.
    fn fetch(self);

    /// Where the sums of a tile go: `LANES` values.
    fn to(self, tile: usize) -> *mut f32;
}

/// Tiles whose values and sums lie side by side.
#[derive(Clone, Copy)]
pub(super) struct Together<const TILES: usize, const TWICE: bool> {
    values: Spread<TWICE>,
    /// A second pointer beside `values`, which serves the prefetches: with one for both, AVX2 takes 7 % longer.
    ahead: *const f32,
    to: *mut f32,
}

impl<const TILES: usize, const TWICE: bool> Together<TILES, TWICE> {
    /// `v` is `lines x TILES x LINE`, and `m` is `TILES x LANES`.
    #[inline(always)]
    pub(super) fn new(v: &[f32], lines: usize, m: &mut [f32]) -> Self {
        assert!(v.len() == lines * TILES * LINE && m.len() == TILES * LANES);
        Self { values: Spread::new(v.as_ptr()), ahead: v.as_ptr(), to: m.as_mut_ptr() }
    }
}

impl<const TILES: usize, const TWICE: bool> Tiles for Together<TILES, TWICE> {
    #[inline(always)]
    unsafe fn value<V: Vector>(self, tile: usize) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe { self.values.get(tile * LINE) }
    }

    #[inline(always)]
    fn skip(self, channels: usize) -> Self {
        Self { values: self.values.wrapping_add(channels), ..self }
    }

    #[inline(always)]
    fn next_line(self) -> Self {
        let (values, ahead) = (self.values.wrapping_add(TILES * LINE), self.ahead.wrapping_add(TILES * LINE));
        Self { values, ahead, ..self }
    }

    #[inline(always)]
    fn fetch(self) {
        for tile in 0..TILES {
            // Past the end these are the next group's.
            prefetch_read(self.ahead.wrapping_add((AHEAD * TILES + tile) * LINE));
        }
    }

    #[inline(always)]
    fn to(self, tile: usize) -> *mut f32 {
        self.to.wrapping_add(tile * LANES)
    }
}

/// Tiles whose values and sums are anywhere.
#[derive(Clone, Copy)]
pub(super) struct Apart<const TILES: usize, const TWICE: bool> {
    /// Channels that were skipped, once for each of the two. The compiler doesn't know that they are equal. See [`Spread`].
    skipped: [usize; 2],
    values: [*const f32; TILES],
    /// Values from one line of a tile to the next.
    strides: [usize; TILES],
    to: [*mut f32; TILES],
}

impl<const TILES: usize, const TWICE: bool> Apart<TILES, TWICE> {
    /// The values of some lines of as many rows as there are tiles.
    #[inline(always)]
    pub(super) fn new(rows: &[Row], lines: &Range<usize>, v: &[f32], m: &mut [f32]) -> Self {
        let (from, to) = (v.as_ptr(), m.as_mut_ptr());
        let mut tiles = Self {
            values: [from; TILES],
            skipped: [0, if TWICE { black_box(0) } else { 0 }],
            strides: [0; TILES],
            to: [to; TILES],
        };
        assert!(rows.len() == TILES && !lines.is_empty());
        for (tile, row) in rows.iter().enumerate() {
            assert!(row.v + (lines.end - 1) * row.stride + LINE <= v.len() && row.m + LANES <= m.len());
            tiles.values[tile] = from.wrapping_add(row.v + lines.start * row.stride);
            tiles.strides[tile] = row.stride;
            tiles.to[tile] = to.wrapping_add(row.m);
        }
        tiles
    }
}

impl<const TILES: usize, const TWICE: bool> Tiles for Apart<TILES, TWICE> {
    #[inline(always)]
    unsafe fn value<V: Vector>(self, tile: usize) -> [V; 2] {
        // SAFETY: the caller's.
        unsafe {
            let [first, second] = self.skipped;
            let value = V::splat(*self.values[tile].wrapping_add(first));
            [value, if TWICE { V::splat(*self.values[tile].wrapping_add(second)) } else { value }]
        }
    }

    #[inline(always)]
    fn skip(self, channels: usize) -> Self {
        let [first, second] = self.skipped;
        Self { skipped: [first.wrapping_add(channels), second.wrapping_add(channels)], ..self }
    }

    #[inline(always)]
    fn next_line(mut self) -> Self {
        for (value, stride) in self.values.iter_mut().zip(self.strides) {
            *value = value.wrapping_add(stride);
        }
        self
    }

    #[inline(always)]
    fn fetch(self) {
        // To fetch the next group's values took as long as it saved.
    }

    #[inline(always)]
    fn to(self, tile: usize) -> *mut f32 {
        self.to[tile]
    }
}
