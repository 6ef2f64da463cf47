//! What a build without CUDA has: the same names, of which there are no values.

use std::sync::Arc;

use candle_core::{Device, Error, Result, Tensor};
use headstart_kernels::graph::{Activation, Window};

use crate::{Order, Parameters};

/// A GPU. A program without the feature `cuda` has none.
#[derive(Debug)]
pub enum Gpu {}

/// A convolution on a GPU.
#[derive(Debug)]
pub enum Convolution {}

#[expect(missing_docs, reason = "these are documented where there is a GPU")]
#[expect(clippy::missing_errors_doc, reason = "these are documented where there is a GPU")]
#[expect(clippy::missing_const_for_fn, reason = "these are the other ones' signatures")]
impl Gpu {
    pub fn open(_: &Device) -> Result<Arc<Self>> {
        Err(Error::NotCompiledWithCudaSupport)
    }

    #[must_use]
    pub fn device(&self) -> &Device {
        match *self {}
    }

    pub fn memory(&self) -> Result<[usize; 2]> {
        match *self {}
    }

    pub fn compute<T>(&self, _: impl FnOnce() -> T) -> T {
        match *self {}
    }

    pub fn upload(&self, _: &[f32], _: [usize; 4]) -> Result<Tensor> {
        match *self {}
    }

    pub fn download(&self, _: &Tensor, _: &mut [f32]) -> Result<()> {
        match *self {}
    }

    pub fn synchronize(&self) -> Result<()> {
        match *self {}
    }

    pub fn add(&self, _: &Tensor, _: &Tensor, _: Activation) -> Result<Tensor> {
        match *self {}
    }

    pub fn max_pool(&self, _: &Tensor, _: Window, _: Order) -> Result<Tensor> {
        match *self {}
    }

    pub fn channels_last(&self, _: &Tensor) -> Result<Tensor> {
        match *self {}
    }

    #[must_use]
    pub fn is_out_of_memory(_: &Error) -> bool {
        false
    }
}

#[expect(missing_docs, reason = "these are documented where there is a GPU")]
#[expect(clippy::missing_errors_doc, reason = "these are documented where there is a GPU")]
impl Convolution {
    pub fn new(gpu: &Arc<Gpu>, _: &Parameters<'_>) -> Result<Self> {
        match **gpu {}
    }

    pub fn forward(&self, _: &Tensor) -> Result<Tensor> {
        match *self {}
    }

    #[must_use]
    pub fn method(&self) -> &'static str {
        match *self {}
    }
}

#[expect(missing_docs, reason = "these are documented where there is a GPU")]
#[expect(clippy::missing_errors_doc, reason = "these are documented where there is a GPU")]
pub fn name(_: &Device) -> Result<String> {
    Err(Error::NotCompiledWithCudaSupport)
}

#[expect(missing_docs, reason = "these are documented where there is a GPU")]
#[expect(clippy::missing_errors_doc, reason = "these are documented where there is a GPU")]
pub fn library() -> Result<String> {
    Err(Error::NotCompiledWithCudaSupport)
}
