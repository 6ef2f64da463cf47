//! Where everything is in memory while a graph runs on images of one size, and which steps are computed together.

use std::ops::Range;

use super::chain::Chain;
use super::layout::{LANES, Layout};
use super::step::{Step, Work};
use super::{Graph, Maps, Shape, tiled};
use crate::error::Error;
use crate::lines::LINE;
use crate::plan::LayerPlan;

/// The maps of one image in memory.
pub(super) struct Plan {
    /// The layout of every result that a step reads or writes.
    pub(super) layouts: Vec<Layout>,
    /// Where they begin in the memory of an image.
    pub(super) starts: Vec<usize>,
    /// Values in all.
    pub(super) len: usize,
    pub(super) stages: Vec<Stage>,
    /// How each result is computed in tiles; none if it is not.
    pub(super) tiles: Vec<Option<LayerPlan>>,
    /// Bytes of a core's second-level cache.
    pub(super) cache: usize,
}

/// Steps that are computed together.
pub(super) struct Stage {
    pub(super) steps: Range<usize>,
    pub(super) order: Order,
    /// Whether its kernels are larger than its maps, or are transformed for tiles. Then several images go through it together
    /// or one after the other, before the next stage, so that the kernels stay in the cache, and not the maps.
    pub(super) by_kernels: bool,
}

/// In what order the steps of a stage are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// There is one.
    Alone,
    /// A band of so many rows of the last result after the other. Of the maps between them, only the rows that are still
    /// read are in memory.
    Bands(usize),
    /// A convolution and a depthwise one after it, one unit of channels after the other. Of the maps between them there is
    /// never more than a unit in memory.
    Blocks,
}

impl Stage {
    fn new(range: Range<usize>, steps: &[Step], layouts: &[Layout], order: Order) -> Self {
        let of_stage = &steps[range.clone()];
        let kernels: usize = of_stage.iter().map(Step::kernels).sum();
        let len = |maps: Maps| layouts[maps.0].len();
        let inputs: usize = of_stage[0].all_reads().map(len).sum();
        let maps = inputs + len(of_stage[range.len() - 1].result);
        let by_kernels = of_stage.iter().any(Step::takes_images) || kernels > maps;
        Self { steps: range, order, by_kernels }
    }

    /// Divides the steps of a graph.
    fn divide(steps: &[Step], layouts: &[Layout], wanted: &[Maps], cache: usize) -> Vec<Self> {
        let mut stages = Vec::new();
        let mut start = 0;
        while start < steps.len() {
            let (end, order) = if is_pair(&steps[start..], layouts, wanted, cache) {
                (start + 2, Order::Blocks)
            } else if let Some(chain) = Chain::from(&steps[start..], layouts, wanted, cache) {
                (start + chain.steps.len(), Order::Bands(chain.band()))
            } else {
                (start + 1, Order::Alone)
            };
            stages.push(Self::new(start..end, steps, layouts, order));
            start = end;
        }
        stages
    }

    /// The rows of its result, and the parts of a row that can be computed apart from each other.
    pub(super) fn units(&self, steps: &[Step], plan: &Plan) -> [usize; 2] {
        let [rows, units] = steps[self.steps.end - 1].units(plan);
        match self.order {
            Order::Alone => [rows, units],
            Order::Bands(_) => [rows, 1],
            Order::Blocks => [1, units],
        }
    }
}

/// Whether the steps begin with a convolution and a depthwise one after it, whose maps between them nobody else reads, and of
/// which a block takes at most a fifth of the cache.
fn is_pair(steps: &[Step], layouts: &[Layout], wanted: &[Maps], cache: usize) -> bool {
    let [first, second, others @ ..] = steps else { return false };
    let fits =
        matches!(first.work, Work::Convolution { .. }) && matches!(second.work, Work::Depthwise { .. });
    let layout = layouts[first.result.0];
    fits && second.reads[0] == first.result
        && !wanted.contains(&first.result)
        && others.iter().all(|step| step.all_reads().all(|maps| maps != first.result))
        && layout.len() / layout.blocks() * size_of::<f32>() <= cache / 5
}

impl Plan {
    /// # Errors
    /// Images that are too small.
    pub(super) fn new(
        graph: &Graph,
        steps: &[Step],
        wanted: &[Maps],
        cache: usize,
        height: usize,
        width: usize,
    ) -> Result<Self, Error> {
        let shapes = graph.shapes(height, width)?;
        let mut layouts: Vec<Layout> =
            shapes.iter().map(|shape| Layout { shape: *shape, border: [0; 4] }).collect();
        let mut tiles = vec![None; layouts.len()];
        for step in steps {
            let from = step.reads[0].0;
            let Shape { height, width, .. } = layouts[from].shape;
            match &step.work {
                Work::Convolution { window, .. } | Work::Depthwise { window, .. } => {
                    layouts[from].widen(window.padding(height, width));
                }
                Work::Tiled(packed) => {
                    let plan = packed.plan(height, width);
                    layouts[from].widen(tiled::border(&plan));
                    layouts[step.result.0].widen(tiled::OUTPUT_BORDER);
                    tiles[step.result.0] = Some(plan);
                }
                _ => {}
            }
        }
        let stages = Stage::divide(steps, &layouts, wanted, cache);
        let (starts, len) = places(&layouts, steps, &stages, wanted);
        Ok(Self { layouts, starts, len, stages, tiles, cache })
    }
}

/// Places for all maps that are in use at one time not to overlap: each at the first gap that is large enough. Maps within
/// a chain have none.
fn places(layouts: &[Layout], steps: &[Step], stages: &[Stage], wanted: &[Maps]) -> (Vec<usize>, usize) {
    // The last stage that reads each result; those that are wanted, and the input, last to the end.
    let mut last = vec![0; layouts.len()];
    for (at, stage) in stages.iter().enumerate() {
        steps[stage.steps.clone()].iter().flat_map(Step::all_reads).for_each(|maps| last[maps.0] = at);
    }
    wanted.iter().for_each(|maps| last[maps.0] = stages.len());
    let mut starts = vec![0; layouts.len()];
    // Start, end, and last stage of the maps in use, by their starts.
    let mut used: Vec<[usize; 3]> = Vec::new();
    let mut len = 0;
    let results = stages.iter().map(|stage| steps[stage.steps.end - 1].result).enumerate();
    for (at, maps) in std::iter::once((0, Maps(0))).chain(results) {
        // A stage may begin before all parts of the one before it have ended.
        used.retain(|[_, _, last]| *last + 1 >= at);
        // Rows of the last pixels are read a block at a time.
        let needed = (layouts[maps.0].len() + LANES).next_multiple_of(LINE);
        let mut start = 0;
        let mut place = 0;
        for (index, [from, to, _]) in used.iter().enumerate() {
            if *from >= start + needed {
                break;
            }
            (start, place) = (start.max(*to), index + 1);
        }
        used.insert(place, [start, start + needed, last[maps.0]]);
        starts[maps.0] = start;
        len = len.max(start + needed);
    }
    (starts, len)
}
