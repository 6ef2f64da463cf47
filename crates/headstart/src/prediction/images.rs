//! Images of a source, decoded ahead of the network.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use headstart_backbone::FEW_IMAGES;
use headstart_dataset::{Batch, Dataset, LeftOut, Loader, LoaderOptions, Preprocessing, Sample};

use super::source::{ImagePath, ImageSource};
use crate::Error;

/// A batch, and the dataset that its positions are of.
pub(super) struct Loaded {
    pub(super) dataset: Arc<Dataset>,
    pub(super) batch: Batch,
}

/// Reads paths and decodes images on a thread of its own, a batch ahead.
///
/// If it is dropped before its end, that thread may wait for its source until the process ends.
pub(super) struct Images {
    batches: Receiver<Result<Loaded, Error>>,
    thread: Option<JoinHandle<()>>,
}

impl Images {
    pub(super) fn load(
        mut source: impl ImageSource + 'static,
        preprocessing: Preprocessing,
        options: LoaderOptions,
    ) -> Result<Self, Error> {
        let counted = source.count().is_some();
        let (sender, batches) = sync_channel(1);
        let thread = thread::Builder::new().name("headstart-images".to_owned()).spawn(move || {
            let mut read = 0;
            loop {
                let limit = if counted { usize::MAX } else { limit(read, options.batch_size) };
                let paths = match source.next_paths(limit) {
                    Ok(paths) if paths.is_empty() => return,
                    Ok(paths) => paths,
                    Err(error) => return drop(sender.send(Err(error))),
                };
                read += paths.len();
                let dataset = Arc::new(dataset_of(paths, ""));
                let loader = match Loader::new(Arc::clone(&dataset), preprocessing.clone(), options.clone()) {
                    Ok(loader) => loader,
                    Err(error) => return drop(sender.send(Err(error.into()))),
                };
                for batch in loader {
                    if sender.send(Ok(Loaded { dataset: Arc::clone(&dataset), batch })).is_err() {
                        return;
                    }
                }
            }
        });
        let thread = thread.map_err(Error::system("start a thread that reads images"))?;
        Ok(Self { batches, thread: Some(thread) })
    }
}

impl Iterator for Images {
    type Item = Result<Loaded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.batches.recv().ok();
        if next.is_none()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            // A bug that ended the thread must not look like the end of the images.
            resume_unwind(panic);
        }
        next
    }
}

/// How many images are read at a time where their number is not known: no batch goes past the few images that another
/// engine computes.
fn limit(read: usize, batch_size: usize) -> usize {
    match FEW_IMAGES.saturating_sub(read) {
        0 => batch_size,
        few => few.min(batch_size),
    }
}

/// A dataset of these images, in one class.
pub(super) fn dataset_of(paths: Vec<ImagePath>, class: &str) -> Dataset {
    let mut unreadable = BTreeMap::new();
    let mut sample = |image: ImagePath| {
        if let Some(reason) = image.unreadable {
            unreadable.insert(image.path.clone(), reason);
        }
        Sample { path: image.path, label: 0 }
    };
    let samples = paths.into_iter().map(&mut sample).collect();
    let (classes, left_out) = (vec![class.to_owned()], LeftOut::default());
    Dataset { root: PathBuf::new(), classes, samples, unreadable, left_out }
}
