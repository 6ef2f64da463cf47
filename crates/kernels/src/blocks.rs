//! The steps of a layer by minimal filtering whose tiles are of several sizes.

use std::ops::Range;

use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::feature_maps::LANES;
use crate::kernels::Kernels;
use crate::lines::LINE;
use crate::path::Path;
use crate::products::CHUNK;
use crate::taps::{TAPS, Taps, Transform};
use crate::tile::{Tile, products};
use crate::winograd::{Block, Panel, Source};

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
}

/// Some tiles of a layer: a block of each size.
pub(crate) struct Blocks<'a> {
    pub(crate) path: Path,
    pub(crate) blocks: &'a [Block<'a>],
    pub(crate) source: Source<'a>,
    pub(crate) to: Shared<'a>,
}

/// A block of tiles with its share of the memory.
struct Part<'a> {
    block: &'a Block<'a>,
    v: &'a mut [f32],
    m: &'a mut [f32],
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
        let Scratch { v, m, kernels: transformed } = scratch;
        v.reserve(self.blocks.iter().map(Block::v_len).sum())?;
        m.reserve(self.blocks.iter().map(Block::m_len).sum())?;
        if let KernelSource::Taps(_, tile) = kernels {
            transformed.reserve(tile.kernels() * STRIDE)?;
        }
        let (mut v, mut m) = (&mut v[..], &mut m[..]);
        let mut parts = Vec::with_capacity(self.blocks.len());
        for block in self.blocks {
            let (of_v, of_m);
            (of_v, v) = v.split_at_mut(block.v_len());
            (of_m, m) = m.split_at_mut(block.m_len());
            if !are_transformed {
                for group in 0..block.groups() {
                    block.transform(self.source, 0..block.in_blocks(), group, Shared::new(of_v), false);
                }
            }
            parts.push(Part { block, v: of_v, m: of_m });
        }
        for out_block in out_blocks {
            match kernels {
                KernelSource::Transformed(kernels) => {
                    for Part { block, v, m } in &mut parts {
                        block.multiply(kernels.panel(out_block), out_block, v, m, self.to, None);
                    }
                }
                KernelSource::Taps(taps, tile) => {
                    self.multiply(taps, tile, out_block, &mut parts, transformed)
                }
            }
            for Part { block, m, .. } in &parts {
                // SAFETY: the caller's.
                unsafe { block.finish(out_block, m, self.to) };
            }
        }
        Ok(())
    }

    /// The products of all tiles with one block of output channels, whose kernels are transformed meanwhile.
    fn multiply(
        &self,
        taps: Taps<'_>,
        tile: Tile,
        out_block: usize,
        parts: &mut [Part<'_>],
        transformed: &mut [f32],
    ) {
        let panel = taps.panel(out_block);
        let calls: usize = parts.iter().map(|part| products(part.block.tile()) * part.block.groups()).sum();
        let mut first = 0;
        for of_chunk in panel.chunks(CHUNK * LINE * TAPS * LANES) {
            let channels = of_chunk.len() / (TAPS * LANES);
            if !channels.is_multiple_of(LINE) {
                // Those that fill the last line.
                transformed.fill(0.0);
            }
            // SAFETY: a path is held only if it is supported.
            unsafe { self.path.run(Transform { tile, taps: of_chunk, to: transformed, stride: STRIDE }) };
            let lines = first..first + channels.div_ceil(LINE);
            first = lines.end;
            // The taps after these are fetched during the products, in equal shares.
            let next = of_chunk.as_ptr_range().end;
            let ahead = (CHUNK * LINE * TAPS * LANES / LINE).div_ceil(calls * lines.len());
            let outputs = (first * LINE >= taps.in_channels).then_some((out_block, self.to));
            let mut call = 0;
            for Part { block, v, m } in parts.iter_mut() {
                let later = |product: usize, group: usize| {
                    let call = call + product * block.groups() + group;
                    next.wrapping_add(call * ahead * lines.len() * LINE)
                };
                let lines = lines.clone();
                let kernels = Panel { values: transformed, stride: STRIDE, lines, later: &later, ahead };
                block.multiply_some(kernels, v, m, outputs);
                call += products(block.tile()) * block.groups();
            }
        }
    }
}

/// Values from one product's kernels to the next: an odd number of cache lines, so that they do not all use the same lines
/// of the cache.
const STRIDE: usize = CHUNK * LINE * LANES + LINE;
