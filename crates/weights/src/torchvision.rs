//! safetensors files with the names of torchvision and timm: `features.{n}.weight`, `features.{n}.bias`, perhaps as a part
//! of a larger model.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::adapter::KernelAxes;
use crate::safetensors_file::SafetensorsFile;
use crate::survey::{Located, Survey, WrittenFor, locate, nowhere};
use crate::{LayerSlot, Layout};

/// How a file names what a network's table names.
///
/// A model that was wrapped (`DataParallel`, `torch.compile`, a trainer), or is part of another one, has a prefix before
/// every name: `module.features.0.weight`. The features alone, taken out of their model, lack the module that all names
/// begin with: `0.weight`, or `encoder.0.weight` if they have a new name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Naming {
    prefix: String,
    /// Bytes at the start of the table's names that the file does not have.
    cut: usize,
}

impl Naming {
    /// The naming under which the file has the most of the wanted names. Among equals it is the one that changes less.
    fn of(file: &SafetensorsFile<'_>, wanted: &[&str]) -> Self {
        // How many of the wanted names the file has under each naming: each tensor is one of them at most.
        let mut candidates: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for cut in BTreeSet::from([0, common_module(wanted)]) {
            let tails: HashSet<&str> = wanted.iter().map(|name| &name[cut..]).collect();
            for tensor in file.tensors() {
                // The whole name, and what is left of it after each dot.
                let name = tensor.name.as_str();
                let starts = std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1));
                for start in starts.filter(|&start| tails.contains(&name[start..])) {
                    let is_room = candidates.len() < MOST_CANDIDATES;
                    if is_room || candidates.contains_key(&(cut, &name[..start])) {
                        *candidates.entry((cut, &name[..start])).or_default() += 1;
                    }
                }
            }
        }
        let mut best = (0, Self::default());
        for ((cut, prefix), found) in candidates {
            if found > best.0 {
                best = (found, Self { prefix: prefix.to_owned(), cut });
            }
        }
        best.1
    }

    /// The file's name for one of the table's.
    fn name(&self, wanted: &str) -> String {
        format!("{}{}", self.prefix, &wanted[self.cut..])
    }
}

/// Prefixes that are tried. A model holds a handful of others.
const MOST_CANDIDATES: usize = 1000;

/// Length of the module that all names begin with, with its dot; 0 if they have none in common.
fn common_module(names: &[&str]) -> usize {
    let Some(module) = names.first().and_then(|name| name.split_inclusive('.').next()) else { return 0 };
    let common = module.ends_with('.') && names.iter().all(|name| name.starts_with(module));
    if common { module.len() } else { 0 }
}

/// What a batch normalization of PyTorch counts while it is trained. No network computes with it.
const COUNTER: &str = "num_batches_tracked";

fn wanted(slots: &[LayerSlot]) -> Vec<&str> {
    let needed = slots.iter().filter(|slot| slot.is_needed).flat_map(|slot| &slot.parameters);
    needed.filter_map(|slot| slot.safetensors.as_deref()).collect()
}

/// Finds the tensors that the network's table names.
pub(crate) fn survey(file: &SafetensorsFile<'_>, slots: &[LayerSlot]) -> Survey {
    let naming = Naming::of(file, &wanted(slots));
    let mut used = BTreeSet::new();
    let located = locate(slots, |slot| {
        let Some(name) = &slot.safetensors else { return nowhere() };
        let place = naming.name(name);
        used.insert(place.clone());
        Located { tensor: file.tensor(&place).cloned(), place }
    });
    let is_counter = |name: &str| name.rsplit('.').next() == Some(COUNTER);
    let others = file.tensors().filter(|tensor| !used.contains(&tensor.name) && !is_counter(&tensor.name));
    let others = others.cloned().collect();
    let (layout, axes) = (Layout::Safetensors, KernelAxes::OutInHeightWidth);
    Survey { layout, axes, written_for: WrittenFor::Correlation, located, others }
}

/// Whether the file has names of the kind that the slots ask for: a tensor whose name begins as one of theirs, up to the
/// first dot, or one of their very names within a larger one.
pub(crate) fn is_written_for(file: &SafetensorsFile<'_>, slots: &[LayerSlot]) -> bool {
    let wanted = wanted(slots);
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let modules: BTreeSet<String> = wanted.iter().map(|name| first(name)).collect();
    Naming::of(file, &wanted) != Naming::default()
        || file.tensors().any(|tensor| modules.contains(&first(&tensor.name)))
}
