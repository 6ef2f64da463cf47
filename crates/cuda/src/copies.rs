//! Copies between the memory of the CPU and of the GPU, beside the computation.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaSlice, CudaStream, CudaView, HostSlice, PinnedHostSlice, SyncOnDrop,
};
use candle_core::{Error, Result};

/// Streams for copies, with the memory of the CPU that each copies from. A copy takes one that is free.
pub(crate) struct Copies {
    context: Arc<CudaContext>,
    free: Mutex<Vec<Lane>>,
}

struct Lane {
    stream: Arc<CudaStream>,
    /// Memory that the GPU reads by itself, once something was copied.
    pinned: Option<PinnedHostSlice<f32>>,
}

impl Copies {
    pub(crate) fn new(context: Arc<CudaContext>) -> Self {
        Self { context, free: Mutex::default() }
    }

    /// Values on the GPU. Operations of other streams wait for them.
    pub(crate) fn upload(&self, values: &[f32]) -> Result<CudaSlice<f32>> {
        self.with_lane(|lane| {
            let pinned = match lane.pinned.take() {
                Some(pinned) if pinned.len() >= values.len() => pinned,
                // SAFETY: only the part that was written is read.
                _ => unsafe { self.context.alloc_pinned(values.len()) }.map_err(Error::wrap)?,
            };
            let pinned = lane.pinned.insert(pinned);
            // This waits for the copy before.
            pinned.as_mut_slice().map_err(Error::wrap)?[..values.len()].copy_from_slice(values);
            // SAFETY: the copy that follows writes all of it.
            let mut room = unsafe { lane.stream.alloc(values.len()) }.map_err(Error::wrap)?;
            let part = Part { pinned, len: values.len() };
            lane.stream.memcpy_htod(&part, &mut room).map_err(Error::wrap)?;
            Ok(room)
        })
    }

    /// Waits for the values and copies them.
    pub(crate) fn download(&self, from: &CudaView<'_, f32>, values: &mut [f32]) -> Result<()> {
        self.with_lane(|lane| {
            lane.stream.memcpy_dtoh(from, values).map_err(Error::wrap)?;
            lane.stream.synchronize().map_err(Error::wrap)
        })
    }

    fn with_lane<T>(&self, copy: impl FnOnce(&mut Lane) -> Result<T>) -> Result<T> {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = free().pop();
        let mut lane = match lane {
            Some(lane) => lane,
            None => Lane { stream: self.context.new_stream().map_err(Error::wrap)?, pinned: None },
        };
        let done = copy(&mut lane);
        free().push(lane);
        done
    }
}

/// The first values of locked memory.
struct Part<'a> {
    pinned: &'a PinnedHostSlice<f32>,
    len: usize,
}

impl HostSlice<f32> for Part<'_> {
    fn len(&self) -> usize {
        self.len
    }

    unsafe fn stream_synced_slice<'a>(&'a self, stream: &'a CudaStream) -> (&'a [f32], SyncOnDrop<'a>) {
        // SAFETY: the caller uses the slice with this stream, as the contract asks.
        let (values, synced) = unsafe { self.pinned.stream_synced_slice(stream) };
        (&values[..self.len], synced)
    }

    unsafe fn stream_synced_mut_slice<'a>(
        &'a mut self,
        _: &'a CudaStream,
    ) -> (&'a mut [f32], SyncOnDrop<'a>) {
        unreachable!("images are only read")
    }
}
