//! `headstart inspect`: what is in a file.

use headstart::Provenance;
use headstart::inspect::{
    FeaturesDescription, FileDescription, Format, ManifestSummary, NetworkDescription, WeightsDescription,
    describe,
};

use crate::flags::{Flags, Inspect};
use crate::outcome::Outcome;
use crate::output::{give, say};

/// The tensor of a model that holds weights.
const BUNDLED: &str = "attached/backbone";

pub(crate) fn run(flags: &Flags, command: &Inspect) -> anyhow::Result<Outcome> {
    let description = describe(&command.file)?;
    if flags.json {
        give!("{}", serde_json::to_string_pretty(&description)?);
        return Ok(Outcome::Done);
    }
    match &description {
        FileDescription::Features(description) => features(description),
        FileDescription::Weights { weights: description, network } => {
            weights(description, network.as_deref())
        }
        _ => {}
    }
    Ok(Outcome::Done)
}

fn features(description: &FeaturesDescription) {
    let FeaturesDescription { version, dtype, order, shape, bytes, statistics, manifest, .. } = description;
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
    let Provenance { backbone, weights, preprocessing, pooling, fingerprint, .. } = &manifest.provenance;
    say!("backbone    {backbone}");
    say!("weights     {} ({})", weights.name, weights.blake3);
    // Through a value, so that keys are sorted and singles are shown as they are stored.
    let stored = serde_json::to_value(preprocessing).unwrap_or_default();
    say!("preset      {} {stored}", preprocessing.preset);
    if !pooling.is_none() {
        say!("pooling     {pooling}");
    }
    say!("fingerprint {fingerprint}");
    match manifest.data_matches {
        Some(true) => say!("data        as the manifest states"),
        Some(false) => say!("data        NOT as the manifest states: extract the features again"),
        None => {}
    }
}

fn weights(description: &WeightsDescription, network: Option<&NetworkDescription>) {
    if let Some(NetworkDescription { name, form, input, fault, .. }) = network {
        match form {
            Some(form) => say!("network     {name} ({form})"),
            None => say!("network     {name}"),
        }
        if let Some(input) = input {
            say!("input       {input}, {}; what extract takes without flags", input.interpolation);
        }
        if let Some(fault) = fault {
            say!("input       NOT clear: {fault}");
        }
    }
    if let Some(file) = description.tensors.iter().find(|tensor| tensor.name == BUNDLED) {
        let megabytes = file.shape.iter().product::<usize>() as f64 / 1e6;
        say!(
            "holds       the weights of its network ({megabytes:.1} MB), so that predict needs no other file"
        );
    }
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
        Format::Keras => ".keras archive",
        _ => "another format",
    }
}

/// A shape as 512 x 4 x 4.
pub(super) fn dimensions(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}
