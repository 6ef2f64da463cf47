//! Features of images whose pixels a program holds.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use headstart_backbone::Backbone as Network;
use headstart_dataset::preprocess;
use headstart_provenance::{Pooling, Preprocessing};
use image::RgbImage;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::{Featurized, Featurizer, interruption};
use crate::Error;
use crate::extraction::forward::{Forward, pool_of_one};
use crate::mirror::pooled_features;
use crate::observer::{Observer, Progress, Stage};

/// An image in memory: red, green and blue from 0 to 255, as a decoder gives them.
///
/// # Shapes
/// Height x width x 3 in C order.
#[derive(Debug, Clone, Copy)]
pub struct RgbPixels<'a> {
    values: &'a [u8],
    height: u32,
    width: u32,
}

impl<'a> RgbPixels<'a> {
    /// An image of a height and a width in pixels.
    ///
    /// # Errors
    /// Another number of values, or no pixel.
    pub fn new(values: &'a [u8], height: usize, width: usize) -> Result<Self, Error> {
        let expected = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3));
        let sides = (u32::try_from(height), u32::try_from(width));
        match (expected, sides) {
            (Some(expected), (Ok(height), Ok(width))) if expected == values.len() && expected > 0 => {
                Ok(Self { values, height, width })
            }
            _ => {
                let found = values.len();
                let message = format!(
                    "expected pixels of shape height x width x 3, found {found} values for {height} x {width} x 3"
                );
                Err(Error::setting("images", message))
            }
        }
    }
}

impl Featurizer {
    /// The features of images in memory. They are those of files that decode to the same pixels.
    ///
    /// # Errors
    /// Weights that can't be read; [`Error::Interrupted`] where the observer ended it.
    pub fn pixels(
        &mut self,
        images: &[RgbPixels<'_>],
        observer: &mut dyn Observer,
    ) -> Result<Featurized, Error> {
        let batch_size = self.images_at_a_time()?;
        let row_len: usize = self.row_shape.iter().product();
        let mut values = vec![0.0; images.len() * row_len];
        if images.is_empty() {
            return Ok(Featurized { values, skipped: Vec::new() });
        }
        let network = self.network.suited(&self.backbone, Some(images.len()), 0)?;
        let threads = Forward::consumers(|threads| network.batches_at_once(threads));
        let batch_size = batch_size.div_ceil(threads);
        let batches = images.chunks(batch_size).zip(values.chunks_mut(batch_size * row_len)).enumerate();
        let batches = batches.map(|(batch, (images, rows))| (batch * batch_size, images, rows));
        let pass = Pass { network, preprocessing: &self.preprocessing, pooling: self.pooling };
        let (mut done, total) = (0, images.len());
        let mut tell = |images: usize| {
            done += images;
            let flow = observer.progress(&Progress::new(Stage::Extraction, done, total));
            if done == total { ControlFlow::Continue(()) } else { flow }
        };
        let flow = if threads > 1 {
            pass.apart(batches, threads, &mut tell)
        } else {
            pass.together(batches, &mut tell)
        };
        if flow?.is_break() {
            Err(interruption(done, total))
        } else {
            Ok(Featurized { values, skipped: Vec::new() })
        }
    }
}

/// The position of a batch's first image, the images, and the rows that they become.
type Work<'a> = (usize, &'a [RgbPixels<'a>], &'a mut [f32]);

/// Hears how many images more are done. `Break` ends it.
type Tell<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// From pixels to features.
struct Pass<'a> {
    network: &'a dyn Network,
    preprocessing: &'a Preprocessing,
    pooling: Pooling,
}

impl Pass<'_> {
    /// All threads share each batch.
    fn together<'a>(
        &self,
        batches: impl Iterator<Item = Work<'a>>,
        tell: &mut Tell<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut input = Vec::new();
        for work in batches {
            let images = work.1.len();
            self.compute(work, &mut input)?;
            if tell(images).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Each thread computes batches of its own.
    fn apart<'a>(
        &self,
        batches: impl Iterator<Item = Work<'a>> + Send,
        threads: usize,
        tell: &mut Tell<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let pools = (0..threads).map(|_| pool_of_one()).collect::<Result<Vec<_>, _>>()?;
        let (batches, stopped) = (&Mutex::new(batches), &AtomicBool::new(false));
        let (computed, received) = channel();
        thread::scope(|scope| {
            for pool in pools {
                let computed = computed.clone();
                let work = move |pool: &ThreadPool| {
                    let mut input = Vec::new();
                    while !stopped.load(Ordering::Relaxed) {
                        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some(work) = next else { break };
                        let images = work.1.len();
                        let done = pool.install(|| self.compute(work, &mut input)).map(|()| images);
                        if computed.send(done).is_err() {
                            break;
                        }
                    }
                };
                scope.spawn(move || work(&pool));
            }
            drop(computed);
            let mut outcome = Ok(ControlFlow::Continue(()));
            for done in received {
                match done.map(&mut *tell) {
                    Ok(ControlFlow::Continue(())) => continue,
                    ended => outcome = ended,
                }
                stopped.store(true, Ordering::Relaxed);
                break;
            }
            outcome
        })
    }

    /// Computes a batch. `input` is memory for the network's input; its content does not matter.
    fn compute(&self, (first, images, rows): Work<'_>, input: &mut Vec<f32>) -> Result<(), Error> {
        let len = self.preprocessing.len();
        input.resize(images.len() * len, 0.0);
        input.par_chunks_exact_mut(len).zip(images).enumerate().try_for_each(|(at, (input, image))| {
            let RgbPixels { values, height, width } = *image;
            // The resizing works on an image that owns its pixels, so one image a thread is copied.
            let image = RgbImage::from_raw(width, height, values.to_vec()).unwrap_or_default();
            preprocess(&image, self.preprocessing, input).map_err(|error| Error::Image {
                path: PathBuf::from(format!("image {}", first + at)),
                reason: error.to_string(),
                limit: error.limit(),
            })
        })?;
        pooled_features(self.network, input, images.len(), self.preprocessing, self.pooling, rows)
    }
}
