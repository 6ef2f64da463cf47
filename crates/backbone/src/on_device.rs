//! A network on a device, in tensors.

use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Tensor};
use headstart_cuda::Gpu;
use headstart_kernels::LayerTime;

use crate::backbone::{check_room, through_tensors};
use crate::description::Description;
use crate::stored::Folded;
use crate::tensors::Tensors;
use crate::{Engine, Error, Precision};

/// Pixels of the images that a GPU is given at once. On an H100 more are no faster; VGG16 takes 3 GB for these.
const PIXELS: usize = 64 * 150 * 150;

/// Pixels of the images that candle is given at once on a GPU, for which it takes about 0.6 GB there.
const CANDLE_PIXELS: usize = 8 * 150 * 150;

/// Batches that are computed at a time on a GPU: while one is computed, others are copied.
pub(crate) const BATCHES: usize = 3;

/// Images of this size that a GPU computes at once, [`BATCHES`] times: what keeps it busy.
pub(crate) fn batch(height: usize, width: usize) -> usize {
    BATCHES * group(PIXELS, height, width)
}

fn group(pixels: usize, height: usize, width: usize) -> usize {
    (pixels / (height * width).max(1)).clamp(1, 256)
}

/// A network that [`Engine::Candle`] or [`Engine::Cuda`] computes.
pub(crate) struct OnDevice {
    tensors: Tensors,
    device: Device,
    gpu: Option<Arc<Gpu>>,
}

impl OnDevice {
    /// A description whose convolutions, in their order, have these parameters.
    pub(crate) fn new(
        description: &Description,
        folded: &[Folded],
        device: &Device,
        engine: Engine,
    ) -> Result<Self, Error> {
        let (gpu, precision) = match engine {
            Engine::Cuda(precision) => (Some(Gpu::open(device)?), precision),
            _ => (None, Precision::F32),
        };
        let device = gpu.as_ref().map_or(device, |gpu| gpu.device()).clone();
        let tensors = match &gpu {
            Some(gpu) => Tensors::on_gpu(description, folded, gpu, precision)?,
            None => Tensors::new(description, folded, &device)?,
        };
        Ok(Self { tensors, device, gpu })
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Number of layers.
    pub(crate) fn layers(&self) -> usize {
        self.tensors.layers()
    }

    /// Images of this size that are computed at once.
    fn group(&self, height: usize, width: usize) -> usize {
        match self.gpu {
            Some(_) => group(PIXELS, height, width),
            None if self.device.is_cpu() => usize::MAX,
            None => group(CANDLE_PIXELS, height, width),
        }
    }

    /// The result of the first layers for a batch.
    pub(crate) fn forward(&self, images: &Tensor, layers: usize) -> Result<Tensor, Error> {
        let (count, _, height, width) = images.dims4()?;
        let images = images.to_device(&self.device)?;
        if count == 0 {
            let one = Tensor::zeros(&[&[1], &images.dims()[1..]].concat()[..], images.dtype(), &self.device)?;
            return Ok(self.tensors.forward(&one, layers)?.narrow(0, 0, 0)?);
        }
        let group = self.group(height, width);
        let parts = (0..count).step_by(group.min(count)).map(|first| {
            let images = images.narrow(0, first, group.min(count - first))?;
            self.compute(&images, layers)
        });
        Ok(Tensor::cat(&parts.collect::<Result<Vec<_>, Error>>()?, 0)?)
    }

    /// The number of images that must be given at once; one if any number will do. Candle's libraries choose the order of a sum
    /// by the number of rows, so the features of an image would depend on the other images of its batch.
    fn full_group(&self, height: usize, width: usize) -> usize {
        let any_will_do = self.gpu.is_some() || self.device.is_cpu();
        if any_will_do { 1 } else { self.group(height, width) }
    }

    /// The result for the images of a group, filled up with zeros if it must be full.
    fn compute(&self, images: &Tensor, layers: usize) -> Result<Tensor, Error> {
        let (count, _, height, width) = images.dims4()?;
        let missing = self.full_group(height, width).saturating_sub(count);
        let queue = || {
            if missing == 0 {
                return self.tensors.forward(images, layers);
            }
            let filled = images.pad_with_zeros(0, 0, missing)?;
            Ok(self.tensors.forward(&filled, layers)?.narrow(0, 0, count)?)
        };
        match &self.gpu {
            Some(gpu) => self.checked(gpu, images, gpu.compute(queue)),
            None => queue(),
        }
    }

    /// The features of a batch, from and to slices. On a GPU, copies go on while other batches are computed.
    pub(crate) fn forward_slice(
        &self,
        images: &[f32],
        shape: [usize; 4],
        features: &mut [f32],
    ) -> Result<(), Error> {
        let layers = self.layers();
        let [count, channels, height, width] = shape;
        let Some(gpu) = &self.gpu else {
            let forward = |images: &Tensor| self.forward(images, layers);
            return through_tensors(forward, &self.device, images, shape, features);
        };
        if count == 0 {
            return check_room(0, features);
        }
        let (group, image) = (self.group(height, width), channels * height * width);
        let results = images.chunks(group * image.max(1)).map(|images| {
            let images = gpu.upload(images, [images.len() / image.max(1), channels, height, width])?;
            self.compute(&images, layers)
        });
        let results = results.collect::<Result<Vec<_>, Error>>()?;
        check_room(results.iter().map(Tensor::elem_count).sum(), features)?;
        let mut rest = features;
        for result in results {
            let (part, after) = rest.split_at_mut(result.elem_count());
            gpu.download(&result, part)?;
            rest = after;
        }
        Ok(())
    }

    /// Names a lack of memory.
    fn checked(&self, gpu: &Gpu, images: &Tensor, computed: Result<Tensor, Error>) -> Result<Tensor, Error> {
        computed.map_err(|error| match error {
            Error::Candle(cause) if Gpu::is_out_of_memory(&cause) => {
                let (images, _, height, width) = images.dims4().unwrap_or_default();
                let [free, total] = gpu.memory().unwrap_or_default();
                Error::GpuMemory { images, height, width, free, total }
            }
            error => error,
        })
    }

    /// The time of each layer, waited for one after the other; empty if nothing measures it.
    pub(crate) fn profile(&self, images: &Tensor) -> Result<Vec<LayerTime>, Error> {
        let Some(gpu) = &self.gpu else { return Ok(Vec::new()) };
        let images = images.to_device(&self.device)?;
        gpu.synchronize()?;
        let mut times = Vec::new();
        let mut started = Instant::now();
        self.tensors.forward_with(&images, self.layers(), &mut |layer, result| {
            gpu.synchronize()?;
            times.push(self.tensors.time_of(layer, result, started.elapsed().as_secs_f64()));
            started = Instant::now();
            Ok(())
        })?;
        Ok(times)
    }
}
