//! Where tensors live: `auto`, `cpu` or `cuda:N`.

use std::str::FromStr;

use anyhow::Context;
use candle_core::Device;

/// What `--device` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// The first GPU where this binary was built for GPUs, else the CPU.
    Auto,
    Cpu,
    Cuda(usize),
}

impl DeviceChoice {
    pub(crate) fn open(self) -> anyhow::Result<Device> {
        match self {
            Self::Auto => {
                Device::cuda_if_available(0).context("opening the first GPU; --device cpu avoids it")
            }
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(ordinal) => {
                let advice = if candle_core::utils::cuda_is_available() {
                    "an NVIDIA GPU of that number and its driver are needed"
                } else {
                    "a binary built with `--features cuda` is needed"
                };
                Device::new_cuda(ordinal)
                    .with_context(|| format!("opening --device cuda:{ordinal}: {advice}"))
            }
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("expected auto, cpu or cuda:N, found {text}");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let ordinal = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                ordinal.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

/// The device as a person names it.
pub(crate) fn name(device: &Device) -> &'static str {
    if device.is_cuda() {
        "cuda"
    } else if device.is_metal() {
        "metal"
    } else {
        "cpu"
    }
}
