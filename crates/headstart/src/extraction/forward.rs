//! Batches through the network, in the order of their samples.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use headstart_backbone::Backbone as Network;
use headstart_dataset::{Batch, Error as DatasetError, Limits, Loader, LoaderOptions, Row, Skipped};
use headstart_provenance::{Pooling, Preprocessing};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;
use crate::mirror::pooled_features;

/// Batches that each thread may begin before the oldest one has been taken.
const AHEAD: usize = 2;

/// A network and the shapes that it is given and gives.
pub(crate) struct Forward<'a> {
    pub(crate) network: &'a dyn Network,
    /// What the images became.
    pub(crate) preprocessing: &'a Preprocessing,
    pub(crate) pooling: Pooling,
    /// Values of the features of an image.
    pub(crate) row_len: usize,
}

/// What became of the images of a batch.
pub(crate) struct Outcome<'a> {
    pub(crate) rows: Vec<Row>,
    pub(crate) skipped: Vec<Skipped>,
    /// Writes the features of the rows. It has as many values as they have.
    pub(crate) features: &'a mut dyn FnMut(&mut [f32]) -> Result<(), Error>,
}

/// Takes one batch after the other. `Break` ends it.
pub(crate) type Take<'a> = dyn FnMut(Outcome<'_>) -> Result<ControlFlow<()>, Error> + 'a;

impl Forward<'_> {
    /// How many batches are computed at a time, each by a thread of its own; one means that all threads share each batch.
    /// `at_once` says how many a number of threads should compute.
    pub(crate) fn consumers(at_once: impl FnOnce(usize) -> usize) -> usize {
        // More threads than CPUs would take turns, and each would fill the caches with its own maps.
        let cpus = thread::available_parallelism().map_or(usize::MAX, usize::from);
        at_once(rayon::current_num_threads().min(cpus)).max(1)
    }

    /// How images are loaded for consumers of which each gets its part of a batch. As many images are loaded ahead as for one.
    pub(crate) fn loading(consumers: usize, batch_size: usize, limits: Limits) -> LoaderOptions {
        let options = LoaderOptions::default().with_limits(limits).with_consumers(consumers);
        let prefetch = options.prefetch * consumers;
        options.with_prefetch(prefetch).with_batch_size(batch_size.div_ceil(consumers))
    }

    /// Computes all batches, and hands them to `take` in order. `consumers` is the loader's.
    ///
    /// # Errors
    /// Those of `take`, of the network and of the system that has too few threads. All batches before were taken.
    pub(crate) fn run(&self, loader: Loader, consumers: usize, take: &mut Take<'_>) -> Result<(), Error> {
        if consumers > 1 { self.apart(loader, consumers, take) } else { self.together(loader, take) }
    }

    fn features(&self, pixels: &[f32], rows: usize, features: &mut [f32]) -> Result<(), Error> {
        if rows > 0 {
            pooled_features(self.network, pixels, rows, self.preprocessing, self.pooling, features)?;
        }
        Ok(())
    }

    /// All threads share each batch.
    fn together(&self, mut loader: Loader, take: &mut Take<'_>) -> Result<(), Error> {
        while let Some(Batch { pixels, rows, skipped }) = loader.next() {
            let count = rows.len();
            let features = &mut |features: &mut [f32]| self.features(&pixels, count, features);
            if take(Outcome { rows, skipped, features })?.is_break() {
                break;
            }
            loader.recycle(pixels);
        }
        Ok(())
    }

    /// Each thread computes batches of its own. None waits for another one, however fast they are.
    fn apart(&self, loader: Loader, threads: usize, take: &mut Take<'_>) -> Result<(), Error> {
        let pools = (0..threads).map(|_| pool_of_one()).collect::<Result<Vec<_>, _>>()?;
        let (permits, permitted) = channel();
        let (computed, received) = channel();
        (0..threads * AHEAD).try_for_each(|_| permits.send(())).unwrap_or_default();
        let source = &Mutex::new(Source { loader, permitted, begun: 0 });
        thread::scope(|scope| {
            let start = |pool: ThreadPool| {
                let computed = Sending(computed.clone());
                scope.spawn(move || pool.install(|| self.work(source, &computed)))
            };
            let threads: Vec<_> = pools.into_iter().map(start).collect();
            drop(computed);
            let taken = take_in_order(&received, &permits, take);
            // This ends the threads.
            drop((received, permits));
            for thread in threads {
                if let Err(panic) = thread.join() {
                    resume_unwind(panic);
                }
            }
            taken
        })
    }

    /// What one of the threads does until there are no more batches, or nobody takes them.
    fn work(&self, source: &Mutex<Source>, computed: &Sending) {
        let mut spent = None;
        while let Some((index, Batch { pixels, rows, skipped })) = Source::next(source, spent.take()) {
            let mut features = vec![0.0; rows.len() * self.row_len];
            let features = self.features(&pixels, rows.len(), &mut features).map(|()| features);
            if computed.0.send(Some((index, Computed { rows, skipped, features }))).is_err() {
                break;
            }
            spent = Some(pixels);
        }
    }
}

/// A pool in which the network finds one thread to use.
pub(crate) fn pool_of_one() -> Result<ThreadPool, Error> {
    let pool =
        ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "headstart-network".to_owned()).build();
    pool.map_err(|error| DatasetError::Threads { reason: error.to_string() }.into())
}

/// Where threads get their batches.
struct Source {
    loader: Loader,
    /// One for each batch that may begin.
    permitted: Receiver<()>,
    begun: usize,
}

impl Source {
    /// The next batch, with its number. The memory of an earlier one is used again.
    fn next(source: &Mutex<Self>, spent: Option<Vec<f32>>) -> Option<(usize, Batch)> {
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pixels) = spent {
            source.loader.recycle(pixels);
        }
        source.permitted.recv().ok()?;
        let batch = source.loader.next()?;
        source.begun += 1;
        Some((source.begun - 1, batch))
    }
}

/// A batch with its features.
struct Computed {
    rows: Vec<Row>,
    skipped: Vec<Skipped>,
    features: Result<Vec<f32>, Error>,
}

/// Batches with their numbers, as they come; none where a thread panics, so that nobody waits for its batch.
struct Sending(Sender<Option<(usize, Computed)>>);

impl Drop for Sending {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(None);
        }
    }
}

/// Each batch that is taken permits another one.
fn take_in_order(
    received: &Receiver<Option<(usize, Computed)>>,
    permits: &Sender<()>,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let (mut next, mut waiting) = (0, BTreeMap::new());
    while let Ok(Some((index, computed))) = received.recv() {
        waiting.insert(index, computed);
        while let Some(Computed { rows, skipped, features }) = waiting.remove(&next) {
            next += 1;
            let mut found = Some(features);
            let features = &mut |room: &mut [f32]| {
                room.copy_from_slice(&found.take().unwrap_or_else(|| Ok(Vec::new()))?);
                Ok(())
            };
            if take(Outcome { rows, skipped, features })?.is_break() {
                return Ok(());
            }
            // It fails if no thread is left to use it.
            let _ = permits.send(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use candle_core::{Device, Tensor};
    use headstart_backbone::{Architecture, Error as NetworkError};
    use headstart_dataset::{Dataset, LeftOut, LoaderOptions, Preprocessing, Preset, Sample};

    use super::*;

    const IMAGES: usize = 40;
    /// An image that can't be read.
    const TORN: usize = 9;

    /// Gives the red of each image, and takes longer for some batches than for others.
    #[derive(Debug)]
    struct Red {
        is_apart: bool,
        /// At the image of this colour it fails, or panics.
        fails_at: Option<f32>,
        panics_at: Option<f32>,
        begun: AtomicUsize,
    }

    impl Red {
        fn new(is_apart: bool) -> Self {
            Self { is_apart, fails_at: None, panics_at: None, begun: AtomicUsize::new(0) }
        }
    }

    impl Network for Red {
        fn architecture(&self) -> Architecture {
            "vgg16".parse().unwrap()
        }

        fn device(&self) -> &Device {
            &Device::Cpu
        }

        fn batches_at_once(&self, threads: usize) -> usize {
            if self.is_apart { threads } else { 1 }
        }

        fn forward(&self, _: &Tensor) -> Result<Tensor, NetworkError> {
            Err(NetworkError::Features { expected: 0, found: 0 })
        }

        fn forward_slice(
            &self,
            images: &[f32],
            _: [usize; 4],
            features: &mut [f32],
        ) -> Result<(), NetworkError> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            assert_eq!(rayon::current_num_threads(), if self.is_apart { 1 } else { 3 });
            for (feature, image) in features.iter_mut().zip(images.chunks_exact(3)) {
                *feature = (image[0] * 255.0).round();
                assert!(self.panics_at != Some(*feature), "this panic belongs to the test");
                if self.fails_at == Some(*feature) {
                    return Err(NetworkError::Features { expected: 1, found: 2 });
                }
            }
            thread::sleep(Duration::from_millis([7, 0, 3, 1][features[0] as usize % 4]));
            Ok(())
        }
    }

    fn images(root: &Path) -> Dataset {
        let sample = |image: usize| {
            let path = format!("{image:02}.ppm");
            let bytes = [&b"P6 1 1 255\n"[..], &[image as u8, 0, 0]].concat();
            fs::write(root.join(&path), if image == TORN { b"torn" } else { &bytes[..] }).unwrap();
            Sample { path, label: 0 }
        };
        Dataset {
            root: root.to_path_buf(),
            classes: vec!["all".to_owned()],
            samples: (0..IMAGES).map(sample).collect(),
            unreadable: BTreeMap::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Runs it with three threads, and ends it when so many images were taken. Returns the features in their order.
    fn run(network: &Red, batch_size: usize, end: usize) -> (Vec<f32>, Result<(), Error>) {
        let root = tempfile::tempdir().unwrap();
        let dataset = images(root.path());
        let (mut taken, mut samples, mut batches) = (Vec::new(), Vec::new(), 0);
        let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let result = pool.install(|| {
            let consumers = if network.is_apart { 3 } else { 1 };
            let options = LoaderOptions::default().with_batch_size(batch_size).with_consumers(consumers);
            let loader = Loader::new(dataset, Preprocessing::preset(Preset::Blog, 1, 1), options)?;
            let preprocessing = &Preprocessing::preset(Preset::Blog, 1, 1);
            let forward = Forward { network, preprocessing, pooling: Pooling::None, row_len: 1 };
            forward.run(loader, consumers, &mut |Outcome { rows, skipped, features }| {
                batches += 1;
                let begun = network.begun.load(Ordering::SeqCst);
                assert!(begun < batches + AHEAD * consumers, "{begun} batches before {batches}");
                assert!(skipped.iter().all(|image| image.sample == TORN));
                let mut room = vec![f32::NAN; rows.len()];
                features(&mut room)?;
                let mut images: Vec<usize> = rows.iter().map(|row| row.sample).collect();
                images.extend(skipped.iter().map(|image| image.sample));
                images.sort_unstable();
                samples.extend(images);
                taken.extend(room);
                Ok(if taken.len() >= end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
        });
        assert!(samples.iter().enumerate().all(|(at, &sample)| at == sample), "{samples:?}");
        (taken, result)
    }

    fn colours(images: std::ops::Range<usize>) -> Vec<f32> {
        images.filter(|&image| image != TORN).map(|image| image as f32).collect()
    }

    #[test]
    fn batches_are_taken_in_order_whoever_computes_them() {
        for is_apart in [false, true] {
            for batch_size in [1, 4, 64] {
                let (taken, result) = run(&Red::new(is_apart), batch_size, IMAGES);
                result.unwrap();
                assert_eq!(taken, colours(0..IMAGES), "{is_apart} {batch_size}");
            }
        }
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        for is_apart in [false, true] {
            let network = Red::new(is_apart);
            let (taken, result) = run(&network, 2, 14);
            result.unwrap();
            assert_eq!(taken, colours(0..16), "{is_apart}");
            assert!(network.begun.into_inner() <= 8 + 2 * 3);
        }
    }

    #[test]
    fn all_batches_before_an_error_are_taken() {
        for is_apart in [false, true] {
            let network = Red { fails_at: Some(21.0), ..Red::new(is_apart) };
            let (taken, result) = run(&network, 4, IMAGES);
            assert!(matches!(result, Err(Error::Backbone(_))), "{result:?}");
            assert_eq!(taken, colours(0..20), "{is_apart}");
        }
    }

    #[test]
    fn a_panic_of_a_thread_reaches_the_caller() {
        for is_apart in [false, true] {
            let network = Red { panics_at: Some(21.0), ..Red::new(is_apart) };
            assert!(catch_unwind(AssertUnwindSafe(|| run(&network, 4, IMAGES))).is_err(), "{is_apart}");
        }
    }
}
