//! The feature store's writer on a thread of its own.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use headstart_features::{Error, RowRecord, SkippedRecord, Writer};

/// What one batch adds to the store.
pub(crate) struct Rows {
    /// A row for each computed image, flat.
    pub(crate) features: Vec<f32>,
    /// The images in scan order.
    pub(crate) images: Vec<Image>,
}

/// What became of an image.
pub(crate) enum Image {
    /// Its row was computed, and is the next of the batch's features.
    Computed(RowRecord),
    /// Its row is known to the writer.
    Kept(RowRecord),
    /// It could not be read.
    Skipped(SkippedRecord),
}

/// The sending side, held by whoever computes.
pub(crate) struct WriterThread {
    batches: SyncSender<Rows>,
    spares: Receiver<Vec<f32>>,
}

impl WriterThread {
    /// Lends the thread to `compute`; gives its result and the writer, where all that was sent has been flushed.
    ///
    /// Of two errors the writer's is told: where it fails, the other one only follows from it. Rows that were sent
    /// before an error of `compute` are flushed too.
    pub(crate) fn with<T>(
        writer: Writer,
        compute: impl FnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<(Writer, T)> {
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
    pub(crate) fn spare(&self) -> Vec<f32> {
        self.spares.try_recv().unwrap_or_default()
    }

    /// Hands a batch over; waits where two are not yet written. False where the writer has failed.
    pub(crate) fn send(&self, rows: Rows) -> bool {
        self.batches.send(rows).is_ok()
    }
}

/// Writes batches until there are no more.
fn write(mut writer: Writer, batches: &Receiver<Rows>, spares: &Sender<Vec<f32>>) -> Result<Writer, Error> {
    for Rows { features, images } in batches {
        add(&mut writer, &features, images)?;
        writer.flush()?;
        // Nobody may be left who wants it.
        let _ = spares.send(features);
    }
    Ok(writer)
}

fn add(writer: &mut Writer, features: &[f32], images: Vec<Image>) -> Result<(), Error> {
    let computed = images.iter().filter(|image| matches!(image, Image::Computed(_))).count();
    let row_len = features.len().checked_div(computed).unwrap_or(0);
    // Rows that follow each other are written at once.
    let (mut rest, mut records) = (features, Vec::new());
    let mut append = |writer: &mut Writer, records: &mut Vec<RowRecord>| {
        let (rows, later) = rest.split_at(records.len() * row_len);
        rest = later;
        writer.append(rows, records)?;
        records.clear();
        Ok::<_, Error>(())
    };
    for image in images {
        match image {
            Image::Computed(record) => records.push(record),
            Image::Kept(record) => {
                append(writer, &mut records)?;
                writer.keep(&record)?;
            }
            Image::Skipped(record) => writer.skip(&record)?,
        }
    }
    append(writer, &mut records)
}
