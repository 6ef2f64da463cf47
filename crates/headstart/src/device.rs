//! Where to compute: `auto`, `cpu` or `cuda:N`.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::Error;

/// A device as a person names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The first GPU where the program was built with the feature `cuda`, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU with this number, from 0.
    Cuda(usize),
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Device`] where there is no such GPU, or the program was built without the feature `cuda`.
    pub fn open(self) -> Result<Device, Error> {
        let failed = |advice| {
            move |cause: candle_core::Error| Error::Device {
                device: self.to_string(),
                cause: cause.to_string(),
                advice,
            }
        };
        match self {
            Self::Auto => Device::cuda_if_available(0).map_err(failed("the device cpu needs no GPU")),
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(ordinal) => {
                let advice = if candle_core::utils::cuda_is_available() {
                    "an NVIDIA GPU with that number and its driver are needed"
                } else {
                    "a program built with `--features cuda` is needed"
                };
                Device::new_cuda(ordinal).map_err(failed(advice))
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// A text that names nothing that is known. The message says what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub(crate) String);

impl FromStr for DeviceChoice {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let unknown = || ParseError(format!("expected auto, cpu or cuda:N, found {text}"));
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

/// The kind of a device, as records name it: "cpu", "cuda" or "metal".
#[must_use]
pub fn device_name(device: &Device) -> &'static str {
    if device.is_cuda() {
        "cuda"
    } else if device.is_metal() {
        "metal"
    } else {
        "cpu"
    }
}
