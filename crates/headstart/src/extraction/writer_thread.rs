//! The feature store's writer on a thread of its own.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use headstart_dataset::Limit;
use headstart_features::{Error as StoreError, RowRecord, SkippedRecord, Writer};

use crate::Error;

/// What one batch adds to the store.
#[derive(Default)]
pub(super) struct Rows {
    /// A row for each computed image, flat.
    pub(super) features: Vec<f32>,
    /// The images in scan order.
    pub(super) images: Vec<Image>,
}

/// What became of an image.
pub(super) enum Image {
    /// Its row was computed, and is the next of the batch's features.
    Computed(RowRecord),
    /// The writer has its row from before.
    Kept(RowRecord),
    /// It could not be read; with the limit that refused it, if one did.
    Skipped(SkippedRecord, Option<Limit>),
}

/// The sending side, held by whoever computes.
pub(super) struct WriterThread {
    batches: SyncSender<Rows>,
    spares: Receiver<Vec<f32>>,
}

impl WriterThread {
    /// Lends the thread to `compute`; gives its result and the writer, where all that was sent has been flushed.
    ///
    /// If both fail, the writer's error is returned, because the other one follows from it. Rows that were sent before an
    /// error of `compute` are flushed too.
    pub(super) fn with<T>(
        writer: Writer,
        compute: impl FnOnce(&Self) -> Result<T, Error>,
    ) -> Result<(Writer, T), Error> {
        // One batch waits while another is written.
        let (batches, received) = sync_channel(1);
        let (spare, spares) = channel();
        thread::scope(|scope| {
            let thread = scope.spawn(move || write(writer, &received, &spare));
            let computed = compute(&Self { batches, spares });
            let written = match thread.join() {
                Ok(written) => written,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            let writer = written?;
            Ok((writer, computed?))
        })
    }

    /// Memory of a batch that has been written, or none.
    pub(super) fn spare(&self) -> Vec<f32> {
        self.spares.try_recv().unwrap_or_default()
    }

    /// Hands a batch over; waits where two are not yet written. False where the writer has failed.
    pub(super) fn send(&self, rows: Rows) -> bool {
        self.batches.send(rows).is_ok()
    }
}

/// Writes batches until there are no more.
fn write(
    mut writer: Writer,
    batches: &Receiver<Rows>,
    spares: &Sender<Vec<f32>>,
) -> Result<Writer, StoreError> {
    for Rows { features, images } in batches {
        add(&mut writer, &features, images)?;
        writer.flush()?;
        // Nobody may be left who wants it.
        let _ = spares.send(features);
    }
    Ok(writer)
}

fn add(writer: &mut Writer, features: &[f32], images: Vec<Image>) -> Result<(), StoreError> {
    let computed = images.iter().filter(|image| matches!(image, Image::Computed(_))).count();
    let row_len = features.len().checked_div(computed).unwrap_or(0);
    // Rows that follow each other are written at once.
    let (mut rest, mut records) = (features, Vec::new());
    let mut append = |writer: &mut Writer, records: &mut Vec<RowRecord>| {
        let (rows, later) = rest.split_at(records.len() * row_len);
        rest = later;
        writer.append(rows, records)?;
        records.clear();
        Ok::<_, StoreError>(())
    };
    for image in images {
        match image {
            Image::Computed(record) => records.push(record),
            Image::Kept(record) => {
                append(writer, &mut records)?;
                writer.keep(&record)?;
            }
            Image::Skipped(record, _) => writer.skip(&record)?,
        }
    }
    append(writer, &mut records)
}
