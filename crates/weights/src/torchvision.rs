//! The names of torchvision and timm: `features.{n}.weight`, `features.{n}.bias`.

use std::collections::BTreeSet;

use crate::adapter::KernelAxes;
use crate::safetensors_file::SafetensorsFile;
use crate::survey::{Located, Survey};
use crate::{ConvolutionSlot, Layout};

pub(crate) fn survey(file: &SafetensorsFile, slots: &[ConvolutionSlot]) -> Survey {
    let mut used = BTreeSet::new();
    let mut take = |name: String| {
        let tensor = file.tensor(&name).cloned();
        used.insert(name);
        tensor
    };
    let located = slots
        .iter()
        .map(|slot| Located {
            kernel: take(format!("{}.weight", slot.torchvision)),
            bias: take(format!("{}.bias", slot.torchvision)),
            place: slot.torchvision.clone(),
        })
        .collect();
    let others = file.tensors().filter(|t| !used.contains(&t.name)).cloned().collect();
    Survey { layout: Layout::Safetensors, axes: KernelAxes::OutInHeightWidth, located, others }
}
