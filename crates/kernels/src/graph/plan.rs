//! Where everything is in memory while a graph runs on images of one size, and which steps are computed together.

use std::ops::Range;

use super::chain::Chain;
use super::layout::{LANES, Layout};
use super::step::{Step, Work};
use super::{Graph, Maps, Shape, tiled};
use crate::error::Error;
use crate::lines::LINE;
use crate::plan::LayerPlan;

/// The most images that go through a step together, in a network with tiles: a step reads its transformed kernels, which are
/// several times as large as others, once for all of them.
const IMAGES_IN_TILES: usize = 8;

/// The same without tiles. With few images a task, fast and slow threads end at nearly the same time.
const IMAGES: usize = 2;

/// The maps of several images that go through a section together take at most so many second-level caches: about what a core has of
/// the third-level one. With half of it RepVGG-A2 took 2 % more time, and ResNet-50 2 % more without a bound.
const MAPS_CACHES: usize = 8;

/// The maps of one image in memory.
pub(super) struct Plan {
    /// The layout of every result that a step reads or writes.
    pub(super) layouts: Vec<Layout>,
    /// Where they are in memory: the section that reads them last, and where they begin in its memory of an image.
    places: Vec<[usize; 2]>,
    pub(super) stages: Vec<Stage>,
    /// All stages, in order. Each section takes at least as many images together as the one before.
    pub(super) sections: Vec<Section>,
    /// How each result is computed in tiles; none if it is not.
    pub(super) tiles: Vec<Option<LayerPlan>>,
    /// Bytes of a core's second-level cache.
    pub(super) cache: usize,
}

/// Stages that the same number of images go through together.
///
/// Few images go together while their maps are large, so that the maps stay in the cache. Those of the next images then take the
/// same memory. Further on, maps are smaller and kernels larger, and more images go together.
pub(super) struct Section {
    pub(super) stages: Range<usize>,
    /// The most images, a power of two.
    pub(super) images: usize,
    /// Values of the maps of an image that this section reads last.
    len: usize,
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
            let rest = &steps[start..];
            let is_pair = is_pair(rest, layouts, wanted, cache);
            // A result that is larger than the cache is read from it only if the next step takes it a band at a time.
            // EfficientNet-Lite2 takes 1.6 % less time so.
            let is_read_from_cache = is_pair && layouts[rest[1].result.0].len() * size_of::<f32>() <= cache;
            let chain = if is_read_from_cache { None } else { Chain::from(rest, layouts, wanted, cache) };
            let chain = chain.filter(|chain| !is_pair || chain.steps.len() > 2);
            let (end, order) = match chain {
                Some(chain) => (start + chain.steps.len(), Order::Bands(chain.band())),
                None if is_pair => (start + 2, Order::Blocks),
                None => (start + 1, Order::Alone),
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
        let lives = lives(steps, &stages, wanted, layouts.len());
        let mut sections = Section::divide(steps, &stages, &layouts, &lives, cache);
        let places = places(&layouts, &lives, &mut sections);
        Ok(Self { layouts, places, stages, sections, tiles, cache })
    }

    /// The most images of a task.
    pub(super) fn together(&self) -> usize {
        self.sections.last().map_or(1, |section| section.images)
    }

    /// Values of the maps of a task of so many images.
    pub(super) fn len_of(&self, images: usize) -> usize {
        self.sections.iter().fold(0, |len: usize, section| len.saturating_add(section.len_of(images)))
    }

    /// Where the maps of an image begin in the memory of a task that has room for so many images, and values from them to those
    /// of the next image.
    pub(super) fn place(&self, maps: Maps, image: usize, room: usize) -> [usize; 2] {
        let [at, start] = self.places[maps.0];
        let before: usize = self.sections[..at].iter().map(|section| section.len_of(room)).sum();
        let Section { images, len, .. } = self.sections[at];
        [before + image % images * len + start, len]
    }
}

/// The stage that computes each result, and the last one that reads it; none for maps within a chain. The input is there at the
/// first stage, and what is wanted after the last.
fn lives(steps: &[Step], stages: &[Stage], wanted: &[Maps], count: usize) -> Vec<Option<[usize; 2]>> {
    let mut lives = vec![None; count];
    lives[0] = Some([0, 0]);
    for (at, stage) in stages.iter().enumerate() {
        lives[steps[stage.steps.end - 1].result.0] = Some([at, at]);
        for maps in steps[stage.steps.clone()].iter().flat_map(Step::all_reads) {
            if let Some([_, last]) = &mut lives[maps.0] {
                *last = at;
            }
        }
    }
    for maps in wanted {
        if let Some([_, last]) = &mut lives[maps.0] {
            *last = stages.len();
        }
    }
    lives
}

impl Section {
    /// Values for a task of so many images. Those that go together have memory of their own.
    fn len_of(&self, images: usize) -> usize {
        self.images.min(images).saturating_mul(self.len)
    }

    /// Divides stages.
    fn divide(
        steps: &[Step],
        stages: &[Stage],
        layouts: &[Layout],
        lives: &[Option<[usize; 2]>],
        cache: usize,
    ) -> Vec<Self> {
        let most = if steps.iter().any(Step::takes_images) { IMAGES_IN_TILES } else { IMAGES };
        // Values of the maps of an image that are in use.
        let mut used = vec![0_usize; stages.len()];
        for (layout, life) in layouts.iter().zip(lives) {
            if let Some([first, last]) = life {
                let of_life = used.iter_mut().take(last + 1).skip(*first);
                of_life.for_each(|used| *used = used.saturating_add(layout.len()));
            }
        }
        let mut sections: Vec<Self> = Vec::new();
        let mut images = most;
        for (at, used) in used.iter().enumerate().rev() {
            let fit = cache.saturating_mul(MAPS_CACHES) / used.saturating_mul(size_of::<f32>()).max(1);
            images = images.min(1 << fit.max(1).ilog2());
            match sections.last_mut() {
                Some(section) if section.images == images => section.stages.start = at,
                _ => sections.push(Self { stages: at..at + 1, images, len: 0 }),
            }
        }
        if sections.is_empty() {
            sections.push(Self { stages: 0..0, images, len: 0 });
        }
        sections.reverse();
        sections
    }
}

/// Places for all maps, for those that are in use at one time not to overlap: each at the first gap that is large enough in the
/// memory of the section that reads it last.
fn places(layouts: &[Layout], lives: &[Option<[usize; 2]>], sections: &mut [Section]) -> Vec<[usize; 2]> {
    let mut places = vec![[0; 2]; layouts.len()];
    // Start, end, and last stage of the maps in use in each section, by their starts.
    let mut used: Vec<Vec<[usize; 3]>> = vec![Vec::new(); sections.len()];
    let mut results: Vec<_> =
        lives.iter().enumerate().filter_map(|(maps, life)| life.map(|life| (life, maps))).collect();
    results.sort_unstable();
    for ([at, last], maps) in results {
        let section = sections.iter().position(|section| last < section.stages.end);
        let section = section.unwrap_or(sections.len() - 1);
        let used = &mut used[section];
        // A stage may begin before all parts of the one before it have ended.
        used.retain(|[_, _, last]| *last + 1 >= at);
        // Rows of the last pixels are read a block at a time.
        let needed = (layouts[maps].len() + LANES).next_multiple_of(LINE);
        let mut start = 0;
        let mut place = 0;
        for (index, [from, to, _]) in used.iter().enumerate() {
            if *from >= start + needed {
                break;
            }
            (start, place) = (start.max(*to), index + 1);
        }
        used.insert(place, [start, start + needed, last]);
        places[maps] = [section, start];
        sections[section].len = sections[section].len.max(start + needed);
    }
    places
}
