//! What decides how a graph is run, besides the graph and the size of the images.

use super::plan::Plan;
use crate::path::{Path, halves_registers};

/// The instructions to use, and what is in reach of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    /// It is held only if [`Path::is_supported`] returned true.
    pub(super) path: Path,
    /// The path for a block of 17 to 24 channels: three registers of 8, where registers of 16 are executed in halves. It is held as
    /// `path` is, and its bits are the same.
    pub(super) narrow: Path,
    /// Bytes of a core's second-level cache. They decide in which order results are computed, and no bit of them.
    pub(super) cache: usize,
}

impl Cpu {
    /// A path that is supported, and a second-level cache of so many bytes.
    pub(super) fn new(path: Path, cache: usize) -> Self {
        let narrow = if path == Path::Avx512 && halves_registers() && Path::Avx2.is_supported() {
            Path::Avx2
        } else {
            path
        };
        Self { path, narrow, cache: cache.max(64) }
    }
}

/// What a step is run with.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) cpu: Cpu,
    /// Those of all steps of the network.
    pub(super) parameters: &'a [f32],
    pub(super) plan: &'a Plan,
}

/// Bytes of the second-level cache of this machine's cores. If they are not known: those of Zen 4.
///
/// Leaf 8000_0006h of `cpuid` has them in kilobytes, in the upper half of `ecx` (AMD64 Architecture Programmer's Manual, volume 3,
/// appendix E; Intel Software Developer's Manual, volume 2, CPUID). A cache that is larger than any core's own is shared.
pub(super) fn second_cache() -> usize {
    const OF_ZEN_4: usize = 1 << 20;
    const LARGEST: usize = 2 << 20;
    #[cfg(target_arch = "x86_64")]
    let bytes = usize::try_from(crate::path::cpuid(0x8000_0006).ecx >> 16).map_or(0, |size| size << 10);
    #[cfg(not(target_arch = "x86_64"))]
    let bytes = 0;
    if bytes == 0 { OF_ZEN_4 } else { bytes.min(LARGEST) }
}
