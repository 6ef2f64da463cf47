//! Where everything is in memory while a graph runs on images of one size.

use super::layout::{LANES, Layout};
use super::step::{Step, Work};
use super::{Graph, Maps, Shape, tiled};
use crate::error::Error;
use crate::lines::LINE;

/// The maps of one image in memory.
pub(super) struct Plan {
    /// The layout of every result that a step reads or writes.
    pub(super) layouts: Vec<Layout>,
    /// Where they begin in the memory of an image.
    pub(super) starts: Vec<usize>,
    /// Values in all.
    pub(super) len: usize,
}

impl Plan {
    /// # Errors
    /// Images that are too small.
    pub(super) fn new(
        graph: &Graph,
        steps: &[Step],
        wanted: &[Maps],
        height: usize,
        width: usize,
    ) -> Result<Self, Error> {
        let shapes = graph.shapes(height, width)?;
        let mut layouts: Vec<Layout> =
            shapes.iter().map(|shape| Layout { shape: *shape, border: [0; 4] }).collect();
        for step in steps {
            let from = step.reads[0].0;
            let Shape { height, width, .. } = layouts[from].shape;
            match &step.work {
                Work::Convolution { window, .. } | Work::Depthwise { window, .. } => {
                    layouts[from].widen(window.padding(height, width));
                }
                Work::Tiled(packed) => {
                    layouts[from].widen(packed.border(height, width));
                    layouts[step.result.0].widen(tiled::OUTPUT_BORDER);
                }
                _ => {}
            }
        }
        let (starts, len) = places(&layouts, steps, wanted);
        Ok(Self { layouts, starts, len })
    }
}

/// Places for all maps that are in use at one time not to overlap: each at the first gap that is large enough.
fn places(layouts: &[Layout], steps: &[Step], wanted: &[Maps]) -> (Vec<usize>, usize) {
    // The last step that reads each result; those that are wanted, and the input, last to the end.
    let mut last = vec![0; layouts.len()];
    for (at, step) in steps.iter().enumerate() {
        step.all_reads().for_each(|maps| last[maps.0] = at);
    }
    wanted.iter().for_each(|maps| last[maps.0] = steps.len());
    let mut starts = vec![0; layouts.len()];
    // Start, end, and last step of the maps in use, by their starts.
    let mut used: Vec<[usize; 3]> = Vec::new();
    let mut len = 0;
    let results = std::iter::once((0, Maps(0))).chain(steps.iter().map(|step| step.result).enumerate());
    for (at, maps) in results {
        used.retain(|[_, _, last]| *last >= at);
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
