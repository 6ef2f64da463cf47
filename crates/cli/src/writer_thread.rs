//! The feature store's writer on a thread of its own.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use headstart_features::{Error, RowRecord, SkippedRecord, Summary, Writer};

/// What one batch adds to the store.
pub(crate) struct Rows {
    /// A row for each of `records`, flat.
    pub(crate) features: Vec<f32>,
    pub(crate) records: Vec<RowRecord>,
    pub(crate) skipped: Vec<SkippedRecord>,
}

/// The sending side, held by whoever computes.
pub(crate) struct WriterThread {
    batches: SyncSender<Rows>,
    spares: Receiver<Vec<f32>>,
}

impl WriterThread {
    /// Lends the thread to `compute` and finishes the store after it. Of two errors the writer's is told: where it
    /// fails, the other one only follows from it or would have been lost with the rows.
    pub(crate) fn with(
        writer: Writer,
        compute: impl FnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<Summary> {
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
            computed?;
            Ok(writer.finish()?)
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
    for Rows { features, records, skipped } in batches {
        if !records.is_empty() {
            writer.append(&features, &records)?;
        }
        for record in skipped {
            writer.skip(record)?;
        }
        // Nobody may be left who wants it.
        let _ = spares.send(features);
    }
    Ok(writer)
}
