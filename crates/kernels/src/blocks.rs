//! The steps of a layer by minimal filtering whose tiles are of several sizes.

use std::ops::Range;

use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::feature_maps::LANES;
use crate::kernels::Kernels;
use crate::lines::LINE;
use crate::path::Path;
use crate::products::{CHUNK, GROUP, LONG, Later, Row, Sums, fetch_pixel, multiply_rows};
use crate::taps::{TAPS, Taps, Transform};
use crate::tile::Tile;
use crate::vector::{Spreading, Vector};
use crate::winograd::{Block, Source};

/// Where the kernels of tiles come from.
#[derive(Clone, Copy)]
pub(crate) enum KernelSource<'a> {
    /// They were transformed before.
    Transformed(&'a Kernels),
    /// They are transformed for tiles of a size as they are used, some channels at a time, in the second cache.
    Taps(Taps<'a>, Tile),
}

/// Memory of one thread.
#[derive(Default)]
pub(crate) struct Scratch {
    v: Buffer,
    m: Buffer,
    kernels: Buffer,
    rows: Rows,
}

/// Some tiles of a layer: a block of each size.
pub(crate) struct Blocks<'a> {
    pub(crate) path: Path,
    pub(crate) blocks: &'a [Block<'a>],
    pub(crate) source: Source<'a>,
    pub(crate) to: Shared<'a>,
}

/// A block of tiles, and its parts of `V` and `M`.
struct Part<'a> {
    block: &'a Block<'a>,
    v: Range<usize>,
    m: Range<usize>,
}

impl Blocks<'_> {
    /// Takes the tiles through all steps for some blocks of output channels. If they `are_transformed`, `scratch` still has
    /// what the first step made of them.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has too little.
    ///
    /// # Safety
    ///
    /// Meanwhile no other code reads or writes these outputs.
    pub(crate) unsafe fn all_steps(
        &self,
        kernels: KernelSource<'_>,
        out_blocks: Range<usize>,
        are_transformed: bool,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        scratch.v.reserve(self.blocks.iter().map(Block::v_len).sum())?;
        scratch.m.reserve(self.blocks.iter().map(Block::m_len).sum())?;
        if let KernelSource::Taps(_, tile) = kernels {
            scratch.kernels.reserve(tile.kernels() * STRIDE)?;
        }
        let mut next = [0; 2];
        let part = |block| {
            let [v, m] = next;
            next = [v + Block::v_len(block), m + Block::m_len(block)];
            Part { block, v: v..next[0], m: m..next[1] }
        };
        let parts: Vec<_> = self.blocks.iter().map(part).collect();
        if !are_transformed {
            for Part { block, v, .. } in &parts {
                for group in 0..block.groups() {
                    let v = Shared::new(&mut scratch.v[v.clone()]);
                    block.transform(self.source, 0..block.in_blocks(), group, v, false);
                }
            }
            if let KernelSource::Taps(_, tile) = kernels {
                scratch.rows.set(&parts, tile.kernels());
            }
        }
        for out_block in out_blocks {
            match kernels {
                KernelSource::Transformed(kernels) => {
                    for Part { block, v, m } in &parts {
                        let (v, m) = (&scratch.v[v.clone()], &mut scratch.m[m.clone()]);
                        block.multiply(kernels.panel(out_block), out_block, v, m, self.to, None);
                    }
                }
                KernelSource::Taps(taps, tile) => {
                    self.multiply(taps, tile, out_block, scratch);
                }
            }
            for Part { block, m, .. } in &parts {
                // SAFETY: the caller's.
                unsafe { block.finish(out_block, &scratch.m[m.clone()], self.to) };
            }
        }
        Ok(())
    }

    /// The products of all tiles with one block of output channels, whose kernels are transformed meanwhile.
    fn multiply(&self, taps: Taps<'_>, tile: Tile, out_block: usize, scratch: &mut Scratch) {
        let Scratch { v, m, kernels: transformed, rows } = scratch;
        let panel = taps.panel(out_block);
        let is_long = taps.in_channels.next_multiple_of(LANES) >= LONG;
        let block_stride = self.blocks.first().map_or(0, Block::output_stride);
        let mut first = 0;
        for of_chunk in panel.chunks(CHUNK * LINE * TAPS * LANES) {
            let channels = of_chunk.len() / (TAPS * LANES);
            // SAFETY: a path is held only if it is supported.
            unsafe { self.path.run(Transform { tile, taps: of_chunk, to: transformed, stride: STRIDE }) };
            let lines = first..first + channels.div_ceil(LINE);
            first = lines.end;
            let next = of_chunk.as_ptr_range().end;
            let is_last = first * LINE >= taps.in_channels;
            let to = is_last.then(|| self.to.near(out_block * block_stride));
            let products = Products { rows, lines, to, is_long, v, m, kernels: transformed, next };
            // SAFETY: as above.
            unsafe { self.path.run_spreading(products) };
        }
    }
}

/// The products of all tiles, sorted by the position of their kernels. So kernels are read from the first cache, and few times.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    /// The groups of at most [`GROUP`] that are multiplied together: the position of their kernels, and their first row.
    groups: Vec<[usize; 2]>,
    /// The place of the next row with each kernel, while they are set.
    next: Vec<usize>,
    /// The pixels of the outputs.
    outputs: Vec<usize>,
}

impl Rows {
    /// Replaces the rows by those of some blocks. The memory is used again.
    fn set(&mut self, parts: &[Part<'_>], kernels: usize) {
        let Self { rows, groups, next, outputs } = self;
        next.clear();
        next.resize(kernels, 0);
        for Part { block, .. } in parts {
            block.places_of_kernels().iter().for_each(|place| next[*place] += block.tiles());
        }
        groups.clear();
        let mut end = 0;
        for (place, next) in next.iter_mut().enumerate() {
            let count = std::mem::replace(next, end);
            let of_place = count.div_ceil(GROUP);
            groups.extend((0..of_place).map(|group| [place, end + group * count / of_place]));
            end += count;
        }
        rows.resize(end, Row::default());
        for Part { block, v, m } in parts {
            let places = block.places_of_kernels();
            block.for_each_row([v.start, m.start], |product, row| {
                let next = &mut next[places[product]];
                rows[*next] = row;
                *next += 1;
            });
        }
        outputs.clear();
        parts.iter().for_each(|part| outputs.extend(part.block.outputs()));
    }

    /// The rows of a group; none after the last one.
    fn of_group(&self, group: usize) -> &[Row] {
        let first = |group: usize| self.groups.get(group).map_or(self.rows.len(), |[_, first]| *first);
        &self.rows[first(group)..first(group + 1)]
    }
}

/// The products of some tiles with some channels of one block of output channels.
struct Products<'a> {
    rows: &'a Rows,
    /// The lines of channels.
    lines: Range<usize>,
    /// Where the outputs go, which are fetched if these are the last channels.
    to: Option<*const f32>,
    is_long: bool,
    v: &'a [f32],
    m: &'a mut [f32],
    /// Of all positions, [`STRIDE`] apart.
    kernels: &'a [f32],
    /// The taps that are used after these, which are fetched meanwhile.
    next: *const f32,
}

impl Spreading for Products<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const TWICE: bool>(self) {
        let Self { rows, lines, to, is_long, v, m, kernels, next } = self;
        let sums = Sums { is_long, onto: lines.start > 0 };
        // Equal shares of the taps for each line of a group.
        let ahead = (CHUNK * LINE * TAPS * LANES / LINE).div_ceil(rows.groups.len() * lines.len());
        for (group, [place, _]) in rows.groups.iter().enumerate() {
            let kernels = &kernels[place * STRIDE..][..lines.len() * LINE * LANES];
            let later = Later { from: next.wrapping_add(group * ahead * lines.len() * LINE), lines: ahead };
            if let Some(to) = to {
                let bound = |group: usize| group * rows.outputs.len() / rows.groups.len();
                for pixel in &rows.outputs[bound(group)..bound(group + 1)] {
                    fetch_pixel(to.wrapping_add(*pixel));
                }
            }
            let rows = [group, group + 1].map(|group| rows.of_group(group));
            // SAFETY: the caller's.
            unsafe { multiply_rows::<V, TWICE>(rows, &lines, v, kernels, m, sums, later) };
        }
    }
}

/// Values from one position's kernels to the next: an odd number of cache lines, so that they do not all use the same lines
/// of the cache.
const STRIDE: usize = CHUNK * LINE * LANES + LINE;
