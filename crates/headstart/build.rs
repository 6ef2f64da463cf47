//! Says what to do where a feature needs a file that is in the repository only.

#![allow(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

use std::path::Path;

/// The weights that the feature `efficientnet-lite2` puts into the program, seen from this crate.
const WEIGHTS: &str = "../../data/weights/efficientnet_lite2.safetensors";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let (Some(_), Some(folder)) =
        (std::env::var_os("CARGO_FEATURE_EFFICIENTNET_LITE2"), std::env::var_os("CARGO_MANIFEST_DIR"))
    else {
        return;
    };
    println!("cargo::rerun-if-changed={WEIGHTS}");
    if let Some(fault) = fault(Path::new(&folder)) {
        println!("cargo::error={fault}");
    }
}

/// What is wrong with a copy of this crate that is built with the feature.
pub(crate) fn fault(folder: &Path) -> Option<String> {
    (!folder.join(WEIGHTS).is_file()).then(|| {
        "the feature efficientnet-lite2 needs data/weights/efficientnet_lite2.safetensors, which is in the repository of \
         headstart and too large for a package of crates.io; build with --no-default-features and give the weights as a \
         file, or build in a copy of the repository"
            .to_owned()
    })
}
