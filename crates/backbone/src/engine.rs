//! What computes a forward pass.

use std::fmt;

use candle_core::Device;
use headstart_kernels::Strategy;

use crate::Error;

/// What computes the forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// `headstart-kernels`, as one candle op. It always runs on the CPU.
    Kernels(Strategy),
    /// candle's own convolution, ReLU and pooling; on every device.
    Candle,
    /// Own kernels, cuDNN for 3 x 3 convolutions in f32, and candle's other ops; on an NVIDIA GPU.
    Cuda(Precision),
}

/// How a GPU multiplies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// In f32, as the CPU does: features agree with the CPU's within rounding.
    #[default]
    F32,
    /// Factors of convolutions rounded to TF32, which has 10 bits after the point, and sums in f32. Several times as fast, with
    /// features about 1e-3 from those in f32 (relative L2).
    Tf32,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
        })
    }
}

/// Up to this many images are computed sooner with kernels as they are. Transforming those of VGG16 takes 0.04 s if the
/// system has 300 MB at hand and 0.4 s if it must find them first, and each image then takes 0.02 s instead of 0.065 s (two
/// Zen 4 cores, 150 x 150).
pub const FEW_IMAGES: usize = 8;

impl Engine {
    /// The same engine with another precision.
    ///
    /// # Errors
    /// [`Error::Precision`] if the engine has f32 only and something else is asked for.
    pub fn with_precision(self, precision: Precision) -> Result<Self, Error> {
        match (self, precision) {
            (Self::Cuda(_), precision) => Ok(Self::Cuda(precision)),
            (engine, Precision::F32) => Ok(engine),
            (_, precision) => Err(Error::Precision { precision }),
        }
    }

    /// The engine that computes this number of images on a device in the least time, preparation included.
    ///
    /// Features of a few images and of many differ by rounding, as between kinds of CPU: see [`describe`](Self::describe).
    #[must_use]
    pub fn suited(device: &Device, images: usize) -> Self {
        match images {
            _ if device.is_cuda() => Self::Cuda(Precision::F32),
            _ if !device.is_cpu() => Self::Candle,
            0..=FEW_IMAGES => Self::Kernels(Strategy::Unprepared),
            _ => Self::Kernels(Strategy::Throughput),
        }
    }

    /// What decides the last bits of the features apart from the weights and the image: `"fma, tiled"`. Two results with
    /// the same description are identical (on a GPU, with the same version of CUDA's libraries). Others agree within rounding.
    ///
    /// # Errors
    /// If `HEADSTART_KERNELS` names no path that this CPU has, or the GPU does not say what it is.
    pub fn describe(self, device: &Device) -> Result<String, Error> {
        let strategy = match self {
            Self::Candle if device.is_cpu() => return Ok("candle, cpu".to_owned()),
            Self::Candle => return Ok(format!("candle, {}", headstart_cuda::name(device)?)),
            Self::Cuda(precision) => {
                let (library, name) = (headstart_cuda::library()?, headstart_cuda::name(device)?);
                return Ok(format!("{library}, {precision}, {name}"));
            }
            Self::Kernels(Strategy::Throughput) => "tiled".to_owned(),
            Self::Kernels(Strategy::Unprepared) => "direct".to_owned(),
            Self::Kernels(Strategy::Forced { tile, last }) => format!("{tile} and {last}"),
        };
        Ok(format!("{}, {strategy}", headstart_kernels::Path::detect()?.rounding()))
    }
}
