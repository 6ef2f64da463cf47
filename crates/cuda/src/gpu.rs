//! A GPU with its streams and its handle of cuDNN.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::cuda_backend::cudarc::cudnn::{self, Cudnn};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, CudaView, DeviceRepr, result, sys,
};
use candle_core::cuda_backend::{CudaDType, CudaDevice, CudaStorage};
use candle_core::op::BackpropOp;
use candle_core::{Device, DeviceLocation, Error, Result, Storage, Tensor};

use crate::copies::Copies;
use crate::functions::{Functions, Source};

/// The version of this crate's kernels. A change of the order of their sums raises it.
const KERNELS: u32 = 2;

/// A GPU that computes in one stream, and copies in others at the same time.
pub struct Gpu {
    device: Device,
    cuda: CudaDevice,
    cudnn: Mutex<Handle>,
    copies: Copies,
    functions: Functions,
    /// Held while the operations of a batch are queued, so that the maps of one batch at a time take memory.
    turn: Mutex<()>,
}

/// A handle of cuDNN, which one thread at a time may use.
struct Handle(Arc<Cudnn>);

// SAFETY: cuDNN allows a handle to move between threads, but not to be used by two at once; it is only ever reached through
// the mutex of `Gpu`, and no clone of it outlives the guard.
unsafe impl Send for Handle {}

impl Gpu {
    /// Opens the GPU of a device of candle's, with a stream of its own.
    ///
    /// # Errors
    /// If the device is no NVIDIA GPU, or CUDA or cuDNN fails.
    pub fn open(device: &Device) -> Result<Arc<Self>> {
        let DeviceLocation::Cuda { gpu_id } = device.location() else {
            return Err(Error::Msg("expected an NVIDIA GPU".to_owned()));
        };
        let cuda = CudaDevice::new_with_stream(gpu_id)?;
        let stream = cuda.cuda_stream();
        keep_memory(&stream)?;
        let cudnn = Mutex::new(Handle(Cudnn::new(stream.clone()).map_err(Error::wrap)?));
        let copies = Copies::new(stream.context().clone());
        let (device, functions) = (Device::Cuda(cuda.clone()), Functions::default());
        Ok(Arc::new(Self { device, cuda, cudnn, copies, functions, turn: Mutex::default() }))
    }

    /// Where the tensors of this GPU's operations are.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Bytes of memory that are free, and of all memory.
    ///
    /// # Errors
    /// If the driver does not say.
    pub fn memory(&self) -> Result<[usize; 2]> {
        let (free, total) = self.stream().context().mem_get_info().map_err(Error::wrap)?;
        Ok([free, total])
    }

    /// Queues the operations of a batch, while other threads wait for their turn.
    pub fn compute<T>(&self, queue: impl FnOnce() -> T) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        queue()
    }

    /// Copies images to the GPU, from memory that is locked for it. It returns before the copy has ended; operations wait for
    /// it.
    ///
    /// # Errors
    /// If the lengths differ, or memory is short.
    pub fn upload(&self, images: &[f32], shape: [usize; 4]) -> Result<Tensor> {
        if images.len() != shape.iter().product::<usize>() {
            return Err(Error::Msg(format!("expected the values of {shape:?}, found {}", images.len())));
        }
        Ok(self.tensor(self.copies.upload(images)?, &shape))
    }

    /// Waits for a tensor of f32 and copies it from the GPU.
    ///
    /// # Errors
    /// If the lengths differ, or an operation before failed.
    pub fn download(&self, tensor: &Tensor, values: &mut [f32]) -> Result<()> {
        if values.len() != tensor.elem_count() {
            return Err(Error::Msg(format!(
                "expected room for {}, found {}",
                tensor.elem_count(),
                values.len()
            )));
        }
        with_values(tensor, |view| self.copies.download(view, values))
    }

    /// Waits until all that was queued is done.
    ///
    /// # Errors
    /// If an operation failed.
    pub fn synchronize(&self) -> Result<()> {
        self.stream().synchronize().map_err(Error::wrap)
    }

    /// Whether an error says that the GPU has too little memory.
    #[must_use]
    pub fn is_out_of_memory(error: &Error) -> bool {
        let text = error.to_string();
        ["OUT_OF_MEMORY", "ALLOC_FAILED", "ALLOCATION_FAILED"].iter().any(|code| text.contains(code))
    }

    pub(crate) fn stream(&self) -> Arc<CudaStream> {
        self.cuda.cuda_stream()
    }

    /// A kernel of this crate.
    pub(crate) fn function(
        &self,
        source: Source<'_>,
        prepare: impl FnOnce(&CudaFunction) -> Result<()>,
    ) -> Result<CudaFunction> {
        self.functions.get(self.stream().context(), source, prepare)
    }

    /// The handle of cuDNN, on a thread that may call it.
    pub(crate) fn with_cudnn<T>(&self, call: impl FnOnce(&Arc<Cudnn>) -> Result<T>) -> Result<T> {
        let handle: MutexGuard<'_, Handle> = self.cudnn.lock().unwrap_or_else(PoisonError::into_inner);
        self.stream().context().bind_to_thread().map_err(Error::wrap)?;
        call(&handle.0)
    }

    /// Room for values that are all written next.
    pub(crate) fn room<T: CudaDType + DeviceRepr>(&self, len: usize) -> Result<CudaSlice<T>> {
        // SAFETY: nothing reads the memory before the operation that the caller queues next has written all of it.
        unsafe { self.cuda.alloc::<T>(len) }
    }

    pub(crate) fn tensor(&self, values: CudaSlice<f32>, shape: &[usize]) -> Tensor {
        let storage = CudaStorage::wrap_cuda_slice(values, self.cuda.clone());
        Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false)
    }
}

/// The kind of GPU that a device is: "NVIDIA H100 80GB HBM3".
///
/// # Errors
/// If the device is no NVIDIA GPU, or the driver does not say.
pub fn name(device: &Device) -> Result<String> {
    device.as_cuda_device()?.cuda_stream().context().name().map_err(Error::wrap)
}

/// What computes, with its versions: "cuDNN 9.19.0, kernels 2". Versions may round in other ways.
///
/// # Errors
/// None; without CUDA there is no library.
pub fn library() -> Result<String> {
    // 91900, from version 9 on (cudnn_version.h).
    let version = cudnn::result::get_version();
    let (major, minor, patch) = (version / 10_000, version / 100 % 100, version % 100);
    Ok(format!("cuDNN {major}.{minor}.{patch}, kernels {KERNELS}"))
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Gives the values of a contiguous tensor of f32 on a GPU to a function.
pub(crate) fn with_values<T>(
    tensor: &Tensor,
    call: impl FnOnce(&CudaView<'_, f32>) -> Result<T>,
) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(Error::Msg("expected a tensor on a GPU".to_owned()));
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(Error::RequiresContiguous { op: "cuda" });
    };
    call(&storage.as_cuda_slice::<f32>()?.slice(start..end))
}

/// Lets the GPU keep memory that was freed for the next batch. It would give it back to the driver whenever a stream is waited
/// for, and take longer to get it again than for the maps that it holds.
fn keep_memory(stream: &CudaStream) -> Result<()> {
    let mut all = u64::MAX;
    // SAFETY: the device is that of a context, the pool is its own, and the attribute is a `u64`, which is only read.
    unsafe {
        let pool = result::device::get_default_mem_pool(stream.context().cu_device()).map_err(Error::wrap)?;
        let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, threshold, (&raw mut all).cast()).map_err(Error::wrap)
    }
}
