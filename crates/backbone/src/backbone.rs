//! Any network with its parameters.

use std::fmt;

use candle_core::{Device, Tensor};
use headstart_kernels::{LayerTime, Plan};
use headstart_provenance::Pooling;

use crate::pooling::pool;
use crate::{Architecture, Error};

/// A network with its parameters on a device. [`Architecture::load`] makes one.
///
/// The same image gives the same features to the bit, whatever is in its batch.
pub trait Backbone: fmt::Debug + Send + Sync {
    /// The network.
    fn architecture(&self) -> Architecture;

    /// Where [`forward`](Self::forward) expects images.
    fn device(&self) -> &Device;

    /// How many batches this number of threads should compute at a time. The networks of the registry answer
    /// [`Architecture::batches_at_once`] with their engine.
    fn batches_at_once(&self, threads: usize) -> usize {
        let _ = threads;
        1
    }

    /// The features of a batch.
    ///
    /// # Shapes
    /// `images` is `N x 3 x H x W` in f32, preprocessed as the weights need it. The result is `N x C x h x w`, where
    /// `C x h x w` is [`Architecture::feature_shape`].
    ///
    /// # Errors
    /// If the shape or type of `images` is another, or the device fails.
    fn forward(&self, images: &Tensor) -> Result<Tensor, Error>;

    /// [`forward`](Self::forward) from and to slices that the caller can reuse.
    ///
    /// # Shapes
    /// `images` has the shape `shape`, `N x 3 x H x W`. `features` takes `N` times the values of
    /// [`Architecture::feature_shape`].
    ///
    /// # Errors
    /// If a length does not fit, or as [`forward`](Self::forward).
    fn forward_slice(&self, images: &[f32], shape: [usize; 4], features: &mut [f32]) -> Result<(), Error> {
        through_tensors(|images| self.forward(images), self.device(), images, shape, features)
    }

    /// Pooled features, from and to slices that the caller can reuse. With [`Pooling::None`] it is
    /// [`forward_slice`](Self::forward_slice).
    ///
    /// A network whose kernels pool does so. Otherwise the maps of the batch are computed and then pooled; a mean is
    /// summed in f64, in the order of the map's values.
    ///
    /// # Shapes
    /// `images` has the shape `shape`, `N x 3 x H x W`. `features` takes `N` times the values of
    /// [`Pooling::row_shape`] of [`Architecture::feature_shape`].
    ///
    /// # Errors
    /// If a length does not fit, or as [`forward`](Self::forward).
    fn forward_pooled(
        &self,
        images: &[f32],
        shape: [usize; 4],
        pooling: Pooling,
        features: &mut [f32],
    ) -> Result<(), Error> {
        pooled(self, images, shape, pooling, features)
    }

    /// How the kernels compute images of `height x width`; `None` if something else computes them.
    fn plan(&self, height: usize, width: usize) -> Option<Plan> {
        let _ = (height, width);
        None
    }

    /// The time of each layer in one forward pass of a batch; empty if the engine does not measure them.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn profile(&self, images: &Tensor) -> Result<Vec<LayerTime>, Error> {
        let _ = images;
        Ok(Vec::new())
    }
}

/// [`Backbone::forward_pooled`] by [`Backbone::forward_slice`].
pub(crate) fn pooled(
    backbone: &(impl Backbone + ?Sized),
    images: &[f32],
    shape: [usize; 4],
    pooling: Pooling,
    features: &mut [f32],
) -> Result<(), Error> {
    if pooling.is_none() {
        return backbone.forward_slice(images, shape, features);
    }
    let [count, _, height, width] = shape;
    let [channels, h, w] = backbone.architecture().feature_shape(height, width)?;
    check_room(count * channels, features)?;
    let area = h * w;
    let mut maps = vec![0.0; features.len() * area];
    backbone.forward_slice(images, shape, &mut maps)?;
    pool(&maps, area, pooling, features);
    Ok(())
}

/// # Errors
/// The room for features is not of so many values.
pub(crate) fn check_room(expected: usize, features: &[f32]) -> Result<(), Error> {
    let found = features.len();
    if expected == found { Ok(()) } else { Err(Error::Features { expected, found }) }
}

/// A forward pass of tensors on a device, from and to slices.
pub(crate) fn through_tensors(
    forward: impl FnOnce(&Tensor) -> Result<Tensor, Error>,
    device: &Device,
    images: &[f32],
    shape: [usize; 4],
    features: &mut [f32],
) -> Result<(), Error> {
    let images = Tensor::from_slice(images, &shape, device)?;
    let found = forward(&images)?.flatten_all()?.to_vec1()?;
    check_room(found.len(), features)?;
    features.copy_from_slice(&found);
    Ok(())
}
