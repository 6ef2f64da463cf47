//! The parameters of a network found in a file, none of them read yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapter::KernelAxes;
use crate::stored::StoredTensor;
use crate::{LayerSlot, Layout, Parameter, ParameterSlot};

/// What a layout found for each slot, and what else it found.
pub(crate) struct Survey {
    pub(crate) layout: Layout,
    pub(crate) axes: KernelAxes,
    pub(crate) written_for: WrittenFor,
    /// For each slot in their order, one for each of its parameters.
    pub(crate) located: Vec<Vec<Located>>,
    /// Tensors that no slot asked for, in the order of the file.
    pub(crate) others: Vec<StoredTensor>,
}

/// What computed with the kernels of a file, as far as the file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrittenFor {
    /// A backend that correlates.
    Correlation,
    /// A backend that convolves.
    Convolution,
    /// A backend that convolves, but whose depthwise kernels Keras takes as they are.
    KerasConvolution,
    /// The file does not say.
    Unstated,
}

/// What the file holds for one parameter.
pub(crate) struct Located {
    /// Where in the file it was looked for.
    pub(crate) place: String,
    pub(crate) tensor: Option<StoredTensor>,
}

/// A layer of the file: its name there, the name that its author gave it, and its tensors in stored order.
#[derive(Clone)]
pub(crate) struct StoredLayer {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) tensors: Vec<StoredTensor>,
}

/// The layers of a file, whose tensors are taken one by one.
pub(crate) struct Shelf(Vec<Vec<Option<StoredTensor>>>);

impl Shelf {
    pub(crate) fn new(layers: Vec<StoredLayer>) -> Self {
        let tensors = |layer: StoredLayer| layer.tensors.into_iter().map(Some).collect();
        Self(layers.into_iter().map(tensors).collect())
    }

    /// Takes a tensor; `None` if it is not there or was taken before.
    pub(crate) fn take(&mut self, layer: usize, position: usize) -> Option<StoredTensor> {
        self.0.get_mut(layer)?.get_mut(position)?.take()
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Vec<StoredTensor> {
        self.0.into_iter().flatten().flatten().collect()
    }
}

/// What `locate` finds for each parameter of each slot.
pub(crate) fn locate<'a>(
    slots: &'a [LayerSlot],
    mut locate: impl FnMut(&'a ParameterSlot) -> Located,
) -> Vec<Vec<Located>> {
    slots.iter().map(|slot| slot.parameters.iter().map(&mut locate).collect()).collect()
}

/// The result for a parameter that the layout has no place for.
pub(crate) fn nowhere() -> Located {
    Located { place: "no place in this layout".to_owned(), tensor: None }
}

/// Gives the layers of a Keras file to the slots: by name if the file uses any of the network's names, otherwise by order,
/// because people name layers as they like.
pub(crate) fn assign(layers: Vec<StoredLayer>, slots: &[LayerSlot], layout: Layout) -> Survey {
    let wanted = wanted_layers(slots);
    let by_name = layers.iter().any(|layer| wanted.iter().any(|(name, _)| *name == layer.name));
    let found = if by_name { indices_by_name(&layers) } else { indices_by_order(&layers, &wanted) };
    // Owned, because the layers move onto the shelf.
    let found: BTreeMap<String, usize> =
        found.into_iter().map(|(name, index)| (name.to_owned(), index)).collect();
    let mut shelf = Shelf::new(layers);
    let located = locate(slots, |slot| {
        let Some((name, position)) = &slot.keras else { return nowhere() };
        let place = if by_name {
            name.clone()
        } else {
            let number = wanted.iter().position(|(wanted, _)| wanted == name).unwrap_or_default() + 1;
            format!("convolution {number} of the file")
        };
        Located { place, tensor: found.get(name).and_then(|&layer| shelf.take(layer, *position)) }
    });
    let (axes, written_for) = (KernelAxes::HeightWidthInOut, WrittenFor::Correlation);
    Survey { layout, axes, written_for, located, others: shelf.rest() }
}

/// What layers of a class have in common in any file: the number of axes of the first tensor, and whether each channel has
/// one kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Class {
    axes: usize,
    is_depthwise: bool,
}

/// The layers that the slots ask for, in their order, each once.
fn wanted_layers(slots: &[LayerSlot]) -> Vec<(&str, Class)> {
    let mut wanted: Vec<(&str, Class)> = Vec::new();
    let mut known = BTreeSet::new();
    for slot in slots.iter().filter(|slot| slot.is_needed).flat_map(|slot| &slot.parameters) {
        if let Some((name, _)) = &slot.keras
            && known.insert(name)
        {
            let is_depthwise = slot.parameter == Parameter::DepthwiseKernel;
            wanted.push((name, Class { axes: slot.shape.len(), is_depthwise }));
        }
    }
    wanted
}

fn indices_by_name(layers: &[StoredLayer]) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for (index, layer) in layers.iter().enumerate() {
        found.entry(layer.name.as_str()).or_insert(index);
    }
    found
}

/// The first layer whose first tensor has four axes is the first convolution that is wanted, and so on; the same for
/// depthwise convolutions, if any are wanted, and for every other number of axes.
fn indices_by_order<'a>(layers: &[StoredLayer], wanted: &[(&'a str, Class)]) -> BTreeMap<&'a str, usize> {
    let mut taken = vec![false; layers.len()];
    let mut found = BTreeMap::new();
    let any_depthwise = wanted.iter().any(|(_, class)| class.is_depthwise);
    for &(name, class) in wanted {
        let is_of_class = |layer: &StoredLayer| {
            layer.tensors.first().is_some_and(|tensor| {
                let is_depthwise = any_depthwise && matches!(tensor.shape.as_slice(), [_, _, _, 1]);
                class == Class { axes: tensor.shape.len(), is_depthwise }
            })
        };
        let next = layers.iter().zip(&taken).position(|(layer, taken)| !taken && is_of_class(layer));
        if let Some(index) = next {
            taken[index] = true;
            found.insert(name, index);
        }
    }
    found
}
