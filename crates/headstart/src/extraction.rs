//! Images through the network, features to disk.

mod batches;
pub(crate) mod forward;
mod outcome;
mod work;
mod writer_thread;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use headstart_backbone::{Backbone as Network, Engine};
use headstart_dataset::{Dataset, Limit, Limits, Loader};
use headstart_features::{Existing, ManifestHeader, Shard, Summary, Writer};
use headstart_provenance::{Pooling, Preprocessing};
use headstart_weights::LoadReport;

use self::batches::Batches;
use self::forward::Forward;
use self::outcome::Tally;
use self::work::Work;
use self::writer_thread::{Rows, WriterThread};
use crate::mirror::check_mirror;
use crate::observer::{Note, Observer, Progress, Stage, note_dataset, note_weights};
use crate::{Backbone, Error, InputChoice, device_name};

pub use self::outcome::{Extracted, SkippedImage};

/// What an interrupted extraction keeps.
const KEPT: &str = "run the same extraction again to go on from there";

/// Runs a network once over the images of a dataset and stores its features.
///
/// What was computed is never computed again. After an interruption the same extraction goes on from the last batch. On a
/// folder that changed, it computes the images of new content alone. The files are those of an uninterrupted run, to the
/// byte, for any number of threads and any batch size.
///
/// ```no_run
/// use headstart::{Backbone, Dataset, Extraction, Silent};
///
/// let photos = Dataset::folder("photos")?;
/// let backbone = Backbone::open("vgg16_weights.h5")?;
/// let extracted = Extraction::new(&photos, &backbone).to("photos.npy").run(&mut Silent)?;
/// println!("{} rows, {} images skipped", extracted.summary.rows, extracted.skipped.len());
/// # Ok::<(), headstart::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Extraction<'a> {
    dataset: &'a Dataset,
    backbone: &'a Backbone,
    preprocessing: Option<Preprocessing>,
    pooling: Option<Pooling>,
    batch_size: Option<usize>,
    limits: Limits,
    strict: bool,
    shard: Option<[u32; 2]>,
    existing: Existing,
    output: PathBuf,
}

impl<'a> Extraction<'a> {
    /// An extraction of all images into `features.npy` in the current folder, with the preprocessing that the weights were
    /// trained for ([`Backbone::preprocessing`]) and the network's own pooling
    /// ([`Architecture::pooling`](crate::Architecture::pooling)).
    #[must_use]
    pub fn new(dataset: &'a Dataset, backbone: &'a Backbone) -> Self {
        Self {
            dataset,
            backbone,
            preprocessing: None,
            pooling: None,
            batch_size: None,
            limits: Limits::default(),
            strict: false,
            shard: None,
            existing: Existing::Reuse,
            output: PathBuf::from("features.npy"),
        }
    }

    /// The `.npy` to write. Its manifest gets the same name with the suffix `.jsonl`.
    #[must_use]
    pub fn to(mut self, output: impl AsRef<Path>) -> Self {
        self.output = output.as_ref().to_path_buf();
        self
    }

    /// How an image becomes the network's input.
    #[must_use]
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = Some(preprocessing);
        self
    }

    /// What becomes of the network's maps.
    #[must_use]
    pub fn pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// Images that are computed at a time. No value depends on it. By default
    /// [`Architecture::suited_batch`](crate::Architecture::suited_batch).
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// What one image may cost. An image beyond the limits is skipped.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Stops at the first image that can't be read, instead of skipping it.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Computes one of `count` shards, with an index from 0. [`merge`](crate::merge) puts them together.
    #[must_use]
    pub fn shard(mut self, index: u32, count: u32) -> Self {
        self.shard = Some([index, count]);
        self
    }

    /// What to do with features that are at the output: use their rows again (the default), or start over.
    #[must_use]
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// Runs it. An image that can't be read is skipped and listed in the manifest, and shifts no row against its label.
    ///
    /// # Errors
    /// Settings, weights or an output that can't be used: before the first image is computed. Features at the output that
    /// were made in another way. With [`strict`](Self::strict), an image that can't be read. [`Error::Interrupted`] where
    /// the observer ended it; all rows so far are kept for the next run.
    pub fn run(self, observer: &mut dyn Observer) -> Result<Extracted, Error> {
        let started = Instant::now();
        let plan = Plan::new(&self, observer)?;
        note_dataset(self.dataset, &plan.dataset.class_counts(), observer);
        let left_out = plan.note_unreadable(observer)?;
        // The writer refuses a bad output before the weights are read or an image is decoded.
        let header = plan.header()?;
        let (provenance, computed_by) = (header.provenance.clone(), header.computed_by.clone());
        let writer = Writer::open(&self.output, header, self.existing)?;
        let mut work = Work::new(&plan.dataset, &writer, &self.limits);
        note_known(&self.output, &writer, &work, observer);
        // The first images are decoded while the network is loaded.
        let loader = (work.missing() > 0).then(|| plan.loader(&work)).transpose()?;
        let network = loader.is_some().then(|| plan.load_network(observer)).transpose()?;
        let load_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let computing = network.as_ref().map(|(network, _)| &**network).zip(loader);
        let (summary, tally) = plan.write(writer, &mut work, computing, observer)?;
        plan.note_empty(&tally, observer);
        let shape = [&[summary.rows][..], &plan.row_shape].concat();
        Ok(Extracted {
            shape,
            summary,
            classes: plan.dataset.classes.clone(),
            class_counts: tally.class_counts,
            skipped: left_out.into_iter().chain(tally.skipped).collect(),
            weights: network.map(|(_, report)| report),
            provenance,
            computed_by,
            device: device_name(self.backbone.device()?),
            threads: rayon::current_num_threads(),
            load_seconds,
            extract_seconds: started.elapsed().as_secs_f64(),
        })
    }
}

/// An extraction whose settings were checked.
struct Plan<'a> {
    job: &'a Extraction<'a>,
    /// The images of this run: all of the dataset's, or those of a shard.
    dataset: Arc<Dataset>,
    shard: Option<Shard>,
    preprocessing: Preprocessing,
    pooling: Pooling,
    engine: Engine,
    /// Images that are computed at a time.
    batch_size: usize,
    row_shape: Vec<usize>,
}

impl<'a> Plan<'a> {
    fn new(job: &'a Extraction<'a>, observer: &mut dyn Observer) -> Result<Self, Error> {
        let preprocessing = match &job.preprocessing {
            Some(given) => given.clone(),
            None => job.backbone.preprocessing_with(&InputChoice::default(), observer)?,
        };
        preprocessing.validate()?;
        let Preprocessing { height, width, .. } = preprocessing;
        let (network, images) = (job.backbone.architecture(), job.dataset.samples.len());
        let pooling = job.pooling.unwrap_or(network.pooling());
        check_mirror(&preprocessing, pooling)?;
        let row_shape = pooling.row_shape(network.feature_shape(height, width)?);
        // Chosen by the whole dataset, so that the rows of its shards are those of one run.
        let device = job.backbone.device()?;
        let batch_size = job.batch_size.unwrap_or_else(|| network.suited_batch(device, height, width));
        Error::check_batch_size(batch_size)?;
        let engine = job.backbone.engine(images)?;
        let (dataset, shard) = match job.shard {
            Some([index, count]) => {
                let (dataset, shard) = part(job.dataset, index, count)?;
                (dataset, Some(shard))
            }
            None => (job.dataset.clone(), None),
        };
        let dataset = Arc::new(dataset);
        Ok(Self { job, dataset, shard, preprocessing, pooling, engine, batch_size, row_shape })
    }

    /// What the manifest says of all rows.
    fn header(&self) -> Result<ManifestHeader, Error> {
        let backbone = self.job.backbone;
        let provenance = backbone.provenance(&self.preprocessing, self.pooling)?;
        let computed_by = self.engine.describe(backbone.device()?)?;
        let classes = self.dataset.classes.clone();
        let mut header = ManifestHeader::new(classes, provenance, self.row_shape.clone(), computed_by);
        header.shard.clone_from(&self.shard);
        Ok(header)
    }

    /// Reads the weights and builds the network.
    fn load_network(&self, observer: &mut dyn Observer) -> Result<(Box<dyn Network>, LoadReport), Error> {
        let backbone = self.job.backbone;
        let (network, report) = backbone.load(self.engine)?;
        note_weights(backbone.weights(), backbone.architecture(), &report, observer);
        Ok((network, report))
    }

    /// Computes what is missing, writes all rows in scan order, and puts the files in place.
    ///
    /// Writing has a thread of its own: a batch is written while the next one is computed.
    fn write(
        &self,
        writer: Writer,
        work: &mut Work,
        computing: Option<(&dyn Network, Loader)>,
        observer: &mut dyn Observer,
    ) -> Result<(Summary, Tally), Error> {
        let (writer, (tally, flow)) = WriterThread::with(writer, |thread| {
            let mut tally = Tally::new(self.dataset.classes.len());
            let flow = match computing {
                Some((network, loader)) => {
                    self.compute(network, loader, work, &mut tally, thread, observer)?
                }
                None => ControlFlow::Continue(()),
            };
            if flow.is_continue() {
                let images = work.rest();
                tally.add(&images);
                thread.send(Rows { features: Vec::new(), images });
            }
            Ok((tally, flow))
        })?;
        if flow.is_break() {
            let (done, total) = (tally.images, self.dataset.samples.len());
            return Err(Error::Interrupted { done, total, unit: Stage::Extraction.unit(), kept: KEPT });
        }
        Ok((writer.finish()?, tally))
    }

    /// Runs the network over the images whose rows are missing, and hands on all images up to the last of them.
    fn compute(
        &self,
        network: &dyn Network,
        loader: Loader,
        work: &mut Work,
        tally: &mut Tally,
        writer: &WriterThread,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>, Error> {
        let total = self.dataset.samples.len();
        let mut flow = observer.progress(&Progress::new(Stage::Extraction, 0, total));
        let row_len = self.row_shape.iter().product();
        let (preprocessing, pooling) = (&self.preprocessing, self.pooling);
        let forward = Forward { network, preprocessing, pooling, row_len };
        if flow.is_break() {
            return Ok(flow);
        }
        let mut batches =
            Batches { plan: self, work, tally, writer, observer, rows: Rows::default(), row_len };
        let computed = forward.run(loader, self.consumers(), &mut |outcome| {
            flow = batches.add(outcome)?;
            Ok(flow)
        });
        // What was computed before an error is kept.
        if flow.is_continue() {
            flow = batches.send();
        }
        computed.map(|()| flow)
    }

    /// Batches that are computed at a time.
    fn consumers(&self) -> usize {
        let network = self.job.backbone.architecture();
        Forward::consumers(|threads| network.batches_at_once(self.engine, threads))
    }

    /// Begins to decode what is missing.
    fn loader(&self, work: &Work) -> Result<Loader, Error> {
        let consumers = self.consumers();
        let options = Forward::loading(consumers, self.batch_size, self.job.limits);
        Ok(Loader::new(work.to_load(), self.preprocessing.clone(), options)?)
    }

    /// Reports an image that can't be read; in a strict extraction that is an error.
    fn skip(
        &self,
        path: &str,
        reason: &str,
        limit: Option<Limit>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let reason = reason.to_owned();
        if self.job.strict {
            return Err(Error::Image { path: self.dataset.root.join(path), reason, limit });
        }
        observer.note(&Note::Skipped { path: path.to_owned(), reason, limit });
        Ok(())
    }

    /// Reports what lies beside the classes and can't be taken as one, like images that can't be read.
    fn note_unreadable(&self, observer: &mut dyn Observer) -> Result<Vec<SkippedImage>, Error> {
        let mut skipped = Vec::new();
        for (path, reason) in &self.dataset.left_out.unreadable {
            self.skip(path, reason, None, observer)?;
            skipped.push(SkippedImage { path: path.clone(), reason: reason.clone(), limit: None });
        }
        Ok(skipped)
    }

    /// Reports classes whose images all turned out to be unreadable. A shard does not see all of a class.
    fn note_empty(&self, tally: &Tally, observer: &mut dyn Observer) {
        if self.shard.is_some() {
            return;
        }
        let classes = self.dataset.classes.iter().zip(self.dataset.class_counts()).zip(&tally.class_counts);
        for ((class, images), rows) in classes {
            if images > 0 && *rows == 0 {
                let detail = format!("none of its {images} images could be read");
                let source = self.dataset.root.clone();
                observer.note(&Note::EmptyClass { source, class: class.clone(), detail });
            }
        }
    }
}

/// The images of one of several shards.
fn part(folder: &Dataset, index: u32, count: u32) -> Result<(Dataset, Shard), Error> {
    if index >= count {
        let expected = format!("expected an index below {count}, the number of shards, found {index}");
        return Err(Error::setting("shard", expected));
    }
    let paths = || folder.samples.iter().map(|sample| sample.path.as_str());
    let images = folder.samples.len();
    let positions: Vec<usize> =
        paths().enumerate().filter(|(_, path)| Shard::of(path, count) == index).map(|(i, _)| i).collect();
    if positions.is_empty() {
        let root = folder.root.display();
        let of = format!("none of the {images} images of {root} belongs to shard {index} of {count}");
        return Err(Error::setting("shard", format!("{of}; use fewer shards")));
    }
    Ok((folder.subset(&positions), Shard { index, count, images, listing: Shard::listing(paths()) }))
}

/// Reports how many rows need not be computed, and why others must be.
fn note_known(output: &Path, writer: &Writer, work: &Work, observer: &mut dyn Observer) {
    let output = output.to_path_buf();
    if let Some(outdated) = writer.outdated() {
        let (found, expected) = (outdated.found.clone(), outdated.expected.clone());
        observer.note(&Note::Outdated { output: output.clone(), found, expected });
    }
    if writer.known_rows() > 0 {
        observer.note(&Note::Reused { output, missing: work.missing() });
    }
}
