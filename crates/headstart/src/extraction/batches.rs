//! Batches that went through the network, on their way to the writer.

use std::mem::take;
use std::ops::ControlFlow;

use headstart_dataset::Skipped;

use super::Plan;
use super::forward::Outcome;
use super::outcome::Tally;
use super::work::Work;
use super::writer_thread::{Rows, WriterThread};
use crate::Error;
use crate::observer::{Observer, Progress, Stage};

/// Puts small batches together, so that the disk gets as many images at a time as the extraction was asked to compute.
pub(super) struct Batches<'a> {
    pub(super) plan: &'a Plan<'a>,
    pub(super) work: &'a mut Work,
    pub(super) tally: &'a mut Tally,
    pub(super) writer: &'a WriterThread,
    pub(super) observer: &'a mut dyn Observer,
    /// What was not yet sent.
    pub(super) rows: Rows,
    /// Values of a row.
    pub(super) row_len: usize,
}

impl Batches<'_> {
    /// Reports the batch's images that can't be read, and adds the others.
    pub(super) fn add(&mut self, outcome: Outcome<'_>) -> Result<ControlFlow<()>, Error> {
        let Outcome { rows, skipped, features } = outcome;
        for Skipped { path, reason, limit, .. } in &skipped {
            self.plan.skip(path, reason, *limit, self.observer)?;
        }
        let Rows { features: all, images } = &mut self.rows;
        if images.is_empty() {
            *all = self.writer.spare();
            all.clear();
        }
        let start = all.len();
        all.resize(start + rows.len() * self.row_len, 0.0);
        if let Err(error) = features(&mut all[start..]) {
            all.truncate(start);
            return Err(error);
        }
        images.extend(self.work.up_to_batch(rows, skipped));
        if images.len() < self.plan.batch_size { Ok(ControlFlow::Continue(())) } else { Ok(self.send()) }
    }

    /// Hands everything to the writer.
    pub(super) fn send(&mut self) -> ControlFlow<()> {
        let rows = take(&mut self.rows);
        if rows.images.is_empty() {
            return ControlFlow::Continue(());
        }
        self.tally.add(&rows.images);
        let (images, total) = (self.tally.images, self.plan.dataset.samples.len());
        if !self.writer.send(rows) {
            // Writing has failed. The thread's error says why.
            return ControlFlow::Break(());
        }
        let flow = self.observer.progress(&Progress::new(Stage::Extraction, images, total));
        // An extraction that is complete is not interrupted.
        if images == total { ControlFlow::Continue(()) } else { flow }
    }
}
