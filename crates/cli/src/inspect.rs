//! `headstart inspect`: what is in a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use headstart_features::{Description as FeatureDescription, ManifestSummary};
use headstart_weights::{Description as WeightDescription, Format};
use serde::Serialize;

use crate::flags::{Flags, Inspect};
use crate::outcome::Outcome;
use crate::output::say;

/// The first bytes of every `.npy` file.
const NPY_MAGIC: &[u8] = b"\x93NUMPY";

pub(crate) fn run(flags: &Flags, command: &Inspect) -> anyhow::Result<Outcome> {
    let path = command.file.as_path();
    // Told by content; a file that is neither gets the error of the kind that its name promises.
    let npy = starts_as_npy(path)? || path.extension().is_some_and(|suffix| suffix == "npy");
    if npy {
        print(flags, &headstart_features::describe(path)?, features)?;
    } else {
        print(flags, &headstart_weights::describe(path)?, weights)?;
    }
    Ok(Outcome::Done)
}

fn starts_as_npy(path: &Path) -> anyhow::Result<bool> {
    let read = || {
        // Opening a pipe would wait for its other end.
        if !path.metadata()?.is_file() {
            return Err(std::io::Error::other("it is a folder or a special file"));
        }
        let mut start = Vec::new();
        File::open(path)?.take(NPY_MAGIC.len() as u64).read_to_end(&mut start)?;
        Ok::<_, std::io::Error>(start == NPY_MAGIC)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

/// Prints a description as JSON or for a person.
fn print<D: Serialize>(flags: &Flags, description: &D, for_a_person: fn(&D)) -> anyhow::Result<()> {
    if flags.json {
        say!("{}", serde_json::to_string_pretty(description)?);
    } else {
        for_a_person(description);
    }
    Ok(())
}

fn features(description: &FeatureDescription) {
    let FeatureDescription { version, dtype, order, shape, bytes, statistics, manifest, .. } = description;
    say!("format      .npy {version}, {dtype}, {order} order");
    say!("shape       {}", dimensions(shape));
    say!("bytes       {bytes}");
    if let (Some(min), Some(max), Some(mean)) = (statistics.min, statistics.max, statistics.mean) {
        say!("values      {min} to {max}, mean {mean:.6}");
    }
    if let Some(zeros) = statistics.zeros {
        say!("zeros       {:.1} %", zeros * 100.0);
    }
    if statistics.nan + statistics.infinite > 0 {
        say!("not finite  {} NaN, {} infinite", statistics.nan, statistics.infinite);
    }
    match manifest {
        Some(manifest) => manifest_summary(manifest),
        None => say!("manifest    none"),
    }
}

fn manifest_summary(manifest: &ManifestSummary) {
    say!("manifest    {}", manifest.path.display());
    for class in &manifest.classes {
        say!("class       {} ({} rows)", class.name, class.rows);
    }
    say!("skipped     {} images", manifest.skipped);
    say!("backbone    {}", manifest.backbone);
    say!("weights     {} ({})", manifest.weights_name, manifest.weights_hash);
    say!("preset      {} {}", manifest.preset, manifest.preprocessing);
    say!("fingerprint {}", manifest.fingerprint);
    match manifest.data_matches {
        Some(true) => say!("data        as the manifest states"),
        Some(false) => say!("data        NOT as the manifest states: extract the features again"),
        None => {}
    }
}

fn weights(description: &WeightDescription) {
    say!("format      {}", format_name(description.format));
    match description.layout {
        Some(layout) => say!("layout      {layout}"),
        None => say!("layout      not a known one"),
    }
    say!("bytes       {}", description.bytes);
    say!("parameters  {}", description.parameters);
    for (name, value) in &description.attributes {
        say!("attribute   {name} = {value}");
    }
    for tensor in &description.tensors {
        let shape = dimensions(&tensor.shape);
        say!("tensor      {}  {shape}  {}  {}", tensor.name, tensor.dtype, tensor.storage);
    }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Hdf5 => "HDF5",
        Format::Safetensors => "safetensors",
    }
}

/// A shape as 512 x 4 x 4.
fn dimensions(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}
