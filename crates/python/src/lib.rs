//! The native module of the Python package `headstart`.
//!
//! It translates: Python's values into those of the crate headstart, results and errors back. The files in
//! `python/headstart` give it the shape that Python's users expect.

mod classifier;
mod errors;
mod featurizer;
mod folder;
mod json;
mod manifest;
mod settings;
mod watcher;

use std::ffi::OsString;

use pyo3::prelude::*;

/// The jobs of the crate headstart, for the package's Python files.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::classifier::Classifier;
    #[pymodule_export]
    use super::featurizer::Featurizer;
    #[pymodule_export]
    use super::folder::{extract_folder, fit_folder, merge};
    #[pymodule_export]
    use super::manifest::read_manifest;
    #[pymodule_export]
    use super::{run_command, set_threads, shipped_networks, version};
}

/// Runs the command `headstart` with arguments, of which the first is the program's name. Returns the exit code.
#[pyfunction]
fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| headstart_cli::run(arguments))
}

/// Sets the number of threads of all jobs. It can be set once, before the first job.
#[pyfunction]
fn set_threads(threads: usize) -> PyResult<()> {
    let set = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    set.map_err(|error| errors::usage(format!("threads: {error}; set them once, before the first job")))
}

/// The names of the networks whose weights are in the package.
#[pyfunction]
fn shipped_networks() -> Vec<String> {
    headstart::Backbone::shipped_networks().map(|network| network.to_string()).collect()
}

/// The package's version.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
