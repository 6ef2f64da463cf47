//! safetensors files with the names of torchvision and timm: `features.{n}.weight`, `features.{n}.bias`.

use std::collections::BTreeSet;

use crate::adapter::KernelAxes;
use crate::safetensors_file::SafetensorsFile;
use crate::survey::{Located, Survey, locate, nowhere};
use crate::{LayerSlot, Layout};

/// Finds the tensors that the network's table names.
pub(crate) fn survey(file: &SafetensorsFile, slots: &[LayerSlot]) -> Survey {
    let mut used = BTreeSet::new();
    let located = locate(slots, |slot| {
        let Some(name) = &slot.safetensors else { return nowhere() };
        used.insert(name.as_str());
        Located { place: name.clone(), tensor: file.tensor(name).cloned() }
    });
    let others = file.tensors().filter(|tensor| !used.contains(tensor.name.as_str())).cloned().collect();
    Survey { layout: Layout::Safetensors, axes: KernelAxes::OutInHeightWidth, located, others }
}

/// Whether the file has names of the kind that the slots ask for: a tensor whose name begins as one of theirs, up to the
/// first dot.
pub(crate) fn is_written_for(file: &SafetensorsFile, slots: &[LayerSlot]) -> bool {
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let wanted =
        slots.iter().flat_map(|slot| &slot.parameters).filter_map(|slot| slot.safetensors.as_deref());
    let wanted: BTreeSet<String> = wanted.map(first).collect();
    file.tensors().any(|tensor| wanted.contains(&first(&tensor.name)))
}
