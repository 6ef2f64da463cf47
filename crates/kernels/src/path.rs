//! Which instructions run the kernels.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The environment variable that forces a path: `auto` (the default), `portable`, `avx2` or `avx512`.
pub const PATH_VARIABLE: &str = "HEADSTART_KERNELS";

/// A set of instructions that the kernels are compiled for.
///
/// One binary holds the code for all of them, and [`Path::detect`] asks the CPU which it can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Path {
    /// What every CPU of the compilation target has (SSE2 on x86-64, NEON on AArch64).
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 F.
    Avx512,
}

impl Path {
    /// Every path, the most capable last.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this CPU can run the path.
    #[must_use]
    pub fn is_supported(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The paths that this CPU can run, the most capable last.
    pub fn supported() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|path| path.is_supported())
    }

    /// How its sums of products are rounded: `fma` if a product and its addition are rounded once, together; `portable`
    /// if the path's rounding is that of the CPU's baseline. Paths with the same word give the same features to the
    /// bit.
    #[must_use]
    pub fn rounding(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 | Self::Avx512 => "fma",
        }
    }

    /// The path that `HEADSTART_KERNELS` forces, or else the most capable path of this CPU.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownPath`] if the variable is not the name of a path, [`Error::UnsupportedPath`] if this CPU can't
    /// run that path.
    pub fn detect() -> Result<Self, Error> {
        let forced = std::env::var_os(PATH_VARIABLE).map(|value| value.to_string_lossy().into_owned());
        match forced.as_deref() {
            None | Some("" | "auto") => Ok(Self::supported().last().unwrap_or(Self::Portable)),
            Some(word) => {
                let path: Self = word.parse()?;
                if path.is_supported() { Ok(path) } else { Err(Error::UnsupportedPath(path)) }
            }
        }
    }
}

/// Whether this CPU executes instructions of 512 bits in two halves, and so starts one multiply-add and two loads a
/// cycle: Zen 4, AMD's family 19h (Software Optimization Guide for the AMD Zen 4 Microarchitecture, 2.11).
#[cfg(target_arch = "x86_64")]
pub(crate) fn halves_registers() -> bool {
    // Asked once: under a hypervisor the answer is slow.
    static ANSWER: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *ANSWER.get_or_init(|| {
        let (vendor, version) = (cpuid(0), cpuid(1).eax);
        let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        let family = (version >> 8 & 0xf) + (version >> 20 & 0xff);
        vendor.concat() == b"AuthenticAMD" && family == 0x19
    })
}

/// What this CPU says of itself; zeros for a leaf that it does not have.
#[cfg(target_arch = "x86_64")]
pub(crate) fn cpuid(leaf: u32) -> std::arch::x86_64::CpuidResult {
    use std::arch::x86_64::{__cpuid, CpuidResult};
    // SAFETY: every x86-64 CPU has the instruction.
    #[allow(unused_unsafe, reason = "safe from Rust 1.94 on")]
    unsafe {
        let last = __cpuid(leaf & 0x8000_0000).eax;
        if leaf <= last { __cpuid(leaf) } else { CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 } }
    }
}

/// As on x86-64. Other CPUs do not have the path that depends on it.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn halves_registers() -> bool {
    false
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|path| path.to_string() == word)
            .ok_or_else(|| Error::UnknownPath { found: word.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_read_from_its_own_name() {
        for path in Path::ALL {
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn unknown_path_is_named() {
        let error = "sse9".parse::<Path>().unwrap_err();
        assert_eq!(error.to_string(), "HEADSTART_KERNELS=sse9: expected one of auto, portable, avx2, avx512");
    }

    #[test]
    fn the_portable_path_is_always_there() {
        assert!(Path::supported().any(|path| path == Path::Portable));
    }
}
