//! What decides how a graph is run, besides the graph and the size of the images.

use super::plan::Plan;
use crate::path::Path;

/// The instructions to use, and what is in reach of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    /// It is held only if [`Path::is_supported`] returned true.
    pub(super) path: Path,
    /// Bytes of a core's second-level cache. They decide in which order results are computed, and no bit of them.
    pub(super) cache: usize,
}

/// What a step is run with.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) cpu: Cpu,
    /// Those of all steps of the network.
    pub(super) parameters: &'a [f32],
    pub(super) plan: &'a Plan,
}

/// The second-level cache of a core of Zen 4. Those of later x86-64 servers are as large or larger.
pub(super) const CACHE: usize = 1 << 20;
