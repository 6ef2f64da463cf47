//! This crate's own kernels, compiled for the GPU at hand.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaFunction};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::{Error, Result};

/// Blocks of threads that leave no multiprocessor idle: two for each of the 132 of an H100.
pub(crate) const BUSY: usize = 264;

/// Functions that were compiled, by what they were made of.
#[derive(Debug, Default)]
pub(crate) struct Functions(Mutex<HashMap<(&'static str, String), CudaFunction>>);

/// The source of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// CUDA C++ without includes.
    pub(crate) text: &'static str,
    /// A line that is added to it; it may be empty.
    pub(crate) line: &'a str,
    pub(crate) name: &'static str,
}

impl Functions {
    /// Compiles a function when it is first asked for, which takes up to a second, and prepares it.
    pub(crate) fn get(
        &self,
        context: &std::sync::Arc<CudaContext>,
        source: Source<'_>,
        prepare: impl FnOnce(&CudaFunction) -> Result<()>,
    ) -> Result<CudaFunction> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.name, source.line.to_owned());
        if let Some(function) = known.get(&key) {
            return Ok(function.clone());
        }
        let (major, minor) = context.compute_capability().map_err(Error::wrap)?;
        // Instructions of Hopper alone need their own target.
        let suffix = if is_hopper((major, minor)) { "a" } else { "" };
        let options = CompileOptions {
            options: vec![format!("--gpu-architecture=compute_{major}{minor}{suffix}")],
            ..CompileOptions::default()
        };
        let text = format!("{}\n{}\n", source.text, source.line);
        let compiled = compile_ptx_with_opts(text, options).map_err(Error::wrap)?;
        let module = context.load_module(compiled).map_err(Error::wrap)?;
        let function = module.load_function(source.name).map_err(Error::wrap)?;
        prepare(&function)?;
        known.insert(key, function.clone());
        Ok(function)
    }
}

/// Whether a compute capability is that of the H100 and its kind.
pub(crate) fn is_hopper(capability: (i32, i32)) -> bool {
    capability == (9, 0)
}
