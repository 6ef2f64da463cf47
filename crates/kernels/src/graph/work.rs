//! What a step does, and how much work it is.

use std::ops::Range;

use super::cpu::Setting;
use super::layout::View;
use super::plan::Plan;
use super::pointwise::{self, Pointwise, clear_border};
use super::step::{Step, Work};
use super::{Maps, Shape, Window, convolution, depthwise, pool, tiled};
use crate::error::Error;
use crate::plan::LayerPlan;

impl Step {
    /// Its tiles, if it is computed in tiles.
    fn tiles<'a>(&self, plan: &'a Plan) -> Option<&'a LayerPlan> {
        plan.tiles[self.result.0].as_ref()
    }

    /// The units of several images.
    pub(super) fn units_of(&self, plan: &Plan, images: usize) -> usize {
        match self.tiles(plan) {
            Some(tiles) => tiled::units(tiles, images, plan.cache),
            None => self.units(plan)[1],
        }
    }

    /// The blocks of an image's tiles, if it is computed in tiles.
    pub(super) fn blocks_of_tiles(&self, plan: &Plan) -> Option<usize> {
        self.tiles(plan).map(|tiles| tiled::blocks_of(tiles, 1, plan.cache))
    }

    /// The rows of its result, and the units of channels that can be computed apart from each other: blocks, but for tiles.
    pub(super) fn units(&self, plan: &Plan) -> [usize; 2] {
        let layout = plan.layouts[self.result.0];
        let height = layout.shape.height;
        match (&self.work, self.tiles(plan)) {
            // Tiles are of several rows.
            (_, Some(tiles)) => [1, tiled::units(tiles, 1, plan.cache)],
            (Work::Concatenate, _) => [height, 1],
            _ => [height, layout.blocks()],
        }
    }

    /// Whether it computes several images together: then kernels are read once for all of them.
    pub(super) fn takes_images(&self) -> bool {
        matches!(self.work, Work::Tiled(_))
    }

    /// Values of its kernels.
    pub(super) fn kernels(&self) -> usize {
        match &self.work {
            Work::Convolution { packed, .. } => packed.values(),
            Work::Tiled(packed) => packed.values(),
            _ => 0,
        }
    }

    /// Multiplications for one image, of this method and of sums over windows.
    pub(super) fn multiply_adds(&self, plan: &Plan) -> [f64; 2] {
        let Shape { channels, height, width } = plan.layouts[self.result.0].shape;
        let pixels = (height * width) as f64;
        match &self.work {
            Work::Convolution { packed, .. } => [pixels * packed.multiplications() as f64; 2],
            Work::Depthwise { packed, .. } => [pixels * packed.multiplications(channels) as f64; 2],
            Work::Tiled(_) => {
                let tiles = self.tiles(plan);
                [LayerPlan::multiplications, LayerPlan::direct_multiplications]
                    .map(|of| tiles.map_or(0.0, of))
            }
            _ => [0.0; 2],
        }
    }

    /// How it is computed, in words.
    pub(super) fn method(&self, plan: &Plan) -> String {
        match &self.work {
            Work::Convolution { .. } => "direct".to_owned(),
            Work::Depthwise { .. } => "depthwise".to_owned(),
            Work::Tiled(_) => self.tiles(plan).map_or_else(String::new, |tiles| tiles.method.to_string()),
            Work::Pool { .. } => "pooling".to_owned(),
            Work::Add(_) => "addition".to_owned(),
            Work::Multiply => "gate".to_owned(),
            Work::Concatenate => "copy".to_owned(),
            Work::Activate(_) => "activation".to_owned(),
        }
    }

    /// Computes some rows of some units. See [`units`](Self::units).
    ///
    /// The steps that [`takes_images`](Self::takes_images) allows can compute several images, whose views are of the first one.
    ///
    /// # Errors
    /// The system has too little memory.
    ///
    /// # Safety
    ///
    /// The maps that it reads and writes do not overlap. The rows that it reads are there, and meanwhile no other thread writes
    /// them, or uses these rows of these units of the result.
    pub(super) unsafe fn run<'m>(
        &self,
        Setting { cpu, parameters, plan }: Setting<'_>,
        view: impl Fn(Maps) -> View<'m>,
        rows: Range<usize>,
        units: Range<usize>,
        images: usize,
        tiles: &mut tiled::Scratch,
    ) -> Result<(), Error> {
        let path = cpu.path;
        let to = view(self.result);
        let from = |index: usize| view(self.reads[index]);
        let shape = from(0).layout.shape;
        let padding = |window: &Window| {
            let [top, left, ..] = window.padding(shape.height, shape.width);
            [top, left]
        };
        let blocks = match &self.work {
            Work::Concatenate => 0..to.layout.blocks(),
            // The border is that of the first unit.
            Work::Tiled(_) if units.start > 0 => 0..0,
            Work::Tiled(_) => 0..to.layout.blocks(),
            _ => units.clone(),
        };
        let border = if let Work::Tiled(_) = &self.work { 0..to.layout.shape.height } else { rows.clone() };
        // SAFETY: the caller's.
        unsafe {
            for image in 0..images {
                clear_border(to.of_image(image), border.clone(), blocks.clone());
            }
            match &self.work {
                Work::Convolution { packed, window } => {
                    let residual = self.residual.map(&view);
                    let (from, padding) = (from(0), padding(window));
                    convolution::Job { packed, cpu, parameters, from, padding, to, residual }
                        .run(rows, blocks);
                }
                Work::Tiled(packed) => {
                    let residual = self.residual.map(&view);
                    if let Some(plan) = self.tiles(plan) {
                        tiled::Job { packed, plan, cpu, parameters, from: from(0), to, residual, images }
                            .run(units, tiles)?;
                    }
                }
                Work::Depthwise { packed, window } => {
                    let (from, padding) = (from(0), padding(window));
                    depthwise::Job { packed, path, parameters, from, padding, to }.run(rows, blocks);
                }
                Work::Pool { pooling, window } => {
                    let (pooling, window) = (*pooling, *window);
                    pool::Job { pooling, window, path, from: from(0), to }.run(rows, blocks);
                }
                Work::Concatenate => {
                    let mut first = 0;
                    for index in 0..self.reads.len() {
                        let from = from(index);
                        pointwise::copy(from, to, first, rows.clone());
                        first += from.layout.shape.channels;
                    }
                }
                Work::Add(activation) => {
                    let operation = Pointwise::Add(from(1), *activation);
                    pointwise::Job { operation, path, from: from(0), to }.run(rows, blocks);
                }
                Work::Multiply => {
                    let operation = Pointwise::Multiply(from(1));
                    pointwise::Job { operation, path, from: from(0), to }.run(rows, blocks);
                }
                Work::Activate(activation) => {
                    let operation = Pointwise::Activate(*activation);
                    pointwise::Job { operation, path, from: from(0), to }.run(rows, blocks);
                }
            }
        }
        Ok(())
    }
}
