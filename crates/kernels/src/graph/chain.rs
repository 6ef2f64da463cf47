//! Steps that are computed together, a band of rows at a time, so that the maps between them stay in the cache.
//!
//! Of a map between two steps, memory holds only the rows that the steps after it still read. An output's sum does not
//! depend on the band that it is in.

use std::ops::Range;

use super::layout::{LANES, Layout, View};
use super::step::{Step, Work};
use super::{Maps, Window};
use crate::buffer::{Buffer, Shared};
use crate::error::Error;
use crate::lines::LINE;

/// Steps that follow each other. Only the last result is read by other steps.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a> {
    pub(super) steps: &'a [Step],
    pub(super) layouts: &'a [Layout],
    /// Bytes of a core's second-level cache. The bands of a chain take half of it.
    pub(super) cache: usize,
}

/// Rows of a step's result that are computed at once.
pub(super) struct Turn {
    /// The position of the step in the chain.
    pub(super) step: usize,
    pub(super) rows: Range<usize>,
    /// The first row of its result, counted with the border, that a later step still reads.
    keep: usize,
}

/// The rows of a map that are in memory.
pub(super) struct Band<'a> {
    values: Shared<'a>,
    layout: Layout,
    /// The first of the rows, counted with the border; the row after the last one that was computed; room for rows.
    first: usize,
    end: usize,
    room: usize,
}

impl Step {
    /// The rows of the maps that it reads for some rows of its result: not below zero, but perhaps past the last.
    fn reach(&self, maps: Maps, rows: Range<usize>, layouts: &[Layout]) -> Range<usize> {
        let (Work::Convolution { window, .. }
        | Work::Depthwise { window, .. }
        | Work::Pool { window: Some(window), .. }) = &self.work
        else {
            return rows;
        };
        if self.residual == Some(maps) && self.reads[0] != maps {
            return rows;
        }
        let shape = layouts[maps.0].shape;
        let above = window.padding(shape.height, shape.width)[0];
        let Window { size, stride, .. } = window;
        let start = (rows.start * stride[0]).saturating_sub(above);
        let end = (rows.end * stride[0] + size[0]).saturating_sub(stride[0] + above);
        let both = self.residual == Some(maps);
        if both { start.min(rows.start)..end.max(rows.end) } else { start..end }
    }

    /// Whether it can be computed row by row.
    fn is_by_rows(&self) -> bool {
        match &self.work {
            Work::Convolution { .. }
            | Work::Depthwise { .. }
            | Work::Pool { window: Some(_), .. }
            | Work::Add(_)
            | Work::Activate(_) => true,
            Work::Tiled(_) | Work::Pool { window: None, .. } | Work::Multiply | Work::Concatenate => false,
        }
    }
}

/// How many rows of some maps must be there for some steps to compute the rows of their last result up to `end`.
pub(super) fn rows_read(steps: &[Step], maps: Maps, end: usize, layouts: &[Layout]) -> usize {
    let mut needed = vec![0; layouts.len()];
    if let Some(step) = steps.last() {
        needed[step.result.0] = end;
    }
    for step in steps.iter().rev() {
        let end = needed[step.result.0];
        for read in step.all_reads().filter(|_| end > 0) {
            let height = layouts[read.0].shape.height;
            let reach = if step.is_by_rows() { step.reach(read, 0..end, layouts).end } else { height };
            needed[read.0] = needed[read.0].max(reach.min(height));
        }
    }
    needed[maps.0]
}

impl<'a> Chain<'a> {
    /// The chain that some steps begin with, if it is worth it.
    pub(super) fn from(
        steps: &'a [Step],
        layouts: &'a [Layout],
        wanted: &[Maps],
        cache: usize,
    ) -> Option<Self> {
        let steps = &steps[..end_of_chain(steps, layouts, wanted, cache)];
        let chain = Self { steps, layouts, cache };
        (chain.steps.len() > 1 && chain.is_worth_it()).then_some(chain)
    }

    /// Whether it saves more reads of maps than it adds reads of kernels, which each band reads again.
    fn is_worth_it(self) -> bool {
        let between = &self.steps[..self.steps.len() - 1];
        let maps: usize = between.iter().map(|step| self.layouts[step.result.0].len()).sum();
        let kernels: usize = self.steps.iter().map(Step::kernels).sum();
        (self.height().div_ceil(self.band()) - 1) * kernels < maps
    }

    /// The rows of the last result that are computed at once, for its bands to stay in the cache.
    pub(super) fn band(self) -> usize {
        let height = self.height();
        let mut band = 1;
        while band < height {
            let next = (band + band.div_ceil(4)).min(height);
            let room = self.turns(0..height, next).1;
            let bytes: usize =
                self.bands(&room).map(|(layout, room)| layout.len_of(room) * size_of::<f32>()).sum();
            if bytes > self.cache / 2 {
                break;
            }
            band = next;
        }
        band
    }

    fn height(self) -> usize {
        self.steps.last().map_or(0, |step| self.layouts[step.result.0].shape.height)
    }

    /// The layouts of the maps between the steps, with their rooms.
    fn bands(self, room: &[usize]) -> impl Iterator<Item = (Layout, usize)> {
        let between = &self.steps[..self.steps.len() - 1];
        between.iter().zip(room).map(move |(step, room)| (self.layouts[step.result.0], *room))
    }

    /// The position of the step whose result these maps are.
    pub(super) fn producer(self, maps: Maps) -> Option<usize> {
        self.steps.iter().position(|step| step.result == maps)
    }

    /// What is computed, in order, for some rows of the last result in bands; and for each step the rows of its result that
    /// must have room.
    pub(super) fn turns(self, rows: Range<usize>, band: usize) -> (Vec<Turn>, Vec<usize>) {
        let Self { steps, layouts, .. } = self;
        let last = steps.len() - 1;
        let inner_reads = |step: usize| {
            let reads = steps[step].all_reads();
            reads.filter_map(move |maps| Some((maps, self.producer(maps).filter(|from| *from < step)?)))
        };
        // The next row of each result.
        let mut done = vec![usize::MAX; steps.len()];
        done[last] = rows.start;
        for step in (0..=last).rev() {
            for (maps, from) in inner_reads(step) {
                let reach = steps[step].reach(maps, done[step]..done[step] + 1, layouts);
                done[from] = done[from].min(reach.start).min(layouts[maps.0].shape.height);
            }
        }
        let (mut turns, mut room) = (Vec::new(), vec![0; steps.len()]);
        while done[last] < rows.end {
            let mut ends = done.clone();
            ends[last] = (done[last] + band).min(rows.end);
            for step in (0..=last).rev() {
                if ends[step] == done[step] {
                    continue;
                }
                for (maps, from) in inner_reads(step) {
                    let reach = steps[step].reach(maps, done[step]..ends[step], layouts);
                    ends[from] = ends[from].max(reach.end.min(layouts[maps.0].shape.height));
                }
            }
            for step in 0..=last {
                let layout = layouts[steps[step].result.0];
                let [top, _, bottom, _] = layout.border;
                let users = (step + 1..=last).flat_map(|user| {
                    let of_user = inner_reads(user).filter(move |(_, from)| *from == step);
                    of_user.map(move |(maps, _)| (user, maps))
                });
                let first = users.map(|(user, maps)| {
                    let reach = steps[user].reach(maps, done[user]..done[user] + 1, layouts);
                    // A window that begins in the border.
                    if reach.start == 0 { 0 } else { reach.start + top }
                });
                let keep = first.min().unwrap_or(0).min(done[step] + top);
                if ends[step] > done[step] {
                    turns.push(Turn { step, rows: done[step]..ends[step], keep });
                    let end = ends[step] + top + if ends[step] == layout.shape.height { bottom } else { 0 };
                    room[step] = room[step].max(end - keep);
                    done[step] = ends[step];
                }
            }
        }
        (turns, room)
    }

    /// Memory for the maps between the steps.
    ///
    /// # Errors
    /// [`Error::Memory`] if the system has too little.
    pub(super) fn memory<'m>(self, room: &[usize], buffer: &'m mut Buffer) -> Result<Vec<Band<'m>>, Error> {
        let len = |layout: Layout, room| (layout.len_of(room) + LANES).next_multiple_of(LINE);
        buffer.reserve(self.bands(room).map(|(layout, room)| len(layout, room)).sum())?;
        let values = Shared::new(buffer);
        let mut start = 0;
        let band = |(layout, room)| {
            let values = values.part(start, len(layout, room));
            start += len(layout, room);
            Band { values, layout, first: 0, end: 0, room }
        };
        Ok(self.bands(room).map(band).collect())
    }
}

impl<'a> Band<'a> {
    pub(super) fn view(&self) -> View<'a> {
        View::band(self.values, self.layout, [self.first, self.room])
    }

    /// Makes room for a turn's rows: forgets the rows before those that are still read.
    ///
    /// # Safety
    ///
    /// No other thread uses the memory.
    pub(super) unsafe fn advance(&mut self, turn: &Turn) {
        let kept = self.end.saturating_sub(turn.keep);
        if kept > 0 && turn.keep > self.first {
            let row = self.layout.row_stride();
            for block in 0..self.layout.blocks() {
                let start = block * self.room * row;
                let from = self.values.place(start + (turn.keep - self.first) * row, kept * row);
                // SAFETY: the caller's. The places are checked; they may overlap.
                unsafe { std::ptr::copy(from, self.values.place(start, kept * row), kept * row) };
            }
        }
        self.first = turn.keep;
        self.end = turn.rows.end + self.layout.border[0];
    }
}

/// Maps of more bytes, or larger than the cache, are worth a chain. Smaller ones come from the caches anyway, and a long chain has
/// bands of few rows: EfficientNet-Lite2 took 6 % more time with maps of half as many bytes in its chain.
const LARGE: usize = 1 << 20;

/// The end of the longest chain: a step is in it if the maps before it are large.
fn end_of_chain(steps: &[Step], layouts: &[Layout], wanted: &[Maps], cache: usize) -> usize {
    let mut end = 1;
    // The step after the last that reads what was computed.
    let mut read_until = 0;
    for (at, step) in steps.iter().enumerate() {
        if !step.is_by_rows() {
            break;
        }
        if at + 1 >= read_until {
            end = at + 1;
        }
        let layout = layouts[step.result.0];
        let users =
            steps.iter().enumerate().filter(|(_, user)| user.all_reads().any(|maps| maps == step.result));
        let last = users.map(|(user, _)| user + 1).max();
        match last {
            Some(last)
                if !wanted.contains(&step.result) && layout.len() * size_of::<f32>() > cache.min(LARGE) =>
            {
                read_until = read_until.max(last);
            }
            _ => break,
        }
    }
    end
}
